// One tenant, as users see it: its tables, its transactions, its SQL, its past. A session is bound to its tenant when it
// is made; no call takes a tenant afterwards, so a read or write without a tenant cannot be expressed.

import type { SeqNum } from '../base/ids.js'
import { checkFunction } from '../base/options.js'
import type { Schema } from '../catalog/schema.js'
import type { AnyTable } from '../catalog/table.js'
import type { ObjectCache } from '../store/object-cache.js'
import type { ReadView } from '../store/view.js'
import { type Consistency, snapshotChoice } from './consistency.js'
import type { Engine, TenantName } from './engine.js'
import { rewind, type RewindOptions, type RewindResult } from './rewind.js'
import {
  type Hold,
  type HoldOptions,
  holdsOf,
  placeHold,
  releaseHold,
  type Retention,
  type RetentionOptions,
  retentionOf,
  setRetention,
} from './retention.js'
import {
  runInTransaction,
  runQuery,
  type SqlParameters,
  type SqlResult,
  SqlSession,
} from './sql.js'
import {
  type HeldView,
  PastTable,
  type ReadScope,
  TableSession,
  TransactionTable,
  type WriteScope,
} from './table-session.js'
import type { Moment } from './time.js'
import { transactOnce, type TxnStatus, txnStatus } from './tokens.js'
import { type Attempt, savepoint, type TransactOptions, transact } from './transact.js'

/** The tables of a database by the name they are declared under. */
export type Tables = Readonly<Record<string, AnyTable>>

/** A tenant of a database: `tenant.orders.get(id)`. */
export type Tenant<T extends Tables> = TenantSession<T> & {
  readonly [Name in keyof T]: TableSession<T[Name]>
}
/** A tenant as of a moment: reads only. */
export type PastTenant<T extends Tables> = PastTenantSession & {
  readonly [Name in keyof T]: PastTable<T[Name]>
}
/** A tenant inside a transaction. */
export type TransactionTenant<T extends Tables> = TransactionTenantSession<T> & {
  readonly [Name in keyof T]: TransactionTable<T[Name]>
}

/** Names that a table cannot have, because sessions use them. */
export const RESERVED_TABLE_NAMES: ReadonlySet<string> = new Set([
  'name',
  'transact',
  'txnStatus',
  'savepoint',
  'sql',
  'query',
  'at',
  'reading',
  'rewind',
  'setRetention',
  'retention',
  'placeHold',
  'releaseHold',
  'holds',
  'seqNum',
  'then',
  'constructor',
  '__proto__',
])

export class TenantSession<T extends Tables> extends SqlSession {
  readonly name: string
  readonly #engine: Engine
  readonly #tenant: TenantName

