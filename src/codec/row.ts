// The value of a row entry: the cells of one row by position, compiled per column list into one reader and one writer per
// column. Columns of the primary key are not stored here: they are in the key.
//
//   field          bytes   meaning
//   schemaVersion  varint  version of the table's columns that the row was written under, from 1
//   nulls          n       one bit per nullable column of that version, low bits first, 1 = NULL; n = count / 8 rounded up
//   cells          ...     the columns of that version that are not NULL, in column order
//
//   kind        cell
//   text        varint byte length, UTF-8
//   int         signed varint
//   float       8 bytes IEEE 754, little-endian
//   bigint      signed varint when the value is a safe integer; otherwise 40, a byte 1 when negative else 0, varint byte
//               length, magnitude little-endian
//   decimal     its units as a bigint; the scale is the column's
//   timestamp   8 bytes two's complement, little-endian; Unix microseconds
//   boolean     a byte 0 or 1
//   bytes       varint length, bytes
//   uuid        16 bytes
//   enum        varint position in the column's list of values
//   json        see json.ts
//
// A signed varint is a first byte of six low bits of the magnitude, 40 for negative and 80 when a varint with the rest of
// the magnitude follows. 40 alone would be minus zero: it announces a long bigint.
//
// Valid:  the version is known, every cell is what its column can hold, and nothing follows the last cell.
// Compat: columns are only ever added, at the end. A row of an older version lacks the later ones: they read as the
//         column's default, or NULL.

import { invariant } from '../base/assert.js'
import { ByteReader, type ByteWriter, EndOfBytes } from './bytes.js'
import type { Cell, ColumnKind, JsonValue } from './cell.js'
import { JsonCodec } from './json.js'
import { decodeUuid, encodeUuid } from './key.js'

/** What the codec knows of a column. */
export interface RowColumn {
  readonly kind: ColumnKind
  readonly isNullable: boolean
  readonly sinceVersion: number
  readonly default?: Cell
  readonly values?: readonly string[]
}

export type CellWriter = (writer: ByteWriter, cell: Cell) => void
export type CellReader = (reader: ByteReader) => Cell

/** What is made of the cells of a row that is read. */
export interface RowForm<Value> {
  /** How values of the column, other than null, are read. */
  readonly reader: (column: RowColumn, position: number) => (reader: ByteReader) => Value
  /** Gives out the value of a column that is younger than the row. */
  readonly absent: (column: RowColumn, position: number) => () => Value | null
}

const CELLS: RowForm<Cell> = { reader: cellReader, absent: defaultOf }

const TWO_32 = 0x1_0000_0000
const SIGN = 0x40
const MORE = 0x80
/** Minus zero: the value follows as sign, length and magnitude. */
const LONG_BIGINT = 0x40

/** A column that rows of a version hold. */
export interface StoredColumn<Value = Cell> {
  /** In the row array. */
  readonly position: number
  /** Bit number in the null bitmap; -1 when the column is not nullable. */
  readonly nullBit: number
  readonly write: CellWriter
  readonly read: (reader: ByteReader) => Value
}

/** How rows of one schema version lie. */
interface RowLayout<Value> {
  readonly stored: readonly StoredColumn<Value>[]
  readonly bitmapBytes: number
  /** Columns of later versions, for rows that lack them. */
  readonly absent: readonly { readonly position: number; readonly value: () => Value | null }[]
}

/** Writes cells, and reads them, or what another form makes of them. */
export class RowCodec<Value = Cell> {
  readonly #columns: readonly RowColumn[]
  readonly #version: number
  readonly #keyPositions: ReadonlySet<number>
  readonly #form: RowForm<Value>
  readonly #layouts: (RowLayout<Value> | undefined)[] = []
  readonly #current: RowLayout<Value>
  readonly #reader = new ByteReader(new Uint8Array(0))

  /**
   * @param version  the schema version that rows are written under
   * @param keyPositions  columns that the key holds: neither written nor filled in
   */
  constructor(
    columns: readonly RowColumn[],
    version: number,
    keyPositions: ReadonlySet<number>,
    form: RowForm<Value> = CELLS as RowForm<never>,
  ) {
    this.#columns = columns
    this.#version = version
    this.#keyPositions = keyPositions
    this.#form = form
    this.#current = this.#layout(version)
  }

  /** The columns of rows that are written now, in their order. */
  get stored(): readonly StoredColumn<Value>[] {
    return this.#current.stored
  }

