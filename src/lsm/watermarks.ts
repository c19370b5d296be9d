// Up to where old versions may go, by the tenant and table that a key belongs to. Plain data, handed to jobs: a short list
// of tables that every tenant has, and packed arrays of tenants, since thousands may have a watermark of their own.
//
// Of the watermarks that fit a key the most specific counts:
//
//   1. that of its tenant's table      in `prefixes`, under tenant and table
//   2. that of its tenant              in `prefixes`, under tenant and ALL_TABLES
//   3. that of its table               in `tables`
//   4. `rest`

import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_ZERO } from '../base/ids.js'
import type { EntrySlot } from '../codec/entry.js'
import {
  ALL_TABLES,
  type KeyPrefix,
  TABLE_PREFIX_BYTES,
  tableIdOfKey,
  TENANT_PREFIX_BYTES,
} from '../codec/tenant-key.js'
import { compareBytes } from '../kernels/bytes.js'

export interface Watermarks {
  readonly rest: SeqNum
  readonly tables: readonly (readonly [tableId: number, watermark: SeqNum])[]
  /** TABLE_PREFIX_BYTES each, one behind the other, ascending. */
  readonly prefixes: Uint8Array
  /** As in `prefixes`. */
  readonly ofPrefixes: Float64Array
}

/** Packs the watermarks of tenants, which come in the order of their keys. */
export class WatermarksBuilder {
  readonly #prefixes: DataView
  readonly #ofPrefixes: Float64Array
  #count = 0

  /** @param count  how many there will be */
  constructor(count: number) {
    this.#prefixes = new DataView(new ArrayBuffer(count * TABLE_PREFIX_BYTES))
    this.#ofPrefixes = new Float64Array(count)
  }

  /** Of a tenant's table, or with ALL_TABLES of the tenant. */
  add(
    tenant: Pick<KeyPrefix, 'tenantHash' | 'tenantId'>,
    tableId: number,
    watermark: SeqNum,
  ): void {
    const start = this.#count * TABLE_PREFIX_BYTES
    this.#prefixes.setUint32(start, tenant.tenantHash)
    this.#prefixes.setUint32(start + 4, tenant.tenantId)
    this.#prefixes.setUint32(start + TENANT_PREFIX_BYTES, tableId)
    this.#ofPrefixes[this.#count++] = watermark
  }

  finish({ rest, tables }: Pick<Watermarks, 'rest' | 'tables'>): Watermarks {
    const prefixes = new Uint8Array(this.#prefixes.buffer)
    return { rest, tables, prefixes, ofPrefixes: this.#ofPrefixes }
  }
}

/** One watermark for every key. */
export function uniformWatermarks(rest: SeqNum): Watermarks {
  return new WatermarksBuilder(0).finish({ rest, tables: [] })
}

/** Nothing may go. */
export const KEEP_EVERYTHING: Watermarks = uniformWatermarks(SEQ_NUM_ZERO)

/** Above it everything stays. */
export function newestWatermark({ rest, tables, ofPrefixes }: Watermarks): SeqNum {
  let newest: number = rest
  for (const [, watermark] of tables) newest = Math.max(newest, watermark)
  for (const watermark of ofPrefixes) newest = Math.max(newest, watermark)
  return newest as SeqNum
}

/** Finds the watermark of one key after the other; quick where neighbours share tenant and table. */
export class WatermarkFinder {
  readonly #watermarks: Watermarks
  readonly #tables: ReadonlyMap<number, SeqNum>
  readonly #isUniform: boolean
  readonly #prefix = new Uint8Array(TABLE_PREFIX_BYTES)
  #isPrefixKnown = false
  #watermark: SeqNum

  constructor(watermarks: Watermarks) {
    this.#watermarks = watermarks
    this.#tables = new Map(watermarks.tables)
    this.#isUniform = watermarks.tables.length === 0 && watermarks.ofPrefixes.length === 0
    this.#watermark = watermarks.rest
  }

  of({ keyBytes, keyStart, keyEnd }: Pick<EntrySlot, 'keyBytes' | 'keyStart' | 'keyEnd'>): SeqNum {
    if (this.#isUniform || keyEnd - keyStart < TABLE_PREFIX_BYTES) return this.#watermarks.rest
    const prefix = this.#prefix
    const end = keyStart + TABLE_PREFIX_BYTES
    const isSame =
      this.#isPrefixKnown &&
      compareBytes(prefix, 0, TABLE_PREFIX_BYTES, keyBytes, keyStart, end) === 0
    if (isSame) return this.#watermark
    for (let i = 0; i < TABLE_PREFIX_BYTES; i++) prefix[i] = keyBytes[keyStart + i]!
    this.#isPrefixKnown = true
    this.#watermark = this.#find(prefix)
    return this.#watermark
  }

  #find(prefix: Uint8Array): SeqNum {
    const ofTable = this.#search(prefix)
    if (ofTable !== undefined) return ofTable
    const tenant = prefix.slice()
    tenant.fill(ALL_TABLES, TENANT_PREFIX_BYTES)
    const ofTenant = this.#search(tenant)
    return ofTenant ?? this.#tables.get(tableIdOfKey(prefix)) ?? this.#watermarks.rest
  }

  #search(prefix: Uint8Array): SeqNum | undefined {
    const { prefixes, ofPrefixes } = this.#watermarks
    let low = 0
    let high = ofPrefixes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const start = middle * TABLE_PREFIX_BYTES
      const end = start + TABLE_PREFIX_BYTES
      const order = compareBytes(prefixes, start, end, prefix, 0, TABLE_PREFIX_BYTES)
      if (order === 0) return ofPrefixes[middle] as SeqNum
      if (order < 0) low = middle + 1
      else high = middle
    }
    return undefined
  }
}
