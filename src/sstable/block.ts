// Reading one data block, as drawn in format.ts. Blocks come here with their checksum proven; what is checked on top is
// what keeps a reader inside the block.

import type { SeqNum } from '../base/ids.js'
import { ByteReader, EndOfBytes, loadU32 } from '../codec/bytes.js'
import { ENTRY_KIND_DELETE, ENTRY_KIND_PUT, EntrySlot } from '../codec/entry.js'
import { TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareBytes, equalBytes, finishHash, mixBytes } from '../kernels/bytes.js'
import {
  BLOCK_TRAILER_BYTES,
  ENTRY_COUNT_MARK,
  KIND_SHIFT,
  SEQ_NUM_HIGH_MASK,
  VERSION_BYTES,
} from './format.js'
import { CachedItem } from './block-cache.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

const TWO_32 = 0x1_0000_0000
/** Searches of a block after which it is worth its hash slots: many are read once and then forgotten. */
const SLOTS_AFTER_COUNT = 2
const SLOTS_MAX_ENTRY_COUNT = 0x7fff
/**
 * What is known of an entry lies in words, side by side so that one access to memory brings all of it: where its key goes on
 * behind the prefix, where its value begins, and its version as it is in the block. What follows says where both end.
 */
const RECORD_WORDS = 4
const VALUE_START = 1
const VERSION_LOW = 2
const VERSION_HIGH = 3
/** The number of an entry in a slot, from 1; above it what its hash has there. */
const SLOT_NUMBER_MASK = 0xffff

/** No version of the key at or below the SeqNum. */
export const BLOCK_ABSENT = 0
export const BLOCK_FOUND = 1
/** Every entry of the block is before (key, seqNum): the answer may be in the next block. */
export const BLOCK_PAST_END = 2

/** The bytes of a decompressed block and where its parts lie. */
export class Block extends CachedItem {
  readonly bytes: Uint8Array
  readonly place: PartPlace
  readonly entryCount: number
  readonly prefixStart: number
  readonly prefixEnd: number
  /**
   * The records of the entries. Behind them, once the block is searched again, a copy of the prefix and the slots of keys by
   * their hashes. One array for all, as each would be somewhere else in memory.
   */
  #words: Int32Array
  /** A power of two; 0 without slots. */
  #slotCount = 0
  #searchCount = 0
  /** How long each entry was in a block of an earlier format, from which this one was made. */
  readonly #olderEntryBytes: readonly number[] | undefined

  /** @throws SSTABLE_CORRUPT */
  constructor(bytes: Uint8Array, place: PartPlace, olderEntryBytes?: readonly number[]) {
    super()
    this.#olderEntryBytes = olderEntryBytes
    this.bytes = bytes
    this.place = place
    const end = bytes.length - BLOCK_TRAILER_BYTES
    if (end < 0) throw this.corrupt('the block is too short')
    const prefixStart = loadU32(bytes, end + 8)
    const prefixEnd = prefixStart + loadU32(bytes, end)
    const versionsStart = prefixEnd + loadU32(bytes, end + 4)
    const entryCount = loadU32(bytes, end + 12) % ENTRY_COUNT_MARK
    this.entryCount = entryCount
    this.prefixStart = prefixStart
    this.prefixEnd = prefixEnd
    const lengthsStart = versionsStart + VERSION_BYTES * entryCount
    if (entryCount === 0 || lengthsStart > end) {
      throw this.corrupt('the block is too short for what it counts')
    }
    this.#words = new Int32Array((entryCount + 1) * RECORD_WORDS)
    this.#readVersions(versionsStart)
    this.#readStarts(lengthsStart, end, versionsStart)
  }

  /** What it occupies in memory, its hash slots included. */
  get memoryBytes(): number {
    return this.bytes.length + 4 * this.#wordCountWithSlots
  }

  /** Whether no longer prefix would do. */
  get isPrefixWhole(): boolean {
    const last = this.entryCount - 1
    const [a, b] = [this.keyStart(0), this.keyStart(last)]
    const isEmpty = a === this.keyEnd(0) || b === this.keyEnd(last)
    return last === 0 ? a === this.keyEnd(0) : isEmpty || this.bytes[a] !== this.bytes[b]
  }

