// JSON values from bytes, in the compact forms that json.ts describes.

import { JSON_DEPTH_MAX } from '../base/limits.js'
import { type ByteReader, EndOfBytes } from './bytes.js'
import type { JsonValue } from './cell.js'
import { generate, literal } from './generated.js'
import { type Shape, ShapeTable } from './json-shapes.js'
import {
  INLINE_TEXT_MAX_BYTES,
  JSON_COMPACT_LATIN1,
  JSON_COMPACT_OLD,
  JSON_COMPACT_UTF8,
  JSON_PACKED,
  NEGATIVE,
  SHORT_TEXT_MAX_LENGTH,
  TAG_ARRAY,
  TAG_FALSE,
  TAG_FLOAT,
  TAG_HUNDREDTHS,
  TAG_INT,
  TAG_NEW_SHAPE,
  TAG_NULL,
  TAG_SHAPE,
  TAG_SHORT_TEXT,
  TAG_SMALL_ARRAY,
  TAG_SMALL_INT,
  TAG_SMALL_SHAPE,
  TAG_TEN_THOUSANDTHS,
  TAG_TEXT,
  TAG_TRUE,
} from './json-tags.js'

/** Code is made for a shape after so many objects, if it has no more keys than that. */
const READ_MIN_COUNT = 64
const READ_KEY_MAX_COUNT = 64

const NO_SHAPES: readonly Shape[] = []

/** The value that is being read. */
class Source {
  reader!: ByteReader
  table!: ShapeTable
  shapes: readonly Shape[] = NO_SHAPES
  inlineTextMaxBytes = 0
  /** What is left of the part for texts begins at textAt. */
  texts = ''
  textAt = 0
}

type ReadObject = (source: Source, depth: number) => Record<string, JsonValue>

/** Reads the values of one column. */
export class JsonReader {
  readonly #shapes = new ShapeTable()
  readonly #source = new Source()

  /**
   * @param form  one of the compact ones, which has been read
   * @throws EndOfBytes
   */
  read(reader: ByteReader, form: number): JsonValue {
    const table = this.#shapes
    table.trim()
    const source = this.#source
    source.reader = reader
    source.table = table
    source.textAt = 0
    if (form === JSON_COMPACT_OLD) {
      source.shapes = []
      source.inlineTextMaxBytes = SHORT_TEXT_MAX_LENGTH
      return readValue(source, 0)
    }
    source.inlineTextMaxBytes = INLINE_TEXT_MAX_BYTES
    const isPacked = form > JSON_COMPACT_UTF8
    if (isPacked) form -= JSON_PACKED
    const listBytes = reader.varint()
    const start = reader.skip(listBytes)
    source.shapes = table.readList(reader.bytes, start, start + listBytes, isPacked).shapes
    if (form === JSON_COMPACT_LATIN1) source.texts = reader.latin1(reader.varint())
    else if (form === JSON_COMPACT_UTF8) source.texts = reader.utf8(reader.varint())
    else source.texts = ''
    const value = readValue(source, 0)
    if (source.textAt !== source.texts.length) throw new EndOfBytes('texts of no value in json')
    source.texts = ''
    return value
  }
}

function readValue(source: Source, depth: number): JsonValue {
  const { reader } = source
  const tag = reader.u8()
  if (tag >= TAG_SHORT_TEXT) return readShortText(source, tag - TAG_SHORT_TEXT)
  if (tag >= TAG_SMALL_SHAPE) return readObject(source, tag - TAG_SMALL_SHAPE, depth)
  if (tag >= TAG_SMALL_ARRAY) return readArray(source, tag - TAG_SMALL_ARRAY, depth)
  if (tag >= TAG_SMALL_INT) return tag - TAG_SMALL_INT
  switch (tag) {
    case TAG_NULL:
      return null
    case TAG_FALSE:
      return false
    case TAG_TRUE:
      return true
    case TAG_FLOAT:
      return readFloat(reader)
    case TAG_TEXT:
      return reader.text()
    case TAG_ARRAY:
      return readArray(source, reader.varint(), depth)
    case TAG_SHAPE:
      return readObject(source, reader.varint(), depth)
    case TAG_NEW_SHAPE:
      return readObject(source, announceShape(source), depth)
  }
  if (tag <= TAG_TEN_THOUSANDTHS + NEGATIVE && tag >= TAG_INT) return readScaled(reader, tag)
  throw new EndOfBytes('unknown tag in json')
}

function readShortText(source: Source, length: number): string {
  if (length <= source.inlineTextMaxBytes) return source.reader.utf8(length)
  const { texts, textAt } = source
  const end = textAt + length
  if (end > texts.length) throw new EndOfBytes()
  source.textAt = end
  return texts.substring(textAt, end)
}

function readArray(source: Source, count: number, depth: number): JsonValue {
  if (depth >= JSON_DEPTH_MAX) throw new EndOfBytes('a json value nests too deep')
  if (count > source.reader.remaining) throw new EndOfBytes()
  // A literal has no room for more, an array that grows has sixteen.
  if (count === 1) return [readValue(source, depth + 1)]
  if (count === 2) return [readValue(source, depth + 1), readValue(source, depth + 1)]
  const values: JsonValue[] = []
  for (let i = 0; i < count; i++) values.push(readValue(source, depth + 1))
  return values
}

/** The number of a shape that stands before its first object, as in the oldest form. */
function announceShape({ reader, table, shapes, inlineTextMaxBytes }: Source): number {
  if (inlineTextMaxBytes === INLINE_TEXT_MAX_BYTES)
    throw new EndOfBytes('a shape outside of the list')
  return (shapes as Shape[]).push(table.readShape(reader)) - 1
}

function readObject(source: Source, number: number, depth: number): JsonValue {
  if (depth >= JSON_DEPTH_MAX) throw new EndOfBytes('a json value nests too deep')
  const shape = source.shapes[number]
  if (shape === undefined) throw new EndOfBytes('unknown shape in json')
  const read = shape.read as ReadObject | undefined
  if (read !== undefined) return read(source, depth + 1)
  const { keys } = shape
  if (++shape.useCount === READ_MIN_COUNT && keys.length <= READ_KEY_MAX_COUNT) {
    const parts = keys.map((key) => `${keyLiteral(key)}: value(source, depth)`)
    const body = `return (source, depth) => ({ ${parts.join(', ')} })`
    shape.read = generate(body, { value: readValue })
  }
  const object: Record<string, JsonValue> = {}
  for (let i = 0; i < keys.length; i++) setOwn(object, keys[i]!, readValue(source, depth + 1))
  return object
}

/** In an object literal `"__proto__":` would set the prototype. */
function keyLiteral(key: string): string {
  return key === '__proto__' ? '["__proto__"]' : literal(key)
}

/** Assigning to `__proto__` would change the prototype instead. */
export function setOwn(object: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  } else {
    object[key] = value
  }
}

function readScaled(reader: ByteReader, tag: number): number {
  const magnitude = reader.varint()
  if (tag < TAG_HUNDREDTHS) return tag === TAG_INT ? magnitude : 0 - magnitude
  const isNegative = tag === TAG_HUNDREDTHS + NEGATIVE || tag === TAG_TEN_THOUSANDTHS + NEGATIVE
  const value = magnitude / (tag < TAG_TEN_THOUSANDTHS ? 100 : 10_000)
  return isNegative ? 0 - value : value
}

function readFloat(reader: ByteReader): number {
  const value = reader.f64()
  if (!Number.isFinite(value) || Object.is(value, -0)) throw new EndOfBytes('no number in json')
  return value
}
