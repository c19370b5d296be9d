import { invariant } from '../base/assert.js'
import { SEQ_NUM_MAX, type SeqNum } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { CODEC_NONE, compress } from '../codec/compression.js'
import { ENTRY_KIND_DELETE, type EntrySlot } from '../codec/entry.js'
import { encodeFileHeader, FILE_TYPE_SSTABLE, type FileIdentity } from '../codec/file-header.js'
import {
  TABLE_PREFIX_BYTES,
  TENANT_PREFIX_BYTES,
  tenantHashOfKey,
  tenantIdOfKey,
} from '../codec/tenant-key.js'
import type { File } from '../env/file-system.js'
import { finishHash, KeyHasher, mixBytes } from '../kernels/bytes.js'
import type { Block } from './block.js'
import { type DirectoryRow, encodeDirectory, type IndexPlace } from './directory.js'
import type { PackedBlock, WholeBlock } from './entry-stream.js'
import { FilterBuilder } from './filter.js'
import {
  encodeFooter,
  encodeProperties,
  FOOTER_BYTES,
  footerChecksumOf,
  type TableMeta,
} from './format.js'
import { encodeGarbage, endsOf, GarbageBuilder, type GarbageRow } from './garbage-block.js'
import { PartWriter, type WrittenPart } from './part-writer.js'
import { indexPlaceOf, TenantBlocksBuilder } from './tenant-blocks-builder.js'

const NOWHERE: IndexPlace = { offsetBytes: 0, storedBytes: 0, rawBytes: 0, checksum: 0, codecId: 0 }

export interface TableWriterOptions {
  /** How long a block is before compression, at most; see format.ts for blocks of few entries. */
  readonly blockBytes: number
  readonly transform: BlockTransform
  /** Told before so many bytes go to the file; what it throws keeps them back. */
  readonly onWrite?: ((byteCount: number) => void) | undefined
}

/**
 * Writes one sstable from entries that arrive in order. Owns the file from the start: finish and abandon close it.
 * After abandon, or when a method has thrown, the file is rubbish for the caller to remove.
 *
 * History blocks go to the file as they become full. The main blocks of a tenant wait in memory until its history is
 * complete: they are what a table is cut by, so they are never much more than one table, however long the past of a key is.
 */
export class TableWriter {
  readonly #file: File
  readonly #identity: FileIdentity
  readonly #transform: BlockTransform
  readonly #parts: PartWriter

  readonly #main: TenantBlocksBuilder
  readonly #history: TenantBlocksBuilder
  readonly #filter = new FilterBuilder()
  readonly #hasher = new KeyHasher()
  readonly #garbage = new GarbageBuilder()
  readonly #directory: DirectoryRow[] = []
  /** Main blocks of the tenant that is being written. */
  #waiting: PackedBlock[] = []
  #waitingBytes = 0
  /** Where that tenant begins. */
  #tenantOffsetBytes: number

  #lastSeqNum: SeqNum = SEQ_NUM_MAX
  #smallestKey: Uint8Array | undefined

  #entryCount = 0
  #tombstoneCount = 0
  #historyCount = 0
  #historyBytes = 0
  #minSeqNum: SeqNum = SEQ_NUM_MAX
  #maxSeqNum = 0

