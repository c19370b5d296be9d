import { invariant } from '../base/assert.js'
import { SEQ_NUM_MAX, type SeqNum } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { compress } from '../codec/compression.js'
import { ENTRY_KIND_DELETE } from '../codec/entry.js'
import { encodeFileHeader, FILE_TYPE_SSTABLE, type FileIdentity } from '../codec/file-header.js'
import { TENANT_PREFIX_BYTES, tenantHashOfKey, tenantIdOfKey } from '../codec/tenant-key.js'
import type { File } from '../env/file-system.js'
import { hashBytes } from '../kernels/bytes.js'
import { BlockBuilder } from './block-builder.js'
import { type DirectoryRow, encodeDirectory } from './directory.js'
import { FilterBuilder } from './filter.js'
import {
  encodeFooter,
  encodeProperties,
  FOOTER_BYTES,
  footerChecksumOf,
  type TableMeta,
} from './format.js'
import { IndexBuilder } from './index-block.js'
import { PartWriter, type WrittenPart } from './part-writer.js'

export interface TableWriterOptions {
  /** A block with more than one entry is at most this long before compression. */
  readonly blockBytes: number
  readonly transform: BlockTransform
}

/**
 * Writes one sstable from entries that arrive in order. Owns the file from the start: finish and abandon close it.
 * After abandon, or when a method has thrown, the file is rubbish for the caller to remove.
 */
export class TableWriter {
  readonly #file: File
  readonly #identity: FileIdentity
  readonly #blockBytes: number
  readonly #transform: BlockTransform
  readonly #parts: PartWriter

  readonly #block = new BlockBuilder()
  readonly #index = new IndexBuilder()
  readonly #filter = new FilterBuilder()
  readonly #directory: DirectoryRow[] = []

  /** The key added last is lastKey[0, lastKeyEnd). */
  #lastKey = new Uint8Array(256)
  #lastKeyEnd = 0
  #lastSeqNum = 0
  #smallestKey: Uint8Array | undefined

  #entryCount = 0
  /** Of the tenant that is being written. */
  #tenantEntryCount = 0
  #tombstoneCount = 0
  #minSeqNum: number = SEQ_NUM_MAX
  #maxSeqNum = 0
  #blockCount = 0
  #rawDataBytes = 0

  constructor(file: File, identity: FileIdentity, options: TableWriterOptions) {
    invariant(identity.fileType === FILE_TYPE_SSTABLE, 'an sstable says that it is one')
    invariant(identity.transformId === options.transform.id, 'the header names the transform')
    this.#file = file
    this.#identity = identity
    this.#blockBytes = options.blockBytes
    this.#transform = options.transform
    this.#parts = new PartWriter(file, encodeFileHeader(identity))
  }

  /** What the file would have if it were finished now, roughly. */
  get estimatedBytes(): number {
    return this.#parts.offsetBytes + this.#block.rawBytes + FOOTER_BYTES
  }

