// The everyday calls of a tenant: rows in and out, scans, streams.

import { describe, expect, test } from 'vitest'

import { collect, counters, expectCode, openShop, openWith, order, type Shop } from './db-kit.js'

async function filled(rowCount: number): Promise<Shop> {
  const db = await openShop()
  await db.tenant('a').orders.insert(Array.from({ length: rowCount }, (_, n) => order(n)))
  return db
}

const idsOf = (rows: readonly { readonly id: string }[]) =>
  rows.map(({ id }) => Number(id.slice(2)))

describe('rows', () => {
  test('are inserted, read, changed and deleted', async () => {
    const db = await openShop()
    const { orders } = db.tenant('a')
    const seqNum = await orders.insert(order(1))
    expect(seqNum).toBe(db.stats().seqNum)
    const row = { ...order(1), status: 'placed', note: null }
    expect(await orders.get('o-00001')).toEqual(row)
    expect(await orders.get(['o-00001'])).toEqual(row)
    expect(orders.getSync('o-00001')).toEqual(row)
    expect(await orders.update('o-00001', { status: 'paid', note: undefined })).toBe(true)
    expect(orders.getSync('o-00001')).toEqual({ ...row, status: 'paid' })
    expect(await orders.update('o-00001', { id: 'o-moved', customer: 'c-9' })).toBe(true)
    expect(orders.getSync('o-00001')).toBeUndefined()
    expect(await orders.scan({ index: 'byCustomer', prefix: ['c-1'] }).toArray()).toEqual([])
    expect(await orders.scan({ index: 'byCustomer', prefix: ['c-9'] }).first()).toMatchObject({
      id: 'o-moved',
      status: 'paid',
    })
    await orders.upsert(order(1, { id: 'o-moved' }))
    expect(orders.getSync('o-moved')).toEqual({ ...row, id: 'o-moved' })
    expect(await orders.delete('o-moved')).toBe(true)
    expect(await orders.delete('o-moved')).toBe(false)
    expect(await orders.update('o-moved', { status: 'paid' })).toBe(false)
    for (const index of ['byCustomer', 'byNote', 'newestFirst'] as const) {
      expect(await orders.scan({ index }).toArray()).toEqual([])
    }
  })

  test('take effect in the order of the calls, also for a tenant that is new', async () => {
    const db = await openShop()
    const fresh = db.tenant('new')
    const results = await Promise.all([
      fresh.counters.insert({ id: 'x', n: 1 }),
      fresh.counters.update('x', { n: 2 }),
      fresh.counters.upsert({ id: 'y', n: 1 }),
      fresh.counters.delete('y'),
      fresh.counters.delete('y'),
      db.tenant('new').counters.update('x', { n: 3 }),
    ])
    expect(results.slice(3)).toEqual([true, false, true])
    expect(await fresh.counters.scan().toArray()).toEqual([{ id: 'x', n: 3 }])
  })

  test('an answer never tells of a commit that reads do not show yet', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'x', n: 1 })
    const first = shop.counters.delete('x')
    expect(await shop.counters.delete('x')).toBe(false)
    expect(shop.counters.getSync('x')).toBeUndefined()
    expect(await first).toBe(true)
  })

  test('of two concurrent inserts of one unique value exactly one wins', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const attempt = (n: number) =>
      n % 2 === 0
        ? shop.orders.insert(order(n, { note: 'one and only' }))
        : shop.transact(async (tx) => tx.orders.insert(order(n, { note: 'one and only' })))
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => attempt(n)))
    const losers = results.filter(({ status }) => status === 'rejected')
    expect(losers).toHaveLength(19)
    for (const loser of losers) {
      expect(loser).toMatchObject({ reason: { code: 'ROW_UNIQUE_VIOLATION' } })
    }
    expect(await shop.orders.scan().toArray()).toHaveLength(1)
    expect(await shop.orders.scan({ index: 'byNote' }).toArray()).toHaveLength(1)
  })
})

