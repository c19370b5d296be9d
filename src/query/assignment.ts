// Values of expressions become cells of columns in INSERT and UPDATE. Only what can be meant is taken; each value is then
// checked as one that comes through the row interface is.

import { engineError } from '../base/errors.js'
import { cellConverter } from '../catalog/cell-values.js'
import type { ColumnDefinition } from '../catalog/definition.js'
import type { Cell, ColumnKind, JsonValue } from '../codec/cell.js'
import { formatDecimal } from '../codec/decimal.js'
import { parseTimestamp } from '../codec/timestamp.js'
import { numberOfDecimal } from './decimal-math.js'
import type { SqlKind, SqlType } from './sql-types.js'

const NUMBERS: readonly SqlKind[] = ['int', 'float', 'bigint', 'decimal', 'boolean']
const TEXTS: readonly SqlKind[] = ['text', 'uuid', 'enum']

const TAKEN: Readonly<Record<ColumnKind, readonly SqlKind[]>> = {
  text: TEXTS,
  uuid: TEXTS,
  enum: TEXTS,
  int: NUMBERS,
  float: NUMBERS,
  bigint: NUMBERS,
  decimal: [...NUMBERS, 'text'],
  timestamp: ['timestamp', 'bigint', 'text'],
  boolean: ['boolean', 'int'],
  bytes: ['bytes'],
  json: ['json', 'int', 'float', 'boolean', ...TEXTS],
}

/** Whether a column takes values of the type at all; `any` shows at run time. */
export function isAssignable(from: SqlType, column: ColumnKind): boolean {
  return from.kind === 'null' || from.kind === 'any' || TAKEN[column].includes(from.kind)
}

/**
 * The way of a value to its column.
 *
 * @throws SCHEMA_TYPE_MISMATCH from the returned function, when a value does not fit
 */
export function assignmentOf(
  table: string,
  column: ColumnDefinition,
  from: SqlType,
): (cell: Cell) => Cell {
  const convert = cellConverter(table, column)
  return (cell) => {
    if (cell === null) return convert(null)
    const isStored = from.kind === column.kind && from.scale === column.scale
    // What a decimal or timestamp expression holds is no user value: it goes there by the shortest exact way.
    // One beyond what a column holds is refused as a user value.
    const isExact = isStored && from.kind === 'timestamp' && Number.isSafeInteger(cell)
    if (isExact) return storedTimestamp(cell as number, column)
    const isDocument = column.kind === 'json' && from.kind === 'text'
    if (isDocument) return convert(parsedJson(cell as string, table, column.name))
    return convert(userValue(cell, from, column))
  }
}

/** A column of milliseconds keeps no digits behind them. */
function storedTimestamp(micros: number, column: ColumnDefinition): Cell {
  return column.precision === 6 ? micros : Math.floor(micros / 1000) * 1000
}

function userValue(cell: Cell, from: SqlType, column: ColumnDefinition): unknown {
  switch (column.kind) {
    case 'int':
    case 'float':
      return numberValue(cell, from)
    case 'bigint':
      return typeof cell === 'boolean' ? Number(cell) : numberIn(cell, from)
    case 'decimal':
      if (from.kind === 'decimal') return formatDecimal(cell as bigint, from.scale ?? 0)
      return typeof cell === 'boolean' ? Number(cell) : cell
    case 'boolean':
      return cell === 1 ? true : cell === 0 ? false : cell
    case 'timestamp':
      return momentValue(cell, column)
    default:
      return cell
  }
}

function numberValue(cell: Cell, from: SqlType): unknown {
  const value = numberIn(cell, from)
  return typeof value === 'bigint' || typeof value === 'boolean' ? Number(value) : value
}

/** A decimal as whole number where it is one. */
function numberIn(cell: Cell, from: SqlType): Cell {
  if (from.kind !== 'decimal') return cell
  const unit = 10n ** BigInt(from.scale ?? 0)
  return (cell as bigint) % unit === 0n
    ? (cell as bigint) / unit
    : numberOfDecimal(cell as bigint, from.scale ?? 0)
}

function momentValue(cell: Cell, column: ColumnDefinition): unknown {
  if (typeof cell === 'string') {
    const micros = parseTimestamp(cell)
    if (micros === undefined) return cell
    return column.precision === 6 ? BigInt(micros) : new Date(Math.floor(micros / 1000))
  }
  if (typeof cell !== 'bigint' || column.precision === 6) return cell
  return new Date(Number(cell / 1000n))
}

/** Text in SQL is how documents are written. */
function parsedJson(text: string, table: string, column: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch (cause) {
    const message = `${table}.${column} takes JSON; the text is none`
    throw engineError('SCHEMA_TYPE_MISMATCH', message, { details: { table, column }, cause })
  }
}
