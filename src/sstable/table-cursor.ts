import type { SeqNum } from '../base/ids.js'
import type { Cursor, EntrySlot, KeyRange } from '../codec/entry.js'
import { TENANT_PREFIX_BYTES, tenantHashOfKey, tenantIdOfKey } from '../codec/tenant-key.js'
import { compareBytes, compareKeys } from '../kernels/bytes.js'
import { type Block, BlockEntries } from './block.js'
import type { TenantBlocks, TenantBlockSource } from './tenant-blocks.js'

/** Newer than every version: (key, this) is before all versions of the key, so "at or before" means "below the key". */
const BEFORE_ALL_VERSIONS = Number.POSITIVE_INFINITY

/**
 * A cursor over the main or the history blocks of one sstable. Reads a block when it moves into it, not before; with bounds
 * it does not move into blocks and tenants that lie outside them altogether, but may visit entries outside at the edges.
 */
export class TableCursor implements Cursor {
  readonly entry: EntrySlot
  #isValid = false
  readonly #source: TenantBlockSource
  readonly #bounds: KeyRange
  readonly #entries = new BlockEntries()

  #tenant: TenantBlocks | undefined
  #tenantIndex = 0
  #block: Block | undefined
  #blockIndex = 0
  #entryIndex = 0

  constructor(source: TenantBlockSource, bounds: KeyRange) {
    this.#source = source
    this.#bounds = bounds
    this.entry = this.#entries.entry
  }

  get isValid(): boolean {
    return this.#isValid
  }

  seek(key: Uint8Array, seqNum: SeqNum): void {
    const target = padded(key)
    const tenant = this.#seekTenant(target)
    if (tenant === undefined) {
      this.#startTenant()
      return
    }
    const found = tenant.index.findBlock(target, TENANT_PREFIX_BYTES, target.length, seqNum)
    const block = this.#enterBlock(tenant, Math.max(0, found))
    const entry = block.lowerBound(target, TENANT_PREFIX_BYTES, target.length, seqNum)
    if (entry < block.entryCount) this.#load(entry)
    else this.#startNextBlock()
  }

  seekLast(key?: Uint8Array): void {
    if (key === undefined) {
      this.#tenantIndex = this.#source.directory().tenantCount
      this.#endOfPreviousTenant()
      return
    }
    const target = padded(key)
    const tenant = this.#seekTenant(target)
    if (tenant === undefined) {
      this.#endOfPreviousTenant()
      return
    }
    const restEnd = target.length
    const found = tenant.index.findBlock(target, TENANT_PREFIX_BYTES, restEnd, BEFORE_ALL_VERSIONS)
    if (found < 0) {
      this.#endOfPreviousTenant()
      return
    }
    const block = this.#enterBlock(tenant, found)
    const behind = block.lowerBound(target, TENANT_PREFIX_BYTES, restEnd, BEFORE_ALL_VERSIONS)
    if (behind > 0) this.#load(behind - 1)
    else this.#endOfPreviousBlock()
  }

  next(): void {
    const entry = this.#entryIndex + 1
    if (entry < this.#block!.entryCount) this.#load(entry)
    else this.#startNextBlock()
  }

  prev(): void {
    if (this.#entryIndex > 0) this.#load(this.#entryIndex - 1)
    else this.#endOfPreviousBlock()
  }

  close(): void {
    this.#leave()
  }

  /** As far as the block reaches. Before an entry of another tenant all of it is, and any smaller number true. */
  countBefore(other: EntrySlot, direction: number): number {
    const block = this.#block!
    const { keyBytes, keyStart, keyEnd, seqNum } = other
    const bound = block.lowerBound(keyBytes, keyStart + TENANT_PREFIX_BYTES, keyEnd, seqNum)
    const count = direction > 0 ? bound - 1 - this.#entryIndex : this.#entryIndex - bound
    return Math.max(0, count)
  }

  /** Goes to the tenant of the key and enters it; undefined when it has no blocks: then to where it would be. */
  #seekTenant(key: Uint8Array): TenantBlocks | undefined {
    this.#leave()
    const directory = this.#source.directory()
    const found = directory.find(key)
    if (found < 0) {
      this.#tenantIndex = directory.lowerBound(tenantHashOfKey(key), tenantIdOfKey(key))
      return undefined
    }
    this.#tenantIndex = found
    return this.#enterTenant()
  }

  /** Undefined when the tenant has no blocks of this kind. */
  #enterTenant(): TenantBlocks | undefined {
    const tenant = this.#source.tenant(this.#tenantIndex)
    this.#tenant = tenant
    if (tenant !== undefined) this.#entries.setTenantPrefix(tenant.prefix)
    return tenant
  }

