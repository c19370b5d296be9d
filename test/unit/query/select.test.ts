import { describe, expect, test } from 'vitest'
import { SortedStore } from '../indexes/sorted-store.js'
import { QueryKit } from './query-kit.js'

const at = (text: string): number => Date.parse(text) * 1000

function shop(): QueryKit {
  const kit = new QueryKit()
    .table(
      'orders',
      {
        id: 'text',
        customerId: 'text',
        status: 'enum(new,paid,sent)',
        amount: 'decimal(12,2)?',
        purchasedAt: 'timestamp',
        doc: 'json?',
      },
      ['id'],
      { byCustomer: { on: ['customerId', 'purchasedAt'] } },
    )
    .table('customers', { id: 'text', name: 'text?' }, ['id'])
    .table('items', { orderId: 'text', line: 'int', price: 'float', sku: 'uuid?' }, [
      'orderId',
      'line',
    ])
  kit.insert(
    'orders',
    ['o1', 'c1', 'paid', 1250n, at('2024-01-05T10:00:00Z'), { tags: ['a'], n: 1 }],
    ['o2', 'c2', 'new', 300n, at('2024-01-20T10:00:00Z'), null],
    ['o3', 'c1', 'sent', 999n, at('2024-02-01T10:00:00Z'), { n: 2.5 }],
    ['o4', 'c3', 'paid', null, at('2024-02-03T10:00:00Z'), null],
  )
  kit.insert('customers', ['c1', 'Ann'], ['c2', 'Bob'], ['c3', null], ['c4', 'Dan'])
  const sku = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff'
  kit.insert('items', ['o1', 1, 2.5, sku], ['o1', 2, 10, null], ['o2', 1, 3, null])
  return kit
}

const kit = shop()

