// rewind: one tenant's rows as they were, as one commit more, while others go on.

import { describe, expect, test } from 'vitest'

import { open, type SeqNum, t, table } from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { Seeded, replayable, seedsOf } from '../model/seeded.js'
import {
  expectCode,
  openShop,
  openWith,
  order,
  type Shop,
  shopTables,
  temporaryDirectory,
} from './db-kit.js'

type Session = ReturnType<Shop['tenant']>

/** Everything of a tenant, by rows, by each index and by SQL. */
async function everything(tenant: Pick<Session, 'orders' | 'counters' | 'query'>) {
  const { orders, counters } = tenant
  return {
    orders: await orders.scan().toArray(),
    byCustomer: await orders.scan({ index: 'byCustomer' }).toArray(),
    byNote: await orders.scan({ index: 'byNote' }).toArray(),
    newestFirst: await orders.scan({ index: 'newestFirst' }).toArray(),
    counters: await counters.scan().toArray(),
    sums: [
      ...(await tenant.query(
        'select customer, count(*) n, sum(amount) s from orders group by 1 order by 1',
      )),
    ],
  }
}

describe('rewind', () => {
  test('gives a tenant its state of a moment again, and leaves others alone', async () => {
    const db = await openShop()
    const [a, b] = [db.tenant('a'), db.tenant('b')]
    for (const tenant of [a, b]) {
      await tenant.orders.insert([1, 2, 3, 4].map((n) => order(n, { note: `note ${n}` })))
      await tenant.counters.insert({ id: 'n', n: 1 })
    }
    const before = await everything(a)
    const to = db.stats().seqNum
    // Unique values change hands; rows go, come and change.
    await a.transact(async (tx) => {
      await tx.orders.update('o-00001', { note: null })
      await tx.orders.update('o-00002', { note: 'note 1' })
      await tx.orders.update('o-00001', { note: 'note 2', customer: 'other' })
    })
    await a.orders.delete('o-00003')
    await a.orders.insert(order(5, { note: 'note 3' }))
    await a.counters.update('n', { n: 2 })
    const after = await everything(a)
    await b.orders.delete('o-00001')
    const other = await everything(b)
    const tables = {
      orders: { inserted: 1, updated: 2, deleted: 1 },
      counters: { inserted: 0, updated: 1, deleted: 0 },
    }
    expect(await a.rewind({ to, dryRun: true })).toEqual({ to, seqNum: undefined, tables })
    expect(await everything(a)).toEqual(after)
    const undone = db.stats().seqNum
    const result = await a.rewind({ to })
    expect(result).toEqual({ to, seqNum: db.stats().seqNum, tables })
    expect(result.seqNum).toBeGreaterThan(undone)
    expect(await everything(a)).toEqual(before)
    expect(await everything(b)).toEqual(other)
    // The states in between are still there, and so is the way back.
    expect(await everything(a.at(undone) as never)).toEqual(after)
    await db.compact()
    await a.rewind({ to: undone })
    expect(await everything(a)).toEqual(after)
    expect(await a.rewind({ to: '-0s' })).toMatchObject({ seqNum: undefined, tables: {} })
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('takes single tables, to before they or the tenant had rows', async () => {
    const db = await openShop()
    const a = db.tenant('a')
    await db.tenant('b').counters.insert({ id: 'n', n: 1 })
    const to = db.stats().seqNum
    await a.counters.insert({ id: 'n', n: 1 })
    await a.orders.insert(order(1))
    const result = await a.rewind({ to, tables: ['counters'] })
    expect(result.tables).toEqual({ counters: { inserted: 0, updated: 0, deleted: 1 } })
    expect([a.counters.getSync('n'), a.orders.getSync('o-00001')?.id]).toEqual([
      undefined,
      'o-00001',
    ])
    await a.rewind({ to: '-1h' })
    expect(a.orders.getSync('o-00001')).toBeUndefined()
    expect(db.tenant('b').counters.getSync('n')).toBeDefined()
    expect(await db.tenant('nobody').rewind({ to })).toEqual({ to, seqNum: undefined, tables: {} })
  })

  test('is refused whole', async () => {
    const db = await openShop({ historyWindowMs: 0 })
    const a = db.tenant('a')
    const first = await a.counters.insert({ id: 'n', n: 1 })
    await a.counters.update('n', { n: 2 })
    await db.flush()
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => a.rewind({ to: first }))
    await expectCode('ARGUMENT_INVALID', () => a.rewind({ to: 'then' }))
    await expectCode('ARGUMENT_INVALID', () => a.rewind(undefined as never))
    await expectCode('ARGUMENT_INVALID', () => a.rewind({ to: '-0s', tables: ['order'] as never }))
    await expectCode('ARGUMENT_INVALID', () => a.rewind({ to: '-0s', tables: 'orders' as never }))
    await expectCode('OPTION_UNKNOWN', () => a.rewind({ to: '-0s', dry: true } as never))
    expect(a.counters.getSync('n')).toEqual({ id: 'n', n: 2 })
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('that does not fit into one commit says so, and does nothing', async () => {
    const large = table('large', { id: t.int(), bytes: t.bytes() }, { primaryKey: ['id'] })
    const db = await openWith({
      large,
      small: table('small', { id: t.int() }, { primaryKey: ['id'] }),
    })
    const a = db.tenant('a')
    await a.small.insert({ id: 1 })
    const bytes = new Uint8Array(14 << 20)
    for (let id = 0; id < 5; id++) await a.large.insert({ id, bytes })
    const to = db.stats().seqNum
    await a.query('delete from large')
    await a.small.delete(1)
    const error = await expectCode('TXN_TOO_LARGE', () => a.rewind({ to }))
    expect(error.message).toContain('`tables`')
    expect(a.small.getSync(1)).toBeUndefined()
    await a.rewind({ to, tables: ['small'] })
    expect(a.small.getSync(1)).toEqual({ id: 1 })
  })

  test('keeps the tables of now: new columns get defaults, new indexes their entries', async () => {
    const path = temporaryDirectory()
    const narrow = table('items', { id: t.int(), sku: t.text() }, { primaryKey: ['id'] })
    const columns = { id: t.int(), sku: t.text(), stock: t.int().default(5) }
    const one = await open({ path, tables: { items: narrow } })
    const { items: was } = one.tenant('a')
    await was.insert([1, 2, 3].map((id) => ({ id, sku: 'same' })))
    const twins = one.stats().seqNum
    await was.upsert([1, 2, 3].map((id) => ({ id, sku: `s-${id}` })))
    const to = one.stats().seqNum
    await one.close()
    const indexes = { bySku: { columns: ['sku'], unique: true } } as const
    const wide = table('items', columns, { primaryKey: ['id'], indexes })
    const db = await openWith({ items: wide }, { path })
    const a = db.tenant('a')
    await a.items.upsert([
      { id: 1, sku: 's-2x', stock: 0 },
      { id: 4, sku: 's-4' },
    ])
    await a.items.delete(2)
    await a.rewind({ to })
    const expected = [1, 2, 3].map((id) => ({ id, sku: `s-${id}`, stock: 5 }))
    expect(await a.items.scan().toArray()).toEqual(expected)
    expect(await a.items.scan({ index: 'bySku' }).toArray()).toEqual(expected)
    // Before the unique index was built its rows were free to be alike.
    await expectCode('ROW_UNIQUE_VIOLATION', () => a.rewind({ to: twins }))
    expect(await a.items.scan({ index: 'bySku' }).toArray()).toEqual(expected)
  })

  test('is serializable against writers of its tenant, and comes through however busy they are', async () => {
    const db = await openShop()
    const a = db.tenant('a')
    await a.orders.insert(Array.from({ length: 2000 }, (_, n) => order(n)))
    const to = db.stats().seqNum
    await a.query("update orders set status = 'paid'")
    const writing = new AbortController()
    let n = 0
    const writers = ['a', 'b'].map(async (name) => {
      while (!writing.signal.aborted) await db.tenant(name).orders.upsert(order(5000 + (n++ % 50)))
    })
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    const { seqNum, tables } = await a.rewind({ to })
    clearInterval(counting)
    writing.abort()
    await Promise.all(writers)
    expect(tables['orders']!.updated).toBe(2000)
    // Others had their turn again and again.
    expect(turns).toBeGreaterThan(5)
    // Right behind its commit nothing differs: no write of the tenant slipped in between.
    expect(await a.orders.diff(to, seqNum!).toArray()).toEqual([])
    expect(await db.tenant('b').orders.diff(to, seqNum!).first()).toBeDefined()
  })

  test('is there whole or not at all after a power cut', async () => {
    const fs = new MemoryFileSystem()
    const openOn = (of: MemoryFileSystem) =>
      open({ path: '/db', tables: shopTables }, { env: memoryEnv({ fs: of }) })
    const db = await openOn(fs)
    const a = db.tenant('a')
    await a.orders.insert(Array.from({ length: 300 }, (_, n) => order(n, { note: `n-${n}` })))
    const to = db.stats().seqNum
    const wanted = await everything(a)
    await a.query("update orders set status = 'paid', customer = 'all'")
    await a.query("delete from orders where id < 'o-00100'")
    const undone = await everything(a)
    await db.close()
    const outcomes = new Set<string>()
    for (const seed of seedsOf(10, 1)) {
      await replayable(seed, async () => {
        const random = new Seeded(seed)
        const running = fs.clone()
        const victim = await openOn(running)
        // The first commit after an opening makes the log go on: more calls than those of a commit.
        running.cutPowerAt(running.callCount + 1 + random.below(24))
        const isDone = await victim
          .tenant('a')
          .rewind({ to })
          .then(() => true)
          .catch(() => false)
        const image = running.crashImage(random)
        await victim.close().catch(() => undefined)
        const found = await openOn(image)
        const state = await everything(found.tenant('a'))
        const isRewound = state.orders.length === wanted.orders.length
        expect(state).toEqual(isRewound ? wanted : undone)
        if (isDone) expect(isRewound).toBe(true)
        outcomes.add(isRewound ? 'rewound' : 'as it was')
        await found.close()
      })
    }
    if (process.env['SEED'] === undefined) expect(outcomes.size).toBe(2)
  })

  test('restores random histories, all indexes included', async () => {
    for (const seed of seedsOf(4, 1)) {
      await replayable(seed, async () => {
        const random = new Seeded(seed)
        const db = await open({ path: '/db', tables: shopTables }, { env: memoryEnv({ seed }) })
        const a = db.tenant('a')
        const moments: { seqNum: SeqNum; state: unknown }[] = []
        for (let step = 0; step < 120; step++) {
          const n = random.below(12)
          const note = random.chance(0.5) ? `note ${random.below(8)}` : null
          const row = order(n, { note, customer: `c-${random.below(3)}` })
          const roll = random.below(10)
          const ignoreTaken = (error: { code?: string }) =>
            expect(error.code).toBe('ROW_UNIQUE_VIOLATION')
          if (roll < 5) await a.orders.upsert(row).catch(ignoreTaken)
          else if (roll < 7) await a.orders.delete(row.id)
          else if (roll < 8) await a.counters.upsert({ id: `c${n}`, n: step })
          else if (roll < 9) await (random.chance(0.5) ? db.flush() : db.compact())
          else if (moments.length > 0) {
            const { seqNum, state } = random.pick(moments)
            await a.rewind({ to: seqNum })
            expect(await everything(a)).toEqual(state)
          }
          if (random.chance(0.2))
            moments.push({ seqNum: db.stats().seqNum, state: await everything(a) })
        }
        await db.close()
      })
    }
  })
})
