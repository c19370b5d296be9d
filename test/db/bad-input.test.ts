// What callers get wrong: every mistake is a typed error, changes nothing, and leaves the database usable.

import { describe, expect, test } from 'vitest'

import { type Insert, t, table } from '../../dist/index.js'
import { collect, errorOf, expectCode, openShop, openWith, order, type Shop } from './db-kit.js'

/** Rows as a program without types would pass them. */
const wrong = (row: object) => row as never

async function expectUnharmed(db: Shop): Promise<void> {
  const shop = db.tenant('unharmed')
  await shop.orders.upsert(order(1))
  expect((await shop.orders.get('o-00001'))?.amount).toBe('1.50')
  expect(await collect(shop.orders.scan({ index: 'byCustomer' }))).toHaveLength(1)
}

describe('tenant names', () => {
  test('that are impossible are refused where the tenant is named', async () => {
    const db = await openShop()
    const impossible: unknown[] = ['', 'x'.repeat(10_240), 'ü'.repeat(129), 'a\0b', 'a\nb', '\x7f']
    impossible.push('\u0085', 'lone \ud800', '\udc00', undefined, null, 7, {}, ['a'])
    for (const name of impossible) {
      await expectCode('TENANT_NAME_INVALID', () => db.tenant(name as string))
      await expectCode('TENANT_NAME_INVALID', () =>
        db.transact(async (tx) => tx.tenant(name as string)),
      )
    }
    expect(db.tenants()).toEqual([])
    await expectUnharmed(db)
  })

  test('that are strange are kept apart', async () => {
    const db = await openShop()
    const strange = ['🛒', 'a/b', '../../etc', '..', '.', "'; drop table orders; --", '__proto__']
    strange.push('constructor', 'a', 'A', 'a ', ' a', 'á', 'a\u0301', '0', '00', 'x'.repeat(256))
    strange.push('x'.repeat(255), '\u202egnp.exe', '%00', 'null', '\ufeffa')
    for (const [n, name] of strange.entries()) {
      await db.tenant(name).counters.insert({ id: 'same', n })
    }
    for (const [n, name] of strange.entries()) {
      expect(await db.tenant(name).counters.scan().toArray()).toEqual([{ id: 'same', n }])
    }
    expect(new Set(db.tenants())).toEqual(new Set(strange))
  })

  test('do not become tenants by reading, failing or finding nothing', async () => {
    const db = await openShop()
    const typo = db.tenant('typo')
    expect(await typo.orders.get('o-1')).toBeUndefined()
    expect(await typo.orders.scan().toArray()).toEqual([])
    expect(await typo.orders.history('o-1')).toEqual([])
    expect(await typo.orders.update('o-1', { amount: 1 })).toBe(false)
    expect(await typo.orders.delete('o-1')).toBe(false)
    expect(await typo.sql`select * from orders`).toHaveLength(0)
    expect((await typo.sql`delete from orders`).affectedCount).toBe(0)
    await typo.orders.insert([])
    await expectCode('ROW_DUPLICATE_KEY', () => typo.orders.insert([order(1), order(1)]))
    await errorOf(() => typo.transact(async (tx) => tx.orders.insert([order(1), order(1)])))
    await typo
      .transact(async (tx) => {
        await tx.orders.insert(order(1))
        expect(await tx.orders.get(order(1).id)).toBeDefined()
        expect(await tx.sql`select * from orders`).toHaveLength(1)
        await tx.orders.delete(order(1).id)
        throw new Error('changed my mind')
      })
      .catch(() => undefined)
    expect(db.tenants()).toEqual([])
  })
})

