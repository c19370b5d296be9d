// Order-preserving encoding of key fields: comparing two encoded tuples with memcmp compares the tuples field by field.
// Every field is self-delimiting and none is the start of another, so tuples are plain concatenations and the encoding of
// the leading fields is a prefix of exactly the keys that have these fields.
//
//   kind       bytes
//   text       UTF-8 with 00 written as 00 FF, then 00 01. Order is code point order, which is UTF-8 byte order
//              (JavaScript's own < differs for surrogate pairs). Lone surrogates are refused
//   bytes      as they are, escaped and ended like text
//   int        8 bytes big-endian two's complement, sign bit flipped; any safe integer
//   timestamp  like int; Unix microseconds
//   float      8 bytes of IEEE 754 big-endian; sign bit flipped when positive, all bits when negative. -0 becomes 0, NaN
//              is refused, infinities are not
//   bigint     a length byte L and the magnitude big-endian without leading zeros, n bytes, n <= 128:
//              zero L = 80; positive L = 80+n; negative L = 80-n and the magnitude inverted. For n > 126 L is FF
//              (negative: 01) and another byte n (negative: inverted) follows
//   decimal    its units as a bigint; the scale is the column's
//   boolean    00 or 01
//   uuid       16 bytes
//
// A nullable field starts with a marker: 00 for null and nothing more, 01 for a value. A descending field has all its
// bytes inverted, marker included, so null comes first ascending and last descending.

import { engineError } from '../base/errors.js'
import { KEY_MAX_BYTES } from '../base/limits.js'
import { type ByteReader, type ByteWriter, EndOfBytes } from './bytes.js'

export type KeyKind =
  | 'text'
  | 'int'
  | 'float'
  | 'bigint'
  | 'decimal'
  | 'timestamp'
  | 'boolean'
  | 'bytes'
  | 'uuid'

export interface KeyField {
  readonly kind: KeyKind
  readonly isDescending: boolean
  readonly isNullable: boolean
  /** Of a decimal; the encoding does not depend on it. */
  readonly scale?: number
}

/** A value of a key field: text and uuid as string, int, float and timestamp as number, bigint and decimal as bigint. */
export type KeyCell = string | number | bigint | boolean | Uint8Array | null

/** Largest magnitude of a bigint in a key. */
const BIGINT_MAX_BYTES = 128
const BIGINT_SHORT_MAX_BYTES = 126
const TWO_32 = 0x1_0000_0000

const floatCell = new DataView(new ArrayBuffer(8))
const words = new Uint32Array(BIGINT_MAX_BYTES / 4)
const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) =>
  i.toString(16).padStart(2, '0'),
)
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * Appends one field.
 *
 * The caller checks KEY_MAX_BYTES on the whole key; a single text or bytes value that cannot fit is refused here.
 * @throws ARGUMENT_INVALID when the cell does not fit the kind
 * @throws KEY_TOO_LARGE
 */
export function encodeKeyField(writer: ByteWriter, field: KeyField, cell: KeyCell): void {
  const start = writer.length
  if (cell === null) {
    if (!field.isNullable) throw unfit(field, cell)
    writer.u8(0)
  } else {
    if (field.isNullable) writer.u8(1)
    encodeValue(writer, field, cell)
  }
  if (field.isDescending) {
    const { bytes, length } = writer
    for (let i = start; i < length; i++) bytes[i]! ^= 0xff
  }
}

/**
 * Reads one field and moves the reader behind it.
 *
 * @throws EndOfBytes when the bytes end early or are not such a field
 */
export function decodeKeyField(reader: ByteReader, field: KeyField): KeyCell {
  const mask = field.isDescending ? 0xff : 0
  if (field.isNullable) {
    const marker = reader.u8() ^ mask
    if (marker === 0) return null
    if (marker !== 1) throw new EndOfBytes('bad null marker in key')
  }
  switch (field.kind) {
    case 'text':
      return decodeText(reader, mask)
    case 'bytes':
      return unescape(reader, mask)
    case 'int':
    case 'timestamp':
      return decodeInt(reader, mask)
    case 'float':
      return decodeFloat(reader, mask)
    case 'bigint':
    case 'decimal':
      return decodeBigint(reader, mask)
    case 'boolean': {
      const byte = reader.u8() ^ mask
      if (byte > 1) throw new EndOfBytes('bad boolean in key')
      return byte === 1
    }
    case 'uuid':
      return decodeUuid(reader, mask)
  }
}

function encodeValue(writer: ByteWriter, field: KeyField, cell: KeyCell): void {
  switch (field.kind) {
    case 'text':
      if (typeof cell !== 'string') break
      return encodeText(writer, cell)
    case 'bytes':
      if (!(cell instanceof Uint8Array)) break
      return encodeBytes(writer, cell)
    case 'int':
    case 'timestamp':
      if (!Number.isSafeInteger(cell)) break
      return encodeInt(writer, cell as number)
    case 'float':
      if (typeof cell !== 'number' || Number.isNaN(cell)) break
      return encodeFloat(writer, cell)
    case 'bigint':
    case 'decimal':
      if (typeof cell !== 'bigint') break
      return encodeBigint(writer, field, cell)
    case 'boolean':
      if (typeof cell !== 'boolean') break
      return writer.u8(cell ? 1 : 0)
    case 'uuid':
      if (typeof cell !== 'string' || !UUID_PATTERN.test(cell)) break
      return encodeUuid(writer, cell)
  }
  throw unfit(field, cell)
}

