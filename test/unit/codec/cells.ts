// Arbitrary columns with arbitrary cells of them, for property tests.

import fc from 'fast-check'

import { valueConverter } from '../../../dist/catalog/cell-values.js'
import type { ColumnDeclaration } from '../../../dist/catalog/definition.js'
import type { Cell, ColumnKind, JsonValue } from '../../../dist/codec/cell.js'
import type { KeyKind } from '../../../dist/codec/key.js'

/** A column's declaration without its name and the cells that it can hold. */
export interface ArbitraryColumn {
  readonly kind: ColumnKind
  readonly isNullable: boolean
  readonly precision?: number
  readonly scale?: number
  readonly values?: readonly string[]
}

export const ENUM_VALUES: readonly string[] = ['new', 'paid', '', 'é', 'sent']

/** Texts that databases get wrong: empty, NUL, long, beyond the basic plane. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom('', '\0', 'a\0b', '\u{1f600}', 'x'.repeat(41), 'x'.repeat(500), '\uffff'),
)

const KEYS = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', 'toString', 'hasOwnProperty', '', '0'),
)

/** JSON values in the form that toJsonValue leaves alone, hostile keys included. */
export const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
    fc.maxSafeInteger().map((value) => value + 0),
    text,
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .array(fc.tuple(KEYS, tie('value')), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries) as JsonValue),
  ),
})).value

/** Cells of a kind, other than null. */
export function cellsOf(column: ArbitraryColumn): fc.Arbitrary<Cell> {
  switch (column.kind) {
    case 'text':
      return text
    case 'int':
    case 'timestamp':
      return fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -200, max: 200 })).map((n) => n + 0)
    case 'float':
      return fc.double({ noNaN: true })
    case 'bigint':
      return fc.oneof(
        fc.bigInt({ min: -(2n ** 1024n) + 1n, max: 2n ** 1024n - 1n }),
        fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
      )
    case 'decimal':
      return fc.oneof(
        fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
        fc.bigInt({ min: -10_000n, max: 10_000n }),
      )
    case 'boolean':
      return fc.boolean()
    case 'bytes':
      return fc.uint8Array({ maxLength: 80 })
    case 'uuid':
      return fc.uuid()
    case 'enum':
      return fc.constantFrom(...ENUM_VALUES)
    case 'json':
      return json.filter((value) => value !== null)
  }
}

export const KEY_KINDS = [
  'text',
  'int',
  'float',
  'bigint',
  'decimal',
  'timestamp',
  'boolean',
  'bytes',
  'uuid',
] as const satisfies KeyKind[]
export const KINDS: readonly ColumnKind[] = [...KEY_KINDS, 'enum', 'json']

export function columnOf(kind: ColumnKind, isNullable: boolean): ArbitraryColumn {
  return {
    kind,
    isNullable,
    ...(kind === 'decimal' ? { precision: 38, scale: 2 } : {}),
    ...(kind === 'timestamp' ? { precision: 6 } : {}),
    ...(kind === 'enum' ? { values: ENUM_VALUES } : {}),
  }
}

export const column: fc.Arbitrary<ArbitraryColumn> = fc
  .tuple(fc.constantFrom(...KINDS), fc.boolean())
  .map(([kind, isNullable]) => columnOf(kind, isNullable))

export function cellOrNull(of: ArbitraryColumn): fc.Arbitrary<Cell> {
  return of.isNullable ? fc.option(cellsOf(of), { freq: 3 }) : cellsOf(of)
}

/** What users see of a cell. */
export function cellToValue(declaration: ColumnDeclaration, cell: Cell): unknown {
  return cell === null ? null : (valueConverter(declaration)?.(cell) ?? cell)
}
