// Cuts the power under a Level database while it is written to, at random moments, over and over: what comes back is a first
// part of what was written, with all that was acknowledged with `sync: true`, and of each batch all or nothing. LEVEL_CUTS
// for more, SEED for one.
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { TabulariumLevel } from '../../dist/connect/level.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'

const RUN_COUNT = Number(process.env.LEVEL_CUTS ?? 30)
const KEYS = ['a', 'b', 'c', 'd']
const JSON_VALUES = { valueEncoding: 'json' }

function levelOn(fs: MemoryFileSystem) {
  const settings = { walFileBytes: 1 << 16, memoryBudgetBytes: 4 << 20 }
  return new TabulariumLevel<string, number>(
    '/db',
    { ...JSON_VALUES, settings },
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
      let durable = written
      const side = level.sublevel<string, number>('side', JSON_VALUES)
      const write = async () => {
        const value = ++written
        const sync = random.chance(0.3)
        const operations = [
          ...KEYS.map((key) => ({ type: 'put', key, value }) as const),
          { type: 'put', key: `n${value}`, value, sublevel: side } as const,
        ]
        await level.batch(operations, { sync })
        if (sync) durable = Math.max(durable, value)
      }
      const work = async () => {
        for (let i = random.below(6); i >= 0; i--) await write()
      }
      const finished = Promise.all([work(), work(), work()])
      for (let turns = random.below(20); turns > 0; turns--) await setImmediate()
      const image = fs.crashImage(random)
      const least = durable
      await finished
      await level.close()

      fs = image
      const after = levelOn(fs)
      const numbers = await after.sublevel<string, number>('side', JSON_VALUES).values().all()
      written = numbers.length
      expect(numbers.toSorted((x, y) => x - y)).toEqual(
        Array.from({ length: written }, (_, i) => i + 1),
      )
      expect(await after.getMany(KEYS)).toEqual(KEYS.map(() => written || undefined))
      expect(written).toBeGreaterThanOrEqual(least)
      await after.close()
    }
  }),
)
