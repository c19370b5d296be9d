import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { EngineError } from '../../../dist/base/errors.js'
import { valueToCell } from '../../../dist/catalog/cell-values.js'
import { type Column, t } from '../../../dist/catalog/column-types.js'
import { type ColumnDefinition, defineTable } from '../../../dist/catalog/definition.js'
import { RowMapper } from '../../../dist/catalog/row-values.js'
import { table } from '../../../dist/catalog/table.js'
import { cellToValue } from '../codec/cells.js'

const orders = table(
  'orders',
  {
    id: t.text(),
    status: t.enum(['new', 'paid']).default('new'),
    amount: t.decimal(12, 2),
    at: t.timestamp(),
    note: t.text().nullable(),
    items: t.json<unknown[]>().default([]),
  },
  { primaryKey: ['id'], indexes: { byStatus: ['status', 'at'] } },
)
const mapper = new RowMapper(defineTable(orders.declaration, 16))
const at = new Date('2017-10-02T10:56:33.123Z')

function errorOf(fn: () => unknown): EngineError {
  try {
    fn()
  } catch (error) {
    return error as EngineError
  }
  throw new Error('did not throw')
}

function definitionOf(column: Column): ColumnDefinition {
  const { columns } = table('x', { k: t.int(), c: column }, { primaryKey: ['k'] }).declaration
  return { ...columns[1]!, id: 2, sinceVersion: 1 }
}

describe('a row', () => {
  test('becomes cells and comes back', () => {
    const row = { id: 'a', status: 'paid', amount: '19.9', at, note: null, items: [1] }
    const cells = mapper.toCells(row)
    expect(cells).toStrictEqual(['a', 'paid', 1990n, at.getTime() * 1000, null, [1]])
    expect(mapper.toRow(cells)).toStrictEqual({ ...row, amount: '19.90' })
  })

  test('gets defaults and nulls for what it leaves out', () => {
    const cells = mapper.toCells({ id: 'a', amount: 1, at: 0, note: undefined })
    expect(cells).toStrictEqual(['a', 'new', 100n, 0, null, []])
    ;(cells[5] as unknown[]).push('mine')
    expect(mapper.toCells({ id: 'a', amount: 1, at: 0 })[5]).toStrictEqual([])
  })

  test('may be of any object with the properties', () => {
    class Order {
      id = 'a'
      amount = 5n
      get at() {
        return 0
      }
    }
    // A getter of the prototype is read but is no own property.
    expect(mapper.toCells(new Order())).toStrictEqual(['a', 'new', 500n, 0, null, []])
    const bare = Object.assign(Object.create(null), { id: 'a', amount: 5, at: 0 })
    expect(mapper.toCells(bare)[2]).toBe(500n)
  })

  test('that does not fit is refused, naming table and column, not the value', () => {
    const good = { id: 'a', amount: 1, at }
    const unknown = errorOf(() => mapper.toCells({ ...good, statsu: 'secret' }))
    expect(unknown.code).toBe('SCHEMA_UNKNOWN_COLUMN')
    expect(unknown.message).toContain('"statsu" (did you mean status?)')
    expect(unknown.message).toContain('id, status, amount, at, note, items')
    const missing = errorOf(() => mapper.toCells({ id: 'a', at }))
    expect([missing.code, missing.details['column']]).toStrictEqual([
      'SCHEMA_MISSING_COLUMN',
      'amount',
    ])
    const wrong = errorOf(() => mapper.toCells({ ...good, amount: 'secret' }))
    expect(wrong.code).toBe('SCHEMA_TYPE_MISMATCH')
    expect(wrong.details).toMatchObject({ table: 'orders', column: 'amount' })
    expect(wrong.message).toMatch(/^SCHEMA_TYPE_MISMATCH: orders\.amount takes a decimal\(12, 2\)/)
    expect(wrong.message).not.toContain('secret')
    for (const row of [null, undefined, 1, 'row', [good]]) {
      expect(errorOf(() => mapper.toCells(row)).code).toBe('SCHEMA_TYPE_MISMATCH')
    }
  })

  test('changes in the given columns only', () => {
    const cells = mapper.toCells({ id: 'a', amount: 1, at, note: 'x' })
    const changed = mapper.change({ note: null, status: 'paid', amount: undefined })(cells)
    expect(changed).toStrictEqual(['a', 'paid', 100n, at.getTime() * 1000, null, []])
    expect(cells[4]).toBe('x')
    expect(errorOf(() => mapper.change({ no: 1 })).code).toBe('SCHEMA_UNKNOWN_COLUMN')
    expect(errorOf(() => mapper.change({ id: null })).code).toBe('SCHEMA_TYPE_MISMATCH')
  })

  test('with columns named like what objects inherit is read right', () => {
    const hostile = table(
      'hostile',
      { constructor: t.text(), toString: t.int().nullable(), hasOwnProperty: t.int().default(3) },
      { primaryKey: ['constructor'] },
    )
    const own = new RowMapper(defineTable(hostile.declaration, 16))
    expect(own.toCells({ constructor: 'c' })).toStrictEqual(['c', null, 3])
    expect(errorOf(() => own.toCells({})).code).toBe('SCHEMA_MISSING_COLUMN')
    expect({ ...own.toRow(['c', 1, 2]) }).toStrictEqual({
      constructor: 'c',
      toString: 1,
      hasOwnProperty: 2,
    })
    const proto = JSON.parse('{"id":"a","amount":1,"at":0,"__proto__":{"x":1}}')
    expect(errorOf(() => mapper.toCells(proto)).code).toBe('SCHEMA_UNKNOWN_COLUMN')
  })
})

