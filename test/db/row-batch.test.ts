// db.write: many rows of any tenants in one commit.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { RowBatch } from '../../dist/index.js'
import { expectCode, openShop, order, type shopTables } from './db-kit.js'

type Batch = RowBatch<typeof shopTables>

const INDEXES = ['byCustomer', 'byNote', 'newestFirst'] as const

describe('a batch', () => {
  test('is one commit over any tenants', async () => {
    const db = await openShop()
    await db.tenant('b').counters.insert([
      { id: 'x', n: 1 },
      { id: 'y', n: 1 },
    ])
    const before = db.stats().seqNum
    const seqNum = await db.write((batch) => {
      batch.tenant('a').orders.insert([order(1), order(2)])
      batch.tenant('a').counters.upsert({ id: 'x', n: 5 })
      expect(batch.tenant('b').counters.update('x', { n: 2 })).toBe(true)
      expect(batch.tenant('b').counters.update('z', { n: 2 })).toBe(false)
      expect(batch.tenant('b').counters.delete('y')).toBe(true)
      expect(batch.tenant('b').counters.delete('y')).toBe(false)
    })
    expect(seqNum).toBe(db.stats().seqNum)
    expect(db.tenants()).toEqual(['a', 'b'])
    expect(await db.tenant('a').orders.scan().toArray()).toMatchObject([order(1), order(2)])
    expect(await db.tenant('a').at(before).orders.scan().toArray()).toEqual([])
    expect(await db.tenant('b').counters.scan().toArray()).toEqual([{ id: 'x', n: 2 }])
    expect((await db.tenant('b').at(before).counters.scan().toArray()).length).toBe(2)
  })

  test('sees the newest state and its own writes', async () => {
    const db = await openShop()
    const first = db.write((batch) => batch.tenant('a').counters.insert({ id: 'x', n: 1 }))
    const second = db.write((batch) => {
      const { counters } = batch.tenant('a')
      counters.insert({ id: 'y', n: 1 })
      expect(counters.update('x', { n: 2 })).toBe(true)
      expect(counters.update('y', { n: 3 })).toBe(true)
    })
    expect(await second).toBeGreaterThan(await first)
    expect(await db.tenant('a').counters.scan().toArray()).toEqual([
      { id: 'x', n: 2 },
      { id: 'y', n: 3 },
    ])
  })

  test('that writes nothing commits nothing', async () => {
    const db = await openShop()
    const before = db.stats().seqNum
    await db.write(() => undefined)
    await db.write((batch) => {
      batch.tenant('typo').orders.insert([])
      batch.tenant('typo').counters.delete('x')
    })
    expect(db.stats().seqNum).toBe(before)
    expect(db.tenants()).toEqual([])
  })

  test('waits for its turn on a locked row, and runs again', async () => {
    const db = await openShop()
    await db.tenant('a').counters.insert({ id: 'x', n: 1 })
    let runCount = 0
    let writing: Promise<unknown> | undefined
    await db.tenant('a').transact(async (tx) => {
      const row = await tx.counters.getForUpdate('x')
      writing = db.write((batch) => {
        runCount++
        batch.tenant('a').counters.upsert({ id: 'x', n: 10 })
        batch.tenant('b').counters.upsert({ id: 'x', n: 10 })
      })
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(db.tenants()).toEqual(['a'])
      await tx.counters.update('x', { n: row!.n + 1 })
    })
    await writing
    expect(runCount).toBe(2)
    expect(await db.tenant('a').at('-0s').counters.get('x')).toEqual({ id: 'x', n: 10 })
    const states = await db.tenant('a').counters.history('x')
    expect(states.map(({ row }) => row?.n)).toEqual([10, 2, 1])
    expect(await db.tenant('b').counters.get('x')).toEqual({ id: 'x', n: 10 })
  })

  test('may be acknowledged before it is durable', async () => {
    const db = await openShop()
    const write = (batch: Batch) => batch.tenant('a').counters.upsert({ id: 'x', n: 1 })
    const seqNum = await db.write(write, { durability: 'relaxed' })
    await db.whenDurable(seqNum)
    await expectCode('OPTION_UNKNOWN', () => db.write(write, { sync: true } as never))
    await expectCode('ARGUMENT_INVALID', () => db.write(write, { durability: 'hoped' as never }))
    expect(db.stats().seqNum).toBe(seqNum)
  })
})

