// JSON values in the compact form, which json.ts describes.

import { JSON_DEPTH_MAX } from '../base/limits.js'
import { type ByteReader, type ByteWriter, EndOfBytes, isWellFormed } from './bytes.js'
import type { JsonValue } from './cell.js'
import { generate, literal } from './generated.js'
import { type Shape, ShapeTable, TAG_NEW_SHAPE } from './json-shapes.js'

const TAG_NULL = 0x00
const TAG_FALSE = 0x01
const TAG_TRUE = 0x02
const TAG_FLOAT = 0x03
const TAG_TEXT = 0x04
const TAG_ARRAY = 0x05
const TAG_SHAPE = 0x07
const TAG_INT = 0x08
const TAG_HUNDREDTHS = 0x0a
const TAG_TEN_THOUSANDTHS = 0x0c
/** Of the tags of numbers: the number is negative. */
const NEGATIVE = 1
const TAG_SMALL_INT = 0x20
const TAG_SMALL_ARRAY = 0x40
const TAG_SMALL_SHAPE = 0x60
const SMALL_COUNT = 0x20
const TAG_SHORT_TEXT = 0x80

/** Up to here a loop over characters beats the call into the runtime. */
const LOOP_TEXT_LENGTH = 28
/** Scaled numbers above it are written as floats. */
const SCALED_MAX = 1e15
/** Code is made for a shape after so many objects, if it has no more keys than that. */
const READ_MIN_COUNT = 64
const READ_KEY_MAX_COUNT = 64

/** One value that is being written or read: which shapes it has used. */
class Run {
  /** When the value was checked by toJsonValue, its objects are known to be plain. */
  readonly isChecked: boolean
  count = 0
  readonly shapes: Shape[] = []

  constructor(isChecked: boolean) {
    this.isChecked = isChecked
  }
}

/** Writes and reads the values of one column. */
export class CompactJson {
  readonly #shapes = new ShapeTable()

  /**
   * Appends the value, checked as toJsonValue does.
   *
   * @param isChecked  toJsonValue returned it
   * @returns false, with nothing appended, when the value is none or has to be changed first: toJsonValue tells
   */
  write(writer: ByteWriter, value: unknown, isChecked = false): boolean {
    this.#shapes.trim()
    const start = writer.length
    if (this.#writeValue(writer, value, this.#shapes.top, 0, new Run(isChecked), 0)) return true
    writer.length = start
    return false
  }

  /** @throws EndOfBytes */
  read(reader: ByteReader): JsonValue {
    this.#shapes.trim()
    return this.#readValue(reader, this.#shapes.top, 0, new Run(false), 0)
  }

  #writeValue(
    writer: ByteWriter,
    value: unknown,
    owner: Shape,
    place: number,
    run: Run,
    depth: number,
  ): boolean {
    switch (typeof value) {
      case 'string':
        return writeText(writer, value)
      case 'number':
        return writeNumber(writer, value)
      case 'boolean':
        writer.u8(value ? TAG_TRUE : TAG_FALSE)
        return true
      case 'object':
        break
      default:
        return false
    }
    if (value === null) {
      writer.u8(TAG_NULL)
      return true
    }
    if (depth >= JSON_DEPTH_MAX) return false
    if (Array.isArray(value)) return this.#writeArray(writer, value, owner, place, run, depth)
    if (!run.isChecked && Object.getPrototypeOf(value) !== Object.prototype) return false
    return this.#writeObject(writer, value as object, owner, place, run, depth)
  }

