// Splits and merges of tablets while everything else goes on: who reads meanwhile, what a crash finds between the flushes of
// two halves, when shared files go, and when tablets change of their own accord.
import { describe, expect, test } from 'vitest'
import { type EngineEvents, EventSource } from '../../dist/base/events.js'
import type { TenantId } from '../../dist/base/ids.js'
import { ByteWriter } from '../../dist/codec/bytes.js'
import { tenantHashOf, writeKeyPrefix } from '../../dist/codec/tenant-key.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { type SimulatedEnv, simulatedEnv } from '../../dist/env/simulated-env.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import type { ReadView } from '../../dist/store/view.js'
import { Seeded } from './seeded.js'
import { storeOptions } from './store-driver.js'

const TENANTS = Array.from({ length: 12 }, (_, i) => {
  const name = `tenant ${i + 1}`
  return { hash: tenantHashOf(name), id: (i + 1) as TenantId }
}).sort((a, b) => a.hash - b.hash)
/** Half of the tenants are below. */
const MIDDLE = TENANTS[6]!.hash
const OPTIONS: StoreOptions = {
  ...storeOptions(new Seeded(1)),
  defaultTabletCount: 1,
  memtableBudgetBytes: 1 << 20,
  walFileBytes: 1 << 17,
  blockBytes: 256,
  outputTableBytes: 1 << 20,
  historyWindowMs: 0,
  balance: { splitBytes: 2 ** 40, mergeBytes: 0, restMs: 1, maxCount: 64, hotLevel0Count: 1000 },
  picker: {
    level0MaxCount: 4,
    level1MaxBytes: 1 << 20,
    levelRatio: 10,
    level0BiteBytes: 1 << 20,
    moveMinBytes: 1 << 20,
  },
}

class Tablets {
  readonly fs: MemoryFileSystem
  readonly events = new EventSource()
  readonly rebalances: EngineEvents['rebalance'][] = []
  readonly damages: EngineEvents['damage'][] = []
  readonly env: SimulatedEnv
  /** Jobs that have begun and may be held. */
  readonly begun: Job['kind'][] = []
  store!: Store
  /** Jobs of these kinds wait for it. */
  #gate: Promise<void> = Promise.resolve()
  #heldKinds: readonly Job['kind'][] = []

  private constructor(fs: MemoryFileSystem) {
    this.fs = fs
    const run = (job: unknown) => {
      const { kind } = job as Job
      this.begun.push(kind)
      const isHeld = this.#heldKinds.includes(kind)
      return isHeld ? this.#gate.then(() => runJob(job as Job, fs)) : runJob(job as Job, fs)
    }
    this.env = simulatedEnv({ seed: 1, fs, runJob: run })
    this.events.on('rebalance', (event) => this.rebalances.push(event))
    this.events.on('damage', (event) => this.damages.push(event))
  }

  static async open(
    options: Partial<StoreOptions> = {},
    fs: MemoryFileSystem = new MemoryFileSystem(),
  ): Promise<Tablets> {
    const opened = new Tablets(fs)
    opened.store = await Store.open({ ...OPTIONS, ...options }, opened.env, opened.events)
    return opened
  }

  /** No job of these kinds gets on before the returned function is called. */
  holdJobs(...kinds: Job['kind'][]): () => void {
    this.#heldKinds = kinds
    let letGo!: () => void
    this.#gate = new Promise((resolve) => {
      letGo = resolve
    })
    return () => {
      this.#heldKinds = []
      letGo()
    }
  }

  /** One commit over all tenants. */
  async write(value: string, names: readonly string[] = ['a', 'b', 'c']): Promise<void> {
    await this.store.write((view) => {
      for (const { hash, id } of TENANTS) {
        for (const name of names) {
          view.put(keyOf(hash, id, name), Buffer.from(`${value} of ${id}`))
        }
      }
    })
  }

  split(hash: number, index = 0): Promise<boolean> {
    const { tabletId } = this.store.stats().tablets[index]!
    return this.store.rebalance({ kind: 'split', tabletId, hash, reason: 'asked' })
  }

  merge(index = 0): Promise<boolean> {
    const [left, right] = this.store.stats().tablets.slice(index)
    const [tabletId, nextTabletId] = [left!.tabletId, right!.tabletId]
    return this.store.rebalance({ kind: 'merge', tabletId, nextTabletId, reason: 'asked' })
  }

  sharedCounts(): number[] {
    return this.store
      .stats()
      .tablets.map(({ levels }) => levels.reduce((sum, level) => sum + level.sharedTableCount, 0))
  }

  /** Once those that nobody needs are removed. */
  async tables(): Promise<string[]> {
    for (let i = 0; i < 50; i++) await this.env.clock.yield()
    return this.fs.list('/db').filter((name) => name.endsWith('.sst'))
  }
}

