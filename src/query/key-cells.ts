// Values of conditions as key cells: what a comparison with any number or text means for a stretch of one key order.
// A bound may come out wider than the condition, never narrower; what is wider is tested again on the rows.

import type { PathBound } from '../indexes/access-path.js'
import { BIGINT_MAX_BITS, KEY_MAX_BYTES } from '../base/limits.js'
import type { Cell } from '../codec/cell.js'
import { type Decimal, decimalOfNumber, powerOfTen, rescale } from './decimal-math.js'
import type { SqlType } from './sql-types.js'

/** No row can pass, or the bound excludes nothing. */
export type BoundCell = PathBound | 'nothing' | 'everything'

/** What a key of the kind holds lies strictly between the limit and its negative. */
const INT_LIMIT = BigInt(Number.MAX_SAFE_INTEGER) + 1n
const BIGINT_LIMIT = 1n << BigInt(BIGINT_MAX_BITS)
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The cell that a column equals exactly when the condition holds; undefined when no stored cell can. */
export function equalKeyCell(column: SqlType, value: Cell, type: SqlType): Cell | undefined {
  if (value === null) return undefined
  switch (column.kind) {
    case 'int':
    case 'bigint':
    case 'decimal': {
      const near = nearUnits(column, value, type)
      return typeof near === 'object' && near.isExact ? cellOfUnits(column, near.units) : undefined
    }
    case 'float':
      return Number(value)
    case 'uuid':
      return UUID.test(value as string) ? value : undefined
    case 'text':
    case 'enum':
    case 'bytes':
      return isStorable(value as string | Uint8Array) ? value : undefined
    default:
      return value
  }
}

/** Where a value lies against everything that a column can hold; `unknown` when it cannot be told. */
type Place = PathBound | 'above' | 'below' | 'unknown'

/** The stretch above (or from) a value. */
export function lowerKeyBound(
  column: SqlType,
  value: Cell,
  type: SqlType,
  isInclusive: boolean,
): BoundCell {
  const place = placeOf(column, value, type, isInclusive, 0n)
  if (typeof place === 'object') return place
  return place === 'above' ? 'nothing' : 'everything'
}

/** The stretch below (or up to) a value. */
export function upperKeyBound(
  column: SqlType,
  value: Cell,
  type: SqlType,
  isInclusive: boolean,
): BoundCell {
  const place = placeOf(column, value, type, isInclusive, 1n)
  if (typeof place === 'object') return place
  return place === 'below' ? 'nothing' : 'everything'
}

/** A value between two units bounds at the unit `step` above the lower one, which is itself outside. */
function placeOf(
  column: SqlType,
  value: Cell,
  type: SqlType,
  isInclusive: boolean,
  step: bigint,
): Place {
  switch (column.kind) {
    case 'int':
    case 'bigint':
    case 'decimal': {
      const near = nearUnits(column, value, type)
      if (typeof near === 'string') return near
      if (near.isExact) return { cell: cellOfUnits(column, near.units), isInclusive }
      return { cell: cellOfUnits(column, near.units + step), isInclusive: false }
    }
    case 'float':
      // A bigint may round on its way: the row is tested again.
      return { cell: Number(value), isInclusive: isInclusive || typeof value === 'bigint' }
    case 'text':
    case 'enum':
    case 'bytes':
      return isStorable(value as string | Uint8Array) ? { cell: value, isInclusive } : 'unknown'
    default:
      return { cell: value, isInclusive }
  }
}

/** The greatest whole unit of the column at or below the value; beyond what the column can hold, on which side. */
function nearUnits(
  column: SqlType,
  value: Cell,
  type: SqlType,
): { readonly units: bigint; readonly isExact: boolean } | 'above' | 'below' {
  if (column.kind === 'int' && Number.isSafeInteger(value)) {
    return { units: BigInt(value as number), isExact: true }
  }
  const decimal = exactValue(value, type)
  if (decimal === undefined) return value === -Infinity ? 'below' : 'above'
  const scale = column.scale ?? 0
  const near = floorTo(decimal, scale)
  const limit = column.kind === 'int' ? INT_LIMIT : BIGINT_LIMIT
  // The unit above must be storable, too: rounding may go there.
  if (near.units >= limit - (near.isExact ? 0n : 1n)) return 'above'
  return near.units <= -limit ? 'below' : near
}

function exactValue(value: Cell, type: SqlType): Decimal | undefined {
  if (type.kind === 'decimal') return { units: value as bigint, scale: type.scale ?? 0 }
  if (typeof value === 'bigint') return { units: value, scale: 0 }
  return decimalOfNumber(value as number)
}

function floorTo(value: Decimal, scale: number): { units: bigint; isExact: boolean } {
  if (value.scale <= scale)
    return { units: rescale(value.units, value.scale, scale), isExact: true }
  const divisor = powerOfTen(value.scale - scale)
  const quotient = value.units / divisor
  const rest = value.units % divisor
  return { units: rest < 0n ? quotient - 1n : quotient, isExact: rest === 0n }
}

function cellOfUnits(column: SqlType, units: bigint): Cell {
  return column.kind === 'int' ? Number(units) : units
}

/** Keys hold neither lone surrogates nor more than KEY_MAX_BYTES; such a value equals none of them. */
function isStorable(value: string | Uint8Array): boolean {
  if (value.length > KEY_MAX_BYTES) return false
  return typeof value !== 'string' || !/\p{Surrogate}/u.test(value)
}
