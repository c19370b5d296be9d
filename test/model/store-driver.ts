// Drives a store with random operations and compares every answer with the model.
import { expect } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum, TenantId } from '../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { ByteWriter } from '../../dist/codec/bytes.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import { tenantHashOf, writeKeyPrefix } from '../../dist/codec/tenant-key.js'
import type { Env } from '../../dist/env/env.js'
import type { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { runJob } from '../../dist/lsm/jobs.js'
import type { Durability } from '../../dist/store/commit-log.js'
import { Store } from '../../dist/store/store.js'
import type { Snapshot } from '../../dist/store/store-views.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import type { BalanceLimits } from '../../dist/store/rebalance-picker.js'
import type { ReadView } from '../../dist/store/view.js'
import type { Seeded } from './seeded.js'
import { type ModelState, rangeOf, VersionModel } from './version-model.js'
import { WINDOW_MS } from './window-clock.js'

const TENANT_COUNT = 4
const HOT_KEY_COUNT = 8

/** A table of a few entries is a large tablet. */
const RESTLESS: BalanceLimits = {
  splitBytes: 1_500,
  mergeBytes: 1_000,
  restMs: 0,
  maxCount: 6,
  hotLevel0Count: 3,
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

export function storeOptions(random: Seeded): StoreOptions {
  return {
    path: '/db',
    createIfMissing: true,
    defaultTabletCount: random.pick([1, 2, 4]),
    memtableBudgetBytes: random.pick([2_000, 8_000, 1 << 20]),
    blockCacheBytes: random.pick([0, 4_096, 1 << 20]),
    blockBytes: random.pick([64, 512, 16_384]),
    walFileBytes: random.pick([4_096, 16_384, 1 << 17]),
    manifestFileBytes: random.pick([4_096, 65_536]),
    outputTableBytes: random.pick([1_024, 1 << 20]),
    relaxedWindowMs: WINDOW_MS,
    historyWindowMs: random.pick([0, 60_000, 86_400_000]),
    transform: IDENTITY_TRANSFORM,
    // Tiny levels, so that a few hundred entries fill several of them.
    // Some split and merge all the time.
    ...(random.chance(0.3) ? { balance: RESTLESS } : {}),
    picker: {
      level0MaxCount: random.pick([1, 2, 4]),
      level1MaxBytes: random.pick([500, 4_000]),
      levelRatio: random.pick([2, 4]),
      level0BiteBytes: random.pick([1_000, 1 << 20]),
      moveMinBytes: random.pick([0, 1 << 20]),
    },
  }
}

export function simulation(seed: number, fs: MemoryFileSystem): Env {
  return simulatedEnv({ seed, fs, runJob: (job) => runJob(job as never, fs) })
}

/** A key of a few dozen possible ones, over several tenants, tables and indexes; hex text. */
export function randomKey(random: Seeded): string {
  const writer = new ByteWriter(32)
  const tenantId = 1 + random.below(TENANT_COUNT)
  writeKeyPrefix(writer, {
    tenantHash: tenantHashOf(`tenant ${tenantId}`),
    tenantId: tenantId as TenantId,
    tableId: 10 + random.below(2),
    indexId: random.below(2),
  })
  const length = random.below(3)
  for (let i = 0; i <= length; i++) writer.u8(random.below(4))
  return hex(writer.finish())
}

/** The bounds of everything under one random tenant prefix, or a narrower range of it. */
export function randomRange(random: Seeded): [string, string] {
  const a = randomKey(random)
  const prefix = a.slice(0, random.pick([16, 28]))
  if (random.chance(0.5)) return [prefix, `${prefix}ff`]
  const [low, high] = [a, prefix + randomKey(random).slice(prefix.length)].sort()
  return [low!, high!]
}

export function randomWrites(random: Seeded, label: number): Map<string, string | undefined> {
  const writes = new Map<string, string | undefined>()
  const count = 1 + random.below(random.chance(0.1) ? 30 : 4)
  for (let i = 0; i < count; i++) {
    const value = `${label}:${i}:${'x'.repeat(random.below(random.chance(0.05) ? 900 : 20))}`
    writes.set(randomKey(random), random.chance(0.25) ? undefined : value)
  }
  return writes
}

/** Commits these writes, which the model knows of from the moment at which they have a number. */
export async function commitWrites(
  store: Store,
  model: VersionModel,
  writes: ReadonlyMap<string, string | undefined>,
  durability: Durability,
): Promise<void> {
  let commit: ReturnType<VersionModel['invoke']> | undefined
  const seqNum = await store.write(
    (view) => {
      for (const [key, value] of writes) write(view, key, value)
      commit = model.invoke(writes, durability === 'relaxed')
    },
    { durability },
  )
  commit!.seqNum = seqNum
}

/** Splits a tablet at a hash of a tenant, behind it or anywhere; or merges two. Tells whether that was possible. */
export async function rebalance(store: Store, random: Seeded): Promise<boolean> {
  const { tablets } = store.stats()
  const reason = 'asked'
  const i = random.below(tablets.length)
  if (tablets.length > 1 && random.chance(0.4)) {
    const [{ tabletId }, next] = [tablets[i]!, tablets[i + 1] ?? tablets[0]!]
    return store.rebalance({ kind: 'merge', tabletId, nextTabletId: next.tabletId, reason })
  }
  const tenantHash = tenantHashOf(`tenant ${1 + random.below(TENANT_COUNT)}`)
  const hash = random.pick([tenantHash, tenantHash + 1, random.below(2 ** 32)])
  const home = tablets.find(({ hashEnd }) => hash < hashEnd) ?? tablets[i]!
  return store.rebalance({ kind: 'split', tabletId: home.tabletId, hash, reason })
}

export function dump(view: ReadView): ModelState {
  const state: ModelState = new Map()
  for (let tenantId = 1; tenantId <= TENANT_COUNT; tenantId++) {
    const writer = new ByteWriter(16)
    const prefix = {
      tenantHash: tenantHashOf(`tenant ${tenantId}`),
      tenantId: tenantId as TenantId,
    }
    writeKeyPrefix(writer, { ...prefix, tableId: 0, indexId: 0 })
    const lower = writer.finish().slice(0, 8)
    const upper = new Uint8Array([...lower, 255])
    const scan = view.scan({ lower, upper })
    while (scan.next()) {
      const { entry } = scan
      state.set(hex(entry.copyKey()), Buffer.from(entry.copyValue()).toString())
    }
  }
  return state
}

interface HeldSnapshot {
  readonly snapshot: Snapshot
  readonly state: ModelState
}

export class StoreDriver {
  readonly model = new VersionModel()
  readonly #random: Seeded
  readonly #options: StoreOptions
  readonly #env: Env
  readonly #slot = new EntrySlot()
  #store: Store | undefined
  /** Are written and read more often than the others. */
  readonly #hotKeys: readonly string[]
  #held: HeldSnapshot[] = []
  #label = 0
  #entryHitCount = 0

  constructor(random: Seeded, options: StoreOptions, env: Env) {
    this.#random = random
    this.#options = options
    this.#env = env
    this.#hotKeys = Array.from({ length: HOT_KEY_COUNT }, () => randomKey(random))
  }

  /** How often a read was answered by the cache of entries. */
  get entryHitCount(): number {
    return this.#entryHitCount
  }

  get store(): Store {
    return this.#store!
  }

  async open(): Promise<void> {
    this.#store = await Store.open(this.#options, this.#env, new EventSource())
  }

  async close(): Promise<void> {
    for (const { snapshot } of this.#held) snapshot.close()
    this.#held = []
    this.#entryHitCount += this.store.stats().entryCache.hitCount
    await this.store.close()
  }

  /** One random operation, checked. */
  async step(): Promise<void> {
    const roll = this.#random.below(100)
    if (roll < 40) await this.write()
    else if (roll < 50) await this.transact()
    else if (roll < 62) this.#checkGets(this.store.latest(), this.#now())
    else if (roll < 74) this.#checkScan(this.store.latest(), this.#now())
    else if (roll < 80) this.#checkPast()
    else if (roll < 84) this.#checkVersions()
    else if (roll < 88) this.#hold()
    else if (roll < 92) this.#checkHeld()
    else if (roll < 94) await rebalance(this.store, this.#random)
    else if (roll < 96) await this.store.flush()
    else if (roll < 97) await this.store.compact()
    else if (roll < 98) await this.#checkFiles()
    else await this.#reopen()
  }

  /** An immediate write of a few keys. */
  async write(): Promise<void> {
    const writes = randomWrites(this.#random, this.#label++)
    if (this.#random.chance(0.2)) {
      const value = this.#random.chance(0.3) ? undefined : `hot ${this.#label}`
      writes.set(this.#random.pick(this.#hotKeys), value)
    }
    const durability = this.#random.chance(0.3) ? 'relaxed' : 'sync'
    await commitWrites(this.store, this.model, writes, durability)
  }

  /**
   * Two transactions that interleave: the second one commits only when it read nothing that the first one wrote; under
   * snapshot isolation, when it wrote nothing that the first one wrote.
   */
  async transact(): Promise<void> {
    const random = this.#random
    const isolation = random.chance(0.5) ? 'serializable' : 'snapshot'
    const first = this.store.begin({ isolation })
    const second = this.store.begin({ isolation })
    const read = randomKey(random)
    const [lower, upper] = randomRange(random)
    second.get(unhex(read), this.#slot)
    const isRange = random.chance(0.5)
    if (isRange) {
      const scan = second.scan({ lower: unhex(lower), upper: unhex(upper) })
      while (scan.next());
    }
    const firstWrites = randomWrites(random, this.#label++)
    const secondWrites = randomWrites(random, this.#label++)
    for (const [key, value] of firstWrites) write(first, key, value)
    for (const [key, value] of secondWrites) write(second, key, value)
    this.#checkOwnWrites(second, secondWrites)
    const firstCommit = this.model.invoke(firstWrites)
    firstCommit.seqNum = await first.commit()
    const isStale = [...firstWrites.keys()].some(
      (key) => key === read || (isRange && key >= lower && key < upper),
    )
    const isOvertaken = [...firstWrites.keys()].some((key) => secondWrites.has(key))
    if (isolation === 'snapshot' ? isOvertaken : isStale) {
      await expect(second.commit()).rejects.toMatchObject({ code: 'TXN_CONFLICT' })
    } else {
      const secondCommit = this.model.invoke(secondWrites)
      secondCommit.seqNum = await second.commit()
    }
  }

  /** Own writes are seen; they are read from the transaction itself, so they do not widen its read set. */
  #checkOwnWrites(view: ReadView, writes: ReadonlyMap<string, string | undefined>): void {
    for (const [key, value] of writes) {
      const isFound = view.get(unhex(key), this.#slot)
      expect(isFound ? Buffer.from(this.#slot.copyValue()).toString() : undefined).toBe(value)
    }
  }

  #now(): ModelState {
    return this.model.stateAfter(this.model.commits.length)
  }

  #checkGets(view: ReadView, state: ModelState): void {
    const random = this.#random
    for (let i = 0; i < 10; i++) {
      const key = random.chance(0.7) ? random.pick(this.#hotKeys) : randomKey(random)
      // What is read again may come from elsewhere.
      for (let times = 1 + random.below(3); times > 0; times--) {
        const isFound = view.get(unhex(key), this.#slot)
        const found = isFound ? Buffer.from(this.#slot.copyValue()).toString() : undefined
        expect(found).toBe(state.get(key))
      }
    }
  }

  #checkScan(view: ReadView, state: ModelState): void {
    const [lower, upper] = randomRange(this.#random)
    const reverse = this.#random.chance(0.5)
    const limit = this.#random.chance(0.3) ? 1 + this.#random.below(4) : Infinity
    const scan = view.scan({ lower: unhex(lower), upper: unhex(upper) }, { reverse })
    const found: [string, string][] = []
    while (found.length < limit && scan.next()) {
      found.push([hex(scan.entry.copyKey()), Buffer.from(scan.entry.copyValue()).toString()])
    }
    scan.close()
    expect(found).toEqual(rangeOf(state, lower, upper, reverse).slice(0, limit))
  }

  #checkPast(): void {
    const floor = this.store.history.rest
    const candidates = this.model.commits.filter(
      ({ seqNum }) => seqNum !== undefined && seqNum >= floor,
    )
    if (candidates.length === 0) return
    const seqNum = this.#random.pick(candidates).seqNum! + this.#random.below(2)
    const snapshot = this.store.at(seqNum as SeqNum)
    try {
      const state = this.model.stateAt(seqNum)
      expect(dump(snapshot)).toEqual(state)
      this.#checkScan(snapshot, state)
      this.#checkGets(snapshot, state)
    } finally {
      snapshot.close()
    }
  }

  #checkVersions(): void {
    const key = randomKey(this.#random)
    const floor = this.store.history.rest
    const found = this.store.versions(unhex(key)).filter(({ seqNum }) => seqNum > floor)
    const expected = this.model.versionsOf(key).filter(({ seqNum }) => seqNum > floor)
    expect(
      found.map(({ seqNum, value }) => ({
        seqNum,
        value: value === undefined ? undefined : Buffer.from(value).toString(),
      })),
    ).toEqual(expected)
  }

  #hold(): void {
    this.#held.push({ snapshot: this.store.at(this.store.readable), state: this.#now() })
  }

  #checkHeld(): void {
    for (const { snapshot, state } of this.#held) {
      expect(dump(snapshot)).toEqual(state)
      this.#checkGets(snapshot, state)
    }
    if (this.#held.length > 2) this.#held.shift()!.snapshot.close()
  }

  /** Every file is as it should be, and as the manifest says. */
  async #checkFiles(): Promise<void> {
    expect((await this.store.verify()).problems).toEqual([])
  }

  async #reopen(): Promise<void> {
    await this.close()
    await this.open()
    expect(dump(this.store.latest())).toEqual(this.#now())
  }
}

function write(
  view: { put(key: Uint8Array, value: Uint8Array): void; delete(key: Uint8Array): void },
  key: string,
  value: string | undefined,
): void {
  if (value === undefined) view.delete(unhex(key))
  else view.put(unhex(key), Buffer.from(value))
}
