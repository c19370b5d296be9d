import type { SeqNum } from '../base/ids.js'
import { type Cursor, EntrySlot, type KeyRange } from '../codec/entry.js'
import { TENANT_PREFIX_BYTES, tenantHashOfKey, tenantIdOfKey } from '../codec/tenant-key.js'
import { compareBytes, compareKeys } from '../kernels/bytes.js'
import { type Block, EntryDecoder } from './block.js'
import { RestartInterval } from './restart-interval.js'
import type { TenantBlocks, TenantBlockSource } from './tenant-blocks.js'

/** Newer than every version: (key, this) is before all versions of the key, so "at or before" means "below the key". */
const BEFORE_ALL_VERSIONS = Number.POSITIVE_INFINITY

/**
 * A cursor over the main or the history blocks of one sstable. Reads a block when it moves into it, not before; with bounds
 * it does not move into blocks and tenants that lie outside them altogether, but may visit entries outside at the edges.
 */
export class TableCursor implements Cursor {
  readonly entry: EntrySlot = new EntrySlot()
  #isValid = false
  readonly #source: TenantBlockSource
  readonly #bounds: KeyRange
  readonly #decoder = new EntryDecoder()

  #tenant: TenantBlocks | undefined
  #tenantIndex = 0
  #blockIndex = 0
  #block: Block | undefined
  /** Forward: where the next entry of the block begins. */
  #position = 0
  /** Backward: the restart that is decoded, and the entry of it. */
  #interval: RestartInterval | undefined
  #restartIndex = 0
  #entryIndex = 0

  constructor(source: TenantBlockSource, bounds: KeyRange) {
    this.#source = source
    this.#bounds = bounds
  }

  get isValid(): boolean {
    return this.#isValid
  }

  seek(key: Uint8Array, seqNum: SeqNum): void {
    // Backward, keys lie one behind the other; forward, there is one.
    this.entry.keyStart = 0
    const target = padded(key)
    const tenant = this.#seekTenant(target)
    if (tenant === undefined) {
      if (this.#startTenant()) this.#decodeNext(this.#block!)
      return
    }
    const found = tenant.index.findBlock(target, TENANT_PREFIX_BYTES, target.length, seqNum)
    const block = this.#enterBlock(tenant, Math.max(0, found))
    const restart = block.findRestart(target, TENANT_PREFIX_BYTES, target.length, seqNum)
    this.#position = block.restartAt(Math.max(0, restart))
    // The target lies within this restart, or is the first entry behind it.
    do {
      this.next()
    } while (this.#isValid && this.#isBefore(target, seqNum))
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
    const restart = block.findRestart(target, TENANT_PREFIX_BYTES, restEnd, BEFORE_ALL_VERSIONS)
    if (restart < 0) {
      this.#endOfPreviousBlock()
      return
    }
    this.#enterRestart(block, restart)
    while (this.#compareKey(target) >= 0) this.prev()
  }

  next(): void {
    const block = this.#block
    if (block !== undefined && this.#position < block.entriesEnd) {
      this.#decodeNext(block)
      return
    }
    this.#isValid = false
    if (this.#startNextBlock()) {
      this.#decodeNext(this.#block!)
      return
    }
    this.#tenantIndex++
    if (this.#startTenant()) this.#decodeNext(this.#block!)
  }

  prev(): void {
    if (this.#entryIndex > 0) {
      this.#entryIndex--
      this.#interval!.fill(this.entry, this.#entryIndex)
    } else if (this.#restartIndex > 0) {
      this.#enterRestart(this.#block!, this.#restartIndex - 1)
    } else {
      this.#endOfPreviousBlock()
    }
  }

  close(): void {
    this.#leave()
  }

  /** Goes to the tenant of the key and enters it; undefined when it has no blocks: then to where it would be. */
  #seekTenant(key: Uint8Array): TenantBlocks | undefined {
    this.#leave()
    const directory = this.#source.directory()
    this.#tenantIndex = directory.lowerBound(tenantHashOfKey(key), tenantIdOfKey(key))
    return directory.find(key) === this.#tenantIndex ? this.#enterTenant() : undefined
  }

  /** Undefined when the tenant has no blocks of this kind. */
  #enterTenant(): TenantBlocks | undefined {
    const tenant = this.#source.tenant(this.#tenantIndex)
    this.#tenant = tenant
    if (tenant !== undefined) this.#decoder.setTenantPrefix(tenant.prefix)
    return tenant
  }

  #enterBlock(tenant: TenantBlocks, blockIndex: number): Block {
    const block = this.#source.block(tenant, blockIndex)
    this.#block = block
    this.#blockIndex = blockIndex
    this.#position = 0
    this.#decoder.restart()
    return block
  }

  #enterRestart(block: Block, restartIndex: number): void {
    this.#interval ??= new RestartInterval()
    const interval = this.#interval
    interval.load(block, restartIndex, this.#decoder)
    this.#restartIndex = restartIndex
    this.#entryIndex = interval.count - 1
    interval.fill(this.entry, this.#entryIndex)
    this.#isValid = true
  }

  #decodeNext(block: Block): void {
    const decoder = this.#decoder
    this.#position = decoder.decode(block, this.#position, block.entriesEnd)
    const { entry } = this
    entry.keyBytes = decoder.key
    entry.keyEnd = decoder.keyEnd
    entry.seqNum = decoder.seqNum as SeqNum
    entry.kind = decoder.kind
    entry.valueBytes = block.bytes
    entry.valueStart = decoder.valueStart
    entry.valueEnd = decoder.valueEnd
    this.#isValid = true
  }

  /** Enters the first block from the tenant at tenantIndex on; false at the end of the table or of the bounds. */
  #startTenant(): boolean {
    this.#leave()
    const directory = this.#source.directory()
    const { upper } = this.#bounds
    for (; this.#tenantIndex < directory.tenantCount; this.#tenantIndex++) {
      if (upper !== undefined && compareKeys(directory.prefixOf(this.#tenantIndex), upper) >= 0) {
        return false
      }
      const tenant = this.#enterTenant()
      if (tenant === undefined) continue
      this.#enterBlock(tenant, 0)
      return true
    }
    return false
  }

  /** Enters the next block of the tenant; false at the end of the tenant or of the bounds. */
  #startNextBlock(): boolean {
    const tenant = this.#tenant
    const blockIndex = this.#blockIndex + 1
    if (tenant === undefined || blockIndex >= tenant.index.blockCount) return false
    const { upper } = this.#bounds
    if (upper !== undefined && compareStart(tenant, blockIndex, upper) >= 0) return false
    this.#enterBlock(tenant, blockIndex)
    return true
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
    this.#enterRestart(block, block.restartCount - 1)
  }

  /** Lets go of everything; the cursor is nowhere. */
  #leave(): void {
    this.#isValid = false
    this.#tenant = undefined
    this.#block = undefined
  }

  #compareKey(key: Uint8Array): number {
    const { keyBytes, keyStart, keyEnd } = this.entry
    return compareBytes(keyBytes, keyStart, keyEnd, key, 0, key.length)
  }

  #isBefore(key: Uint8Array, seqNum: SeqNum): boolean {
    const order = this.#compareKey(key)
    return order < 0 || (order === 0 && this.entry.seqNum > seqNum)
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
