import { ENTRY_KIND_DELETE, type EntrySlot } from '../codec/entry.js'
import { FORMAT_VERSION } from '../codec/file-header.js'
import { ALL_HASHES, type HashRange, TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareBytes } from '../kernels/bytes.js'
import { type Block, BlockEntries } from './block.js'
import {
  type EntryStream,
  type PackedBlock,
  type WholeBlock,
  WORTHWHILE_RUN_COUNT,
} from './entry-stream.js'
import type { TablePart } from './format.js'
import type { TableIndex } from './index-block.js'
import type { TableFile } from './table-file.js'

/**
 * The main or the history blocks of a table, or of its tenants with some hashes, each read once and past the cache. Throws
 * SSTABLE_CORRUPT for damage.
 */
export class TableStream implements EntryStream {
  isValid = false
  readonly entry: EntrySlot
  sharedBytes = 0
  readonly #file: TableFile
  readonly #part: TablePart
  readonly #entries = new BlockEntries()
  #tenant: number
  readonly #tenantEnd: number
  #prefix: Uint8Array = new Uint8Array(0)
  #index: TableIndex | undefined
  #blockIndex = 0
  #packed: PackedBlock | undefined
  #content: Block | undefined
  #entryIndex = 0
  /** The last key of the block before. */
  #keyBefore = new Uint8Array(256)
  #keyBeforeEnd = 0

  constructor(file: TableFile, part: TablePart, hashes: HashRange = ALL_HASHES) {
    this.#file = file
    this.#part = part
    this.entry = this.#entries.entry
    const { first, end } = file.directory.stretchOf(hashes)
    this.#tenant = first - 1
    this.#tenantEnd = end
    this.next()
  }

  next(): void {
    const content = this.#content
    const entryIndex = this.#entryIndex + 1
    if (content !== undefined && entryIndex < content.entryCount) {
      this.#entryIndex = entryIndex
      this.#entries.load(entryIndex)
      this.sharedBytes = TENANT_PREFIX_BYTES + content.sharedBytes(entryIndex)
    } else {
      this.#rememberKey()
      this.#enterNextBlock()
    }
  }

  wholeBlock(before?: EntrySlot): WholeBlock | undefined {
    // What is older is rewritten: main blocks of format version 1 hold several versions of a key, those of 2 are slower to read.
    const isNew = this.#part === 'main' && this.#file.identity.formatVersion === FORMAT_VERSION
    if (this.#entryIndex > 0 || !isNew || !this.#isBlockBefore(this.#blockIndex, before)) {
      return undefined
    }
    if (this.#file.properties.tombstoneCount > 0 && hasTombstone(this.#content!)) return undefined
    const { blockCount } = this.#index!
    const end = Math.min(this.#blockIndex + WORTHWHILE_RUN_COUNT, blockCount)
    let next = this.#blockIndex + 1
    while (next < end && this.#isBlockBefore(next, before)) next++
    return {
      packed: this.#packed!,
      content: this.#content!,
      runCount: next - this.#blockIndex,
      isLastOfTenant: next === blockCount && !this.#isOfTenant(before),
    }
  }

  toLastOfBlock(): void {
    this.#entryIndex = this.#content!.entryCount - 1
    this.#entries.load(this.#entryIndex)
  }

  /** Whether all of a block is before an entry, itself not before the current one. */
  #isBlockBefore(blockIndex: number, before: EntrySlot | undefined): boolean {
    if (before === undefined || !this.#isOfTenant(before)) return true
    const { keys, keyStarts, blockCount } = this.#index!
    const { keyBytes, keyStart, keyEnd } = before
    // What the next block starts with is behind the keys of this one; behind the last block comes the largest key.
    const next = blockIndex + 1
    const order = compareBytes(
      keys,
      keyStarts[next]!,
      keyStarts[next + 1]!,
      keyBytes,
      keyStart + TENANT_PREFIX_BYTES,
      keyEnd,
    )
    return next < blockCount ? order <= 0 : order < 0
  }

  #isOfTenant(other: EntrySlot | undefined): boolean {
    if (other === undefined) return false
    const { keyBytes, keyStart } = other
    const keyEnd = keyStart + TENANT_PREFIX_BYTES
    return compareBytes(this.#prefix, 0, TENANT_PREFIX_BYTES, keyBytes, keyStart, keyEnd) === 0
  }

  #enterNextBlock(): void {
    const index = this.#index
    if (index !== undefined && this.#blockIndex + 1 < index.blockCount) {
      this.#enterBlock(index, this.#blockIndex + 1)
      return
    }
    const { directory } = this.#file
    while (++this.#tenant < this.#tenantEnd) {
      const found = this.#readIndex(this.#tenant)
      if (found === undefined) continue
      this.#index = found
      this.#prefix = directory.prefixOf(this.#tenant)
      this.#entries.setTenantPrefix(this.#prefix)
      this.#enterBlock(found, 0)
      return
    }
    this.isValid = false
    this.#packed = undefined
    this.#content = undefined
  }

  #readIndex(tenant: number): TableIndex | undefined {
    if (this.#part === 'main') return this.#file.readIndex(tenant)
    return this.#file.readHistoryIndex(tenant)
  }

  #enterBlock(index: TableIndex, blockIndex: number): void {
    const packed = this.#file.readPackedBlock(this.#tenant, index, blockIndex)
    const content = this.#file.unpackBlock(packed, this.#tenant, index.offsets[blockIndex]!)
    this.#packed = packed
    this.#content = content
    this.#blockIndex = blockIndex
    this.#entryIndex = 0
    this.#entries.setBlock(content)
    this.#entries.load(0)
    const { keyBytes, keyEnd } = this.entry
    const before = this.#keyBefore
    const limit = Math.min(keyEnd, this.#keyBeforeEnd)
    let shared = 0
    while (shared < limit && before[shared] === keyBytes[shared]) shared++
    this.sharedBytes = shared
    this.isValid = true
  }

  #rememberKey(): void {
    if (this.#content === undefined) return
    const { keyBytes, keyEnd } = this.entry
    if (keyEnd > this.#keyBefore.length) this.#keyBefore = new Uint8Array(keyEnd * 2)
    const before = this.#keyBefore
    for (let i = 0; i < keyEnd; i++) before[i] = keyBytes[i]!
    this.#keyBeforeEnd = keyEnd
  }
}

function hasTombstone(block: Block): boolean {
  for (let i = 0; i < block.entryCount; i++) {
    if (block.kind(i) === ENTRY_KIND_DELETE) return true
  }
  return false
}
