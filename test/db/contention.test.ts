// Transactions that meet: nothing is lost, nothing is sold twice, no anomaly of weaker isolation shows.

import { describe, expect, test } from 'vitest'

import { errorOf, expectCode, openShop, order, type Shop } from './db-kit.js'

type Transaction = Parameters<Parameters<ReturnType<Shop['tenant']>['transact']>[0]>[0]

/** Lets two transactions both read before either writes. */
function meeting(count: number): () => Promise<void> {
  let release!: () => void
  const all = new Promise<void>((resolve) => {
    release = resolve
  })
  let arrivedCount = 0
  return () => {
    arrivedCount++
    if (arrivedCount === count) release()
    return all
  }
}

const increment = (db: Shop, tenant: string) =>
  db.tenant(tenant).transact(async (tx) => {
    const { n } = (await tx.counters.get('n')) ?? { n: 0 }
    await tx.counters.upsert({ id: 'n', n: n + 1 })
  })

describe('conflicts', () => {
  test('are retried until every increment counts, also on a tenant that is new', async () => {
    const db = await openShop()
    await Promise.all(Array.from({ length: 50 }, () => increment(db, 'a')))
    expect(db.tenant('a').counters.getSync('n')).toEqual({ id: 'n', n: 50 })
    expect(db.tenants()).toEqual(['a'])
  })

  const LOOKS: Readonly<Record<string, (tx: Transaction) => Promise<{ n: number }>>> = {
    get: async (tx) => (await tx.counters.get('stock'))!,
    getForUpdate: async (tx) => (await tx.counters.getForUpdate('stock'))!,
    sql: async (tx) => (await tx.sql<{ n: number }>`select n from counters where id = 'stock'`)[0]!,
  }

  test.each(Object.entries(LOOKS))(
    'sell 100 units to exactly 100 of 1,000 buyers who come at once: by %s',
    async (_name, look) => {
      const db = await openShop()
      const shop = db.tenant('a')
      await shop.counters.insert({ id: 'stock', n: 100 })
      const checkout = (n: number) =>
        shop.transact(async (tx) => {
          const { n: left } = await look(tx)
          if (left === 0) return false
          await tx.counters.update('stock', { n: left - 1 })
          await tx.orders.insert(order(n))
          return true
        })
      const sold = await Promise.all(Array.from({ length: 1000 }, (_, n) => checkout(n)))
      expect(sold.filter(Boolean)).toHaveLength(100)
      expect(shop.counters.getSync('stock')).toEqual({ id: 'stock', n: 0 })
      expect(await shop.orders.scan().toArray()).toHaveLength(100)
      expect(await shop.orders.scan({ index: 'byCustomer' }).toArray()).toHaveLength(100)
    },
  )

  test('let 64 clients of one row get through with one retry each, in any way', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'stock', n: 0 })
    let mostRuns = 0
    const client = async (look: (typeof LOOKS)[string]) => {
      for (let i = 0; i < 4; i++) {
        let runCount = 0
        await shop.transact(async (tx) => {
          runCount++
          await tx.counters.update('stock', { n: (await look(tx)).n + 1 })
        })
        mostRuns = Math.max(mostRuns, runCount)
      }
    }
    const looks = Object.values(LOOKS)
    await Promise.all(Array.from({ length: 64 }, (_, n) => client(looks[n % looks.length]!)))
    expect(shop.counters.getSync('stock')?.n).toBe(256)
    expect(mostRuns).toBe(2)
  })

  test('let 64 clients who read a range and write into it get through, within the default retries', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'first', n: 0 })
    const client = async (n: number) => {
      for (let i = 0; i < 3; i++) {
        await shop.transact(async (tx) => {
          const rows = await tx.counters.scan().toArray()
          await tx.counters.insert({ id: `c-${n}-${i}`, n: rows.length })
        })
      }
    }
    await Promise.all(Array.from({ length: 64 }, (_, n) => client(n)))
    const rows = await shop.counters.scan().toArray()
    expect(rows).toHaveLength(193)
    expect(rows.map(({ n }) => n).sort((a, b) => a - b)).toEqual(rows.map((_, n) => n))
  })

  test('end with TXN_CONFLICT after the retries that the caller allows', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'n', n: 0 })
    let runCount = 0
    const run = () =>
      shop.transact(
        async (tx) => {
          runCount++
          await tx.counters.update('n', { n: -1 })
          // Not a part of the transaction, which has its turn on the row from the second run on: it does not wait for ever.
          await shop.counters.update('n', { n: runCount })
        },
        { retryMaxCount: 2 },
      )
    const error = await expectCode('TXN_CONFLICT', run)
    expect(error.isRetryable).toBe(true)
    expect(runCount).toBe(3)
    expect(shop.counters.getSync('n')).toEqual({ id: 'n', n: 3 })
  })

  test('do not arise between tenants', async () => {
    const db = await openShop()
    const meet = meeting(20)
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        db.tenant(`t-${n}`).transact(
          async (tx) => {
            await tx.counters.scan().toArray()
            await meet()
            await tx.counters.insert({ id: 'same', n })
          },
          { retryMaxCount: 0 },
        ),
      ),
    )
    expect(db.tenants()).toHaveLength(20)
  })

  test('do not arise for transactions that only read', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'n', n: 1 })
    const seen = await shop.transact(
      async (tx) => {
        const before = await tx.counters.get('n')
        await shop.counters.update('n', { n: 2 })
        const [row] = await tx.sql<{ n: number }>`select n from counters`
        return [before!.n, (await tx.counters.get('n'))!.n, row!.n]
      },
      { retryMaxCount: 0 },
    )
    expect(seen).toEqual([1, 1, 1])
  })

  test('do not arise behind the end of a scan that stopped early', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert(Array.from({ length: 10 }, (_, n) => order(n)))
    await shop.transact(
      async (tx) => {
        expect(await tx.orders.scan({ limit: 2 }).toArray()).toHaveLength(2)
        await shop.orders.delete('o-00009')
        await tx.orders.insert(order(100))
      },
      { retryMaxCount: 0 },
    )
    const meetsTheScan = () =>
      shop.transact(
        async (tx) => {
          await tx.orders.scan({ limit: 2 }).toArray()
          await shop.orders.delete('o-00001')
          await tx.orders.insert(order(101))
        },
        { retryMaxCount: 0 },
      )
    await expectCode('TXN_CONFLICT', meetsTheScan)
  })
})

