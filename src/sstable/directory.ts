// The directory block: where each tenant's index and filter lie. Bytes as drawn in format.ts.

import type { TenantId } from '../base/ids.js'
import { ByteReader, ByteWriter, EndOfBytes } from '../codec/bytes.js'
import { FILE_HEADER_BYTES } from '../codec/file-header.js'
import { TENANT_PREFIX_BYTES, tenantHashOfKey, tenantIdOfKey } from '../codec/tenant-key.js'
import { EXPANSION_MAX, readU32Column } from './format.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

const ROW_BYTES = 4 + 4 + 8 + 4 + 4 + 4 + 1 + 4 + 4

export interface DirectoryRow {
  readonly tenantHash: number
  readonly tenantId: TenantId
  readonly indexOffsetBytes: number
  readonly indexBytes: number
  readonly indexRawBytes: number
  readonly indexChecksum: number
  readonly indexCodecId: number
  readonly filterBytes: number
  readonly filterChecksum: number
}

export function encodeDirectory(rows: readonly DirectoryRow[]): Uint8Array {
  const writer = new ByteWriter(4 + ROW_BYTES * rows.length)
  writer.u32(rows.length)
  for (const row of rows) writer.u32(row.tenantHash)
  for (const row of rows) writer.u32(row.tenantId)
  for (const row of rows) writer.u64(row.indexOffsetBytes)
  for (const row of rows) writer.u32(row.indexBytes)
  for (const row of rows) writer.u32(row.indexRawBytes)
  for (const row of rows) writer.u32(row.indexChecksum)
  for (const row of rows) writer.u8(row.indexCodecId)
  for (const row of rows) writer.u32(row.filterBytes)
  for (const row of rows) writer.u32(row.filterChecksum)
  return writer.finish()
}

/** A directory block, decoded and checked. Tenants are numbered in file order, which is key order. */
export class TenantDirectory {
  readonly tenantCount: number
  readonly tenantHashes: Uint32Array
  readonly tenantIds: Uint32Array
  readonly indexOffsets: Float64Array
  readonly indexBytes: Uint32Array
  readonly indexRawBytes: Uint32Array
  readonly indexChecksums: Uint32Array
  readonly indexCodecIds: Uint8Array
  readonly filterBytes: Uint32Array
  readonly filterChecksums: Uint32Array

  /**
   * @param endBytes  where the last tenant ends in the file
   * @throws SSTABLE_CORRUPT
   */
  constructor(raw: Uint8Array, endBytes: number, place: PartPlace) {
    const reader = new ByteReader(raw)
    const tenantCount = raw.length < 4 ? 0 : reader.u32()
    if (tenantCount === 0 || raw.length !== 4 + ROW_BYTES * tenantCount) {
      throw tableCorrupt(place, 'the directory does not fit its tenant count')
    }
    this.tenantCount = tenantCount
    this.tenantHashes = readU32Column(reader, tenantCount)
    this.tenantIds = readU32Column(reader, tenantCount)
    this.indexOffsets = new Float64Array(tenantCount)
    try {
      for (let i = 0; i < tenantCount; i++) this.indexOffsets[i] = reader.u64()
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error
      throw tableCorrupt(place, 'the directory holds a number that is none', error)
    }
    this.indexBytes = readU32Column(reader, tenantCount)
    this.indexRawBytes = readU32Column(reader, tenantCount)
    this.indexChecksums = readU32Column(reader, tenantCount)
    this.indexCodecIds = reader.raw(tenantCount).slice()
    this.filterBytes = readU32Column(reader, tenantCount)
    this.filterChecksums = readU32Column(reader, tenantCount)
    this.#check(endBytes, place)
  }

  /** The first tenant at or behind this one; tenantCount when there is none. */
  lowerBound(tenantHash: number, tenantId: number): number {
    const { tenantHashes, tenantIds } = this
    let low = 0
    let high = this.tenantCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const hash = tenantHashes[middle]!
      if (hash < tenantHash || (hash === tenantHash && tenantIds[middle]! < tenantId)) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  /** The tenant of a key; -1 when the table has nothing of it. */
  find(key: Uint8Array): number {
    const tenantHash = tenantHashOfKey(key)
    const tenantId = tenantIdOfKey(key)
    const tenant = this.lowerBound(tenantHash, tenantId)
    const isThere =
      tenant < this.tenantCount &&
      this.tenantHashes[tenant] === tenantHash &&
      this.tenantIds[tenant] === tenantId
    return isThere ? tenant : -1
  }

  tenantIdOf(tenant: number): TenantId {
    return this.tenantIds[tenant] as TenantId
  }

  /** The first 8 bytes of every key of the tenant. */
  prefixOf(tenant: number): Uint8Array {
    const prefix = new Uint8Array(TENANT_PREFIX_BYTES)
    const view = new DataView(prefix.buffer)
    view.setUint32(0, this.tenantHashes[tenant]!)
    view.setUint32(4, this.tenantIds[tenant]!)
    return prefix
  }

  /** Where the data blocks of the tenant begin. They end where its index begins. */
  dataOffsetOf(tenant: number): number {
    return tenant === 0 ? FILE_HEADER_BYTES : this.endOffsetOf(tenant - 1)
  }

  filterOffsetOf(tenant: number): number {
    return this.indexOffsets[tenant]! + this.indexBytes[tenant]!
  }

  /** Where the tenant ends, its filter included. */
  endOffsetOf(tenant: number): number {
    return this.filterOffsetOf(tenant) + this.filterBytes[tenant]!
  }

  #isAscending(tenant: number): boolean {
    const hash = this.tenantHashes[tenant]!
    const hashBefore = this.tenantHashes[tenant - 1]!
    if (hashBefore !== hash) return hashBefore < hash
    return this.tenantIds[tenant - 1]! < this.tenantIds[tenant]!
  }

  #check(endBytes: number, place: PartPlace): void {
    for (let i = 0; i < this.tenantCount; i++) {
      if (i > 0 && !this.#isAscending(i)) {
        throw tableCorrupt(place, `tenant ${i} of the directory is out of order`)
      }
      if (
        this.indexOffsets[i]! <= this.dataOffsetOf(i) ||
        this.indexRawBytes[i]! > this.indexBytes[i]! * EXPANSION_MAX
      ) {
        throw tableCorrupt(place, `tenant ${i} of the directory has impossible lengths`)
      }
    }
    if (this.endOffsetOf(this.tenantCount - 1) !== endBytes) {
      throw tableCorrupt(place, 'the tenants of the directory do not fill the file')
    }
  }
}
