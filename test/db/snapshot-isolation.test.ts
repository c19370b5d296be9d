// Snapshot isolation: the first of two writers wins, readers are not looked at, and what is unique stays so.

import { expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { expectCode, openShop, order, type Shop } from './db-kit.js'

type Transaction = Parameters<Parameters<ReturnType<Shop['tenant']>['transact']>[0]>[0]
type Step = (tx: Transaction) => unknown

const ONCE = { isolation: 'snapshot', retryMaxCount: 0 } as const

/** Two transactions: both begin, the first commits, then the second writes and commits. */
async function overtaken(db: Shop, tenant: string, first: Step, second: Step): Promise<void> {
  const shop = db.tenant(tenant)
  const hasBegun = new Deferred<void>()
  const isCommitted = new Deferred<void>()
  const late = shop.transact(async (tx) => {
    await tx.counters.get('any')
    hasBegun.resolve()
    await isCommitted.promise
    await second(tx)
  }, ONCE)
  await hasBegun.promise
  await shop.transact(first, ONCE)
  isCommitted.resolve()
  await late
}

const shopWithRows = async () => {
  const db = await openShop()
  await db.tenant('a').counters.insert([
    { id: 'x', n: 1 },
    { id: 'y', n: 1 },
  ])
  await db.tenant('a').orders.insert([order(1, { note: 'one' }), order(2, { note: 'two' })])
  return db
}

/** Each time the second transaction is too late. */
const RACES: Readonly<Record<string, readonly [Step, Step]>> = {
  'two updates of a row': [
    (tx) => tx.counters.update('x', { n: 2 }),
    (tx) => tx.counters.update('x', { n: 3 }),
  ],
  'a blind write over an update': [
    (tx) => tx.counters.update('x', { n: 2 }),
    (tx) => tx.counters.upsert({ id: 'x', n: 3 }),
  ],
  'an update of a row that was deleted': [
    (tx) => tx.counters.delete('x'),
    (tx) => tx.counters.update('x', { n: 3 }),
  ],
  'a deletion of a row that was updated': [
    (tx) => tx.counters.update('x', { n: 2 }),
    (tx) => tx.sql`delete from counters where n = 1`,
  ],
  'two rows with one primary key': [
    (tx) => tx.counters.insert({ id: 'z', n: 1 }),
    (tx) => tx.counters.insert({ id: 'z', n: 2 }),
  ],
  'two rows with one value of a unique index': [
    (tx) => tx.orders.insert(order(3, { note: 'taken' })),
    (tx) => tx.orders.insert(order(4, { note: 'taken' })),
  ],
  'two rows that move to one value of a unique index': [
    (tx) => tx.orders.update('o-00001', { note: 'taken' }),
    (tx) => tx.sql`update orders set note = 'taken' where id = 'o-00002'`,
  ],
}

test.each(Object.entries(RACES))('%s conflict', async (_name, [first, second]) => {
  const db = await shopWithRows()
  const error = await expectCode('TXN_CONFLICT', () => overtaken(db, 'a', first, second))
  expect(error.committed).toBe('no')
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('two transactions that make one tenant conflict, and a retry finds it', async () => {
  const db = await openShop()
  const insert = (id: string) => (tx: Transaction) => tx.counters.insert({ id, n: 1 })
  const isFirstCommitted = new Deferred<void>()
  const second = db.tenant('new').transact(async (tx) => {
    await insert('y')(tx)
    await isFirstCommitted.promise
  }, ONCE)
  await db.tenant('new').transact(insert('x'), ONCE)
  isFirstCommitted.resolve()
  await expectCode('TXN_CONFLICT', () => second)
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      db.tenant('newer').transact(insert(`${n}`), { isolation: 'snapshot' }),
    ),
  )
  expect(db.tenants()).toEqual(['new', 'newer'])
  expect(await db.tenant('newer').counters.scan().toArray()).toHaveLength(20)
})

test('what was read may change: write skew and phantoms are possible', async () => {
  const db = await shopWithRows()
  await overtaken(
    db,
    'a',
    (tx) => tx.counters.update('x', { n: 0 }),
    async (tx) => {
      expect((await tx.counters.get('x'))?.n).toBe(1)
      expect(await tx.sql`select sum(n) as n from counters`).toEqual([{ n: 2 }])
      await tx.counters.update('y', { n: 0 })
    },
  )
  expect(await db.tenant('a').sql`select sum(n) as n from counters`).toEqual([{ n: 0 }])
  await overtaken(
    db,
    'a',
    (tx) => tx.orders.insert(order(3, { customer: 'c' })),
    async (tx) => {
      const path = { index: 'byCustomer', prefix: ['c'] } as const
      expect(await tx.orders.scan(path).toArray()).toEqual([])
      await tx.orders.insert(order(4, { customer: 'c' }))
    },
  )
  expect(await db.tenant('a').orders.scan().toArray()).toHaveLength(4)
})

test('a write that was taken back is no write', async () => {
  const db = await shopWithRows()
  await overtaken(
    db,
    'a',
    (tx) => tx.orders.insert(order(5)),
    async (tx) => {
      await expectCode('ROW_UNIQUE_VIOLATION', () =>
        tx.orders.insert([order(5), order(6, { note: 'one' })]),
      )
      await tx.orders.insert(order(7))
    },
  )
  expect(await db.tenant('a').orders.scan().toArray()).toHaveLength(4)
})
