import { compareKeys } from '../kernels/bytes.js'
import { TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { type Block, EntryDecoder } from './block.js'
import type { TableIndex } from './index-block.js'
import { type PartPlace, tableCorrupt } from './table-error.js'
import type { TableFile } from './table-file.js'

/**
 * Goes through the main or the history blocks of one tenant from front to back, past the cache, and checks what they promise
 * on their own: checksums, order within and across blocks, restarts, starts and largest key of the index, its count.
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
  /** Length of the entry in its block. */
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
  readonly #decoder = new EntryDecoder()
  #block: Block | undefined
  #blockIndex = -1
  #restartIndex = 0
  #position = 0

  constructor(file: TableFile, tenant: number, index: TableIndex) {
    this.#file = file
    this.#tenant = tenant
    this.index = index
    this.#prefix = file.directory.prefixOf(tenant)
    this.#indexPlace = file.placeOf(tenant, index.offsets[index.blockCount]!)
    this.#decoder.setTenantPrefix(this.#prefix)
  }

  /** @throws SSTABLE_CORRUPT */
  next(): void {
    let block = this.#block
    this.isBlockStart = block === undefined || this.#position >= block.entriesEnd
    if (this.isBlockStart) block = this.#nextBlock()
    this.isValid = block !== undefined
    if (block !== undefined) this.#nextEntry(block)
  }

  corrupt(problem: string) {
    return this.#block?.corrupt(problem) ?? tableCorrupt(this.#indexPlace, problem)
  }

  #nextBlock(): Block | undefined {
    const { index } = this
    const before = this.#block
    if (before !== undefined && this.#restartIndex !== before.restartCount) {
      throw before.corrupt('a restart is not at the start of an entry')
    }
    const blockIndex = ++this.#blockIndex
    if (blockIndex === index.blockCount) {
      this.#checkEnd()
      return undefined
    }
    this.#checkStart(blockIndex)
    const block = this.#file.readBlock(this.#tenant, index, blockIndex)
    this.storedBytes += index.storedBytesOf(blockIndex)
    this.rawBytes += index.rawBytes[blockIndex]!
    this.#block = block
    this.#restartIndex = 0
    this.#position = 0
    this.#decoder.restart()
    return block
  }

  #nextEntry(block: Block): void {
    const decoder = this.#decoder
    const position = this.#position
    const restartIndex = this.#restartIndex
    const isRestart =
      restartIndex < block.restartCount && position === block.restartAt(restartIndex)
    if (isRestart) this.#restartIndex++
    this.#position = decoder.decode(block, position, block.entriesEnd)
    if (isRestart && decoder.sharedBytes !== 0) throw block.corrupt('a restart shares a key')
    this.#checkOrder(block, isRestart)
    if (this.isBlockStart) this.#checkFirst(block)
    this.kind = decoder.kind
    this.entryBytes = this.#position - position
    this.entryCount++
  }

  /** Compares the decoded entry with the one before it and takes its place. */
  #checkOrder(block: Block, isRestart: boolean): void {
    const { key, keyEnd, seqNum, sharedBytes } = this.#decoder
    const last = this.lastKey
    let shared = 0
    while (shared < last.length && shared < keyEnd && last[shared] === key[shared]) shared++
    const isSameKey = shared === keyEnd && shared === last.length
    const isBehind = isSameKey
      ? seqNum < this.seqNum
      : shared === last.length || (shared < keyEnd && key[shared]! > last[shared]!)
    if (!isBehind) throw block.corrupt('entries are out of order')
    if (!isRestart && shared - TENANT_PREFIX_BYTES !== sharedBytes) {
      throw block.corrupt('an entry does not share all it could')
    }
    if (!isSameKey) this.lastKey = key.slice(0, keyEnd)
    this.isSameKey = isSameKey
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
