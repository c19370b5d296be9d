// One sstable, `NNNNNN.sst`: the entries of a stretch of keys in order (codec/entry.ts), written once, never changed.
// Little-endian except where said; no gaps: each part begins where the one before it ends.
//
//   0                 header             64 bytes, codec/file-header.ts, fileType 2
//   64                tenant 0           history blocks, history index; main blocks, index, filter
//                     tenant 1           history blocks, history index; main blocks, index, filter
//                     ...
//   directoryOffset   directory block    one row per tenant: where its parts lie
//                     garbage block      what can become garbage, and when
//                     properties         counts and bounds of the whole file
//   fileBytes - 64    footer             64 bytes
//
// A tenant is a distinct value of a key's first 8 bytes (tenant hash and tenant id, codec/tenant-key.ts). Tenants follow
// each other in key order. No data, index or filter block holds anything of two tenants: blocks hold keys without those
// 8 bytes (the rest of the key), so they could not even say so.
//
// The main blocks hold the newest version of each key in this table, the history blocks the older ones: versions that
// another one of the table supersedes. The SeqNum of the version that supersedes it is a version's end. So a snapshot at or
// above the newest end finds all it can see in the main blocks, which are the same whether a key has a past or not. A tenant
// without superseded versions has neither history blocks nor history index. Blocks and indexes of both kinds are alike.
//
// Data block, before compression; at most the writer's block size, or four times that where eight entries would not fit; one
// entry alone may be longer:
//
//   bytes  field          meaning
//       v  values         of all e entries, one behind the other
//       p  prefix         what the rests of all keys begin with, as long as possible
//       k  keys           what follows in the rest of each key, one behind the other
//      8e  versions       u56 SeqNum, u8 kind: 1 put, 2 tombstone
//       l  lengths        of what follows the prefix in each key, then of each value, as varints
//       4  prefixBytes    u32 p
//       4  keysBytes      u32 k
//       4  valuesBytes    u32 v
//       4  entryCount     u32 e, at least 1, with the top bit set
//
//   So an entry is found, and read, without those before it, a search touches nothing but keys, and what is alike lies
//   together, which is what compression lives on. Blocks without that bit: sstable/older-block.ts.
//
// Index block of a tenant's main or history blocks, before compression, in columns over those b blocks:
//
//   bytes  field          meaning
//       4  blockCount     u32 b, at least 1
//       8  entryCount     u64
//      4b  storedBytes    u32 length in the file. The blocks are contiguous and end where the index block begins
//      4b  rawBytes       u32 length before compression
//      4b  checksum       u32 placed checksum of the stored bytes
//       b  codecId        u8, codec/compression.ts
//      8b  startSeqNum    u64, see startKey
//  4(b+1)  keyEnd         u32 ends of the keys that follow, counted from the first of them
//       n  keys           rests of keys: startKey of each block, then the largest key of all
//
//   (startKey, startSeqNum) of a block is at or before its first entry and behind the last entry of the block before.
//   startKey of the first block is the smallest key; of others the shortest prefix of their first key that
//   tells the two blocks apart, with startSeqNum 2^53-1. Where versions of one key lie on both sides it is that key,
//   and startSeqNum the version that comes first.
//
// Filter block of a tenant, never compressed: sstable/filter.ts, over the hashes of its whole keys.
//
// Directory block, before compression, in columns over t tenants; not sealed, as it holds numbers and sizes only:
//
//   bytes  field          meaning
//       4  tenantCount    u32 t, at least 1
//      4t  tenantHash     u32
//      4t  tenantId       u32; (tenantHash, tenantId) ascending
//      8t  indexOffset    u64; the main blocks begin behind the history index, without one where the tenant before ends, or
//                         at 64
//      4t  indexBytes     u32 stored length
//      4t  indexRawBytes  u32
//      4t  indexChecksum  u32 placed checksum of the stored bytes
//       t  indexCodecId   u8
//      4t  filterBytes    u32 stored length; the filter block follows the index block
//      4t  filterChecksum u32 placed checksum of the stored bytes
//
//   and, when there is history, in columns over the h tenants that have some:
//
//       4  historyCount   u32 h
//      4h  tenantIndex    u32 place of the tenant in the columns above, ascending
//      8h  indexOffset    u64 of the history index; history blocks begin where the tenant before ends, or at 64
//      4h  indexBytes     u32 stored length
//      4h  indexRawBytes  u32
//      4h  indexChecksum  u32 placed checksum of the stored bytes
//       h  indexCodecId   u8
//
// Garbage block: sstable/garbage-block.ts; not sealed either. Absent when nothing of the table can become garbage.
//
// Properties: u32 count, then count times (u16 id, u64 value). Unknown ids are skipped. Ids: 1 entryCount,
// 2 tombstoneCount, 3 minSeqNum, 4 maxSeqNum, 5 tenantCount, 6 blockCount, 7 rawDataBytes (data blocks before compression).
//
// Footer:
//
//   offset  bytes  field                 meaning
//        0      8  directoryOffset       u64
//        8      4  directoryBytes        u32 stored length
//       12      4  directoryRawBytes     u32
//       16      4  directoryChecksum     u32 placed checksum of the stored bytes
//       20      4  propertiesBytes       u32
//       24      4  propertiesChecksum    u32 placed checksum
//       28      8  fileBytes             u64
//       36      1  directoryCodecId      u8
//       37      4  garbageBytes          u32 stored length
//       41      4  garbageRawBytes       u32
//       45      4  garbageChecksum       u32 placed checksum of the stored bytes
//       49      1  garbageCodecId        u8
//       50      2  reserved              0
//       52      4  checksum              u32 placed checksum over bytes 0..51
//       56      8  magic                 "SSTABLE1"
//
// Sealing: data, index and filter blocks pass codec/block-transform.ts after compression; checksums cover what it returns.
//
// Valid:   each part matches the checksum that its parent holds: manifest -> footer -> directory -> indexes and filter ->
//          data block. Checksums are bound to file and offset, so a stale, moved or foreign part is found. Without a
//          manifest the footer's own checksum stands in for it. A damaged filter costs speed only: readers go on without.
// Crash:   a file without a valid footer was never finished, and no manifest names it: it is deleted at open.
// Compat:  see codec/file-header.ts. Property ids are never used again. Blocks of format versions 1 and 2 are read, see
//          sstable/older-block.ts; in them an entry counts with its length in the block for the garbage block. In a table of format version 1 the main blocks hold
//          all versions, newest first, and there is neither history nor garbage block; it reads like a later one without.

