// What the compiler makes of declared tables. The checks happen in `tsc -p test/tsconfig.json`; running them shows only
// that the builders work as they are typed.

import { expectTypeOf, test } from 'vitest'

import { t } from '../../dist/catalog/column-types.js'
import {
  type AnyTable,
  type IndexName,
  type Insert,
  type Key,
  type Row,
  table,
  type Update,
} from '../../dist/catalog/table.js'

interface Item {
  sku: string
  count: number
}

const orders = table(
  'orders',
  {
    id: t.text(),
    status: t.enum(['new', 'paid']).default('new'),
    amount: t.decimal(12, 2),
    purchasedAt: t.timestamp(),
    seenAt: t.timestamp({ precision: 'us' }).nullable(),
    big: t.bigint(),
    photo: t.bytes().nullable(),
    items: t.json<Item[]>(),
  },
  {
    primaryKey: ['id'],
    indexes: {
      byStatus: ['status', { column: 'purchasedAt', descending: true }],
      bySeen: { columns: ['seenAt'], unique: true },
    },
  },
)
const events = table(
  'events',
  { day: t.int(), at: t.timestamp(), body: t.json().nullable() },
  { primaryKey: [{ column: 'day', descending: true }, 'at'] },
)

test('rows', () => {
  expectTypeOf<Row<typeof orders>>().toEqualTypeOf<{
    id: string
    status: 'new' | 'paid'
    amount: string
    purchasedAt: Date
    seenAt: bigint | null
    big: bigint
    photo: Uint8Array | null
    items: Item[]
  }>()
})

test('new rows', () => {
  expectTypeOf<Insert<typeof orders>>().toEqualTypeOf<{
    id: string
    amount: string | number | bigint
    purchasedAt: Date | string | number
    big: bigint | number
    items: Item[]
    status?: 'new' | 'paid' | undefined
    seenAt?: bigint | Date | null | undefined
    photo?: Uint8Array | null | undefined
  }>()
  const row = { id: 'a', amount: 1, purchasedAt: new Date(), big: 1n, items: [] }
  const accepted: Insert<typeof orders> = row
  // @ts-expect-error a value outside the enum
  const wrongEnum: Insert<typeof orders> = { ...row, status: 'lost' }
  // @ts-expect-error an unknown column
  const unknownColumn: Insert<typeof orders> = { ...row, colour: 'red' }
  // @ts-expect-error null in a column that is not nullable
  const noNull: Insert<typeof orders> = { ...row, amount: null }
  // @ts-expect-error columns are missing
  const missing: Insert<typeof orders> = { id: 'a' }
  expectTypeOf([accepted, wrongEnum, unknownColumn, noNull, missing]).toBeArray()
})

test('changes', () => {
  const change: Update<typeof orders> = { amount: '2.50', seenAt: null }
  // @ts-expect-error of another type
  const wrong: Update<typeof orders> = { big: 'x' }
  expectTypeOf([change, wrong]).toBeArray()
})

test('keys', () => {
  expectTypeOf<Key<typeof orders>>().toEqualTypeOf<string | readonly [string]>()
  expectTypeOf<Key<typeof events>>().toEqualTypeOf<readonly [number, Date | string | number]>()
})

test('index names', () => {
  expectTypeOf<IndexName<typeof orders>>().toEqualTypeOf<'byStatus' | 'bySeen'>()
  expectTypeOf<IndexName<typeof events>>().toEqualTypeOf<never>()
})

test('any table', () => {
  const list: AnyTable[] = [orders, events]
  expectTypeOf(list).toBeArray()
  expectTypeOf<typeof orders>().toMatchTypeOf<AnyTable>()
})

test('what cannot be declared', () => {
  const columns = { id: t.text(), note: t.text().nullable(), body: t.json() }
  const attempts = [
    // @ts-expect-error an unknown column in the primary key
    () => table('x', columns, { primaryKey: ['no'] }),
    // @ts-expect-error a nullable column in the primary key
    () => table('x', columns, { primaryKey: ['note'] }),
    // @ts-expect-error json in the primary key
    () => table('x', columns, { primaryKey: ['body'] }),
    // @ts-expect-error no column in the primary key
    () => table('x', columns, { primaryKey: [] }),
    // @ts-expect-error an unknown column in an index
    () => table('x', columns, { primaryKey: ['id'], indexes: { a: ['no'] } }),
    // @ts-expect-error json in an index
    () => table('x', columns, { primaryKey: ['id'], indexes: { a: { columns: ['body'] } } }),
    // @ts-expect-error a default of another type
    () => t.int().default('1'),
    // @ts-expect-error a default outside the enum
    () => t.enum(['a', 'b']).default('c'),
    // @ts-expect-error null is no default
    () => t.int().nullable().default(null),
  ]
  expectTypeOf(attempts).toBeArray()
})
