// The schema and catalog of that time: a moment shows the columns, indexes and tables that there were, by every way of
// reading, whatever became of them since.

import { describe, expect, test } from 'vitest'

import {
  open,
  type OpenSettings,
  type SeqNum,
  t,
  table,
  type Tables,
  type Tenant,
} from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { expectCode } from './db-kit.js'

const first = table(
  'items',
  { id: t.int(), sku: t.text(), price: t.decimal(8, 2) },
  { primaryKey: ['id'], indexes: { bySku: ['sku'] } },
)
const grown = table(
  'items',
  {
    id: t.int(),
    sku: t.text(),
    price: t.decimal(8, 2),
    note: t.text().nullable(),
    stock: t.int().default(5),
  },
  {
    primaryKey: ['id'],
    indexes: { bySku: ['sku'], byPrice: { columns: ['price'], unique: true } },
  },
)
const orders = table('orders', { id: t.int(), item: t.int() }, { primaryKey: ['id'] })

const newest = { items: grown, orders }

interface Moments {
  readonly fs: MemoryFileSystem
  /** Three columns, one index, one table. */
  readonly early: SeqNum
  /** Five columns and two indexes, still one table. */
  readonly middle: SeqNum
  /** With orders. */
  readonly late: SeqNum
}

function openOn<const T extends Tables>(fs: MemoryFileSystem, tables?: T, settings?: OpenSettings) {
  return open({ path: '/db', ...settings, ...(tables && { tables }) }, { env: memoryEnv({ fs }) })
}

/** One item as it was under each of three schemas: its price is 1, then 2, then 3. */
async function threeSchemas(): Promise<Moments> {
  const fs = new MemoryFileSystem()
  const one = await openOn(fs, { items: first })
  const rows = Array.from({ length: 300 }, (_, id) => ({ id, sku: `s-${id % 7}`, price: id + 10 }))
  await one.tenant('a').items.insert(rows)
  const early = await one.tenant('a').items.upsert({ id: 7, sku: 's-0', price: 1 })
  await one.close()
  const two = await openOn(fs, { items: grown })
  const middle = await two.tenant('a').items.upsert({ id: 7, sku: 's-0', price: 2, note: 'two' })
  await two.close()
  const three = await openOn(fs, newest)
  await three.tenant('a').orders.insert({ id: 1, item: 7 })
  const late = await three.tenant('a').items.upsert({ id: 7, sku: 's-0', price: 3, stock: 0 })
  await three.close()
  return { fs, early, middle, late }
}

/** Runs a check on the database as it is, flushed and compacted, and opened again without declarations. */
async function always(
  { fs }: Moments,
  check: (tenant: Tenant<typeof newest>) => Promise<void>,
): Promise<void> {
  const db = await openOn(fs, newest)
  await check(db.tenant('a'))
  await db.compact()
  await check(db.tenant('a'))
  await db.close()
  const again = await openOn(fs)
  await check(again.tenant('a') as never)
  await again.close()
}

