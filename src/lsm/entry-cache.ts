// Copies of entries that were read from tables more than once, for those who read them again.
//
// A point read that finds its block in memory waits for memory some fifteen times, one after the other: level, tenant, index, block,
// slot, record, key, value and the heads of arrays between them. Here it waits twice: for a slot and for an entry.
//
//   slot      word 0   hash of the key
//             word 1   reference: the slab, from 1; where the entry begins in it, in words; whether it was found lately
//   entry     word 0   stamp of the tables that it is from
//             words 1,2  SeqNum, low and high
//             word 3   how long the key is, in the upper half, and the value
//             then     key and value, up to a multiple of 8 bytes
//
// Invariants:
// 1. A stamp stands for the tables of one tablet, and no others. An entry is the newest version of its key in the tables of its
//    stamp, and a put. So who found nothing in the memtables above them has it, at its SeqNum or later.
// 2. What is found has the key that was asked for, byte by byte: hashes only lead to it.
// 3. A slab is written from front to back and never again: who was given an entry of one that is gone keeps it alive.
// 4. A reference leads to an entry of a slab that is there. A hash without one stands for a key that was read once, or that
//    had to go: its entry is kept when it is read again. So what is read once takes nobody's place.
// 5. Slabs are taken from the room of the blocks, one by one as they are needed, up to the capacity.
//
// When all slabs are written the oldest goes. Of what was found in it lately, up to a half moves to the newest (CLOCK).

import type { SeqNum } from '../base/ids.js'
import { GiB, KiB } from '../base/limits.js'
import { ENTRY_KIND_PUT, type EntrySlot } from '../codec/entry.js'
import { copyBytes, equalBytes, hashBytes } from '../kernels/bytes.js'

/** Finds nothing and keeps nothing. */
const NO_STAMP = 0
const STAMP_MAX = 0x7fff_ffff

const WAYS = 4
const SLOT_WORDS = 2
const SET_WORDS = WAYS * SLOT_WORDS
const NO_SLOTS = new Uint32Array(SET_WORDS)
const SET_SHIFT = 3
/** One slot for so many bytes: entries of short rows take as much, and sets are to be half full. */
const BYTES_PER_SLOT = 128
const SLOT_BYTES = 4 * SLOT_WORDS
/** More is of no use: what is read so seldom waits for a block as well. */
const CAPACITY_MAX_BYTES = GiB

/** 2^16 words, so that a reference has room for it. */
const SLAB_MAX_BYTES = 256 * KiB
const SLAB_LEAST_BYTES = 512
/** Small caches have smaller slabs: at least so many. */
const SLAB_LEAST_COUNT = 16
/** Longer entries than this part of a slab are not kept. */
const ENTRY_SHARE = 8

/** Entries begin at even words: the lowest bit of a reference says whether it was found lately. */
const HOT = 1
const START_MASK = 0xfffe
const SLAB_SHIFT = 16

const SEQ_LOW = 1
const SEQ_HIGH = 2
const LENGTHS = 3
const HEADER_WORDS = 4
const TWO_32 = 0x1_0000_0000

/** Two ways to look at the same bytes. */
interface Slab {
  readonly words: Int32Array
  readonly bytes: Uint8Array
}

export interface EntryCacheOptions {
  /** What slots and slabs may take. */
  readonly capacityBytes: number
  /** Told before more memory is taken. */
  readonly onGrow: (bytes: number) => void
}

export interface EntryCacheStats {
  readonly usedBytes: number
  /** Reads that needed no table. */
  readonly hitCount: number
}

export class EntryCache {
  #hitCount = 0
  readonly #onGrow: (bytes: number) => void
  readonly #slabBytes: number
  readonly #slabCount: number
  readonly #slotCount: number
  /** None until something is read. */
  #slots = NO_SLOTS
  /** By number less one. Those that were never needed are not there. */
  readonly #slabs: Slab[] = []
  /** Number of the one that is written; 0 when there is none. */
  #current = 0
  /** Of the current one. */
  #usedWords = 0
  #lastStamp = NO_STAMP

