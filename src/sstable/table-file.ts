// One sstable file opened for reading: proves its frame (header, footer, directory, properties) and reads single parts,
// each against the checksum that its parent holds. Caches nothing; that is the reader's.

import { EngineError } from '../base/errors.js'
import type { FileId, TenantId } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { BadCompression, CODEC_NONE, decompress } from '../codec/compression.js'
import {
  decodeFileHeader,
  FILE_HEADER_BYTES,
  FILE_TYPE_SSTABLE,
  type FoundIdentity,
  placedChecksum,
  placeSeedOf,
} from '../codec/file-header.js'
import type { HashRange } from '../codec/tenant-key.js'
import type { File, FileSystem } from '../env/file-system.js'
import { FILTER_LINE_BYTES } from '../kernels/filter.js'
import { Block } from './block.js'
import { type IndexPlace, TenantDirectory } from './directory.js'
import type { PackedBlock } from './entry-stream.js'
import { wordsOfFilter } from './filter.js'
import {
  decodeFooter,
  decodeProperties,
  EXPANSION_MAX,
  FOOTER_BYTES,
  footerChecksumOf,
  type TableFooter,
  type TableProperties,
} from './format.js'
import { decodeGarbage, type GarbageRow } from './garbage-block.js'
import { TableIndex } from './index-block.js'
import { isOlderBlock, readOlderBlock } from './older-block.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

/** What the parents of the file say of it; a file looked at by itself has none of them. */
export interface TableExpectation {
  readonly databaseId?: Uint8Array | undefined
  readonly fileId?: FileId | undefined
  readonly fileBytes?: number | undefined
  readonly footerChecksum?: number | undefined
}

export class TableFile {
  readonly path: string
  readonly identity: FoundIdentity
  readonly fileBytes: number
  readonly footer: TableFooter
  readonly footerChecksum: number
  readonly properties: TableProperties
  readonly directory: TenantDirectory
  readonly #file: File
  readonly #placeSeed: number
  readonly #transform: BlockTransform
  /** Compressed bytes on their way to the decoder. */
  #scratch = new Uint8Array(0)

  /**
   * @throws SSTABLE_CORRUPT, FORMAT_UNSUPPORTED, FILE_MISSING, IO_FAILED
   */
  static open(
    fs: FileSystem,
    path: string,
    expected: TableExpectation,
    transform: BlockTransform,
  ): TableFile {
    const file = fs.open(path, 'read')
    try {
      return new TableFile(file, path, expected, transform)
    } catch (error) {
      file.close()
      throw error
    }
  }

