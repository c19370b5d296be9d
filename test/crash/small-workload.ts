// Workloads of a few operations on a store that holds a little data already, with a copy of the disk at every file-system
// call of the last operation and at every acknowledgement.
import { expect } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import type { TenantId } from '../../dist/base/ids.js'
import { ByteWriter } from '../../dist/codec/bytes.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { tenantHashOf, writeKeyPrefix } from '../../dist/codec/tenant-key.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import type { Durability } from '../../dist/store/commit-log.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import type { WriteView } from '../../dist/store/view.js'
import { hex, simulation, unhex } from '../model/store-driver.js'
import { type ModelCommit, VersionModel } from '../model/version-model.js'
import { WINDOW_MS, WindowClock } from '../model/window-clock.js'
import { someTurns } from '../turns.js'
import type { CrashCheckpoint, CrashPoint, CrashWorkload } from './crash-check.js'

export const OPERATIONS = [
  'put',
  'delete',
  'deleteRange',
  'transaction',
  'bigWrite',
  'flush',
  'compact',
  'split',
  'merge',
  'checkpoint',
  'reopen',
  'relaxed',
  'windowEnd',
] as const
export type Operation = (typeof OPERATIONS)[number]

/** Tiny files and levels, so that every operation touches several of them. */
const TINY: StoreOptions = {
  path: '/db',
  createIfMissing: true,
  defaultTabletCount: 2,
  memtableBudgetBytes: 1 << 20,
  blockCacheBytes: 4096,
  blockBytes: 512,
  walFileBytes: 16_384,
  manifestFileBytes: 4096,
  outputTableBytes: 1024,
  relaxedWindowMs: WINDOW_MS,
  historyWindowMs: 86_400_000,
  transform: IDENTITY_TRANSFORM,
  picker: {
    level0MaxCount: 2,
    level1MaxBytes: 1000,
    levelRatio: 2,
    level0BiteBytes: 1 << 20,
    moveMinBytes: 0,
  },
}

/** The settings that the enumeration goes through, each with every workload. */
export const SETTINGS: readonly StoreOptions[] = [
  TINY,
  // Every commit seals a memtable and flushes in the background; versions nobody can see go.
  { ...TINY, memtableBudgetBytes: 1000, historyWindowMs: 0, walFileBytes: 4096, blockBytes: 64 },
  // Memtables are flushed by the log's length, and levels move without being rewritten.
  {
    ...TINY,
    defaultTabletCount: 4,
    memtableBudgetBytes: 2000,
    walFileBytes: 4096,
    outputTableBytes: 1 << 20,
    picker: { ...TINY.picker!, level0MaxCount: 1, moveMinBytes: 1 << 20 },
  },
]

/** Keys of the model are hex text; tenants 1 and 2 live in different tablets. */
function keyOf(tenantId: number, name: number): string {
  const writer = new ByteWriter(24)
  writeKeyPrefix(writer, {
    tenantHash: tenantHashOf(`tenant ${tenantId}`),
    tenantId: tenantId as TenantId,
    tableId: 10,
    indexId: 0,
  })
  writer.u8(name)
  return hex(writer.finish())
}

type Writes = ReadonlyMap<string, string | undefined>

export class SmallWorkload implements CrashWorkload {
  readonly options: StoreOptions
  readonly model = new VersionModel()
  readonly points: CrashPoint[] = []
  readonly #checkpoints: CrashCheckpoint[] = []
  readonly #fs: MemoryFileSystem
  #store!: Store
  #clock!: WindowClock
  #openCount = 0
  #label = 0

  private constructor(options: StoreOptions, fs: MemoryFileSystem) {
    this.options = options
    this.#fs = fs
  }

