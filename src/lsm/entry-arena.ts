// Where a memtable keeps its entries: one growing buffer that worker threads can read without a copy. Entries are appended
// and never change once somebody reads them. A ref is the index of an entry's first 32-bit word; word 0 is unused, so ref 0
// means "none". In memory only, hence in the byte order of the machine:
//
//   word  field          meaning
//      0  previousRef    the next older version of the same key; 0: there is none
//      1  keyBytes       length of the key, at least KEY_PREFIX_BYTES
//      2  valueBytes     length of the value
//      3  seqNumLow      low 32 bits of the SeqNum
//      4  seqNumHigh     high 21 bits of the SeqNum, and the kind in the top 8 bits
//      5  earlierRef     the entry that was appended last before of those with the same key prefix; 0: there is none
//      6  key, value     one behind the other; what the last word holds behind them has no meaning
//
// Invariants:
// 1. Growing takes more of the address space that was reserved, and copies only when that is used up: what an older view
//    shows stays true in both cases.
// 2. Entries lie without gaps, so the whole arena can be walked from word 1 on.

import type { SeqNum } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import { loadU32 } from '../codec/bytes.js'
import type { EntrySlot, KeyRange } from '../codec/entry.js'
import { compareBytes, copyBytes, IS_LITTLE_ENDIAN } from '../kernels/bytes.js'

const HEADER_WORDS = 6
const EARLIER_REF = 5
const HEADER_BYTES = HEADER_WORDS * 4
const FIRST_REF = 1
const INITIAL_BYTES = 64 * 1024
/** Address space, not memory: a buffer grows in place up to here. */
const RESERVED_BYTES = 256 * 1024 * 1024
/** What an arena begins with: most memtables of an idle database never get an entry. */
const EMPTY = new SharedArrayBuffer(0)
const TWO_32 = 0x1_0000_0000
const HIGH_MASK = 0x1f_ffff
const KIND_SHIFT = 24
/** Longer entries are copied by the runtime, and those of larger sources. */
const LOOP_MAX_WORDS = 128
const WORDS_MAX_BYTES: number = MiB
const NO_WORDS = new Uint32Array(0)

/** A read-only copy of the arena's extent that can be sent to another thread. */
export interface ArenaImage {
  readonly buffer: SharedArrayBuffer
  readonly lengthWords: number
}

export class EntryArena {
  /** Both cover the same buffer, and are replaced when it grows. */
  bytes: Uint8Array
  words: Uint32Array
  #lengthWords: number

  constructor(image?: ArenaImage) {
    const buffer = image?.buffer ?? EMPTY
    // With a length of their own: arrays that follow a growing buffer are slower to index.
    this.bytes = new Uint8Array(buffer, 0, buffer.byteLength)
    this.words = new Uint32Array(buffer, 0, buffer.byteLength / 4)
    this.#lengthWords = image?.lengthWords ?? FIRST_REF
  }

  get lengthBytes(): number {
    return this.#lengthWords * 4
  }