function encodeText(writer: ByteWriter, text: string): void {
  const count = text.length
  if (count > KEY_MAX_BYTES) throw tooLarge(count)
  writer.reserve(count * 3 + 2)
  const { bytes } = writer
  let at = writer.length
  for (let i = 0; i < count; i++) {
    let point = text.charCodeAt(i)
    if (point < 0x80) {
      bytes[at++] = point
      if (point === 0) bytes[at++] = 0xff
      continue
    }
    if (point < 0x800) {
      bytes[at++] = 0xc0 | (point >> 6)
    } else {
      if (point >= 0xd800 && point < 0xe000) {
        point = text.codePointAt(i)!
        if (point < 0x1_0000) {
          throw engineError('ARGUMENT_INVALID', 'text in a key holds a lone surrogate')
        }
        i++
        bytes[at++] = 0xf0 | (point >> 18)
        bytes[at++] = 0x80 | ((point >> 12) & 0x3f)
      } else {
        bytes[at++] = 0xe0 | (point >> 12)
      }
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f)
    }
    bytes[at++] = 0x80 | (point & 0x3f)
  }
  bytes[at++] = 0
  bytes[at++] = 1
  writer.length = at
}

function encodeBytes(writer: ByteWriter, value: Uint8Array): void {
  const count = value.length
  if (count > KEY_MAX_BYTES) throw tooLarge(count)
  writer.reserve(count * 2 + 2)
  const { bytes } = writer
  let at = writer.length
  for (let i = 0; i < count; i++) {
    const byte = value[i]!
    bytes[at++] = byte
    if (byte === 0) bytes[at++] = 0xff
  }
  bytes[at++] = 0
  bytes[at++] = 1
  writer.length = at
}

function decodeText(reader: ByteReader, mask: number): string {
  if (mask === 0) {
    // Without an escape the text lies there as it is.
    const { bytes, position, end } = reader
    let at = position
    while (at < end && bytes[at] !== 0) at++
    if (at + 1 < end && bytes[at + 1] === 1) {
      const text = reader.utf8(at - position)
      reader.position += 2
      return text
    }
  }
  const raw = unescape(reader, mask)
  return Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('utf8')
}

function unescape(reader: ByteReader, mask: number): Uint8Array {
  const { bytes, position, end } = reader
  let at = position
  let escapeCount = 0
  for (;;) {
    if (at + 1 >= end) throw new EndOfBytes()
    if ((bytes[at]! ^ mask) !== 0) {
      at++
      continue
    }
    const next = bytes[at + 1]! ^ mask
    if (next === 1) break
    if (next !== 0xff) throw new EndOfBytes('bad escape in key')
    escapeCount++
    at += 2
  }
  const raw = new Uint8Array(at - position - escapeCount)
  for (let from = position, to = 0; from < at; from++) {
    const byte = bytes[from]! ^ mask
    raw[to++] = byte
    if (byte === 0) from++
  }
  reader.position = at + 2
  return raw
}

function encodeInt(writer: ByteWriter, value: number): void {
  writer.reserve(8)
  const high = Math.floor(value / TWO_32)
  storeBigU32(writer.bytes, writer.length, high ^ 0x8000_0000)
  storeBigU32(writer.bytes, writer.length + 4, value)
  writer.length += 8
}

function decodeInt(reader: ByteReader, mask: number): number {
  const at = reader.skip(8)
  const high = (loadBigU32(reader.bytes, at, mask) ^ 0x8000_0000) | 0
  const value = high * TWO_32 + loadBigU32(reader.bytes, at + 4, mask)
  if (!Number.isSafeInteger(value)) throw new EndOfBytes('integer in key is not safe')
  return value
}

function encodeFloat(writer: ByteWriter, value: number): void {
  writer.reserve(8)
  floatCell.setFloat64(0, value === 0 ? 0 : value)
  const high = floatCell.getUint32(0)
  const isNegative = high >= 0x8000_0000
  storeBigU32(writer.bytes, writer.length, isNegative ? ~high : high ^ 0x8000_0000)
  storeBigU32(writer.bytes, writer.length + 4, floatCell.getUint32(4) ^ (isNegative ? -1 : 0))
  writer.length += 8
}

function decodeFloat(reader: ByteReader, mask: number): number {
  const at = reader.skip(8)
  const high = loadBigU32(reader.bytes, at, mask)
  const isNegative = high < 0x8000_0000
  floatCell.setUint32(0, isNegative ? ~high : high ^ 0x8000_0000)
  floatCell.setUint32(4, loadBigU32(reader.bytes, at + 4, mask) ^ (isNegative ? -1 : 0))
  const value = floatCell.getFloat64(0)
  if (Number.isNaN(value) || Object.is(value, -0)) throw new EndOfBytes('bad float in key')
  return value
}

