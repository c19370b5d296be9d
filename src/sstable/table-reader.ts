import { EngineError, engineError } from '../base/errors.js'
import { type SeqNum, SEQ_NUM_ZERO } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import type { EntrySlot, KeyRange } from '../codec/entry.js'
import { type HashRange, TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import type { FileSystem } from '../env/file-system.js'
import { BLOCK_FOUND, BLOCK_PAST_END, type Block, findInBlock } from './block.js'
import type { BlockCache } from './block-cache.js'
import type { TenantDirectory } from './directory.js'
import type { TableMeta, TableProperties } from './format.js'
import type { GarbageRow } from './garbage-block.js'
import type { TableIndex } from './index-block.js'
import { type Hole, SalvageCursor } from './salvage-cursor.js'
import { TableCursor } from './table-cursor.js'
import { TableFile } from './table-file.js'
import { type TableCounts, verifyTable } from './table-verify.js'
import { TenantBlocks, type TenantBlockSource } from './tenant-blocks.js'

/** The tenants of a table that lie in a range of hashes. */
export interface TablePiece extends Pick<TableMeta, 'smallestKey' | 'largestKey'> {
  /** Their stored length. */
  readonly bytes: number
}

export interface TableReaderOptions {
  readonly databaseId: Uint8Array
  readonly transform: BlockTransform
  readonly cache: BlockCache
  /** Told of each error that reading the file ends with. */
  readonly onError?: (error: unknown) => void
}

/**
 * Reads one sstable. The file is opened and its frame proven on first use; blocks come through the shared cache. Every
 * method throws SSTABLE_CORRUPT for damage, with file, offsetBytes and tenantId, and DB_CLOSED after close.
 */
export class TableReader implements TenantBlockSource {
  readonly path: string
  /** What it says of the whole file counts here. */
  readonly meta: TableMeta
  /** Filters found damaged so far; reads went on without them. */
  damagedFilterCount = 0
  readonly #fs: FileSystem
  readonly #options: TableReaderOptions
  readonly #cache: BlockCache
  #file: TableFile | undefined
  /** Home of the cached tenants, by their number in the directory. */
  #tenants: (TenantBlocks | undefined)[] = []
  /** The same of their superseded versions. */
  #histories: (TenantBlocks | undefined)[] = []
  /** A snapshot from here on sees nothing of them. */
  readonly #lastEndSeqNum: SeqNum
  #isClosed = false

  static open(
    fs: FileSystem,
    path: string,
    meta: TableMeta,
    options: TableReaderOptions,
  ): TableReader {
    return new TableReader(fs, path, meta, options)
  }

  private constructor(fs: FileSystem, path: string, meta: TableMeta, options: TableReaderOptions) {
    this.#fs = fs
    this.#options = options
    this.#cache = options.cache
    this.path = path
    this.meta = meta
    this.#lastEndSeqNum = meta.history?.lastEndSeqNum ?? SEQ_NUM_ZERO
  }

  /**
   * Finds the newest version of a key at or below a SeqNum, tombstones included.
   *
   * @param keyHash  hashBytes of the whole key
   * @param slot  on success points to the caller's key and into the block; otherwise it may hold anything
   */
  get(key: Uint8Array, keyHash: number, maxSeqNum: SeqNum, slot: EntrySlot): boolean {
    if (maxSeqNum < this.meta.minSeqNum || key.length < TENANT_PREFIX_BYTES) return false
    const file = this.#file ?? this.#openFile()
    const tenant = file.directory.find(key)
    if (tenant < 0) return false
    const main = this.tenant(tenant)
    // A filter saves the reading of a block. While keys are found, one that is cached is asked without it.
    const isExpected = main.isFindingAll
    if (!isExpected && main.isLacking(keyHash)) return false
    const blockIndex = main.index.findBlockOf(key, TENANT_PREFIX_BYTES, maxSeqNum)
    if (isExpected && !main.hasCached(blockIndex) && main.isLacking(keyHash)) return false
    if (this.#find(main, blockIndex, key, keyHash, maxSeqNum, slot)) {
      main.noteFound()
      return true
    }
    main.noteMissing()
    if (maxSeqNum >= this.#lastEndSeqNum) return false
    const history = this.#history(tenant)
    if (history === undefined) return false
    const historyIndex = history.index.findBlockOf(key, TENANT_PREFIX_BYTES, maxSeqNum)
    return this.#find(history, historyIndex, key, keyHash, maxSeqNum, slot)
  }

  /** @param blockIndex  of the block that would hold the key; -1 when none would */
  #find(
    blocks: TenantBlocks,
    blockIndex: number,
    key: Uint8Array,
    keyHash: number,
    maxSeqNum: SeqNum,
    slot: EntrySlot,
  ): boolean {
    if (blockIndex < 0) return false
    const { index } = blocks
    let outcome: number
    do {
      const block = this.block(blocks, blockIndex)
      outcome = findInBlock(block, key, TENANT_PREFIX_BYTES, keyHash, maxSeqNum, slot)
      blockIndex++
    } while (
      outcome === BLOCK_PAST_END &&
      blockIndex < index.blockCount &&
      index.compareStart(blockIndex, key, TENANT_PREFIX_BYTES) === 0
    )
    if (outcome !== BLOCK_FOUND) return false
    slot.keyBytes = key
    slot.keyStart = 0
    slot.keyEnd = key.length
    return true
  }

  /**
   * Cursors that together go through every version that a snapshot at or above `at` may see, and perhaps others. With bounds,
   * they read no block that lies outside them altogether.
   */
  cursors(at: SeqNum, bounds: KeyRange = {}): TableCursor[] {
    const main = new TableCursor(this, bounds)
    if (at >= this.#lastEndSeqNum) return [main]
    const history: TenantBlockSource = {
      directory: () => this.directory(),
      tenant: (tenant) => this.#history(tenant),
      block: (blocks, blockIndex) => this.block(blocks, blockIndex),
    }
    return [main, new TableCursor(history, bounds)]
  }

  /** What of the table lies in a range of hashes; undefined when nothing does. */
  pieceOf(range: HashRange): TablePiece | undefined {
    const { first, end, bytes } = this.#openFile().directory.stretchOf(range)
    if (first >= end) return undefined
    const lowest = this.tenant(first)
    const highest = this.tenant(end - 1)
    return {
      bytes,
      smallestKey: lowest.index.copyKey(0, lowest.prefix),
      largestKey: highest.index.copyKey(highest.index.blockCount, highest.prefix),
    }
  }

  /** Hash and stored length of each tenant whose hash is in the range. */
  *tenantSizes(range: HashRange): Generator<[hash: number, bytes: number], void, undefined> {
    const { directory } = this.#openFile()
    const { first, end } = directory.stretchOf(range)
    for (let tenant = first; tenant < end; tenant++) {
      const bytes = directory.endOffsetOf(tenant) - directory.startOffsetOf(tenant)
      yield [directory.tenantHashes[tenant]!, bytes]
    }
  }

  /**
   * Opens the file anew, so that one that was removed or replaced is noticed, reads all of it past the cache and checks
   * everything that the format promises, filters included. Yields how many bytes are done.
   *
   * @param metas  of all tablets that have a share of it; default: the reader's
   */
  *verify(metas: readonly TableMeta[] = [this.meta]): Generator<number, TableCounts, undefined> {
    let file: TableFile | undefined
    try {
      file = this.#openAnew()
      return yield* verifyTable(file, metas)
    } catch (error) {
      this.#options.onError?.(error)
      throw error
    } finally {
      file?.close()
    }
  }

  /**
   * Cursors over all that can be read, that go on behind damage. Holes in the history are not told: it holds only versions
   * that are older than others of the table, and those are read or in a hole themselves.
   *
   * @param meta  of the tablet that the bounds lie in
   */
  salvageCursors(
    meta: TableMeta,
    bounds: Required<KeyRange>,
    onHole: (hole: Hole) => void,
  ): SalvageCursor[] {
    const source = { meta, open: () => this.#openAnew() }
    return [
      new SalvageCursor({ ...source, part: 'main', onHole }, bounds),
      new SalvageCursor({ ...source, part: 'history', onHole: () => undefined }, bounds),
    ]
  }

  /** What of the table can become garbage. Reads past the cache. */
  garbage(): readonly GarbageRow[] {
    const file = this.#openFile()
    return this.#reported(() => file.readGarbage())
  }

  properties(): TableProperties {
    return this.#openFile().properties
  }

  /** Closes the file and gives its share of the cache back. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const tenant of [...this.#tenants, ...this.#histories]) {
      if (tenant === undefined) continue
      for (const block of tenant.blocks) {
        if (block !== undefined) this.#cache.remove(block)
      }
      this.#cache.remove(tenant)
    }
    this.#file?.close()
    this.#file = undefined
  }

  directory(): TenantDirectory {
    return this.#openFile().directory
  }

  tenant(tenant: number): TenantBlocks {
    const cached = this.#tenants[tenant]
    if (cached !== undefined) {
      if (!cached.isHot) cached.isHot = true
      return cached
    }
    const file = this.#openFile()
    const index = this.#reported(() => file.readIndex(tenant))
    return this.#keep(this.#tenants, file, tenant, index, this.#readFilter(file, tenant))
  }

  block(tenant: TenantBlocks, blockIndex: number): Block {
    const cached = tenant.blocks[blockIndex]
    if (cached !== undefined) {
      if (!cached.isHot) cached.isHot = true
      this.#cache.hitCount++
      return cached
    }
    this.#cache.missCount++
    const file = this.#openFile()
    const block = this.#reported(() => file.readBlock(tenant.tenant, tenant.index, blockIndex))
    this.#cache.insert(tenant.blocks, blockIndex, block, block.memoryBytes)
    return block
  }

  /** The superseded versions of a tenant; undefined when it has none. */
  #history(tenant: number): TenantBlocks | undefined {
    const cached = this.#histories[tenant]
    if (cached !== undefined) {
      cached.isHot = true
      return cached
    }
    const file = this.#openFile()
    const index = this.#reported(() => file.readHistoryIndex(tenant))
    return index === undefined ? undefined : this.#keep(this.#histories, file, tenant, index)
  }

  #keep(
    home: (TenantBlocks | undefined)[],
    file: TableFile,
    tenant: number,
    index: TableIndex,
    filter?: Uint32Array,
  ): TenantBlocks {
    const loaded = new TenantBlocks(tenant, file.directory.prefixOf(tenant), index, filter)
    const bytes = index.bytes + (filter?.byteLength ?? 0) + 8 * index.blockCount
    this.#cache.insert(home, tenant, loaded, bytes)
    return loaded
  }

  #openFile(): TableFile {
    if (this.#file !== undefined) return this.#file
    if (this.#isClosed) throw engineError('DB_CLOSED', `${this.path} is closed`)
    const file = this.#reported(() => this.#openAnew())
    this.#tenants = Array.from({ length: file.directory.tenantCount })
    this.#histories = []
    this.#file = file
    return file
  }

  #openAnew(): TableFile {
    const { databaseId, transform } = this.#options
    const { fileId, fileBytes, footerChecksum } = this.meta
    const expected = { databaseId, fileId, fileBytes, footerChecksum }
    return TableFile.open(this.#fs, this.path, expected, transform)
  }

  #reported<Value>(read: () => Value): Value {
    try {
      return read()
    } catch (error) {
      this.#options.onError?.(error)
      throw error
    }
  }

  #readFilter(file: TableFile, tenant: number): Uint32Array | undefined {
    try {
      return file.readFilter(tenant)
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'SSTABLE_CORRUPT') throw error
      this.damagedFilterCount++
      return undefined
    }
  }
}
