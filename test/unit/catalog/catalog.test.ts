import { describe, expect, test } from 'vitest'

import type { TenantId } from '../../../dist/base/ids.js'
import { Catalog, checkTenantName } from '../../../dist/catalog/catalog.js'
import { t } from '../../../dist/catalog/column-types.js'
import type { TableDefinition } from '../../../dist/catalog/definition.js'
import { decodeTable, encodeTable, systemKey } from '../../../dist/catalog/format.js'
import { RowMapper } from '../../../dist/catalog/row-values.js'
import { table } from '../../../dist/catalog/table.js'
import { EndOfBytes } from '../../../dist/codec/bytes.js'
import { tenantHashOf } from '../../../dist/codec/tenant-key.js'
import { buildIndexes } from '../../../dist/indexes/index-build.js'
import { TableRows } from '../../../dist/indexes/table-rows.js'
import { SortedStore } from '../indexes/sorted-store.js'

const base = { id: t.text(), kind: t.enum(['a', 'b']), size: t.decimal(9, 3).default('1.5') }
const things = table('things', base, { primaryKey: ['id'] }).declaration

describe('tables', () => {
  test('are created once and stay', async () => {
    const store = new SortedStore()
    const first = await Catalog.open(store, [things])
    expect(first.table('things')).toMatchObject({ id: 16, version: 1, nextIndexId: 1 })
    const writes = store.writeCount
    const second = await Catalog.open(store, [things])
    expect(store.writeCount).toBe(writes)
    expect(second.tables()).toStrictEqual(first.tables())
    const more = table('more', base, { primaryKey: ['id'] }).declaration
    const third = await Catalog.open(store, [more])
    expect(third.tables().map(({ name, id }) => [name, id])).toStrictEqual([
      ['things', 16],
      ['more', 17],
    ])
    expect((await Catalog.open(store)).tables()).toStrictEqual(third.tables())
    expect(third.table('constructor')).toBeUndefined()
  })

  test('come back with every facet of theirs', () => {
    const { declaration } = table(
      'x',
      {
        a: t.text().default('\0'),
        b: t.int().nullable(),
        c: t.float().default(-0),
        d: t.bigint().default(2n ** 100n),
        e: t.decimal(38, 10).nullable().default('-1.5'),
        f: t.timestamp().default('2020-01-01'),
        g: t.timestamp({ precision: 'us' }),
        h: t.boolean().default(false),
        i: t.bytes().default(Uint8Array.of(0, 255)),
        j: t.uuid().nullable(),
        k: t.enum(['', 'x']).default(''),
        l: t.json().default({ __proto__: null, a: [1, 'x', null] }),
      },
      {
        primaryKey: ['a', { column: 'g', descending: true }],
        indexes: {
          one: ['b', { column: 'c', descending: true }],
          two: { columns: ['j'], unique: true },
        },
      },
    )
    const definition: TableDefinition = {
      ...declaration,
      id: 99,
      version: 3,
      nextIndexId: 7,
      columns: declaration.columns.map((column, i) => ({ ...column, id: i + 4, sinceVersion: 2 })),
      indexes: declaration.indexes.map((index, i) => ({ ...index, id: i + 3 })),
    }
    const bytes = encodeTable(definition)
    expect(decodeTable('x', bytes)).toStrictEqual(definition)
    for (let end = 0; end < bytes.length; end++) {
      expect(() => decodeTable('x', bytes.subarray(0, end))).toThrow(EndOfBytes)
    }
  })

  test('grow by nullable and defaulted columns, and old rows show them', async () => {
    const store = new SortedStore()
    const catalog = await Catalog.open(store, [things])
    const tenant = { id: 1 as TenantId, hash: 5 }
    const old = catalog.table('things')!
    new TableRows(old, tenant).insert(store, new RowMapper(old).toCells({ id: 'a', kind: 'b' }))
    const grown = table(
      'things',
      { first: t.int().nullable(), ...base, last: t.text().default('?') },
      { primaryKey: ['id'] },
    ).declaration
    const definition = (await Catalog.open(store, [grown])).table('things')!
    expect(definition.version).toBe(2)
    expect(
      definition.columns.map(({ name, id, sinceVersion }) => [name, id, sinceVersion]),
    ).toEqual([
      ['id', 1, 1],
      ['kind', 2, 1],
      ['size', 3, 1],
      ['first', 4, 2],
      ['last', 5, 2],
    ])
    const row = new TableRows(definition, tenant).get(store, ['a'])
    expect(row).toStrictEqual(['a', 'b', 1500n, null, '?'])
    await expect(Catalog.open(store, [things])).rejects.toThrow('column first is stored but not')
  })

  test('that differ are refused, with every difference, and nothing is written', async () => {
    const store = new SortedStore()
    const indexed = table('things', base, { primaryKey: ['id'], indexes: { byKind: ['kind'] } })
    await Catalog.open(store, [indexed.declaration])
    const before = store.entries
    const other = table(
      'things',
      { id: t.text(), kind: t.enum(['b', 'a']), size: t.decimal(9, 3).default('2'), must: t.int() },
      { primaryKey: ['id', 'kind'], indexes: { byKind: { columns: ['kind'], unique: true } } },
    ).declaration
    const added = table('added', base, { primaryKey: ['id'] }).declaration
    const refused = Catalog.open(store, [added, other])
    await expect(refused).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: { table: 'things', differenceCount: 5 },
    })
    await expect(refused).rejects.toThrow(
      'column kind is enum(a, b), declared enum(b, a); column size has another default than ' +
        'declared; column must is new but neither nullable nor has a default; the primary key is ' +
        '(id), declared (id, kind); index byKind is (kind), declared unique (kind)',
    )
    await expect(Catalog.open(store, [added, added])).rejects.toThrow('SCHEMA_INVALID')
    await expect(Catalog.open(store, [things])).rejects.toThrow('index byKind is stored but not')
    expect(store.entries).toBe(before)
  })

  test('that are damaged are told so', async () => {
    const store = new SortedStore()
    await Catalog.open(store, [things])
    const { key, value } = store.entries[0]!
    store.entries = [{ key, value: value.slice(0, -1) }]
    await expect(Catalog.open(store)).rejects.toMatchObject({ code: 'ROW_CORRUPT' })
    store.entries = [{ key, value: Uint8Array.of(2, ...value.slice(1)) }]
    await expect(Catalog.open(store)).rejects.toMatchObject({ code: 'ROW_CORRUPT' })
  })
})