describe('rows', () => {
  const columns = {
    id: t.int(),
    text: t.text().nullable(),
    int: t.int().nullable(),
    float: t.float().nullable(),
    bigint: t.bigint().nullable(),
    decimal: t.decimal(6, 2).nullable(),
    timestamp: t.timestamp().nullable(),
    micros: t.timestamp({ precision: 'us' }).nullable(),
    boolean: t.boolean().nullable(),
    bytes: t.bytes().nullable(),
    uuid: t.uuid().nullable(),
    enum: t.enum(['a', 'b']).nullable(),
    json: t.json().nullable(),
    plain: t.text().default('x'),
  }
  const kinds = table('kinds', columns, { primaryKey: ['id'], indexes: { byInt: ['int'] } })
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  let deep: unknown = 1
  for (let i = 0; i < 300; i++) deep = [deep]
  const foreign = [Symbol('x'), () => 1]
  const wrongValues: Record<string, readonly unknown[]> = {
    text: [1, true, {}, [], new Date(), '\ud800', ...foreign],
    int: ['1', 1.5, NaN, Infinity, 2 ** 53, 1n, true, new Date(), ...foreign],
    float: ['1', NaN, 1n, true, ...foreign],
    bigint: ['1', 1.5, 1n << 1024n, true, ...foreign],
    decimal: ['1.234', '12345.00', 'abc', '', NaN, 1e30, true, {}, ...foreign],
    timestamp: ['yesterday', new Date(NaN), 1.5, 1n, true, 9e15, {}, ...foreign],
    micros: ['2024-01-01', 5, new Date(NaN), 1n << 70n, ...foreign],
    boolean: [0, 1, 'true', ...foreign],
    bytes: ['abc', [1, 2], new ArrayBuffer(2), ...foreign],
    uuid: ['abc', '0'.repeat(36), 1, ...foreign],
    enum: ['c', 'A', '', 1, ...foreign],
    json: [1n, NaN, circular, deep, { a: '\ud800' }, new Map(), ...foreign],
    plain: [null, 1],
  }

  test('of wrong types name table, column and what was expected, and write nothing', async () => {
    const db = await openWith({ kinds })
    const shop = db.tenant('a')
    await shop.kinds.insert({ id: 0, text: 'here' })
    for (const [column, values] of Object.entries(wrongValues)) {
      for (const value of values) {
        const row = wrong({ id: 1, [column]: value })
        const error = await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.kinds.insert(row))
        expect(error.details).toMatchObject({ table: 'kinds', column })
        await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.kinds.upsert([{ id: 2 }, row]))
        const change = wrong({ [column]: value })
        await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.kinds.update(0, change))
        await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.kinds.update(404, change))
      }
    }
    expect(await shop.kinds.scan().toArray()).toMatchObject([{ id: 0, text: 'here' }])
  })

  test('that are no rows, or have holes, are refused', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const holes: unknown[] = []
    holes[1] = order(1)
    for (const rows of [undefined, null, 1, 'row', [null], [[order(1)]], holes]) {
      await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.orders.insert(rows as never))
      await expectCode('SCHEMA_TYPE_MISMATCH', () =>
        shop.transact(async (tx) => tx.orders.upsert(rows as never)),
      )
    }
    expect(await shop.orders.scan().toArray()).toEqual([])
  })

  test('with missing or unknown columns are refused, with the near name', async () => {
    const db = await openShop()
    const { orders } = db.tenant('a')
    const { amount: _, ...incomplete } = order(1)
    const missing = await expectCode('SCHEMA_MISSING_COLUMN', () =>
      orders.insert(wrong(incomplete)),
    )
    expect(missing.details).toMatchObject({ table: 'orders', column: 'amount' })
    const misspelt = wrong({ ...order(1), amuont: 1 })
    const unknown = await expectCode('SCHEMA_UNKNOWN_COLUMN', () => orders.insert(misspelt))
    expect(unknown.message).toContain('did you mean amount?')
    const hidden = JSON.parse('{"__proto__": 1}') as object
    const row = wrong({ ...order(1), ...Object.fromEntries(Object.entries(hidden)) })
    await expectCode('SCHEMA_UNKNOWN_COLUMN', () => orders.insert(row))
    await orders.insert(order(1))
    await expectCode('SCHEMA_UNKNOWN_COLUMN', () => orders.update('o-00001', wrong({ no: 1 })))
    await expectCode('SCHEMA_UNKNOWN_COLUMN', () => orders.update('o-404', wrong({ no: 1 })))
    await expectUnharmed(db)
  })

  test('with a key that is there are refused, also within one call', async () => {
    const db = await openShop()
    const { orders } = db.tenant('a')
    await orders.insert([order(1, { note: 'mine' }), order(2)])
    const again = () => orders.insert([order(3), order(1)])
    expect((await expectCode('ROW_DUPLICATE_KEY', again)).committed).toBe('no')
    await expectCode('ROW_DUPLICATE_KEY', () => orders.insert([order(4), order(4)]))
    await expectCode('ROW_UNIQUE_VIOLATION', () =>
      orders.insert([order(5), order(6, { note: 'mine' })]),
    )
    await expectCode('ROW_UNIQUE_VIOLATION', () => orders.update('o-00002', { note: 'mine' }))
    await expectCode('ROW_DUPLICATE_KEY', () => orders.update('o-00002', { id: 'o-00001' }))
    const ids = (await orders.scan().toArray()).map(({ id }) => id)
    expect(ids).toEqual(['o-00001', 'o-00002'])
    expect(await orders.scan({ index: 'byCustomer' }).toArray()).toHaveLength(2)
    await orders.upsert([order(7), order(7, { note: 'last one counts' })])
    expect((await orders.get('o-00007'))?.note).toBe('last one counts')
    await expectUnharmed(db)
  })
})