function keyOf(tenantHash: number, tenantId: TenantId, name: string): Uint8Array {
  const writer = new ByteWriter(24)
  writeKeyPrefix(writer, { tenantHash, tenantId, tableId: 10, indexId: 0 })
  writer.raw(Buffer.from(name))
  return writer.finish()
}

/** The values of all tenants, each scanned by itself. */
function contents(view: ReadView): string[] {
  return TENANTS.flatMap(({ hash, id }) => valuesOf(view, hash, id))
}

function valuesOf(view: ReadView, hash: number, id: TenantId): string[] {
  const values: string[] = []
  const lower = keyOf(hash, id, '')
  const scan = view.scan({ lower, upper: keyOf(hash, id, '~') })
  while (scan.next()) values.push(Buffer.from(scan.entry.copyValue()).toString())
  return values
}

function expected(value: string, count = 3): string[] {
  return TENANTS.flatMap(({ id }) => Array.from({ length: count }, () => `${value} of ${id}`))
}

describe('a split', () => {
  test('shares tables and memtables, writes no table, and each half goes on by itself', async () => {
    const tablets = await Tablets.open()
    const { store } = tablets
    await tablets.write('old')
    await store.flush()
    await tablets.write('new', ['a'])
    const before = await tablets.tables()
    const letGo = tablets.holdJobs('flush')
    expect(await tablets.split(MIDDLE)).toBe(true)
    expect(await tablets.tables()).toEqual(before)
    expect(tablets.sharedCounts()).toEqual([1, 1])
    const { tableCount, tableBytes, tablets: both } = store.stats()
    expect([tableCount, tableBytes]).toEqual([1, tablets.fs.fileBytes(`/db/${before[0]}`)])
    expect(both.map(({ hashStart, hashEnd }) => [hashStart, hashEnd])).toEqual([
      [0, MIDDLE],
      [MIDDLE, 2 ** 32],
    ])
    expect(store.stats().rebalances).toEqual({ splitCount: 1, mergeCount: 0 })
    expect(tablets.rebalances).toMatchObject([
      { kind: 'split', reason: 'asked', tabletId: 1, hash: MIDDLE, sharedTableCount: 2 },
    ])
    letGo()
    await store.flush()
    await tablets.write('newest', ['b'])
    const now = TENANTS.flatMap(({ id }) => [`new of ${id}`, `newest of ${id}`, `old of ${id}`])
    expect(contents(store.latest())).toEqual(now)
    await store.compact()
    expect(tablets.sharedCounts()).toEqual([0, 0])
    expect(await tablets.tables()).not.toContain(before[0])
    expect(contents(store.latest())).toEqual(now)
    expect((await store.verify()).problems).toEqual([])
    await store.close()
    const { store: again } = await Tablets.open({}, tablets.fs)
    expect(contents(again.latest())).toEqual(now)
    await again.close()
  })

  test('where there is nothing to split, or the tablet is another one by now, does not take place', async () => {
    const tablets = await Tablets.open()
    await tablets.write('x')
    expect(await tablets.split(0)).toBe(false)
    expect(await tablets.split(MIDDLE)).toBe(true)
    expect(await tablets.split(MIDDLE)).toBe(false)
    const plan = { kind: 'split', tabletId: 99 as never, hash: 5, reason: 'asked' } as const
    expect(await tablets.store.rebalance(plan)).toBe(false)
    const [left, right] = tablets.store.stats().tablets
    const [tabletId, nextTabletId] = [right!.tabletId, left!.tabletId]
    const merge = { kind: 'merge', tabletId, nextTabletId, reason: 'asked' } as const
    expect(await tablets.store.rebalance(merge)).toBe(false)
    await tablets.store.close()
  })

  test('scans, snapshots and transactions that began before go on over splits and merges', async () => {
    const tablets = await Tablets.open({ historyWindowMs: 60_000 })
    const { store } = tablets
    await tablets.write('old')
    await store.flush()
    await tablets.write('old', ['d'])
    const snapshot = store.at(store.readable)
    const transaction = store.begin()
    const { hash, id } = TENANTS[8]!
    const range = { lower: keyOf(hash, id, ''), upper: keyOf(hash, id, '~') }
    const forward = snapshot.scan(range)
    const reverse = snapshot.scan(range, { reverse: true })
    for (const scan of [forward, reverse]) expect(scan.next()).toBe(true)
    const inTransaction = valuesOf(transaction, hash, id)
    await tablets.split(MIDDLE)
    await tablets.write('new')
    await store.compact()
    await tablets.split(TENANTS[9]!.hash, 1)
    await tablets.merge(0)
    await store.compact()
    for (const scan of [forward, reverse]) {
      let count = 1
      for (; scan.next(); count++)
        expect(Buffer.from(scan.entry.copyValue()).toString()).toBe(`old of ${id}`)
      expect(count).toBe(4)
    }
    expect(contents(snapshot)).toEqual(expected('old', 4))
    expect(valuesOf(transaction, hash, id)).toEqual(inTransaction)
    transaction.put(keyOf(hash, id, 'e'), new Uint8Array(1))
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'TXN_CONFLICT' })
    snapshot.close()
    await store.close()
  })

  test('a crash between the flushes of two halves loses nothing of the memtable that they share', async () => {
    const tablets = await Tablets.open()
    const { store, fs } = tablets
    await tablets.write('old')
    await tablets.write('new', ['a'])
    await tablets.split(MIDDLE)
    const images: MemoryFileSystem[] = []
    tablets.events.on('flush', () => images.push(fs.crashImage(new Seeded(1), 'lost')))
    await store.flush()
    expect(images.length).toBe(2)
    const now = contents(store.latest())
    for (const image of images) {
      const { store: again } = await Tablets.open({}, image)
      expect(contents(again.latest())).toEqual(now)
      expect(again.stats().tablets.length).toBe(2)
      await again.close()
    }
    await store.close()
  })

  test('a file that one half alone still has a share of goes when that is rewritten', async () => {
    const tablets = await Tablets.open()
    const { store } = tablets
    await tablets.write('old')
    await store.flush()
    const [shared] = await tablets.tables()
    await tablets.split(MIDDLE)
    await store.compact()
    // Neither has a reason of its own.
    expect(await tablets.tables()).toEqual([shared])
    await store.write((view) => {
      for (const { hash, id } of TENANTS.slice(6)) view.delete(keyOf(hash, id, 'a'))
    })
    await store.compact()
    expect(await tablets.tables()).not.toContain(shared)
    expect(tablets.sharedCounts()).toEqual([0, 0])
    expect((await store.verify()).problems).toEqual([])
    await store.close()
  })

  test('a checkpoint has shared tables once, and its part of shared memtables', async () => {
    const tablets = await Tablets.open()
    const { store, fs } = tablets
    await tablets.write('old')
    await store.flush()
    await tablets.write('new', ['a', 'b', 'c'])
    const letGo = tablets.holdJobs('flush')
    await tablets.split(MIDDLE)
    const making = store.checkpoint('/copy')
    setImmediate(letGo)
    const made = await making
    expect(made.linkedTableCount).toBe(1)
    expect(made.tableCount).toBe(3)
    const { store: copy } = await Tablets.open({ path: '/copy', createIfMissing: false }, fs)
    expect(contents(copy.latest())).toEqual(expected('new'))
    // A tablet with tables of other tenants would not split.
    const { tabletId } = copy.stats().tablets[1]!
    const split = { kind: 'split', tabletId, hash: TENANTS[9]!.hash, reason: 'asked' } as const
    expect(await copy.rebalance(split)).toBe(true)
    expect((await copy.verify()).problems).toEqual([])
    await copy.close()
    await store.close()
  })
})

