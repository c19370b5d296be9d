// What one transaction promises: its own writes at once, all of them or none, and nothing after its end.

import { describe, expect, test } from 'vitest'

import { collect, expectCode, openShop, order, type ShopTransaction } from './db-kit.js'

describe('a transaction', () => {
  test('sees its own writes, others see them after the commit', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert([order(1), order(2), order(3)])
    const result = await shop.transact(async (tx) => {
      await tx.orders.insert(order(4))
      await tx.orders.update('o-00001', { status: 'paid' })
      await tx.orders.delete('o-00002')
      const rows = await tx.orders.scan({ reverse: true }).toArray()
      expect(rows.map(({ id, status }) => `${id} ${status}`)).toEqual([
        'o-00004 placed',
        'o-00003 placed',
        'o-00001 paid',
      ])
      const byCustomer = await tx.orders.scan({ index: 'byCustomer', prefix: ['c-4'] }).first()
      expect(byCustomer?.id).toBe('o-00004')
      const counted = await tx.sql<{ n: number }>`select count(*) as n from orders`
      expect(counted[0]?.n).toBe(3)
      expect(tx.name).toBe('a')
      expect(shop.orders.getSync('o-00004')).toBeUndefined()
      expect(shop.orders.getSync('o-00002')).toBeDefined()
      return 'done'
    })
    expect(result).toBe('done')
    expect(shop.orders.getSync('o-00004')).toBeDefined()
    expect(shop.orders.getSync('o-00002')).toBeUndefined()
  })

  test('writes nothing when its function throws, and rejects with what it threw', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert(order(1))
    const { seqNum } = db.stats()
    const reason = new Error('no')
    const attempt = shop.transact(async (tx) => {
      await tx.orders.insert(order(2))
      await tx.orders.update('o-00001', { status: 'paid' })
      await tx.sql`delete from orders where id = 'o-00001'`
      throw reason
    })
    await expect(attempt).rejects.toBe(reason)
    await expect(() =>
      shop.transact(() => {
        throw reason
      }),
    ).rejects.toBe(reason)
    expect((await shop.orders.scan().toArray()).map(({ id }) => id)).toEqual(['o-00001'])
    expect(db.stats()).toMatchObject({ seqNum, openSnapshotCount: 0 })
  })

  test('takes back a call that fails, and goes on', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert(order(3, { note: 'taken' }))
    await shop.transact(async (tx) => {
      await tx.orders.insert(order(0))
      await expectCode('ROW_DUPLICATE_KEY', () =>
        tx.orders.insert([order(1), order(2), order(3), order(4)]),
      )
      await expectCode('ROW_UNIQUE_VIOLATION', () =>
        tx.orders.upsert([order(5), order(6, { note: 'taken' })]),
      )
      await expectCode('ROW_UNIQUE_VIOLATION', () => tx.orders.update('o-00000', { note: 'taken' }))
      await expectCode('ROW_DUPLICATE_KEY', () =>
        tx.query('insert into counters (id, n) values (:a, 1), (:b, 2), (:a, 3)', {
          a: 'a',
          b: 'b',
        }),
      )
      await expectCode('ROW_UNIQUE_VIOLATION', () => tx.sql`update orders set note = 'both'`)
      expect(await tx.counters.scan().toArray()).toEqual([])
      await tx.orders.insert(order(9))
    })
    const rows = await shop.orders.scan().toArray()
    expect(rows.map(({ id, note }) => [id, note])).toEqual([
      ['o-00000', null],
      ['o-00003', 'taken'],
      ['o-00009', null],
    ])
    expect(await shop.orders.scan({ index: 'byCustomer' }).toArray()).toHaveLength(3)
  })

  test('takes back a failing statement of many rows, and nothing else of calls made meanwhile', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const values = Array.from({ length: 3000 }, (_, n) => `('n-${n}', ${n})`).join()
    await shop.transact(async (tx) => {
      const failing = tx.query(`insert into counters (id, n) values ${values}, ('n-0', 0)`)
      const meanwhile = tx.counters.insert({ id: 'meanwhile', n: 1 })
      const seen = tx.counters.scan().toArray()
      await expectCode('ROW_DUPLICATE_KEY', () => failing)
      await meanwhile
      expect(await seen).toEqual([{ id: 'meanwhile', n: 1 }])
    })
    expect(await shop.counters.scan().toArray()).toEqual([{ id: 'meanwhile', n: 1 }])
    const { affectedCount } = await shop.query(`insert into counters (id, n) values ${values}`)
    expect(affectedCount).toBe(3000)
  })

  test('includes calls that were not awaited', async () => {
    const db = await openShop()
    const shop = db.tenant('new')
    await shop.transact((tx) => {
      void tx.counters.insert({ id: 'a', n: 1 })
      void tx.counters.update('a', { n: 2 })
      void tx.query("insert into counters (id, n) values ('b', 1), ('c', 1)")
      void tx.sql`update counters set n = n + 10`
      void tx.counters.delete('c')
    })
    expect(await shop.counters.scan().toArray()).toEqual([
      { id: 'a', n: 12 },
      { id: 'b', n: 11 },
    ])
  })

  test('makes calls in the order in which they were made, also those that are not awaited', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'n', n: 0 })
    const calls: Record<string, (tx: ShopTransaction) => Promise<unknown>> = {
      get: async (tx) => (await tx.counters.get('n'))!.n,
      getForUpdate: async (tx) => (await tx.counters.getForUpdate('n'))!.n,
      scan: async (tx) => (await tx.counters.scan().toArray())[0]!.n,
      batches: async (tx) => (await collect(tx.counters.scan()))[0]!.n,
      sql: async (tx) => (await tx.sql<{ n: number }>`select n from counters`)[0]!.n,
    }
    const writes: ((tx: ShopTransaction, n: number) => Promise<unknown>)[] = [
      (tx, n) => tx.counters.update('n', { n }),
      (tx, n) => tx.sql`update counters set n = ${n}`,
    ]
    for (const [name, read] of Object.entries(calls)) {
      for (const [first, before] of writes.entries()) {
        for (const [second, after] of writes.entries()) {
          const [, seen] = await shop.transact((tx) =>
            Promise.all([before(tx, 1), read(tx), after(tx, 2)]),
          )
          expect(seen, `${name} between ${first} and ${second}`).toBe(1)
          expect(shop.counters.getSync('n')!.n).toBe(2)
        }
      }
    }
  })

  test('refuses every use after its end', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert(Array.from({ length: 600 }, (_, n) => order(n)))
    for (const isCommitted of [true, false]) {
      const leak = await shop
        .transact(async (tx) => {
          const rows = tx.orders.scan().batches(100)
          await rows.next()
          if (!isCommitted) throw Object.assign(new Error('no'), { leak: { tx, rows } })
          return { tx, rows }
        })
        .catch((error: { leak: never }) => error.leak)
      const { tx, rows } = leak as {
        tx: Parameters<Parameters<typeof shop.transact>[0]>[0]
        rows: AsyncGenerator
      }
      await expectCode('TXN_FINISHED', () => tx.orders.insert(order(1000)))
      await expectCode('TXN_FINISHED', () => tx.orders.upsert(order(1000)))
      await expectCode('TXN_FINISHED', () => tx.orders.update('o-00001', { status: 'paid' }))
      await expectCode('TXN_FINISHED', () => tx.orders.delete('o-00001'))
      await expectCode('TXN_FINISHED', () => tx.orders.get('o-00001'))
      await expectCode('TXN_FINISHED', () => tx.orders.scan().toArray())
      await expectCode('TXN_FINISHED', () => collect(tx.orders.scan()))
      await expectCode('TXN_FINISHED', () => tx.sql`select * from orders`)
      await expectCode('TXN_FINISHED', () => tx.sql`delete from orders`)
      await expectCode('TXN_FINISHED', () => rows.next())
    }
    expect(await shop.orders.scan().toArray()).toHaveLength(600)
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('may change the rows of its own scan', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert(Array.from({ length: 700 }, (_, n) => order(n)))
    await shop.transact(async (tx) => {
      for await (const { id } of tx.orders.scan()) await tx.orders.update(id, { status: 'paid' })
      for await (const { id } of tx.orders.scan({ index: 'byCustomer' })) {
        await tx.orders.update(id, { customer: 'one' })
      }
      let deletedCount = 0
      for await (const { id } of tx.orders.scan({ index: 'byCustomer', prefix: ['one'] })) {
        if (deletedCount++ < 100) await tx.orders.delete(id)
      }
    })
    const left = await shop.orders.scan({ index: 'byCustomer', prefix: ['one'] }).toArray()
    expect(left).toHaveLength(600)
    expect(left.every(({ status }) => status === 'paid')).toBe(true)
  })

  test('over several tenants is one commit', async () => {
    const db = await openShop()
    for (const name of ['a', 'b', 'c']) await db.tenant(name).counters.insert({ id: 'w', n: 100 })
    const move = (from: string, to: string, n: number) =>
      db.transact(async (tx) => {
        const source = await tx.tenant(from).counters.get('w')
        const target = await tx.tenant(to).counters.get('w')
        await tx.tenant(from).counters.update('w', { n: source!.n - n })
        await tx.tenant(to).counters.update('w', { n: target!.n + n })
        if (source!.n < n) throw new Error('too little')
      })
    await move('a', 'b', 60)
    await expect(move('a', 'c', 60)).rejects.toThrow('too little')
    await Promise.all([
      move('b', 'c', 10),
      move('c', 'a', 20),
      move('b', 'a', 30),
      move('a', 'c', 1),
    ])
    const balances = ['a', 'b', 'c'].map((name) => db.tenant(name).counters.getSync('w')!.n)
    expect(balances).toEqual([89, 120, 91])
    const versions = await db.tenant('a').counters.history('w')
    const shared = await db.tenant('b').counters.history('w')
    expect(versions[3]!.seqNum).toBe(shared.at(-2)!.seqNum)
  })

  test('over new tenants makes them all or none', async () => {
    const db = await openShop()
    await expectCode('ROW_DUPLICATE_KEY', () =>
      db.transact(async (tx) => {
        await tx.tenant('x').counters.insert({ id: 'w', n: 1 })
        expect(await tx.tenant('x').counters.get('w')).toEqual({ id: 'w', n: 1 })
        await tx.tenant('y').counters.insert({ id: 'w', n: 1 })
        await tx.tenant('y').counters.insert({ id: 'w', n: 1 })
      }),
    )
    expect(db.tenants()).toEqual([])
    await db.transact(async (tx) => {
      await tx.tenant('x').counters.insert({ id: 'w', n: 1 })
      await tx.tenant('y').counters.insert({ id: 'w', n: 2 })
    })
    expect(db.tenants()).toEqual(['x', 'y'])
    expect(db.tenant('y').counters.getSync('w')).toEqual({ id: 'w', n: 2 })
  })

  test('on a new tenant finds its own writes, also when others make that tenant meanwhile', async () => {
    const db = await openShop()
    let runCount = 0
    await db.transact(async (tx) => {
      runCount++
      await tx.tenant('new').counters.insert({ id: `mine-${runCount}`, n: 1 })
      if (runCount === 1) await db.tenant('new').counters.insert({ id: 'theirs', n: 2 })
      // Its first run cannot be committed any more; that is no reason to show it nonsense.
      expect(await tx.tenant('new').counters.get(`mine-${runCount}`)).toBeDefined()
      const [row] = await tx.tenant('new').sql<{ n: number }>`select count(*) as n from counters`
      expect(row!.n).toBe(runCount)
    })
    expect(runCount).toBe(2)
    expect(await db.tenant('new').counters.scan().toArray()).toHaveLength(2)
  })

  test('ends when its signal does, until its commit begins', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const aborted = AbortSignal.abort(new Error('stop'))
    let runCount = 0
    const run = () => shop.transact(async () => void runCount++, { signal: aborted })
    await expect(run()).rejects.toThrow('stop')
    expect(runCount).toBe(0)
    const controller = new AbortController()
    const late = shop.transact(
      async (tx) => {
        await tx.counters.insert({ id: 'a', n: 1 })
        controller.abort(new Error('too late'))
      },
      { signal: controller.signal },
    )
    await expect(late).rejects.toThrow('too late')
    expect(await shop.counters.scan().toArray()).toEqual([])
    expect(db.stats().openSnapshotCount).toBe(0)
  })
})