  image(): ArenaImage {
    const buffer = this.bytes.buffer as SharedArrayBuffer
    return { buffer, lengthWords: this.#lengthWords }
  }

  /** The ref of the next entry. */
  get nextRef(): number {
    return this.#lengthWords
  }

  /** Appends an entry and returns its ref. */
  append(
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    previousRef: number,
    earlierRef: number,
    seqNum: SeqNum,
    kind: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): number {
    const keyLength = keyEnd - keyStart
    const valueLength = valueEnd - valueStart
    const ref = this.#lengthWords
    const endWords = ref + HEADER_WORDS + ((keyLength + valueLength + 3) >>> 2)
    if (endWords > this.words.length) this.#grow(endWords)
    const { words, bytes } = this
    const high = Math.floor(seqNum / TWO_32)
    words[ref] = previousRef
    words[ref + 1] = keyLength
    words[ref + 2] = valueLength
    words[ref + 3] = seqNum - high * TWO_32
    words[ref + 4] = high | (kind << KIND_SHIFT)
    words[ref + EARLIER_REF] = earlierRef
    const keyAt = ref * 4 + HEADER_BYTES
    if (keyBytes === valueBytes && keyEnd === valueStart) {
      this.#copyEntry(ref + HEADER_WORDS, endWords, keyBytes, keyStart)
    } else {
      copyBytes(bytes, keyAt, keyBytes, keyStart, keyEnd)
      copyBytes(bytes, keyAt + keyLength, valueBytes, valueStart, valueEnd)
    }
    this.#lengthWords = endWords
    return ref
  }

  /**
   * Fills words with the bytes of the source from a position on; what the last one has beyond the entry does not matter. A
   * view and a call into the runtime cost more than the words of an entry of usual length.
   */
  #copyEntry(at: number, end: number, source: Uint8Array, start: number): void {
    const { words } = this
    const from = wordsOf(source)
    let next = start >>> 2
    const shift = (start & 3) << 3
    if (from.length < next + end - at + 1 || end - at > LOOP_MAX_WORDS) {
      const endByte = Math.min(source.length, start + (end - at) * 4)
      copyBytes(this.bytes, at * 4, source, start, endByte)
    } else if (shift === 0) {
      while (at < end) words[at++] = from[next++]!
    } else {
      let low = from[next++]!
      while (at < end) {
        const high = from[next++]!
        words[at++] = (low >>> shift) | (high << (32 - shift))
        low = high
      }
    }
  }

  previousOf(ref: number): number {
    return this.words[ref]!
  }

  /** For an entry that was appended without: before anybody reads it. */
  setPrevious(ref: number, previousRef: number): void {
    this.words[ref] = previousRef
  }

  earlierOf(ref: number): number {
    return this.words[ref + EARLIER_REF]!
  }

  seqNumOf(ref: number): SeqNum {
    const { words } = this
    return ((words[ref + 4]! & HIGH_MASK) * TWO_32 + words[ref + 3]!) as SeqNum
  }

  keyStartOf(ref: number): number {
    return ref * 4 + HEADER_BYTES
  }

  keyLengthOf(ref: number): number {
    return this.words[ref + 1]!
  }

  /** Points the slot at an entry. */
  load(ref: number, slot: EntrySlot): void {
    const { words, bytes } = this
    const keyStart = ref * 4 + HEADER_BYTES
    const keyEnd = keyStart + words[ref + 1]!
    const high = words[ref + 4]!
    slot.keyBytes = bytes
    slot.keyStart = keyStart
    slot.keyEnd = keyEnd
    slot.seqNum = ((high & HIGH_MASK) * TWO_32 + words[ref + 3]!) as SeqNum
    slot.kind = high >>> KIND_SHIFT
    slot.valueBytes = bytes
    slot.valueStart = keyEnd
    slot.valueEnd = keyEnd + words[ref + 2]!
  }

  /** Whether the entry's key is the given one. */
  hasKey(ref: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const { words, bytes } = this
    const length = keyEnd - keyStart
    if (words[ref + 1] !== length) return false
    let at = ref * 4 + HEADER_BYTES
    let i = keyStart
    // By words: the processor gets past the loop, to what follows in memory, while it waits for the first of them.
    if (IS_LITTLE_ENDIAN) {
      const from = ref + HEADER_WORDS
      const wordCount = length >>> 2
      for (let w = 0; w < wordCount; w++, i += 4) {
        if (((words[from + w]! ^ loadU32(key, i)) | 0) !== 0) return false
      }
      at += wordCount * 4
    }
    while (i < keyEnd) if (bytes[at++] !== key[i++]) return false
    return true
  }

  /** Whether two entries have the same key. */
  isSameKey(a: number, b: number): boolean {
    const { words } = this
    return words[a + 1] === words[b + 1] && this.sharedBytes(a, b) === words[a + 1]
  }

  /** How many leading bytes the keys of two entries share. */
  sharedBytes(a: number, b: number): number {
    const { bytes, words } = this
    const aBytes = words[a + 1]!
    const bBytes = words[b + 1]!
    const limit = aBytes < bBytes ? aBytes : bBytes
    // Keys begin at whole words.
    const wordCount = limit >>> 2
    const aWord = a + HEADER_WORDS
    const bWord = b + HEADER_WORDS
    let i = 0
    while (i < wordCount && words[aWord + i] === words[bWord + i]) i++
    let shared = i * 4
    while (shared < limit && bytes[aWord * 4 + shared] === bytes[bWord * 4 + shared]) shared++
    return shared
  }

