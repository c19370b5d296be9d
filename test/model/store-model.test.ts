import { describe, expect, it } from 'vitest'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { replayable, Seeded, seedsOf } from './seeded.js'
import { simulation, StoreDriver, storeOptions } from './store-driver.js'

/** 200 in the ordinary run; the torture run asks for more. */
const RUN_COUNT = Number(process.env.MODEL_RUNS ?? 200)
const STEP_COUNT = 200

describe('the store against a sorted map of versions', () => {
  it(
    `answers like the model in ${RUN_COUNT} runs of ${STEP_COUNT} operations`,
    async () => {
      let entryHitCount = 0
      const seeds = seedsOf(RUN_COUNT, 1)
      for (const seed of seeds) {
        await replayable(seed, async () => {
          const random = new Seeded(seed)
          const env = simulation(seed, new MemoryFileSystem())
          const driver = new StoreDriver(random, storeOptions(random), env)
          await driver.open()
          for (let i = 0; i < STEP_COUNT; i++) await driver.step()
          await driver.close()
          entryHitCount += driver.entryHitCount
        })
      }
      // A run whose cache is small, or whose memtable is never flushed, has none.
      expect(entryHitCount).toBeGreaterThan(50 * seeds.length)
    },
    4 * 60 * 60_000,
  )
})
