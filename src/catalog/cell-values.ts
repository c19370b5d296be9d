// From the values of users to cells and back, one column at a time. See column-types.ts for what goes in and comes out.
// Errors name the table and the column and what was expected, never the value.

import { EngineError, type EngineError as EngineErrorType, engineError } from '../base/errors.js'
import { BIGINT_MAX_BITS } from '../base/limits.js'
import { isWellFormed } from '../codec/bytes.js'
import type { Cell } from '../codec/cell.js'
import { formatDecimal, parseDecimal } from '../codec/decimal.js'
import { NotJson, toJsonValue } from '../codec/json.js'
import { parseTimestamp } from '../codec/timestamp.js'
import type { ColumnDeclaration } from './definition.js'

/** @throws SCHEMA_TYPE_MISMATCH */
export type ToCell = (value: unknown) => Cell
/** Takes cells other than null. */
export type ToValue = (cell: Cell) => unknown

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const BIGINT_LIMIT = 1n << BigInt(BIGINT_MAX_BITS)
/** Of a long enum, errors list this many values. */
const LISTED_VALUE_MAX_COUNT = 8

/** Turns one value into a cell. For many values of a column keep its cellConverter. */
export function valueToCell(table: string, column: ColumnDeclaration, value: unknown): Cell {
  return cellConverter(table, column)(value)
}

/** The check and conversion of one column; null and undefined become null where the column holds it. */
export function cellConverter(table: string, column: ColumnDeclaration): ToCell {
  const convert = presentConverter(column)
  const { isNullable } = column
  return (value) => {
    if (value === null || value === undefined) {
      if (isNullable) return null
      throw mismatch(table, column, value)
    }
    let cell: Cell | undefined
    try {
      cell = convert(value)
    } catch (cause) {
      if (cause instanceof EngineError || cause instanceof NotJson) {
        throw mismatch(table, column, value, cause)
      }
      throw cause
    }
    if (cell === undefined) throw mismatch(table, column, value)
    return cell
  }
}

/** The way of one column to what users see; undefined where that is the cell itself. */
export function valueConverter(column: ColumnDeclaration): ToValue | undefined {
  if (column.kind === 'decimal') {
    const scale = column.scale!
    return (cell) => formatDecimal(cell as bigint, scale)
  }
  if (column.kind !== 'timestamp') return undefined
  if (isMicros(column)) return (cell) => BigInt(cell as number)
  return (cell) => new Date(Math.floor((cell as number) / 1000))
}

/** Whether users see the timestamps of the column as a bigint of microseconds. */
export function isMicros(column: ColumnDeclaration): boolean {
  return column.precision === 6
}

/** As cellConverter, of values other than null; gives undefined, or throws anything, for what does not fit. */
export function presentConverter(column: ColumnDeclaration): (value: {}) => Cell | undefined {
  switch (column.kind) {
    case 'text':
      return (value) => (typeof value === 'string' && isWellFormed(value) ? value : undefined)
    case 'int':
      return (value) => (Number.isSafeInteger(value) ? (value as number) + 0 : undefined)
    case 'float':
      return (value) => (typeof value === 'number' && !Number.isNaN(value) ? value : undefined)
    case 'bigint':
      return toBigint
    case 'decimal': {
      const { precision, scale } = column
      return (value) =>
        typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
          ? parseDecimal(value, scale!, precision!)
          : undefined
    }
    case 'timestamp':
      return isMicros(column) ? microsOfBigint : microsOfMillis
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? value : undefined)
    case 'bytes':
      return (value) => (value instanceof Uint8Array ? value : undefined)
    case 'uuid':
      return toUuid
    case 'enum': {
      const values = new Set(column.values)
      return (value) => (values.has(value as string) ? (value as string) : undefined)
    }
    case 'json':
      return (value) => toJsonValue(value) ?? undefined
  }
}

export function toBigint(value: {}): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  const isFit = typeof value === 'bigint' && value < BIGINT_LIMIT && value > -BIGINT_LIMIT
  return isFit ? value : undefined
}

export function toUuid(value: {}): string | undefined {
  if (typeof value !== 'string' || value.length !== 36) return undefined
  if (UUID_PATTERN.test(value)) return value
  const lowered = value.toLowerCase()
  return UUID_PATTERN.test(lowered) ? lowered : undefined
}

export function microsOfMillis(value: {}): number | undefined {
  if (value instanceof Date) return safeMicros(value.getTime() * 1000)
  if (typeof value === 'number') {
    return Number.isInteger(value) ? safeMicros(value * 1000) : undefined
  }
  if (typeof value !== 'string') return undefined
  const micros = parseTimestamp(value)
  return micros === undefined ? undefined : safeMicros(Math.floor(micros / 1000) * 1000)
}

export function microsOfBigint(value: {}): number | undefined {
  if (value instanceof Date) return safeMicros(value.getTime() * 1000)
  return typeof value === 'bigint' ? safeMicros(Number(value)) : undefined
}

function safeMicros(micros: number): number | undefined {
  return Number.isSafeInteger(micros) ? micros + 0 : undefined
}

/** What the column takes, in words. */
export function describeColumn(column: ColumnDeclaration): string {
  switch (column.kind) {
    case 'text':
      return 'text without lone surrogates'
    case 'int':
      return 'a safe integer'
    case 'float':
      return 'a number other than NaN'
    case 'bigint':
      return `a bigint of at most ${BIGINT_MAX_BITS} bits`
    case 'decimal':
      return `a decimal(${column.precision}, ${column.scale}) as string, number or bigint`
    case 'timestamp':
      return isMicros(column)
        ? 'a bigint of Unix microseconds or a Date, from 1684 to 2255'
        : 'a Date, ISO 8601 text or Unix milliseconds, from 1684 to 2255'
    case 'boolean':
      return 'true or false'
    case 'bytes':
      return 'a Uint8Array'
    case 'uuid':
      return 'a UUID like 00000000-0000-0000-0000-000000000000'
    case 'enum': {
      const listed = column.values!.slice(0, LISTED_VALUE_MAX_COUNT).map((value) => `'${value}'`)
      const more = column.values!.length > listed.length ? ', ...' : ''
      return `one of ${listed.join(', ')}${more}`
    }
    case 'json':
      return 'a JSON value other than null'
  }
}

function mismatch(
  table: string,
  column: ColumnDeclaration,
  value: unknown,
  cause?: EngineErrorType | NotJson,
): EngineErrorType {
  const found = cause instanceof NotJson ? cause.message : describeValue(value)
  const expected = describeColumn(column)
  const reason = cause instanceof EngineError ? ` that does not fit (${reasonOf(cause)})` : ''
  return engineError(
    'SCHEMA_TYPE_MISMATCH',
    `${table}.${column.name} takes ${expected}, not ${found}${reason}`,
    { details: { table, column: column.name, expected, found }, cause },
  )
}

/** The message without the code in front. */
function reasonOf(error: EngineErrorType): string {
  return error.message.slice(error.code.length + 2)
}

/** The sort of a value, without its content. */
function describeValue(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'undefined'
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return Number.isFinite(value) ? 'a number with a fraction or out of range' : String(value)
  }
  if (typeof value === 'string') return 'such a text'
  if (typeof value !== 'object') return `such a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'such a Date'
  return 'such an object'
}
