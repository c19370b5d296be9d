// Kills a process as it enters its nth write, sync, rename or removal, and asks the same questions as kill.test.ts. Now
// and then the directory is a fresh one, else the process recovers what the kill before it left. Needs strace.
import { afterAll, describe, expect, it } from 'vitest'
import { replayable, Seeded } from '../model/seeded.js'
import { hasStrace, KillSeries } from './kill-kit.js'

/** So many calls at random in the ordinary run; `every` in the long run. */
const SYSCALL_KILLS = process.env.SYSCALL_KILLS ?? '6'
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)

const SCRIPTS = ['commits', 'tables', 'reopen']
const CALLS = ['fdatasync', 'pwrite64', 'fsync', 'unlink', 'rename']

let killCount = 0

/** Runs one script up to the call; whether it got there. */
async function killAt(
  series: KillSeries,
  run: number,
  at: { readonly script: string; readonly name: string; readonly number: number },
): Promise<boolean> {
  const { script, ...killAtCall } = at
  try {
    const { isKilled } = await series.run({ run, script, killAtCall })
    if (isKilled) killCount++
    return isKilled
  } catch (cause) {
    throw new Error(`${script}, killed at ${at.name} ${at.number}, run ${run}`, { cause })
  }
}

describe.skipIf(!hasStrace)('kill -9 at a system call (skipped without strace)', () => {
  afterAll(() => console.info(`${killCount} kills at a system call, 0 violations (seed ${SEED})`))

  it.skipIf(SYSCALL_KILLS === 'every')(
    `loses nothing acknowledged in ${SYSCALL_KILLS} kills (seed ${SEED})`,
    async () => {
      const random = new Seeded(SEED)
      const series = new KillSeries()
      await replayable(SEED, async () => {
        for (let run = 0; run < Number(SYSCALL_KILLS); run++) {
          const name = random.pick(['fdatasync', 'fdatasync', 'pwrite64', 'pwrite64', 'fsync'])
          const number = 1 + random.below(name === 'fsync' ? 10 : 40)
          await killAt(series, run, { script: random.pick(SCRIPTS), name, number })
        }
      }).finally(() => series.close())
      expect(killCount).toBeGreaterThan(0)
    },
    4 * 60 * 60_000,
  )

  it.skipIf(SYSCALL_KILLS !== 'every').each(SCRIPTS)(
    'loses nothing acknowledged, whichever call it is: %s',
    async (script) => {
      const series = new KillSeries()
      const counts: string[] = []
      let run = 0
      try {
        for (const name of CALLS) {
          let number = 0
          // Some calls are made in a fresh directory only.
          series.close()
          while (await killAt(series, run++, { script, name, number: number + 1 })) number++
          expect(number, `kills at ${name}`).toBeGreaterThan(0)
          counts.push(`${number} at ${name}`)
        }
      } finally {
        series.close()
      }
      console.info(`${script}: kills ${counts.join(', ')}`)
    },
    4 * 60 * 60_000,
  )
})