describe('new indexes', () => {
  const indexed = table('things', base, {
    primaryKey: ['id'],
    indexes: { byKind: ['kind'], bySize: { columns: ['size'], unique: true } },
  }).declaration

  async function withRows(sizes: readonly string[]) {
    const store = new SortedStore()
    const catalog = await Catalog.open(store, [things])
    const definition = catalog.table('things')!
    const mapper = new RowMapper(definition)
    await store.write((view) => {
      for (const name of ['x', 'y']) {
        const rows = new TableRows(definition, catalog.internTenant(view, name))
        sizes.forEach((size, i) => {
          rows.insert(view, mapper.toCells({ id: `${i}`, kind: i % 2 ? 'a' : 'b', size }))
        })
      }
    })
    return store
  }

  test('are built from the rows of all tenants', async () => {
    const store = await withRows(['3', '1', '2'])
    const catalog = await Catalog.open(store, [indexed], buildIndexes)
    const rows = new TableRows(catalog.table('things')!, catalog.tenant('y')!)
    const scan = rows.scan(store, { index: 'bySize' })
    const ids = []
    while (scan.next()) ids.push(scan.row[0])
    expect(ids).toStrictEqual(['1', '2', '0'])
    expect(() => rows.insert(store, ['9', 'a', 3000n])).toThrow('ROW_UNIQUE_VIOLATION')
    expect((await Catalog.open(store, [indexed])).tables()).toStrictEqual(catalog.tables())
  })

  test('that rows contradict are refused, and the next try takes other ids', async () => {
    const store = await withRows(['1', '1'])
    await expect(Catalog.open(store, [indexed], buildIndexes)).rejects.toMatchObject({
      code: 'ROW_UNIQUE_VIOLATION',
    })
    const stored = (await Catalog.open(store, [things])).table('things')!
    expect(stored).toMatchObject({ indexes: [], nextIndexId: 3, version: 1 })
    const rows = new TableRows(stored, (await Catalog.open(store)).tenant('x')!)
    const first = rows.get(store, ['0'])!
    rows.update(store, first, [first[0]!, first[1]!, 7n])
    const only = new TableRows(stored, (await Catalog.open(store)).tenant('y')!)
    only.delete(store, only.get(store, ['0'])!)
    const catalog = await Catalog.open(store, [indexed], buildIndexes)
    expect(catalog.table('things')!.indexes.map(({ id }) => id)).toStrictEqual([3, 4])
  })

  test('need a builder', async () => {
    const store = await withRows([])
    await expect(Catalog.open(store, [indexed])).rejects.toThrow('index byKind is not stored')
  })
})