import type { FileId, SeqNum } from '../base/ids.js'
import { ByteReader, ByteWriter, EndOfBytes, loadU64, storeU32 } from '../codec/bytes.js'
import { FILE_HEADER_BYTES, placedChecksum } from '../codec/file-header.js'
import type { HashRange } from '../codec/tenant-key.js'
import { IS_LITTLE_ENDIAN } from '../kernels/bytes.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

export const FOOTER_BYTES = 64
/** SeqNum and kind of an entry. */
export const VERSION_BYTES = 8
/** Of the upper half of a version. */
export const KIND_SHIFT = 24
export const SEQ_NUM_HIGH_MASK = 0xff_ffff
/** What a block ends with. */
export const BLOCK_TRAILER_BYTES = 16
export const ENTRY_COUNT_MARK = 0x8000_0000
/** LZ4 cannot expand further: a larger claim is damage, found before memory is allocated for it. */
export const EXPANSION_MAX = 256

const FOOTER_MAGIC = new TextEncoder().encode('SSTABLE1')
const FOOTER_CHECKSUM_OFFSET = 52
const FOOTER_MAGIC_OFFSET = 56

/** The newest version of each key in a table, and the versions that these supersede. */
export type TablePart = 'main' | 'history'

/** What the manifest knows of the superseded versions of a table. */
export interface TableHistory {
  readonly entryCount: number
  /** Stored length of the history blocks and their indexes. */
  readonly bytes: number
  /** When the first of them was superseded, and the last: watermark and snapshots are compared with it. 0 without any. */
  readonly firstEndSeqNum: SeqNum
  readonly lastEndSeqNum: SeqNum
}

/** What a tablet has of a table when tablets share the file: the tenants whose hashes are in the range. */
export interface TableShare extends HashRange {
  /** Stored length of these tenants. */
  readonly bytes: number
}