  /** Where the key of an entry goes on behind the prefix. */
  keyStart(entry: number): number {
    return this.#words[entry * RECORD_WORDS]!
  }

  keyEnd(entry: number): number {
    return this.#words[(entry + 1) * RECORD_WORDS]!
  }

  /** How many bytes the rest of an entry's key has in common with that of the entry before. */
  sharedBytes(entry: number): number {
    const { bytes } = this
    const start = this.keyStart(entry)
    const before = this.keyStart(entry - 1)
    const limit = Math.min(this.keyEnd(entry) - start, start - before)
    let shared = 0
    while (shared < limit && bytes[before + shared] === bytes[start + shared]) shared++
    return this.prefixEnd - this.prefixStart + shared
  }

  kind(entry: number): number {
    return this.#words[entry * RECORD_WORDS + VERSION_HIGH]! >>> KIND_SHIFT
  }

  seqNum(entry: number): number {
    const words = this.#words
    const at = entry * RECORD_WORDS
    return seqNumOf(words[at + VERSION_LOW]!, words[at + VERSION_HIGH]!)
  }

  /** Points the slot at version and value of an entry. */
  load(entry: number, slot: EntrySlot): void {
    const words = this.#words
    const at = entry * RECORD_WORDS
    const high = words[at + VERSION_HIGH]!
    slot.seqNum = seqNumOf(words[at + VERSION_LOW]!, high) as SeqNum
    slot.kind = high >>> KIND_SHIFT
    slot.valueBytes = this.bytes
    slot.valueStart = words[at + VALUE_START]!
    slot.valueEnd = words[at + RECORD_WORDS + VALUE_START]!
  }

  /** What an entry counts as in the garbage block. */
  entryBytes(entry: number): number {
    const older = this.#olderEntryBytes?.[entry]
    if (older !== undefined) return older
    const restBytes = this.prefixEnd - this.prefixStart + this.keyEnd(entry) - this.keyStart(entry)
    return restBytes + VERSION_BYTES + this.valueEnd(entry) - this.valueStart(entry)
  }

  valueStart(entry: number): number {
    return this.#words[entry * RECORD_WORDS + VALUE_START]!
  }

  valueEnd(entry: number): number {
    return this.#words[(entry + 1) * RECORD_WORDS + VALUE_START]!
  }

