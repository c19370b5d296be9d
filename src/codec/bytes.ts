// Appending to and reading from byte arrays. Little-endian; integers are unsigned and at most 2^53-1. A varint holds seven
// bits a byte, low bits first, the top bit saying that more follow. A text is a varint byte length and UTF-8.
// Orders never come from here: keys have codec/key.ts.

import { engineError } from '../base/errors.js'
import { copyBytes } from '../kernels/bytes.js'
import { shortText } from './short-text.js'

const TWO_28 = 0x1000_0000
const TWO_32 = 0x1_0000_0000
/** Of a safe integer what is above its low 28 bits. */
const HIGH_MAX = 0x1ff_ffff
/** Below this many characters a loop beats the call into the runtime. */
const SHORT_TEXT_LENGTH = 28

/** Of any bytes: no Buffer has to be made over them, which costs more than a short text. */
const { utf8Slice, latin1Slice, utf8Write } = Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, start: number, end: number): string
  latin1Slice(this: Uint8Array, start: number, end: number): string
  utf8Write(this: Uint8Array, text: string, at: number): number
}

const floatView = new DataView(new ArrayBuffer(8))

/** The bytes end early or are not what they say. Callers turn it into their own corrupt error. */
export class EndOfBytes extends Error {
  constructor(what = 'unexpected end of bytes') {
    super(what)
    this.name = 'EndOfBytes'
  }
}

/** Writes a varint where there is room for it; the place behind. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value >= 0x8000_0000) {
    bytes[at++] = (value & 0x7f) | 0x80
    value = Math.floor(value / 128)
  }
  while (value >= 128) {
    bytes[at++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  bytes[at++] = value
  return at
}

/** How many bytes `varint` writes for the number. */
export function varintBytes(value: number): number {
  let count = 1
  while (value >= 128) {
    value = Math.floor(value / 128)
    count++
  }
  return count
}

/** True when every surrogate of the text is one of a pair. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** A growing byte array to append to. */
export class ByteWriter {
  bytes: Uint8Array
  length = 0
  #view: Uint8Array | undefined

  constructor(initialBytes = 256) {
    this.bytes = new Uint8Array(initialBytes)
  }

  /** Makes room for that many more bytes; `bytes` may be another array afterwards. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2, 64))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.#view = undefined
  }

  u8(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  u16(value: number): void {
    this.reserve(2)
    const { bytes, length } = this
    bytes[length] = value
    bytes[length + 1] = value >>> 8
    this.length = length + 2
  }

  u32(value: number): void {
    this.reserve(4)
    storeU32(this.bytes, this.length, value)
    this.length += 4
  }

  u64(value: number): void {
    this.reserve(8)
    storeU64(this.bytes, this.length, value)
    this.length += 8
  }

  f64(value: number): void {
    this.reserve(8)
    const { bytes, length } = this
    floatView.setFloat64(0, value, true)
    storeU32(bytes, length, floatView.getUint32(0, true))
    storeU32(bytes, length + 4, floatView.getUint32(4, true))
    this.length = length + 8
  }

  varint(value: number): void {
    this.reserve(8)
    this.length = writeVarint(this.bytes, this.length, value)
  }

  raw(source: Uint8Array, start = 0, end: number = source.length): void {
    const count = end - start
    this.reserve(count)
    copyBytes(this.bytes, this.length, source, start, end)
    this.length += count
  }

  /** @throws ARGUMENT_INVALID for a lone surrogate */
  text(value: string): void {
    if (this.tryText(value)) return
    throw engineError('ARGUMENT_INVALID', 'text holds a lone surrogate', {
      details: { length: value.length },
    })
  }

  /** Appends a text; false, with nothing appended, when it holds a lone surrogate, which UTF-8 cannot hold. */
  tryText(value: string): boolean {
    const { length } = value
    this.reserve(length * 3 + 5)
    if (length <= SHORT_TEXT_LENGTH && this.#asciiText(value)) return true
    // As if it were ASCII; other text may need a longer length before it.
    const start = this.length
    const guessBytes = varintBytes(length)
    this.length = start + guessBytes
    const count = this.utf8(value)
    if (count !== length && !isWellFormed(value)) {
      this.length = start
      return false
    }
    const lengthBytes = varintBytes(count)
    if (lengthBytes !== guessBytes) {
      const textStart = start + guessBytes
      this.bytes.copyWithin(start + lengthBytes, textStart, textStart + count)
    }
    this.length = start
    this.varint(count)
    this.length += count
    return true
  }

  /** Appends well-formed text without a length before it; returns how many bytes that are. */
  utf8(value: string): number {
    this.reserve(value.length * 3)
    const count = utf8Write.call(this.bytes, value, this.length)
    this.length += count
    return count
  }

  /** Writes a short text of ASCII into room that is reserved; false when it is another one. */
  #asciiText(value: string): boolean {
    const { length } = value
    const { bytes } = this
    const start = this.length + 1
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit >= 0x80) return false
      bytes[start + i] = unit
    }
    bytes[start - 1] = length
    this.length = start + length
    return true
  }

  /** Appends zeros until the length is a multiple of `alignment`. */
  align(alignment: number): void {
    const count = (alignment - (this.length % alignment)) % alignment
    this.reserve(count)
    this.bytes.fill(0, this.length, this.length + count)
    this.length += count
  }

  /** Forgets the contents, keeps the memory. */
  reset(): void {
    this.length = 0
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }

  /** What was written, in place: valid until the next write or reset. */
  view(): Uint8Array {
    // Keys of one table are mostly as long as each other, and a view takes as long to make as a key to hash.
    if (this.#view?.length !== this.length) this.#view = this.bytes.subarray(0, this.length)
    return this.#view
  }
}