  /** Appends what stands before the cells, without nulls yet; returns where their bits are. */
  begin(writer: ByteWriter): number {
    writer.varint(this.#version)
    const bitmapStart = writer.length
    const { bitmapBytes } = this.#current
    for (let i = 0; i < bitmapBytes; i++) writer.u8(0)
    return bitmapStart
  }

  /** Reads what begin wrote; -1, with nothing read, of a row of an older version. */
  beginRead(reader: ByteReader): number {
    const start = reader.position
    if (reader.varint() === this.#version) return reader.skip(this.#current.bitmapBytes)
    reader.position = start
    return -1
  }

  /** Appends the row, positional as the columns. The cells are trusted to fit. */
  encode(writer: ByteWriter, row: readonly Cell[]): void {
    const { stored } = this.#current
    const bitmapStart = this.begin(writer)
    for (let i = 0; i < stored.length; i++) {
      const { position, nullBit, write } = stored[i]!
      const cell = row[position]!
      if (cell === null) {
        invariant(nullBit >= 0, 'NULL stays out of columns that cannot hold it')
        writer.bytes[bitmapStart + (nullBit >> 3)]! |= 1 << (nullBit & 7)
      } else {
        write(writer, cell)
      }
    }
  }

  /**
   * Fills in the row array from stored bytes; positions of key columns are left alone.
   *
   * @throws EndOfBytes when the bytes are not such a row
   */
  decode(bytes: Uint8Array, start: number, end: number, row: (Value | null)[]): void {
    const reader = this.#reader
    reader.reset(bytes, start, end)
    const version = reader.varint()
    const { stored, bitmapBytes, absent } =
      version === this.#version ? this.#current : this.#layout(version)
    const bitmapStart = reader.skip(bitmapBytes)
    for (let i = 0; i < stored.length; i++) {
      const { position, nullBit, read } = stored[i]!
      const isNull = nullBit >= 0 && (bytes[bitmapStart + (nullBit >> 3)]! >> (nullBit & 7)) & 1
      row[position] = isNull ? null : read(reader)
    }
    if (reader.position !== end) throw new EndOfBytes('bytes behind the last cell')
    for (let i = 0; i < absent.length; i++) row[absent[i]!.position] = absent[i]!.value()
  }

  #layout(version: number): RowLayout<Value> {
    if (version < 1 || version > this.#version) {
      throw new EndOfBytes(`schema version ${version} is not 1..${this.#version}`)
    }
    return (this.#layouts[version] ??= compileLayout(
      this.#columns,
      version,
      this.#keyPositions,
      this.#form,
    ))
  }
}

function compileLayout<Value>(
  columns: readonly RowColumn[],
  version: number,
  keyPositions: ReadonlySet<number>,
  form: RowForm<Value>,
): RowLayout<Value> {
  const stored: StoredColumn<Value>[] = []
  const absent: { position: number; value: () => Value | null }[] = []
  let nullBitCount = 0
  columns.forEach((column, position) => {
    if (keyPositions.has(position)) return
    if (column.sinceVersion > version) {
      absent.push({ position, value: form.absent(column, position) })
      return
    }
    const nullBit = column.isNullable ? nullBitCount++ : -1
    const read = form.reader(column, position)
    stored.push({ position, nullBit, write: cellWriter(column), read })
  })
  return { stored, bitmapBytes: Math.ceil(nullBitCount / 8), absent }
}

/** Gives out the default; one that could be changed by its receiver as a copy each time. */
export function defaultOf(column: RowColumn): () => Cell {
  const cell = column.default ?? null
  return typeof cell === 'object' && cell !== null ? () => structuredClone(cell) : () => cell
}

/** How cells of the column, other than null, are written. */
export function cellWriter(column: Pick<RowColumn, 'kind' | 'values'>): CellWriter {
  switch (column.kind) {
    case 'text':
      return (writer, cell) => writer.text(cell as string)
    case 'int':
      return (writer, cell) => writeSignedVarint(writer, cell as number)
    case 'float':
      return (writer, cell) => writer.f64(cell as number)
    case 'bigint':
    case 'decimal':
      return (writer, cell) => writeBigint(writer, cell as bigint)
    case 'timestamp':
      return (writer, cell) => writeInt64(writer, cell as number)
    case 'boolean':
      return (writer, cell) => writer.u8(cell === true ? 1 : 0)
    case 'bytes':
      return (writer, cell) => {
        writer.varint((cell as Uint8Array).length)
        writer.raw(cell as Uint8Array)
      }
    case 'uuid':
      return (writer, cell) => encodeUuid(writer, cell as string)
    case 'enum': {
      const ordinals = new Map(column.values!.map((value, ordinal) => [value, ordinal]))
      return (writer, cell) => writer.varint(ordinals.get(cell as string)!)
    }
    case 'json': {
      const codec = new JsonCodec()
      return (writer, cell) => codec.encode(writer, cell as JsonValue)
    }
  }
}

