// Checkpoints among random writes, flushes and compactions: each copy is the model at its SeqNum, its past included, and
// from then on neither side knows of the other.
import { describe, expect, it } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import type { Checkpoint } from '../../dist/store/checkpoint.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { readManifest } from '../../dist/lsm/manifest-state.js'
import { Store } from '../../dist/store/store.js'
import { replayable, Seeded, seedsOf } from './seeded.js'
import { dump, randomWrites, rebalance, simulation, storeOptions, unhex } from './store-driver.js'
import { type ModelCommit, VersionModel } from './version-model.js'

const RUNS = Number(process.env.MODEL_RUNS ?? 20)

interface Made {
  readonly path: string
  readonly checkpoint: Checkpoint
  /** What the database itself could still show when the copy was whole. */
  readonly historyFloor: SeqNum
}

class Run {
  readonly random: Seeded
  readonly fs = new MemoryFileSystem()
  readonly model = new VersionModel()
  readonly options: StoreOptions
  #label = 0

  constructor(random: Seeded) {
    this.random = random
    this.options = storeOptions(random)
    // Where files cannot be linked they are copied.
    if (random.chance(0.3)) {
      this.fs.inject = ({ name }) =>
        name === 'link' ? random.pick(['EXDEV', 'EMLINK']) : undefined
    }
  }

  open(path: string): Promise<Store> {
    const options = { ...this.options, path, createIfMissing: path === '/db' }
    return Store.open(options, simulation(this.#label, this.fs), new EventSource())
  }

  async write(store: Store, model: VersionModel): Promise<void> {
    const writes = randomWrites(this.random, this.#label++)
    let commit: ModelCommit | undefined
    const seqNum = await store.write((view) => {
      for (const [key, value] of writes) {
        if (value === undefined) view.delete(unhex(key))
        else view.put(unhex(key), Buffer.from(value))
      }
      commit = model.invoke(writes)
    })
    commit!.seqNum = seqNum
  }

  async makeSome(store: Store): Promise<Made[]> {
    const made: Made[] = []
    const running: Promise<unknown>[] = []
    for (let i = 0; i < 60; i++) {
      const roll = this.random.below(20)
      if (roll === 0) running.push(store.flush())
      else if (roll === 1) running.push(store.compact())
      else if (roll === 2) running.push(this.#checkpoint(store, made))
      else if (roll === 3) running.push(rebalance(store, this.random))
      else running.push(this.write(store, this.model))
      if (this.random.chance(0.3)) await Promise.all(running.splice(0))
    }
    running.push(this.#checkpoint(store, made))
    await Promise.all(running)
    return made
  }

  async #checkpoint(store: Store, made: Made[]): Promise<void> {
    const path = `/copies/${this.#label++}`
    const checkpoint = await store.checkpoint(path)
    made.push({ path, checkpoint, historyFloor: store.history.rest })
  }

  /** The copy is what the model was; returns a model that goes on from there. */
  async check(
    { path, checkpoint, historyFloor }: Made,
    isFirstOpening = true,
  ): Promise<VersionModel> {
    const { seqNum } = checkpoint
    const versions = readManifest(this.fs, path).tablets.map(({ version }) => version)
    const metas = versions.flatMap(({ levels }) => levels.flat())
    // Tablets may share them.
    const tableCount = new Set(metas.map(({ fileId }) => fileId)).size
    const floor = Math.max(...versions.map((version) => version.historyFloor))
    const copy = await this.open(path)
    expect(copy.readable).toBe(seqNum)
    expect(dump(copy.latest())).toEqual(this.model.stateAt(seqNum))
    const model = new VersionModel()
    model.commits.push(...this.model.commits.filter((commit) => commit.seqNum! <= seqNum))
    for (const commit of model.commits.slice(-10)) {
      if (commit.seqNum! < copy.history.rest) continue
      const past = copy.at(commit.seqNum as SeqNum)
      expect(dump(past)).toEqual(this.model.stateAt(commit.seqNum!))
      past.close()
    }
    expect((await copy.verify()).isSound).toBe(true)
    await copy.close()
    if (isFirstOpening) {
      expect(floor).toBeLessThanOrEqual(historyFloor)
      expect(tableCount).toBe(checkpoint.tableCount)
    }
    return model
  }

  /** Writes, rewrites every table, opens again. */
  async goOn(path: string, model: VersionModel): Promise<void> {
    const store = await this.open(path)
    for (let i = 0; i < 10; i++) await this.write(store, model)
    await store.compact()
    await this.write(store, model)
    await store.close()
  }

  async expectState(path: string, model: VersionModel): Promise<void> {
    const store = await this.open(path)
    expect(dump(store.latest())).toEqual(model.stateAfter(model.commits.length))
    expect((await store.verify()).isSound).toBe(true)
    await store.close()
  }
}

describe('checkpoints of a store', () => {
  it.each(seedsOf(RUNS, 1))('are the model at their SeqNum: seed %i', (seed) =>
    replayable(seed, async () => {
      const run = new Run(new Seeded(seed))
      const store = await run.open('/db')
      const made = await run.makeSome(store)
      await store.close()
      for (const copy of made) await run.check(copy)
      const last = made.at(-1)!
      const model = await run.check(last, false)
      await run.goOn(last.path, model)
      await run.goOn('/db', run.model)
      await run.expectState(last.path, model)
      await run.expectState('/db', run.model)
    }),
  )
})