  /** Orders two entries: by key, then the newer first. */
  compare(a: number, b: number): number {
    const { bytes, words } = this
    const aBytes = words[a + 1]!
    const bBytes = words[b + 1]!
    const shared = this.sharedBytes(a, b)
    if (shared < aBytes && shared < bBytes) {
      return bytes[a * 4 + HEADER_BYTES + shared]! - bytes[b * 4 + HEADER_BYTES + shared]!
    }
    return aBytes !== bBytes ? aBytes - bBytes : this.seqNumOf(b) - this.seqNumOf(a)
  }

  /** Orders an entry against a place in the order of entries. */
  compareTo(ref: number, key: Uint8Array, seqNum: SeqNum): number {
    const start = ref * 4 + HEADER_BYTES
    const end = start + this.words[ref + 1]!
    const order = compareBytes(this.bytes, start, end, key, 0, key.length)
    return order !== 0 ? order : seqNum - this.seqNumOf(ref)
  }

  /** The entry that was appended after this one, or where the next will be. */
  nextOf(ref: number): number {
    const { words } = this
    return ref + HEADER_WORDS + ((words[ref + 1]! + words[ref + 2]! + 3) >>> 2)
  }

  /** Whether the entry's key lies in a range. */
  isInRange(ref: number, { lower, upper }: KeyRange): boolean {
    const { bytes } = this
    const start = ref * 4 + HEADER_BYTES
    const end = start + this.words[ref + 1]!
    if (lower !== undefined && compareBytes(bytes, start, end, lower, 0, lower.length) < 0) {
      return false
    }
    return upper === undefined || compareBytes(bytes, start, end, upper, 0, upper.length) < 0
  }

  /** The refs of all entries, oldest first. */
  collectRefs(entryCount: number): Uint32Array {
    const refs = new Uint32Array(entryCount)
    let ref = FIRST_REF
    for (let i = 0; i < entryCount; i++) {
      refs[i] = ref
      ref = this.nextOf(ref)
    }
    return refs
  }

  #grow(neededWords: number): void {
    let grownBytes = Math.max(INITIAL_BYTES, this.bytes.length * 2)
    while (grownBytes < neededWords * 4) grownBytes *= 2
    const held = this.bytes.buffer as GrowableBuffer
    const isInPlace = grownBytes <= held.maxByteLength
    const buffer = isInPlace ? held : reserve(grownBytes)
    if (isInPlace) held.grow(grownBytes)
    const words = new Uint32Array(buffer, 0, grownBytes / 4)
    if (!isInPlace) words.set(this.words.subarray(0, this.#lengthWords))
    this.words = words
    this.bytes = new Uint8Array(buffer, 0, grownBytes)
  }
}

/** What was looked at last: all entries of a batch come from one source. */
let viewed: { readonly bytes: Uint8Array; readonly words: Uint32Array } | undefined

/** The words of a source; none where they would not be its bytes in their order. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  if (bytes === viewed?.bytes) return viewed.words
  const { buffer, byteOffset, length } = bytes
  const isUsable = IS_LITTLE_ENDIAN && byteOffset % 4 === 0 && length <= WORDS_MAX_BYTES
  if (!isUsable) return NO_WORDS
  viewed = { bytes, words: new Uint32Array(buffer, byteOffset, length >>> 2) }
  return viewed.words
}

/** What the library's types do not know of yet. */
type GrowableBuffer = SharedArrayBuffer & {
  readonly maxByteLength: number
  grow(byteLength: number): void
}

function reserve(bytes: number): SharedArrayBuffer {
  const options = { maxByteLength: Math.max(bytes, RESERVED_BYTES) }
  const Growable = SharedArrayBuffer as unknown as new (
    bytes: number,
    reserved: { readonly maxByteLength: number },
  ) => GrowableBuffer
  return new Growable(bytes, options)
}
