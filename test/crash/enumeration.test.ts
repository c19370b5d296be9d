// Goes through the crashes of small workloads: all sequences of 1 to 3 operations, every file-system call, every state of
// the disk that crash-states.ts lists, and for a tenth of them crashes inside the recovery. Asked of every state: is it
// the state after some prefix of the commit order that holds every acknowledged commit, do acknowledged moments read as
// they were, does a second recovery find the same, is nothing left over?
import { describe, expect, it } from 'vitest'
import { Seeded } from '../model/seeded.js'
import { CrashCheck } from './crash-check.js'
import { type Operation, OPERATIONS, SETTINGS, SmallWorkload } from './small-workload.js'

/** A sample in the ordinary run; the torture run asks for all of them. */
const STATE_LIMIT = Number(process.env.CRASH_STATES ?? 14_000)
const SEED = Number(process.env.SEED ?? 1)
/** `2/3` is the third of three parts, so that processes can share the work. */
const [PART = 0, PART_COUNT = 1] = (process.env.CRASH_PART ?? '0/1').split('/').map(Number)

/** Long runs say how far they are. */
const REPORT_EVERY = 100

function allWorkloads(): Operation[][] {
  const one = OPERATIONS.map((operation) => [operation])
  const two = one.flatMap((head) => OPERATIONS.map((operation) => [...head, operation]))
  const three = two.flatMap((head) => OPERATIONS.map((operation) => [...head, operation]))
  return [...one, ...two, ...three]
}

function shuffle<T>(items: readonly T[], random: Seeded): T[] {
  const ordered = items.map((item) => ({ item, order: random.float() }))
  return ordered.sort((a, b) => a.order - b.order).map(({ item }) => item)
}

describe('every crash of every small workload', () => {
  it(
    `recovers a prefix with every acknowledged commit in up to ${STATE_LIMIT} states (seed ${SEED})`,
    async () => {
      const bases = await Promise.all(SETTINGS.map((options) => SmallWorkload.base(options)))
      const runs = allWorkloads().flatMap((operations) =>
        bases.map((base, setting) => ({ operations, base, setting })),
      )
      const mine = shuffle(runs, new Seeded(SEED)).filter((_, i) => i % PART_COUNT === PART)
      const check = new CrashCheck()
      let workloadCount = 0
      const report = () =>
        console.log(`${workloadCount} of ${mine.length} workloads, ${check.report}`)
      for (const { operations, base, setting } of mine) {
        if (check.stateCount + check.secondStateCount >= STATE_LIMIT) break
        const name = `setting ${setting}, ${operations.join(' + ')} (SEED=${SEED})`
        try {
          const workload = await SmallWorkload.after(base)
          await workload.run(operations)
          await check.run(workload, new Seeded(SEED))
        } catch (error) {
          throw new Error(name, { cause: error })
        }
        workloadCount++
        if (workloadCount % REPORT_EVERY === 0) report()
      }
      report()
      expect(check.stateCount).toBeGreaterThan(0)
    },
    4 * 60 * 60_000,
  )
})