  /** The first entry at or after (rest of key, seqNum); entryCount when all are before. */
  lowerBound(key: Uint8Array, restStart: number, restEnd: number, seqNum: number): number {
    const { bytes, prefixStart, prefixEnd, entryCount } = this
    const start = restStart + prefixEnd - prefixStart
    const keyEnd = start < restEnd ? start : restEnd
    const prefixOrder = compareBytes(bytes, prefixStart, prefixEnd, key, restStart, keyEnd)
    if (prefixOrder !== 0) return prefixOrder < 0 ? entryCount : 0
    let low = 0
    let high = entryCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const from = this.keyStart(middle)
      const order = compareBytes(bytes, from, this.keyEnd(middle), key, start, restEnd)
      if (order < 0 || (order === 0 && this.seqNum(middle) > seqNum)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whether an entry has this rest of a key. */
  hasKey(entry: number, key: Uint8Array, restStart: number): boolean {
    const { bytes, prefixStart, prefixEnd } = this
    const start = restStart + prefixEnd - prefixStart
    return (
      equalBytes(bytes, this.keyStart(entry), this.keyEnd(entry), key, start, key.length) &&
      equalBytes(bytes, prefixStart, prefixEnd, key, restStart, start)
    )
  }

  /**
   * The newest entry of a key; -1 when there is none, undefined when this was not looked up yet as often as it takes.
   *
   * @param keyHash  hashBytes of the whole key
   */
  newestOf(key: Uint8Array, restStart: number, keyHash: number): number | undefined {
    if (this.#slotCount === 0 && !this.#makeSlots(key, restStart)) return undefined
    const words = this.#words
    const slotsStart = words.length - this.#slotCount
    const mask = this.#slotCount - 1
    for (let slot = keyHash & mask; ; slot = (slot + 1) & mask) {
      const found = words[slotsStart + slot]!
      if (found === 0) return -1
      // Of most other keys the hash is different, and they are not looked at.
      if (((found ^ keyHash) & ~SLOT_NUMBER_MASK) !== 0) continue
      const entry = (found & SLOT_NUMBER_MASK) - 1
      if (this.#hasKey(entry, key, restStart)) return entry
    }
  }

  /** As hasKey, with the copy of the prefix. */
  #hasKey(entry: number, key: Uint8Array, restStart: number): boolean {
    const { bytes } = this
    const words = this.#words
    const prefixBytes = this.prefixEnd - this.prefixStart
    const start = restStart + prefixBytes
    const at = entry * RECORD_WORDS
    const [from, to] = [words[at]!, words[at + RECORD_WORDS]!]
    if (!equalBytes(bytes, from, to, key, start, key.length)) return false
    const copyStart = (this.entryCount + 1) * RECORD_WORDS
    for (let i = prefixBytes - 1; i >= 0; i--) {
      const byte = (words[copyStart + (i >>> 2)]! >>> ((i & 3) << 3)) & 0xff
      if (byte !== key[restStart + i]) return false
    }
    return true
  }

  corrupt(problem: string) {
    return tableCorrupt(this.place, problem)
  }

  /**
   * False when that does not pay, or not yet.
   *
   * @param tenantKey  begins as all keys of the block do, with what they are the rests of
   */
  #makeSlots(tenantKey: Uint8Array, restStart: number): boolean {
    const { bytes, prefixStart, prefixEnd, entryCount } = this
    this.#searchCount++
    if (this.#searchCount < SLOTS_AFTER_COUNT || entryCount > SLOTS_MAX_ENTRY_COUNT) return false
    const slotCount = slotCountOf(entryCount)
    const words = new Int32Array(this.#wordCountWithSlots)
    words.set(this.#words)
    const copyStart = this.#words.length
    for (let i = prefixStart; i < prefixEnd; i++) {
      const at = i - prefixStart
      words[copyStart + (at >>> 2)]! |= bytes[i]! << ((at & 3) << 3)
    }
    const slotsStart = words.length - slotCount
    const mask = slotCount - 1
    const state = mixBytes(bytes, prefixStart, prefixEnd, mixBytes(tenantKey, 0, restStart))
    let start = prefixEnd
    let lastStart = -1
    for (let entry = 0; entry < entryCount; entry++) {
      const end = this.keyEnd(entry)
      // Older versions of a key follow the newest.
      if (lastStart < 0 || !equalBytes(bytes, lastStart, start, bytes, start, end)) {
        const hash = finishHash(mixBytes(bytes, start, end, state))
        let slot = hash & mask
        while (words[slotsStart + slot] !== 0) slot = (slot + 1) & mask
        words[slotsStart + slot] = (hash & ~SLOT_NUMBER_MASK) | (entry + 1)
      }
      lastStart = start
      start = end
    }
    this.#words = words
    this.#slotCount = slotCount
    return true
  }

  get #wordCountWithSlots(): number {
    const { entryCount, prefixStart, prefixEnd } = this
    const recordWords = (entryCount + 1) * RECORD_WORDS
    return recordWords + ((prefixEnd - prefixStart + 3) >>> 2) + slotCountOf(entryCount)
  }

  #readStarts(lengthsStart: number, lengthsEnd: number, keysEnd: number): void {
    const reader = new ByteReader(this.bytes, lengthsStart, lengthsEnd)
    try {
      this.#sumLengths(reader, 0, this.prefixEnd, keysEnd)
      this.#sumLengths(reader, VALUE_START, 0, this.prefixStart)
      if (reader.remaining > 0) throw this.corrupt('there are bytes behind the lengths')
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error
      throw this.corrupt('the lengths of the entries end early')
    }
  }

  #sumLengths(reader: ByteReader, field: number, start: number, end: number): void {
    const words = this.#words
    let position = start
    let at = field
    for (const last = field + this.entryCount * RECORD_WORDS; at < last; at += RECORD_WORDS) {
      words[at] = position
      position += reader.varint()
    }
    words[at] = position
    if (position !== end) throw this.corrupt('the lengths of the entries do not fill the block')
  }

  #readVersions(versionsStart: number): void {
    const { bytes, entryCount } = this
    const words = this.#words
    for (let entry = 0; entry < entryCount; entry++) {
      const from = versionsStart + entry * VERSION_BYTES
      const kind = bytes[from + VERSION_BYTES - 1]!
      // An unknown kind would read as absent.
      if (kind !== ENTRY_KIND_PUT && kind !== ENTRY_KIND_DELETE) {
        throw this.corrupt(`an entry has the unknown kind ${kind}`)
      }
      words[entry * RECORD_WORDS + VERSION_LOW] = loadU32(bytes, from)
      words[entry * RECORD_WORDS + VERSION_HIGH] = loadU32(bytes, from + 4)
    }
  }
}

/**
 * Finds the newest version of a key at or below a SeqNum in the block that would hold it.
 *
 * @param keyHash  hashBytes of the whole key
 * @param slot  on BLOCK_FOUND gets version and value, not the key
 * @returns BLOCK_FOUND, BLOCK_ABSENT or BLOCK_PAST_END
 */
export function findInBlock(
  block: Block,
  key: Uint8Array,
  restStart: number,
  keyHash: number,
  seqNum: SeqNum,
  slot: EntrySlot,
): number {
  let entry = block.newestOf(key, restStart, keyHash)
  if (entry === -1) return BLOCK_ABSENT
  if (entry === undefined || block.seqNum(entry) > seqNum) {
    entry = block.lowerBound(key, restStart, key.length, seqNum)
    if (entry === block.entryCount) return BLOCK_PAST_END
    if (!block.hasKey(entry, key, restStart)) return BLOCK_ABSENT
  }
  block.load(entry, slot)
  return BLOCK_FOUND
}

/** The entries of blocks of one tenant after another, their keys put together in a buffer. */
export class BlockEntries {
  /** Valid until the next load. */
  readonly entry = new EntrySlot()
  #block: Block | undefined
  #prefixEnd = TENANT_PREFIX_BYTES

