// Code made for a table: what object-codec.ts does in loops over columns, with the names and functions of the columns in their
// places. Equal results are its business, and a test compares them.

import type { ValueReader, ValueWriter } from '../catalog/value-codec.js'
import { type ByteReader, type ByteWriter, loadF64 } from '../codec/bytes.js'
import type { ColumnKind } from '../codec/cell.js'
import { generate, literal } from '../codec/generated.js'
import type { RowColumn, StoredColumn } from '../codec/row.js'
import { shortText } from '../codec/short-text.js'

export type UserRow = Record<string, unknown>

export interface KeyColumn {
  readonly position: number
  readonly write: ValueWriter
  readonly read: ValueReader
}

export interface WrittenColumn {
  readonly position: number
  readonly nullBit: number
  readonly write: ValueWriter
  /** Writes the default. */
  readonly writeAbsent: ((writer: ByteWriter) => void) | undefined
}

/**
 * Appends the key tuple and the value of a row, and puts its values by position into `values`.
 *
 * @returns where the value begins; -1, with anything appended, when the row has to go the long way
 */
export type EncodeRow = (writer: ByteWriter, row: object, values: unknown[] | undefined) => number

/** Makes a row of the cells at the reader and, by position, of values. */
export type MakeRow = (
  reader: ByteReader,
  bitmapStart: number,
  values: readonly unknown[],
) => UserRow

/** Of wider tables the code would be too long for the runtime to make it fast. */
const COLUMN_MAX_COUNT = 64
/** Below it a varint is one byte. */
const ONE_BYTE_COUNT = 128

export function codeOfEncode(
  names: readonly string[],
  keyColumns: readonly KeyColumn[],
  columns: readonly WrittenColumn[],
  begin: (writer: ByteWriter) => number,
): EncodeRow | undefined {
  if (names.length > COLUMN_MAX_COUNT) return undefined
  const scope: Record<string, unknown> = {
    begin,
    getPrototypeOf: Object.getPrototypeOf,
    hasOwn: Object.hasOwn,
    prototype: Object.prototype,
  }
  const taken = names.map((name, i) => {
    const value = `row[${literal(name)}]`
    // Plain objects inherit a property of such a name.
    const own =
      name in Object.prototype ? `hasOwn(row, ${literal(name)}) ? ${value} : undefined` : value
    return `v${i} = ${own}`
  })
  const keys = keyColumns.map(({ position: p, write }) => {
    scope[`w${p}`] = write
    return `if (v${p} === undefined || v${p} === null || !w${p}(writer, v${p})) return -1`
  })
  const cells = columns.map(({ position: p, nullBit, write, writeAbsent }) => {
    scope[`w${p}`] = write
    scope[`a${p}`] = writeAbsent
    const bit = `writer.bytes[bitmapStart + ${nullBit >> 3}] |= ${1 << (nullBit & 7)}`
    const none = nullBit < 0 ? 'return -1' : bit
    return `if (v${p} === undefined) {
      missing++
      ${writeAbsent === undefined ? none : `a${p}(writer)`}
    } else if (v${p} === null) {
      ${none}
    } else if (!w${p}(writer, v${p})) return -1`
  })
  // Values are taken first: the look at the prototype costs nothing then, as the runtime knows what sort of object it is.
  const body = `return (writer, row, values) => {
    const ${taken.join(', ')}
    if (getPrototypeOf(row) !== prototype) return -1
    let missing = 0
    ${keys.join('\n')}
    const valueStart = writer.length
    const bitmapStart = begin(writer)
    ${cells.join('\n')}
    // More are unknown columns, or known ones that are undefined.
    let count = 0
    for (const _name in row) count++
    if (count + missing !== ${names.length}) return -1
    if (values !== undefined) { ${names.map((_name, i) => `values[${i}] = v${i}`).join('\n')} }
    return valueStart
  }`
  return generate<EncodeRow>(body, scope)
}

/**
 * @param stored  the columns whose cells are at the reader; all others are among the values
 * @param columns  of the table, by position
 */
export function codeOfMake(
  names: readonly string[],
  stored: readonly StoredColumn<unknown>[],
  columns: readonly Pick<RowColumn, 'kind' | 'values'>[],
): MakeRow | undefined {
  if (names.length > COLUMN_MAX_COUNT) return undefined
  const scope: Record<string, unknown> = { loadF64, shortText }
  const values = names.map((_name, i) => `values[${i}]`)
  const cells = stored.map(({ position: p, nullBit, read }) => {
    scope[`r${p}`] = read
    scope[`values${p}`] = columns[p]!.values?.slice(0, ONE_BYTE_COUNT)
    values[p] = `v${p}`
    const cell = codeOfCell(columns[p]!.kind, p)
    const isNull = `bytes[bitmapStart + ${nullBit >> 3}] & ${1 << (nullBit & 7)}`
    return `let v${p} = null\n${nullBit < 0 ? cell : `if (!(${isNull})) { ${cell} }`}`
  })
  // No name is __proto__, which table() refuses.
  const parts = names.map((name, i) => `${literal(name)}: ${values[i]!}`)
  const body = `return (reader, bitmapStart, values) => {
    const { bytes, end } = reader
    let at = reader.position
    ${cells.join('\n')}
    reader.position = at
    return { ${parts.join(', ')} }
  }`
  return generate<MakeRow>(body, scope)
}

/**
 * Reads a cell at `at`. What is as it mostly is needs no call with the position in memory; the column's function reads
 * everything else, and says what is wrong.
 */
function codeOfCell(kind: ColumnKind, p: number): string {
  const read = `{ reader.position = at; v${p} = r${p}(reader); at = reader.position }`
  switch (kind) {
    case 'text':
      return `const n${p} = bytes[at]
        if (at + n${p} < end && (v${p} = shortText(bytes, at + 1, n${p})) !== undefined) at += n${p} + 1
        else ${read}`
    case 'enum':
      return `if (at < end && (v${p} = values${p}[bytes[at]]) !== undefined) at++
        else ${read}`
    case 'float':
      return `if (at + 8 <= end) { v${p} = loadF64(bytes, at); at += 8 }
        else ${read}`
    default:
      return read
  }
}