function encodeBigint(writer: ByteWriter, field: KeyField, value: bigint): void {
  const isNegative = value < 0n
  const wordCount = magnitudeWords(isNegative ? -value : value)
  if (wordCount === undefined) throw unfit(field, value)
  const topWord = wordCount === 0 ? 0 : words[wordCount - 1]!
  const topBytes = wordCount === 0 ? 0 : 4 - (Math.clz32(topWord) >>> 3)
  const count = wordCount === 0 ? 0 : (wordCount - 1) * 4 + topBytes
  writer.reserve(count + 2)
  const mask = isNegative ? 0xff : 0
  const { bytes } = writer
  let at = writer.length
  if (count <= BIGINT_SHORT_MAX_BYTES) {
    bytes[at++] = isNegative ? 0x80 - count : 0x80 + count
  } else {
    bytes[at++] = isNegative ? 0x01 : 0xff
    bytes[at++] = count ^ mask
  }
  for (let i = count - 1; i >= 0; i--) {
    bytes[at++] = (words[i >>> 2]! >>> ((i & 3) << 3)) ^ mask
  }
  writer.length = at
}

/** Spreads a magnitude over `words`, lowest first; returns how many, undefined when it is too large. */
function magnitudeWords(magnitude: bigint): number | undefined {
  let count = 0
  if (magnitude <= Number.MAX_SAFE_INTEGER) {
    for (let rest = Number(magnitude); rest > 0; rest = Math.floor(rest / TWO_32)) {
      words[count++] = rest
    }
    return count
  }
  for (let rest = magnitude; rest > 0n; rest >>= 32n) {
    if (count === words.length) return undefined
    words[count++] = Number(rest & 0xffff_ffffn)
  }
  return count
}

function decodeBigint(reader: ByteReader, mask: number): bigint {
  const lengthByte = reader.u8() ^ mask
  const isNegative = lengthByte < 0x80
  const valueMask = isNegative ? mask ^ 0xff : mask
  let count = isNegative ? 0x80 - lengthByte : lengthByte - 0x80
  if (count > BIGINT_SHORT_MAX_BYTES) {
    count = reader.u8() ^ valueMask
    const isLong = count > BIGINT_SHORT_MAX_BYTES && count <= BIGINT_MAX_BYTES
    if (!isLong || lengthByte === 0) throw new EndOfBytes('bad length of a bigint in key')
  }
  if (count === 0) return 0n
  const at = reader.skip(count)
  const { bytes } = reader
  if ((bytes[at]! ^ valueMask) === 0) throw new EndOfBytes('bigint in key has a leading zero')
  let magnitude: bigint
  if (count <= 6) {
    let small = 0
    for (let i = 0; i < count; i++) small = small * 256 + (bytes[at + i]! ^ valueMask)
    magnitude = BigInt(small)
  } else {
    magnitude = 0n
    let i = 0
    for (; i < count % 4; i++) magnitude = (magnitude << 8n) | BigInt(bytes[at + i]! ^ valueMask)
    for (; i < count; i += 4) {
      magnitude = (magnitude << 32n) | BigInt(loadBigU32(bytes, at + i, valueMask))
    }
  }
  return isNegative ? -magnitude : magnitude
}

export function encodeUuid(writer: ByteWriter, uuid: string): void {
  writer.reserve(16)
  const { bytes } = writer
  let at = writer.length
  for (let i = 0; i < 36; i += 2) {
    if (uuid.charCodeAt(i) === 0x2d) i++
    bytes[at++] = (hexDigit(uuid.charCodeAt(i)) << 4) | hexDigit(uuid.charCodeAt(i + 1))
  }
  writer.length = at
}

export function decodeUuid(reader: ByteReader, mask = 0): string {
  const at = reader.skip(16)
  const { bytes } = reader
  let uuid = ''
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) uuid += '-'
    uuid += HEX[bytes[at + i]! ^ mask]!
  }
  return uuid
}

/** Of a lower-case digit. */
function hexDigit(unit: number): number {
  return unit < 0x3a ? unit - 0x30 : unit - 0x57
}

function storeBigU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function loadBigU32(bytes: Uint8Array, at: number, mask: number): number {
  const value = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  return (mask === 0 ? value : ~value) >>> 0
}

function unfit(field: KeyField, cell: KeyCell) {
  const found = cell === null ? 'null' : typeof cell
  return engineError('ARGUMENT_INVALID', `a key field of kind ${field.kind} cannot hold this`, {
    details: { kind: field.kind, found },
  })
}

function tooLarge(bytes: number) {
  return engineError('KEY_TOO_LARGE', `a key field of ${bytes} bytes is over the limit`, {
    details: { bytes, limit: KEY_MAX_BYTES },
  })
}
