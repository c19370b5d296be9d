// SQL through a tenant's session: parameters, what comes beside the rows, writes, and mistakes.

import { describe, expect, test } from 'vitest'

import { expectCode, openShop, order, type Shop } from './db-kit.js'

async function filled(): Promise<Shop> {
  const db = await openShop()
  await db.tenant('a').orders.insert(Array.from({ length: 20 }, (_, n) => order(n)))
  await db.tenant('b').orders.insert(order(99))
  return db
}

describe('statements', () => {
  test('take values by template, by position and by name', async () => {
    const db = await filled()
    const shop = db.tenant('a')
    const expected = [{ id: 'o-00002' }, { id: 'o-00009' }]
    const [customer, at, status] = ['c-2', order(10).at, 'placed']
    expect(
      await shop.sql`select id from orders
        where customer = ${customer} and at < ${at} and status = ${status} order by id`,
    ).toEqual(expected)
    expect(
      await shop.query('select id from orders where customer = ? and at < ? order by id', [
        customer,
        at,
      ]),
    ).toEqual(expected)
    expect(
      await shop.query('select id from orders where at < $2 and customer = $1 order by id', [
        customer,
        at,
      ]),
    ).toEqual(expected)
    expect(
      await shop.query('select id from orders where customer = :c and at < :at order by :c, id', {
        c: customer,
        at,
      }),
    ).toEqual(expected)
    const hostile = "x' or '1' = '1"
    expect(await shop.sql`select id from orders where customer = ${hostile}`).toEqual([])
  })

  test('tell columns, affected rows and the commit, and print as their rows', async () => {
    const db = await filled()
    const shop = db.tenant('a')
    const result = await shop.sql`select amount, at, note, count(*) as n from orders
      where id = 'o-00003' group by amount, at, note`
    expect(result).toStrictEqual([{ amount: '3.50', at: order(3).at, note: null, n: 1 }])
    expect(result.columns.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'amount decimal',
      'at timestamp',
      'note text',
      'n int',
    ])
    expect([result.affectedCount, result.seqNum]).toEqual([0, db.stats().seqNum])
    expect(Object.keys(result)).toEqual(['0'])
    const written = await shop.sql`update orders set status = 'paid' where customer = 'c-1'`
    expect(written).toHaveLength(0)
    expect([written.affectedCount, written.seqNum]).toEqual([3, db.stats().seqNum])
    const [newest] = await shop.orders.history('o-00001')
    expect(newest!.seqNum).toBe(written.seqNum)
    const nothing = await shop.sql`update orders set status = 'paid' where customer = 'none'`
    expect([nothing.affectedCount, nothing.seqNum]).toEqual([0, written.seqNum])
  })

  test('insert, update and delete like the calls do', async () => {
    const db = await filled()
    const shop = db.tenant('a')
    await shop.sql`insert into orders (id, customer, amount, at)
      values ('o-new', 'c-9', ${'12.30'}, ${order(500).at}), ('o-two', 'c-9', 7, ${order(501).at})`
    expect(shop.orders.getSync('o-new')).toEqual({
      ...order(500, { id: 'o-new', customer: 'c-9', amount: '12.30' }),
      status: 'placed',
      note: null,
    })
    const { affectedCount } = await shop.sql`update orders set customer = 'c-10' where id = 'o-two'`
    expect(affectedCount).toBe(1)
    expect(await shop.orders.scan({ index: 'byCustomer', prefix: ['c-9'] }).toArray()).toHaveLength(
      1,
    )
    expect(
      (await shop.sql`delete from orders where customer in ('c-9', 'c-10')`).affectedCount,
    ).toBe(2)
    expect((await shop.sql`delete from orders`).affectedCount).toBe(20)
    expect(await shop.orders.scan({ index: 'newestFirst' }).toArray()).toEqual([])
    expect(await db.tenant('b').orders.scan().toArray()).toHaveLength(1)
  })

  test('write all their rows or none', async () => {
    const db = await filled()
    const shop = db.tenant('a')
    const { seqNum } = db.stats()
    const rows = "('x-1', 'c', 1, '2024-01-01'), ('o-00001', 'c', 1, '2024-01-01')"
    const insert = `insert into orders (id, customer, amount, at) values ${rows}`
    await expectCode('ROW_DUPLICATE_KEY', () => shop.query(insert))
    await expectCode('ROW_UNIQUE_VIOLATION', () => shop.sql`update orders set note = 'one'`)
    await expectCode(
      'SCHEMA_TYPE_MISMATCH',
      () =>
        shop.sql`update orders set status = case when id > 'o-00015' then 'lost' else 'paid' end`,
    )
    expect(db.stats().seqNum).toBe(seqNum)
    expect(await shop.sql`select count(*) as n from orders where status = 'placed'`).toEqual([
      { n: 20 },
    ])
    expect(shop.orders.getSync('x-1')).toBeUndefined()
  })

  test('that write are retried when others commit in between', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'n', n: 0 })
    const increment = () => shop.sql`update counters set n = n + 1 where id = 'n'`
    await Promise.all(Array.from({ length: 30 }, increment))
    expect(shop.counters.getSync('n')).toEqual({ id: 'n', n: 30 })
  })

  test('see one tenant only', async () => {
    const db = await filled()
    expect(await db.tenant('b').sql`select id from orders`).toEqual([{ id: 'o-00099' }])
    expect(await db.tenant('c').sql`select count(*) as n, sum(amount) as s from orders`).toEqual([
      { n: 0, s: null },
    ])
    expect(
      await db.tenant('b').sql`select a.id from orders a join orders b on a.customer = b.customer`,
    ).toHaveLength(1)
  })

  test('explain themselves', async () => {
    const db = await filled()
    const plan = await db.tenant('a').sql<{ plan: string }>`
      explain select id from orders where customer = 'c-1' order by at desc limit 3`
    const text = plan.map((row) => row.plan).join('\n')
    expect(text).toContain('byCustomer')
    expect(plan.columns).toEqual([{ name: 'plan', kind: 'text' }])
  })

  test('find tables in any letter case', async () => {
    const db = await filled()
    expect(await db.tenant('b').sql`SELECT ID FROM Orders`).toHaveLength(1)
  })
})

