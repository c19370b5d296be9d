// Savepoints: what one wrote goes when it fails, the rest of the transaction stays, whatever the calls around it do.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { expectCode, openShop, order, type Shop } from './db-kit.js'

type Transaction = Parameters<Parameters<ReturnType<Shop['tenant']>['transact']>[0]>[0]

const FAILURE = new Error('no')

async function counterIds(shop: ReturnType<Shop['tenant']>): Promise<string[]> {
  return (await shop.counters.scan().toArray()).map(({ id }) => id)
}

test('a savepoint that throws takes back what it wrote, and the transaction goes on', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.orders.insert([order(1, { note: 'x' }), order(2)])
  await shop.transact(async (tx) => {
    await tx.orders.update('o-00001', { note: 'y' })
    const failing = tx.savepoint(async (inner) => {
      await inner.orders.update('o-00001', { note: 'z' })
      await inner.orders.insert(order(3, { note: 'x' }))
      await inner.sql`delete from orders where id = 'o-00002'`
      expect((await inner.orders.scan().toArray()).map(({ note }) => note)).toEqual(['z', 'x'])
      throw FAILURE
    })
    await expect(failing).rejects.toBe(FAILURE)
    expect((await tx.orders.get('o-00001'))?.note).toBe('y')
    expect(await tx.savepoint((inner) => inner.orders.get('o-00003'))).toBeUndefined()
    await tx.orders.insert(order(4, { note: 'x' }))
  })
  expect((await shop.orders.scan().toArray()).map(({ id, note }) => [id, note])).toEqual([
    ['o-00001', 'y'],
    ['o-00002', null],
    ['o-00004', 'x'],
  ])
  expect(await shop.orders.scan({ index: 'byNote' }).toArray()).toHaveLength(3)
})

test('a savepoint over several tenants, one of them new, is taken back in all of them', async () => {
  const db = await openShop()
  await db.tenant('a').counters.insert({ id: 'n', n: 1 })
  await db.transact(async (tx) => {
    const failing = tx.savepoint(async (inner) => {
      await inner.tenant('a').counters.update('n', { n: 2 })
      await inner.tenant('new').counters.insert({ id: 'n', n: 2 })
      throw FAILURE
    })
    await expect(failing).rejects.toBe(FAILURE)
    expect(await tx.tenant('new').counters.get('n')).toBeUndefined()
    await tx.savepoint((inner) => inner.tenant('b').counters.insert({ id: 'n', n: 3 }))
  })
  expect(db.tenants()).toEqual(['a', 'b'])
  expect(db.tenant('a').counters.getSync('n')?.n).toBe(1)
})

test('calls made before and after stay out of it, awaited or not', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  const values = Array.from({ length: 2000 }, (_, n) => `('n-${n}', ${n})`).join()
  await shop.transact(async (tx) => {
    void tx.query(`insert into counters (id, n) values ${values}`)
    const failing = tx.savepoint(async (inner) => {
      void inner.sql`delete from counters where n < 1999`
      throw FAILURE
    })
    await expect(failing).rejects.toBe(FAILURE)
    void tx.counters.insert({ id: 'after', n: 1 })
  })
  expect(await counterIds(shop)).toHaveLength(2001)
})

test('a savepoint that nobody awaits is part of the transaction', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.transact((tx) => {
    void tx.savepoint(async (inner) => {
      await new Promise((resolve) => setImmediate(resolve))
      void inner.counters.insert({ id: 'a', n: 1 })
    })
  })
  expect(await counterIds(shop)).toEqual(['a'])
})

test('while it is open, the transaction around it takes no calls', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.transact(async (tx) => {
    await tx.savepoint(async (inner) => {
      await expectCode('TXN_SAVEPOINT_OPEN', () => tx.counters.insert({ id: 'a', n: 1 }))
      await expectCode('TXN_SAVEPOINT_OPEN', () => tx.counters.get('a'))
      await expectCode('TXN_SAVEPOINT_OPEN', () => tx.sql`select * from counters`)
      await expectCode('TXN_SAVEPOINT_OPEN', () => tx.savepoint(() => 1))
      await inner.savepoint(async (innermost) => {
        await expectCode('TXN_SAVEPOINT_OPEN', () => inner.counters.get('a'))
        await innermost.counters.insert({ id: 'b', n: 1 })
      })
      await inner.counters.insert({ id: 'c', n: 1 })
    })
    const both = await Promise.allSettled([
      tx.savepoint((inner) => inner.counters.insert({ id: 'd', n: 1 })),
      tx.savepoint((inner) => inner.counters.insert({ id: 'e', n: 1 })),
    ])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await expectCode('ARGUMENT_INVALID', () => tx.savepoint('fn' as never))
  })
  expect(await counterIds(shop)).toEqual(['b', 'c', 'd'])
})