describe('a merge', () => {
  test('makes whole tables of shares again, and of what was apart one tablet', async () => {
    const tablets = await Tablets.open()
    const { store } = tablets
    await tablets.write('old')
    await store.flush()
    const before = await tablets.tables()
    await tablets.split(MIDDLE)
    await tablets.split(TENANTS[9]!.hash, 1)
    expect(await tablets.merge(1)).toBe(true)
    expect(await tablets.merge(0)).toBe(true)
    expect(tablets.sharedCounts()).toEqual([0])
    expect(await tablets.tables()).toEqual(before)
    expect(contents(store.latest())).toEqual(expected('old'))
    await tablets.split(MIDDLE)
    await tablets.write('new')
    expect(await tablets.merge(0)).toBe(true)
    await tablets.write('newer', ['b'])
    expect(contents(store.latest())).toEqual(
      TENANTS.flatMap(({ id }) => [`new of ${id}`, `newer of ${id}`, `new of ${id}`]),
    )
    await store.compact()
    expect((await store.verify()).problems).toEqual([])
    await store.close()
  })

  test('what is written meanwhile is there, and a crash right behind finds it', async () => {
    const tablets = await Tablets.open()
    const { store, fs } = tablets
    await tablets.write('old')
    await tablets.split(MIDDLE)
    await store.flush()
    // While the manifest is being written.
    let writing: Promise<unknown> | undefined
    fs.syncTurns = (path) => (path.endsWith('.manifest') ? 30 : 1)
    fs.inject = ({ path }) => {
      if (path.endsWith('.manifest')) {
        writing ??= Promise.all(['x', 'y', 'z'].map((name) => tablets.write('new', [name])))
      }
      return undefined
    }
    expect(await tablets.merge(0)).toBe(true)
    fs.inject = undefined
    await writing
    const now = TENANTS.flatMap(({ id }) => [
      ...['a', 'b', 'c'].map(() => `old of ${id}`),
      ...['x', 'y', 'z'].map(() => `new of ${id}`),
    ])
    expect(contents(store.latest())).toEqual(now)
    const { store: again } = await Tablets.open({}, fs.crashImage(new Seeded(2), 'lost'))
    expect(contents(again.latest())).toEqual(now)
    await again.close()
    await store.flush()
    expect(contents(store.latest())).toEqual(now)
    await store.close()
  })
})

