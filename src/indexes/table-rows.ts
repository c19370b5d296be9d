// The rows of one table of one tenant, and their secondary indexes, kept in the same commit.
//
// Invariants, at every snapshot:
// 1. Every row has exactly one entry in every index, and every index entry leads to a row.
// 2. No two rows have the same primary key, or the same values, none of them null, in a unique index.
// A write that is refused leaves nothing behind in its transaction: all keys and values are encoded and all checks made
// before the first entry is handed to the view.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { TenantRef } from '../catalog/catalog.js'
import type { TableDefinition } from '../catalog/definition.js'
import type { RowMapper } from '../catalog/row-values.js'
import type { Cell } from '../codec/cell.js'
import type { KeyRange } from '../codec/entry.js'
import { KEY_PREFIX_BYTES, type KeyPrefix, writeKeyPrefix } from '../codec/tenant-key.js'
import { hashBytes } from '../kernels/bytes.js'
import type { ObjectCache } from '../store/object-cache.js'
import type { Snapshot } from '../store/store-views.js'
import type { VersionRange } from '../store/version-reads.js'
import type { KeyVersion, ReadView, WriteView } from '../store/view.js'
import type { AccessPath, RowScan } from './access-path.js'
import { keyRangeOf } from './key-range.js'
import { RowChanges } from './row-changes.js'
import { type DecodeRow, emptyScan, IndexScan, PrimaryScan } from './row-scan.js'
import type { SecondaryIndex } from './secondary.js'
import { rowMemoryBytes } from './frozen-rows.js'
import type { StagedEntries } from './staged-entries.js'
import type { StagedRows } from './staged-rows.js'
import { type TableCodec, tableCodecOf } from './table-codec.js'

export type { TenantRef } from '../catalog/catalog.js'

/** Bytes of index entries that one commit of an index build writes. */
const BUILD_STEP_BYTES = 1 << 20

type UserRow = Record<string, unknown>

/** One state of a row. */
export interface RowState {
  readonly seqNum: SeqNum
  /** Undefined: the row was deleted. */
  readonly row: Cell[] | undefined
}

/** Where the history of a key comes from. */
export interface VersionSource {
  versions(key: Uint8Array, range?: VersionRange): readonly KeyVersion[]
}

/** What a row was, with the number of a staged entry that has its key. */
interface RowBefore {
  readonly cells: readonly Cell[]
  readonly entry: number
}

/** A row, the number of its entry among the staged ones, and at least those of its cells that are indexed. */
interface StagedRow extends RowBefore {
  readonly staged: StagedEntries
}

const rowsOfTenants = new WeakMap<TenantRef, TableRows[]>()

/** Kept with the tenant: a batch over a thousand tenants asks for as many. */
export function tableRowsOf(definition: TableDefinition, tenant: TenantRef): TableRows {
  let known = rowsOfTenants.get(tenant)
  if (known === undefined) rowsOfTenants.set(tenant, (known = []))
  const at = known.findIndex((rows) => rows.definition.id === definition.id)
  if (known[at]?.definition === definition) return known[at]
  const rows = new TableRows(definition, tenant)
  known[at < 0 ? known.length : at] = rows
  return rows
}

function placeOf(definition: TableDefinition, tenant: TenantRef, indexId: number): KeyPrefix {
  return { tenantHash: tenant.hash, tenantId: tenant.id, tableId: definition.id, indexId }
}

export class TableRows {
  readonly definition: TableDefinition
  readonly #codec: TableCodec
  readonly #place: KeyPrefix
  /** As `definition.indexes`. */
  readonly #indexPlaces: readonly KeyPrefix[]

  constructor(definition: TableDefinition, tenant: TenantRef) {
    this.definition = definition
    this.#codec = tableCodecOf(definition)
    this.#place = placeOf(definition, tenant, 0)
    this.#indexPlaces = definition.indexes.map(({ id }) => placeOf(definition, tenant, id))
  }