describe('what goes wrong', () => {
  test('in the function takes everything back', async () => {
    const db = await openShop()
    const before = db.stats().seqNum
    const cause = new Error('changed my mind')
    const writing = db.write((batch) => {
      batch.tenant('a').orders.insert(order(1))
      batch.tenant('b').counters.insert({ id: 'x', n: 1 })
      throw cause
    })
    await expect(writing).rejects.toBe(cause)
    await expectCode('ROW_DUPLICATE_KEY', () =>
      db.write((batch) => batch.tenant('a').orders.insert([order(1), order(1)])),
    )
    expect(db.tenants()).toEqual([])
    expect(db.stats().seqNum).toBe(before)
  })

  test('in a call leaves nothing of that call, also where the function goes on', async () => {
    const db = await openShop()
    await db.tenant('a').orders.insert([order(1, { note: 'taken' }), order(2)])
    const refused: [string, (batch: Batch) => unknown][] = [
      ['ROW_DUPLICATE_KEY', (batch) => batch.tenant('a').orders.insert([order(3), order(2)])],
      ['ROW_DUPLICATE_KEY', (batch) => batch.tenant('new').orders.insert([order(1), order(1)])],
      [
        'ROW_UNIQUE_VIOLATION',
        (batch) => batch.tenant('a').orders.upsert([order(4), order(5, { note: 'taken' })]),
      ],
      [
        'ROW_DUPLICATE_KEY',
        (batch) => batch.tenant('a').orders.update('o-00001', { id: 'o-00002' }),
      ],
      [
        'KEY_TOO_LARGE',
        (batch) => batch.tenant('new').orders.upsert(order(1, { customer: 'x'.repeat(9000) })),
      ],
      [
        'SCHEMA_TYPE_MISMATCH',
        (batch) => batch.tenant('a').orders.upsert([order(6), order(7, { amount: 'much' })]),
      ],
      ['SCHEMA_TYPE_MISMATCH', (batch) => batch.tenant('a').counters.delete(7 as never)],
      [
        'SCHEMA_UNKNOWN_COLUMN',
        (batch) => batch.tenant('a').counters.update('x', { m: 1 } as never),
      ],
      ['TENANT_NAME_INVALID', (batch) => batch.tenant('')],
    ]
    await db.write((batch) => {
      batch.tenant('a').orders.insert(order(8))
      for (const [code, call] of refused) {
        expect(() => call(batch)).toThrow(expect.objectContaining({ code }))
      }
      batch.tenant('a').orders.insert(order(9))
    })
    expect(db.tenants()).toEqual(['a'])
    const { orders } = db.tenant('a')
    const ids = ['o-00001', 'o-00002', 'o-00008', 'o-00009']
    expect((await orders.scan().toArray()).map(({ id }) => id)).toEqual(ids)
    for (const index of INDEXES) {
      const found = await orders.scan({ index }).toArray()
      expect(found.map(({ id }) => id).sort()).toEqual(ids)
    }
  })

  test('a batch ends with its function, which cannot be async', async () => {
    const db = await openShop()
    let kept: Batch | undefined
    await db.write((batch) => {
      kept = batch
      batch.tenant('a').counters.insert({ id: 'x', n: 1 })
    })
    const { counters } = kept!.tenant('a')
    for (const call of [
      () => counters.insert({ id: 'y', n: 1 }),
      () => counters.upsert([]),
      () => counters.update('x', { n: 2 }),
      () => counters.delete('x'),
      () => kept!.tenant('b').counters.delete('x'),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: 'TXN_FINISHED' }))
    }
    for (const fn of [
      async (batch: Batch) => batch.tenant('a').counters.insert({ id: 'y', n: 1 }),
      async () => {
        throw new Error('behind the back')
      },
    ]) {
      await expectCode('ARGUMENT_INVALID', () => db.write(fn as never))
    }
    await expectCode('ARGUMENT_INVALID', () => db.write(7 as never))
    expect(await db.tenant('a').counters.scan().toArray()).toEqual([{ id: 'x', n: 1 }])
    await db.close()
    await expectCode('DB_CLOSED', () => db.write(() => undefined))
  })

  test('within the function of another leaves that one as it is', async () => {
    const db = await openShop()
    await db.tenant('a').counters.insert({ id: 'x', n: 1 })
    await db.write((batch) => batch.tenant('a').counters.insert({ id: 'w', n: 1 }))
    let inner: Promise<unknown> | undefined
    let kept: Batch['tenant'] | undefined
    const outer = db.write((batch) => {
      const { counters } = batch.tenant('a')
      counters.insert({ id: 'y', n: 1 })
      inner = db.write(({ tenant }) => {
        tenant('a').counters.upsert({ id: 'x', n: 2 })
        // Of the outer one, whatever runs.
        counters.insert({ id: 'z', n: 1 })
        kept = tenant
      })
      counters.insert({ id: 'zz', n: 1 })
      expect(() => kept!('a').counters.insert({ id: 'v', n: 1 })).toThrow('TXN_FINISHED')
      batch.tenant('a').counters.insert({ id: 'zzz', n: 1 })
      throw new Error('taken back')
    })
    await expect(outer).rejects.toThrow('taken back')
    await inner
    expect(await db.tenant('a').counters.scan().toArray()).toEqual([
      { id: 'w', n: 1 },
      { id: 'x', n: 2 },
    ])
  })

  test.each([
    ['has not asked for them', 'b'],
    ['has asked for the same tenant', 'a'],
  ])("does not take an earlier one's tables for its own when it %s", async (_, asked) => {
    const db = await openShop()
    for (const tenant of ['a', 'b']) await db.tenant(tenant).counters.insert({ id: 'x', n: 1 })
    let keptTenant: ReturnType<Batch['tenant']> | undefined
    let kept: ReturnType<Batch['tenant']>['counters'] | undefined
    await db.write((batch) => {
      keptTenant = batch.tenant('a')
      kept = keptTenant.counters
    })
    await db.write((batch) => {
      batch.tenant(asked).counters.upsert({ id: 'w', n: 2 })
      for (const counters of [kept!, keptTenant!.counters]) {
        for (const call of [
          () => counters.insert({ id: 'v', n: 2 }),
          () => counters.upsert({ id: 'x', n: 2 }),
          () => counters.update('x', { n: 2 }),
          () => counters.delete('x'),
        ]) {
          expect(call).toThrow(expect.objectContaining({ code: 'TXN_FINISHED' }))
        }
      }
      batch.tenant(asked).counters.upsert({ id: 'y', n: 2 })
    })
    const rows = async (tenant: string) => await db.tenant(tenant).counters.scan().toArray()
    const [old, added] = [[{ id: 'x', n: 1 }], ['w', 'y'].map((id) => ({ id, n: 2 }))]
    expect(await rows('a')).toEqual(asked === 'a' ? [added[0], ...old, added[1]] : old)
    expect(await rows('b')).toEqual(asked === 'b' ? [added[0], ...old, added[1]] : old)
  })
})

