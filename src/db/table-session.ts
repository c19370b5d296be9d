// One table of one tenant, as users see it: typed rows in and out. Three faces over the same reads: the newest state
// (TableSession), a moment of the past (PastTable) and the inside of a transaction (TransactionTable).

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { checkCount, checkOptionNames } from '../base/options.js'
import { type TableDefinition, unknownIndex } from '../catalog/definition.js'
import type { Schema } from '../catalog/schema.js'
import type { AnyTable, IndexName, Insert, Key, Row, Update } from '../catalog/table.js'
import type { StagedRows } from '../indexes/staged-rows.js'
import type { AccessPath, PathBound } from '../indexes/access-path.js'
import type { StoreTransaction } from '../store/transaction.js'
import type { ObjectCache } from '../store/object-cache.js'
import type { ReadView, WriteView } from '../store/view.js'
import { durabilityOfWrite, type WriteOptions } from './durability.js'
import type { Engine, TenantName } from './engine.js'
import {
  blameCells,
  type HistoryOptions,
  openDiff,
  type RowBlame,
  type RowChange,
  rowStates,
  type RowVersion,
  rowVersion,
  type TableOfTenant,
} from './row-history.js'
import { closedOnError, type RowSource, RowStream } from './row-stream.js'
import { TenantTable } from './tenant-table.js'
import type { Moment } from './time.js'

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

const SCAN_OPTION_NAMES = ['index', 'prefix', 'gt', 'gte', 'lt', 'lte', 'reverse', 'limit']
const HISTORY_OPTION_NAMES = ['from', 'to', 'limit']

/** A view and what to do when it is no longer needed. */
export interface HeldView {
  readonly view: ReadView
  close(): void
}

/** What every face shares: where its reads come from. */
export interface ReadScope {
  readonly engine: Engine
  readonly tenant: TenantName
  /** The tables as its views see them. */
  readonly schema: Schema
  /** Where rows of the newest state are kept; absent where views show another one, or without a row cache. */
  readonly rowCache?: ObjectCache | undefined
  /** A view for one synchronous stretch. */
  viewNow(): ReadView
  /** A view that lasts over awaits. A promise only where it must wait for its turn. */
  hold(): HeldView | Promise<HeldView>
}

export class TableReads<T extends AnyTable> extends TenantTable<T> {
  protected readonly scope: ReadScope

  constructor(scope: ReadScope, name: string) {
    super(scope.engine, scope.tenant, scope.engine.mapper(name, scope.schema))
    this.scope = scope
  }

  /**
   * Reads the row with this primary key.
   *
   * @param key  the primary key's value; an array of values when it has several columns
   * @returns the row, or undefined when there is none
   * @throws SCHEMA_TYPE_MISMATCH DB_CLOSED
   */
  async get(key: Key<T>): Promise<Row<T> | undefined> {
    const holding = this.scope.hold()
    const held = holding instanceof Promise ? await holding : holding
    try {
      return this.readRow(held.view, key, this.scope.rowCache)
    } finally {
      held.close()
    }
  }

  /** Rows of a key range, as a stream: `for await (const row of ...)`, or `.toArray()`. */
  scan(options: RowScanOptions<T> = {}): RowStream<Row<T>> {
    checkOptionNames('scan()', options, SCAN_OPTION_NAMES)
    const { limit = Infinity } = options
    if (limit !== Infinity) checkCount('limit', limit)
    const path = this.#path(options)
    return new RowStream({
      open: () => this.#openScan(path),
      limit,
      yield: () => this.scope.engine.env.clock.yield(),
    })
  }

  async #openScan(path: AccessPath): Promise<RowSource<Row<T>>> {
    // Without a wait that it does not need: calls that were made later would come before it.
    const holding = this.scope.hold()
    const held = holding instanceof Promise ? await holding : holding
    const scan = closedOnError(held, () => this.rows(held.view)?.scanObjects(held.view, path))
    return {
      next: () => (scan?.next() === true ? (scan.row as Row<T>) : undefined),
      close: () => {
        scan?.close()
        held.close()
      },
    }
  }

  /** Also of a tenant without rows. An index that was built later is told from one that never was. */
  #checkIndex(index: string | undefined): void {
    const { definition } = this.mapper
    const isIn = ({ indexes }: TableDefinition) => indexes.some(({ name }) => name === index)
    if (index === undefined || isIn(definition)) return
    const { name } = definition
    if (!isIn(this.scope.engine.schema.definitionOf(name)!)) unknownIndex(definition, index)
    throw engineError(
      'SCHEMA_UNKNOWN_INDEX',
      `the index ${index} of ${name} was built after that moment; its rows can be read by primary key, or with SQL`,
      { details: { table: name } },
    )
  }

  #path(options: RowScanOptions<T>): AccessPath {
    const { index, prefix = [], reverse = false } = options
    this.#checkIndex(index)
    if (!Array.isArray(prefix)) throw engineError('ARGUMENT_INVALID', 'prefix must be an array')
    const partCell = (position: number, value: unknown) => {
      // Undefined is a mistake of the caller's, where null asks for rows without a value.
      if (value !== undefined) return this.mapper.partCell(index, position, value)
      throw engineError('ARGUMENT_INVALID', `value ${position + 1} of prefix is undefined`)
    }
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
      prefix: Array.from(prefix, (value, position) => partCell(position, value)),
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
    return this.readRow(this.scope.viewNow(), key, this.scope.rowCache)
  }
}

