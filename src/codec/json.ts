// JSON values as bytes. One byte says how:
//
//   1  JSON text: varint byte length, UTF-8
//   2  MessagePack without extensions or records: varint byte length, bytes
//   3  reserved
//   4  compact, as below, without a list of shapes and a part for texts
//   5  compact, without a part for texts: varint byte length of the list of shapes; the list: per shape a varint count of its
//      keys, per key varint byte length and UTF-8; the value
//   6  compact, with a part for texts: the list as in 5; varint byte length of the texts; the texts one after another, a byte a
//      character; the value
//   7  the same, the texts in UTF-8
//   8..10  as 5..7 with the list packed: varint byte length of what follows of it; varint byte length of the list; the list
//      compressed with Brotli (RFC 7932)
//
// All of them read back exactly what was written, key order included (but for keys like "7", which JavaScript itself puts
// first). 5 is what is written, or 6 with texts that stand apart, or 7 if they are not ASCII. Objects of a column are alike:
// their list can be copied and compared whole, and once it has come often it is packed, which is done once, and 8 to 10 are
// written. The runtime makes one long text, and cuts it up, in a third of the time that it takes to make its parts. A value is
// a tag, and what the tag says:
//
//   tag     value
//   00..02  null, false, true
//   03      a number: 8 bytes IEEE 754, little-endian
//   04      a text: varint byte length, UTF-8
//   05      an array: varint count, the values
//   06      in form 4 only, an object of a shape that the value has not used before: the shape as in a list, then the values
//           in the order of the keys
//   07      an object of a shape: varint number, the values. Shapes are numbered from 0 as they appear
//   08, 09  a number from 0 on, or below: varint magnitude
//   0a, 0b  likewise, in hundredths; 0c, 0d in ten-thousandths: the number nearest to the quotient
//   20..3f  a number 0..31
//   40..5f  an array of 0..31 values
//   60..7f  an object of the shape with number 0..31
//   80..8c  a text of 0..12 bytes
//   8d..ff  a text of 13..127 UTF-16 units: the next in the part for texts; in form 4 a text of 13..127 bytes
//
// But for the packing of its list, the same value is always the same bytes. A number is the shortest of the ways that hold it
// exactly, tried in this order: small, integer, hundredths, ten-thousandths, IEEE 754. A text of up to 12 units is 80..8c if it
// is ASCII; one of 13..127 stands in the part for texts as long as that has no more than 8,192 units; all others are 04.
//
// Valid:  a known form and tags, a packed list of at most 16 KiB, every byte of the part for texts used, no number but a finite
//         one other than -0, at most JSON_DEPTH_MAX levels.
// Compat: forms are never used again for something else; an unknown one is refused. 1 and 2 were written before 4, and 4
//         before 5; 8..10 are written since decision 0022.

import type { Unpackr } from 'msgpackr'
import { createRequire } from 'node:module'

import { engineError } from '../base/errors.js'
import { JSON_DEPTH_MAX } from '../base/limits.js'
import { type ByteReader, type ByteWriter, EndOfBytes, isWellFormed } from './bytes.js'
import type { JsonValue } from './cell.js'
import { JsonReader, setOwn } from './json-reader.js'
import { JSON_COMPACT, JSON_COMPACT_LAST, JSON_COMPACT_OLD } from './json-tags.js'
import { JsonWriter } from './json-writer.js'

const JSON_TEXT = 1
const JSON_MESSAGE_PACK = 2

let unpacker: Unpackr | undefined

/** Loaded for the first value that needs it: loading takes as long as half of the engine does. */
function messagePack(): Unpackr {
  if (unpacker === undefined) {
    const { Unpackr } = createRequire(import.meta.url)('msgpackr') as typeof import('msgpackr')
    unpacker = new Unpackr({ useRecords: false, variableMapSize: true, useToJSON: false })
  }
  return unpacker
}

/** The value has no JSON form. Callers turn it into an error that names the column. */
export class NotJson extends Error {
  constructor(found: string) {
    super(found)
    this.name = 'NotJson'
  }
}

/**
 * Checks a value and brings it into the form that reads back equal: undefined properties are left out, undefined array
 * elements become null, -0 becomes 0, and what has a toJSON method is asked for it, as in JSON.stringify. Other than
 * there, what would change silently is refused: NaN, infinities, functions, symbols, bigints, lone surrogates, and
 * objects that are neither plain nor arrays.
 *
 * @returns the argument itself when nothing had to change
 * @throws NotJson
 */
