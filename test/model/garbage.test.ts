// Superseded versions and tombstones among random writes, moments, flushes, compactions and reopenings: nothing goes that can
// still be read, and once nobody may read it everything goes, without a single write, and without rewriting for nothing.
import { describe, expect, it } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { type SimulatedEnv, simulatedEnv } from '../../dist/env/simulated-env.js'
import { runJob } from '../../dist/lsm/jobs.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import type { Snapshot } from '../../dist/store/store-views.js'
import { replayable, Seeded, seedsOf } from './seeded.js'
import { dump, randomKey, storeOptions, unhex } from './store-driver.js'
import { type ModelState, VersionModel } from './version-model.js'

const RUNS = Number(process.env.MODEL_RUNS ?? 12)
const STEP_COUNT = 60
const WINDOW_MS = 600_000
/** More turns of the event loop than everything takes that a tick starts. */
const TURN_COUNT = 400

function optionsOf(random: Seeded, path: string): StoreOptions {
  return {
    ...storeOptions(random),
    path,
    defaultTabletCount: 1,
    memtableBudgetBytes: 16_000,
    // Large enough that the frame of a table does not count.
    blockBytes: 1024,
    outputTableBytes: 32_768,
    historyWindowMs: WINDOW_MS,
    picker: {
      level0MaxCount: random.pick([2, 4]),
      level1MaxBytes: random.pick([20_000, 60_000]),
      levelRatio: 2,
      level0BiteBytes: random.pick([20_000, 1 << 20]),
      moveMinBytes: random.pick([0, 1 << 20]),
    },
  }
}

class Run {
  readonly model = new VersionModel()
  readonly #random: Seeded
  readonly #options: StoreOptions
  readonly #env: SimulatedEnv
  #store: Store | undefined
  /** Bytes that compactions wrote since somebody looked. */
  writtenBytes = 0
  #held: { readonly snapshot: Snapshot; readonly state: ModelState }[] = []

  constructor(random: Seeded, seed: number, path = '/db') {
    this.#random = random
    this.#options = optionsOf(random, path)
    const fs = new MemoryFileSystem()
    this.#env = simulatedEnv({ seed, fs, runJob: (job) => runJob(job as never, fs) })
  }

  get store(): Store {
    return this.#store!
  }

  async open(): Promise<void> {
    const events = new EventSource()
    events.on('compaction', ({ outputBytes, fromLevel, toLevel, inputFileIds, outputFileIds }) => {
      // A move writes nothing.
      const isMove = fromLevel !== toLevel && `${inputFileIds}` === `${outputFileIds}`
      if (!isMove) this.writtenBytes += outputBytes
    })
    this.#store = await Store.open(this.#options, this.#env, events)
  }

  async write(writes: ReadonlyMap<string, string | undefined>): Promise<void> {
    const commit = this.model.invoke(writes)
    commit.seqNum = await this.store.write((view) => {
      for (const [key, value] of writes) {
        if (value === undefined) view.delete(unhex(key))
        else view.put(unhex(key), Buffer.from(value))
      }
    })
  }

