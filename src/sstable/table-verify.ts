import { SEQ_NUM_MAX } from '../base/ids.js'
import { ENTRY_KIND_DELETE } from '../codec/entry.js'
import { TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareKeys, hashBytes } from '../kernels/bytes.js'
import { type Block, EntryDecoder } from './block.js'
import { filterMayContain } from './filter.js'
import type { TableMeta } from './format.js'
import type { TableIndex } from './index-block.js'
import { type PartPlace, tableCorrupt } from './table-error.js'
import type { TableFile } from './table-file.js'

export interface TableCounts {
  readonly blockCount: number
  readonly entryCount: number
}

/**
 * Reads a whole table and checks what its format promises: checksums of every part, order of entries within and across
 * blocks and tenants, starts and largest keys of the indexes, filters that know every key, counts and bounds. Yields after
 * each block how many bytes are done.
 *
 * @param meta  what the manifest says; absent when the file is looked at by itself
 * @throws SSTABLE_CORRUPT at the first thing that is wrong
 */
export function verifyTable(
  file: TableFile,
  meta?: TableMeta,
): Generator<number, TableCounts, undefined> {
  return new TableVerification(file).run(meta)
}

class TableVerification {
  readonly #file: TableFile
  readonly #decoder = new EntryDecoder()
  #lastKey: Uint8Array = new Uint8Array(0)
  #lastSeqNum = 0
  #smallestKey: Uint8Array | undefined
  #blockCount = 0
  #entryCount = 0
  #tombstoneCount = 0
  #minSeqNum: number = SEQ_NUM_MAX
  #maxSeqNum = 0
  #rawDataBytes = 0

  constructor(file: TableFile) {
    this.#file = file
  }

