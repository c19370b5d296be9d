// One table of one tenant, as users see it: typed rows in and out. Three faces over the same reads: the newest state
// (TableSession), a moment of the past (PastTable) and the inside of a transaction (TransactionTable).

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { RowMapper } from '../catalog/row-values.js'
import type { AnyTable, IndexName, Insert, Key, Row, Update } from '../catalog/table.js'
import type { AccessPath, PathBound } from '../indexes/access-path.js'
import { TableRows } from '../indexes/table-rows.js'
import type { ReadView, WriteView } from '../store/view.js'
import type { Engine, TenantName } from './engine.js'
import { type RowSource, RowStream } from './row-stream.js'
import { dateOfSeqNum } from './time.js'

/** Which rows a scan yields, and in which order. Without options: all rows in primary-key order. */
export interface RowScanOptions<T extends AnyTable> {
  /** Walk this index instead of the primary key. */
  readonly index?: IndexName<T>
  /** Values of the leading key columns that rows must have. */
  readonly prefix?: readonly unknown[]
  /** Bounds on the key column behind the prefix. */
  readonly gt?: unknown
  readonly gte?: unknown
  readonly lt?: unknown
  readonly lte?: unknown
  /** Last first. */
  readonly reverse?: boolean
  /** At most so many rows. */
  readonly limit?: number
}

/** One state of a row. */
export interface RowVersion<T extends AnyTable> {
  /** The commit that made it; pass it to at(). */
  readonly seqNum: SeqNum
  readonly committedAt: Date
  /** Undefined: the row was deleted. */
  readonly row: Row<T> | undefined
}

/** A view and what to do when it is no longer needed. */
export interface HeldView {
  readonly view: ReadView
  release(): void
}

/** What every face shares: where its reads come from. */
export interface ReadScope {
  readonly engine: Engine
  readonly tenant: TenantName
  /** A view for one synchronous stretch. */
  viewNow(): ReadView
  /** A view that lasts over awaits. */
  hold(): Promise<HeldView>
}

export class TableReads<T extends AnyTable> {
  protected readonly scope: ReadScope
  protected readonly mapper: RowMapper
  readonly #name: string
  #rows: TableRows | undefined

  constructor(scope: ReadScope, name: string) {
    this.scope = scope
    this.#name = name
    this.mapper = scope.engine.mapper(name)
  }

  /**
   * Reads the row with this primary key.
   *
   * @param key  the primary key's value; an array of values when it has several columns
   * @returns the row, or undefined when there is none
   * @throws SCHEMA_TYPE_MISMATCH DB_CLOSED
   */
  async get(key: Key<T>): Promise<Row<T> | undefined> {
    const held = await this.scope.hold()
    try {
      return this.read(held.view, key)
    } finally {
      held.release()
    }
  }

  /** Rows of a key range, as a stream: `for await (const row of ...)`, or `.toArray()`. */
  scan(options: RowScanOptions<T> = {}): RowStream<Row<T>> {
    const { limit = Infinity } = options
    if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit > 0)) {
      throw engineError('ARGUMENT_INVALID', `limit must be a whole number above 0, not ${limit}`)
    }
    const path = this.#path(options)
    return new RowStream({
      open: () => this.#openScan(path),
      limit,
      yield: () => this.scope.engine.env.clock.yield(),
    })
  }

  protected read(view: ReadView, key: Key<T>): Row<T> | undefined {
    const cells = this.mapper.keyCells(key)
    const row = this.rows()?.get(view, cells)
    return row === undefined ? undefined : (this.mapper.toRow(row) as Row<T>)
  }

  /** The rows of this tenant; undefined while the tenant has never written. */
  protected rows(): TableRows | undefined {
    if (this.#rows === undefined) {
      const tenant = this.scope.engine.tenantRef(this.scope.tenant)
      if (tenant === undefined) return undefined
      this.#rows = new TableRows(this.mapper.definition, tenant)
    }
    return this.#rows
  }

  /** The rows of this tenant, for writing: the tenant is known to the catalog from here on. */
  protected async writableRows(): Promise<TableRows> {
    await this.scope.engine.internTenant(this.scope.tenant)
    return this.rows()!
  }

  protected get tableName(): string {
    return this.#name
  }

  async #openScan(path: AccessPath): Promise<RowSource<Row<T>>> {
    const held = await this.scope.hold()
    const scan = this.rows()?.scan(held.view, path)
    const { mapper } = this
    return {
      next: () => (scan?.next() === true ? (mapper.toRow(scan.row) as Row<T>) : undefined),
      close: () => {
        scan?.close()
        held.release()
      },
    }
  }

  #path(options: RowScanOptions<T>): AccessPath {
    const { index, prefix = [], reverse = false } = options
    if (!Array.isArray(prefix)) throw engineError('ARGUMENT_INVALID', 'prefix must be an array')
    const partCell = (position: number, value: unknown) =>
      this.mapper.partCell(index, position, value)
    const bound = (inclusive: unknown, exclusive: unknown): PathBound | undefined => {
      if (inclusive !== undefined && exclusive !== undefined) {
        throw engineError('ARGUMENT_INVALID', 'give one bound per side: gt or gte, lt or lte')
      }
      const value = inclusive === undefined ? exclusive : inclusive
      if (value === undefined) return undefined
      return { cell: partCell(prefix.length, value), isInclusive: inclusive !== undefined }
    }
    const lower = bound(options.gte, options.gt)
    const upper = bound(options.lte, options.lt)
    return {
      ...(index === undefined ? {} : { index }),
      prefix: prefix.map((value, position) => partCell(position, value)),
      ...(lower === undefined ? {} : { lower }),
      ...(upper === undefined ? {} : { upper }),
      reverse,
    }
  }
}