  async step(): Promise<void> {
    const roll = this.#random.below(100)
    if (roll < 60) await this.write(this.#randomWrites())
    else if (roll < 75) await this.pass(this.#random.below(WINDOW_MS))
    else if (roll < 80) this.#checkPast()
    else if (roll < 84) this.#hold()
    else if (roll < 88) this.#letGo()
    else if (roll < 94) await this.store.flush()
    else if (roll < 96) await this.compactExactly()
    else await this.#reopen()
  }

  /** Lets time pass, and what a tick may have started come to its end. */
  async pass(delayMs: number): Promise<void> {
    this.#env.clock.advance(delayMs)
    for (let i = 0; i < TURN_COUNT; i++) await this.#env.clock.yield()
  }

  /** After a compaction the tables hold what the rule of lsm/jobs.ts keeps, and nothing else. */
  async compactExactly(): Promise<void> {
    await this.store.compact()
    expect(await this.#storedCount()).toBe(this.#retainedCount())
    this.writtenBytes = 0
    await this.store.compact()
    expect(this.writtenBytes, 'there was nothing left to do').toBe(0)
  }

  /** In all files, whoever has a share of them. */
  async #storedCount(): Promise<number> {
    const { files } = await this.store.verify()
    return files.reduce((sum, { entryCount = 0 }) => sum + entryCount, 0)
  }

  get entryCount(): number {
    const levels = this.store.stats().tablets.flatMap((tablet) => tablet.levels)
    return levels.reduce((sum, { entryCount }) => sum + entryCount, 0)
  }

  close(): Promise<void> {
    for (const { snapshot } of this.#held.splice(0)) snapshot.close()
    return this.store.close()
  }

  /** What the floor does not let go, of each key. */
  #retainedCount(): number {
    const floor = this.store.history.rest
    const keys = new Set(this.model.commits.flatMap(({ writes }) => [...writes.keys()]))
    let count = 0
    for (const key of keys) {
      const versions = this.model.versionsOf(key)
      const newer = versions.filter(({ seqNum }) => seqNum > floor)
      const settled = versions[newer.length]
      count += newer.length + (settled?.value === undefined ? 0 : 1)
    }
    return count
  }

  #randomWrites(): Map<string, string | undefined> {
    const random = this.#random
    const writes = new Map<string, string | undefined>()
    for (let remaining = 1 + random.below(30); remaining > 0; remaining--) {
      const value = Array.from({ length: 30 + random.below(200) }, () =>
        String.fromCharCode(33 + random.below(90)),
      ).join('')
      writes.set(randomKey(random), random.chance(0.3) ? undefined : value)
    }
    return writes
  }

  #checkPast(): void {
    const floor = this.store.history.rest
    const readable = this.model.commits.filter(({ seqNum }) => seqNum! >= floor)
    for (const { seqNum } of readable.slice(-60).filter((_, i) => i % 7 === 0)) {
      const snapshot = this.store.at(seqNum as SeqNum)
      expect(dump(snapshot)).toEqual(this.model.stateAt(seqNum!))
      snapshot.close()
    }
    for (const { snapshot, state } of this.#held) expect(dump(snapshot)).toEqual(state)
  }

  #hold(): void {
    const { readable } = this.store
    this.#held.push({ snapshot: this.store.at(readable), state: this.model.stateAt(readable) })
  }

  #letGo(): void {
    this.#checkPast()
    this.#held.shift()?.snapshot.close()
  }

  async #reopen(): Promise<void> {
    await this.close()
    await this.open()
    expect(dump(this.store.latest())).toEqual(this.model.stateAfter(this.model.commits.length))
  }
}

/** Bytes of the tables of a database that holds this state and never held anything else. */
async function freshBytes(seed: number, state: ModelState): Promise<number> {
  const fresh = new Run(new Seeded(seed), seed)
  await fresh.open()
  await fresh.write(state)
  await fresh.store.compact()
  const { tableBytes } = fresh.store.stats()
  await fresh.close()
  return tableBytes
}

describe('garbage', () => {
  it.each(seedsOf(RUNS, 1))('goes when nobody may read it, and not before: seed %i', (seed) =>
    replayable(seed, async () => {
      const run = new Run(new Seeded(seed), seed)
      await run.open()
      for (let i = 0; i < STEP_COUNT; i++) await run.step()
      await run.store.flush()
      // Retention passes, and nobody does anything.
      await run.close()
      await run.open()
      for (let i = 0; i < 4; i++) await run.pass(WINDOW_MS)
      const state = run.model.stateAfter(run.model.commits.length)
      expect(dump(run.store.latest())).toEqual(state)
      const { tableBytes } = run.store.stats()
      expect(tableBytes).toBeLessThanOrEqual(1.1 * (await freshBytes(seed, state)))
      run.writtenBytes = 0
      for (let i = 0; i < 4; i++) await run.pass(WINDOW_MS)
      expect(run.writtenBytes, 'nothing is rewritten for nothing').toBe(0)
      await run.compactExactly()
      expect(await run.store.verify()).toMatchObject({ isSound: true })
      await run.close()
    }),
  )
})