/** A table of a tenant: the newest committed state, and single-call writes, which are durable when they resolve. */
export class TableSession<T extends AnyTable> extends PastTable<T> {
  /**
   * Adds one row or several, all or none, as they are when it is called.
   *
   * @returns the commit's SeqNum, once it is durable or, when asked so, written
   * @throws ROW_DUPLICATE_KEY ROW_UNIQUE_VIOLATION SCHEMA_MISSING_COLUMN SCHEMA_UNKNOWN_COLUMN SCHEMA_TYPE_MISMATCH
   * @throws KEY_TOO_LARGE VALUE_TOO_LARGE TXN_TOO_LARGE DB_CLOSED DB_READ_ONLY TABLET_READ_ONLY
   */
  insert(rows: Insert<T> | readonly Insert<T>[], options: WriteOptions = {}): Promise<SeqNum> {
    return this.#writeRows(rows, options, (view, staged) => this.insertRows(view, staged))
  }

  /** Adds one row or several, replacing those with the same primary key; otherwise as insert. */
  upsert(rows: Insert<T> | readonly Insert<T>[], options: WriteOptions = {}): Promise<SeqNum> {
    return this.#writeRows(rows, options, (view, staged) => this.upsertRows(view, staged))
  }

  /** Changes columns of the row with this key. Resolves with false when there is no such row. */
  async update(key: Key<T>, changes: Update<T>, options: WriteOptions = {}): Promise<boolean> {
    const keyCells = this.mapper.keyCells(key)
    const change = this.mapper.change(changes)
    let isFound = false
    await this.#write(options, (view) => {
      isFound = this.updateRow(view, keyCells, change)
    })
    return isFound
  }

  /** Deletes the row with this key. Resolves with false when there was none. */
  async delete(key: Key<T>, options: WriteOptions = {}): Promise<boolean> {
    const keyCells = this.mapper.keyCells(key)
    let isFound = false
    await this.#write(options, (view) => {
      isFound = this.deleteRow(view, keyCells)
    })
    return isFound
  }

  #writeRows(
    rows: Insert<T> | readonly Insert<T>[],
    options: WriteOptions,
    fn: (view: WriteView, staged: StagedRows) => void,
  ): Promise<SeqNum> {
    let staged: StagedRows | undefined
    const onRun = () => {
      if (staged !== undefined) this.giveBack(staged)
      staged = undefined
    }
    try {
      const rowsToWrite = this.stage(rows)
      staged = rowsToWrite
      return this.#write(options, (view) => fn(view, rowsToWrite), onRun)
    } catch (error) {
      // The options were refused.
      onRun()
      return Promise.reject(error)
    }
  }

  /** A tenant's first write waits for all tablets: it is not only the tenant's own. */
  #write(
    options: WriteOptions,
    fn: (view: WriteView) => void,
    onRun?: () => void,
  ): Promise<SeqNum> {
    const durability = durabilityOfWrite(options)
    const { engine, tenant } = this.scope
    return engine.store.write(fn, { tenantHash: tenant.ref?.hash, durability, onRun })
  }

  /**
   * States of the row, newest first, each as at() shows it.
   *
   * @throws TXN_SNAPSHOT_TOO_OLD when `from` is older than the history; without it all that is kept is given
   * @see OpenSettings.historyWindowMs
   */
  async history(key: Key<T>, options: HistoryOptions = {}): Promise<RowVersion<T>[]> {
    checkOptionNames('history()', options, HISTORY_OPTION_NAMES)
    const { engine } = this.scope
    const { limit } = options
    if (limit !== undefined) checkCount('limit', limit)
    const cells = this.mapper.keyCells(key)
    const versions: RowVersion<T>[] = []
    const states = rowStates(this.#place, cells, {
      from: options.from === undefined ? this.#floor : engine.seqNumAt(options.from),
      ...(options.to !== undefined && { to: engine.seqNumAt(options.to) }),
      ...(limit !== undefined && { limit }),
    })
    for await (const state of states) versions.push(rowVersion(this.#place, state))
    return versions
  }

  /**
   * Which commit gave each column its value: the last one that changed it. Undefined when there is no row.
   *
   * @example
   * (await shop.orders.blame('o-1')).status.committedAt
   */
  async blame(key: Key<T>): Promise<RowBlame<T> | undefined> {
    const floor = this.#floor
    const cells = this.mapper.keyCells(key)
    const commits = await blameCells(rowStates(this.#place, cells, { from: floor }), floor)
    if (commits === undefined) return undefined
    const columns = this.mapper.definition.columns.map(({ name }, i) => [name, commits[i]])
    return Object.fromEntries(columns) as RowBlame<T>
  }

  /**
   * Rows that differ between two moments, in the order of their keys. What was changed and changed back is not among them.
   * The cost follows the changes, not the size of the table.
   *
   * @param to  now, when it is left out
   * @throws ARGUMENT_INVALID; reading throws TXN_SNAPSHOT_TOO_OLD when a moment is older than the history
   * @example
   * for await (const { key, before, after } of shop.orders.diff('-1h')) console.log(key, before, after)
   */
  diff(from: Moment, to: Moment = '-0s'): RowStream<RowChange<T>> {
    const { engine } = this.scope
    const [a, b] = [engine.seqNumAt(from), engine.seqNumAt(to)]
    return new RowStream({
      open: () => openDiff<T>(this.#place, a, b),
      limit: Infinity,
      yield: () => engine.env.clock.yield(),
    })
  }

  /** The oldest snapshot at which all of the table can be read. */
  get #floor(): SeqNum {
    const { engine, tenant } = this.scope
    const { history } = engine.store
    return history.ofTable(engine.tenantRef(tenant)?.id, this.mapper.definition.id)
  }

  get #place(): TableOfTenant {
    const { engine, tenant } = this.scope
    return { engine, tenant, table: this.mapper.definition.name }
  }
}

/** What a transaction's tables need: the view that all its writes go through. */
export interface WriteScope extends ReadScope {
  viewNow(): StoreTransaction
  /** Runs a call in its turn among those of the transaction. */
  inTurn<R>(call: () => R | Promise<R>): R | Promise<R>
  /** Runs writes that belong together, in their turn: all of them, or none when it throws. */
  atomically<R>(fn: () => R | Promise<R>): R | Promise<R>
}

/** A table of a tenant inside a transaction: it sees the transaction's own writes, others see them after commit. */
export class TransactionTable<T extends AnyTable> extends TableReads<T> {
  readonly #scope: WriteScope

  constructor(scope: WriteScope, name: string) {
    super(scope, name)
    this.#scope = scope
  }

  /**
   * Reads a row that is about to be changed, and locks it until the transaction has ended: others who lock or write it wait
   * their turn instead of making this transaction, or theirs, run in vain. A row that is not there can be locked, too.
   *
   * @returns the row in its newest state
   * @throws TXN_CONFLICT when transactions would wait for each other, or what was read before has changed meanwhile
   * @throws TXN_READ_ONLY TXN_TOO_LARGE SCHEMA_TYPE_MISMATCH
   * @example
   * const item = await tx.stock.getForUpdate('sku-1')
   */
  async getForUpdate(key: Key<T>): Promise<Row<T> | undefined> {
    const cells = this.mapper.keyCells(key)
    return this.#scope.inTurn(async () => {
      const view = this.#scope.viewNow()
      view.assertMayWrite()
      const rows = this.rows(view)
      if (rows === undefined) return undefined
      await view.lock(rows.key(cells))
      return this.readRow(view, key)
    })
  }

  /** Adds one row or several, all or none. @throws as TableSession.insert, and TXN_FINISHED TXN_READ_ONLY */
  async insert(rows: Insert<T> | readonly Insert<T>[]): Promise<void> {
    const staged = this.stage(rows)
    try {
      await this.#write((view) => this.insertRows(view, staged))
    } finally {
      this.giveBack(staged)
    }
  }

  /** Adds one row or several, replacing those with the same primary key. @throws as insert */
  async upsert(rows: Insert<T> | readonly Insert<T>[]): Promise<void> {
    const staged = this.stage(rows)
    try {
      await this.#write((view) => this.upsertRows(view, staged))
    } finally {
      this.giveBack(staged)
    }
  }

  /** Changes columns of the row with this key. Resolves with false when there is no such row. */
  async update(key: Key<T>, changes: Update<T>): Promise<boolean> {
    const keyCells = this.mapper.keyCells(key)
    const change = this.mapper.change(changes)
    return this.#write((view) => this.updateRow(view, keyCells, change))
  }

  /** Deletes the row with this key. Resolves with false when there was none. */
  async delete(key: Key<T>): Promise<boolean> {
    const keyCells = this.mapper.keyCells(key)
    return this.#write((view) => this.deleteRow(view, keyCells))
  }

  #write<R>(change: (view: WriteView) => R): R | Promise<R> {
    return this.#scope.atomically(() => change(this.#scope.viewNow()))
  }
}