  *run(meta: TableMeta | undefined): Generator<number, TableCounts, undefined> {
    const { directory } = this.#file
    for (let tenant = 0; tenant < directory.tenantCount; tenant++) {
      yield* this.#checkTenant(tenant)
    }
    this.#checkProperties()
    if (meta !== undefined) this.#checkMeta(meta)
    return { blockCount: this.#blockCount, entryCount: this.#entryCount }
  }

  *#checkTenant(tenant: number): Generator<number, void, undefined> {
    const file = this.#file
    const index = file.readIndex(tenant)
    const filter = file.readFilter(tenant)
    const prefix = file.directory.prefixOf(tenant)
    const indexPlace = file.placeOf(tenant, file.directory.indexOffsets[tenant]!)
    const entryCountBefore = this.#entryCount
    this.#decoder.setTenantPrefix(prefix)
    for (let blockIndex = 0; blockIndex < index.blockCount; blockIndex++) {
      this.#checkStart(index, blockIndex, prefix, indexPlace)
      this.#checkBlock(file.readBlock(tenant, index, blockIndex), index, blockIndex, filter)
      this.#rawDataBytes += index.rawBytes[blockIndex]!
      yield index.offsets[blockIndex + 1]!
    }
    this.#blockCount += index.blockCount
    if (index.entryCount !== this.#entryCount - entryCountBefore) {
      throw tableCorrupt(indexPlace, 'the index counts other entries than its blocks hold')
    }
    if (compareKeys(index.copyKey(index.blockCount, prefix), this.#lastKey) !== 0) {
      throw tableCorrupt(indexPlace, 'the largest key of the index is not the last of its blocks')
    }
  }

  /** A start is behind the entry before it; that the block's first entry is not before it is checked there. */
  #checkStart(index: TableIndex, blockIndex: number, prefix: Uint8Array, place: PartPlace): void {
    const start = index.copyKey(blockIndex, prefix)
    const order = compareKeys(start, this.#lastKey)
    const isBehind =
      order > 0 || (order === 0 && index.startSeqNums[blockIndex]! < this.#lastSeqNum)
    if (this.#entryCount > 0 && !isBehind) {
      throw tableCorrupt(place, `the start of block ${blockIndex} is not behind the block before`)
    }
  }

  #checkBlock(block: Block, index: TableIndex, blockIndex: number, filter: Uint8Array): void {
    const decoder = this.#decoder
    let restartIndex = 0
    let position = 0
    decoder.restart()
    while (position < block.entriesEnd) {
      const isRestart =
        restartIndex < block.restartCount && position === block.restartAt(restartIndex)
      if (isRestart) restartIndex++
      position = decoder.decode(block, position, block.entriesEnd)
      if (isRestart && decoder.sharedBytes !== 0) throw block.corrupt('a restart shares a key')
      this.#checkOrder(block, isRestart)
      if (!filterMayContain(filter, hashBytes(decoder.key, 0, decoder.keyEnd))) {
        throw block.corrupt('the filter does not know a key')
      }
      if (this.#entryCount === 0) this.#smallestKey = this.#lastKey
      if (restartIndex === 1 && isRestart) this.#checkFirst(block, index, blockIndex)
      this.#count()
    }
    if (restartIndex !== block.restartCount) {
      throw block.corrupt('a restart is not at the start of an entry')
    }
  }

  /** Compares the decoded entry with the one before it and takes its place. */
  #checkOrder(block: Block, isRestart: boolean): void {
    const { key, keyEnd, seqNum, sharedBytes } = this.#decoder
    const last = this.#lastKey
    let shared = 0
    while (shared < last.length && shared < keyEnd && last[shared] === key[shared]) shared++
    const isSameKey = shared === keyEnd && shared === last.length
    const isBehind = isSameKey
      ? seqNum < this.#lastSeqNum
      : shared === last.length || (shared < keyEnd && key[shared]! > last[shared]!)
    if (!isBehind) throw block.corrupt('entries are out of order')
    if (!isRestart && shared - TENANT_PREFIX_BYTES !== sharedBytes) {
      throw block.corrupt('an entry does not share all it could')
    }
    if (!isSameKey) this.#lastKey = key.slice(0, keyEnd)
    this.#lastSeqNum = seqNum
  }

  #checkFirst(block: Block, index: TableIndex, blockIndex: number): void {
    const order = index.compareStart(blockIndex, this.#lastKey, TENANT_PREFIX_BYTES)
    const isAtStart =
      order < 0 || (order === 0 && index.startSeqNums[blockIndex]! >= this.#lastSeqNum)
    if (!isAtStart || (blockIndex === 0 && order !== 0)) {
      throw block.corrupt('the first entry of the block is not where its index says')
    }
  }

  #count(): void {
    const { kind, seqNum } = this.#decoder
    this.#entryCount++
    if (kind === ENTRY_KIND_DELETE) this.#tombstoneCount++
    if (seqNum < this.#minSeqNum) this.#minSeqNum = seqNum
    if (seqNum > this.#maxSeqNum) this.#maxSeqNum = seqNum
  }

  #checkProperties(): void {
    const { properties, directory, footer, path } = this.#file
    const place: PartPlace = {
      path,
      offsetBytes: footer.directoryOffsetBytes + footer.directoryBytes,
    }
    const found = {
      entryCount: this.#entryCount,
      tombstoneCount: this.#tombstoneCount,
      minSeqNum: this.#minSeqNum,
      maxSeqNum: this.#maxSeqNum,
      tenantCount: directory.tenantCount,
      blockCount: this.#blockCount,
      rawDataBytes: this.#rawDataBytes,
    }
    for (const name of Object.keys(found) as (keyof typeof found)[]) {
      if (properties[name] !== found[name]) {
        throw tableCorrupt(place, `${name} is ${properties[name]}, the blocks say ${found[name]}`)
      }
    }
  }

  #checkMeta(meta: TableMeta): void {
    const isRight =
      meta.entryCount === this.#entryCount &&
      meta.tombstoneCount === this.#tombstoneCount &&
      meta.minSeqNum === this.#minSeqNum &&
      meta.maxSeqNum === this.#maxSeqNum &&
      compareKeys(meta.smallestKey, this.#smallestKey!) === 0 &&
      compareKeys(meta.largestKey, this.#lastKey) === 0
    if (!isRight) {
      const place: PartPlace = { path: this.#file.path, offsetBytes: 0 }
      throw tableCorrupt(place, 'the manifest describes other contents')
    }
  }
}
