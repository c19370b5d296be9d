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
import { type PartPlace, tableCorrupt } from './table-error.js'

const TWO_32 = 0x1_0000_0000
/** Searches of a block after which it is worth its hash slots: many are read once and then forgotten. */
const SLOTS_AFTER_COUNT = 2
const SLOTS_MAX_ENTRY_COUNT = 0x7fff
/** Up to here two bytes hold every position in a block. */
const NARROW_BLOCK_MAX_BYTES = 0xffff

/** No version of the key at or below the SeqNum. */
export const BLOCK_ABSENT = 0
export const BLOCK_FOUND = 1
/** Every entry of the block is before (key, seqNum): the answer may be in the next block. */
export const BLOCK_PAST_END = 2

/** The bytes of a decompressed block and where its parts lie. */
export class Block {
  readonly bytes: Uint8Array
  readonly place: PartPlace
  readonly entryCount: number
  readonly prefixStart: number
  readonly prefixEnd: number
  readonly #versionsStart: number
  /**
   * Where each key goes on behind the prefix, and where the last ends; then the same of values. Behind them, once the block
   * is searched again, the slots of keys by their hashes: number of the newest entry, from 1. One array for both, as each
   * would be somewhere else in memory.
   */
  #starts: Uint16Array | Uint32Array
  /** A power of two; 0 without slots. */
  #slotCount = 0
  #searchCount = 0
  /** How long each entry was in a block of an earlier format, from which this one was made. */
  readonly #olderEntryBytes: readonly number[] | undefined

  /** @throws SSTABLE_CORRUPT */
  constructor(bytes: Uint8Array, place: PartPlace, olderEntryBytes?: readonly number[]) {
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
    this.#versionsStart = versionsStart
    const lengthsStart = versionsStart + VERSION_BYTES * entryCount
    if (entryCount === 0 || lengthsStart > end) {
      throw this.corrupt('the block is too short for what it counts')
    }
    this.#starts = this.#readStarts(lengthsStart, end)
    this.#checkKinds()
  }

  /** What it occupies in memory, its hash slots included. */
  get memoryBytes(): number {
    const { entryCount } = this
    const numberCount = 2 * (entryCount + 1) + slotCountOf(entryCount)
    return this.bytes.length + numberCount * this.#starts.BYTES_PER_ELEMENT
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
    return this.#starts[entry]!
  }

  keyEnd(entry: number): number {
    return this.#starts[entry + 1]!
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
    return this.bytes[this.#versionsStart + entry * VERSION_BYTES + VERSION_BYTES - 1]!
  }

  seqNum(entry: number): number {
    const at = this.#versionsStart + entry * VERSION_BYTES
    return (loadU32(this.bytes, at + 4) & SEQ_NUM_HIGH_MASK) * TWO_32 + loadU32(this.bytes, at)
  }

  /** Points the slot at version and value of an entry. */
  load(entry: number, slot: EntrySlot): void {
    const { bytes } = this
    const at = this.#versionsStart + entry * VERSION_BYTES
    const high = loadU32(bytes, at + 4)
    slot.seqNum = ((high & SEQ_NUM_HIGH_MASK) * TWO_32 + loadU32(bytes, at)) as SeqNum
    slot.kind = high >>> KIND_SHIFT
    slot.valueBytes = bytes
    slot.valueStart = this.valueStart(entry)
    slot.valueEnd = this.valueEnd(entry)
  }

  /** What an entry counts as in the garbage block. */
  entryBytes(entry: number): number {
    const older = this.#olderEntryBytes?.[entry]
    if (older !== undefined) return older
    const restBytes = this.prefixEnd - this.prefixStart + this.keyEnd(entry) - this.keyStart(entry)
    return restBytes + VERSION_BYTES + this.valueEnd(entry) - this.valueStart(entry)
  }

  valueStart(entry: number): number {
    return this.#starts[this.entryCount + 1 + entry]!
  }

  valueEnd(entry: number): number {
    return this.#starts[this.entryCount + 2 + entry]!
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
    const numbers = this.#starts
    const slotsStart = 2 * (this.entryCount + 1)
    const mask = this.#slotCount - 1
    for (let slot = keyHash & mask; ; slot = (slot + 1) & mask) {
      const entry = numbers[slotsStart + slot]! - 1
      if (entry < 0 || this.hasKey(entry, key, restStart)) return entry
    }
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
    const slotsStart = this.#starts.length
    const numbers = numbersFor(bytes, slotsStart + slotCount)
    numbers.set(this.#starts)
    const mask = slotCount - 1
    const state = mixBytes(bytes, prefixStart, prefixEnd, mixBytes(tenantKey, 0, restStart))
    let start = prefixEnd
    let lastStart = -1
    for (let entry = 0; entry < entryCount; entry++) {
      const end = this.keyEnd(entry)
      // Older versions of a key follow the newest.
      if (lastStart < 0 || !equalBytes(bytes, lastStart, start, bytes, start, end)) {
        let slot = finishHash(mixBytes(bytes, start, end, state)) & mask
        while (numbers[slotsStart + slot] !== 0) slot = (slot + 1) & mask
        numbers[slotsStart + slot] = entry + 1
      }
      lastStart = start
      start = end
    }
    this.#starts = numbers
    this.#slotCount = slotCount
    return true
  }

  #readStarts(lengthsStart: number, lengthsEnd: number): Uint16Array | Uint32Array {
    const { bytes, entryCount } = this
    const starts = numbersFor(bytes, 2 * (entryCount + 1))
    const reader = new ByteReader(bytes, lengthsStart, lengthsEnd)
    try {
      let i = 0
      for (const [start, end] of [
        [this.prefixEnd, this.#versionsStart],
        [0, this.prefixStart],
      ] as const) {
        let at = start
        for (const last = i + entryCount; i < last; i++) {
          starts[i] = at
          at += reader.varint()
        }
        starts[i++] = at
        if (at !== end) throw this.corrupt('the lengths of the entries do not fill the block')
      }
      if (reader.remaining > 0) throw this.corrupt('there are bytes behind the lengths')
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error
      throw this.corrupt('the lengths of the entries end early')
    }
    return starts
  }

  /** An unknown kind would read as absent. */
  #checkKinds(): void {
    for (let entry = 0; entry < this.entryCount; entry++) {
      const kind = this.kind(entry)
      if (kind !== ENTRY_KIND_PUT && kind !== ENTRY_KIND_DELETE) {
        throw this.corrupt(`an entry has the unknown kind ${kind}`)
      }
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
    this.entry.keyBytes.set(prefix)
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

/** Room for numbers that say where something is in a block. */
function numbersFor(blockBytes: Uint8Array, count: number): Uint16Array | Uint32Array {
  return blockBytes.length > NARROW_BLOCK_MAX_BYTES
    ? new Uint32Array(count)
    : new Uint16Array(count)
}

/** A power of two, of which between a third and two thirds are taken. */
function slotCountOf(entryCount: number): number {
  let count = 4
  while (count * 2 < entryCount * 3) count *= 2
  return count
}