/** How cells of the column, other than null, are read. */
export function cellReader(column: Pick<RowColumn, 'kind' | 'values'>): CellReader {
  switch (column.kind) {
    case 'text':
      return (reader) => reader.text()
    case 'int':
      return readSignedVarint
    case 'float':
      return (reader) => reader.f64()
    case 'bigint':
    case 'decimal':
      return readBigint
    case 'timestamp':
      return readInt64
    case 'boolean':
      return readBoolean
    case 'bytes':
      return (reader) => reader.raw(reader.varint()).slice()
    case 'uuid':
      return (reader) => decodeUuid(reader)
    case 'enum':
      return enumReader(column.values!)
    case 'json': {
      const codec = new JsonCodec()
      return (reader) => codec.decode(reader)
    }
  }
}

export function writeSignedVarint(writer: ByteWriter, value: number): void {
  const sign = value < 0 ? SIGN : 0
  const magnitude = Math.abs(value)
  if (magnitude < 64) {
    writer.u8(sign | magnitude)
    return
  }
  writer.u8(MORE | sign | (magnitude % 64))
  writer.varint(Math.floor(magnitude / 64))
}

function readSignedVarint(reader: ByteReader): number {
  const first = reader.u8()
  if (first === LONG_BIGINT) throw new EndOfBytes('minus zero')
  const magnitude = first >= MORE ? (first & 0x3f) + reader.varint() * 64 : first & 0x3f
  if (magnitude > Number.MAX_SAFE_INTEGER) throw new EndOfBytes('integer is not safe')
  return first & SIGN ? -magnitude : magnitude
}

export function writeBigint(writer: ByteWriter, value: bigint): void {
  const short = Number(value)
  if (Number.isSafeInteger(short)) {
    writeSignedVarint(writer, short)
    return
  }
  const isNegative = value < 0n
  let digits = (isNegative ? -value : value).toString(16)
  if (digits.length % 2 === 1) digits = `0${digits}`
  writer.u8(LONG_BIGINT)
  writer.u8(isNegative ? 1 : 0)
  writer.varint(digits.length / 2)
  writer.raw(Buffer.from(digits, 'hex').reverse())
}

/** A bigint that is a safe integer; undefined, with nothing read, when readBigint has to read it. */
export function readSmallBigint(reader: ByteReader): number | undefined {
  const { position } = reader
  const isLong = position < reader.end && reader.bytes[position] === LONG_BIGINT
  return isLong ? undefined : readSignedVarint(reader)
}

export function readBigint(reader: ByteReader): bigint {
  const small = readSmallBigint(reader)
  if (small !== undefined) return BigInt(small)
  reader.skip(1)
  const isNegative = readBoolean(reader)
  const magnitude = reader.raw(reader.varint())
  if (magnitude.length === 0) throw new EndOfBytes('bigint without digits')
  const value = BigInt(`0x${Buffer.from(magnitude).reverse().toString('hex')}`)
  return isNegative ? -value : value
}

export function writeInt64(writer: ByteWriter, value: number): void {
  writer.u32(value)
  writer.u32(Math.floor(value / TWO_32))
}

export function readInt64(reader: ByteReader): number {
  const low = reader.u32()
  const value = (reader.u32() | 0) * TWO_32 + low
  if (!Number.isSafeInteger(value)) throw new EndOfBytes('timestamp is not a safe integer')
  return value
}

function readBoolean(reader: ByteReader): boolean {
  const byte = reader.u8()
  if (byte > 1) throw new EndOfBytes('bad boolean')
  return byte === 1
}

function enumReader(values: readonly string[]): CellReader {
  return (reader) => {
    const value = values[reader.varint()]
    if (value === undefined) throw new EndOfBytes('enum position out of range')
    return value
  }
}