  /** A database with tables on several levels, tombstones, and commits that only the log holds. */
  static async base(options: StoreOptions): Promise<SmallWorkload> {
    const base = new SmallWorkload(options, new MemoryFileSystem())
    await base.#open()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3; i++) {
        const label = `base ${round}.${i}`
        await base.#write(
          new Map([
            [keyOf(1, i), label],
            [keyOf(2, round), `${label} ${'x'.repeat(40 * i)}`],
            [keyOf(3, 4 - i), i === round ? undefined : label],
          ]),
        )
      }
      await base.#store.flush()
      if (round === 0) await base.#store.compact()
    }
    await base.#store.close()
    return base
  }

  /** The base's directory and model, copied, and a store open on it. */
  static async after(base: SmallWorkload): Promise<SmallWorkload> {
    const workload = new SmallWorkload(base.options, base.#fs.clone())
    workload.model.commits.push(...base.model.commits)
    await workload.#open()
    return workload
  }

  /** Runs the operations; `points` are of the last one: shorter workloads have those of the others. */
  async run(operations: readonly Operation[]): Promise<void> {
    // A little that only the log holds.
    await this.#write(new Map([[keyOf(1, 7), 'logged']]))
    for (const operation of operations.slice(0, -1)) await this.#run(operation)
    this.#fs.inject = (call) => {
      // Reading calls bear the number of the last change.
      if (call.number !== this.points.at(-1)?.callNumber) {
        this.#note(`at call ${call.number}, ${call.name} ${call.path}`, call.number)
      }
      return undefined
    }
    await this.#run(operations.at(-1)!)
    this.#note('after the last operation')
    // What it has started in the background belongs to it.
    await someTurns()
    this.#note('at the end')
    this.#fs.inject = undefined
    await this.#store.close()
  }

  #note(at: string, callNumber = this.#fs.callCount): void {
    const { durableCount, acknowledgedCount } = this.model
    const invokedCount = this.model.commits.length
    this.points.push({
      fs: this.#fs.clone(),
      callNumber,
      at,
      durableCount,
      acknowledgedCount,
      invokedCount,
      checkpoints: [...this.#checkpoints],
    })
  }

  async #open(): Promise<void> {
    const env = simulation(1000 + this.#openCount++, this.#fs)
    this.#clock = new WindowClock(env.clock, () => Infinity)
    this.#store = await Store.open(this.options, { ...env, clock: this.#clock }, new EventSource())
  }

  async #run(operation: Operation): Promise<void> {
    const label = `${operation} ${this.#label++}`
    const n = this.#label
    if (operation === 'put') await this.#write(new Map([[keyOf(1, n), label]]))
    else if (operation === 'delete') await this.#write(new Map([[keyOf(1, n), undefined]]))
    else if (operation === 'deleteRange') await this.#deleteRange(1 + (n % 3))
    else if (operation === 'transaction') await this.#transact(label)
    else if (operation === 'bigWrite') await this.#write(bigWrites(label))
    else if (operation === 'flush') await this.#settle(() => this.#store.flush())
    else if (operation === 'compact') await this.#settle(() => this.#store.compact())
    else if (operation === 'split') await this.#split(n)
    else if (operation === 'merge') await this.#merge()
    else if (operation === 'checkpoint') await this.#settle(() => this.#checkpoint())
    else if (operation === 'reopen') await this.#settle(() => this.#reopen())
    else if (operation === 'relaxed') await this.#relax(label, n)
    else await this.#endWindow()
  }

  /** After each of these, what was acknowledged before is durable. */
  async #settle(run: () => Promise<void>): Promise<void> {
    const count = this.model.acknowledgedCount
    await run()
    this.model.settle(count)
  }

  /** Two relaxed commits, each written by itself; no sync comes before somebody asks for it or the window ends. */
  async #relax(label: string, n: number): Promise<void> {
    await this.#write(new Map([[keyOf(1, n), label]]), 'relaxed')
    await this.#write(new Map([[keyOf(2, n), `${label} ${'x'.repeat(600)}`]]), 'relaxed')
  }

  async #endWindow(): Promise<void> {
    this.#clock.endWindow()
    await someTurns()
    expect(this.#store.stats().durableSeqNum).toBe(this.#store.readable)
    this.model.settle(this.model.acknowledgedCount)
  }

  /** A tablet that is split at a tenant of its own has shares of tables at once. */
  async #split(n: number): Promise<void> {
    const { tablets } = this.#store.stats()
    const hash = tenantHashOf(`tenant ${1 + (n % 4)}`) + (n % 2)
    const { tabletId } = tablets.find(({ hashEnd }) => hash < hashEnd)!
    await this.#store.rebalance({ kind: 'split', tabletId, hash, reason: 'asked' })
  }

  async #merge(): Promise<void> {
    const [first, second] = this.#store.stats().tablets
    if (second === undefined) return
    const [tabletId, nextTabletId] = [first!.tabletId, second.tabletId]
    await this.#store.rebalance({ kind: 'merge', tabletId, nextTabletId, reason: 'asked' })
  }

  async #checkpoint(): Promise<void> {
    const path = `/copies/${this.#label}`
    const index = this.#checkpoints.length
    const begun = { path, isAcknowledged: false, commitCount: this.model.acknowledgedCount }
    this.#checkpoints.push(begun)
    const { seqNum } = await this.#store.checkpoint(path)
    const commitCount = this.model.countAt(seqNum)
    this.#checkpoints[index] = { ...begun, isAcknowledged: true, commitCount }
    if (this.#fs.inject !== undefined) this.#note('at an acknowledged checkpoint')
  }

  async #reopen(): Promise<void> {
    await this.#store.close()
    await this.#open()
  }

  async #write(writes: Writes, durability: Durability = 'sync'): Promise<void> {
    let commit: ModelCommit | undefined
    const seqNum = await this.#store.write(
      (view) => {
        for (const [key, value] of writes) put(view, key, value)
        commit = this.model.invoke(writes, durability === 'relaxed')
      },
      { durability },
    )
    commit!.seqNum = seqNum
    if (this.#fs.inject !== undefined) this.#note('at an acknowledgement')
  }

  /** Deletes every key of a tenant in one commit. */
  async #deleteRange(tenantId: number): Promise<void> {
    const prefix = keyOf(tenantId, 0).slice(0, 16)
    let commit: ModelCommit | undefined
    const seqNum = await this.#store.write((view) => {
      const keys: string[] = []
      const scan = view.scan({ lower: unhex(prefix), upper: unhex(`${prefix}ff`) })
      while (scan.next()) keys.push(hex(scan.entry.copyKey()))
      scan.close()
      if (keys.length === 0) keys.push(keyOf(tenantId, 0))
      for (const key of keys) view.delete(unhex(key))
      commit = this.model.invoke(new Map(keys.map((key) => [key, undefined])))
    })
    commit!.seqNum = seqNum
    if (this.#fs.inject !== undefined) this.#note('at an acknowledgement')
  }

  /** Two transactions over two tablets, committed together so that they may share a sync. */
  async #transact(label: string): Promise<void> {
    const commits = [1, 2].map(async (tenantId) => {
      const writes: Writes = new Map([
        [keyOf(tenantId, 5), `${label} ${tenantId}`],
        [keyOf(tenantId === 1 ? 2 : 3, 6), `${label} ${tenantId}`],
        [keyOf(4, tenantId), tenantId === 1 ? undefined : label],
      ])
      const transaction = this.#store.begin()
      for (const [key, value] of writes) put(transaction, key, value)
      const commit = this.model.invoke(writes)
      commit.seqNum = await transaction.commit()
    })
    await Promise.all(commits)
    if (this.#fs.inject !== undefined) this.#note('at an acknowledgement')
  }
}

/** One commit of more than one sector, page and log block's worth. */
function bigWrites(label: string): Writes {
  const writes = new Map<string, string | undefined>()
  for (let i = 0; i < 8; i++) {
    writes.set(keyOf(1 + (i % 4), 20 + i), `${label} ${String(i).repeat(700)}`)
  }
  return writes
}

function put(view: WriteView, key: string, value: string | undefined): void {
  if (value === undefined) view.delete(unhex(key))
  else view.put(unhex(key), Buffer.from(value))
}