test('nothing of it can be used after its end', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.orders.insert(Array.from({ length: 600 }, (_, n) => order(n)))
  await shop.transact(async (tx) => {
    for (const isFailing of [true, false]) {
      let leaked: Transaction | undefined
      const rows = await tx
        .savepoint(async (inner) => {
          leaked = inner
          await inner.orders.update('o-00500', { status: 'paid' })
          const batches = inner.orders.scan().batches(100)
          await batches.next()
          if (isFailing) throw Object.assign(new Error('no'), { batches })
          return batches
        })
        .catch((error: { batches: AsyncGenerator<unknown[]> }) => error.batches)
      await expectCode('TXN_FINISHED', () => leaked!.orders.get('o-00001'))
      await expectCode('TXN_FINISHED', () => leaked!.savepoint(() => 1))
      // A scan that a failed savepoint began may stand on what was taken back.
      if (isFailing) await expectCode('TXN_FINISHED', () => rows.next())
      else expect(await rows.next()).toMatchObject({ done: false })
      await rows.return(undefined)
    }
  })
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('a scan that was begun before goes on, over what is left', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.counters.insert(Array.from({ length: 600 }, (_, n) => ({ id: `r-${1000 + n}`, n })))
  let seenCount = 0
  await shop.transact(async (tx) => {
    await tx.sql`update counters set n = n + 1000`
    for await (const { id, n } of tx.counters.scan()) {
      seenCount++
      expect(n).toBe(Number(id.slice(2)))
      const isKept = n % 3 === 0
      const done = tx.savepoint(async (inner) => {
        await inner.counters.update(id, { n: -n })
        await inner.counters.upsert({ id: `s-${id}`, n })
        if (!isKept) throw FAILURE
      })
      if (isKept) await done
      else await expect(done).rejects.toBe(FAILURE)
    }
  })
  expect(seenCount).toBe(600)
  const rows = await shop.counters.scan().toArray()
  expect(rows.filter(({ n }) => n < 0)).toHaveLength(200)
  expect(rows).toHaveLength(800)
})

test('a scan shows rows as they were when it began, also those that change ahead of it', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.transact(async (tx) => {
    await tx.counters.insert(Array.from({ length: 600 }, (_, n) => ({ id: `r-${1000 + n}`, n })))
    const seen: number[] = []
    for await (const { n } of tx.counters.scan()) {
      if (n === 0) await tx.sql`update counters set n = -n`
      seen.push(Math.abs(n))
    }
    expect(seen).toEqual(Array.from({ length: 600 }, (_, n) => n))
  })
})

test('what a failed savepoint read still counts for the conflict', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.counters.insert({ id: 'n', n: 1 })
  const hasRead = new Deferred<void>()
  const isChanged = new Deferred<void>()
  const run = shop.transact(
    async (tx) => {
      const failing = tx.savepoint(async (inner) => {
        await inner.counters.get('n')
        throw FAILURE
      })
      await expect(failing).rejects.toBe(FAILURE)
      hasRead.resolve()
      await isChanged.promise
      await tx.counters.insert({ id: 'because of it', n: 1 })
    },
    { retryMaxCount: 0 },
  )
  await hasRead.promise
  await shop.counters.update('n', { n: 2 })
  isChanged.resolve()
  await expectCode('TXN_CONFLICT', () => run)
})

// Nested savepoints against a map that is copied at each.

type Step =
  | { kind: 'put'; key: number }
  | { kind: 'delete'; key: number }
  | { kind: 'savepoint'; steps: readonly Step[]; isFailing: boolean }

const { step } = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constantFrom('put', 'delete'), key: fc.nat(6) }),
    fc.record({
      kind: fc.constant('savepoint'),
      steps: fc.array(tie('step'), { maxLength: 8 }),
      isFailing: fc.boolean(),
    }),
  ) as fc.Arbitrary<Step>,
}))

test('nested savepoints, each kept or taken back, leave what a model says', async () => {
  const db = await openShop()
  let label = 0
  const run = async (tx: Transaction, model: Map<string, number>, steps: readonly Step[]) => {
    for (const each of steps) {
      if (each.kind === 'put') {
        const row = { id: `k-${each.key}`, n: ++label }
        await tx.counters.upsert(row)
        model.set(row.id, row.n)
      } else if (each.kind === 'delete') {
        const isFound = await tx.counters.delete(`k-${each.key}`)
        expect(isFound).toBe(model.delete(`k-${each.key}`))
      } else {
        const before = new Map(model)
        const done = tx.savepoint(async (inner) => {
          await run(inner, model, each.steps)
          if (each.isFailing) throw FAILURE
        })
        if (!each.isFailing) await done
        else {
          await expect(done).rejects.toBe(FAILURE)
          model.clear()
          for (const [id, n] of before) model.set(id, n)
        }
      }
      const rows = await tx.counters.scan().toArray()
      expect(rows.map(({ id, n }) => [id, n])).toEqual([...model].sort())
    }
  }
  const model = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      await db.tenant('a').transact((tx) => run(tx, model, steps))
      const rows = await db.tenant('a').counters.scan().toArray()
      expect(rows.map(({ id, n }) => [id, n])).toEqual([...model].sort())
    }),
    { numRuns: 30 },
  )
})
