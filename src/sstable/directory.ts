// The directory block: where the parts of each tenant lie. Bytes as drawn in format.ts.

import type { TenantId } from '../base/ids.js'
import { ByteReader, ByteWriter, EndOfBytes } from '../codec/bytes.js'
import { FILE_HEADER_BYTES } from '../codec/file-header.js'
import {
  type HashRange,
  TENANT_PREFIX_BYTES,
  tenantHashOfKey,
  tenantIdOfKey,
} from '../codec/tenant-key.js'
import { EXPANSION_MAX, readU32Column, readU64Column } from './format.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

const ROW_BYTES = 4 + 4 + 8 + 4 + 4 + 4 + 1 + 4 + 4
const HISTORY_ROW_BYTES = 4 + 8 + 4 + 4 + 4 + 1

/** Where an index lies, and so where the blocks before it end. */
export interface IndexPlace {
  readonly offsetBytes: number
  readonly storedBytes: number
  readonly rawBytes: number
  readonly checksum: number
  readonly codecId: number
}

export interface DirectoryRow {
  readonly tenantHash: number
  readonly tenantId: TenantId
  readonly history: IndexPlace | undefined
  readonly index: IndexPlace
  readonly filterBytes: number
  readonly filterChecksum: number
}

export function encodeDirectory(rows: readonly DirectoryRow[]): Uint8Array {
  const writer = new ByteWriter(4 + (ROW_BYTES + HISTORY_ROW_BYTES) * rows.length + 4)
  writer.u32(rows.length)
  for (const row of rows) writer.u32(row.tenantHash)
  for (const row of rows) writer.u32(row.tenantId)
  writeIndexPlaces(
    writer,
    rows.map(({ index }) => index),
  )
  for (const row of rows) writer.u32(row.filterBytes)
  for (const row of rows) writer.u32(row.filterChecksum)
  const tenants = rows.flatMap(({ history }, i) => (history === undefined ? [] : [i]))
  if (tenants.length > 0) {
    writer.u32(tenants.length)
    for (const tenant of tenants) writer.u32(tenant)
    writeIndexPlaces(
      writer,
      tenants.map((tenant) => rows[tenant]!.history!),
    )
  }
  return writer.finish()
}

function writeIndexPlaces(writer: ByteWriter, places: readonly IndexPlace[]): void {
  for (const place of places) writer.u64(place.offsetBytes)
  for (const place of places) writer.u32(place.storedBytes)
  for (const place of places) writer.u32(place.rawBytes)
  for (const place of places) writer.u32(place.checksum)
  for (const place of places) writer.u8(place.codecId)
}

/** The places of some indexes, in columns. */
class IndexPlaces {
  readonly offsets: Float64Array
  readonly storedBytes: Uint32Array
  readonly rawBytes: Uint32Array
  readonly checksums: Uint32Array
  readonly codecIds: Uint8Array

  /** @throws EndOfBytes */
  constructor(reader: ByteReader, count: number) {
    this.offsets = readU64Column(reader, count)
    this.storedBytes = readU32Column(reader, count)
    this.rawBytes = readU32Column(reader, count)
    this.checksums = readU32Column(reader, count)
    this.codecIds = reader.raw(count).slice()
  }

  at(i: number): IndexPlace {
    return {
      offsetBytes: this.offsets[i]!,
      storedBytes: this.storedBytes[i]!,
      rawBytes: this.rawBytes[i]!,
      checksum: this.checksums[i]!,
      codecId: this.codecIds[i]!,
    }
  }

  endOf(i: number): number {
    return this.offsets[i]! + this.storedBytes[i]!
  }

  isPossible(i: number, startBytes: number): boolean {
    return (
      this.offsets[i]! > startBytes && this.rawBytes[i]! <= this.storedBytes[i]! * EXPANSION_MAX
    )
  }
}

/** A directory block, decoded and checked. Tenants are numbered in file order, which is key order. */
export class TenantDirectory {
  readonly tenantCount: number
  readonly tenantHashes: Uint32Array
  readonly tenantIds: Uint32Array
  readonly filterBytes: Uint32Array
  readonly filterChecksums: Uint32Array
  /** Stretches of tenants by their hashes, which are spread evenly: so each holds one or two. The last is an end. */
  readonly #stretchStarts: Uint32Array
  readonly #stretchesPerHash: number
  readonly #indexes: IndexPlaces
  /** Tenants that have history, ascending, and where its indexes lie. */
  readonly #historyTenants: Uint32Array
  readonly #histories: IndexPlaces