describe('mistakes', () => {
  test('in the syntax show line, column and a caret', async () => {
    const db = await filled()
    const error = await expectCode('SQL_SYNTAX', () =>
      db.tenant('a').query('select id,\n  amount\nfrom orders wher id = 1'),
    )
    expect(error.details).toMatchObject({ line: 3 })
    const lines = error.message.split('\n')
    const caretAt = lines.at(-1)!.indexOf('^')
    expect(lines.at(-2)!.slice(caretAt)).toMatch(/^(wher|id)/)
    expect(lines.at(-2)!.slice(0, caretAt).length).toBe(Number(error.details['column']) + 1)
  })

  test('have their code, and change nothing', async () => {
    const db = await filled()
    const shop = db.tenant('a')
    const join = 'from orders a join orders b on a.id = b.id'
    const cases = [
      ['SQL_SYNTAX', ''],
      ['SQL_SYNTAX', 'select'],
      ['SQL_SYNTAX', 'select 1; select 2'],
      ['SQL_SYNTAX', "select 'open"],
      ['SQL_SYNTAX', `select ${'('.repeat(5000)}1`],
      ['SQL_UNSUPPORTED', 'create table x (id int)'],
      ['SQL_UNSUPPORTED', 'select * from (select 1) x'],
      ['SQL_UNKNOWN_NAME', 'select * from ordres'],
      ['SQL_UNKNOWN_NAME', 'select amuont from orders'],
      ['SQL_UNKNOWN_NAME', 'select nope(1) from orders'],
      ['SQL_UNKNOWN_NAME', 'delete from orders where nope = 1'],
      ['SQL_AMBIGUOUS_NAME', `select id ${join}`],
      ['SQL_TYPE', 'select id + at from orders'],
      ['SQL_PARAMETER', 'select ?'],
      ['SQL_PARAMETER', 'select :name'],
    ] as const
    for (const [code, text] of cases) {
      await expectCode(code, () => shop.query(text))
      await expectCode(code, () => shop.transact(async (tx) => tx.query(text)))
      if (!text.startsWith('delete')) await expectCode(code, () => shop.at('-0s').query(text))
    }
    const suggestion = await expectCode('SQL_UNKNOWN_NAME', () =>
      shop.query('select * from ordres'),
    )
    expect(suggestion.message).toContain('orders')
    for (const parameters of [null, 7, 'x', [1, 2], { a: 1 }, [undefined], [Symbol('x')], [NaN]]) {
      await expectCode('SQL_PARAMETER', () => shop.query('select ?', parameters as never))
    }
    await expectCode('SQL_PARAMETER', () => shop.query('select :a', { b: 1 }))
    await expectCode('SQL_PARAMETER', () => shop.query('select :a', { a: 1, b: 1 }))
    await expectCode('ARGUMENT_INVALID', () => shop.query(7 as never))
    await expectCode('ARGUMENT_INVALID', () => shop.sql('select 1' as never))
    await expectCode('ARGUMENT_INVALID', () => shop.sql`select * from orders as of 'soon'`)
    expect(await shop.orders.scan().toArray()).toHaveLength(20)
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('in written values have the codes of the calls', async () => {
    const db = await filled()
    const shop = db.tenant('a')
    const long = 'k'.repeat(2100)
    await expectCode('KEY_TOO_LARGE', () => shop.sql`insert into counters values (${long}, 1)`)
    await expectCode('SQL_TYPE', () => shop.sql`insert into counters values ('a', 'x')`)
    await expectCode(
      'SCHEMA_TYPE_MISMATCH',
      () => shop.sql`insert into counters values ('a', null)`,
    )
    await expectCode(
      'SCHEMA_MISSING_COLUMN',
      () => shop.sql`insert into counters (id) values ('a')`,
    )
    expect(await shop.counters.scan().toArray()).toEqual([])
  })
})
