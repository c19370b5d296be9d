import { SEQ_NUM_MAX } from '../base/ids.js'
import { compress } from '../codec/compression.js'
import type { EntrySlot } from '../codec/entry.js'
import { TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { BlockBuilder } from './block-builder.js'
import type { IndexPlace } from './directory.js'
import { type PackedBlock, type WholeBlock, WORTHWHILE_RUN_COUNT } from './entry-stream.js'
import { IndexBuilder } from './index-block.js'
import type { WrittenPart } from './part-writer.js'

/**
 * A block of fewer entries than these may become so many times as long: large values have more in common than a short block
 * shows. Measured with events of 8 KB of JSON, compressed: 3.3 KB each two to a block, 2.5 KB four to a block.
 */
const FEW_ENTRY_COUNT = 8
const FEW_ENTRIES_FACTOR = 4
/**
 * A block is built anew rather than taken over, as long as the open one is less than this share of a whole one; unless so many
 * could be taken over in a row that one small block among them does no harm.
 */
const OPEN_MIN_SHARE = 1 / 4
/** The same of the block itself. */
const TAKEN_MIN_SHARE = 1 / 2

/** Builds the main or the history blocks of one tenant after another, and their indexes. */
export class TenantBlocksBuilder {
  /** The key added last is lastKey[0, lastKeyEnd). */
  lastKey = new Uint8Array(256)
  lastKeyEnd = 0
  blockCount = 0
  rawBytes = 0
  readonly #blockBytes: number
  /** Takes a block that is complete, in place: it is overwritten afterwards. */
  readonly #onBlock: (block: PackedBlock) => void
  readonly #block = new BlockBuilder()
  readonly #index = new IndexBuilder()
  /** Of the tenant that is being written. */
  #entryCount = 0

  constructor(blockBytes: number, onBlock: (block: PackedBlock) => void) {
    this.#blockBytes = blockBytes
    this.#onBlock = onBlock
  }

  /** Of the tenant that is being written. */
  get isEmpty(): boolean {
    return this.#entryCount === 0
  }

  /** Raw length of the block that is not complete yet. */
  get openBytes(): number {
    return this.#block.rawBytes
  }

  /** How many bytes a key has in common with the key added last. */
  sharedWithLast(keyBytes: Uint8Array, keyStart: number, keyLength: number): number {
    const last = this.lastKey
    const limit = keyLength < this.lastKeyEnd ? keyLength : this.lastKeyEnd
    let shared = 0
    while (shared < limit && last[shared] === keyBytes[keyStart + shared]) shared++
    return shared
  }

  /**
   * Adds an entry. The caller keeps the order, and finishes a tenant before the next one.
   *
   * @param shared  how many bytes its key has in common with the key added last
   * @returns its length in the block
   */
  add(entry: EntrySlot, shared: number): number {
    const { keyBytes, keyStart, keyEnd, seqNum, kind, valueBytes, valueStart, valueEnd } = entry
    const restStart = keyStart + TENANT_PREFIX_BYTES
    const sharedRest = shared < TENANT_PREFIX_BYTES ? 0 : shared - TENANT_PREFIX_BYTES
    const block = this.#block
    const valueLength = valueEnd - valueStart
    const isFew = block.entryCount < FEW_ENTRY_COUNT
    const maxBytes = isFew ? FEW_ENTRIES_FACTOR * this.#blockBytes : this.#blockBytes
    if (!block.hasRoom(sharedRest, keyEnd - restStart, valueLength, maxBytes)) this.#finishBlock()
    if (block.isEmpty) this.#startBlock(keyBytes, restStart, keyEnd, shared, seqNum)
    const entryBytes = block.add(
      sharedRest,
      keyBytes,
      restStart,
      keyEnd,
      seqNum,
      kind,
      valueBytes,
      valueStart,
      valueEnd,
    )
    if (shared < keyEnd - keyStart || shared < this.lastKeyEnd) {
      this.#rememberKey(keyBytes, keyStart, keyEnd - keyStart, shared)
    }
    this.#entryCount++
    return entryBytes
  }

  /** Whether a block had better be taken over than built anew: not where it would leave small blocks behind. */
  wantsBlock({ packed, runCount, isLastOfTenant }: WholeBlock): boolean {
    const blockBytes = this.#blockBytes
    if (this.#block.isEmpty && isLastOfTenant) return true
    if (packed.rawBytes < blockBytes * TAKEN_MIN_SHARE) return false
    if (this.#block.isEmpty || runCount >= WORTHWHILE_RUN_COUNT) return true
    return this.#block.rawBytes >= blockBytes * OPEN_MIN_SHARE
  }

  /**
   * Takes a block over as it is stored. addTaken follows.
   *
   * @param first  its first entry, which shares so many bytes with the key added last
   */
  takeBlock(block: PackedBlock, first: EntrySlot, shared: number): void {
    this.finishBlocks()
    const { keyBytes, keyStart, keyEnd, seqNum } = first
    this.#startBlock(keyBytes, keyStart + TENANT_PREFIX_BYTES, keyEnd, shared, seqNum)
    this.#completeBlock(block)
  }

  /** How many entries the block has that was taken over, and the last one, which shares so many bytes with the key before the block. */
  addTaken(entryCount: number, { keyBytes, keyStart, keyEnd }: EntrySlot, shared: number): void {
    this.#rememberKey(keyBytes, keyStart, keyEnd - keyStart, shared)
    this.#entryCount += entryCount
  }

  /** Completes the last block of the tenant. */
  finishBlocks(): void {
    if (!this.#block.isEmpty) this.#finishBlock()
  }

  /** Says where a complete block went, one after the other. */
  addBlock(block: PackedBlock, part: WrittenPart): void {
    this.#index.addBlock(part.storedBytes, block.rawBytes, part.checksum, block.codecId)
  }

  /** The index over all blocks of the tenant, which have their places by now. */
  finishIndex(): PackedBlock {
    const raw = this.#index.finish(
      this.#entryCount,
      this.lastKey,
      TENANT_PREFIX_BYTES,
      this.lastKeyEnd,
    )
    this.#entryCount = 0
    return { ...compress(raw), rawBytes: raw.length }
  }

  #rememberKey(keyBytes: Uint8Array, keyStart: number, keyLength: number, shared: number): void {
    if (keyLength > this.lastKey.length) {
      const grown = new Uint8Array(keyLength * 2)
      grown.set(this.lastKey.subarray(0, shared))
      this.lastKey = grown
    }
    const last = this.lastKey
    for (let i = shared; i < keyLength; i++) last[i] = keyBytes[keyStart + i]!
    this.lastKeyEnd = keyLength
  }

  /** Tells the index where the block starts that this entry opens; `shared` is with the key before, whole keys. */
  #startBlock(
    keyBytes: Uint8Array,
    restStart: number,
    keyEnd: number,
    shared: number,
    seqNum: number,
  ): void {
    const keyStart = restStart - TENANT_PREFIX_BYTES
    if (this.#index.startCount === 0) {
      this.#index.addStart(keyBytes, restStart, keyEnd, SEQ_NUM_MAX)
    } else if (keyStart + shared === keyEnd) {
      this.#index.addStart(keyBytes, restStart, keyEnd, seqNum)
    } else {
      // One byte more than the two keys share is the shortest that is above the one and not above the other.
      this.#index.addStart(keyBytes, restStart, keyStart + shared + 1, SEQ_NUM_MAX)
    }
  }

  #finishBlock(): void {
    const raw = this.#block.finish()
    this.#completeBlock({ ...compress(raw), rawBytes: raw.length })
  }

  #completeBlock(block: PackedBlock): void {
    this.blockCount++
    this.rawBytes += block.rawBytes
    this.#onBlock(block)
  }
}

/** Where an index was put, as the directory says it. */
export function indexPlaceOf({ rawBytes, codecId }: PackedBlock, part: WrittenPart): IndexPlace {
  const { offsetBytes, storedBytes, checksum } = part
  return { offsetBytes, storedBytes, rawBytes, checksum, codecId }
}
