// From the values of users to the bytes of their columns and back, one column at a time, without a cell between: the short
// way of cell-values.ts and codec/row.ts taken together, for the values that come often.

import { KEY_MAX_BYTES } from '../base/limits.js'
import { type ByteReader, type ByteWriter, isWellFormed } from '../codec/bytes.js'
import { parseSmallDecimal, formatSmallDecimal, formatDecimal } from '../codec/decimal.js'
import { JsonCodec } from '../codec/json.js'
import {
  decodeKeyField,
  encodeKeyField,
  encodeUuid,
  type KeyCell,
  type KeyField,
} from '../codec/key.js'
import {
  cellReader,
  readBigint,
  readInt64,
  readSmallBigint,
  writeBigint,
  writeInt64,
  writeSignedVarint,
} from '../codec/row.js'
import {
  isMicros,
  microsOfBigint,
  microsOfMillis,
  presentConverter,
  toBigint,
  toUuid,
  valueConverter,
} from './cell-values.js'
import type { ColumnDeclaration } from './definition.js'

/** Appends a value other than null; false, with nothing appended, when it needs the long way: it may still be right. */
export type ValueWriter = (writer: ByteWriter, value: {}) => boolean
/** Reads a value other than null, as users see it. */
export type ValueReader = (reader: ByteReader) => unknown

/** Writes what codec/row.ts writes for the cell of the value. */
export function valueWriter(column: ColumnDeclaration): ValueWriter {
  switch (column.kind) {
    case 'text':
      return (writer, value) => typeof value === 'string' && writer.tryText(value)
    case 'int':
      return (writer, value) => {
        if (!Number.isSafeInteger(value)) return false
        writeSignedVarint(writer, value as number)
        return true
      }
    case 'float':
      return (writer, value) => {
        if (typeof value !== 'number' || Number.isNaN(value)) return false
        writer.f64(value)
        return true
      }
    case 'decimal':
      return decimalWriter(column.scale!, column.precision!)
    case 'timestamp':
      return timestampWriter(isMicros(column) ? microsOfBigint : microsOfMillis)
    case 'enum':
      return enumWriter(column.values!)
    case 'json': {
      const codec = new JsonCodec()
      return (writer, value) => codec.tryEncode(writer, value)
    }
    case 'boolean':
      return (writer, value) => {
        if (typeof value !== 'boolean') return false
        writer.u8(value ? 1 : 0)
        return true
      }
    case 'bigint':
      return (writer, value) => writeIfThere(writer, toBigint(value), writeBigint)
    case 'uuid':
      return (writer, value) => writeIfThere(writer, toUuid(value), encodeUuid)
    case 'bytes':
      return (writer, value) => {
        if (!(value instanceof Uint8Array)) return false
        writer.varint(value.length)
        writer.raw(value)
        return true
      }
  }
}

/** Reads what codec/row.ts writes. */
export function valueReader(column: ColumnDeclaration): ValueReader {
  const read = cellReader(column)
  if (column.kind === 'decimal') return decimalReader(column.scale!)
  if (column.kind === 'timestamp' && !isMicros(column)) {
    return (reader) => new Date(Math.floor(readInt64(reader) / 1000))
  }
  const toValue = valueConverter(column)
  return toValue === undefined ? read : (reader) => toValue(read(reader))
}

/** Writes the field of a key, which is never null. */
export function keyWriter(field: KeyField, column: ColumnDeclaration): ValueWriter {
  const isPlainText = column.kind === 'text' && !field.isDescending && !field.isNullable
  if (isPlainText) return (writer, value) => writeKeyText(writer, field, value)
  const convert = presentConverter(column)
  return (writer, value) => {
    let cell: KeyCell | undefined
    try {
      cell = convert(value) as KeyCell | undefined
    } catch {
      // The long way says what is wrong.
      return false
    }
    if (cell === undefined || isLong(cell)) return false
    encodeKeyField(writer, field, cell)
    return true
  }
}

/** Reads the field of a key, as users see it. */
export function keyReader(field: KeyField, column: ColumnDeclaration): ValueReader {
  const toValue = valueConverter(column)
  if (toValue === undefined) return (reader) => decodeKeyField(reader, field)
  return (reader) => toValue(decodeKeyField(reader, field) as never)
}

function writeKeyText(writer: ByteWriter, field: KeyField, value: {}): boolean {
  if (typeof value !== 'string' || value.length > KEY_MAX_BYTES) return false
  const { length } = value
  writer.reserve(length + 2)
  const { bytes } = writer
  let at = writer.length
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i)
    if (unit === 0 || unit >= 0x80) {
      if (!isWellFormed(value)) return false
      encodeKeyField(writer, field, value)
      return true
    }
    bytes[at++] = unit
  }
  bytes[at++] = 0
  bytes[at++] = 1
  writer.length = at
  return true
}

/** Too long for any key: encodeKeyField would throw before other columns are looked at. */
function isLong(cell: KeyCell): boolean {
  return (typeof cell === 'string' || cell instanceof Uint8Array) && cell.length > KEY_MAX_BYTES
}

function writeIfThere<C>(
  writer: ByteWriter,
  cell: C | undefined,
  write: (writer: ByteWriter, cell: C) => void,
): boolean {
  if (cell === undefined) return false
  write(writer, cell)
  return true
}

function timestampWriter(toMicros: (value: {}) => number | undefined): ValueWriter {
  return (writer, value) => {
    const micros = toMicros(value)
    if (micros === undefined) return false
    writeInt64(writer, micros)
    return true
  }
}

function enumWriter(values: readonly string[]): ValueWriter {
  const ordinals = new Map<unknown, number>(values.map((value, ordinal) => [value, ordinal]))
  return (writer, value) => {
    const ordinal = ordinals.get(value)
    if (ordinal === undefined) return false
    if (ordinal < 0x80) writer.u8(ordinal)
    else writer.varint(ordinal)
    return true
  }
}

function decimalWriter(scale: number, precision: number): ValueWriter {
  return (writer, value) => {
    if (typeof value !== 'string' && typeof value !== 'number') return false
    const units = parseSmallDecimal(value, scale, precision)
    if (units === undefined) return false
    writeSignedVarint(writer, units)
    return true
  }
}

function decimalReader(scale: number): ValueReader {
  return (reader) => {
    const units = readSmallBigint(reader)
    return units === undefined
      ? formatDecimal(readBigint(reader), scale)
      : formatSmallDecimal(units, scale)
  }
}