  constructor() {
    this.entry.keyBytes = new Uint8Array(64)
  }

  /** Puts the first 8 bytes of all keys that follow in place. */
  setTenantPrefix(prefix: Uint8Array): void {
    const { keyBytes } = this.entry
    for (let i = 0; i < TENANT_PREFIX_BYTES; i++) keyBytes[i] = prefix[i]!
  }

  setBlock(block: Block): void {
    const { bytes, prefixStart, prefixEnd } = block
    this.#block = block
    this.#prefixEnd = this.#appendToKey(TENANT_PREFIX_BYTES, bytes, prefixStart, prefixEnd)
  }

  load(entryIndex: number): void {
    const block = this.#block!
    const { entry } = this
    entry.keyEnd = this.#appendToKey(
      this.#prefixEnd,
      block.bytes,
      block.keyStart(entryIndex),
      block.keyEnd(entryIndex),
    )
    block.load(entryIndex, entry)
  }

  #appendToKey(at: number, bytes: Uint8Array, start: number, end: number): number {
    const keyEnd = at + end - start
    if (keyEnd > this.entry.keyBytes.length) {
      const grown = new Uint8Array(keyEnd * 2)
      grown.set(this.entry.keyBytes.subarray(0, at))
      this.entry.keyBytes = grown
    }
    const key = this.entry.keyBytes
    for (let i = start; i < end; i++) key[at++] = bytes[i]!
    return keyEnd
  }
}

function seqNumOf(low: number, high: number): number {
  return (high & SEQ_NUM_HIGH_MASK) * TWO_32 + (low >>> 0)
}

/** A power of two, of which between a third and two thirds are taken. */
function slotCountOf(entryCount: number): number {
  let count = 4
  while (count * 2 < entryCount * 3) count *= 2
  return count
}