  #writeArray(
    writer: ByteWriter,
    values: readonly unknown[],
    owner: Shape,
    place: number,
    run: Run,
    depth: number,
  ): boolean {
    const { length } = values
    writeCount(writer, length, TAG_SMALL_ARRAY, TAG_ARRAY)
    for (let i = 0; i < length; i++) {
      if (!this.#writeValue(writer, values[i], owner, place, run, depth + 1)) return false
    }
    return true
  }

  #writeObject(
    writer: ByteWriter,
    object: object,
    owner: Shape,
    place: number,
    run: Run,
    depth: number,
  ): boolean {
    let shape = owner.guesses[place]
    if (shape === undefined || !hasShape(object, shape)) {
      shape = this.#shapes.find(Object.keys(object))
      if (shape === undefined) return false
      owner.guesses[place] = shape
    }
    if (shape.hasToJson && typeof (object as { toJSON?: unknown }).toJSON === 'function') {
      return false
    }
    if (shape.run === run) {
      writeCount(writer, shape.number, TAG_SMALL_SHAPE, TAG_SHAPE)
    } else {
      shape.run = run
      shape.number = run.count++
      writer.raw(shape.header)
    }
    const { keys } = shape
    for (let i = 0; i < keys.length; i++) {
      const value = (object as Record<string, unknown>)[keys[i]!]
      if (!this.#writeValue(writer, value, shape, i, run, depth + 1)) return false
    }
    return true
  }

  #readValue(reader: ByteReader, owner: Shape, place: number, run: Run, depth: number): JsonValue {
    const tag = reader.u8()
    if (tag >= TAG_SHORT_TEXT) return reader.utf8(tag - TAG_SHORT_TEXT)
    if (tag >= TAG_SMALL_INT && tag < TAG_SMALL_ARRAY) return tag - TAG_SMALL_INT
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
    }
    if (tag >= TAG_INT && tag <= TAG_TEN_THOUSANDTHS + NEGATIVE) return readNumber(reader, tag)
    if (depth >= JSON_DEPTH_MAX) throw new EndOfBytes('a json value nests too deep')
    if (tag === TAG_ARRAY || (tag >= TAG_SMALL_ARRAY && tag < TAG_SMALL_SHAPE)) {
      const count = tag === TAG_ARRAY ? reader.varint() : tag - TAG_SMALL_ARRAY
      if (count > reader.remaining) throw new EndOfBytes()
      const values: JsonValue[] = []
      for (let i = 0; i < count; i++) {
        values.push(this.#readValue(reader, owner, place, run, depth + 1))
      }
      return values
    }
    return this.#readObject(reader, this.#readShape(reader, tag, owner, place, run), run, depth)
  }

  #readShape(reader: ByteReader, tag: number, owner: Shape, place: number, run: Run): Shape {
    if (tag !== TAG_NEW_SHAPE) {
      if (tag !== TAG_SHAPE && tag < TAG_SMALL_SHAPE) throw new EndOfBytes('unknown tag in json')
      const number = tag === TAG_SHAPE ? reader.varint() : tag - TAG_SMALL_SHAPE
      const shape = run.shapes[number]
      if (shape === undefined) throw new EndOfBytes('unknown shape in json')
      return shape
    }
    let shape = owner.guesses[place]
    if (shape === undefined || !skipHeader(reader, shape.header)) {
      const count = reader.varint()
      if (count * 2 > reader.remaining) throw new EndOfBytes()
      const keys: string[] = []
      for (let i = 0; i < count; i++) keys.push(reader.text())
      shape = this.#shapes.find(keys)!
      owner.guesses[place] = shape
    }
    run.shapes.push(shape)
    return shape
  }

  #readObject(reader: ByteReader, shape: Shape, run: Run, depth: number): JsonValue {
    type Read = (reader: ByteReader, run: Run, depth: number) => Record<string, JsonValue>
    const read = shape.read as Read | undefined
    if (read !== undefined) return read(reader, run, depth + 1)
    const { keys } = shape
    if (++shape.readCount === READ_MIN_COUNT && keys.length <= READ_KEY_MAX_COUNT) {
      const value = this.#readValue.bind(this)
      const source = keys.map(
        (key, i) => `${keyLiteral(key)}: value(reader, shape, ${i}, run, depth)`,
      )
      const body = `return (reader, run, depth) => ({ ${source.join(', ')} })`
      shape.read = generate(body, { value, shape })
    }
    const object: Record<string, JsonValue> = {}
    for (let i = 0; i < keys.length; i++) {
      setOwn(object, keys[i]!, this.#readValue(reader, shape, i, run, depth + 1))
    }
    return object
  }
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

/** Inherited properties, if somebody gave all objects one, make it false. */
function hasShape(object: object, { keys }: Shape): boolean {
  let i = 0
  for (const key in object) {
    if (keys[i] !== key) return false
    i++
  }
  return i === keys.length
}

/** Behind the tag, which has been read. */
function skipHeader(reader: ByteReader, header: Uint8Array): boolean {
  const { bytes, position, end } = reader
  const count = header.length - 1
  if (count > end - position) return false
  for (let i = 0; i < count; i++) if (bytes[position + i] !== header[i + 1]) return false
  reader.position = position + count
  return true
}

function writeCount(writer: ByteWriter, count: number, smallTag: number, tag: number): void {
  if (count < SMALL_COUNT) {
    writer.u8(smallTag + count)
  } else {
    writer.u8(tag)
    writer.varint(count)
  }
}

function writeText(writer: ByteWriter, text: string): boolean {
  const { length } = text
  if (length <= LOOP_TEXT_LENGTH) {
    writer.reserve(length + 1)
    const { bytes } = writer
    const at = writer.length + 1
    let i = 0
    for (; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit >= 0x80) break
      bytes[at + i] = unit
    }
    if (i === length) {
      bytes[at - 1] = TAG_SHORT_TEXT + length
      writer.length = at + length
      return true
    }
  }
  if (!isWellFormed(text)) return false
  if (length < 0x80) {
    const tagAt = writer.length
    writer.u8(TAG_TEXT)
    const count = writer.utf8(text)
    if (count < 0x80) {
      writer.bytes[tagAt] = TAG_SHORT_TEXT + count
      return true
    }
    writer.length = tagAt
  }
  writer.u8(TAG_TEXT)
  writer.text(text)
  return true
}

function writeNumber(writer: ByteWriter, value: number): boolean {
  if (value >= 0 && value < SMALL_COUNT && (value | 0) === value) {
    writer.u8(TAG_SMALL_INT + value)
    return true
  }
  if (Number.isSafeInteger(value)) return writeScaled(writer, value, TAG_INT)
  const hundredths = Math.round(value * 100)
  if (hundredths / 100 === value && Math.abs(hundredths) < SCALED_MAX) {
    return writeScaled(writer, hundredths, TAG_HUNDREDTHS)
  }
  const tenThousandths = Math.round(value * 10_000)
  if (tenThousandths / 10_000 === value && Math.abs(tenThousandths) < SCALED_MAX) {
    return writeScaled(writer, tenThousandths, TAG_TEN_THOUSANDTHS)
  }
  if (!Number.isFinite(value)) return false
  writer.u8(TAG_FLOAT)
  writer.f64(value)
  return true
}

function writeScaled(writer: ByteWriter, scaled: number, tag: number): boolean {
  writer.u8(scaled < 0 ? tag + NEGATIVE : tag)
  writer.varint(Math.abs(scaled))
  return true
}

function readNumber(reader: ByteReader, tag: number): number {
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