  #enterBlock(tenant: TenantBlocks, blockIndex: number): Block {
    const block = this.#source.block(tenant, blockIndex)
    this.#block = block
    this.#blockIndex = blockIndex
    this.#entries.setBlock(block)
    return block
  }

  #load(entryIndex: number): void {
    this.#entryIndex = entryIndex
    this.#entries.load(entryIndex)
    this.#isValid = true
  }

  /** Goes to the first entry from the tenant at tenantIndex on; nowhere at the end of the table or of the bounds. */
  #startTenant(): void {
    this.#leave()
    const directory = this.#source.directory()
    const { upper } = this.#bounds
    for (; this.#tenantIndex < directory.tenantCount; this.#tenantIndex++) {
      if (upper !== undefined && compareKeys(directory.prefixOf(this.#tenantIndex), upper) >= 0) {
        return
      }
      const tenant = this.#enterTenant()
      if (tenant === undefined) continue
      this.#enterBlock(tenant, 0)
      this.#load(0)
      return
    }
  }

  /** Goes to the first entry of the next block, of the tenant or of one behind it. */
  #startNextBlock(): void {
    this.#isValid = false
    const tenant = this.#tenant!
    const blockIndex = this.#blockIndex + 1
    const { upper } = this.#bounds
    const isInside = upper === undefined || compareStart(tenant, blockIndex, upper) < 0
    if (blockIndex < tenant.index.blockCount && isInside) {
      this.#enterBlock(tenant, blockIndex)
      this.#load(0)
      return
    }
    this.#tenantIndex++
    this.#startTenant()
  }

  #endOfPreviousBlock(): void {
    const tenant = this.#tenant!
    const { lower } = this.#bounds
    // What lies before this block is at most its start.
    const isInside = lower === undefined || compareStart(tenant, this.#blockIndex, lower) >= 0
    if (this.#blockIndex > 0 && isInside) this.#endOfBlock(tenant, this.#blockIndex - 1)
    else this.#endOfPreviousTenant()
  }

  #endOfPreviousTenant(): void {
    this.#leave()
    const { lower } = this.#bounds
    for (this.#tenantIndex--; this.#tenantIndex >= 0; this.#tenantIndex--) {
      if (lower !== undefined) {
        const prefix = this.#source.directory().prefixOf(this.#tenantIndex)
        const lowerEnd = Math.min(lower.length, TENANT_PREFIX_BYTES)
        if (compareBytes(prefix, 0, lowerEnd, lower, 0, lowerEnd) < 0) return
      }
      const tenant = this.#enterTenant()
      if (tenant === undefined) continue
      this.#endOfBlock(tenant, tenant.index.blockCount - 1)
      return
    }
  }

  #endOfBlock(tenant: TenantBlocks, blockIndex: number): void {
    this.#isValid = false
    const block = this.#enterBlock(tenant, blockIndex)
    this.#load(block.entryCount - 1)
  }

  /** Lets go of everything; the cursor is nowhere. */
  #leave(): void {
    this.#isValid = false
    this.#tenant = undefined
    this.#block = undefined
  }
}

/** Orders the start of a block and a whole key. */
function compareStart(tenant: TenantBlocks, blockIndex: number, key: Uint8Array): number {
  const { prefix, index } = tenant
  const prefixEnd = Math.min(key.length, TENANT_PREFIX_BYTES)
  const order = compareBytes(prefix, 0, prefix.length, key, 0, prefixEnd)
  return order !== 0 ? order : index.compareStart(blockIndex, key, TENANT_PREFIX_BYTES)
}

/** Keys have their tenant in front, so a shorter bound sorts as if zeros followed. */
function padded(key: Uint8Array): Uint8Array {
  if (key.length >= TENANT_PREFIX_BYTES) return key
  const longer = new Uint8Array(TENANT_PREFIX_BYTES)
  longer.set(key)
  return longer
}