describe('limits', () => {
  test('a key over its limit, in the primary key or an index', async () => {
    const db = await openShop()
    const { orders } = db.tenant('a')
    const long = 'k'.repeat(2048)
    await orders.insert(order(0))
    await expectCode('KEY_TOO_LARGE', () => orders.insert(order(1, { id: long })))
    await expectCode('KEY_TOO_LARGE', () => orders.insert([order(2), order(1, { customer: long })]))
    await expectCode('KEY_TOO_LARGE', () => orders.get(long))
    await expectCode('KEY_TOO_LARGE', () => orders.delete(long))
    expect(await orders.scan().toArray()).toHaveLength(1)
    const longest = order(1, { id: 'k'.repeat(1500) })
    await orders.insert(longest)
    expect(await orders.get(longest.id)).toMatchObject({ id: longest.id })
    await expectUnharmed(db)
  })

  test('a row over its limit, and a transaction over its own', async () => {
    const documents = table(
      'documents',
      { id: t.text(), body: t.bytes(), note: t.text().nullable() },
      { primaryKey: ['id'] },
    )
    const db = await openWith({ documents })
    const shop = db.tenant('a')
    const body = new Uint8Array(16 * 1024 * 1024 + 1)
    await expectCode('VALUE_TOO_LARGE', () => shop.documents.insert({ id: 'big', body }))
    const part = new Uint8Array(12 * 1024 * 1024)
    const many = ['1', '2', '3', '4', '5', '6'].map((id) => ({ id, body: part }))
    await expectCode('TXN_TOO_LARGE', () => shop.documents.insert(many))
    await expectCode('TXN_TOO_LARGE', () =>
      shop.transact(async (tx) => {
        for (const row of many) await tx.documents.insert(row)
      }),
    )
    expect(await shop.documents.scan().toArray()).toEqual([])
    await shop.documents.insert({ id: 'large', body: part })
    expect((await shop.documents.get('large'))?.body.length).toBe(part.length)
  })
})

