// Cells in expressions: their order when kinds are known only at run time, their text, their number, their truth, and the
// way to and from the values of users.

import type { Cell, JsonValue } from '../codec/cell.js'
import { formatDecimal } from '../codec/decimal.js'
import { compareKeys } from '../kernels/bytes.js'
import { numberOfDecimal } from './decimal-math.js'
import type { SqlType } from './sql-types.js'
import { compareText } from './text-order.js'
import { formatTimestamp } from './timestamps.js'

/** One row: cells by position. */
export type Row = readonly Cell[]

const NUMBER_PREFIX = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/
const WHOLE_NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/
const decoder = new TextDecoder()

/** The number that a text starts with, as SQLite reads it: '12abc' is 12, 'abc' is 0. */
function numberOfTextPrefix(text: string): number {
  const match = NUMBER_PREFIX.exec(text)
  return match === null ? 0 : Number(match[0])
}

/** The number that a whole text spells; undefined when it spells none. */
export function numberOfText(text: string): number | undefined {
  return WHOLE_NUMBER.test(text) ? Number(text) : undefined
}

/** A cell as an ordinary number; undefined where there is no sensible one. */
export function numberOfCell(cell: Cell, type: SqlType): number | undefined {
  if (type.kind === 'decimal') return numberOfDecimal(cell as bigint, type.scale ?? 0)
  switch (typeof cell) {
    case 'number':
      return cell
    case 'bigint':
    case 'boolean':
      return Number(cell)
    case 'string':
      return numberOfTextPrefix(cell)
    default:
      return undefined
  }
}

/** A cell as text: what `||` and CAST AS TEXT make of it. */
export function textOfCell(cell: Cell, type: SqlType): string {
  if (type.kind === 'decimal') return formatDecimal(cell as bigint, type.scale ?? 0)
  if (type.kind === 'timestamp') return formatTimestamp(cell as number)
  if (type.kind === 'json') return JSON.stringify(cell)
  switch (typeof cell) {
    case 'string':
      return cell
    case 'number':
      return type.kind === 'float' && Number.isInteger(cell) && Math.abs(cell) < 1e15
        ? `${cell}.0`
        : String(cell)
    case 'bigint':
      return cell.toString()
    case 'boolean':
      return cell ? '1' : '0'
    default:
      return cell instanceof Uint8Array ? decoder.decode(cell) : JSON.stringify(cell)
  }
}

/** Truth of a cell that is not null: numbers other than zero, and texts that start with one. */
export function isTrue(cell: Cell): boolean {
  switch (typeof cell) {
    case 'number':
      return cell !== 0
    case 'boolean':
      return cell
    case 'bigint':
      return cell !== 0n
    case 'string':
      return numberOfTextPrefix(cell) !== 0
    default:
      return false
  }
}

/** Orders two cells that are not null by kind and then by value: numbers, texts, bytes, JSON documents. */
export function compareAny(a: Cell, b: Cell): number {
  const rank = rankOf(a)
  const difference = rank - rankOf(b)
  if (difference !== 0) return difference
  if (rank === 0) return compareNative(a, b)
  if (rank === 1) return compareText(a as string, b as string)
  if (rank === 2) return compareKeys(a as Uint8Array, b as Uint8Array)
  return compareText(JSON.stringify(a), JSON.stringify(b))
}

function rankOf(cell: Cell): number {
  if (typeof cell === 'string') return 1
  if (typeof cell !== 'object') return 0
  return cell instanceof Uint8Array ? 2 : 3
}

/** Orders numbers, bigints and booleans, also mixed, exactly. */
export function compareNative(a: Cell, b: Cell): number {
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0
}

export function compareBytesCells(a: Cell, b: Cell): number {
  return compareKeys(a as Uint8Array, b as Uint8Array)
}

export function compareTextCells(a: Cell, b: Cell): number {
  return compareText(a as string, b as string)
}

/** The order of cells of one type, none of them null. */
export function comparatorOf(type: SqlType): (a: Cell, b: Cell) => number {
  switch (type.kind) {
    case 'int':
    case 'float':
    case 'bigint':
    case 'decimal':
    case 'timestamp':
    case 'boolean':
      return compareNative
    case 'text':
    case 'uuid':
    case 'enum':
      return compareTextCells
    case 'bytes':
      return compareBytesCells
    default:
      return compareAny
  }
}

/** What a Map can hold to tell cells of one type apart; the lone surrogate keeps documents apart from texts. */
export function mapKeyOf(cell: Cell): string | number | bigint | boolean | null {
  if (cell === null || typeof cell !== 'object') return cell
  return cell instanceof Uint8Array
    ? `\ud800b${Buffer.from(cell.buffer, cell.byteOffset, cell.length).toString('latin1')}`
    : `\ud800j${JSON.stringify(cell)}`
}

/** One Map key for several cells, unambiguous. */
export function mapKeyOfRow(cells: Row, count: number): string {
  let key = ''
  for (let i = 0; i < count; i++) {
    const part = mapKeyOf(cells[i]!)
    if (part === null) key += 'n'
    else if (typeof part === 'string') key += `s${part.length}:${part}`
    else key += `${typeof part === 'bigint' ? 'i' : 'd'}${part}|`
  }
  return key
}

/** A result cell as users see it: decimals as text, timestamps as Date (or a bigint of microseconds). */
export function userValueOf(cell: Cell, type: SqlType): unknown {
  if (cell === null) return null
  if (type.kind === 'decimal') return formatDecimal(cell as bigint, type.scale ?? 0)
  if (type.kind !== 'timestamp') return cell
  if (type.precision === 6) return BigInt(cell as number)
  return new Date(Math.floor((cell as number) / 1000))
}

/** A scalar out of a JSON document as an SQL value: booleans are 1 and 0, documents are texts. */
export function cellOfJson(value: JsonValue | undefined): Cell {
  if (value === undefined || value === null) return null
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'object' ? JSON.stringify(value) : value
}
