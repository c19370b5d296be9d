// The index block of a tenant's main or history blocks: which block may hold a key. Bytes as drawn in format.ts.

import { ByteReader, ByteWriter, EndOfBytes, loadU32 } from '../codec/bytes.js'
import { TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareBytes } from '../kernels/bytes.js'
import { EXPANSION_MAX, readU32Column, readU64Column } from './format.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

/** Bytes of a block's columns, its key apart. */
const ROW_BYTES = 4 + 4 + 4 + 1 + 8 + 4
const FIXED_BYTES = 4 + 8 + 4

/** Gathers the main or the history blocks of a tenant in order. */
export class IndexBuilder {
  readonly #storedBytes: number[] = []
  readonly #rawBytes: number[] = []
  readonly #checksums: number[] = []
  readonly #codecIds: number[] = []
  readonly #startSeqNums: number[] = []
  readonly #keyEnds: number[] = []
  readonly #keys = new ByteWriter(1024)

  /** How many starts were added since the last finish. */
  get startCount(): number {
    return this.#startSeqNums.length
  }

  /** Says where the next block starts, before its first entry. */
  addStart(key: Uint8Array, restStart: number, restEnd: number, seqNum: number): void {
    this.#startSeqNums.push(seqNum)
    this.#addKey(key, restStart, restEnd)
  }

  /** Says what became of the blocks, in the same order, each at any time after its start. */
  addBlock(storedBytes: number, rawBytes: number, checksum: number, codecId: number): void {
    this.#storedBytes.push(storedBytes)
    this.#rawBytes.push(rawBytes)
    this.#checksums.push(checksum)
    this.#codecIds.push(codecId)
  }