describe('scans', () => {
  test('follow bounds, prefix, direction and limit', async () => {
    const db = await filled(50)
    const { orders } = db.tenant('a')
    const scan = async (options: Parameters<typeof orders.scan>[0]) =>
      idsOf(await orders.scan(options).toArray())
    expect(await scan({ gt: 'o-00045' })).toEqual([46, 47, 48, 49])
    expect(await scan({ gte: 'o-00045', lt: 'o-00048' })).toEqual([45, 46, 47])
    expect(await scan({ gt: 'o-00045', lte: 'o-00048' })).toEqual([46, 47, 48])
    expect(await scan({ lt: 'o-00003', reverse: true })).toEqual([2, 1, 0])
    expect(await scan({ gte: 'o-00048', lt: 'o-00003' })).toEqual([])
    expect(await scan({ reverse: true, limit: 3 })).toEqual([49, 48, 47])
    expect(await scan({ prefix: ['o-00007'] })).toEqual([7])
    expect(await scan({ prefix: ['o-0'] })).toEqual([])
    const byCustomer = { index: 'byCustomer', prefix: ['c-3'] } as const
    expect(await scan(byCustomer)).toEqual([3, 10, 17, 24, 31, 38, 45])
    expect(await scan({ ...byCustomer, reverse: true, limit: 2 })).toEqual([45, 38])
    const { at } = order(24)
    expect(await scan({ ...byCustomer, gte: at })).toEqual([24, 31, 38, 45])
    expect(await scan({ ...byCustomer, gt: at, lt: order(45).at })).toEqual([31, 38])
    expect(await scan({ index: 'byCustomer', gte: 'c-5', lte: 'c-5' })).toHaveLength(7)
    expect(await scan({ index: 'newestFirst', limit: 3 })).toEqual([49, 48, 47])
    expect(await scan({ index: 'newestFirst', lt: order(3).at })).toEqual([2, 1, 0])
    expect(await scan({ index: 'byNote', prefix: [null] })).toHaveLength(50)
  })

  test('answer the same from memory, from tables, and from both', async () => {
    const db = await filled(300)
    const { orders } = db.tenant('a')
    const answers = async () => [
      await orders.scan({ index: 'byCustomer', prefix: ['c-2'], reverse: true }).toArray(),
      await orders.scan({ gte: 'o-00100', limit: 40 }).toArray(),
      await orders.get('o-00123'),
    ]
    const before = await answers()
    await db.flush()
    expect(await answers()).toEqual(before)
    await orders.upsert(order(123, { status: 'paid' }))
    await orders.upsert(order(123))
    await orders.delete('o-00101')
    await orders.insert(order(101))
    expect(await answers()).toEqual(before)
    await db.compact()
    expect(await answers()).toEqual(before)
  })

  test('see one snapshot from the first row to the last', async () => {
    const db = await filled(1000)
    const { orders } = db.tenant('a')
    let seen = 0
    for await (const row of orders.scan()) {
      if (seen === 10) {
        await orders.delete('o-00900')
        await orders.upsert(order(901, { status: 'shipped' }))
        await orders.insert(order(5000))
      }
      expect(row.status).toBe('placed')
      seen++
    }
    expect(seen).toBe(1000)
  })

  test('come in batches, as an array, or as the first row', async () => {
    const db = await filled(600)
    const stream = db.tenant('a').orders.scan()
    const sizes = (await collect(stream.batches(250))).map(({ length }) => length)
    expect(sizes).toEqual([250, 250, 100])
    expect(await stream.toArray()).toHaveLength(600)
    expect(await stream.toArray({ limit: 7 })).toHaveLength(7)
    expect((await stream.first())?.id).toBe('o-00000')
    const limited = db.tenant('a').orders.scan({ limit: 300 })
    expect(await collect(limited)).toHaveLength(300)
    expect(await limited.toArray({ limit: 1000 })).toHaveLength(300)
    expect(await db.tenant('b').orders.scan().first()).toBeUndefined()
  })

  test('free their snapshot however they end', async () => {
    const db = await filled(600)
    const { orders } = db.tenant('a')
    const openCount = () => db.stats().openSnapshotCount
    for await (const _ of orders.scan()) {
      expect(openCount()).toBe(1)
      break
    }
    expect(openCount()).toBe(0)
    await expect(async () => {
      for await (const _ of orders.scan()) throw new Error('enough')
    }).rejects.toThrow('enough')
    for await (const batch of orders.scan({ index: 'byCustomer' }).batches(10)) {
      expect(batch).toHaveLength(10)
      break
    }
    await orders.scan({ limit: 5 }).toArray()
    await orders.scan().first()
    orders.scan()
    await expectCode('KEY_TOO_LARGE', () => orders.get('x'.repeat(3000)))
    await db.tenant('a').sql`select count(*) from orders`
    await expectCode('SQL_UNKNOWN_NAME', () => db.tenant('a').sql`select nope from orders`)
    await expect(
      db.tenant('a').transact(async (tx) => {
        for await (const _ of tx.orders.scan()) throw new Error('enough')
      }),
    ).rejects.toThrow('enough')
    expect(openCount()).toBe(0)
  })
})

test('tables of stored databases are there at run time without being declared', async () => {
  const db = await openWith({ counters })
  await db.tenant('a').counters.insert({ id: 'x', n: 1 })
  expect(db.tables().map(({ name }) => name)).toEqual(['counters'])
  expect(Object.keys(db.tenant('a'))).toContain('counters')
})
