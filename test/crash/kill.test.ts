// Kills a process that commits at full speed, at random moments, over and over on the same directory, and asks after
// each kill: is every acknowledged batch there, is none there by half, do indexes and rows agree?
import { describe, expect, it } from 'vitest'
import { Seeded } from '../model/seeded.js'
import { checkRemains, KillDirectories, runVictim } from './kill-kit.js'

/** A few in the ordinary run; the long run asks for more. */
const KILL_COUNT = Number(process.env.KILLS ?? 6)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)

describe('kill -9', () => {
  it(
    `loses nothing acknowledged in ${KILL_COUNT} kills (seed ${SEED})`,
    async () => {
      const random = new Seeded(SEED)
      const directories = new KillDirectories()
      try {
        for (let run = 0; run < KILL_COUNT; run++) {
          const directory = directories.current
          const killAfterMs = random.below(400)
          const remains = await runVictim({ directory, run, script: 'endless', killAfterMs })
          expect(remains.isKilled).toBe(true)
          await checkRemains(directory, run, remains.acknowledged)
        }
      } finally {
        directories.remove()
      }
    },
    4 * 60 * 60_000,
  )
})
