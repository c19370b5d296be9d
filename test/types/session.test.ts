// What the compiler lets a program say to a database. The checks happen in `tsc -p test/tsconfig.json`; nothing here runs
// against a real one.

import { expectTypeOf, test } from 'vitest'

import { type Database, type Row, type SeqNum, t, table } from '../../dist/index.js'

const orders = table(
  'orders',
  {
    id: t.text(),
    customer: t.text(),
    status: t.enum(['placed', 'paid']).default('placed'),
    amount: t.decimal(12, 2),
    note: t.text().nullable(),
  },
  { primaryKey: ['id'], indexes: { byCustomer: ['customer'] } },
)
const lines = table(
  'lines',
  { order: t.text(), position: t.int(), sku: t.text() },
  { primaryKey: ['order', 'position'] },
)
type Shop = Database<{ orders: typeof orders; lines: typeof lines }>

/** Only compiled: the function is never called. */
function compiled(program: (db: Shop) => unknown): void {
  expectTypeOf(program).toBeFunction()
}

test('no call is there without a tenant', () => {
  compiled((db) => {
    // @ts-expect-error rows belong to tenants
    db.orders.get('o-1')
    // @ts-expect-error so does SQL
    void db.sql`select * from orders`
    // @ts-expect-error and the past
    db.at('-10m')
    // @ts-expect-error a tenant has a name
    db.tenant()
    // @ts-expect-error which is a text
    db.tenant(7)
    return db.transact(async (tx) => {
      // @ts-expect-error also in a transaction
      await tx.orders.get('o-1')
      await tx.tenant('a').orders.get('o-1')
    })
  })
})

test('a transaction and its savepoints have the same tables', () => {
  compiled((db) =>
    db.tenant('a').transact(
      async (tx) => {
        expectTypeOf(await tx.orders.getForUpdate('o-1')).toEqualTypeOf<
          Row<typeof orders> | undefined
        >()
        // @ts-expect-error a key of two columns
        await tx.lines.getForUpdate('o-1')
        const isThere = await tx.savepoint(async (inner) => {
          expectTypeOf(inner).toEqualTypeOf(tx)
          return (await inner.orders.get('o-1')) !== undefined
        })
        expectTypeOf(isThere).toEqualTypeOf<boolean>()
      },
      { isolation: 'snapshot', timeoutMs: 100 },
    ),
  )
  compiled((db) =>
    db.transact((tx) =>
      tx.savepoint((inner) => {
        expectTypeOf(inner).toEqualTypeOf(tx)
        // @ts-expect-error rows are locked inside of transactions only
        db.tenant('a').orders.getForUpdate('o-1')
        return inner.tenant('a').orders.getForUpdate('o-1')
      }),
    ),
  )
  compiled((db) =>
    // @ts-expect-error there are two levels
    db.transact(() => 1, { isolation: 'read committed' }),
  )
})

test('rows, keys and columns are checked', () => {
  compiled(async (db) => {
    const shop = db.tenant('a')
    expectTypeOf(await shop.orders.get('o-1')).toEqualTypeOf<Row<typeof orders> | undefined>()
    expectTypeOf(shop.lines.getSync(['o-1', 1])).toEqualTypeOf<Row<typeof lines> | undefined>()
    expectTypeOf(
      await shop.orders.insert({ id: 'a', customer: 'c', amount: 1 }),
    ).toEqualTypeOf<SeqNum>()
    expectTypeOf(await shop.orders.update('a', { note: null })).toEqualTypeOf<boolean>()
    await shop.lines.insert([{ order: 'a', position: 1, sku: 's' }])
    // @ts-expect-error no such table
    await shop.customers.get('c-1')
    // @ts-expect-error a key of another type
    await shop.orders.get(1)
    // @ts-expect-error a key with a part missing
    await shop.lines.get(['o-1'])
    // @ts-expect-error a key of two columns is an array
    await shop.lines.get('o-1')
    // @ts-expect-error a column is missing
    await shop.orders.insert({ id: 'a', customer: 'c' })
    // @ts-expect-error an unknown column
    await shop.orders.insert({ id: 'a', customer: 'c', amount: 1, colour: 'red' })
    // @ts-expect-error a value outside the enum
    await shop.orders.upsert({ id: 'a', customer: 'c', amount: 1, status: 'lost' })
    // @ts-expect-error of another type
    await shop.orders.update('a', { amount: true })
    // @ts-expect-error an unknown column
    await shop.orders.update('a', { colour: 'red' })
    for await (const row of shop.orders.scan({ index: 'byCustomer', prefix: ['c'], limit: 5 })) {
      expectTypeOf(row.status).toEqualTypeOf<'placed' | 'paid'>()
    }
    // @ts-expect-error no such index
    shop.orders.scan({ index: 'byStatus' })
    // @ts-expect-error a table without indexes
    shop.lines.scan({ index: 'byCustomer' })
    // @ts-expect-error no such option
    shop.orders.scan({ where: 'x' })
  })
})

