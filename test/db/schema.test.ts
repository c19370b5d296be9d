// Tables over the life of a database: declared again, grown, and refused where rows would no longer fit.

import { describe, expect, test } from 'vitest'

import { open, t, table, type Tables } from '../../dist/index.js'
import { expectCode, openWith, temporaryDirectory } from './db-kit.js'

const items = table(
  'items',
  { id: t.int(), sku: t.text(), price: t.decimal(8, 2) },
  { primaryKey: ['id'], indexes: { bySku: ['sku'] } },
)

/** A database with 1,500 items of two tenants, some in tables and some in the log. */
async function itemsDirectory(): Promise<string> {
  const path = temporaryDirectory()
  const db = await open({ path, tables: { items } })
  for (const name of ['a', 'b']) {
    const rows = Array.from({ length: 750 }, (_, id) => ({ id, sku: `s-${id % 10}`, price: id }))
    await db.tenant(name).items.insert(rows.slice(0, 600))
    if (name === 'a') await db.flush()
    await db.tenant(name).items.insert(rows.slice(600))
  }
  await db.close()
  return path
}

describe('a stored table', () => {
  test('opens as declared, in another order, and undeclared', async () => {
    const path = await itemsDirectory()
    const reordered = table(
      'items',
      { price: t.decimal(8, 2), sku: t.text(), id: t.int() },
      { primaryKey: ['id'], indexes: { bySku: ['sku'] } },
    )
    const declared = await openWith({ items: reordered }, { path })
    expect(declared.tenant('a').items.getSync(7)).toEqual({ id: 7, sku: 's-7', price: '7.00' })
    await declared.tenant('a').items.update(7, { price: 8 })
    await declared.close()
    const other = table('other', { id: t.int() }, { primaryKey: ['id'] })
    const grown = await openWith({ other }, { path })
    await grown.tenant('c').other.insert({ id: 1 })
    expect(await grown.tenant('a').sql`select price from items where id = 7`).toEqual([
      { price: '8.00' },
    ])
    await grown.close()
    const undeclared = await open({ path })
    expect(undeclared.tables().map(({ name }) => name)).toEqual(['items', 'other'])
    const stored = undeclared.tenant('a') as never as { items: { getSync(id: number): unknown } }
    expect(stored.items.getSync(7)).toEqual({ id: 7, sku: 's-7', price: '8.00' })
    expect(undeclared.tenants()).toEqual(['a', 'b', 'c'])
    await undeclared.close()
  })

  test('takes new columns, which old rows show as null or their default', async () => {
    const path = await itemsDirectory()
    const wider = table(
      'items',
      {
        id: t.int(),
        sku: t.text(),
        price: t.decimal(8, 2),
        note: t.text().nullable(),
        stock: t.int().default(5),
      },
      { primaryKey: ['id'], indexes: { bySku: ['sku'] } },
    )
    for (let i = 0; i < 2; i++) {
      const db = await openWith({ items: wider }, { path })
      const shop = db.tenant('a')
      const old = { id: 1, sku: 's-1', price: '1.00', note: null, stock: 5 }
      expect(shop.items.getSync(1)).toEqual(old)
      await shop.items.upsert({ id: 2, sku: 's', price: 1, note: 'new' })
      expect(shop.items.getSync(2)).toEqual({
        id: 2,
        sku: 's',
        price: '1.00',
        note: 'new',
        stock: 5,
      })
      expect(await shop.sql`select count(*) as n from items where stock = 5`).toEqual([{ n: 750 }])
      // The past keeps the columns that it had.
      const [state] = await shop.items.history(1)
      expect(state!.row).toEqual({ id: 1, sku: 's-1', price: '1.00' })
      expect(shop.at(state!.seqNum).items.getSync(1)).toEqual(state!.row)
      await db.compact()
      await db.close()
    }
    await expectCode('SCHEMA_MISMATCH', () => open({ path, tables: { items } }))
  })

  test('takes new indexes, built over the rows of every tenant', async () => {
    const path = await itemsDirectory()
    const indexed = table(
      'items',
      { id: t.int(), sku: t.text(), price: t.decimal(8, 2) },
      {
        primaryKey: ['id'],
        indexes: { bySku: ['sku'], byPrice: { columns: ['price'], unique: true } },
      },
    )
    for (let i = 0; i < 2; i++) {
      const db = await openWith({ items: indexed }, { path })
      for (const name of ['a', 'b']) {
        const dear = db.tenant(name).items.scan({ index: 'byPrice', gte: '748' })
        expect((await dear.toArray()).map(({ id }) => id)).toEqual([748, 749])
        expect(await db.tenant(name).items.scan({ index: 'byPrice' }).toArray()).toHaveLength(750)
        await expectCode('ROW_UNIQUE_VIOLATION', () =>
          db.tenant(name).items.insert({ id: 1000, sku: 's', price: 5 }),
        )
      }
      await db.close()
    }
  })

  test('is refused a unique index that its rows contradict, and stays as it was', async () => {
    const path = await itemsDirectory()
    const unique = table(
      'items',
      { id: t.int(), sku: t.text(), price: t.decimal(8, 2) },
      {
        primaryKey: ['id'],
        indexes: { bySku: ['sku'], oneSku: { columns: ['sku'], unique: true } },
      },
    )
    await expectCode('ROW_UNIQUE_VIOLATION', () => open({ path, tables: { items: unique } }))
    const db = await openWith({ items }, { path })
    expect(db.tables()[0]!.indexes.map(({ name }) => name)).toEqual(['bySku'])
    expect(await db.tenant('b').items.scan({ index: 'bySku' }).toArray()).toHaveLength(750)
  })

  test('changes with all others of a declaration, or not at all', async () => {
    const path = await itemsDirectory()
    const wider = { id: t.int(), sku: t.text(), price: t.decimal(8, 2), note: t.text().nullable() }
    const indexes = { bySku: ['sku'], byNote: ['note'] } as const
    const oneSku = { columns: ['sku'], unique: true } as const
    const other = table('other', { id: t.int() }, { primaryKey: ['id'] })
    const contradicted = table('items', wider, {
      primaryKey: ['id'],
      indexes: { ...indexes, oneSku },
    })
    await expectCode('ROW_UNIQUE_VIOLATION', () =>
      open({ path, tables: { other, items: contradicted } }),
    )
    // The program of before still finds what it declares.
    const before = await openWith({ items }, { path })
    expect(before.tables().map(({ name, columns }) => [name, columns.length])).toEqual([
      ['items', 3],
    ])
    await before.close()
    const possible = table('items', wider, { primaryKey: ['id'], indexes })
    const after = await openWith({ other, items: possible }, { path })
    const shop = after.tenant('b').items
    await shop.update(7, { note: 'seven' })
    expect(await shop.scan({ index: 'byNote', prefix: ['seven'] }).toArray()).toMatchObject([
      { id: 7, sku: 's-7' },
    ])
    expect(await shop.scan({ index: 'byNote' }).toArray()).toHaveLength(750)
    expect((await after.verify()).isSound).toBe(true)
  })

  test('is refused every other change, and what is right is not applied either', async () => {
    const path = await itemsDirectory()
    const columns = { id: t.int(), sku: t.text(), price: t.decimal(8, 2) }
    const options = { primaryKey: ['id'], indexes: { bySku: ['sku'] } } as const
    const changed: Record<string, Tables[string]> = {
      'a column is gone': table('items', { id: t.int(), sku: t.text() }, options),
      'another type': table('items', { ...columns, price: t.decimal(8, 3) }, options),
      'now nullable': table('items', { ...columns, price: t.decimal(8, 2).nullable() }, options),
      'a new column that must not be null': table('items', { ...columns, n: t.int() }, options),
      'another primary key': table('items', columns, { ...options, primaryKey: ['id', 'sku'] }),
      'an index is gone': table('items', columns, { primaryKey: ['id'] }),
      'another index': table('items', columns, { ...options, indexes: { bySku: ['price'] } }),
      'a new default': table('items', { ...columns, sku: t.text().default('x') }, options),
    }
    const fresh = table('fresh', { id: t.int() }, { primaryKey: ['id'] })
    for (const [what, declared] of Object.entries(changed)) {
      const error = await expectCode('SCHEMA_MISMATCH', () =>
        open({ path, tables: { fresh, items: declared } }),
      )
      expect(error.details, what).toMatchObject({ table: 'items', differenceCount: 1 })
    }
    const db = await openWith({ items }, { path })
    expect(db.tables().map(({ name }) => name)).toEqual(['items'])
    expect(await db.tenant('a').items.scan().toArray()).toHaveLength(750)
  })
})