  constructor(engine: Engine, name: string) {
    super()
    this.name = name
    this.#engine = engine
    this.#tenant = { name, ref: undefined }
    const scope = new NewestScope(engine, this.#tenant)
    attachTables(this, engine, (table) => new TableSession(scope, table))
  }

  /**
   * Runs `fn` in a transaction, serializable unless the options say otherwise, and commits when it returns; a conflict runs
   * it again, so it must do nothing but read and write through `tx`. When it throws, nothing is written. A call of `tx` that
   * fails leaves nothing behind, so `fn` may catch its error and go on.
   *
   * @returns what fn returns, once the commit is durable or, when asked so, written
   * @throws TXN_CONFLICT when it still conflicts after all retries
   * @example
   * await shop.transact(async (tx) => {
   *   const item = await tx.stock.get('sku-1')
   *   if (item.left > 0) await tx.stock.update('sku-1', { left: item.left - 1 })
   * })
   */
  async transact<R>(
    fn: (tx: TransactionTenant<T>) => Promise<R> | R,
    options?: TransactOptions,
  ): Promise<R> {
    checkFunction('transact', fn)
    const run = (attempt: Attempt) => fn(transactionTenant<T>(this.#engine, this.#tenant, attempt))
    return (await transactOnce(this.#engine, this.#tenant, run, options)).result
  }

  /**
   * What became of a transaction that carried this token, also after a crash. Tokens are kept for `tokenWindowMs`: of older
   * ones the answer is `no`.
   *
   * @throws ARGUMENT_INVALID DB_CLOSED
   */
  txnStatus(token: string): Promise<TxnStatus> {
    return txnStatus(this.#engine, this.#tenant, token)
  }

  /** Runs one SQL statement given as text. */
  async query<R = Record<string, unknown>>(
    text: string,
    parameters: SqlParameters = [],
  ): Promise<SqlResult<R>> {
    const engine = this.#engine
    const tenant = this.#tenant
    if (!(await engine.prepare(text)).isWrite) {
      return runQuery(new NewestScope(engine, tenant), text, parameters)
    }
    const { result, seqNum } = await transact(engine, (attempt) =>
      runInTransaction<R>(transactionScope(engine, tenant, attempt), text, parameters),
    )
    return Object.assign(result, { seqNum: seqNum ?? result.seqNum })
  }

  /**
   * This tenant as of a moment: a Date, a SeqNum that a commit returned, a duration back from now such as '-10m', or ISO
   * 8601 text. What it shows never changes; a moment that is still to come shows the state of now.
   *
   * @throws ARGUMENT_INVALID when it is no moment; reading throws TXN_SNAPSHOT_TOO_OLD when it is older than the history
   */
  at(moment: Moment): PastTenant<T> {
    const engine = this.#engine
    const seqNum = engine.seqNumAt(moment)
    return new PastTenantSession(engine, this.#tenant, () => seqNum) as PastTenant<T>
  }

  /**
   * This tenant for reads that say how new what they see has to be; each read chooses its snapshot. `'strong'`: everything
   * committed when it began. `{ snapshot }`: as of a SeqNum, see at(). `{ maxAgeMs }`: a state that was the newest at most so
   * long ago; readers whom one snapshot suits share it, over all tenants.
   *
   * @throws ARGUMENT_INVALID when it is none of these
   * @example
   * const board = shop.reading({ maxAgeMs: 500 })
   * await board.query('select status, count(*) from orders group by status')
   */
  reading(consistency: Consistency): PastTenant<T> {
    const choose = snapshotChoice(this.#engine, consistency)
    return new PastTenantSession(this.#engine, this.#tenant, choose) as PastTenant<T>
  }

  /**
   * Gives the tenant's rows the state of a moment again, as one new commit; with `dryRun` it only says how many rows would
   * change, and diff() shows which. Serializable against other writers of the tenant, other tenants go on. The tables keep
   * their columns and indexes: a column that the moment did not have yet gets its default.
   *
   * @throws TXN_SNAPSHOT_TOO_OLD when the moment is older than the history
   * @throws TXN_TOO_LARGE when the changes do not fit into one commit: rewind `tables` one by one
   * @throws ROW_UNIQUE_VIOLATION when rows of the moment contradict a unique index that was built later
   * @throws ARGUMENT_INVALID OPTION_UNKNOWN
   * @example
   * await shop.rewind({ to: '-10m', dryRun: true }) // { tables: { orders: { inserted: 0, updated: 2, deleted: 1 } }, ... }
   */
  rewind(options: RewindOptions<keyof T & string>): Promise<RewindResult> {
    return rewind(this.#engine, this.#tenant, options)
  }

  /**
   * Says how long superseded rows of this tenant stay, instead of what its tables and the database say. Replaces what was
   * said before; what is left out is as there. A longer window brings back nothing that is gone: history then begins where
   * it does now, and grows. Resolves once it is durable.
   *
   * @throws ARGUMENT_INVALID OPTION_UNKNOWN; otherwise as TableSession.insert
   * @example
   * await shop.setRetention({ historyWindowMs: 90 * DAY_MS, tables: { sessions: 0 } })
   */
  setRetention(options: RetentionOptions<keyof T & string>): Promise<void> {
    return setRetention(this.#engine, this.#tenant, options)
  }

  /** How long superseded rows of this tenant stay, and where the history of its tables begins. */
  retention(): Retention {
    return retentionOf(this.#engine, this.#tenant)
  }

  /**
   * Places a legal hold: while it stands nothing goes that could be read since `from`, whatever any window says. What was
   * gone before stays gone. Resolves once it is durable.
   *
   * @throws ARGUMENT_INVALID when there is a hold of this name; OPTION_UNKNOWN; otherwise as TableSession.insert
   * @example
   * await shop.placeHold({ name: 'case 2026-17', reason: 'Miller against shop', from: '2026-01-01' })
   */
  placeHold(options: HoldOptions): Promise<void> {
    return placeHold(this.#engine, this.#tenant, options)
  }

  /** Ends a legal hold; what only it held goes with the next compactions. Resolves with false when there was none. */
  releaseHold(name: string): Promise<boolean> {
    return releaseHold(this.#engine, this.#tenant, name)
  }

  /** Legal holds that stand, in the order in which they were placed. */
  holds(): Hold[] {
    return holdsOf(this.#engine, this.#tenant)
  }
}

export class PastTenantSession extends SqlSession {
  readonly name: string
  readonly #choose: () => SeqNum
  readonly #scope: ReadScope

  /** @param choose  gives the snapshot of a read */
  constructor(engine: Engine, tenant: TenantName, choose: () => SeqNum) {
    super()
    this.name = tenant.name
    this.#choose = choose
    const hold = (): HeldView => {
      const view = engine.store.at(choose(), tenant.name)
      return { view, close: () => view.close() }
    }
    const viewNow = () => {
      const view = engine.store.at(choose(), tenant.name)
      view.close()
      return view
    }
    this.#scope = {
      engine,
      tenant,
      get schema() {
        return engine.catalog.schemaAt(choose())
      },
      viewNow,
      hold,
    }
    attachTables(this, engine, (table) => new PastTable(this.#scope, table))
  }

  /** The commit whose state a read of now sees: the newest at or before it. */
  get seqNum(): SeqNum {
    return this.#choose()
  }

  /** Runs one SQL query, given as text, on the state of that moment. */
  query<R = Record<string, unknown>>(
    text: string,
    parameters: SqlParameters = [],
  ): Promise<SqlResult<R>> {
    return runQuery(this.#scope, text, parameters)
  }
}

export class TransactionTenantSession<T extends Tables> extends SqlSession {
  readonly name: string
  readonly #attempt: Attempt
  readonly #scope: WriteScope

  /** Made by transact(). */
  constructor(engine: Engine, tenant: TenantName, attempt: Attempt) {
    super()
    const scope = transactionScope(engine, tenant, attempt)
    this.name = tenant.name
    this.#attempt = attempt
    this.#scope = scope
    attachTables(this, engine, (table) => new TransactionTable(scope, table))
  }

  /**
   * Runs `fn` as a part of the transaction: when it throws, what it wrote is taken back, and the transaction can go on.
   * `fn` uses the `tx` that it receives; the outer one takes no calls until the savepoint has ended. Savepoints nest. What
   * `fn` locked stays locked, and what it read still counts, also when it throws.
   *
   * @returns what fn returns
   * @throws TXN_SAVEPOINT_OPEN, whatever fn throws
   * @example
   * const isNew = await tx.savepoint((tx) => tx.users.insert(user)).then(() => true, () => false)
   */
  async savepoint<R>(fn: (tx: TransactionTenant<T>) => Promise<R> | R): Promise<R> {
    checkFunction('savepoint', fn)
    const { engine, tenant } = this.#scope
    return savepoint(this.#attempt, (inner) => fn(transactionTenant<T>(engine, tenant, inner)))
  }

  /** Runs one SQL statement, given as text, inside the transaction. */
  query<R = Record<string, unknown>>(
    text: string,
    parameters: SqlParameters = [],
  ): Promise<SqlResult<R>> {
    return runInTransaction(this.#scope, text, parameters)
  }
}

export function transactionTenant<T extends Tables>(
  engine: Engine,
  tenant: TenantName,
  attempt: Attempt,
): TransactionTenant<T> {
  attempt.transaction.claim(tenant.name)
  return new TransactionTenantSession<T>(engine, tenant, attempt) as TransactionTenant<T>
}

/** A class, as every tenant has one: functions of its own would be a read's first wait for memory. */
class NewestScope implements ReadScope {
  readonly engine: Engine
  readonly tenant: TenantName
  readonly schema: Schema
  readonly rowCache: ObjectCache | undefined

  constructor(engine: Engine, tenant: TenantName) {
    this.engine = engine
    this.tenant = tenant
    this.schema = engine.schema
    this.rowCache = engine.rowCache
  }

  viewNow(): ReadView {
    return this.engine.store.latest()
  }

  hold(): HeldView {
    const { store } = this.engine
    const view = store.at(store.readable, this.tenant.name)
    return { view, close: () => view.close() }
  }
}

function transactionScope(engine: Engine, tenant: TenantName, attempt: Attempt): WriteScope {
  const { transaction, calls } = attempt
  const held: HeldView = { view: transaction, close: () => undefined }
  return {
    engine,
    tenant,
    schema: engine.schema,
    viewNow: () => transaction,
    inTurn: (call) => calls.run(call),
    atomically: (fn) =>
      calls.run(() => {
        transaction.assertMayWrite()
        return transaction.atomically(fn)
      }),
    hold: () => calls.run(() => held),
  }
}

/** Gives a session one property per table, made on first use: ten thousand tenants cost little until they are used. */
function attachTables(session: object, engine: Engine, make: (table: string) => unknown): void {
  for (const name of engine.schema.names) {
    Object.defineProperty(session, name, {
      configurable: true,
      enumerable: true,
      get: () => {
        const value = make(name)
        Object.defineProperty(session, name, { value, enumerable: true })
        return value
      },
    })
  }
}
