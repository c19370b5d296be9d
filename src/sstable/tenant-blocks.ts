import type { Block } from './block.js'
import { CachedItem } from './block-cache.js'
import type { TenantDirectory } from './directory.js'
import { filterMayContain } from './filter.js'
import type { TableIndex } from './index-block.js'

/** So many keys found one after the other, and the filter is not asked first any more. */
const EXPECTED_AFTER_COUNT = 16

/** What reading the main or the history blocks of one tenant needs, decoded; in memory while the cache keeps it. */
export class TenantBlocks extends CachedItem {
  /** Its number in the directory. */
  readonly tenant: number
  /** The first 8 bytes of its keys. */
  readonly prefix: Uint8Array
  readonly index: TableIndex
  /** Of the main blocks. Absent when it is damaged: then every read looks into the data. */
  readonly filter: Uint32Array | undefined
  /** Home of the cached blocks, by block index. */
  readonly blocks: (Block | undefined)[]
  /** Since one was missing; counted as far as it matters. */
  #foundCount = 0

  constructor(tenant: number, prefix: Uint8Array, index: TableIndex, filter?: Uint32Array) {
    super()
    this.tenant = tenant
    this.prefix = prefix
    this.index = index
    this.filter = filter
    this.blocks = Array.from({ length: index.blockCount }, () => undefined)
  }

  /** Whether keys were found lately: the filter would say "perhaps", after waiting for two places in memory. */
  get isFindingAll(): boolean {
    return this.#foundCount >= EXPECTED_AFTER_COUNT
  }

  noteFound(): void {
    if (this.#foundCount < EXPECTED_AFTER_COUNT) this.#foundCount++
  }

  noteMissing(): void {
    this.#foundCount = 0
  }

  /** Whether the filter says that no key with this hash is there. */
  isLacking(keyHash: number): boolean {
    if (this.filter === undefined || filterMayContain(this.filter, keyHash)) return false
    this.#foundCount = 0
    return true
  }

  hasCached(blockIndex: number): boolean {
    return blockIndex >= 0 && this.blocks[blockIndex] !== undefined
  }
}

/** Where a cursor gets its blocks, from the cache or the file: all main blocks of a table, or all history blocks. */
export interface TenantBlockSource {
  directory(): TenantDirectory
  /** What is known of a tenant, by its number in the directory; undefined when it has no such blocks. */
  tenant(tenant: number): TenantBlocks | undefined
  block(tenant: TenantBlocks, blockIndex: number): Block
}