  /**
   * @param endBytes  where the last tenant ends in the file
   * @throws SSTABLE_CORRUPT
   */
  constructor(raw: Uint8Array, endBytes: number, place: PartPlace) {
    const reader = new ByteReader(raw)
    try {
      const tenantCount = reader.u32()
      if (tenantCount === 0 || reader.remaining < ROW_BYTES * tenantCount) throw new EndOfBytes()
      this.tenantCount = tenantCount
      this.tenantHashes = readU32Column(reader, tenantCount)
      this.tenantIds = readU32Column(reader, tenantCount)
      this.#indexes = new IndexPlaces(reader, tenantCount)
      this.filterBytes = readU32Column(reader, tenantCount)
      this.filterChecksums = readU32Column(reader, tenantCount)
      const historyCount = reader.remaining === 0 ? 0 : reader.u32()
      if (reader.remaining !== HISTORY_ROW_BYTES * historyCount) throw new EndOfBytes()
      this.#historyTenants = readU32Column(reader, historyCount)
      this.#histories = new IndexPlaces(reader, historyCount)
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error
      throw tableCorrupt(place, 'the directory does not fit its counts, or holds no number', error)
    }
    this.#check(endBytes, place)
    const { tenantHashes, tenantCount } = this
    const hashCount = tenantHashes[tenantCount - 1]! - tenantHashes[0]! + 1
    this.#stretchesPerHash = tenantCount / hashCount
    this.#stretchStarts = new Uint32Array(tenantCount + 1)
    let stretch = 0
    for (let tenant = 0; tenant < tenantCount; tenant++) {
      const own = this.#stretchOf(tenantHashes[tenant]!)
      while (stretch < own) this.#stretchStarts[++stretch] = tenant
    }
    while (stretch < tenantCount) this.#stretchStarts[++stretch] = tenantCount
  }

  /** The first tenant at or behind this one; tenantCount when there is none. */
  lowerBound(tenantHash: number, tenantId: number): number {
    const { tenantHashes, tenantIds, tenantCount } = this
    if (tenantHash < tenantHashes[0]!) return 0
    if (tenantHash > tenantHashes[tenantCount - 1]!) return tenantCount
    const stretch = this.#stretchOf(tenantHash)
    let low = this.#stretchStarts[stretch]!
    let high = this.#stretchStarts[stretch + 1]!
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

  /** The tenants whose hashes are in the range: from `first` on, up to `end` without it; and their length in the file. */
  stretchOf({ hashStart, hashEnd }: HashRange) {
    const first = this.lowerBound(hashStart, 0)
    const end = this.lowerBound(hashEnd, 0)
    const bytes = first < end ? this.endOffsetOf(end - 1) - this.startOffsetOf(first) : 0
    return { first, end, bytes }
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

  /** Where the tenant begins. */
  startOffsetOf(tenant: number): number {
    return tenant === 0 ? FILE_HEADER_BYTES : this.endOffsetOf(tenant - 1)
  }

  /** Where the index of its superseded versions lies; undefined when there are none. */
  historyOf(tenant: number): IndexPlace | undefined {
    const row = this.#historyRowOf(tenant)
    return row < 0 ? undefined : this.#histories.at(row)
  }

  indexOf(tenant: number): IndexPlace {
    return this.#indexes.at(tenant)
  }

  /** Where the main blocks of the tenant begin. They end where their index begins. */
  mainOffsetOf(tenant: number): number {
    const row = this.#historyRowOf(tenant)
    return row < 0 ? this.startOffsetOf(tenant) : this.#histories.endOf(row)
  }

  filterOffsetOf(tenant: number): number {
    return this.#indexes.endOf(tenant)
  }

  /** Where the tenant ends, its filter included. */
  endOffsetOf(tenant: number): number {
    return this.filterOffsetOf(tenant) + this.filterBytes[tenant]!
  }

  /** Of a hash that is not outside those of the tenants; ascends with it. */
  #stretchOf(tenantHash: number): number {
    const stretch = Math.floor((tenantHash - this.tenantHashes[0]!) * this.#stretchesPerHash)
    return stretch < this.tenantCount ? stretch : this.tenantCount - 1
  }

  #historyRowOf(tenant: number): number {
    const tenants = this.#historyTenants
    let low = 0
    let high = tenants.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (tenants[middle]! < tenant) low = middle + 1
      else high = middle
    }
    return tenants[low] === tenant ? low : -1
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
      if (!this.#indexes.isPossible(i, this.mainOffsetOf(i))) {
        throw tableCorrupt(place, `tenant ${i} of the directory has impossible lengths`)
      }
    }
    const tenants = this.#historyTenants
    for (let i = 0; i < tenants.length; i++) {
      const tenant = tenants[i]!
      const isBehind = tenant < this.tenantCount && (i === 0 || tenants[i - 1]! < tenant)
      if (!isBehind || !this.#histories.isPossible(i, this.startOffsetOf(tenant))) {
        throw tableCorrupt(place, `the history of tenant ${tenant} is out of place`)
      }
    }
    if (this.endOffsetOf(this.tenantCount - 1) !== endBytes) {
      throw tableCorrupt(place, 'the tenants of the directory do not fill the file')
    }
  }
}