test('damage of a shared table is in quarantine for both tablets, and both leave the file alone', async () => {
  const tablets = await Tablets.open()
  const { store, fs } = tablets
  await tablets.write('old')
  await store.flush()
  const path = `/db/${(await tablets.tables())[0]}`
  await tablets.split(MIDDLE)
  const cell = new Uint8Array(1)
  const file = fs.open(path, 'write')
  file.read(cell, 70)
  file.write(Uint8Array.of(cell[0]! ^ 1), 70)
  const { problems } = await store.verify()
  expect(problems).toHaveLength(1)
  const ids = new Set(store.stats().tablets.map(({ tabletId }) => tabletId))
  expect(new Set(store.stats().quarantine.map(({ tabletId }) => tabletId))).toEqual(ids)
  expect(new Set(tablets.damages.map(({ tabletId }) => tabletId))).toEqual(ids)
  for (let i = 0; i < 6; i++) {
    await tablets.write(`new ${i}`, ['b'])
    await store.flush()
  }
  await store.compact()
  expect(fs.exists(path)).toBe(true)
  expect(tablets.sharedCounts()).toEqual([1, 1])
  file.write(cell, 70)
  file.close()
  await store.close()
  const { store: healed } = await Tablets.open({}, fs)
  expect(contents(healed.latest())).toEqual(
    TENANTS.flatMap(({ id }) => [`old of ${id}`, `new 5 of ${id}`, `old of ${id}`]),
  )
  await healed.compact()
  expect((await healed.verify()).problems).toEqual([])
  await healed.close()
})