describe('select', () => {
  test('rows are objects of user values', async () => {
    const { rows, columns } = await kit.result('select * from orders where id = ?', ['o1'])
    expect(rows).toEqual([
      {
        id: 'o1',
        customerId: 'c1',
        status: 'paid',
        amount: '12.50',
        purchasedAt: new Date('2024-01-05T10:00:00Z'),
        doc: { tags: ['a'], n: 1 },
      },
    ])
    expect(columns.map(({ kind }) => kind)).toEqual([
      'text',
      'text',
      'enum',
      'decimal',
      'timestamp',
      'json',
    ])
  })

  test('result columns are named as in SQLite, and repeated names get numbers', async () => {
    const { columns } = await kit.result(
      'select o.ID, count( * ), amount as total, id, id + 1 "plus", o.id from orders o group by id',
    )
    expect(columns.map(({ name }) => name)).toEqual([
      'id',
      'count( * )',
      'total',
      'id:1',
      'plus',
      'id:2',
    ])
  })

  test('a column called __proto__ is a column', async () => {
    const { rows } = await kit.result('select 1 as "__proto__", 2 as toString')
    expect(Object.entries(rows[0]!)).toEqual([
      ['__proto__', 1],
      ['toString', 2],
    ])
  })

  test('group by, having, order by with aliases and positions', async () => {
    expect(
      await kit.rows(
        `select customerId as c, count(*) n, sum(amount) as total, avg(amount) from orders
         where status <> 'lost' group by c having n >= 1 order by n desc, 1 desc`,
      ),
    ).toEqual([
      ['c1', 2, '22.49', '11.24500000'],
      ['c3', 1, null, null],
      ['c2', 1, '3.00', '3.00000000'],
    ])
  })

  test('aggregates of nothing', async () => {
    const text = `select count(*), count(id), sum(amount), avg(amount), min(id), total(amount),
      group_concat(id), max(id) || 'x', id from orders where id = 'none'`
    expect(await kit.rows(text)).toEqual([[0, 0, null, null, null, 0, null, null, null]])
    expect(await kit.rows(`${text} group by status`)).toEqual([])
    expect(await kit.rows(`${text} having count(*) > 0`)).toEqual([])
  })

  test('aggregates of all kinds', async () => {
    expect(
      await kit.rows(
        `select count(distinct customerId), min(purchasedAt), max(status), sum(doc ->> 'n'),
         group_concat(id, '-'), count(distinct status) * 2 from orders`,
      ),
    ).toEqual([[3, new Date('2024-01-05T10:00:00Z'), 'sent', 3.5, 'o1-o2-o3-o4', 6]])
  })

  test('group by time', async () => {
    expect(
      await kit.rows(
        `select date_trunc('month', purchasedAt) as month, count(*) from orders
         group by month order by month desc`,
      ),
    ).toEqual([
      [new Date('2024-02-01T00:00:00Z'), 2],
      [new Date('2024-01-01T00:00:00Z'), 2],
    ])
  })

  test('null order', async () => {
    const ids = async (order: string) =>
      (await kit.rows(`select id from orders order by ${order}`)).flat().join()
    expect(await ids('amount, id')).toBe('o4,o2,o3,o1')
    expect(await ids('amount desc')).toBe('o1,o3,o2,o4')
    expect(await ids('amount nulls last')).toBe('o2,o3,o1,o4')
    expect(await ids('amount desc nulls first')).toBe('o4,o1,o3,o2')
    expect(await ids('-amount')).toBe('o4,o1,o3,o2')
    expect(await ids('length(status), id desc')).toBe('o2,o4,o3,o1')
  })

  test('limit and offset', async () => {
    const ids = async (limit: string, params?: unknown) =>
      (await kit.rows(`select id from orders order by id limit ${limit}`, params)).flat().join()
    expect(await ids('2')).toBe('o1,o2')
    expect(await ids('2 offset 1')).toBe('o2,o3')
    expect(await ids('1, 2')).toBe('o2,o3')
    expect(await ids('-1 offset 3')).toBe('o4')
    expect(await ids('0')).toBe('')
    expect(await ids('? offset ?', [1, 1])).toBe('o2')
    expect(await ids('?', [null])).toBe('o1,o2,o3,o4')
  })

  test('distinct', async () => {
    expect(await kit.rows('select distinct customerId from orders order by 1 desc')).toEqual([
      ['c3'],
      ['c2'],
      ['c1'],
    ])
    expect(await kit.rows('select distinct amount is null, 1 from orders')).toEqual([
      [0, 1],
      [1, 1],
    ])
    const error = await kit.refusal('select distinct customerId from orders order by id')
    expect(error.code).toBe('SQL_UNSUPPORTED')
  })

  test('joins', async () => {
    const text = `select o.id, c.name, i.price from orders o join customers c on c.id = o.customerId
      join items as i on i.orderId = o.id and i.price > 2.6 order by o.id, i.line`
    const expected = [
      ['o1', 'Ann', 10],
      ['o2', 'Bob', 3],
    ]
    expect(await kit.rows(text)).toEqual(expected)
    const commas = `select o.id, name, price from items i, customers c, orders o
      where customerId = c.id and o.id = orderId and price > 2.6 order by 1, line`
    expect(await kit.rows(commas)).toEqual(expected)
    expect(await kit.rows('select count(*) from orders a cross join orders b')).toEqual([[16]])
    const unequal = 'select count(*) from orders a join orders b on a.id < b.id'
    expect(await kit.rows(unequal)).toEqual([[6]])
    const self = `select a.id, b.id from orders a join orders b on a.customerId = b.customerId
      and a.id < b.id`
    expect(await kit.rows(self)).toEqual([['o1', 'o3']])
    const star = await kit.result('select c.*, o.id from customers c join orders o on o.id = c.id')
    expect(star.columns.map(({ name }) => name)).toEqual(['id', 'name', 'id:1'])
  })

  test('null equals nothing in a join', async () => {
    const text = 'select count(*) from orders a join orders b on a.amount = b.amount'
    expect(await kit.rows(text)).toEqual([[3]])
    const lookup = "select count(*) from orders o join customers c on c.id = nullif(o.id, 'o1')"
    expect(await kit.rows(lookup)).toEqual([[0]])
  })

  test('texts beside timestamps, decimals and uuids are read as such', async () => {
    const count = async (where: string, params?: unknown) =>
      (await kit.rows(`select count(*) from orders, items where ${where}`, params))[0]![0]
    expect(await count("purchasedAt >= '2024-02-01' and line = 2")).toBe(2)
    expect(
      await count("purchasedAt between timestamp '2024-01-06' and ? and line = 2", [
        new Date('2024-02-02'),
      ]),
    ).toBe(2)
    expect(await count("amount = '12.500'")).toBe(3)
    expect(await count('amount = ? and line = 2', ['12.5'])).toBe(1)
    expect(await count('amount > ? and line = 2', [9.99])).toBe(1)
    expect(await count('amount >= ? and line = 2', [9.99])).toBe(2)
    expect(await count("sku = '6F9619FF-8B86-4D01-B42D-00CF4FC964FF' and id = 'o1'")).toBe(1)
    expect(await count("sku = 'no uuid'")).toBe(0)
    expect(await count("line = '2' and id = 'o1'")).toBe(1)
  })

  test('arithmetic on decimals is exact, with floats it is not', async () => {
    expect(
      await kit.rows(
        "select amount * 1.1, amount / 3, amount + ? from orders where id = 'o1'",
        [0.25],
      ),
    ).toEqual([['13.750', '4.16666667', 12.75]])
  })

  test('a tenant that never wrote has empty tables', async () => {
    const context = { ...kit.context(), rows: () => undefined }
    const empty = async (text: string) => (await kit.prepare(text).execute(context)).rows
    expect(await empty('select * from orders')).toEqual([])
    expect(await empty("select count(*) n from orders where id = 'o1'")).toEqual([{ n: 0 }])
  })

  test('as of', async () => {
    const past = shop()
    const old = past.store
    past.store = new SortedStore()
    past.insert('orders', ['o9', 'c9', 'new', null, at('2024-03-01T00:00:00Z'), null])
    const date = new Date('2024-02-29')
    for (const moment of ['-10m', 1234, date.getTime()]) past.past.set(moment, old)
    const count = async (from: string, params?: unknown) =>
      (await past.rows(`select count(*) from ${from}`, params))[0]![0]
    expect(await count('orders')).toBe(1)
    expect(await count("orders as of '-10m'")).toBe(4)
    expect(await count('orders o as of ? where id is not null', ['-10m'])).toBe(4)
    expect(await count('orders as of 1234 as o')).toBe(4)
    expect(await count('orders as of ?', [date])).toBe(4)
    expect(await count("orders as of timestamp '2024-02-29' as o")).toBe(4)
    expect(await count("orders a join orders as of '-10m' b on 1")).toBe(4)
    expect(await count("orders a join orders b on 1 as of '-10m'")).toBe(16)
    expect(await count("orders a, orders b as of '-10m'")).toBe(16)
  })

  test('letter case of names is free unless it tells names apart', async () => {
    const cased = new QueryKit().table('T', { Id: 'int', A: 'int', a: 'int' }, ['Id'])
    cased.insert('T', [1, 2, 3])
    expect(await cased.rows('select ID, A, a from t')).toEqual([[1, 2, 3]])
  })

  test('bare columns of a group come from its first row', async () => {
    expect(
      await kit.rows('select customerId, id from orders group by customerId order by 1'),
    ).toEqual([
      ['c1', 'o1'],
      ['c2', 'o2'],
      ['c3', 'o4'],
    ])
  })

  test.each([
    ['select * from order_s', 'SQL_UNKNOWN_NAME', 'did you mean "orders"'],
    ['select o.nam from orders o', 'SQL_UNKNOWN_NAME', 'there are id, customerId'],
    ['select orders.id from orders o', 'SQL_UNKNOWN_NAME', 'there are o'],
    ['select id from orders, items, customers', 'SQL_AMBIGUOUS_NAME', 'orders, customers'],
    ['select 1 from orders, orders where orders.id = 1', 'SQL_AMBIGUOUS_NAME', 'orders'],
    ['select x.* from orders', 'SQL_UNKNOWN_NAME', 'no table "x"'],
    ['select id from orders where sum(amount) > 1', 'SQL_TYPE', 'in WHERE'],
    ['select id from orders group by sum(amount)', 'SQL_TYPE', 'in GROUP BY'],
    ['select count(*) from orders group by 1', 'SQL_TYPE', 'in GROUP BY'],
    ['select sum(purchasedAt) from orders', 'SQL_TYPE', 'timestamp'],
    ['select * from orders where purchasedAt > 5', 'SQL_TYPE', 'timestamp'],
    ["select * from orders where amount > x'00'", 'SQL_TYPE', 'decimal'],
    ['select id from orders limit id', 'SQL_UNKNOWN_NAME', 'no column "id"'],
    ['select id from orders as of now', 'SQL_UNKNOWN_NAME', 'no column "now"'],
    ['select id from orders as of null', 'SQL_TYPE', 'AS OF'],
  ])('%s', async (text, code, part) => {
    const error = await kit.refusal(text)
    expect(error.code).toBe(code)
    expect(error.message).toContain(part)
  })

  test('long statements let other work run', async () => {
    const big = new QueryKit().table('t', { id: 'int', n: 'int' }, ['id'])
    big.store.entries = []
    for (let id = 0; id < 5000; id++) big.insert('t', [id, (id * 7919) % 5000])
    big.mayYield = true
    const rows = await big.rows('select n from t order by n')
    expect(rows.flat()).toEqual(Array.from({ length: 5000 }, (_, i) => i))
    expect(big.pauseCount).toBeGreaterThan(3)
    const pairs = 'select count(*), sum(a.n) from t a join t b on a.n = b.id'
    expect(await big.rows(pairs)).toEqual([[5000, 12_497_500]])
    const top = await big.rows('select n from t order by n desc limit 3 offset 1')
    expect(top.flat()).toEqual([4998, 4997, 4996])
  })
})