describe('anomalies', () => {
  /** Runs two transactions that both read, then both write; how many got through. */
  async function race(
    db: Shop,
    tenant: string,
    run: (tx: Transaction, self: number) => Promise<() => Promise<unknown>>,
  ): Promise<number> {
    const meet = meeting(2)
    const results = await Promise.allSettled(
      [0, 1].map((self) =>
        db.tenant(tenant).transact(
          async (tx) => {
            const write = await run(tx, self)
            await meet()
            await write()
          },
          { retryMaxCount: 0 },
        ),
      ),
    )
    for (const result of results) {
      if (result.status === 'rejected') {
        expect((await errorOf(() => Promise.reject(result.reason))).code).toBe('TXN_CONFLICT')
      }
    }
    return results.filter(({ status }) => status === 'fulfilled').length
  }

  test('write skew: of two doctors on call only one can leave', async () => {
    const db = await openShop()
    await db.tenant('a').counters.insert([
      { id: 'doctor-0', n: 1 },
      { id: 'doctor-1', n: 1 },
    ])
    const count = await race(db, 'a', async (tx, self) => {
      const other = await tx.counters.get(`doctor-${1 - self}`)
      return async () => other!.n === 1 && tx.counters.update(`doctor-${self}`, { n: 0 })
    })
    expect(count).toBe(1)
    expect(await db.tenant('a').sql`select sum(n) as n from counters`).toEqual([{ n: 1 }])
  })

  test('write skew over rows, and over a tenant, that are not there yet', async () => {
    const db = await openShop()
    for (const tenant of ['new', 'new']) {
      const prefix = `${db.tenants().length}`
      const count = await race(db, tenant, async (tx, self) => {
        const other = await tx.counters.get(`${prefix}-${1 - self}`)
        return async () => other ?? tx.counters.insert({ id: `${prefix}-${self}`, n: 1 })
      })
      expect(count).toBe(1)
    }
    expect(await db.tenant('new').counters.scan().toArray()).toHaveLength(2)
  })

  test('phantoms: at most three orders for a customer, by scan and by SQL', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert([order(1, { customer: 'c' }), order(2, { customer: 'c' })])
    const path = { index: 'byCustomer', prefix: ['c'] } as const
    const byScan = await race(db, 'a', async (tx, self) => {
      const { length } = await tx.orders.scan(path).toArray()
      return async () => length < 3 && tx.orders.insert(order(10 + self, { customer: 'c' }))
    })
    expect(byScan).toBe(1)
    const bySql = await race(db, 'a', async (tx, self) => {
      const [row] = await tx.sql<{
        n: number
      }>`select count(*) as n from orders where customer = 'c'`
      return async () => row!.n < 4 && tx.orders.insert(order(20 + self, { customer: 'c' }))
    })
    expect(bySql).toBe(1)
    expect(await shop.orders.scan(path).toArray()).toHaveLength(4)
  })

  test('an empty range that was read stays empty', async () => {
    const db = await openShop()
    await db.tenant('a').counters.insert({ id: 'z', n: 0 })
    const count = await race(db, 'a', async (tx, self) => {
      const rows = await tx.orders.scan({ gte: 'o-5', reverse: self === 1 }).toArray()
      return async () => rows.length === 0 && tx.orders.insert(order(90_000 + self))
    })
    expect(count).toBe(1)
  })
})