/** A table of a tenant as of a moment. */
export class PastTable<T extends AnyTable> extends TableReads<T> {
  /** As get(), without a promise. */
  getSync(key: Key<T>): Row<T> | undefined {
    return this.read(this.scope.viewNow(), key)
  }
}

/** A table of a tenant: the newest committed state, and single-call writes that are durable when they resolve. */
export class TableSession<T extends AnyTable> extends PastTable<T> {
  /**
   * Adds one row or several, all or none.
   *
   * @returns the commit's SeqNum, once it is durable
   * @throws ROW_DUPLICATE_KEY ROW_UNIQUE_VIOLATION SCHEMA_MISSING_COLUMN SCHEMA_UNKNOWN_COLUMN SCHEMA_TYPE_MISMATCH
   */
  async insert(rows: Insert<T> | readonly Insert<T>[]): Promise<SeqNum> {
    const cells = this.#cellsOf(rows)
    return this.#write((table, view) => {
      for (const row of cells) table.insert(view, row)
    })
  }

  /** Adds one row or several, replacing those with the same primary key. */
  async upsert(rows: Insert<T> | readonly Insert<T>[]): Promise<SeqNum> {
    const cells = this.#cellsOf(rows)
    return this.#write((table, view) => {
      for (const row of cells) table.upsert(view, row)
    })
  }

  /** Changes columns of the row with this key. Resolves with false when there is no such row. */
  async update(key: Key<T>, changes: Update<T>): Promise<boolean> {
    let isFound = false
    await this.#write((table, view) => {
      isFound = updateRow(table, this.mapper, view, key, changes)
    })
    return isFound
  }

  /** Deletes the row with this key. Resolves with false when there was none. */
  async delete(key: Key<T>): Promise<boolean> {
    let isFound = false
    await this.#write((table, view) => {
      isFound = deleteRow(table, this.mapper, view, key)
    })
    return isFound
  }

  /**
   * Every state of the row that the retained history holds, newest first.
   *
   * @see OpenSettings.historyWindowMs
   */
  async history(key: Key<T>): Promise<RowVersion<T>[]> {
    const { engine } = this.scope
    const cells = this.mapper.keyCells(key)
    const versions = this.rows()?.history(engine.store, cells) ?? []
    return versions.map(({ seqNum, row }) => ({
      seqNum,
      committedAt: dateOfSeqNum(seqNum),
      row: row === undefined ? undefined : (this.mapper.toRow(row) as Row<T>),
    }))
  }

  #cellsOf(rows: Insert<T> | readonly Insert<T>[]) {
    const list = (Array.isArray(rows) ? rows : [rows]) as readonly Insert<T>[]
    return list.map((row) => this.mapper.toCells(row))
  }

  async #write(change: (table: TableRows, view: WriteView) => void): Promise<SeqNum> {
    const table = await this.writableRows()
    return this.scope.engine.store.write((view) => change(table, view))
  }
}

/** What a transaction's tables need: the view that all its writes go through. */
export interface WriteScope extends ReadScope {
  viewNow(): WriteView
  /** Runs writes that belong together: all of them, or none when it throws. */
  atomically<R>(fn: () => R): R
}

/** A table of a tenant inside a transaction: it sees the transaction's own writes, others see them after commit. */
export class TransactionTable<T extends AnyTable> extends TableReads<T> {
  readonly #scope: WriteScope

  constructor(scope: WriteScope, name: string) {
    super(scope, name)
    this.#scope = scope
  }

  /** @throws ROW_DUPLICATE_KEY ROW_UNIQUE_VIOLATION */
  async insert(rows: Insert<T> | readonly Insert<T>[]): Promise<void> {
    const list = (Array.isArray(rows) ? rows : [rows]) as readonly Insert<T>[]
    const cells = list.map((row) => this.mapper.toCells(row))
    const table = await this.writableRows()
    this.#scope.atomically(() => {
      for (const row of cells) table.insert(this.#scope.viewNow(), row)
    })
  }

  async upsert(rows: Insert<T> | readonly Insert<T>[]): Promise<void> {
    const list = (Array.isArray(rows) ? rows : [rows]) as readonly Insert<T>[]
    const cells = list.map((row) => this.mapper.toCells(row))
    const table = await this.writableRows()
    this.#scope.atomically(() => {
      for (const row of cells) table.upsert(this.#scope.viewNow(), row)
    })
  }

  /** Resolves with false when there is no such row. */
  async update(key: Key<T>, changes: Update<T>): Promise<boolean> {
    const table = await this.writableRows()
    return this.#scope.atomically(() =>
      updateRow(table, this.mapper, this.#scope.viewNow(), key, changes),
    )
  }

  /** Resolves with false when there was none. */
  async delete(key: Key<T>): Promise<boolean> {
    const table = await this.writableRows()
    return this.#scope.atomically(() =>
      deleteRow(table, this.mapper, this.#scope.viewNow(), key),
    )
  }
}

function updateRow(
  table: TableRows,
  mapper: RowMapper,
  view: WriteView,
  key: unknown,
  changes: unknown,
): boolean {
  const old = table.get(view, mapper.keyCells(key))
  if (old === undefined) return false
  table.update(view, old, mapper.changed(old, changes))
  return true
}

function deleteRow(table: TableRows, mapper: RowMapper, view: WriteView, key: unknown): boolean {
  const old = table.get(view, mapper.keyCells(key))
  if (old === undefined) return false
  table.delete(view, old)
  return true
}
