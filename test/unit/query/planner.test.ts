import { describe, expect, test } from 'vitest'
import { QueryKit } from './query-kit.js'

const kit = new QueryKit()
  .table(
    'orders',
    {
      id: 'text',
      customerId: 'text',
      status: 'text?',
      amount: 'decimal(12,2)',
      purchasedAt: 'timestamp',
      email: 'text',
    },
    ['id'],
    {
      byCustomer: { on: ['customerId', 'purchasedAt'] },
      byStatus: { on: ['status', 'amount desc'] },
      byEmail: { on: ['email'], isUnique: true },
    },
  )
  .table('items', { orderId: 'text', line: 'int', price: 'float' }, ['orderId', 'line'])
  .table('customers', { id: 'text', name: 'text' }, ['id'])

/** The plan without its projection. */
async function plan(text: string, params?: unknown): Promise<string> {
  const lines = await kit.explain(text, params)
  return lines
    .filter((line) => !line.trim().startsWith('project'))
    .map((line) => line.trim())
    .join(' < ')
}

describe('one table', () => {
  test.each([
    ['select * from orders', 'read orders by primary key'],
    ["select * from orders where id = 'a'", "read orders by primary key (id = 'a')"],
    [
      "select * from orders where id > 'a' and id <= 'b'",
      "filter (id > 'a') and (id <= 'b') < read orders by primary key (id > 'a', id <= 'b')",
    ],
    [
      "select * from orders where customerId = 'c'",
      "read orders by index byCustomer (customerId = 'c')",
    ],
    [
      "select * from orders where customerId = 'c' and purchasedAt >= '2024-01-01'",
      "read orders by index byCustomer (customerId = 'c', purchasedAt >= '2024-01-01')",
    ],
    [
      "select * from orders where 'c' = customerId and status = 'x' and id = 'a'",
      "filter ('c' = customerId) and (status = 'x') < read orders by primary key (id = 'a')",
    ],
    [
      'select * from orders where status is null and amount between 1 and 2.5',
      'read orders by index byStatus (status is null, amount >= 1, amount <= 2.5)',
    ],
    ["select * from orders where email = 'e'", "read orders by index byEmail (email = 'e')"],
    [
      "select * from orders where id in ('b', 'a')",
      "read orders by primary key (id in ('b', 'a'))",
    ],
    [
      "select * from orders where status = 'x' or id = 'a'",
      "filter ((status = 'x') or (id = 'a')) < read orders by primary key",
    ],
    [
      "select * from orders where lower(id) = 'a'",
      "filter (lower(id) = 'a') < read orders by primary key",
    ],
    ['select * from orders where id = email', 'filter (id = email) < read orders by primary key'],
  ])('%s', async (text, expected) => {
    const found = await plan(text)
    expect(found.replaceAll("timestamp '", "'")).toBe(expected)
  })

  test('order by that a key has needs no sort', async () => {
    expect(await plan('select * from orders order by id desc')).toBe(
      'read orders by primary key reverse',
    )
    expect(
      await plan('select * from orders where customerId = ? order by purchasedAt desc limit 100', [
        'c',
      ]),
    ).toBe('limit 100 < read orders by index byCustomer (customerId = $1) reverse')
    expect(await plan('select * from orders order by customerId, purchasedAt, id limit 5')).toBe(
      'limit 5 < read orders by index byCustomer',
    )
    expect(await plan('select * from orders order by status desc, amount limit 5')).toBe(
      'limit 5 < read orders by index byStatus reverse',
    )
    expect(await plan("select * from orders where id = 'a' order by amount")).toBe(
      "read orders by primary key (id = 'a')",
    )
    expect(await plan('select * from orders order by email, amount limit 1')).toBe(
      'limit 1 < read orders by index byEmail',
    )
  })

  test('order by that no key has is sorted', async () => {
    expect(await plan('select id from orders order by status, amount limit 5')).toBe(
      'limit 5 < sort by status, amount < read orders by primary key',
    )
    expect(await plan('select id from orders order by status nulls last limit 5')).toBe(
      'limit 5 < sort by status < read orders by primary key',
    )
    expect(await plan('select customerId, count(*) from orders group by 1 order by 1')).toBe(
      'sort by customerId < group by customerId: count(*) < read orders by primary key',
    )
  })

  test('a limit stops the scan early', async () => {
    const small = new QueryKit().table('t', { id: 'int', n: 'int' }, ['id'], { byN: { on: ['n'] } })
    for (let id = 0; id < 3000; id++) small.insert('t', [id, id % 10])
    small.store.getCount = 0
    const rows = await small.rows('select id from t where n = 3 order by id desc limit 2')
    expect(rows).toEqual([[2993], [2983]])
    expect(small.store.getCount).toBeLessThan(600)
  })

  test('the plan is data, too', async () => {
    const { plan: node } = await kit.result("explain select id from orders where id = 'a'")
    expect(node).toMatchObject({
      operator: 'project',
      input: { operator: 'read', table: 'orders', access: 'point', index: 'primary key' },
    })
  })
})

describe('joins', () => {
  test('few rows look up, many rows hash', async () => {
    expect(
      await plan("select * from orders o join items i on i.orderId = o.id where o.id = 'a'"),
    ).toBe(
      "join lookup < read orders as o by primary key (id = 'a') < read items as i by primary key (orderId = o.id)",
    )
    expect(await plan('select * from orders o join items i on i.orderId = o.id')).toBe(
      'join hash on o.id = i.orderId < read orders as o by primary key < read items as i by primary key',
    )
  })

  test('the table with the best condition leads, wherever it stands', async () => {
    expect(
      await plan(
        `select * from items i, customers c, orders o
         where i.orderId = o.id and o.customerId = c.id and c.id = ?`,
        ['c'],
      ),
    ).toBe(
      [
        'join lookup',
        'join lookup',
        'read customers as c by primary key (id = $1)',
        'read orders as o by index byCustomer (customerId = c.id)',
        'read items as i by primary key (orderId = o.id)',
      ].join(' < '),
    )
  })

  test('a join that keeps the order of its leading table needs no sort', async () => {
    const text = `select o.id from orders o join customers c on c.id = o.customerId
      where o.customerId = 'c' order by o.purchasedAt desc limit 10`
    expect(await plan(text)).toContain('byCustomer')
    expect(await plan(text)).not.toContain('sort')
  })

  test('64 tables are planned, 65 are refused', async () => {
    const from = (count: number) => Array.from({ length: count }, (_, i) => `customers c${i}`)
    const where = Array.from({ length: 63 }, (_, i) => `c${i}.id = c${i + 1}.name`)
    const text = `select 1 from ${from(64).join()} where ${where.join(' and ')}`
    expect((await kit.explain(text)).length).toBeGreaterThan(64)
    expect((await kit.refusal(`select 1 from ${from(65).join()}`)).code).toBe('SQL_UNSUPPORTED')
  })
})

test('a plan follows the newest definition of its tables', async () => {
  const changing = new QueryKit().table('t', { id: 'int', n: 'int' }, ['id'])
  const statement = changing.prepare('explain select * from t where n = 1')
  const run = async () => (await statement.execute(changing.context())).rows.at(-1)
  expect(await run()).toEqual({ plan: '    read t by primary key' })
  changing.table('t', { id: 'int', n: 'int' }, ['id'], { byN: { on: ['n'] } })
  expect(await run()).toEqual({ plan: '  read t by index byN (n = 1)' })
})
