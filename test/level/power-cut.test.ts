// Cuts the power under a Level database while it is written to, at random moments, over and over: what comes back is what was
// acknowledged, and of each batch all or nothing. LEVEL_CUTS for more, SEED for one.
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { TabulariumLevel } from '../../dist/connect/level.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'

const RUN_COUNT = Number(process.env.LEVEL_CUTS ?? 30)
const KEYS = ['a', 'b', 'c', 'd']

function levelOn(fs: MemoryFileSystem) {
  const settings = { walFileBytes: 1 << 16, memtableBudgetBytes: 1 << 20 }
  return new TabulariumLevel<string, number>(
    '/db',
    { valueEncoding: 'json', settings },
    { env: memoryEnv({ fs }) },
  )
}

it.each(seedsOf(RUN_COUNT, 1))('a power cut (seed %i)', (seed) =>
  replayable(seed, async () => {
    const random = new Seeded(seed)
    let fs = new MemoryFileSystem()
    let written = 0
    for (let cut = 0; cut < 3; cut++) {
      const level = levelOn(fs)
      await level.open()
      let acknowledged = written
      const side = level.sublevel<string, number>('side', { valueEncoding: 'json' })
      const write = async () => {
        const value = ++written
        await level.batch([
          ...KEYS.map((key) => ({ type: 'put', key, value }) as const),
          ...KEYS.map((key) => ({ type: 'put', key, value, sublevel: side }) as const),
        ])
        acknowledged = Math.max(acknowledged, value)
      }
      const work = async () => {
        for (let i = random.below(6); i >= 0; i--) await write()
      }
      const finished = Promise.all([work(), work(), work()])
      for (let turns = random.below(20); turns > 0; turns--) await setImmediate()
      const image = fs.crashImage(random)
      const least = acknowledged
      await finished
      await level.close()

      fs = image
      const after = levelOn(fs)
      const values = await after.values().all()
      expect(new Set(values).size).toBeLessThanOrEqual(1)
      expect([0, 2 * KEYS.length]).toContain(values.length)
      written = values[0] ?? 0
      expect(written).toBeGreaterThanOrEqual(least)
      await after.close()
    }
  }),
)