  constructor({ capacityBytes: allowedBytes, onGrow }: EntryCacheOptions) {
    const capacityBytes = Math.min(allowedBytes, CAPACITY_MAX_BYTES)
    let slabBytes = SLAB_MAX_BYTES
    while (slabBytes * SLAB_LEAST_COUNT > capacityBytes && slabBytes > SLAB_LEAST_BYTES) {
      slabBytes /= 2
    }
    let slotCount = WAYS
    while (slotCount * 2 * BYTES_PER_SLOT <= capacityBytes) slotCount *= 2
    const slabCount = Math.floor((capacityBytes - slotCount * SLOT_BYTES) / slabBytes)
    this.#slabBytes = slabBytes
    // With one alone nothing could move.
    this.#slabCount = slabCount < 2 ? 0 : slabCount
    this.#slotCount = slotCount
    this.#onGrow = onGrow
  }

  get stats(): EntryCacheStats {
    const slabBytes = this.#slabs.length * this.#slabBytes
    const slotBytes = this.#slots === NO_SLOTS ? 0 : this.#slots.byteLength
    return { usedBytes: slotBytes + slabBytes, hitCount: this.#hitCount }
  }

  /** For tables that have none yet. When there are no more, which takes years, nothing of them is kept. */
  newStamp(): number {
    return this.#lastStamp === STAMP_MAX ? NO_STAMP : ++this.#lastStamp
  }

  /**
   * Fills the slot with the newest version of a key in the tables of a stamp, when it is known and not above `at`.
   *
   * @param keyHash  hashBytes of the key
   */
  find(key: Uint8Array, keyHash: number, stamp: number, at: SeqNum, slot: EntrySlot): boolean {
    const slots = this.#slots
    const first = (keyHash << SET_SHIFT) & (slots.length - 1)
    for (let i = first; i < first + SET_WORDS; i += SLOT_WORDS) {
      if (slots[i] !== keyHash) continue
      const ref = slots[i + 1]!
      if (ref === 0 || !this.#load(ref, key, stamp, at, slot)) continue
      if ((ref & HOT) === 0) slots[i + 1] = ref | HOT
      this.#hitCount++
      return true
    }
    return false
  }

  /**
   * Keeps an entry if its key was read before.
   *
   * @param slot  the newest version of the key in the tables of the stamp, a put
   */
  keep(key: Uint8Array, keyHash: number, stamp: number, slot: EntrySlot): void {
    if (this.#slabCount === 0 || stamp === NO_STAMP) return
    const entryWords = wordsOf(key.length, slot.valueEnd - slot.valueStart)
    if (4 * entryWords * ENTRY_SHARE > this.#slabBytes) return
    if (this.#slots === NO_SLOTS) this.#makeSlots()
    const i = this.#slotOf(keyHash)
    if (i < 0) {
      this.#note(keyHash)
      return
    }
    const endWords = this.#usedWords + entryWords
    if (this.#current === 0 || 4 * endWords > this.#slabBytes) this.#nextSlab()
    this.#slots[i + 1] = this.#append(key, stamp, slot, entryWords)
  }

  #load(ref: number, key: Uint8Array, stamp: number, at: SeqNum, slot: EntrySlot): boolean {
    const { words, bytes } = this.#slabs[(ref >>> SLAB_SHIFT) - 1]!
    const start = ref & START_MASK
    if (words[start] !== stamp) return false
    const lengths = words[start + LENGTHS]!
    const keyStart = 4 * (start + HEADER_WORDS)
    const keyEnd = keyStart + (lengths >>> 16)
    if (!equalBytes(bytes, keyStart, keyEnd, key, 0, key.length)) return false
    const seqNum = words[start + SEQ_HIGH]! * TWO_32 + (words[start + SEQ_LOW]! >>> 0)
    if (seqNum > at) return false
    slot.keyBytes = key
    slot.keyStart = 0
    slot.keyEnd = key.length
    slot.seqNum = seqNum as SeqNum
    slot.kind = ENTRY_KIND_PUT
    slot.valueBytes = bytes
    slot.valueStart = keyEnd
    slot.valueEnd = keyEnd + (lengths & 0xffff)
    return true
  }

  /** Writes an entry behind the others, for which there is room. Returns its reference. */
  #append(key: Uint8Array, stamp: number, slot: EntrySlot, entryWords: number): number {
    const { words, bytes } = this.#slabs[this.#current - 1]!
    const start = this.#usedWords
    const { seqNum, valueBytes, valueStart, valueEnd } = slot
    words[start] = stamp
    words[start + SEQ_LOW] = seqNum
    words[start + SEQ_HIGH] = seqNum / TWO_32
    words[start + LENGTHS] = (key.length << 16) | (valueEnd - valueStart)
    const keyStart = 4 * (start + HEADER_WORDS)
    copyBytes(bytes, keyStart, key, 0, key.length)
    copyBytes(bytes, keyStart + key.length, valueBytes, valueStart, valueEnd)
    this.#usedWords = start + entryWords
    return refTo(this.#current, start)
  }

  #makeSlots(): void {
    const slots = new Uint32Array(this.#slotCount * SLOT_WORDS)
    this.#onGrow(slots.byteLength)
    this.#slots = slots
  }

  #slotOf(keyHash: number): number {
    const slots = this.#slots
    const first = (keyHash << SET_SHIFT) & (slots.length - 1)
    for (let i = first; i < first + SET_WORDS; i += SLOT_WORDS) if (slots[i] === keyHash) return i
    return -1
  }

  /** A key was read: in a free slot, or that of a key without entry, or else of one that was not found lately. */
  #note(keyHash: number): void {
    const slots = this.#slots
    const first = (keyHash << SET_SHIFT) & (slots.length - 1)
    // Not always the same slot of a set.
    const turn = (keyHash >>> 28) * SLOT_WORDS
    let [empty, cold] = [-1, -1]
    for (let n = 0; n < SET_WORDS; n += SLOT_WORDS) {
      const i = first + ((turn + n) & (SET_WORDS - 1))
      const ref = slots[i + 1]!
      if (ref === 0 && (empty < 0 || slots[i] === 0)) empty = i
      else if ((ref & HOT) === 0) cold = i
    }
    const i = empty >= 0 ? empty : cold
    if (i >= 0) {
      slots[i] = keyHash
      slots[i + 1] = 0
      return
    }
    for (let n = first; n < first + SET_WORDS; n += SLOT_WORDS) slots[n + 1]! &= ~HOT
  }

  /** Goes on with one that was not there yet, or with the oldest. */
  #nextSlab(): void {
    const number = (this.#current % this.#slabCount) + 1
    const oldest = this.#slabs[number - 1]
    if (oldest === undefined) this.#onGrow(this.#slabBytes)
    const buffer = new ArrayBuffer(this.#slabBytes)
    const slab = { words: new Int32Array(buffer), bytes: new Uint8Array(buffer) }
    this.#slabs[number - 1] = slab
    this.#current = number
    this.#usedWords = 0
    if (oldest !== undefined) this.#usedWords = this.#moveHot(oldest, slab)
  }

  /**
   * Lets go of the references to a slab. What was found lately is copied to the beginning of the one that has its number now,
   * in order, so never to where one begins that is still to come. Returns how many words that are.
   */
  #moveHot(oldest: Slab, slab: Slab): number {
    const slots = this.#slots
    const endWords = oldest.words.length
    let movedWords = 0
    for (let start = 0; start + HEADER_WORDS < endWords; ) {
      const lengths = oldest.words[start + LENGTHS]!
      if (lengths === 0) break
      const entryWords = wordsOf(lengths >>> 16, lengths & 0xffff)
      const keyStart = 4 * (start + HEADER_WORDS)
      const i = this.#slotOf(hashBytes(oldest.bytes, keyStart, keyStart + (lengths >>> 16)))
      const ref = i < 0 ? 0 : slots[i + 1]!
      if ((ref & ~HOT) >>> 0 === refTo(this.#current, start)) {
        if ((ref & HOT) !== 0 && movedWords + entryWords <= endWords / 2) {
          slab.words.set(oldest.words.subarray(start, start + entryWords), movedWords)
          slots[i + 1] = refTo(this.#current, movedWords)
          movedWords += entryWords
        } else slots[i + 1] = 0
      }
      start += entryWords
    }
    return movedWords
  }
}

/** What an entry takes: an even number. */
function wordsOf(keyBytes: number, valueBytes: number): number {
  return HEADER_WORDS + 2 * ((keyBytes + valueBytes + 7) >>> 3)
}

function refTo(slabNumber: number, start: number): number {
  return ((slabNumber << SLAB_SHIFT) | start) >>> 0
}