describe('a key', () => {
  test('is a bare value or an array of its values', () => {
    expect(mapper.keyCells('a')).toStrictEqual(['a'])
    expect(mapper.keyCells(['a'])).toStrictEqual(['a'])
    const pair = table('p', { a: t.int(), b: t.timestamp() }, { primaryKey: ['b', 'a'] })
    const pairs = new RowMapper(defineTable(pair.declaration, 16))
    expect(pairs.keyCells([at, 1])).toStrictEqual([at.getTime() * 1000, 1])
    for (const key of [1, [1], [at, 1, 2], ['x', 1], null, undefined]) {
      expect(errorOf(() => pairs.keyCells(key)).code).toBe('SCHEMA_TYPE_MISMATCH')
    }
    expect(errorOf(() => mapper.keyCells(undefined)).code).toBe('SCHEMA_TYPE_MISMATCH')
  })

  test('is checked part by part for scans', () => {
    expect(mapper.partCell(undefined, 0, 'a')).toBe('a')
    expect(mapper.partCell('byStatus', 1, 0)).toBe(0)
    expect(errorOf(() => mapper.partCell('byStatus', 2, 0)).code).toBe('ARGUMENT_INVALID')
    expect(errorOf(() => mapper.partCell('byNo', 0, 0)).code).toBe('SCHEMA_UNKNOWN_INDEX')
  })
})

describe('a value', () => {
  const uuid = '0123abcd-4567-89ab-cdef-0123456789ab'
  const micros = definitionOf(t.timestamp({ precision: 'us' }))

  test.each<[Column, unknown, unknown]>([
    [t.text(), 'x\0\u{1f600}', 'x\0\u{1f600}'],
    [t.int(), -0, 0],
    [t.int(), Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    [t.float(), -Infinity, -Infinity],
    [t.bigint(), 5, 5n],
    [t.bigint(), 2n ** 1024n - 1n, 2n ** 1024n - 1n],
    [t.decimal(5, 2), 1.1, '1.10'],
    [t.decimal(38, 0), 10n ** 38n - 1n, `${10n ** 38n - 1n}`],
    [t.timestamp(), '2017-10-02 10:56:33', new Date('2017-10-02T10:56:33Z')],
    [t.timestamp(), '1969-12-31T23:59:59.9999Z', new Date(-1)],
    [t.timestamp(), 1e12, new Date(1e12)],
    [t.timestamp({ precision: 'us' }), -1n, -1n],
    [t.timestamp({ precision: 'us' }), new Date(5), 5000n],
    [t.boolean(), false, false],
    [t.bytes(), Uint8Array.of(1), Uint8Array.of(1)],
    [t.uuid(), uuid.toUpperCase(), uuid],
    [t.enum(['', 'x']), '', ''],
    [t.json(), { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    [t.text().nullable(), undefined, null],
  ])('%# goes in and comes out', (column, given, expected) => {
    const definition = definitionOf(column)
    expect(cellToValue(definition, valueToCell('x', definition, given))).toStrictEqual(expected)
  })

  test.each<[Column, unknown]>([
    [t.text(), 1],
    [t.text(), '\ud83d'],
    [t.text(), null],
    [t.int(), 0.5],
    [t.int(), 2 ** 53],
    [t.int(), '1'],
    [t.int(), 1n],
    [t.float(), NaN],
    [t.float(), '1'],
    [t.bigint(), 2n ** 1024n],
    [t.bigint(), 1.5],
    [t.decimal(5, 2), '1.001'],
    [t.decimal(5, 2), 1000],
    [t.decimal(5, 2), NaN],
    [t.decimal(5, 2), true],
    [t.timestamp(), new Date(NaN)],
    [t.timestamp(), new Date('9999-12-31')],
    [t.timestamp(), 'yesterday'],
    [t.timestamp(), 1n],
    [t.timestamp({ precision: 'us' }), 5],
    [t.timestamp({ precision: 'us' }), 2n ** 60n],
    [t.boolean(), 0],
    [t.bytes(), [1]],
    [t.bytes(), 'ff'],
    [t.uuid(), 'x'.repeat(36)],
    [t.uuid(), `{${uuid}}`],
    [t.enum(['a']), 'b'],
    [t.enum(['a']), 0],
    [t.json(), null],
    [t.json().nullable(), { toJSON: () => null }],
    [t.json(), { a: NaN }],
  ])('%# of the wrong kind is refused', (column, given) => {
    const error = errorOf(() => valueToCell('x', definitionOf(column), given))
    expect(error.code).toBe('SCHEMA_TYPE_MISMATCH')
    expect(error.details).toMatchObject({ table: 'x', column: 'c' })
  })

  test('in microseconds is exact over its whole range', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (cell) => {
        const value = cellToValue(micros, cell)
        expect(value).toBe(BigInt(cell))
        expect(valueToCell('x', micros, value)).toBe(cell + 0)
      }),
    )
  })
})
