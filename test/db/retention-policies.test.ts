// When policies of tenants are read, and what jobs get of them. What they promise is in retention.test.ts.

import { describe, expect, test } from 'vitest'

import { engineError } from '../../dist/base/errors.js'
import { EventSource } from '../../dist/base/events.js'
import { SEQ_NUM_ZERO, type SeqNum, type TenantId } from '../../dist/base/ids.js'
import { putTenantRetention } from '../../dist/catalog/retention.js'
import { ByteWriter } from '../../dist/codec/bytes.js'
import { tenantHashOf, writeKeyPrefix } from '../../dist/codec/tenant-key.js'
import type { Watermarks } from '../../dist/lsm/watermarks.js'
import { Store } from '../../dist/store/store.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Seeded } from '../model/seeded.js'
import { storeOptions } from '../model/store-driver.js'
import { expectCode } from './db-kit.js'
import { grow, HOUR_MS, World } from './retention-world.js'

describe('policies of tenants', () => {
  const shop = { id: 7 as TenantId, hash: tenantHashOf('shop') }
  const rowKey = keyOf(shop.hash, shop.id)
  const policy = {
    tenantHash: shop.hash,
    tenantId: shop.id,
    windowMs: 100 * HOUR_MS,
    floor: SEQ_NUM_ZERO,
    heldFrom: undefined,
    tables: new Map(),
  }
  const put = (store: Store, n: number) => store.write((view) => view.put(rowKey, Uint8Array.of(n)))

  test('are read when somebody asks for the past, or a job begins, and once', async () => {
    const world = new World()
    const store = await openStore(world)
    let readCount = 0
    const readTenants = (from: number) => {
      readCount++
      return from === 0 ? [policy] : []
    }
    store.history.use({ tables: new Map(), readTenants })
    const first = await put(store, 0)
    await put(store, 1)
    store.at(store.readable).close()
    expect(store.history.ofTable(undefined, 16)).toBe(0)
    expect(readCount).toBe(0)
    await store.flush()
    expect(readCount, 'one, and that there are no more').toBe(2)
    store.at(first).close()
    expect(store.history.windowMsOf(shop.id, 16)).toBe(policy.windowMs)
    expect(readCount).toBe(2)
    await store.close()
  })

  test('before anything is known of them a job drops nothing', async () => {
    const world = new World()
    const store = await openStore(world, { historyWindowMs: 0 })
    for (let n = 0; n < 4; n++) await put(store, n)
    world.env.clock.advance(HOUR_MS)
    await store.flush()
    await store.compact()
    store.history.use({ tables: new Map(), readTenants: (from) => (from === 0 ? [policy] : []) })
    expect(store.versions(rowKey)).toHaveLength(4)
    await store.close()
  })

  test('where they cannot be read nothing is dropped, and the past is not answered', async () => {
    const world = new World()
    const events = new EventSource()
    const errors: string[] = []
    events.on('error', ({ where }) => errors.push(where))
    let store = await openStore(world)
    const first = await put(store, 0)
    for (let n = 1; n < 4; n++) await put(store, n)
    await store.close()
    store = await openStore(world, { historyWindowMs: 0 }, events)
    let isDamaged = true
    const readTenants = (from: number) => {
      if (isDamaged && from > 0) throw engineError('ROW_CORRUPT', 'a policy cannot be decoded')
      return from === 0 ? [policy] : []
    }
    store.history.use({ tables: new Map(), readTenants })
    for (let n = 4; n < 8; n++) await put(store, n)
    world.env.clock.advance(HOUR_MS)
    await store.flush()
    await store.compact()
    expect(new Set(errors)).toEqual(new Set(['policies of tenants']))
    await expectCode('ROW_CORRUPT', () => store.at(first))
    await expectCode('ROW_CORRUPT', () => store.versions(rowKey))
    await expectCode('ROW_CORRUPT', () => store.history.change(() => Promise.resolve()))
    expect(store.snapshots.list()).toEqual([])
    isDamaged = false
    expect(store.versions(rowKey)).toHaveLength(8)
    await store.close()
  })

  test('spare no history that is gone for a snapshot that was opened before they were read', async () => {
    const world = new World()
    let db = await world.open(0)
    await db.tenant('shop').setRetention({ historyWindowMs: 0 })
    const seqNum = await db.tenant('shop').sessions.insert({ id: 's', n: 0 })
    await grow(world, db, ['shop'], 3)
    await world.close(db)
    db = await world.open(0)
    const early = db.pin({ owner: 'early', maxAgeMs: 5 * HOUR_MS, at: seqNum })
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => db.tenant('shop').at(seqNum).sessions.get('s'))
    early.close()
    await world.close(db)
  })

  test('while a policy changes floors stand still, also for jobs that begin meanwhile', async () => {
    const world = new World()
    const store = await openStore(world)
    const window = (windowMs: number) => ({ windowMs, windowsMs: new Map(), holds: [] })
    const change = (windowMs: number) =>
      store.history.change(async () => {
        let next!: ReturnType<typeof putTenantRetention>
        await store.write((view) => {
          next = putTenantRetention(view, store.history, shop, window(windowMs))
        })
        // It is stored, and not yet in force.
        world.env.clock.advance(HOUR_MS)
        await store.flush()
        expect(store.history.of(rowKey)).toBe(next.floor)
        store.history.setTenant(next)
      })
    store.history.use({ tables: new Map(), readTenants: () => [] })
    await change(0)
    for (let n = 0; n < 4; n++) await store.write((view) => view.put(rowKey, Uint8Array.of(n)))
    await change(100 * HOUR_MS)
    await store.flush()
    expect(store.versions(rowKey)).toHaveLength(4)
    await store.close()
  })

  test('that change at once share commits of the log, and the last of a tenant is in force', async () => {
    const world = new World()
    let db = await world.open()
    const names = Array.from({ length: 300 }, (_, i) => `tenant ${i}`)
    let syncCount = 0
    world.fs.inject = ({ name, path }) => {
      if (name.startsWith('sync') && path.endsWith('.wal')) syncCount++
      return undefined
    }
    const hold = { name: 'case', reason: 'one of two' }
    const holds = [1, 2].map(() => db.tenant(names[0]!).placeHold(hold))
    const windows = names.flatMap((name, i) =>
      [5, 1].map((n) => db.tenant(name).setRetention({ historyWindowMs: n * 1000 + i })),
    )
    const outcomes = await Promise.allSettled(holds)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await Promise.all(windows)
    expect(syncCount).toBeLessThan(30)
    for (const isReopened of [false, true]) {
      if (isReopened) {
        await world.close(db)
        db = await world.open()
      }
      for (const [i, name] of names.entries()) {
        const { own, tables } = db.tenant(name).retention()
        expect(own.historyWindowMs).toBe(1000 + i)
        expect(tables['orders']!.historyWindowMs).toBe(1000 + i)
        expect(db.tenant(name).holds()).toHaveLength(i === 0 ? 1 : 0)
      }
    }
    await world.close(db)
  })

  test('are in force by the order of their commits, not by that in which they become known', async () => {
    const store = await openStore(new World())
    store.history.use({ tables: new Map(), readTenants: () => [] })
    store.history.setTenant({ ...policy, windowMs: 2 }, 20 as SeqNum)
    store.history.setTenant({ ...policy, windowMs: 1 }, 10 as SeqNum)
    expect(store.history.windowMsOf(shop.id, 16)).toBe(2)
    store.history.setTable(16, { windowMs: 5, floor: SEQ_NUM_ZERO })
    store.history.setTenant({ ...policy, windowMs: 1 }, 10 as SeqNum)
    expect(store.history.windowMsOf(shop.id, 16)).toBe(2)
    await store.close()
  })

  test('many are stored, each is read, and none twice', async () => {
    const world = new World()
    let db = await world.open()
    const names = Array.from({ length: 450 }, (_, i) => `tenant ${i}`)
    const windowOf = (i: number) => ({ historyWindowMs: (i + 1) * 1000 })
    for (const [i, name] of names.entries()) await db.tenant(name).setRetention(windowOf(i))
    for (const isJobFirst of [true, false]) {
      await world.close(db)
      db = await world.open()
      if (isJobFirst) {
        await db.tenant('tenant 0').orders.upsert({ id: 'o', n: 1 })
        await db.flush()
      }
      for (const [i, name] of names.entries()) {
        const { own, tables } = db.tenant(name).retention()
        expect([own.historyWindowMs, tables['orders']!.historyWindowMs]).toEqual([
          windowOf(i).historyWindowMs,
          windowOf(i).historyWindowMs,
        ])
      }
    }
    await world.close(db)
  })

  test('ten thousand tenants: a job gets those of its tablet, packed', async () => {
    const world = new World()
    const tenantCount = 10_000
    const store = await openStore(world)
    const tenants = Array.from({ length: tenantCount }, (_, i) => ({
      id: (i + 1) as TenantId,
      hash: tenantHashOf(`tenant ${i}`),
    }))
    const policies: ReturnType<typeof putTenantRetention>[] = []
    await store.write((view) => {
      for (const tenant of tenants) {
        const given = { windowMs: tenant.id, windowsMs: new Map([[16, 5]]), holds: [] }
        policies.push(putTenantRetention(view, store.history, tenant, given))
      }
    })
    // By their ids, which begin with 1.
    const readTenants = (from: number) => policies.slice(Math.max(0, from - 1)).slice(0, 700)
    store.history.use({ tables: new Map(), readTenants })
    await store.write((view) => {
      for (const { id, hash } of tenants.slice(0, 50)) view.put(keyOf(hash, id), new Uint8Array(1))
    })
    world.env.clock.advance(1000)
    world.jobs.length = 0
    await store.flush()
    const lists = world.jobs.map(({ watermarks }) => watermarks)
    expect(lists).toHaveLength(4)
    const entryCount = lists.reduce((sum, { ofPrefixes }) => sum + ofPrefixes.length, 0)
    expect(entryCount).toBe(tenantCount * 2)
    const bytesOf = ({ prefixes, ofPrefixes }: Watermarks) =>
      prefixes.length + ofPrefixes.byteLength
    expect(Math.max(...lists.map(bytesOf))).toBeLessThan(0.3 * tenantCount * 2 * 20)
    await store.close()
  })
})

/** A store of which nothing is said yet. */
function openStore(
  { env }: World,
  given: Partial<StoreOptions> = {},
  events = new EventSource(),
): Promise<Store> {
  const options = { ...storeOptions(new Seeded(1)), path: '/store', defaultTabletCount: 4 }
  return Store.open({ ...options, hasPolicies: true, ...given }, env, events)
}

function keyOf(tenantHash: number, tenantId: TenantId): Uint8Array {
  const writer = new ByteWriter(16)
  writeKeyPrefix(writer, { tenantHash, tenantId, tableId: 16, indexId: 0 })
  return writer.finish()
}
