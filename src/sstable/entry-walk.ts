import { compareBytes, compareKeys } from '../kernels/bytes.js'
import { TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { type Block, BlockEntries } from './block.js'
import type { TableIndex } from './index-block.js'
import { type PartPlace, tableCorrupt } from './table-error.js'
import type { TableFile } from './table-file.js'

/**
 * Goes through the main or the history blocks of one tenant from front to back, past the cache, and checks what they promise
 * on their own: checksums, order within and across blocks, prefixes, starts and largest key of the index, its count.
 */
export class EntryWalk {
  isValid = false
  /** The entry is the first of its block. */
  isBlockStart = false
  /** The entry has the key of the one before. */
  isSameKey = false
  lastKey: Uint8Array = new Uint8Array(0)
  seqNum = 0
  kind = 0
  /** What the entry counts as in the garbage block. */
  entryBytes = 0
  entryCount = 0
  /** Of the blocks so far. */
  storedBytes = 0
  rawBytes = 0
  readonly index: TableIndex
  readonly #file: TableFile
  readonly #tenant: number
  readonly #prefix: Uint8Array
  readonly #indexPlace: PartPlace
  readonly #entries = new BlockEntries()
  #block: Block | undefined
  #blockIndex = -1
  #entryIndex = 0

  constructor(file: TableFile, tenant: number, index: TableIndex) {
    this.#file = file
    this.#tenant = tenant
    this.index = index
    this.#prefix = file.directory.prefixOf(tenant)
    this.#indexPlace = file.placeOf(tenant, index.offsets[index.blockCount]!)
    this.#entries.setTenantPrefix(this.#prefix)
  }

  /** @throws SSTABLE_CORRUPT */
  next(): void {
    let block = this.#block
    this.isBlockStart = block === undefined || this.#entryIndex >= block.entryCount
    if (this.isBlockStart) block = this.#nextBlock()
    this.isValid = block !== undefined
    if (block !== undefined) this.#nextEntry(block)
  }

  corrupt(problem: string) {
    return this.#block?.corrupt(problem) ?? tableCorrupt(this.#indexPlace, problem)
  }

  #nextBlock(): Block | undefined {
    const { index } = this
    const blockIndex = ++this.#blockIndex
    if (blockIndex === index.blockCount) {
      this.#checkEnd()
      return undefined
    }
    this.#checkStart(blockIndex)
    const block = this.#file.readBlock(this.#tenant, index, blockIndex)
    this.storedBytes += index.storedBytesOf(blockIndex)
    this.rawBytes += index.rawBytes[blockIndex]!
    if (!block.isPrefixWhole) throw block.corrupt('keys of the block share more than its prefix')
    this.#block = block
    this.#entryIndex = 0
    this.#entries.setBlock(block)
    return block
  }

  #nextEntry(block: Block): void {
    const { entry } = this.#entries
    this.#entries.load(this.#entryIndex)
    this.#checkOrder(block)
    if (this.isBlockStart) this.#checkFirst(block)
    this.kind = entry.kind
    this.entryBytes = block.entryBytes(this.#entryIndex)
    this.#entryIndex++
    this.entryCount++
  }

  /** Compares the entry with the one before it and takes its place. */
  #checkOrder(block: Block): void {
    const { entry } = this.#entries
    const { keyBytes, keyEnd, seqNum } = entry
    const last = this.lastKey
    const order = compareBytes(keyBytes, 0, keyEnd, last, 0, last.length)
    const isBehind = order === 0 ? seqNum < this.seqNum : order > 0
    if (!isBehind) throw block.corrupt('entries are out of order')
    if (order !== 0) this.lastKey = entry.copyKey()
    this.isSameKey = order === 0
    this.seqNum = seqNum
  }

  /** A start is behind the entry before it; that the block's first entry is not before it is checked there. */
  #checkStart(blockIndex: number): void {
    if (blockIndex === 0) return
    const { index } = this
    const order = compareKeys(index.copyKey(blockIndex, this.#prefix), this.lastKey)
    const isBehind = order > 0 || (order === 0 && index.startSeqNums[blockIndex]! < this.seqNum)
    if (isBehind) return
    throw tableCorrupt(
      this.#indexPlace,
      `the start of block ${blockIndex} is not behind the block before`,
    )
  }

  #checkFirst(block: Block): void {
    const { index } = this
    const blockIndex = this.#blockIndex
    const order = index.compareStart(blockIndex, this.lastKey, TENANT_PREFIX_BYTES)
    const isAtStart = order < 0 || (order === 0 && index.startSeqNums[blockIndex]! >= this.seqNum)
    if (!isAtStart || (blockIndex === 0 && order !== 0)) {
      throw block.corrupt('the first entry of the block is not where its index says')
    }
  }

  #checkEnd(): void {
    const { index } = this
    if (index.entryCount !== this.entryCount) {
      throw tableCorrupt(this.#indexPlace, 'the index counts other entries than its blocks hold')
    }
    if (compareKeys(index.copyKey(index.blockCount, this.#prefix), this.lastKey) !== 0) {
      throw tableCorrupt(
        this.#indexPlace,
        'the largest key of the index is not the last of its blocks',
      )
    }
  }
}