  /** Adds the next entry in the order of codec/entry.ts. The bytes are copied. */
  add(
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    seqNum: SeqNum,
    kind: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const keyLength = keyEnd - keyStart
    const lastKeyEnd = this.#lastKeyEnd
    const shared = this.#sharedWithLast(keyBytes, keyStart, keyLength)
    const isSameKey = shared === keyLength && shared === lastKeyEnd
    const isBehindLast = isSameKey
      ? seqNum < this.#lastSeqNum
      : shared === lastKeyEnd ||
        (shared < keyLength && keyBytes[keyStart + shared]! > this.#lastKey[shared]!)
    invariant(isBehindLast, 'entries are added in order')
    invariant(keyLength >= TENANT_PREFIX_BYTES, 'a key starts with its tenant')

    if (shared < TENANT_PREFIX_BYTES) this.#finishTenant()
    const restStart = keyStart + TENANT_PREFIX_BYTES
    if (!this.#block.hasRoom(keyEnd - restStart, valueEnd - valueStart, this.#blockBytes)) {
      this.#finishBlock()
    }
    if (this.#block.isEmpty) this.#startBlock(keyBytes, restStart, keyEnd, shared, seqNum)
    const sharedRest = shared < TENANT_PREFIX_BYTES ? 0 : shared - TENANT_PREFIX_BYTES
    const block = this.#block
    block.add(
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
    if (!isSameKey) {
      this.#filter.add(hashBytes(keyBytes, keyStart, keyEnd))
      this.#rememberKey(keyBytes, keyStart, keyLength, shared)
    }
    this.#lastSeqNum = seqNum
    this.#entryCount++
    this.#tenantEntryCount++
    if (kind === ENTRY_KIND_DELETE) this.#tombstoneCount++
    if (seqNum < this.#minSeqNum) this.#minSeqNum = seqNum
    if (seqNum > this.#maxSeqNum) this.#maxSeqNum = seqNum
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
    const footer = this.#writeTail()
    this.#parts.flush()
    this.#file.syncNow()
    this.#file.close()
    return {
      fileId: this.#identity.fileId,
      fileBytes: this.#parts.offsetBytes,
      footerChecksum: footerChecksumOf(footer),
      entryCount: this.#entryCount,
      tombstoneCount: this.#tombstoneCount,
      minSeqNum: this.#minSeqNum as SeqNum,
      maxSeqNum: this.#maxSeqNum as SeqNum,
      smallestKey,
      largestKey: this.#lastKey.slice(0, this.#lastKeyEnd),
    }
  }

  /** Gives up: closes the file, which the caller removes. */
  abandon(): void {
    this.#file.close()
  }

  #sharedWithLast(keyBytes: Uint8Array, keyStart: number, keyLength: number): number {
    const last = this.#lastKey
    const limit = keyLength < this.#lastKeyEnd ? keyLength : this.#lastKeyEnd
    let shared = 0
    while (shared < limit && last[shared] === keyBytes[keyStart + shared]) shared++
    return shared
  }

  #rememberKey(keyBytes: Uint8Array, keyStart: number, keyLength: number, shared: number): void {
    if (keyLength > this.#lastKey.length) {
      const grown = new Uint8Array(keyLength * 2)
      grown.set(this.#lastKey.subarray(0, shared))
      this.#lastKey = grown
    }
    const last = this.#lastKey
    for (let i = shared; i < keyLength; i++) last[i] = keyBytes[keyStart + i]!
    this.#lastKeyEnd = keyLength
    this.#smallestKey ??= last.slice(0, keyLength)
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
    if (this.#index.blockCount === 0) {
      this.#index.addStart(keyBytes, restStart, keyEnd, SEQ_NUM_MAX)
    } else if (keyStart + shared === keyEnd) {
      this.#index.addStart(keyBytes, restStart, keyEnd, seqNum)
    } else {
      // One byte more than the two keys share is the shortest that is above the one and not above the other.
      this.#index.addStart(keyBytes, restStart, keyStart + shared + 1, SEQ_NUM_MAX)
    }
  }

  #finishBlock(): void {
    if (this.#block.isEmpty) return
    const raw = this.#block.finish()
    const { codecId, bytes } = compress(raw)
    const part = this.#appendSealed(bytes)
    this.#index.addBlock(part.storedBytes, raw.length, part.checksum, codecId)
    this.#blockCount++
    this.#rawDataBytes += raw.length
  }

  #finishTenant(): void {
    if (this.#tenantEntryCount === 0) return
    this.#finishBlock()
    const key = this.#lastKey
    const raw = this.#index.finish(
      this.#tenantEntryCount,
      key,
      TENANT_PREFIX_BYTES,
      this.#lastKeyEnd,
    )
    const { codecId, bytes } = compress(raw)
    const index = this.#appendSealed(bytes)
    const filter = this.#appendSealed(this.#filter.finish())
    this.#directory.push({
      tenantHash: tenantHashOfKey(key),
      tenantId: tenantIdOfKey(key),
      indexOffsetBytes: index.offsetBytes,
      indexBytes: index.storedBytes,
      indexRawBytes: raw.length,
      indexChecksum: index.checksum,
      indexCodecId: codecId,
      filterBytes: filter.storedBytes,
      filterChecksum: filter.checksum,
    })
    this.#tenantEntryCount = 0
  }

  /** Seals a part of the tenant of the last key and appends it. */
  #appendSealed(bytes: Uint8Array): WrittenPart {
    const sealed = this.#transform.seal(bytes, {
      tenantId: tenantIdOfKey(this.#lastKey),
      fileId: this.#identity.fileId,
      offsetBytes: this.#parts.offsetBytes,
    })
    return this.#parts.append(sealed)
  }

  /** Writes directory, properties and footer; returns the footer. */
  #writeTail(): Uint8Array {
    const rawDirectory = encodeDirectory(this.#directory)
    const { codecId, bytes } = compress(rawDirectory)
    const directory = this.#parts.append(bytes)
    const properties = this.#parts.append(
      encodeProperties({
        entryCount: this.#entryCount,
        tombstoneCount: this.#tombstoneCount,
        minSeqNum: this.#minSeqNum as SeqNum,
        maxSeqNum: this.#maxSeqNum as SeqNum,
        tenantCount: this.#directory.length,
        blockCount: this.#blockCount,
        rawDataBytes: this.#rawDataBytes,
      }),
    )
    const footer = encodeFooter(
      {
        directoryOffsetBytes: directory.offsetBytes,
        directoryBytes: directory.storedBytes,
        directoryRawBytes: rawDirectory.length,
        directoryChecksum: directory.checksum,
        directoryCodecId: codecId,
        propertiesBytes: properties.storedBytes,
        propertiesChecksum: properties.checksum,
        fileBytes: this.#parts.offsetBytes + FOOTER_BYTES,
      },
      this.#parts.placeSeed,
    )
    this.#parts.append(footer)
    return footer
  }
}