  /** Where all rows lie, without their index entries. */
  get rowRange(): KeyRange {
    return keyRangeOf(this.#place, this.#codec.primary.fields, {})!
  }

  /**
   * Reads the row with this primary key.
   *
   * @returns cells by position in `definition.columns`
   * @throws KEY_TOO_LARGE ROW_CORRUPT
   */
  get(view: ReadView, keyCells: readonly Cell[]): Cell[] | undefined {
    const { slot } = this.#codec
    if (!view.get(this.#keyOf(keyCells), slot)) return undefined
    return this.#codec.decodeValue(keyCells, slot, this.#place.tenantId)
  }

  /** As get, with a key and a row as users see them. @throws as RowMapper.keyCells */
  getObject(view: ReadView, mapper: RowMapper, key: unknown): UserRow | undefined {
    return this.#readObject(view, this.#userKeyOf(mapper, key), key)
  }

  /**
   * As getObject of the newest readable state, by way of a cache: a frozen row, the same for all who ask.
   *
   * @param view  of that state
   */
  getFrozen(
    view: ReadView,
    mapper: RowMapper,
    key: unknown,
    cache: ObjectCache,
  ): UserRow | undefined {
    const { slot, frozenRows } = this.#codec
    const bytes = this.#userKeyOf(mapper, key)
    const keyHash = hashBytes(bytes, 0, bytes.length)
    const known = cache.find(keyHash, this) as UserRow | undefined
    if (known !== undefined && frozenRows.hasKey(known, key)) return frozenRows.forReader(known)
    const row = this.#readObject(view, bytes, key)
    if (row === undefined) return undefined
    frozenRows.freeze(row)
    const memoryBytes = rowMemoryBytes(bytes.length + slot.valueEnd - slot.valueStart)
    cache.keep(keyHash, view.snapshot, this, row, memoryBytes)
    return frozenRows.forReader(row)
  }

  /** The key of the row with this primary key, whether or not there is one. @throws KEY_TOO_LARGE */
  key(keyCells: readonly Cell[]): Uint8Array {
    return this.#keyOf(keyCells).slice()
  }

  /**
   * Walks the rows of a path. What a transaction writes while its own scan is open may or may not be seen by it.
   *
   * @throws SCHEMA_UNKNOWN_INDEX ARGUMENT_INVALID
   */
  scan(view: ReadView, path: AccessPath = {}): RowScan {
    const { tenantId } = this.#place
    return this.#scan(view, path, (entry) => this.#codec.decodeEntry(entry, tenantId))
  }

  /** As scan, with rows as users see them. */
  scanObjects(view: ReadView, path: AccessPath): RowScan<UserRow> {
    const { tenantId } = this.#place
    return this.#scan(view, path, (entry) => this.#codec.decodeObject(entry, tenantId))
  }

  #scan<R>(view: ReadView, path: AccessPath, decode: DecodeRow<R>): RowScan<R> {
    const codec = this.#codec
    const index = path.index === undefined ? undefined : codec.index(path.index)
    const place = index === undefined ? this.#place : this.#indexPlace(index)
    const range = keyRangeOf(place, (index?.tuple ?? codec.primary).fields, path)
    if (range === undefined) return emptyScan()
    const entries = view.scan(range, { reverse: path.reverse === true })
    if (index === undefined) return new PrimaryScan(entries, decode)
    return new IndexScan({ codec, index, view, entries, rowPlace: this.#place, decode })
  }

  /** Retained states of the row with this primary key, newest first. @throws ROW_CORRUPT */
  history(source: VersionSource, keyCells: readonly Cell[], range?: VersionRange): RowState[] {
    const { slot } = this.#codec
    return source.versions(this.#keyOf(keyCells), range).map(({ seqNum, value }) => {
      if (value === undefined) return { seqNum, row: undefined }
      slot.valueBytes = value
      slot.valueStart = 0
      slot.valueEnd = value.length
      return { seqNum, row: this.#codec.decodeValue(keyCells, slot, this.#place.tenantId) }
    })
  }

  /** Rows that differ between a view and a later snapshot, in key order. Both must be held until the end. */
  changes(view: Snapshot, at: SeqNum): RowChanges {
    const scan = view.changes(this.rowRange, at)
    return new RowChanges({ codec: this.#codec, tenantId: this.#place.tenantId, view, scan })
  }

  /**
   * Adds a row.
   *
   * @throws ROW_DUPLICATE_KEY ROW_UNIQUE_VIOLATION KEY_TOO_LARGE VALUE_TOO_LARGE
   */
  insert(view: WriteView, row: readonly Cell[]): void {
    this.#insert(view, this.#stageRow(row))
  }

  /** As insert, of a row that was encoded before. */
  insertStaged(view: WriteView, rows: StagedRows, i: number): void {
    this.#insert(view, this.#placeRow(rows, i))
  }

  /**
   * Adds a row, or replaces the one with its primary key.
   *
   * @throws ROW_UNIQUE_VIOLATION KEY_TOO_LARGE VALUE_TOO_LARGE
   */
  upsert(view: WriteView, row: readonly Cell[]): void {
    this.#upsert(view, this.#stageRow(row))
  }

  /** As upsert, of a row that was encoded before. */
  upsertStaged(view: WriteView, rows: StagedRows, i: number): void {
    this.#upsert(view, this.#placeRow(rows, i))
  }

  /**
   * Replaces a row that is there; the primary key may change.
   *
   * @param oldRow  the row as the view shows it
   * @throws ROW_DUPLICATE_KEY ROW_UNIQUE_VIOLATION KEY_TOO_LARGE VALUE_TOO_LARGE
   */
  update(view: WriteView, oldRow: readonly Cell[], newRow: readonly Cell[]): void {
    const row = this.#stageRow(newRow)
    const { staged, entry } = row
    const oldEntry = this.#stageDelete(oldRow)
    if (staged.hasSameKey(entry, oldEntry)) staged.drop(oldEntry)
    else this.#refuseDuplicate(view, row)
    this.#stageIndexes(view, row, { cells: oldRow, entry: oldEntry })
    staged.apply(view)
  }

  /** Deletes a row that is there. */
  delete(view: WriteView, row: readonly Cell[]): void {
    const { staged, indexes } = this.#codec
    staged.reset()
    const entry = this.#stageDelete(row)
    for (let i = 0; i < indexes.length; i++) {
      indexes[i]!.stageDelete(staged, this.#indexPlaces[i]!, row, entry)
    }
    staged.apply(view)
  }

  /**
   * Writes the entries of some indexes for some rows.
   *
   * @param from  where to go on; undefined: at the first row
   * @returns where to go on next time; undefined when all rows are done
   * @throws ROW_UNIQUE_VIOLATION ROW_CORRUPT
   */
  buildIndexes(
    view: WriteView,
    indexes: readonly SecondaryIndex[],
    from: Uint8Array | undefined,
  ): Uint8Array | undefined {
    const { staged } = this.#codec
    const { lower, upper } = this.rowRange
    const entries = view.scan({ lower: from ?? lower, upper })
    let writtenBytes = 0
    while (entries.next()) {
      if (writtenBytes > BUILD_STEP_BYTES) {
        const next = entries.entry.copyKey()
        entries.close()
        return next
      }
      const row = this.#codec.decodeEntry(entries.entry, this.#place.tenantId)
      staged.reset()
      const rowEntry = this.#stageDelete(row)
      staged.drop(rowEntry)
      for (const index of indexes) {
        const entry = index.stagePut(staged, this.#indexPlace(index), row, rowEntry)
        if (index.isExclusive(row)) this.#refuseTaken(view, staged, index, entry)
      }
      staged.apply(view)
      writtenBytes += staged.writer.length
    }
    return undefined
  }

  /** The key in place: valid until the next operation on the table. */
  #keyOf(keyCells: readonly Cell[]): Uint8Array {
    const { staged, primary } = this.#codec
    staged.reset()
    writeKeyPrefix(staged.writer, this.#place)
    primary.writeCells(staged.writer, keyCells)
    staged.endKey(0)
    return staged.writer.view()
  }

  /** The same of a key as users see it. @throws as RowMapper.keyCells */
  #userKeyOf(mapper: RowMapper, key: unknown): Uint8Array {
    const { staged, objects, primary } = this.#codec
    staged.reset()
    const { writer } = staged
    writeKeyPrefix(writer, this.#place)
    if (!objects.encodeKey(writer, key)) primary.writeCells(writer, mapper.keyCells(key))
    staged.endKey(0)
    return writer.view()
  }

  #readObject(view: ReadView, bytes: Uint8Array, key: unknown): UserRow | undefined {
    const { slot } = this.#codec
    if (!view.get(bytes, slot)) return undefined
    // Views need not fill in the key that they were asked for.
    slot.keyBytes = bytes
    slot.keyStart = 0
    slot.keyEnd = bytes.length
    return this.#codec.decodeObject(slot, this.#place.tenantId, key)
  }

  #insert(view: WriteView, row: StagedRow): void {
    this.#refuseDuplicate(view, row)
    this.#applyRow(view, row)
  }

  #upsert(view: WriteView, row: StagedRow): void {
    // Only index entries need to know what was there.
    const old = this.#codec.hasIndexes ? this.#oldRow(view, row) : undefined
    this.#applyRow(view, row, old)
  }

  /** Writes the row and what changes in the indexes. */
  #applyRow(view: WriteView, row: StagedRow, old?: readonly Cell[]): void {
    const { staged, entry } = row
    const firstOfIndexes = staged.count
    const before = old === undefined ? undefined : { cells: old, entry }
    if (this.#codec.hasIndexes) this.#stageIndexes(view, row, before)
    staged.applyEntry(view, entry)
    staged.applyFrom(view, firstOfIndexes)
  }

  #oldRow(view: ReadView, { staged, entry }: StagedRow): Cell[] | undefined {
    const { slot } = this.#codec
    const key = staged.key(entry)
    if (!view.get(key, slot)) return undefined
    // Views need not fill in the key that they were asked for.
    slot.keyBytes = key
    slot.keyStart = 0
    slot.keyEnd = key.length
    return this.#codec.decodeEntry(slot, this.#place.tenantId)
  }

  #stageRow(row: readonly Cell[]): StagedRow {
    const { staged } = this.#codec
    staged.reset()
    this.#stageKey(row)
    this.#codec.encodeValue(staged.writer, row)
    return { staged, cells: row, entry: staged.endPut() }
  }

  /** A row that was encoded before gets its place; what its last try staged goes. */
  #placeRow(rows: StagedRows, i: number): StagedRow {
    const { entries } = rows
    entries.truncate(rows.count)
    entries.placeKey(i, this.#place)
    return { staged: entries, cells: rows.cells(i), entry: i }
  }

  #stageDelete(row: readonly Cell[]): number {
    this.#stageKey(row)
    return this.#codec.staged.endDelete()
  }

  #stageKey(row: readonly Cell[]): void {
    const { staged, primary } = this.#codec
    const start = staged.writer.length
    writeKeyPrefix(staged.writer, this.#place)
    primary.writeRow(staged.writer, row)
    staged.endKey(start)
  }

  /** Stages what changes in every index when `before` becomes `row`; without it the row is new. */
  #stageIndexes(view: ReadView, row: StagedRow, before?: RowBefore): void {
    const { staged } = row
    const { indexes } = this.#codec
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!
      const place = this.#indexPlaces[i]!
      const entry = index.stagePut(staged, place, row.cells, row.entry)
      if (before !== undefined) {
        const oldEntry = index.stageDelete(staged, place, before.cells, before.entry)
        if (staged.hasSameKey(entry, oldEntry)) {
          staged.drop(oldEntry)
          // With the primary key the value is the same, too.
          if (staged.hasSameKey(row.entry, before.entry)) {
            staged.drop(entry)
            continue
          }
        }
      }
      if (index.isExclusive(row.cells)) {
        this.#refuseTaken(view, staged, index, entry, before?.entry)
      }
    }
  }