/** What the manifest knows of a table. */
export interface TableMeta {
  readonly fileId: FileId
  readonly fileBytes: number
  /** Proves the footer, hence the whole file. */
  readonly footerChecksum: number
  readonly entryCount: number
  readonly tombstoneCount: number
  readonly minSeqNum: SeqNum
  readonly maxSeqNum: SeqNum
  /** Keys without versions; both are in the table, and in its share. */
  readonly smallestKey: Uint8Array
  readonly largestKey: Uint8Array
  /** Absent for a table of format version 1, which tells nothing of it. */
  readonly history: TableHistory | undefined
  /** Only these tenants count; lengths, counts, SeqNums and history are those of the whole file nevertheless. */
  readonly share?: TableShare | undefined
}

/** How much of its file a table takes for itself. */
export function tableBytes({ fileBytes, share }: Pick<TableMeta, 'fileBytes' | 'share'>): number {
  return share?.bytes ?? fileBytes
}

/** A number of the whole file in proportion to the share. */
export function shareOfCount(count: number, meta: Pick<TableMeta, 'fileBytes' | 'share'>): number {
  return meta.share === undefined ? count : Math.round((count * tableBytes(meta)) / meta.fileBytes)
}

export interface TableFooter {
  readonly directoryOffsetBytes: number
  readonly directoryBytes: number
  readonly directoryRawBytes: number
  readonly directoryChecksum: number
  readonly directoryCodecId: number
  /** 0: there is no garbage block. */
  readonly garbageBytes: number
  readonly garbageRawBytes: number
  readonly garbageChecksum: number
  readonly garbageCodecId: number
  readonly propertiesBytes: number
  readonly propertiesChecksum: number
  readonly fileBytes: number
}

export interface TableProperties {
  readonly entryCount: number
  readonly tombstoneCount: number
  readonly minSeqNum: SeqNum
  readonly maxSeqNum: SeqNum
  readonly tenantCount: number
  readonly blockCount: number
  readonly rawDataBytes: number
}

/** In the order of their ids on disk, which count from 1. */
const PROPERTY_NAMES = [
  'entryCount',
  'tombstoneCount',
  'minSeqNum',
  'maxSeqNum',
  'tenantCount',
  'blockCount',
  'rawDataBytes',
] as const satisfies (keyof TableProperties)[]

export function tableFileName(fileId: FileId): string {
  return `${String(fileId).padStart(6, '0')}.sst`
}

export function encodeFooter(footer: TableFooter, placeSeed: number): Uint8Array {
  const writer = new ByteWriter(FOOTER_BYTES)
  writer.u64(footer.directoryOffsetBytes)
  writer.u32(footer.directoryBytes)
  writer.u32(footer.directoryRawBytes)
  writer.u32(footer.directoryChecksum)
  writer.u32(footer.propertiesBytes)
  writer.u32(footer.propertiesChecksum)
  writer.u64(footer.fileBytes)
  writer.u8(footer.directoryCodecId)
  writer.u32(footer.garbageBytes)
  writer.u32(footer.garbageRawBytes)
  writer.u32(footer.garbageChecksum)
  writer.u8(footer.garbageCodecId)
  const bytes = new Uint8Array(FOOTER_BYTES)
  bytes.set(writer.view())
  const offsetBytes = footer.fileBytes - FOOTER_BYTES
  const checksum = placedChecksum(placeSeed, offsetBytes, bytes, 0, FOOTER_CHECKSUM_OFFSET)
  storeU32(bytes, FOOTER_CHECKSUM_OFFSET, checksum)
  bytes.set(FOOTER_MAGIC, FOOTER_MAGIC_OFFSET)
  return bytes
}

/** The checksum that a footer carries, and TableMeta repeats. */
export function footerChecksumOf(footer: Uint8Array): number {
  return new ByteReader(footer, FOOTER_CHECKSUM_OFFSET).u32()
}

/**
 * Checks a footer and reads it.
 *
 * @param bytes  FOOTER_BYTES bytes from the end of a file of `fileBytes` bytes
 * @throws SSTABLE_CORRUPT
 */