describe('at a moment', () => {
  test('rows have the columns that there were', async () => {
    const moments = await threeSchemas()
    const { early, middle, late } = moments
    await always(moments, async (tenant) => {
      const was = { id: 7, sku: 's-0', price: '1.00' }
      const past = tenant.at(early)
      expect(past.items.getSync(7)).toStrictEqual(was)
      expect(await past.items.get(7)).toStrictEqual(was)
      expect(await past.items.scan({ gte: 7, limit: 1 }).toArray()).toStrictEqual([was])
      const bySku = past.items.scan({ index: 'bySku', prefix: ['s-0'] })
      expect((await bySku.toArray()).filter(({ id }) => id === 7)).toStrictEqual([was])
      expect([...(await past.sql`select * from items where id = 7`)]).toStrictEqual([was])
      const then = { ...was, price: '2.00', note: 'two', stock: 5 }
      expect(tenant.at(middle).items.getSync(7)).toStrictEqual(then)
      const now = { ...was, price: '3.00', note: null, stock: 0 }
      expect(tenant.at(late).items.getSync(7)).toStrictEqual(now)
      expect(tenant.items.getSync(7)).toStrictEqual(now)
    })
  })

  test('columns that came later have no name', async () => {
    const moments = await threeSchemas()
    const { early, middle } = moments
    await always(moments, async (tenant) => {
      const ask = 'select note from items where id = 7'
      await expectCode('SQL_UNKNOWN_NAME', () => tenant.at(early).query(ask))
      expect(await tenant.at(middle).query(ask)).toEqual([{ note: 'two' }])
      const error = await expectCode('SQL_UNKNOWN_NAME', () =>
        tenant.query('select i.note from items as of ? as i', [early]),
      )
      expect(error.message).toContain('no column of that moment is called "note"; there are id,')
    })
  })

  test('an index that came later is not used, and is refused by name', async () => {
    const moments = await threeSchemas()
    const { early, middle } = moments
    await always(moments, async (tenant) => {
      const byPrice = { index: 'byPrice', prefix: ['2.00'] } as const
      const error = await expectCode('SCHEMA_UNKNOWN_INDEX', () =>
        tenant.at(early).items.scan(byPrice),
      )
      expect(error.message).toContain('byPrice of items was built after that moment')
      expect(await tenant.at(middle).items.scan(byPrice).toArray()).toHaveLength(1)
      const ask = 'select id from items as of $1 where price = $2'
      for (const [moment, price, index] of [
        [early, 1, 'by primary key'],
        [middle, 2, 'by index byPrice'],
        [early, 1, 'by primary key'],
      ] as const) {
        expect([...(await tenant.query(ask, [moment, price]))]).toEqual([{ id: 7 }])
        const plan = await tenant.query<{ plan: string }>(`explain ${ask}`, [moment, price])
        expect(plan.map((line) => line.plan).join('\n')).toContain(index)
      }
    })
  })

  test('one statement joins tables of several schemas', async () => {
    const moments = await threeSchemas()
    const { early, middle } = moments
    await always(moments, async (tenant) => {
      const [row] = await tenant.query(
        `select one.*, two.price as middle, two.note, now.price as now, o.id as o
         from items as of $1 as one join items as of $2 as two on two.id = one.id
         join items now on now.id = two.id join orders o on o.item = now.id`,
        [early, middle],
      )
      expect(row).toStrictEqual({
        id: 7,
        sku: 's-0',
        price: '1.00',
        middle: '2.00',
        note: 'two',
        now: '3.00',
        o: 1,
      })
      const whole = 'select a.stock from items a join items b on a.id = b.id as of ?'
      await expectCode('SQL_UNKNOWN_NAME', () => tenant.query(whole, [early]))
      expect(await tenant.query(whole, [middle])).toHaveLength(300)
    })
  })

  test('a table that came later is unknown to SQL and empty as rows', async () => {
    const moments = await threeSchemas()
    const { middle, late } = moments
    await always(moments, async (tenant) => {
      const past = tenant.at(middle)
      expect(past.orders.getSync(1)).toBeUndefined()
      expect(await past.orders.scan().toArray()).toEqual([])
      const error = await expectCode('SQL_UNKNOWN_NAME', () => past.query('select * from orders'))
      expect(error.message).toContain('no table of that moment is called "orders"; there are items')
      await expectCode('SQL_UNKNOWN_NAME', () =>
        tenant.query('select 1 from items join orders as of ? as o on true', [middle]),
      )
      expect(await tenant.at(late).query('select * from orders')).toEqual([{ id: 1, item: 7 }])
      await expectCode('SQL_UNKNOWN_NAME', () => tenant.at('-1h').query('select * from items'))
    })
  })

  test('is what it was for a tenant that keeps its history longer than the database', async () => {
    const fs = new MemoryFileSystem()
    const settings = { historyWindowMs: 0 }
    const one = await openOn(fs, { items: first }, settings)
    await one.tenant('a').setRetention({ historyWindowMs: 86_400_000 })
    const row = { id: 7, sku: 's-0', price: '1.00' }
    const early = await one.tenant('a').items.insert(row)
    await one.compact()
    await one.close()
    for (let i = 0; i < 3; i++) {
      const db = await openOn(fs, i === 0 ? { items: grown } : newest, settings)
      const { items } = db.tenant('a') as Tenant<typeof newest>
      await items.update(7, { price: i + 2, note: `note ${i}` })
      await db.tenant('b').items.upsert({ id: 7, sku: 's', price: i })
      await db.compact()
      const past = db.tenant('a').at(early)
      expect(past.items.getSync(7)).toStrictEqual(row)
      expect(await past.query('select * from items where price = 1')).toEqual([row])
      await expectCode('SQL_UNKNOWN_NAME', () => past.query('select note from items'))
      await expectCode('SQL_UNKNOWN_NAME', () => past.query('select * from orders'))
      await expectCode('TXN_SNAPSHOT_TOO_OLD', () => db.tenant('b').at(early).items.get(7))
      const states = await items.history(7)
      expect(states.at(-1)!.row).toStrictEqual(row)
      await db.close()
    }
  })
})
