// Conversions between types: CAST, and the silent ones that binding puts in. A conversion is chosen once per expression,
// from the two static types; nulls never reach it.

import type { Cell, JsonValue } from '../codec/cell.js'
import { toJsonValue } from '../codec/json.js'
import { parseTimestamp } from '../codec/timestamp.js'
import { decimalOfNumber, decimalOfText, numberOfDecimal, rescale } from './decimal-math.js'
import { isDynamic, type SqlType, typeName } from './sql-types.js'
import { cellOfJson, isTrue, numberOfCell, textOfCell } from './sql-values.js'

/** Converts one cell that is not null; `undefined` when the value does not fit. */
export type Conversion = (cell: Cell) => Cell | undefined

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const encoder = new TextEncoder()

/** The conversion between two types; undefined when there is none. */
export function conversionOf(from: SqlType, to: SqlType): Conversion | undefined {
  if (from.kind === to.kind && from.scale === to.scale) return keep
  if (from.kind === 'json' && to.kind !== 'json') {
    const inner = conversionOf({ kind: 'any' }, to)
    return inner && ((cell) => convertScalar(cellOfJson(cell as JsonValue), inner))
  }
  switch (to.kind) {
    case 'int':
      return from.kind === 'bytes' ? undefined : toInt(from)
    case 'float':
      return from.kind === 'bytes' || from.kind === 'timestamp' ? undefined : toFloat(from)
    case 'bigint':
      return from.kind === 'bytes' || from.kind === 'timestamp' ? undefined : toBigint(from)
    case 'decimal':
      return toDecimal(from, to.scale ?? 0)
    case 'text':
    case 'enum':
      return (cell) => textOfCell(cell, from)
    case 'uuid':
      return toUuid
    case 'timestamp':
      return toTimestamp(from)
    case 'boolean':
      return from.kind === 'bytes' || from.kind === 'timestamp' ? undefined : isTrue
    case 'bytes':
      return toBytes
    case 'json':
      return toJson(from)
    default:
      return from.kind === 'decimal' || from.kind === 'timestamp' ? undefined : keep
  }
}

/** Says in words why a value did not convert. The value itself stays out: it may be row content. */
export function conversionProblem(from: SqlType, to: SqlType): string {
  return `a value of type ${typeName(from)} cannot be read as ${typeName(to)}`
}

function convertScalar(cell: Cell, inner: Conversion): Cell | undefined {
  return cell === null ? null : inner(cell)
}

const keep: Conversion = (cell) => cell

function toInt(from: SqlType): Conversion {
  return (cell) => {
    if (typeof cell === 'string') cell = integerPrefix(cell)
    // Not through a float: with its fraction the number may have more digits than that holds.
    if (from.kind === 'decimal') return safeInteger(wholePart(cell as bigint, from.scale ?? 0))
    const value = numberOfCell(cell, from.kind === 'text' ? { kind: 'any' } : from)
    if (value === undefined) return undefined
    return safeInteger(Math.trunc(value) + 0)
  }
}

function safeInteger(whole: number | bigint): number | undefined {
  const value = Number(whole)
  return Number.isSafeInteger(value) ? value : undefined
}

/** SQLite's CAST('12.7' AS INTEGER) stops at the point. */
function integerPrefix(text: string): Cell {
  return Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? 0)
}

function toFloat(from: SqlType): Conversion {
  return (cell) => numberOfCell(cell, from)
}

function toBigint(from: SqlType): Conversion {
  return (cell) => {
    if (from.kind === 'decimal') return wholePart(cell as bigint, from.scale ?? 0)
    if (typeof cell === 'bigint') return cell
    if (typeof cell === 'string') {
      const digits = /^\s*([+-]?)(\d{1,400})/.exec(cell)
      return digits === null ? 0n : digits[1] === '-' ? -BigInt(digits[2]!) : BigInt(digits[2]!)
    }
    const value = numberOfCell(cell, from)
    return value === undefined || !Number.isFinite(value) ? undefined : BigInt(Math.trunc(value))
  }
}

function wholePart(units: bigint, scale: number): bigint {
  return units / 10n ** BigInt(scale)
}

function toDecimal(from: SqlType, scale: number): Conversion | undefined {
  if (from.kind === 'decimal') {
    const own = from.scale ?? 0
    return (cell) => rescale(cell as bigint, own, scale)
  }
  if (from.kind === 'timestamp' || from.kind === 'bytes') return undefined
  return (cell) => {
    if (typeof cell === 'bigint') return rescale(cell, 0, scale)
    if (typeof cell === 'boolean') return rescale(cell ? 1n : 0n, 0, scale)
    if (typeof cell !== 'number' && typeof cell !== 'string') return undefined
    const value = typeof cell === 'number' ? decimalOfNumber(cell) : decimalOfText(cell)
    return value === undefined ? undefined : rescale(value.units, value.scale, scale)
  }
}

const toUuid: Conversion = (cell) => {
  if (typeof cell !== 'string') return undefined
  const text = cell.toLowerCase()
  return UUID.test(text) ? text : undefined
}

function toTimestamp(from: SqlType): Conversion | undefined {
  const isReadable = from.kind === 'int' || from.kind === 'bigint' || from.kind === 'text'
  if (!isReadable && !isDynamic(from)) return undefined
  return (value) => {
    if (typeof value === 'string') return parseTimestamp(value)
    const cell = typeof value === 'bigint' ? Number(value) : value
    return Number.isSafeInteger(cell) ? cell : undefined
  }
}

const toBytes: Conversion = (cell) => (typeof cell === 'string' ? encoder.encode(cell) : undefined)

function toJson(from: SqlType): Conversion {
  return (cell) => {
    if (typeof cell === 'string' && from.kind === 'text') return parseJson(cell)
    if (from.kind === 'decimal') return numberOfDecimal(cell as bigint, from.scale ?? 0)
    if (from.kind === 'timestamp') return textOfCell(cell, from)
    if (typeof cell === 'bigint') return textOfCell(cell, from)
    return cell instanceof Uint8Array ? undefined : cell
  }
}

function parseJson(text: string): Cell | undefined {
  try {
    return toJsonValue(JSON.parse(text))
  } catch {
    return undefined
  }
}