describe('tenants', () => {
  const hostile = ['__proto__', 'constructor', '\u{1f600}', 'a/../b', '.', ' ', 'x'.repeat(256)]

  test('get numbers once, in the commit of their first write', async () => {
    const store = new SortedStore()
    const catalog = await Catalog.open(store)
    for (const [i, name] of hostile.entries()) {
      expect(catalog.tenant(name)).toBeUndefined()
      let ref
      await store.write((view) => {
        ref = catalog.internTenant(view, name)
        expect(catalog.internTenant(view, name)).toStrictEqual(ref)
      })
      expect(ref).toStrictEqual({ id: i + 1, hash: tenantHashOf(name) })
      expect(catalog.tenant(name)).toStrictEqual(ref)
      expect(catalog.tenantName(store, (i + 1) as TenantId)).toBe(name)
    }
    expect([...catalog.listTenants(store)].sort()).toStrictEqual([...hostile].sort())
    expect(catalog.tenantName(store, 99 as TenantId)).toBeUndefined()
    const again = await Catalog.open(store)
    expect(again.tenant('.')).toStrictEqual(catalog.tenant('.'))
    await store.write((view) => {
      expect(again.internTenant(view, 'next').id).toBe(hostile.length + 1)
    })
  })

  test('of a commit that failed are not known, and their numbers are not given again', async () => {
    const store = new SortedStore()
    const catalog = await Catalog.open(store)
    const failed = store.write((view) => {
      catalog.internTenant(view, 'a')
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(catalog.tenant('a')).toBeUndefined()
    await store.write((view) => {
      expect(catalog.internTenant(view, 'b').id).toBe(2)
    })
  })

  test('are not read when a database opens', async () => {
    const store = new SortedStore()
    store.put(systemKey(2, 'damaged'), Uint8Array.of(9))
    const catalog = await Catalog.open(store, [things])
    expect(catalog.tenant('fine')).toBeUndefined()
    expect(() => catalog.tenant('damaged')).toThrow('ROW_CORRUPT')
  })

  test.each([
    ['empty', ''],
    ['of 257 bytes', 'x'.repeat(257)],
    ['of 258 bytes in 86 characters', '\u20ac'.repeat(86)],
    ['of 10 KB', 'x'.repeat(10_240)],
    ['with a line feed', 'a\nb'],
    ['with NUL', '\0'],
    ['with a C1 control', '\u0085'],
    ['with a lone surrogate', '\ud83d'],
    ['that are numbers', 7],
    ['that are absent', undefined],
  ])('with names %s are refused', async (_what, name) => {
    expect(() => checkTenantName(name)).toThrow('TENANT_NAME_INVALID')
    const catalog = await Catalog.open(new SortedStore())
    expect(catalog.tenant(name as string)).toBeUndefined()
    const store = new SortedStore()
    expect(() => catalog.internTenant(store, name as string)).toThrow('TENANT_NAME_INVALID')
  })
})