/** Reads what a ByteWriter wrote, from untrusted bytes: every method throws EndOfBytes rather than leave the range. */
export class ByteReader {
  bytes: Uint8Array
  position: number
  end: number

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.position = start
    this.end = end
  }

  /** Starts over on other bytes. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.position = start
    this.end = end
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Moves over that many bytes and returns where they start. */
  skip(count: number): number {
    const start = this.position
    if (!(count <= this.end - start)) throw new EndOfBytes()
    this.position = start + count
    return start
  }

  u8(): number {
    const { position } = this
    if (position >= this.end) throw new EndOfBytes()
    this.position = position + 1
    return this.bytes[position]!
  }

  u16(): number {
    const at = this.skip(2)
    return this.bytes[at]! | (this.bytes[at + 1]! << 8)
  }

  u32(): number {
    return loadU32(this.bytes, this.skip(4))
  }

  /** @throws EndOfBytes also for a number above 2^53-1: nothing we write is that large */
  u64(): number {
    const value = loadU64(this.bytes, this.skip(8))
    if (value > Number.MAX_SAFE_INTEGER) throw new EndOfBytes('number above 2^53-1')
    return value
  }

  f64(): number {
    const at = this.skip(8)
    return loadF64(this.bytes, at)
  }

  /** @throws EndOfBytes also for a number above 2^53-1 */
  varint(): number {
    const { bytes, position } = this
    if (position >= this.end) throw new EndOfBytes()
    const first = bytes[position]!
    this.position = position + 1
    return first < 128 ? first : this.#longVarint(first & 0x7f)
  }

  /** In two halves of four bytes, which the processor's integers can hold; nothing longer is a safe integer. */
  #longVarint(first: number): number {
    let value = first
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.u8()
      value |= (byte & 0x7f) << shift
      if (byte < 128) return value
    }
    let high = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8()
      high |= (byte & 0x7f) << shift
      if (byte >= 128) continue
      if (high > HIGH_MAX) break
      return high * TWO_28 + value
    }
    throw new EndOfBytes('number above 2^53-1')
  }

  text(): string {
    const { bytes, position } = this
    const count = bytes[position]!
    const next = position + 1 + count
    // Most texts are short, and this is short enough for the runtime to put it where it is called.
    if (next <= this.end) {
      const text = shortText(bytes, position + 1, count)
      if (text !== undefined) {
        this.position = next
        return text
      }
    }
    return this.#longText(this.varint())
  }

  /** Text of that many bytes, without a length before it. */
  utf8(count: number): string {
    const { position } = this
    if (position + count <= this.end) {
      const text = shortText(this.bytes, position, count)
      if (text !== undefined) {
        this.position = position + count
        return text
      }
    }
    return this.#longText(count)
  }

  #longText(count: number): string {
    const start = this.skip(count)
    return utf8Slice.call(this.bytes, start, start + count)
  }

  /** Text of that many bytes, one for each character. */
  latin1(count: number): string {
    const start = this.skip(count)
    return latin1Slice.call(this.bytes, start, start + count)
  }

  /** The next bytes, in place: a view, not a copy. */
  raw(count: number): Uint8Array {
    const start = this.skip(count)
    return this.bytes.subarray(start, start + count)
  }
}

export function storeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export function loadU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  )
}

export function storeU64(bytes: Uint8Array, at: number, value: number): void {
  storeU32(bytes, at, value)
  storeU32(bytes, at + 4, Math.floor(value / TWO_32))
}

/** May exceed 2^53-1, rounded, when the bytes are not ours: callers compare. */
export function loadU64(bytes: Uint8Array, at: number): number {
  return loadU32(bytes, at) + loadU32(bytes, at + 4) * TWO_32
}

export function loadF64(bytes: Uint8Array, at: number): number {
  floatView.setUint32(0, loadU32(bytes, at), true)
  floatView.setUint32(4, loadU32(bytes, at + 4), true)
  return floatView.getFloat64(0, true)
}