  private constructor(
    file: File,
    path: string,
    expected: TableExpectation,
    transform: BlockTransform,
  ) {
    this.#file = file
    this.#transform = transform
    this.path = path
    this.fileBytes = file.sizeBytes()
    const header = new Uint8Array(FILE_HEADER_BYTES)
    const headerBytes = this.#read(header, { path, offsetBytes: 0 })
    this.identity = decodeFileHeader(header.subarray(0, headerBytes), {
      path,
      fileType: FILE_TYPE_SSTABLE,
      corruptCode: 'SSTABLE_CORRUPT',
      databaseId: expected.databaseId,
      fileId: expected.fileId,
    })
    this.#placeSeed = placeSeedOf(header)
    const footer = this.#readFooter(expected)
    this.footer = decodeFooter(footer, this.#placeSeed, this.fileBytes, path)
    this.footerChecksum = footerChecksumOf(footer)
    this.directory = this.#readDirectory()
    this.properties = this.#readProperties()
  }

  /** Reads a block of the tenant, of those that the index knows. */
  readBlock(tenant: number, index: TableIndex, blockIndex: number): Block {
    const isKept = index.codecIds[blockIndex] === CODEC_NONE
    const storedBytes = index.storedBytesOf(blockIndex)
    const target = isKept ? new Uint8Array(storedBytes) : this.#scratchOf(storedBytes)
    const packed = this.#readPackedInto(target, tenant, index, blockIndex)
    return this.unpackBlock(packed, tenant, index.offsets[blockIndex]!)
  }

  /** Reads and proves such a block, and leaves it as it is stored. */
  readPackedBlock(tenant: number, index: TableIndex, blockIndex: number): PackedBlock {
    const target = new Uint8Array(index.storedBytesOf(blockIndex))
    return this.#readPackedInto(target, tenant, index, blockIndex)
  }

  unpackBlock({ codecId, bytes, rawBytes }: PackedBlock, tenant: number, offset: number): Block {
    const place = this.placeOf(tenant, offset)
    const raw = expand(codecId, bytes, rawBytes, place)
    return isOlderBlock(raw) ? readOlderBlock(raw, place) : new Block(raw, place)
  }

  readIndex(tenant: number): TableIndex {
    const { directory } = this
    return this.#readIndexAt(tenant, directory.indexOf(tenant), directory.mainOffsetOf(tenant))
  }

  /** The index of the superseded versions; undefined when the tenant has none in this table. */
  readHistoryIndex(tenant: number): TableIndex | undefined {
    const { directory } = this
    const index = directory.historyOf(tenant)
    if (index === undefined) return undefined
    return this.#readIndexAt(tenant, index, directory.startOffsetOf(tenant))
  }

  /** How many entries the tenants with these hashes have, as their indexes say. */
  countEntries(hashes: HashRange): number {
    const { first, end } = this.directory.stretchOf(hashes)
    let count = 0
    for (let tenant = first; tenant < end; tenant++) {
      count += this.readIndex(tenant).entryCount
      count += this.readHistoryIndex(tenant)?.entryCount ?? 0
    }
    return count
  }

  readFilter(tenant: number): Uint32Array {
    const { directory } = this
    const place = this.placeOf(tenant, directory.filterOffsetOf(tenant))
    const stored = new Uint8Array(directory.filterBytes[tenant]!)
    this.#readPart(stored, place, directory.filterChecksums[tenant]!)
    const filter = this.#open(stored, place, place.tenantId)
    if (filter.length === 0 || filter.length % FILTER_LINE_BYTES !== 0) {
      throw tableCorrupt(place, 'the filter is not made of whole lines')
    }
    return wordsOfFilter(filter)
  }

  placeOf(tenant: number, offsetBytes: number): PartPlace & { readonly tenantId: TenantId } {
    return { path: this.path, offsetBytes, tenantId: this.directory.tenantIdOf(tenant) }
  }

  /** What of the table can become garbage; none when nothing can. */
  readGarbage(): readonly GarbageRow[] {
    const { footer, garbagePlace: place } = this
    const { garbageBytes, garbageRawBytes } = footer
    if (garbageBytes === 0) return []
    if (garbageRawBytes > garbageBytes * EXPANSION_MAX) {
      throw tableCorrupt(place, 'the garbage block claims an impossible length')
    }
    const stored = new Uint8Array(garbageBytes)
    this.#readPart(stored, place, footer.garbageChecksum)
    return decodeGarbage(expand(footer.garbageCodecId, stored, garbageRawBytes, place), place)
  }

  get garbagePlace(): PartPlace {
    const { directoryOffsetBytes, directoryBytes } = this.footer
    return { path: this.path, offsetBytes: directoryOffsetBytes + directoryBytes }
  }

  get propertiesPlace(): PartPlace {
    const { path, offsetBytes } = this.garbagePlace
    return { path, offsetBytes: offsetBytes + this.footer.garbageBytes }
  }

  close(): void {
    this.#file.close()
  }

  #readPackedInto(
    target: Uint8Array,
    tenant: number,
    index: TableIndex,
    blockIndex: number,
  ): PackedBlock {
    const place = this.placeOf(tenant, index.offsets[blockIndex]!)
    this.#readPart(target, place, index.checksums[blockIndex]!)
    return {
      codecId: index.codecIds[blockIndex]!,
      bytes: this.#open(target, place, place.tenantId),
      rawBytes: index.rawBytes[blockIndex]!,
    }
  }

