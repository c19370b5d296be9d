// Crashes of long random workloads, at every file-system call from the creation of the database on, with a few of the
// states that crash-states.ts lists at each; judged as in enumeration.test.ts.
import { describe, it } from 'vitest'
import { replayable, Seeded } from '../model/seeded.js'
import { CrashCheck } from './crash-check.js'
import { RandomWorkload } from './random-workload.js'

/** A sample in the ordinary run; the torture run asks for more. */
const STATE_LIMIT = Number(process.env.RANDOM_CRASH_STATES ?? 10_000)
const FIRST_SEED = Number(process.env.SEED ?? 1)
const OPERATION_COUNT = 200
const STATES_PER_POINT = 4

describe('crashes of long workloads', () => {
  it(
    `recovers a prefix with every acknowledged commit in ${STATE_LIMIT} states (from seed ${FIRST_SEED})`,
    async () => {
      let counts = { stateCount: 0, secondStateCount: 0, pointCount: 0, prunedCount: 0 }
      const startMs = performance.now()
      let seed = FIRST_SEED
      for (; counts.stateCount + counts.secondStateCount < STATE_LIMIT; seed++) {
        await replayable(seed, async () => {
          const random = new Seeded(seed)
          const workload = new RandomWorkload(random)
          await workload.run(OPERATION_COUNT)
          const check = new CrashCheck(random)
          await check.run(workload, 'random workload', STATES_PER_POINT)
          counts = {
            stateCount: counts.stateCount + check.stateCount,
            secondStateCount: counts.secondStateCount + check.secondStateCount,
            pointCount: counts.pointCount + check.pointCount,
            prunedCount: counts.prunedCount + check.prunedCount,
          }
        })
      }
      const seconds = (performance.now() - startMs) / 1000
      console.log(`${seed - FIRST_SEED} workloads in ${seconds.toFixed(0)} s`, counts)
    },
    4 * 60 * 60_000,
  )
})
