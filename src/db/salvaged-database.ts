// What is left of a damaged database, row by row, past everything that cannot be read. Nothing on the disk is changed.

import { EngineError } from '../base/errors.js'
import type { SeqNum, TenantId } from '../base/ids.js'
import { readTables, type NamedTenant, tenantsOf } from '../catalog/catalog.js'
import type { TableDefinition } from '../catalog/definition.js'
import { RowMapper } from '../catalog/row-values.js'
import { ByteWriter } from '../codec/bytes.js'
import type { EntrySlot, KeyRange } from '../codec/entry.js'
import { RAW_KEY_TABLE_ID } from '../codec/raw-key.js'
import { KEY_PREFIX_BYTES, successorOfPrefix, writeKeyPrefix } from '../codec/tenant-key.js'
import { tableCodecOf } from '../indexes/table-codec.js'
import { compareKeys } from '../kernels/bytes.js'
import type { Hole } from '../sstable/salvage-cursor.js'
import { tableFileName } from '../sstable/format.js'
import type { SalvageReport } from '../store/salvage.js'
import type { SalvageScan } from '../store/salvage-scan.js'
import type { Store } from '../store/store.js'

/** The raw keys of a tenant, as if they were a table. */
export const KEY_SPACE: TableDefinition = {
  id: RAW_KEY_TABLE_ID,
  // No table can have this name.
  name: '(key space)',
  version: 1,
  columns: ['key', 'value'].map((name, i) => ({
    id: i + 1,
    name,
    kind: 'bytes',
    isNullable: false,
    sinceVersion: 1,
  })),
  primaryKey: [{ column: 'key', isDescending: false }],
  indexes: [],
  nextIndexId: 1,
}

/** Keys of one table of one tenant of which something cannot be read. */
export interface UnreadableRange {
  /** Absent when the rows could be read but not decoded. */
  readonly file: string | undefined
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, string | number>>
  /** Encoded primary keys, both included; absent: from the first, to the last. */
  readonly from: Uint8Array | undefined
  readonly to: Uint8Array | undefined
}

export interface SalvagedRow {
  readonly row: Readonly<Record<string, unknown>>
  /** The commit that wrote it. */
  readonly seqNum: SeqNum
  /** False: the row may have been changed or deleted by what cannot be read. */
  readonly isCertain: boolean
}

export class SalvagedDatabase {
  readonly tables: readonly TableDefinition[]
  readonly tenants: readonly NamedTenant[]
  /** Parts of the catalog that cannot be read: tables and tenants may be missing. */
  readonly unreadableCatalog: readonly UnreadableRange[]
  readonly #store: Store
  readonly #onClosed: () => Promise<void>

  constructor(store: Store, onClosed: () => Promise<void>) {
    this.#store = store
    this.#onClosed = onClosed
    const unreadable: UnreadableRange[] = []
    const scans: { readonly scan: SalvageScan; readonly range: Required<KeyRange> }[] = []
    const view = {
      scan: (given: KeyRange) => {
        const range = { lower: given.lower, upper: given.upper }
        const scan = store.salvageScan(range)
        scans.push({ scan, range })
        return scan
      },
    }
    this.tables = [...readTables(view).values()].sort((a, b) => a.id - b.id)
    this.tenants = [...tenantsOf(view)]
    for (const { scan, range } of scans) {
      unreadable.push(...scan.holes.map((hole) => unreadableRange(hole, range)))
    }
    this.unreadableCatalog = unreadable
  }

  /** What opening could not take. */
  get report(): SalvageReport {
    return this.#store.salvage!
  }

  /** The rows of one table of one tenant, or its raw keys: KEY_SPACE. */
  rows(tenant: NamedTenant, table: TableDefinition): RowSalvage {
    return new RowSalvage(this.#store, tenant, table)
  }

  async close(): Promise<void> {
    await this.#store.close().finally(this.#onClosed)
  }
}

/** One pass over the rows of a table; what could not be read is known at its end. */
export class RowSalvage {
  readonly unreadable: UnreadableRange[] = []
  /** Keys that were deleted as far as can be read. */
  uncertainTombstoneCount = 0
  readonly #store: Store
  readonly #tenant: NamedTenant
  readonly #table: TableDefinition
  #undecodable: UnreadableRange | undefined

  constructor(store: Store, tenant: NamedTenant, table: TableDefinition) {
    this.#store = store
    this.#tenant = tenant
    this.#table = table
  }

  *[Symbol.iterator](): Generator<SalvagedRow, void, undefined> {
    const { id: tenantId, hash: tenantHash } = this.#tenant
    const prefix = new ByteWriter(KEY_PREFIX_BYTES)
    writeKeyPrefix(prefix, { tenantHash, tenantId, tableId: this.#table.id, indexId: 0 })
    const lower = prefix.finish()
    const range = { lower, upper: successorOfPrefix(lower) }
    const toRow = rowDecoder(this.#table, tenantId)
    const scan = this.#store.salvageScan(range)
    try {
      while (scan.next()) {
        const { isCertain, entry } = scan
        let row: SalvagedRow['row']
        try {
          row = toRow(entry)
        } catch (error) {
          this.#noteUndecodable(entry.copyKey(), error)
          continue
        }
        yield { row, seqNum: entry.seqNum, isCertain }
      }
    } finally {
      if (this.#undecodable !== undefined) this.unreadable.push(this.#undecodable)
      scan.close()
      this.uncertainTombstoneCount = scan.uncertainTombstoneCount
      this.unreadable.push(...scan.holes.map((hole) => unreadableRange(hole, range)))
    }
  }

  /** Rows of a newer version of the table than the one that can be read, say: one range from the first to the last. */
  #noteUndecodable(key: Uint8Array, error: unknown): void {
    if (!(error instanceof EngineError) || error.code !== 'ROW_CORRUPT') throw error
    const { code, message, details } = error
    const to = key.slice(KEY_PREFIX_BYTES)
    const from = this.#undecodable?.from ?? to
    this.#undecodable = { file: undefined, code, message, details, from, to }
  }
}

function rowDecoder(table: TableDefinition, tenantId: TenantId) {
  if (table === KEY_SPACE) {
    return (entry: EntrySlot): SalvagedRow['row'] => ({
      key: entry.copyKey().slice(KEY_PREFIX_BYTES),
      value: entry.copyValue(),
    })
  }
  const codec = tableCodecOf(table)
  const mapper = new RowMapper(table)
  return (entry: EntrySlot): SalvagedRow['row'] => mapper.toRow(codec.decodeEntry(entry, tenantId))
}

/** The part of a hole that lies in the range. */
function unreadableRange(hole: Hole, { lower, upper }: Required<KeyRange>): UnreadableRange {
  const { code, message, details } = hole.error
  const isFrom = compareKeys(hole.lower, lower!) > 0
  const isTo = compareKeys(hole.upper, upper!) < 0
  return {
    file: tableFileName(hole.meta.fileId),
    code,
    message,
    details,
    from: isFrom ? hole.lower.slice(KEY_PREFIX_BYTES) : undefined,
    to: isTo ? hole.upper.slice(KEY_PREFIX_BYTES) : undefined,
  }
}