export function decodeFooter(
  bytes: Uint8Array,
  placeSeed: number,
  fileBytes: number,
  path: string,
): TableFooter {
  const offsetBytes = fileBytes - FOOTER_BYTES
  const place: PartPlace = { path, offsetBytes }
  for (let i = 0; i < FOOTER_MAGIC.length; i++) {
    if (bytes[FOOTER_MAGIC_OFFSET + i] !== FOOTER_MAGIC[i]) {
      throw tableCorrupt(place, 'the file has no footer: it was never finished, or was cut')
    }
  }
  const checksum = placedChecksum(placeSeed, offsetBytes, bytes, 0, FOOTER_CHECKSUM_OFFSET)
  if (checksum !== footerChecksumOf(bytes)) {
    throw tableCorrupt(place, 'the footer checksum does not match')
  }
  const footer = readFields(bytes)
  const { directoryOffsetBytes, directoryBytes, garbageBytes, propertiesBytes } = footer
  if (
    footer.fileBytes !== fileBytes ||
    directoryOffsetBytes < FILE_HEADER_BYTES ||
    directoryOffsetBytes + directoryBytes + garbageBytes + propertiesBytes !== offsetBytes
  ) {
    throw tableCorrupt(place, 'the footer does not fit the length of the file')
  }
  return footer
}

function readFields(bytes: Uint8Array): TableFooter {
  const reader = new ByteReader(bytes)
  return {
    // Too large a number fits no file.
    directoryOffsetBytes: loadU64(bytes, reader.skip(8)),
    directoryBytes: reader.u32(),
    directoryRawBytes: reader.u32(),
    directoryChecksum: reader.u32(),
    propertiesBytes: reader.u32(),
    propertiesChecksum: reader.u32(),
    fileBytes: loadU64(bytes, reader.skip(8)),
    directoryCodecId: reader.u8(),
    garbageBytes: reader.u32(),
    garbageRawBytes: reader.u32(),
    garbageChecksum: reader.u32(),
    garbageCodecId: reader.u8(),
  }
}

export function encodeProperties(properties: TableProperties): Uint8Array {
  const writer = new ByteWriter()
  writer.u32(PROPERTY_NAMES.length)
  PROPERTY_NAMES.forEach((name, i) => {
    writer.u16(i + 1)
    writer.u64(properties[name])
  })
  return writer.finish()
}

/** @throws SSTABLE_CORRUPT */
export function decodeProperties(bytes: Uint8Array, place: PartPlace): TableProperties {
  const found: Partial<Record<(typeof PROPERTY_NAMES)[number], number>> = {}
  try {
    const reader = new ByteReader(bytes)
    for (let remaining = reader.u32(); remaining > 0; remaining--) {
      const name = PROPERTY_NAMES[reader.u16() - 1]
      const value = reader.u64()
      if (name !== undefined) found[name] = value
    }
  } catch (error) {
    if (!(error instanceof EndOfBytes)) throw error
    throw tableCorrupt(place, 'the properties end early')
  }
  const missing = PROPERTY_NAMES.find((name) => found[name] === undefined)
  if (missing !== undefined) throw tableCorrupt(place, `the properties lack ${missing}`)
  return found as unknown as TableProperties
}

/** Reads a column of u32 at once: a directory has thousands, and the first is read by code that nothing has compiled yet. */
export function readU32Column(reader: ByteReader, count: number): Uint32Array {
  const { bytes } = reader
  const start = reader.skip(4 * count)
  const column = new Uint32Array(count)
  const columnBytes = Buffer.from(column.buffer)
  columnBytes.set(bytes.subarray(start, start + 4 * count))
  if (!IS_LITTLE_ENDIAN) columnBytes.swap32()
  return column
}

/** Reads a column of u64 at once. @throws EndOfBytes also for a number above 2^53-1 */
export function readU64Column(reader: ByteReader, count: number): Float64Array {
  const words = readU32Column(reader, 2 * count)
  const column = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const value = words[2 * i]! + words[2 * i + 1]! * 2 ** 32
    if (value > Number.MAX_SAFE_INTEGER) throw new EndOfBytes('number above 2^53-1')
    column[i] = value
  }
  return column
}
