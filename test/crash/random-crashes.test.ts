// Crashes of long random workloads, at every file-system call from the creation of the database on, with a few of the
// states that crash-states.ts lists at each; judged as in enumeration.test.ts.
import { describe, it } from 'vitest'
import { replayable, Seeded } from '../model/seeded.js'
import { CrashCheck } from './crash-check.js'
import { RandomWorkload } from './random-workload.js'

/** A sample in the ordinary run; the torture run asks for more. */
const STATE_LIMIT = Number(process.env.RANDOM_CRASH_STATES ?? 6_000)
const FIRST_SEED = Number(process.env.SEED ?? 1)
/** `1/2` takes every second seed, so that processes can share the work; each goes on until STATE_LIMIT. */
const [PART = 0, PART_COUNT = 1] = (process.env.CRASH_PART ?? '0/1').split('/').map(Number)
const OPERATION_COUNT = 200
const STATES_PER_POINT = 4
/** Long runs say how far they are. */
const REPORT_EVERY = 20

describe('crashes of long workloads', () => {
  it(
    `recovers a prefix with every acknowledged commit in ${STATE_LIMIT} states (from seed ${FIRST_SEED})`,
    async () => {
      const check = new CrashCheck()
      let seed = FIRST_SEED + PART
      let workloadCount = 0
      const report = () => console.log(`${workloadCount} workloads, ${check.report}`)
      for (; check.stateCount + check.secondStateCount < STATE_LIMIT; seed += PART_COUNT) {
        await replayable(seed, async () => {
          const random = new Seeded(seed)
          const workload = new RandomWorkload(random)
          await workload.run(OPERATION_COUNT)
          await check.run(workload, random, STATES_PER_POINT)
        })
        workloadCount++
        if (workloadCount % REPORT_EVERY === 0) report()
      }
      report()
    },
    4 * 60 * 60_000,
  )
})
