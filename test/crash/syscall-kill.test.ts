// Kills a process as it enters its nth write, sync, rename or removal, and asks the same questions as kill.test.ts. Now
// and then the directory is a fresh one, else the process recovers what the kill before it left. Needs strace.
import { describe, expect, it } from 'vitest'
import { replayable, Seeded } from '../model/seeded.js'
import { checkRemains, hasStrace, KillDirectories, runVictim } from './kill-kit.js'

/** So many calls at random in the ordinary run; `every` in the long run. */
const SYSCALL_KILLS = process.env.SYSCALL_KILLS ?? '6'
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)

const SCRIPTS = ['commits', 'tables', 'reopen']
const CALLS = ['fdatasync', 'pwrite64', 'fsync', 'unlink', 'rename']

/** Runs one script up to the call; whether it got there. */
async function killAt(
  directories: KillDirectories,
  run: number,
  at: { readonly script: string; readonly name: string; readonly number: number },
): Promise<boolean> {
  const { script, ...killAtCall } = at
  const directory = directories.current
  try {
    const remains = await runVictim({ directory, run, script, killAtCall })
    await checkRemains(directory, run, remains.acknowledged)
    return remains.isKilled
  } catch (cause) {
    throw new Error(`${script}, killed at ${at.name} ${at.number}, run ${run}`, { cause })
  }
}

describe.skipIf(!hasStrace)('kill -9 at a system call (skipped without strace)', () => {
  it.skipIf(SYSCALL_KILLS === 'every')(
    `loses nothing acknowledged in ${SYSCALL_KILLS} kills`,
    async () => {
      const random = new Seeded(SEED)
      const directories = new KillDirectories()
      await replayable(SEED, async () => {
        for (let run = 0; run < Number(SYSCALL_KILLS); run++) {
          const name = random.pick(['fdatasync', 'fdatasync', 'pwrite64', 'pwrite64', 'fsync'])
          const number = 1 + random.below(name === 'fsync' ? 10 : 40)
          await killAt(directories, run, { script: random.pick(SCRIPTS), name, number })
        }
      }).finally(() => directories.remove())
    },
    4 * 60 * 60_000,
  )

  it.skipIf(SYSCALL_KILLS !== 'every').each(SCRIPTS)(
    'loses nothing acknowledged, whichever call it is: %s',
    async (script) => {
      const directories = new KillDirectories()
      let killCount = 0
      try {
        for (const name of CALLS) {
          const before = killCount
          while (
            await killAt(directories, killCount, { script, name, number: killCount - before + 1 })
          )
            killCount++
          console.info(`${script}: ${killCount - before} kills at ${name}`)
        }
        expect(killCount).toBeGreaterThan(0)
      } finally {
        directories.remove()
      }
    },
    4 * 60 * 60_000,
  )
})