export function toJsonValue(value: unknown, depth = 0): JsonValue {
  switch (typeof value) {
    case 'string':
      if (isWellFormed(value)) return value
      throw new NotJson('a text with a lone surrogate')
    case 'number':
      if (!Number.isFinite(value)) throw new NotJson(String(value))
      return value === 0 ? 0 : value
    case 'boolean':
      return value
    case 'object':
      break
    default:
      throw new NotJson(typeof value)
  }
  if (value === null) return null
  if (depth >= JSON_DEPTH_MAX) throw new NotJson(`more than ${JSON_DEPTH_MAX} levels`)
  if (Array.isArray(value)) return toJsonArray(value, depth)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return toJsonValue((value as { toJSON(): unknown }).toJSON(), depth + 1)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // Also plain when made in another realm.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new NotJson('an object of a class')
  }
  return toJsonObject(value as Record<string, unknown>, depth)
}

function toJsonArray(values: readonly unknown[], depth: number): JsonValue[] {
  let copy: JsonValue[] | undefined
  for (let i = 0; i < values.length; i++) {
    const before = values[i]
    const after = before === undefined ? null : toJsonValue(before, depth + 1)
    if (copy === undefined && !Object.is(after, before)) {
      copy = values.slice(0, i) as JsonValue[]
    }
    if (copy !== undefined) copy.push(after)
  }
  return copy ?? (values as JsonValue[])
}

function toJsonObject(object: Record<string, unknown>, depth: number): JsonValue {
  const keys = Object.keys(object)
  let copy: Record<string, JsonValue> | undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (!isWellFormed(key)) throw new NotJson('a key with a lone surrogate')
    const before = object[key]
    const after = before === undefined ? undefined : toJsonValue(before, depth + 1)
    if (copy === undefined && (after === undefined || !Object.is(after, before))) {
      copy = {}
      for (let j = 0; j < i; j++) setOwn(copy, keys[j]!, object[keys[j]!] as JsonValue)
    }
    if (copy !== undefined && after !== undefined) setOwn(copy, key, after)
  }
  return copy ?? (object as Record<string, JsonValue>)
}

/** Writes and reads the values of one column, which look alike: what it learns of them makes it faster. */
export class JsonCodec {
  readonly #writer = new JsonWriter()
  readonly #reader = new JsonReader()

  /**
   * Appends a value as users give it; false, with nothing appended, when it is not as toJsonValue would leave it.
   */
  tryEncode(writer: ByteWriter, value: unknown): boolean {
    return this.#writer.write(writer, value)
  }

  /** Appends a value that toJsonValue returned. @throws ARGUMENT_INVALID when it changes while it is read */
  encode(writer: ByteWriter, value: JsonValue): void {
    if (this.tryEncode(writer, value) || this.#writer.write(writer, value, true)) return
    throw engineError('ARGUMENT_INVALID', 'a JSON value changed while it was written')
  }

  /** @throws EndOfBytes when the bytes are not what encode wrote */
  decode(reader: ByteReader): JsonValue {
    const form = reader.u8()
    if (form === JSON_COMPACT_OLD || (form >= JSON_COMPACT && form <= JSON_COMPACT_LAST)) {
      return this.#reader.read(reader, form)
    }
    if (form !== JSON_TEXT && form !== JSON_MESSAGE_PACK) {
      throw new EndOfBytes(`unknown form ${form} of a json value`)
    }
    try {
      if (form === JSON_TEXT) return JSON.parse(reader.text())
      return messagePack().unpack(reader.raw(reader.varint()))
    } catch (cause) {
      if (cause instanceof EndOfBytes) throw cause
      throw new EndOfBytes('a json value cannot be decoded')
    }
  }
}

/** For values of no column. */
const common = new JsonCodec()

/** Appends a value that toJsonValue returned. */
export function encodeJson(writer: ByteWriter, value: JsonValue): void {
  common.encode(writer, value)
}

/** @throws EndOfBytes when the bytes are not what encodeJson wrote */
export function decodeJson(reader: ByteReader): JsonValue {
  return common.decode(reader)
}
