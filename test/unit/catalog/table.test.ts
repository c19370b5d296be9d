import { describe, expect, test } from 'vitest'

import { t } from '../../../dist/catalog/column-types.js'
import { table } from '../../../dist/catalog/table.js'

// Declarations as they come from programs without types.
const declare = table as (name: unknown, columns: unknown, options: unknown) => unknown
const id = t.text()

describe('a table', () => {
  test('is declared as data', () => {
    const { declaration } = table(
      'orders',
      { id, amount: t.decimal(12, 2).default(0.5), tags: t.json().nullable() },
      {
        primaryKey: ['id'],
        indexes: {
          byAmount: [{ column: 'amount', descending: true }, 'id'],
          only: { columns: ['amount'], unique: true },
        },
      },
    )
    expect(declaration).toStrictEqual({
      name: 'orders',
      columns: [
        { name: 'id', kind: 'text', isNullable: false },
        {
          name: 'amount',
          kind: 'decimal',
          isNullable: false,
          precision: 12,
          scale: 2,
          default: 50n,
        },
        { name: 'tags', kind: 'json', isNullable: true },
      ],
      primaryKey: [{ column: 'id', isDescending: false }],
      indexes: [
        {
          name: 'byAmount',
          isUnique: false,
          parts: [
            { column: 'amount', isDescending: true },
            { column: 'id', isDescending: false },
          ],
        },
        { name: 'only', isUnique: true, parts: [{ column: 'amount', isDescending: false }] },
      ],
    })
  })

  test.each<[string, unknown, unknown, unknown]>([
    ['no name', '', { id }, { primaryKey: ['id'] }],
    ['a long name', 'x'.repeat(129), { id }, { primaryKey: ['id'] }],
    ['a name that is a prototype', '__proto__', { id }, { primaryKey: ['id'] }],
    ['a name with a control character', 'a\nb', { id }, { primaryKey: ['id'] }],
    ['a name with a lone surrogate', '\ud83d', { id }, { primaryKey: ['id'] }],
    ['no columns', 'x', {}, { primaryKey: ['id'] }],
    ['columns that are an array', 'x', [id], { primaryKey: ['0'] }],
    ['a column that is none', 'x', { id: 'text' }, { primaryKey: ['id'] }],
    ['a column __proto__', 'x', { id, ['__proto__']: id }, { primaryKey: ['id'] }],
    ['a prototype by accident', 'x', { id, __proto__: t.int() }, { primaryKey: ['id'] }],
    ['no primary key', 'x', { id }, { primaryKey: [] }],
    ['a primary key of nothing', 'x', { id }, {}],
    ['an unknown key column', 'x', { id }, { primaryKey: ['no'] }],
    ['an inherited key column', 'x', { id }, { primaryKey: ['constructor'] }],
    ['a key column twice', 'x', { id }, { primaryKey: ['id', 'id'] }],
    ['a nullable key', 'x', { id: id.nullable() }, { primaryKey: ['id'] }],
    ['a json key', 'x', { id: t.json() }, { primaryKey: ['id'] }],
    ['an unknown index column', 'x', { id }, { primaryKey: ['id'], indexes: { a: ['no'] } }],
    ['no options', 'x', { id }, undefined],
    ['options of null', 'x', { id }, null],
    ['an option that is not there', 'x', { id }, { primaryKey: ['id'], index: { a: ['id'] } }],
    [
      'an index option that is not there',
      'x',
      { id },
      { primaryKey: ['id'], indexes: { a: { columns: ['id'], unqiue: true } } },
    ],
    [
      'a unique index that is perhaps one',
      'x',
      { id },
      { primaryKey: ['id'], indexes: { a: { columns: ['id'], unique: 1 } } },
    ],
    ['an order that is not there', 'x', { id }, { primaryKey: [{ column: 'id', desc: true }] }],
    ['an order of null', 'x', { id }, { primaryKey: [{ column: 'id', descending: null }] }],
    ['an empty index', 'x', { id }, { primaryKey: ['id'], indexes: { a: [] } }],
    ['an index of null', 'x', { id }, { primaryKey: ['id'], indexes: { a: null } }],
    ['a default that does not fit', 'x', { id: t.int().default(0.5) }, { primaryKey: ['id'] }],
  ])('with %s is refused', (_what, name, columns, options) => {
    expect(() => declare(name, columns, options)).toThrow('SCHEMA_INVALID')
  })

  test.each([
    () => t.decimal(0, 0),
    () => t.decimal(39, 2),
    () => t.decimal(5, 6),
    () => t.decimal(5.5, 2),
    () => t.enum([] as never),
    () => t.enum(['a', 'a']),
    () => t.enum(['\ud83d']),
    () => t.timestamp({ precision: 'ns' } as never),
    () => t.timestamp({ precison: 'us' } as never),
    () => t.timestamp('us' as never),
    () => t.timestamp(null as never),
  ])('column type %# is refused', (make) => {
    expect(make).toThrow('SCHEMA_INVALID')
  })
})