  constructor(file: File, identity: FileIdentity, options: TableWriterOptions) {
    invariant(identity.fileType === FILE_TYPE_SSTABLE, 'an sstable says that it is one')
    invariant(identity.transformId === options.transform.id, 'the header names the transform')
    this.#file = file
    this.#identity = identity
    this.#transform = options.transform
    this.#parts = new PartWriter(file, encodeFileHeader(identity), options.onWrite)
    this.#tenantOffsetBytes = this.#parts.offsetBytes
    this.#main = new TenantBlocksBuilder(options.blockBytes, (block) => {
      // What did not compress is still where the next block will be built.
      const bytes = block.codecId === CODEC_NONE ? block.bytes.slice() : block.bytes
      this.#waiting.push({ ...block, bytes })
      this.#waitingBytes += bytes.length
    })
    this.#history = new TenantBlocksBuilder(options.blockBytes, (block) => {
      this.#history.addBlock(block, this.#appendSealed(block.bytes))
    })
  }

  /** What the file would have if it were finished now, roughly. */
  get estimatedBytes(): number {
    const openBytes = this.#main.openBytes + this.#history.openBytes
    return this.#parts.offsetBytes + this.#waitingBytes + openBytes + FOOTER_BYTES
  }

  /**
   * Adds the next entry in the order of codec/entry.ts. The bytes are copied.
   *
   * @param sharedBytes  how many bytes its key has in common with the key of the entry added last, whichever table that is in
   */
  add(entry: EntrySlot, sharedBytes: number): void {
    const shared = this.#entryCount === 0 ? 0 : sharedBytes
    if (shared === entry.keyEnd - entry.keyStart) {
      this.#addSuperseded(entry)
    } else {
      this.#beginKey(entry, shared)
      this.#count(entry, this.#main.add(entry, shared))
    }
  }

  /**
   * Takes a block over as it is stored, unless that would leave small blocks behind. If so, addTaken follows.
   *
   * @param first  its first entry, a new key
   */
  takeBlock(block: WholeBlock, first: EntrySlot, sharedBytes: number): boolean {
    const shared = this.#entryCount === 0 ? 0 : sharedBytes
    if (shared < TENANT_PREFIX_BYTES) this.#finishTenant()
    if (!this.#main.wantsBlock(block)) return false
    this.#checkKey(first, shared)
    this.#smallestKey ??= first.copyKey()
    this.#main.takeBlock(block.packed, first, shared)
    return true
  }

  /** What the block holds that was taken over, and its last entry: what a table states of its entries stays exact. */
  addTaken(content: Block, last: EntrySlot): void {
    const { keyBytes, keyStart, keyEnd } = last
    const { bytes, prefixStart, prefixEnd, entryCount } = content
    const shared = this.#main.sharedWithLast(keyBytes, keyStart, keyEnd - keyStart)
    // Keys come in order: if this one has the prefix of the key before the block, all between have it.
    if (shared < TABLE_PREFIX_BYTES) this.#garbage.beginPrefix(keyBytes, keyStart, keyEnd)
    const tenant = mixBytes(keyBytes, keyStart, keyStart + TENANT_PREFIX_BYTES)
    const state = mixBytes(bytes, prefixStart, prefixEnd, tenant)
    for (let i = 0; i < entryCount - 1; i++) {
      invariant(content.kind(i) !== ENTRY_KIND_DELETE, 'taken blocks hold no tombstones')
      this.#filter.add(finishHash(mixBytes(bytes, content.keyStart(i), content.keyEnd(i), state)))
      this.#countVersion(content.seqNum(i) as SeqNum)
    }
    this.#filter.add(this.#hasher.hash(keyBytes, keyStart, keyEnd, 0))
    this.#main.addTaken(entryCount, last, shared)
    this.#count(last, 0)
  }

  /**
   * Writes what is left, makes the file durable and closes it. Syncing its directory is the caller's.
   *
   * @throws DISK_FULL, IO_FAILED
   */
  finish(): TableMeta {
    const smallestKey = this.#smallestKey
    invariant(smallestKey !== undefined, 'a table has an entry')
    this.#finishTenant()
    const garbage = this.#garbage.finish()
    const footer = this.#writeTail(garbage)
    this.#parts.flush()
    this.#file.syncNow()
    this.#file.close()
    return {
      fileId: this.#identity.fileId,
      fileBytes: this.#parts.offsetBytes,
      footerChecksum: footerChecksumOf(footer),
      entryCount: this.#entryCount,
      tombstoneCount: this.#tombstoneCount,
      minSeqNum: this.#minSeqNum,
      maxSeqNum: this.#maxSeqNum as SeqNum,
      smallestKey,
      largestKey: this.#main.lastKey.slice(0, this.#main.lastKeyEnd),
      history: {
        entryCount: this.#historyCount,
        bytes: this.#historyBytes,
        ...endsOf(garbage),
      },
    }
  }

  /** Gives up: closes the file, which the caller removes. */
  abandon(): void {
    this.#file.close()
  }

  #beginKey(entry: EntrySlot, shared: number): void {
    const { keyBytes, keyStart, keyEnd } = entry
    this.#checkKey(entry, shared)
    if (shared < TENANT_PREFIX_BYTES) this.#finishTenant()
    if (shared < TABLE_PREFIX_BYTES) this.#garbage.beginPrefix(keyBytes, keyStart, keyEnd)
    this.#filter.add(this.#hasher.hash(keyBytes, keyStart, keyEnd, shared))
    this.#smallestKey ??= entry.copyKey()
  }

  #checkKey({ keyBytes, keyStart, keyEnd }: EntrySlot, shared: number): void {
    const { lastKey, lastKeyEnd } = this.#main
    const isBehindLast = shared === lastKeyEnd || keyBytes[keyStart + shared]! > lastKey[shared]!
    invariant(isBehindLast, 'entries are added in order')
    invariant(keyEnd - keyStart >= TENANT_PREFIX_BYTES, 'a key starts with its tenant')
  }

  /** Adds an older version of the key added last. */
  #addSuperseded(entry: EntrySlot): void {
    const { keyBytes, keyStart, keyEnd, seqNum } = entry
    const history = this.#history
    const keyLength = keyEnd - keyStart
    const isBehindLast = keyLength === this.#main.lastKeyEnd && seqNum < this.#lastSeqNum
    invariant(isBehindLast, 'entries are added in order')
    const entryBytes = history.add(entry, history.sharedWithLast(keyBytes, keyStart, keyLength))
    this.#historyCount++
    this.#garbage.addSuperseded(entryBytes, this.#lastSeqNum)
    this.#count(entry, entryBytes)
  }

  #count({ kind, seqNum }: EntrySlot, entryBytes: number): void {
    if (kind === ENTRY_KIND_DELETE) {
      this.#tombstoneCount++
      this.#garbage.addTombstone(entryBytes, seqNum)
    }
    this.#lastSeqNum = seqNum
    this.#countVersion(seqNum)
  }

  #countVersion(seqNum: SeqNum): void {
    this.#entryCount++
    if (seqNum < this.#minSeqNum) this.#minSeqNum = seqNum
    if (seqNum > this.#maxSeqNum) this.#maxSeqNum = seqNum
  }

  #finishTenant(): void {
    if (this.#main.isEmpty) return
    const history = this.#finishHistory()
    this.#main.finishBlocks()
    for (const block of this.#waiting) this.#main.addBlock(block, this.#appendSealed(block.bytes))
    this.#waiting = []
    this.#waitingBytes = 0
    const index = this.#appendIndex(this.#main)
    const filter = this.#appendSealed(this.#filter.finish())
    const key = this.#main.lastKey
    this.#directory.push({
      tenantHash: tenantHashOfKey(key),
      tenantId: tenantIdOfKey(key),
      history,
      index,
      filterBytes: filter.storedBytes,
      filterChecksum: filter.checksum,
    })
    this.#tenantOffsetBytes = this.#parts.offsetBytes
  }

  /** Completes the history of the tenant, if it has one. */
  #finishHistory(): IndexPlace | undefined {
    if (this.#history.isEmpty) return undefined
    this.#history.finishBlocks()
    const index = this.#appendIndex(this.#history)
    this.#historyBytes += this.#parts.offsetBytes - this.#tenantOffsetBytes
    return index
  }

  #appendIndex(blocks: TenantBlocksBuilder): IndexPlace {
    const index = blocks.finishIndex()
    return indexPlaceOf(index, this.#appendSealed(index.bytes))
  }

  /** Seals a part of the tenant of the last key and appends it. */
  #appendSealed(bytes: Uint8Array): WrittenPart {
    const sealed = this.#transform.seal(bytes, {
      tenantId: tenantIdOfKey(this.#main.lastKey),
      fileId: this.#identity.fileId,
      offsetBytes: this.#parts.offsetBytes,
    })
    return this.#parts.append(sealed)
  }

  /** Writes directory, garbage block, properties and footer; returns the footer. */
  #writeTail(garbageRows: readonly GarbageRow[]): Uint8Array {
    const directory = this.#appendPacked(encodeDirectory(this.#directory))
    const garbage =
      garbageRows.length === 0 ? NOWHERE : this.#appendPacked(encodeGarbage(garbageRows))
    const properties = this.#parts.append(
      encodeProperties({
        entryCount: this.#entryCount,
        tombstoneCount: this.#tombstoneCount,
        minSeqNum: this.#minSeqNum,
        maxSeqNum: this.#maxSeqNum as SeqNum,
        tenantCount: this.#directory.length,
        blockCount: this.#main.blockCount + this.#history.blockCount,
        rawDataBytes: this.#main.rawBytes + this.#history.rawBytes,
      }),
    )
    const footer = encodeFooter(
      {
        directoryOffsetBytes: directory.offsetBytes,
        directoryBytes: directory.storedBytes,
        directoryRawBytes: directory.rawBytes,
        directoryChecksum: directory.checksum,
        directoryCodecId: directory.codecId,
        garbageBytes: garbage.storedBytes,
        garbageRawBytes: garbage.rawBytes,
        garbageChecksum: garbage.checksum,
        garbageCodecId: garbage.codecId,
        propertiesBytes: properties.storedBytes,
        propertiesChecksum: properties.checksum,
        fileBytes: this.#parts.offsetBytes + FOOTER_BYTES,
      },
      this.#parts.placeSeed,
    )
    this.#parts.append(footer)
    return footer
  }

  /** Appends a part that is nobody's, so not sealed. */
  #appendPacked(raw: Uint8Array): IndexPlace {
    const packed = { ...compress(raw), rawBytes: raw.length }
    return indexPlaceOf(packed, this.#parts.append(packed.bytes))
  }
}
