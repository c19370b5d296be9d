// JSON values to bytes, in the form that json.ts describes. One walk checks and writes. Functions take the place to write at
// and return the one behind, or REFUSED: that keeps it out of memory, where each byte would have to be counted.

import { JSON_DEPTH_MAX } from '../base/limits.js'
import { type ByteWriter, isWellFormed, varintBytes, writeVarint } from './bytes.js'
import { generate, literal } from './generated.js'
import { type Shape, type ShapeList, type ShapeNode, ShapeTable } from './json-shapes.js'
import {
  INLINE_TEXT_MAX_BYTES,
  JSON_COMPACT,
  JSON_COMPACT_LATIN1,
  JSON_COMPACT_UTF8,
  NEGATIVE,
  SHORT_TEXT_MAX_LENGTH,
  SMALL_COUNT,
  TAG_ARRAY,
  TAG_FALSE,
  TAG_FLOAT,
  TAG_HUNDREDTHS,
  TAG_INT,
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

/** The value is none, or has to be changed first. */
const REFUSED = -1
/** The object is not of this shape, or not plain. */
const OTHER_SHAPE = -2
/** Code is made for a shape after so many objects, for so many shapes of a column with so many keys: the first few gain most. */
const CODE_MIN_COUNT = 64
const CODE_MAX_COUNT = 16
const CODE_KEY_MAX_COUNT = 32
/** The most that a value takes which is neither a text nor a container. */
const SCALAR_MAX_BYTES = 9
/** From the form without texts to those with. */
const LATIN1_TEXTS = JSON_COMPACT_LATIN1 - JSON_COMPACT
const UTF8_TEXTS = JSON_COMPACT_UTF8 - JSON_COMPACT
/** Scaled numbers above it are written as floats. */
const SCALED_MAX = 1e15
/** Of the part for texts, in UTF-16 units: whoever keeps one of them keeps all. */
const TEXTS_MAX_LENGTH = 1 << 13

const encoder = new TextEncoder()
const floatCell = new Float64Array(1)
const floatBytes = new Uint8Array(floatCell.buffer)

/** One value that is being written. */
class Run {
  readonly writer: ByteWriter
  readonly table: ShapeTable
  /** When the value was checked by toJsonValue, its objects are known to be plain. */
  readonly isChecked: boolean
  /** The shapes so far. */
  node: ShapeNode
  shapeCount = 0
  /** The part for texts. */
  texts = ''

  constructor(writer: ByteWriter, table: ShapeTable, isChecked: boolean) {
    this.writer = writer
    this.table = table
    this.isChecked = isChecked
    this.node = table.root
  }
}

type WriteObject = (run: Run, at: number, object: object, depth: number) => number

/** Writes the values of one column. */
export class JsonWriter {
  readonly #shapes = new ShapeTable()
  /** How many bytes the last value began with: the next is written behind as many. */
  #headBytes = 0

  /**
   * Appends the value, checked as toJsonValue does.
   *
   * @param isChecked  toJsonValue returned it
   * @returns false, with nothing appended, when the value is none or has to be changed first: toJsonValue tells
   */
  write(writer: ByteWriter, value: unknown, isChecked = false): boolean {
    const table = this.#shapes
    table.trim()
    const start = writer.length
    const run = new Run(writer, table, isChecked)
    const valueStart = start + this.#headBytes
    const end = writeValue(run, valueStart, value, table.top, 0, 0)
    writer.length = start
    if (end === REFUSED) return false
    const list = run.node.list(table)
    this.#headBytes = list.head.length
    if (run.texts === '') finish(writer, list, valueStart, end)
    else if (!finishWithTexts(writer, list, valueStart, end, run.texts)) return false
    return true
  }
}

/** Puts the head before the value. */
function finish(writer: ByteWriter, { head }: ShapeList, valueStart: number, end: number): void {
  const gap = writer.length + head.length - valueStart
  const start = writer.length
  if (gap !== 0) moveBytes(writer, valueStart, end, gap)
  writer.length = start
  writer.raw(head)
  writer.length = end + gap
}

/** As finish, with the texts behind the head; false, with nothing appended, when one of them is not well-formed. */
function finishWithTexts(
  writer: ByteWriter,
  { head }: ShapeList,
  valueStart: number,
  end: number,
  texts: string,
): boolean {
  const start = writer.length
  // As if they were ASCII.
  let form = head[0]! + LATIN1_TEXTS
  let textBytes = texts.length
  let textStart = start + head.length + varintBytes(textBytes)
  let gap = textStart + textBytes - valueStart
  moveBytes(writer, valueStart, end, gap)
  if (!encodeTexts(writer, texts, textStart, textBytes)) {
    writer.length = start
    // None of them begins with the second half of a pair, so no two of them make one.
    if (!isWellFormed(texts)) return false
    form = head[0]! + UTF8_TEXTS
    textBytes = Buffer.byteLength(texts)
    textStart = start + head.length + varintBytes(textBytes)
    const more = textStart + textBytes - valueStart - gap
    moveBytes(writer, valueStart + gap, end + gap, more)
    gap += more
    encodeTexts(writer, texts, textStart, textBytes)
  }
  writer.length = start
  writer.raw(head)
  writer.bytes[start] = form
  writer.varint(textBytes)
  writer.length = end + gap
  return true
}

/** False when they need more bytes. */
function encodeTexts(writer: ByteWriter, texts: string, start: number, count: number): boolean {
  const { read } = encoder.encodeInto(texts, writer.bytes.subarray(start, start + count))
  return read === texts.length
}

/** Moves a range by that many bytes; what lies before it may be lost. */
function moveBytes(writer: ByteWriter, start: number, end: number, gap: number): void {
  writer.length = end
  writer.reserve(Math.max(0, gap))
  writer.bytes.copyWithin(start + gap, start, end)
}

/** Room for that many bytes. */
function room(writer: ByteWriter, at: number, count: number): Uint8Array {
  if (at + count > writer.bytes.length) {
    writer.length = at
    writer.reserve(count)
  }
  return writer.bytes
}

/** The place is that of a property of `owner`, or of the objects in its array. */
function writeValue(
  run: Run,
  at: number,
  value: unknown,
  owner: Shape,
  place: number,
  depth: number,
): number {
  // Not a switch: that would make a text of the type first.
  if (typeof value === 'string') return writeText(run, at, value)
  if (typeof value === 'number') return writeNumber(run, at, value)
  if (typeof value === 'boolean') return writeTag(run, at, value ? TAG_TRUE : TAG_FALSE)
  if (typeof value !== 'object') return REFUSED
  if (value === null) return writeTag(run, at, TAG_NULL)
  if (depth >= JSON_DEPTH_MAX) return REFUSED
  if (Array.isArray(value)) return writeArray(run, at, value, owner, place, depth)
  return writeObject(run, at, value, owner, place, depth)
}

function writeArray(
  run: Run,
  at: number,
  values: readonly unknown[],
  owner: Shape,
  place: number,
  depth: number,
): number {
  const { length } = values
  at = writeCount(run, at, length, TAG_SMALL_ARRAY, TAG_ARRAY)
  for (let i = 0; i < length; i++) {
    at = writeValue(run, at, values[i], owner, place, depth + 1)
    if (at === REFUSED) return REFUSED
  }
  return at
}

function writeObject(
  run: Run,
  at: number,
  object: object,
  owner: Shape,
  place: number,
  depth: number,
): number {
  let shape = owner.guesses[place]
  const write = shape?.write as WriteObject | undefined
  if (write !== undefined) {
    const end = write(run, at, object, depth + 1)
    if (end !== OTHER_SHAPE) return end
  }
  if (!run.isChecked && Object.getPrototypeOf(object) !== Object.prototype) return REFUSED
  if (shape === undefined || !hasShape(object, shape)) {
    shape = run.table.find(Object.keys(object))
    if (shape === undefined) return REFUSED
    owner.guesses[place] = shape
  }
  if (shape.hasToJson && typeof (object as { toJSON?: unknown }).toJSON === 'function') {
    return REFUSED
  }
  if (++shape.useCount === CODE_MIN_COUNT) makeCode(shape, run.table)
  at = beginObject(run, at, shape)
  const { keys } = shape
  let i = 0
  // A property of an object that is being enumerated is read twice as fast as by a name from a list.
  for (const key in object) {
    if (key !== keys[i]) return REFUSED
    at = writeValue(run, at, (object as Record<string, unknown>)[key], shape, i++, depth + 1)
    if (at === REFUSED) return REFUSED
  }
  return i === keys.length ? at : REFUSED
}

/**
 * Makes code that writes an object of the shape, or says that it is none. Values are taken before the prototype is looked at:
 * from then on the runtime knows what sort of object it is, and the look costs nothing.
 */
function makeCode(shape: Shape, table: ShapeTable): void {
  const { keys } = shape
  if (table.codeCount === CODE_MAX_COUNT || keys.length > CODE_KEY_MAX_COUNT) return
  if (keys.length === 0 || shape.hasToJson || keys.includes('__proto__')) return
  table.codeCount++
  const taken = keys.map((key, i) => `v${i} = object[${literal(key)}]`)
  const written = keys.map(
    (_key, i) => `at = typeof v${i} === 'string' ? writeText(run, at, v${i})
      : typeof v${i} === 'number' ? writeNumber(run, at, v${i})
      : writeValue(run, at, v${i}, shape, ${i}, depth)
    if (at < 0) return at`,
  )
  const body = `return (run, at, object, depth) => {
    const ${taken.join(', ')}
    if (getPrototypeOf(object) !== prototype) return ${OTHER_SHAPE}
    let i = 0
    for (const key in object) if (key !== keys[i++]) return ${OTHER_SHAPE}
    if (i !== ${keys.length}) return ${OTHER_SHAPE}
    at = beginObject(run, at, shape)
    ${written.join('\n')}
    return at
  }`
  shape.write = generate<WriteObject>(body, {
    getPrototypeOf: Object.getPrototypeOf,
    prototype: Object.prototype,
    keys,
    shape,
    beginObject,
    writeText,
    writeNumber,
    writeValue,
  })
}

/** Which shape of the list of this value it is, which the shape joins with its first object. */
function beginObject(run: Run, at: number, shape: Shape): number {
  return writeCount(run, at, numberOf(run, shape), TAG_SMALL_SHAPE, TAG_SHAPE)
}

function numberOf(run: Run, shape: Shape): number {
  if (shape.run === run) return shape.number
  const { node } = run
  const { next } = node
  run.node = next !== undefined && next.shape === shape ? next : node.follow(shape, run.table)
  shape.run = run
  shape.number = run.shapeCount++
  return shape.number
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

function writeTag(run: Run, at: number, tag: number): number {
  room(run.writer, at, 1)[at] = tag
  return at + 1
}

function writeCount(run: Run, at: number, count: number, smallTag: number, tag: number): number {
  const bytes = room(run.writer, at, SCALAR_MAX_BYTES)
  if (count < SMALL_COUNT) {
    bytes[at] = smallTag + count
    return at + 1
  }
  bytes[at] = tag
  return writeVarint(bytes, at + 1, count)
}

function writeText(run: Run, at: number, text: string): number {
  const { length } = text
  if (length > INLINE_TEXT_MAX_BYTES) {
    if (length > SHORT_TEXT_MAX_LENGTH || run.texts.length + length > TEXTS_MAX_LENGTH) {
      return writeLongText(run.writer, at, text)
    }
    // Behind a first half it would make a pair.
    if ((text.charCodeAt(0) & 0xfc00) === 0xdc00) return REFUSED
    run.texts += text
    return writeTag(run, at, TAG_SHORT_TEXT + length)
  }
  const bytes = room(run.writer, at, 1 + length)
  let seen = 0
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    bytes[at + 1 + i] = unit
    seen |= unit
  }
  if (seen >= 0x80) return writeLongText(run.writer, at, text)
  bytes[at] = TAG_SHORT_TEXT + length
  return at + 1 + length
}

function writeLongText(writer: ByteWriter, at: number, text: string): number {
  writer.length = at
  writer.u8(TAG_TEXT)
  return writer.tryText(text) ? writer.length : REFUSED
}

function writeNumber(run: Run, at: number, value: number): number {
  const bytes = room(run.writer, at, SCALAR_MAX_BYTES)
  if (value >= 0 && value < SMALL_COUNT && (value | 0) === value) {
    bytes[at] = TAG_SMALL_INT + value
    return at + 1
  }
  if (Number.isSafeInteger(value)) return writeScaled(bytes, at, value, TAG_INT)
  const hundredths = Math.round(value * 100)
  if (hundredths / 100 === value && Math.abs(hundredths) < SCALED_MAX) {
    return writeScaled(bytes, at, hundredths, TAG_HUNDREDTHS)
  }
  const tenThousandths = Math.round(value * 10_000)
  if (tenThousandths / 10_000 === value && Math.abs(tenThousandths) < SCALED_MAX) {
    return writeScaled(bytes, at, tenThousandths, TAG_TEN_THOUSANDTHS)
  }
  if (!Number.isFinite(value)) return REFUSED
  bytes[at++] = TAG_FLOAT
  floatCell[0] = value
  for (let i = 0; i < 8; i++) bytes[at + i] = floatBytes[i]!
  return at + 8
}

function writeScaled(bytes: Uint8Array, at: number, scaled: number, tag: number): number {
  bytes[at] = scaled < 0 ? tag + NEGATIVE : tag
  return writeVarint(bytes, at + 1, Math.abs(scaled))
}