test('tablets split as they grow and merge when they are idle, within their limits', async () => {
  const balance = { ...OPTIONS.balance!, splitBytes: 6_000, mergeBytes: 3_000, maxCount: 5 }
  const tablets = await Tablets.open({ balance, defaultTabletCount: 2 })
  const { store, rebalances } = tablets
  const text = 'x'.repeat(100)
  for (let i = 0; i < 40; i++) {
    await tablets.write(`${Math.sin(i)} ${text}`, [`n${i}`])
    if (i % 4 === 0) await store.flush()
  }
  await store.compact()
  const grown = store.stats().tablets
  expect(grown.length).toBeGreaterThan(2)
  expect(grown.length).toBeLessThanOrEqual(5)
  expect(new Set(rebalances.map(({ kind, reason }) => `${kind} ${reason}`))).toEqual(
    new Set(['split large']),
  )
  await store.write((view) => {
    for (const { hash, id } of TENANTS) {
      for (let i = 0; i < 40; i++) view.delete(keyOf(hash, id, `n${i}`))
    }
  })
  await store.compact()
  await tablets.write('y', ['last'])
  for (let i = 0; i < 12; i++) {
    tablets.env.clock.advance(60_000)
    for (let turn = 0; turn < 300; turn++) await tablets.env.clock.yield()
  }
  expect(store.stats().tablets.length).toBeLessThan(grown.length)
  expect(store.stats().tablets.length).toBeGreaterThanOrEqual(2)
  expect(contents(store.latest())).toEqual(expected('y', 1))
  await store.close()
})

test('jobs of two tablets run at a time, and a crash when one of them is done loses nothing', async () => {
  const tablets = await Tablets.open({ defaultTabletCount: 3 })
  const { store, fs, events, begun, env } = tablets
  const images: MemoryFileSystem[] = []
  const keepImage = () => images.push(fs.crashImage(new Seeded(1), 'lost'))
  events.on('flush', keepImage)
  events.on('compaction', keepImage)
  const held = async (kind: Job['kind'], work: () => Promise<void>) => {
    begun.length = 0
    const letGo = tablets.holdJobs(kind)
    const working = work()
    for (let turn = 0; turn < 100; turn++) await env.clock.yield()
    expect(begun).toEqual([kind, kind])
    letGo()
    await working
  }
  await tablets.write('old')
  await held('flush', () => store.flush())
  await tablets.write('new')
  await store.flush()
  await held('compaction', () => store.compact())
  expect(images.length).toBe(9)
  for (const [i, image] of images.entries()) {
    const { store: again } = await Tablets.open({ defaultTabletCount: 3 }, image)
    expect(contents(again.latest())).toEqual(expected(i < 3 ? 'old' : 'new'))
    expect((await again.verify()).problems).toEqual([])
    await again.close()
  }
  await store.close()
})

test('a tenant that writes more than compaction keeps up with gets a tablet to itself', async () => {
  const balance = { ...OPTIONS.balance!, hotLevel0Count: 6 }
  const tablets = await Tablets.open({ balance })
  const { store, rebalances } = tablets
  const { hash, id } = TENANTS[4]!
  let letGo = () => {}
  for (let i = 0; i < 14; i++) {
    // Compaction does not keep up, twice.
    if (i % 7 === 0) letGo = tablets.holdJobs('compaction')
    await tablets.write(`${i}`, ['a'])
    await store.write((view) => {
      for (let n = 0; n < 300; n++) {
        view.put(keyOf(hash, id, `hot ${n}`), Buffer.from(`${i * Math.PI * n}`))
      }
    })
    await store.flush()
    if (i % 7 === 6) {
      letGo()
      await store.compact()
    }
  }
  await tablets.tables()
  expect(rebalances.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual([
    'split hot',
    'split hot',
  ])
  expect(store.stats().tablets.map(({ hashStart }) => hashStart)).toEqual([0, hash, hash + 1])
  expect((await store.verify()).problems).toEqual([])
  await store.close()
})
