// Rows as users see them, straight to the bytes of an entry and back.
//
// Writing knows the values that come often. Whatever else it meets, it gives up and has written nothing: the way over cells
// (catalog/row-values.ts, codec/row.ts) then writes the same bytes, or says precisely what is wrong.
//
// Where the runtime allows it, both are code that is made for the table (indexes/object-code.ts): an object literal takes a sixth
// of the time that a loop over names takes, and each call of a column's function is one that the runtime can put in place.

import type { TableDefinition } from '../catalog/definition.js'
import { cellConverter, type ToCell, valueConverter } from '../catalog/cell-values.js'
import { keyReader, keyWriter, valueReader, valueWriter } from '../catalog/value-codec.js'
import { ByteReader, type ByteWriter, EndOfBytes } from '../codec/bytes.js'
import type { Cell } from '../codec/cell.js'
import type { EntrySlot } from '../codec/entry.js'
import { type CellWriter, cellWriter, defaultOf, RowCodec } from '../codec/row.js'
import { KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import type { KeyTuple } from './key-tuple.js'
import {
  codeOfEncode,
  codeOfMake,
  type EncodeRow,
  type KeyColumn,
  type MakeRow,
  type UserRow,
  type WrittenColumn,
} from './object-code.js'

interface IndexedColumn {
  readonly position: number
  readonly toCell: ToCell
  readonly absent: () => Cell
}

export class ObjectCodec {
  readonly #keyColumns: readonly KeyColumn[]
  readonly #columns: readonly WrittenColumn[]
  readonly #rowCodec: RowCodec<unknown>
  readonly #names: readonly string[]
  /** Plain objects inherit properties of such names: reading one needs a look at what the row owns. */
  readonly #isInherited: readonly boolean[]
  /** Undefined where the runtime forbids code made of text; null until a row is written. */
  #encodeRow: EncodeRow | undefined | null = null
  readonly #makeRow: MakeRow | undefined
  /** Of rows of older versions, all of whose values were read before. */
  #makeOlder: MakeRow | undefined
  /** Of the row that is being read. */
  readonly #read: unknown[]
  /** Of the row that is being written; undefined meanwhile, as reading its properties may run code that writes another. */
  #written: unknown[] | undefined
  readonly #reader = new ByteReader(new Uint8Array(0))
  readonly #indexed: readonly IndexedColumn[]
  /** Whether the primary key is one text: what is asked for is what is stored. */
  readonly #isTextKey: boolean

  /**
   * @param primary  of the primary key
   * @param indexes  of the secondary indexes
   */
  constructor(definition: TableDefinition, primary: KeyTuple, indexes: readonly KeyTuple[]) {
    const { name: table, columns, version } = definition
    const indexed = new Set(indexes.flatMap(({ positions }) => positions))
    this.#indexed = Array.from(indexed, (position) => ({
      position,
      toCell: cellConverter(table, columns[position]!),
      absent: defaultOf(columns[position]!),
    }))
    this.#keyColumns = primary.positions.map((position, i) => ({
      position,
      write: keyWriter(primary.fields[i]!, columns[position]!),
      read: keyReader(primary.fields[i]!, columns[position]!),
    }))
    this.#isTextKey = primary.fields.length === 1 && columns[primary.positions[0]!]!.kind === 'text'
    this.#rowCodec = new RowCodec<unknown>(columns, version, new Set(primary.positions), {
      reader: (_column, position) => valueReader(columns[position]!),
      absent: (_column, position) => absentValue(columns[position]!),
    })
    this.#columns = this.#rowCodec.stored.map(({ position, nullBit }) => ({
      position,
      nullBit,
      write: valueWriter(columns[position]!),
      writeAbsent: absentWriter(columns[position]!),
    }))
    const names = columns.map(({ name }) => name)
    this.#names = names
    this.#isInherited = names.map((one) => one in Object.prototype)
    this.#makeRow = codeOfMake(names, this.#rowCodec.stored, columns)
    this.#read = names.map(() => null)
  }

  /**
   * Appends the key tuple and, behind it, the value of a new row.
   *
   * @param cells  receives the cells that index entries are made of
   * @returns where the value begins; -1, with nothing appended, when the row has to go the long way
   */
  encode(writer: ByteWriter, row: unknown, cells?: Cell[]): number {
    if (typeof row !== 'object' || row === null) return -1
    const start = writer.length
    const encodeRow = this.#encodeRow === null ? this.#makeCode() : this.#encodeRow
    if (encodeRow !== undefined && cells === undefined) {
      const valueStart = encodeRow(writer, row, undefined)
      if (valueStart < 0) writer.length = start
      return valueStart
    }
    const values = this.#written ?? []
    this.#written = undefined
    const valueStart =
      encodeRow?.(writer, row, values) ?? this.#encodeValues(writer, row as UserRow, values)
    if (valueStart < 0) writer.length = start
    else if (cells !== undefined) this.#fillCells(values, cells)
    this.#written = values
    return valueStart
  }

  /** Appends the tuple of a primary key as users give it; false, with nothing appended, when it has to go the long way. */
  encodeKey(writer: ByteWriter, key: unknown): boolean {
    const columns = this.#keyColumns
    if (columns.length === 1 && !Array.isArray(key)) return write(columns[0]!, writer, key)
    if (!Array.isArray(key) || key.length !== columns.length) return false
    const start = writer.length
    for (let i = 0; i < columns.length; i++) {
      if (write(columns[i]!, writer, key[i])) continue
      writer.length = start
      return false
    }
    return true
  }

  /**
   * Decodes a row entry.
   *
   * @param key  the primary key that encodeKey wrote, when the slot was asked for it
   * @throws EndOfBytes
   */
  decode(slot: EntrySlot, key?: unknown): UserRow {
    const values = this.#read
    const columns = this.#keyColumns
    if (this.#isTextKey && key !== undefined) {
      values[columns[0]!.position] = typeof key === 'string' ? key : (key as string[])[0]
    } else {
      const reader = this.#reader
      reader.reset(slot.keyBytes, slot.keyStart + KEY_PREFIX_BYTES, slot.keyEnd)
      for (let i = 0; i < columns.length; i++) {
        values[columns[i]!.position] = columns[i]!.read(reader)
      }
      if (reader.remaining !== 0) throw new EndOfBytes('bytes behind the key')
    }
    const { valueBytes, valueStart, valueEnd } = slot
    if (this.#makeRow !== undefined) {
      const reader = this.#reader
      reader.reset(valueBytes, valueStart, valueEnd)
      const bitmapStart = this.#rowCodec.beginRead(reader)
      if (bitmapStart >= 0) {
        const row = this.#makeRow(reader, bitmapStart, values)
        if (reader.position !== valueEnd) throw new EndOfBytes('bytes behind the last cell')
        return row
      }
    }
    this.#rowCodec.decode(valueBytes, valueStart, valueEnd, values)
    if (this.#makeRow === undefined) return rowOf(this.#names, values)
    this.#makeOlder ??= codeOfMake(this.#names, [], [])!
    return this.#makeOlder(this.#reader, 0, values)
  }

  #makeCode(): EncodeRow | undefined {
    const begin = (writer: ByteWriter) => this.#rowCodec.begin(writer)
    this.#encodeRow = codeOfEncode(this.#names, this.#keyColumns, this.#columns, begin)
    return this.#encodeRow
  }

  /** Takes the values out of a row. */
  #gather(row: UserRow, values: unknown[]): void {
    const names = this.#names
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      const isThere = !this.#isInherited[i] || Object.hasOwn(row, name)
      values[i] = isThere ? row[name] : undefined
    }
  }

  #fillCells(values: readonly unknown[], cells: Cell[]): void {
    for (const { position, toCell, absent } of this.#indexed) {
      const value = values[position]
      cells[position] = value === undefined ? absent() : toCell(value)
    }
  }

  #encodeValues(writer: ByteWriter, row: UserRow, values: unknown[]): number {
    if (Object.getPrototypeOf(row) !== Object.prototype) return -1
    this.#gather(row, values)
    const keyColumns = this.#keyColumns
    for (let i = 0; i < keyColumns.length; i++) {
      if (!write(keyColumns[i]!, writer, values[keyColumns[i]!.position])) return -1
    }
    const valueStart = writer.length
    const bitmapStart = this.#rowCodec.begin(writer)
    const columns = this.#columns
    let givenCount = keyColumns.length + columns.length
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!
      const value = values[column.position]
      if (value === undefined) {
        givenCount--
        if (column.writeAbsent !== undefined) {
          column.writeAbsent(writer)
          continue
        }
      }
      if (value === undefined || value === null) {
        const { nullBit } = column
        if (nullBit < 0) return -1
        writer.bytes[bitmapStart + (nullBit >> 3)]! |= 1 << (nullBit & 7)
      } else if (!column.write(writer, value)) {
        return -1
      }
    }
    // Others are unknown columns, or known ones that are undefined.
    return countKeys(row) === givenCount ? valueStart : -1
  }
}

function write(column: KeyColumn, writer: ByteWriter, value: unknown): boolean {
  return value !== undefined && value !== null && column.write(writer, value)
}

/** Of a plain object. Faster than making a list of them. */
function countKeys(row: UserRow): number {
  let count = 0
  for (const _name in row) count++
  return count
}

function absentWriter(
  column: Parameters<typeof cellWriter>[0] & { readonly default?: unknown },
): ((writer: ByteWriter) => void) | undefined {
  if (column.default === undefined || column.default === null) return undefined
  const writeCell: CellWriter = cellWriter(column)
  return (writer) => writeCell(writer, column.default as never)
}

function absentValue(column: TableDefinition['columns'][number]): () => unknown {
  const cell = defaultOf(column)
  const toValue = valueConverter(column)
  return () => {
    const value = cell()
    return value === null || toValue === undefined ? value : toValue(value)
  }
}

function rowOf(names: readonly string[], values: readonly unknown[]): UserRow {
  const row: UserRow = {}
  for (let i = 0; i < names.length; i++) row[names[i]!] = values[i]
  return row
}