test('a batch does what the same calls do in a transaction', async () => {
  const db = await openShop()
  const call = fc.record({
    what: fc.constantFrom('insert', 'upsert', 'update', 'delete'),
    tenant: fc.constantFrom('a', 'b'),
    n: fc.nat(5),
    other: fc.nat(5),
    note: fc.constantFrom(null, 'one', 'two'),
  })
  type Call = typeof call extends fc.Arbitrary<infer C> ? C : never
  type Face = Pick<ReturnType<Batch['tenant']>['orders'], 'insert' | 'upsert' | 'update' | 'delete'>
  const make = (orders: Face, { what, n, other, note }: Call) => {
    if (what === 'insert') return orders.insert([order(n, { note }), order(other)])
    if (what === 'upsert') return orders.upsert([order(n, { note }), order(other)])
    if (what === 'delete') return orders.delete(order(n).id)
    return orders.update(order(n).id, { note, id: order(other).id })
  }
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
      round++
      const answers: unknown[] = []
      await db.write((batch) => {
        for (const one of calls) {
          try {
            answers.push(make(batch.tenant(`batch-${round}-${one.tenant}`).orders, one))
          } catch (error) {
            answers.push((error as { code: string }).code)
          }
        }
      })
      const expected: unknown[] = []
      await db.transact(async (tx) => {
        for (const one of calls) {
          const { orders } = tx.tenant(`transaction-${round}-${one.tenant}`)
          const answer = make(orders as never, one) as unknown as Promise<unknown>
          expected.push(await answer.catch(({ code }: { code: string }) => code))
        }
      })
      expect(answers).toEqual(expected)
      for (const index of [undefined, ...INDEXES]) {
        for (const tenant of ['a', 'b']) {
          const rowsOf = (name: string) =>
            db
              .tenant(`${name}-${round}-${tenant}`)
              .orders.scan(index === undefined ? {} : { index })
              .toArray()
          expect(await rowsOf('batch')).toEqual(await rowsOf('transaction'))
        }
      }
    }),
    { numRuns: 60 },
  )
})