describe('calls', () => {
  test('with keys, scans and transactions of a wrong shape', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.orders.insert(order(1))
    for (const key of [undefined, null, 1, {}, [], ['a', 'b'], [['o-00001']]]) {
      await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.orders.get(key as never))
      await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.orders.getSync(key as never))
      await expectCode('SCHEMA_TYPE_MISMATCH', () => shop.orders.delete(key as never))
    }
    const scan = (options: unknown) => () => shop.orders.scan(options as never).toArray()
    await expectCode('SCHEMA_UNKNOWN_INDEX', scan({ index: 'byCustomr' }))
    // Also where there is nothing to scan.
    const nobody = db.tenant('nobody').orders
    await expectCode('SCHEMA_UNKNOWN_INDEX', () => nobody.scan({ index: 'byCustomr' as never }))
    await expectCode('SCHEMA_TYPE_MISMATCH', scan({ prefix: [1] }))
    await expectCode('SCHEMA_TYPE_MISMATCH', scan({ index: 'byCustomer', prefix: ['c'], gt: 'x' }))
    const shapeless = [null, 7, { prefix: 'o' }, { limit: 0 }, { limit: -1 }, { limit: 1.5 }]
    shapeless.push({ limit: '5' } as never, { gt: 'a', gte: 'a' } as never)
    for (const options of shapeless) await expectCode('ARGUMENT_INVALID', scan(options))
    await expectCode('ARGUMENT_INVALID', scan({ prefix: ['o-00001', 'more'] }))
    await expectCode('ARGUMENT_INVALID', scan({ prefix: ['o-00001'], gt: 'more' }))
    await expectCode('ARGUMENT_INVALID', scan({ index: 'byNote', prefix: [undefined] }))
    await expectCode('ARGUMENT_INVALID', () => collect(shop.orders.scan().batches(0)))
    await expectCode('ARGUMENT_INVALID', () => shop.orders.scan().toArray({ limit: -1 }))
    await expectCode('ARGUMENT_INVALID', () => shop.transact(undefined as never))
    await expectCode('ARGUMENT_INVALID', () => db.transact('fn' as never))
    const once = async () => 1
    await expectCode('ARGUMENT_INVALID', () => shop.transact(once, { retryMaxCount: -1 }))
    await expectCode('ARGUMENT_INVALID', () => shop.transact(once, { signal: {} as never }))
    await expectCode('ARGUMENT_INVALID', () => shop.transact(once, 'snapshot' as never))
    await expectCode('ARGUMENT_INVALID', () => shop.transact(once, { isolation: 'none' as never }))
    await expectCode('ARGUMENT_INVALID', () => shop.transact(once, { readOnly: 1 as never }))
    const readOnlyOnce = { readOnly: true, token: 'once' }
    await expectCode('ARGUMENT_INVALID', () => shop.transact(once, readOnlyOnce))
    for (const timeoutMs of [0, -1, NaN, Infinity, 2 ** 31, '5', null]) {
      await expectCode('ARGUMENT_INVALID', () => shop.transact(once, { timeoutMs } as never))
    }
    await expectCode('OPTION_UNKNOWN', () => shop.transact(once, { retries: 3 } as never))
    await expectCode('ARGUMENT_INVALID', () => db.on('flush', undefined as never))
    const noMoments = ['soon', '-10x', '10m', '2026-02-30', '2026-01-01 noon', NaN, -1, 1.5, {}]
    for (const moment of [...noMoments, new Date(NaN), undefined]) {
      await expectCode('ARGUMENT_INVALID', () => shop.at(moment as never))
    }
    await expectUnharmed(db)
  })

  test('with arguments of a wrong type say so', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const seqNum = await shop.orders.insert(order(1))
    const keys = db.keySpace('a')
    for (const value of [null, 0, -1, '', 'x', true, Symbol('s'), 7n, Object.create(null)]) {
      const bad = value as never
      await expectCode('ARGUMENT_INVALID', () => shop.orders.scan({ limit: bad }).toArray())
      await expectCode('ARGUMENT_INVALID', () => shop.orders.history('o-00001', { limit: bad }))
      await expectCode('ARGUMENT_INVALID', () => collect(shop.orders.scan().batches(bad)))
      await expectCode('ARGUMENT_INVALID', () => shop.rewind({ to: seqNum, tables: [bad] }))
      await expectCode('ARGUMENT_INVALID', () => keys.write(bad))
      await expectCode('ARGUMENT_INVALID', () => db.verify(bad))
      if (value !== 0) await expectCode('ARGUMENT_INVALID', () => db.whenDurable(bad))
      if (value === true) continue
      const rewound = () => shop.rewind({ to: seqNum, dryRun: bad })
      await expectCode('ARGUMENT_INVALID', rewound)
    }
    for (const options of [null, 5, 'x', true]) {
      const bad = options as never
      await expectCode('ARGUMENT_INVALID', () => shop.transact(() => 1, bad))
      await expectCode('ARGUMENT_INVALID', () => shop.orders.scan().toArray(bad))
      await expectCode('ARGUMENT_INVALID', () => keys.scan(bad))
    }
    const throwing = { toString: () => expect.unreachable('code of the caller is not called') }
    for (const name of [7, Symbol('s'), Object.create(null), throwing]) {
      const bad = name as never
      await expectCode('SCHEMA_UNKNOWN_INDEX', () => shop.orders.scan({ index: bad }).toArray())
      await expectCode('ARGUMENT_INVALID', () => db.on(bad, () => undefined))
    }
    await expectCode('OPTION_UNKNOWN', () => shop.orders.scan().toArray({ count: 5 } as never))
    const misspelt = { durabilty: 'relaxed' } as never
    for (const write of ['insert', 'upsert'] as const) {
      await expectCode('OPTION_UNKNOWN', () => shop.orders[write](order(2), misspelt))
    }
    await expectCode('OPTION_UNKNOWN', () => shop.orders.update('o-00001', {}, misspelt))
    await expectCode('OPTION_UNKNOWN', () => shop.orders.delete('o-00001', misspelt))
    await expectCode('OPTION_UNKNOWN', () => keys.write((batch) => batch.put('k', 'v'), misspelt))
    const nothing = { to: seqNum, tables: [undefined as never] }
    await expectCode('ARGUMENT_INVALID', () => shop.rewind(nothing))
    await expectUnharmed(db)
  })

  test('that pass values of their own making do not disturb what is stored', async () => {
    const documents = table(
      'documents',
      { id: t.text(), body: t.bytes(), json: t.json<{ list: number[] }>() },
      { primaryKey: ['id'] },
    )
    const db = await openWith({ documents })
    const { documents: docs } = db.tenant('a')
    const row: Insert<typeof documents> = { id: 'a', body: Buffer.from('abc'), json: { list: [1] } }
    const inserted = docs.insert(row)
    row.body[0] = 0
    row.json.list.push(2)
    await inserted
    const expected = { id: 'a', body: new Uint8Array([97, 98, 99]), json: { list: [1] } }
    for (let i = 0; i < 2; i++) {
      const read = docs.getSync('a')!
      expect(read).toEqual(expected)
      read.body[0] = 1
      read.json.list.push(3)
      await db.flush()
    }
    expect(docs.getSync('a')).toEqual(expected)
  })
})