describe('impossible declarations', () => {
  test('are refused before anything is created', async () => {
    const path = temporaryDirectory()
    const free = (name: string) => table(name, { id: t.int() }, { primaryKey: ['id'] })
    for (const name of [
      'name',
      'transact',
      'sql',
      'query',
      'at',
      'seqNum',
      'then',
      'constructor',
    ]) {
      await expectCode('SCHEMA_INVALID', () => open({ path, tables: { [name]: free(name) } }))
    }
    await expectCode('SCHEMA_INVALID', () => open({ path, tables: { other: items } }))
    await expectCode('SCHEMA_INVALID', () => open({ path, tables: { items: {} as never } }))
    await expectCode('SCHEMA_INVALID', () => open({ path, tables: { items: null as never } }))
    await expectCode('DB_NOT_FOUND', () => open({ path, createIfMissing: false }))
    for (const declare of [
      () => table('', { id: t.int() }, { primaryKey: ['id'] }),
      () => table('x', {}, { primaryKey: ['id'] } as never),
      () => table('x', { id: t.int() }, { primaryKey: [] } as never),
      () => table('x', { id: t.int() }, { primaryKey: ['no'] } as never),
      () => table('x', { id: t.int().nullable() }, { primaryKey: ['id'] } as never),
      () => table('x', { id: t.json() }, { primaryKey: ['id'] } as never),
      () => table('x', { id: t.decimal(50, 2) }, { primaryKey: ['id'] }),
    ]) {
      await expectCode('SCHEMA_INVALID', declare)
    }
  })

  test('with strange names that are possible work', async () => {
    const strange = table(
      'toString',
      { hasOwnProperty: t.int(), 'a b': t.text(), '"': t.text(), é: t.int().nullable() },
      { primaryKey: ['hasOwnProperty'], indexes: { valueOf: ['a b'] } },
    )
    const db = await openWith({ toString: strange })
    const row = { hasOwnProperty: 1, 'a b': 'x', '"': 'y', é: 2 }
    await db.tenant('a').toString.insert(row)
    expect(
      await db
        .tenant('a')
        .toString.scan({ index: 'valueOf', prefix: ['x'] })
        .first(),
    ).toEqual(row)
    expect(await db.tenant('a').query('select "a b", """" from "toString"')).toEqual([
      { 'a b': 'x', '"': 'y' },
    ])
  })
})