  #refuseDuplicate(view: ReadView, { staged, entry }: StagedRow): void {
    if (!view.get(staged.key(entry), this.#codec.slot)) return
    const { name } = this.definition
    throw engineError('ROW_DUPLICATE_KEY', `${name} has a row with this primary key`, {
      details: { table: name, tenantId: this.#place.tenantId },
    })
  }

  #refuseTaken(
    view: ReadView,
    staged: StagedEntries,
    index: SecondaryIndex,
    entry: number,
    ownerEntry?: number,
  ): void {
    const { slot } = this.#codec
    if (!view.get(staged.key(entry), slot)) return
    const { valueBytes, valueStart, valueEnd } = slot
    const isOwn =
      ownerEntry !== undefined &&
      staged.isKeyTail(ownerEntry, KEY_PREFIX_BYTES, valueBytes, valueStart, valueEnd)
    if (isOwn) return
    const { name } = this.definition
    throw engineError(
      'ROW_UNIQUE_VIOLATION',
      `another row of ${name} has these values of the unique index ${index.definition.name}`,
      { details: { table: name, index: index.definition.name, tenantId: this.#place.tenantId } },
    )
  }

  #indexPlace(index: SecondaryIndex): KeyPrefix {
    return this.#indexPlaces[this.#codec.indexes.indexOf(index)]!
  }
}