  #readIndexAt(tenant: number, index: IndexPlace, blocksOffsetBytes: number): TableIndex {
    const place = this.placeOf(tenant, index.offsetBytes)
    const stored = new Uint8Array(index.storedBytes)
    this.#readPart(stored, place, index.checksum)
    const plain = this.#open(stored, place, place.tenantId)
    const raw = expand(index.codecId, plain, index.rawBytes, place)
    return new TableIndex(raw, blocksOffsetBytes, place.offsetBytes, place)
  }

  #readFooter(expected: TableExpectation): Uint8Array {
    const { fileBytes } = this
    const offsetBytes = Math.max(0, fileBytes - FOOTER_BYTES)
    const place: PartPlace = { path: this.path, offsetBytes }
    if (expected.fileBytes !== undefined && expected.fileBytes !== fileBytes) {
      throw tableCorrupt(place, `the file has ${fileBytes} bytes, not ${expected.fileBytes}`)
    }
    if (fileBytes < FILE_HEADER_BYTES + FOOTER_BYTES) {
      throw tableCorrupt(place, 'the file is too short for a table')
    }
    const footer = new Uint8Array(FOOTER_BYTES)
    this.#readAll(footer, place)
    if (
      expected.footerChecksum !== undefined &&
      expected.footerChecksum !== footerChecksumOf(footer)
    ) {
      throw tableCorrupt(place, 'the footer is not the one that the manifest knows')
    }
    return footer
  }

  #readDirectory(): TenantDirectory {
    const { footer } = this
    const place: PartPlace = { path: this.path, offsetBytes: footer.directoryOffsetBytes }
    const { directoryBytes, directoryRawBytes } = footer
    if (directoryRawBytes > directoryBytes * EXPANSION_MAX) {
      throw tableCorrupt(place, 'the directory claims an impossible length')
    }
    const stored = new Uint8Array(directoryBytes)
    this.#readPart(stored, place, footer.directoryChecksum)
    const raw = expand(footer.directoryCodecId, stored, directoryRawBytes, place)
    return new TenantDirectory(raw, place.offsetBytes, place)
  }

  #readProperties(): TableProperties {
    const { propertiesBytes } = this.footer
    const place = this.propertiesPlace
    const bytes = new Uint8Array(propertiesBytes)
    this.#readPart(bytes, place, this.footer.propertiesChecksum)
    return decodeProperties(bytes, place)
  }

  /** Fills the target with the stored bytes of a part and proves them. */
  #readPart(target: Uint8Array, place: PartPlace, checksum: number): void {
    this.#readAll(target, place)
    if (placedChecksum(this.#placeSeed, place.offsetBytes, target) !== checksum) {
      throw tableCorrupt(place, 'the checksum does not match')
    }
  }

  #readAll(target: Uint8Array, place: PartPlace): void {
    const got = this.#read(target, place)
    if (got !== target.length) {
      throw tableCorrupt(place, `the file ends after ${got} of ${target.length} bytes`)
    }
  }

  /** What the disk fails to read twice is damaged there, whatever bytes it may have. */
  #read(target: Uint8Array, place: PartPlace): number {
    try {
      return this.#file.read(target, place.offsetBytes)
    } catch (error) {
      if (!isBadSector(error)) throw error
    }
    try {
      return this.#file.read(target, place.offsetBytes)
    } catch (error) {
      if (!isBadSector(error)) throw error
      throw tableCorrupt(place, 'the disk cannot read it', error)
    }
  }

  #open(stored: Uint8Array, place: PartPlace, tenantId: TenantId): Uint8Array {
    const { fileId } = this.identity
    return this.#transform.open(stored, { tenantId, fileId, offsetBytes: place.offsetBytes })
  }

  #scratchOf(byteCount: number): Uint8Array {
    if (byteCount > this.#scratch.length) this.#scratch = new Uint8Array(byteCount * 2)
    return this.#scratch.subarray(0, byteCount)
  }
}

function isBadSector(error: unknown): error is EngineError {
  return error instanceof EngineError && error.details['errno'] === 'EIO'
}

function expand(
  codecId: number,
  bytes: Uint8Array,
  rawBytes: number,
  place: PartPlace,
): Uint8Array {
  try {
    return decompress(codecId, bytes, rawBytes)
  } catch (error) {
    if (!(error instanceof BadCompression)) throw error
    throw tableCorrupt(place, error.message, error)
  }
}