test('the past is only read, and transactions write through their own tables', () => {
  compiled(async (db) => {
    const past = db.tenant('a').at('-10m')
    expectTypeOf(await past.orders.get('o-1')).toEqualTypeOf<Row<typeof orders> | undefined>()
    // @ts-expect-error the past cannot be written
    past.orders.insert({ id: 'a', customer: 'c', amount: 1 })
    // @ts-expect-error nor begin transactions
    past.transact(async () => 1)
    // @ts-expect-error a moment is a Date, a SeqNum or a text
    db.tenant('a').at(12)
    const count = await db.tenant('a').transact(async (tx) => {
      // @ts-expect-error nothing of a transaction is in the past of another
      tx.at('-10m')
      // @ts-expect-error transactions do not nest
      tx.transact(async () => 1)
      await tx.orders.delete('o-1')
      return 7
    })
    expectTypeOf(count).toEqualTypeOf<number>()
    const rows = await db.tenant('a').sql<{ n: number }>`select count(*) as n from orders`
    expectTypeOf(rows[0]!).toEqualTypeOf<{ n: number }>()
    expectTypeOf(rows.affectedCount).toEqualTypeOf<number>()
    db.on('flush', (event) => expectTypeOf(event.outputBytes).toEqualTypeOf<number>())
    // @ts-expect-error no such event
    db.on('flsh', () => undefined)
  })
})

test('a batch writes rows of its tenants and waits for nothing', () => {
  compiled(async (db) => {
    const seqNum = await db.write((batch) => {
      const tenant = batch.tenant('a')
      expectTypeOf(
        tenant.orders.insert({ id: 'a', customer: 'c', amount: 1 }),
      ).toEqualTypeOf<void>()
      tenant.orders.upsert([{ id: 'a', customer: 'c', amount: 1, note: null }])
      expectTypeOf(tenant.lines.update(['a', 1], { sku: 's' })).toEqualTypeOf<boolean>()
      expectTypeOf(tenant.lines.delete(['a', 1])).toEqualTypeOf<boolean>()
      // @ts-expect-error rows belong to tenants
      batch.orders.delete('a')
      // @ts-expect-error no such table
      batch.tenant('a').customers.delete('a')
      // @ts-expect-error a column is missing
      tenant.orders.insert({ id: 'a', customer: 'c' })
      // @ts-expect-error a value outside the enum
      tenant.orders.upsert({ id: 'a', customer: 'c', amount: 1, status: 'lost' })
      // @ts-expect-error an unknown column
      tenant.orders.update('a', { colour: 'red' })
      // @ts-expect-error a key with a part missing
      tenant.lines.delete(['a'])
    })
    expectTypeOf(seqNum).toEqualTypeOf<SeqNum>()
    // @ts-expect-error there are two ways
    void db.write(() => undefined, { durability: 'hoped' })
  })
})

test('what became of rows has their types', () => {
  compiled(async (db) => {
    const shop = db.tenant('seller-1')
    for await (const { key, before, after } of shop.orders.diff('-1h')) {
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(before ?? after).toEqualTypeOf<Row<typeof orders> | undefined>()
    }
    const change = await shop.lines.diff('-1h', new Date()).first()
    expectTypeOf(change!.key).toEqualTypeOf<readonly [string, number]>()
    const blame = await shop.orders.blame('o-1')
    expectTypeOf(blame!.status!.seqNum).toEqualTypeOf<SeqNum>()
    // @ts-expect-error no such column
    void blame!.colour
    const [state] = await shop.orders.history('o-1', { limit: 1 })
    expectTypeOf(state!.row).toEqualTypeOf<Row<typeof orders> | undefined>()
    await shop.rewind({ to: '-10m', tables: ['orders'] })
    // @ts-expect-error no such table
    await shop.rewind({ to: '-10m', tables: ['order'] })
    // @ts-expect-error the past does not change
    void shop.at('-10m').rewind
  })
})

test('retention names tables that are there', () => {
  compiled(async (db) => {
    const shop = db.tenant('shop')
    await shop.setRetention({ historyWindowMs: 1, tables: { orders: 0, lines: undefined } })
    // @ts-expect-error there is no such table
    await shop.setRetention({ tables: { order: 1 } })
    // @ts-expect-error a hold says why
    await shop.placeHold({ name: 'case 17' })
    // @ts-expect-error a pin says for how long
    db.pin({ owner: 'report' })
    expectTypeOf(shop.retention().tables['orders']?.oldest).toEqualTypeOf<SeqNum | undefined>()
    expectTypeOf(db.pin({ owner: 'report', maxAgeMs: 1, at: '-1h' }).seqNum).toEqualTypeOf<SeqNum>()
    // @ts-expect-error a window is a number of milliseconds
    table('a', { id: t.text() }, { primaryKey: ['id'], historyWindowMs: '1d' })
  })
})
