// Kills a process that opens a database and commits at full speed, at random moments, over and over on the same
// directory, and asks after each kill: is every acknowledged batch there, is none there by half, do indexes and rows
// agree?
import { describe, expect, it } from 'vitest'
import { replayable, Seeded } from '../model/seeded.js'
import { KillSeries } from './kill-kit.js'

/** A few in the ordinary run; the long run asks for more. */
const KILL_COUNT = Number(process.env.KILLS ?? 6)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
/** It is killed so long after one of its first batches, or after it has begun to open. */
const DELAY_MAX_MS = 60
const BATCH_MAX_COUNT = 40

describe('kill -9', () => {
  it(
    `loses nothing acknowledged in ${KILL_COUNT} kills (seed ${SEED})`,
    async () => {
      const random = new Seeded(SEED)
      const series = new KillSeries()
      let batchCount = 0
      let recoveringCount = 0
      await replayable(SEED, async () => {
        for (let run = 0; run < KILL_COUNT; run++) {
          const lineCount = random.chance(0.3) ? 1 : 2 + random.below(BATCH_MAX_COUNT)
          const killAfter = { lineCount, delayMs: random.below(DELAY_MAX_MS) }
          const remains = await series.run({ run, script: 'endless', killAfter })
          expect(remains.isKilled).toBe(true)
          batchCount += remains.acknowledged.length
          if (!remains.hasOpened) recoveringCount++
        }
      }).finally(() => series.close())
      expect(batchCount).toBeGreaterThan(0)
      console.info(
        `${KILL_COUNT} kills at random, ${recoveringCount} of them while opening; ${batchCount} batches acknowledged, 0 violations (seed ${SEED})`,
      )
    },
    4 * 60 * 60_000,
  )
})