  /** The index block; starts over. */
  finish(entryCount: number, largestKey: Uint8Array, restStart: number, restEnd: number) {
    this.#addKey(largestKey, restStart, restEnd)
    const blockCount = this.#storedBytes.length
    const writer = new ByteWriter(FIXED_BYTES + ROW_BYTES * blockCount + this.#keys.length)
    writer.u32(blockCount)
    writer.u64(entryCount)
    for (const value of this.#storedBytes) writer.u32(value)
    for (const value of this.#rawBytes) writer.u32(value)
    for (const value of this.#checksums) writer.u32(value)
    for (const value of this.#codecIds) writer.u8(value)
    for (const value of this.#startSeqNums) writer.u64(value)
    for (const value of this.#keyEnds) writer.u32(value)
    writer.raw(this.#keys.bytes, 0, this.#keys.length)
    for (const column of [this.#storedBytes, this.#rawBytes, this.#checksums, this.#codecIds]) {
      column.length = 0
    }
    this.#startSeqNums.length = 0
    this.#keyEnds.length = 0
    this.#keys.reset()
    return writer.view()
  }

  #addKey(key: Uint8Array, restStart: number, restEnd: number): void {
    this.#keys.raw(key, restStart, restEnd)
    this.#keyEnds.push(this.#keys.length)
  }
}

/** An index block, decoded and checked. */
export class TableIndex {
  readonly blockCount: number
  readonly entryCount: number
  /** Offset in the file of each block, then of the end of the last. */
  readonly offsets: Float64Array
  readonly rawBytes: Uint32Array
  readonly checksums: Uint32Array
  readonly codecIds: Uint8Array
  readonly startSeqNums: Float64Array
  /** Start of each key in `keys`, then the end of the last. Key i starts block i; the one behind them is the largest. */
  readonly keyStarts: Uint32Array
  readonly keys: Uint8Array
  /** How many bytes all keys begin with in common, and what comes next in the start of each block, as a number. */
  readonly #prefixBytes: number
  readonly #startNumbers: Float64Array

  /**
   * @param dataStartBytes  where the tenant's data begins in the file
   * @param dataEndBytes  where it ends
   * @throws SSTABLE_CORRUPT
   */
  constructor(raw: Uint8Array, dataStartBytes: number, dataEndBytes: number, place: PartPlace) {
    const blockCount = raw.length < FIXED_BYTES ? 0 : loadU32(raw, 0)
    const keysStart = FIXED_BYTES + ROW_BYTES * blockCount
    if (blockCount === 0 || keysStart > raw.length) {
      throw tableCorrupt(place, 'the index block is too short for its block count')
    }
    this.blockCount = blockCount
    const reader = new ByteReader(raw, 4)
    try {
      this.entryCount = reader.u64()
      this.offsets = new Float64Array(blockCount + 1)
      this.offsets[0] = dataStartBytes
      const storedBytes = readU32Column(reader, blockCount)
      for (let i = 0; i < blockCount; i++) this.offsets[i + 1] = this.offsets[i]! + storedBytes[i]!
      this.rawBytes = readU32Column(reader, blockCount)
      this.checksums = readU32Column(reader, blockCount)
      this.codecIds = reader.raw(blockCount)
      this.startSeqNums = readU64Column(reader, blockCount)
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error
      throw tableCorrupt(place, 'the index block holds a number that is none', error)
    }
    this.keyStarts = new Uint32Array(blockCount + 2)
    this.keyStarts.set(readU32Column(reader, blockCount + 1), 1)
    this.keys = raw.subarray(keysStart)
    this.#check(dataEndBytes, place)
    const { keys, keyStarts } = this
    const largestStart = keyStarts[blockCount]!
    const limit = Math.min(keyStarts[1]!, keys.length - largestStart)
    let prefixBytes = 0
    while (prefixBytes < limit && keys[prefixBytes] === keys[largestStart + prefixBytes]) {
      prefixBytes++
    }
    this.#prefixBytes = prefixBytes
    this.#startNumbers = new Float64Array(blockCount)
    for (let i = 0; i < blockCount; i++) {
      this.#startNumbers[i] = numberAt(keys, keyStarts[i]! + prefixBytes, keyStarts[i + 1]!)
    }
  }

  /** What it occupies in memory, roughly. */
  get bytes(): number {
    return this.blockCount * (ROW_BYTES + 16) + this.keys.length + 512
  }

  storedBytesOf(blockIndex: number): number {
    return this.offsets[blockIndex + 1]! - this.offsets[blockIndex]!
  }

  /** The last block that starts at or before (rest of key, seqNum); -1 when the key is below all. */
  findBlock(key: Uint8Array, restStart: number, restEnd: number, seqNum: number): number {
    const { keys } = this
    const prefixBytes = this.#prefixBytes
    for (let i = 0; i < prefixBytes; i++) {
      const difference = restStart + i < restEnd ? key[restStart + i]! - keys[i]! : -1
      if (difference !== 0) return difference < 0 ? -1 : this.blockCount - 1
    }
    return this.#findBehindPrefix(key, restStart + prefixBytes, restEnd, seqNum)
  }

  /**
   * The block that holds a key at or below the SeqNum, when any does; -1 when none does. What all keys begin with is not
   * compared: a key that begins otherwise is in no block.
   */
  findBlockOf(key: Uint8Array, restStart: number, seqNum: number): number {
    return this.#findBehindPrefix(key, restStart + this.#prefixBytes, key.length, seqNum)
  }

  #findBehindPrefix(key: Uint8Array, numberStart: number, restEnd: number, seqNum: number): number {
    const numbers = this.#startNumbers
    const number = numberAt(key, numberStart, restEnd)
    let low = 0
    let high = this.blockCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const difference = numbers[middle]! - number
      const isAtOrBefore =
        difference !== 0
          ? difference < 0
          : this.#isStartAtOrBefore(middle, key, numberStart, restEnd, seqNum)
      if (isAtOrBefore) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Orders the key that a block starts with and the rest of a key. */
  compareStart(blockIndex: number, key: Uint8Array, restStart: number): number {
    const { keys, keyStarts } = this
    const start = keyStarts[blockIndex]!
    return compareBytes(keys, start, keyStarts[blockIndex + 1]!, key, restStart, key.length)
  }

  /** A whole key of the index, behind the prefix of its tenant: key i starts block i, key blockCount is the largest. */
  copyKey(keyIndex: number, tenantPrefix: Uint8Array): Uint8Array {
    const start = this.keyStarts[keyIndex]!
    const end = this.keyStarts[keyIndex + 1]!
    const key = new Uint8Array(TENANT_PREFIX_BYTES + end - start)
    key.set(tenantPrefix)
    key.set(this.keys.subarray(start, end), TENANT_PREFIX_BYTES)
    return key
  }

  /** Of a key with the prefix, from `start` on. */
  #isStartAtOrBefore(
    blockIndex: number,
    key: Uint8Array,
    start: number,
    end: number,
    seqNum: number,
  ): boolean {
    const { keys, keyStarts } = this
    const keyStart = keyStarts[blockIndex]! + this.#prefixBytes
    const order = compareBytes(keys, keyStart, keyStarts[blockIndex + 1]!, key, start, end)
    return order < 0 || (order === 0 && this.startSeqNums[blockIndex]! >= seqNum)
  }

  #check(dataEndBytes: number, place: PartPlace): void {
    const { blockCount, offsets, keyStarts } = this
    if (offsets[blockCount] !== dataEndBytes) {
      throw tableCorrupt(place, 'the blocks of the index do not fill the data of the tenant')
    }
    for (let i = 0; i < blockCount; i++) {
      if (this.rawBytes[i]! > this.storedBytesOf(i) * EXPANSION_MAX) {
        throw tableCorrupt(place, `block ${i} claims an impossible length`)
      }
      if (keyStarts[i + 1]! > keyStarts[i + 2]!) {
        throw tableCorrupt(place, `the start of block ${i} is out of range`)
      }
    }
    if (keyStarts[blockCount + 1] !== this.keys.length) {
      throw tableCorrupt(place, 'the keys of the index do not end where they should')
    }
  }
}

/** The next six bytes as a number that orders as they do; as if zeros followed the end. */
function numberAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 6 <= end) {
    const high = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    return high * 0x100_0000 + ((bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!)
  }
  let number = 0
  for (let i = at; i < at + 6; i++) number = number * 256 + (i < end ? bytes[i]! : 0)
  return number
}
