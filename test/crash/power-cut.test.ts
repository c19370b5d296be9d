// Cuts the power at a random file-system call of a random workload, also during recovery, and asks of what comes back:
// is it the state after some prefix of the commit order that contains every acknowledged commit?
import { describe, expect, it } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import {
  commitWrites,
  dump,
  randomWrites,
  rebalance,
  simulation,
  storeOptions,
} from '../model/store-driver.js'
import { sameState, VersionModel } from '../model/version-model.js'
import { WindowClock } from '../model/window-clock.js'

/** 1,000 in the ordinary run; the torture run asks for 20,000. */
const CUT_COUNT = Number(process.env.POWER_CUTS ?? 1000)

class Workload {
  readonly model = new VersionModel()
  readonly #random: Seeded
  #label = 0

  constructor(random: Seeded) {
    this.#random = random
  }

  /** Commits, flushes, compactions, splits and merges, several at once, until the steps end or the power is cut. */
  async run(store: Store, stepCount: number): Promise<void> {
    const running: Promise<unknown>[] = []
    for (let i = 0; i < stepCount; i++) {
      running.push(this.#step(store))
      if (this.#random.chance(0.4)) await Promise.allSettled(running.splice(0))
    }
    await Promise.allSettled(running)
  }

  #step(store: Store): Promise<unknown> {
    const roll = this.#random.below(20)
    if (roll === 0) return store.flush()
    if (roll === 1) return store.compact()
    if (roll === 2) return rebalance(store, this.#random)
    return this.#write(store)
  }

  async #write(store: Store): Promise<void> {
    const writes = randomWrites(this.#random, this.#label++)
    const durability = this.#random.chance(0.4) ? 'relaxed' : 'sync'
    await commitWrites(store, this.model, writes, durability)
  }
}

/** Opens, checks C1 and C2, and makes the model forget what the crash took. */
async function checkRecovered(
  fs: MemoryFileSystem,
  seed: number,
  options: StoreOptions,
  model: VersionModel,
): Promise<Store> {
  const store = await Store.open(options, simulation(seed, fs), new EventSource())
  const tableCount = fs.list(options.path).filter((name) => name.endsWith('.sst')).length
  expect(tableCount, 'leftovers of interrupted jobs').toBe(store.stats().tableCount)
  const state = dump(store.latest())
  let count = model.durableCount
  while (count <= model.commits.length && !sameState(model.stateAfter(count), state)) count++
  if (count > model.commits.length) {
    const certain = model.stateAfter(model.durableCount)
    expect(state, 'no prefix with every durable commit').toEqual(certain)
  }
  model.truncate(count)
  for (const { seqNum } of model.commits.slice(-3)) {
    if (seqNum === undefined || seqNum < store.history.rest) continue
    const snapshot = store.at(seqNum as SeqNum)
    const past = model.stateAfter(1 + model.commits.findLastIndex((c) => c.seqNum === seqNum))
    expect(dump(snapshot), 'the state as of an acknowledged commit').toEqual(past)
    snapshot.close()
  }
  return store
}

async function cutOnce(seed: number): Promise<void> {
  const random = new Seeded(seed)
  const options = storeOptions(random)
  const workload = new Workload(random)
  let fs = new MemoryFileSystem()
  const roundCount = 1 + random.below(3)
  for (let round = 0; round < roundCount; round++) {
    // A slow log: tables and manifest must not overtake it.
    if (random.chance(0.3))
      fs.syncTurns = (path) => (path.endsWith('.wal') ? 1 + random.below(40) : 1)
    fs.cutPowerAt(fs.callCount + 1 + random.below(random.pick([20, 100, 400])))
    const env = simulation(seed + round, fs)
    const clock = new WindowClock(env.clock, () => random.below(60))
    await Store.open(options, { ...env, clock }, new EventSource()).then(
      (store) => workload.run(store, 5 + random.below(30)),
      () => undefined,
    )
    fs = fs.crashImage(random)
    const store = await checkRecovered(fs.clone(), seed, options, workload.model)
    await store.close()
    // What a first look found, a second look at the same files finds again.
    const again = await checkRecovered(fs.clone(), seed + 1, options, workload.model)
    await again.close()
  }
}

describe('power cuts', () => {
  it(
    `loses nothing acknowledged and halves no commit in ${CUT_COUNT} cuts`,
    async () => {
      for (const seed of seedsOf(CUT_COUNT, 1)) await replayable(seed, () => cutOnce(seed))
    },
    60 * 60_000,
  )
})
