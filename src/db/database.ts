// An open database: the place where tenants are named, and the handle on everything that runs behind them.

import { engineError } from '../base/errors.js'
import {
  EVENT_NAMES,
  type EventListener,
  type EventName,
  type EventSource,
} from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import { checkFunction, describeForeign } from '../base/options.js'
import { checkTenantName } from '../catalog/catalog.js'
import type { TableDefinition } from '../catalog/definition.js'
import type { Checkpoint } from '../store/checkpoint.js'
import type { SalvageReport } from '../store/salvage.js'
import type { SnapshotInfo } from '../store/snapshots.js'
import type { StoreState, StoreStats } from '../store/stats.js'
import type { VerifyProgress, VerifyReport } from '../store/verify.js'
import type { WriteOptions } from './durability.js'
import type { Engine } from './engine.js'
import { KeySpace } from './key-space.js'
import { checkDirectoryName, type DatabaseSettings } from './options.js'
import { openPin, type Pin, type PinOptions } from './pin.js'
import { type RowBatch, writeBatch } from './row-batch.js'
import {
  type Tables,
  type Tenant,
  TenantSession,
  type TransactionTenant,
  transactionTenant,
} from './tenant-session.js'
import { transactOnce, type TxnStatus, txnStatus } from './tokens.js'
import { type Attempt, savepoint, type TransactOptions } from './transact.js'

/** A transaction over several tenants. */
export interface DatabaseTransaction<T extends Tables> {
  /** @throws TENANT_NAME_INVALID */
  tenant(name: string): TransactionTenant<T>
  /** As TransactionTenant.savepoint, over any tenants. */
  savepoint<R>(fn: (tx: DatabaseTransaction<T>) => Promise<R> | R): Promise<R>
}

/** Counts and sizes, as of the call. */
export interface DatabaseStats extends StoreStats {
  readonly path: string
  readonly tableNames: readonly string[]
}

export interface DatabaseParts {
  readonly path: string
  readonly engine: Engine
  readonly events: EventSource
  readonly settings: DatabaseSettings
  /** Where a name of a directory leads. */
  readonly absolute: (name: string) => string
  /** Lets go of what open() made for this database alone. */
  readonly onClosed: () => Promise<void>
}

/** An open database; made by open(). */
export class Database<T extends Tables> {
  readonly path: string
  readonly #engine: Engine
  readonly #events: EventSource
  readonly #settings: DatabaseSettings
  readonly #absolute: (name: string) => string
  readonly #onClosed: () => Promise<void>
  #closing: Promise<void> | undefined

  /** Made by open(). */
  constructor(parts: DatabaseParts) {
    this.path = parts.path
    this.#engine = parts.engine
    this.#events = parts.events
    this.#settings = parts.settings
    this.#absolute = parts.absolute
    this.#onClosed = parts.onClosed
  }

  /**
   * A session of one tenant. Tenants need no set-up: the first write makes them known. Asking costs no I/O.
   *
   * @param name  1 to 256 bytes of text without control characters
   * @throws TENANT_NAME_INVALID
   */
  tenant(name: string): Tenant<T> {
    checkTenantName(name)
    return new TenantSession<T>(this.#engine, name) as Tenant<T>
  }

  /**
   * Bytes under bytes, beside the tables of a tenant: for adapters to key-value interfaces, such as tabularium/level.
   *
   * @throws TENANT_NAME_INVALID
   */
  keySpace(tenant: string): KeySpace {
    checkTenantName(tenant)
    return new KeySpace(this.#engine, tenant)
  }

  /**
   * Runs `fn` in one transaction over any tenants; see Tenant.transact.
   *
   * @throws TXN_CONFLICT when it still conflicts after all retries
   * @example
   * await db.transact(async (tx) => {
   *   await tx.tenant('a').wallets.update('w', { cents: 0n })
   *   await tx.tenant('b').wallets.update('w', { cents: 100n })
   * })
   */
  async transact<R>(
    fn: (tx: DatabaseTransaction<T>) => Promise<R> | R,
    options?: TransactOptions,
  ): Promise<R> {
    checkFunction('transact', fn)
    const run = (attempt: Attempt) => fn(this.#transaction(attempt))
    return (await transactOnce(this.#engine, undefined, run, options)).result
  }

  /** As Tenant.txnStatus, for tokens that transact() of the database was given. */
  txnStatus(token: string): Promise<TxnStatus> {
    return txnStatus(this.#engine, undefined, token)
  }

  /**
   * Commits what `fn` writes, to any tenants: all of it or, when it throws, nothing. It sees the newest state, and nobody
   * comes between, so there are no conflicts. The cheapest way in for many rows; a transaction is for what has to wait.
   *
   * @param fn  must do nothing else and wait for nothing; runs at once or when there is room, and perhaps again. What it
   *   throws write() throws; a call of the batch that throws has done nothing, so fn may catch that and go on
   * @returns the commit's SeqNum, once it is durable, or as safe as `options` ask for
   * @throws ARGUMENT_INVALID TENANT_NAME_INVALID OPTION_UNKNOWN, and as TableSession.insert
   * @example
   * await db.write((batch) => {
   *   for (const { merchant, order } of arrived) batch.tenant(merchant).orders.upsert(order)
   * })
   */
  write(fn: (batch: RowBatch<T>) => void, options: WriteOptions = {}): Promise<SeqNum> {
    return writeBatch(this.#engine, fn, options)
  }

  #transaction(attempt: Attempt): DatabaseTransaction<T> {
    return {
      tenant: (name) => {
        checkTenantName(name)
        return transactionTenant<T>(this.#engine, { name, ref: undefined }, attempt)
      },
      savepoint: async (fn) => {
        checkFunction('savepoint', fn)
        return savepoint(attempt, (inner) => fn(this.#transaction(inner)))
      },
    }
  }

  /**
   * `open`; `readOnly`, while the disk is full (deletes are accepted, all else is refused with DISK_FULL) or when the
   * database was opened with `salvage` (DB_READ_ONLY); `poisoned`, when it is not known what is durable: everything is
   * refused with DB_POISONED; `closed`. Only a full disk passes by itself; otherwise close and open again.
   */
  get state(): StoreState {
    return this.#engine.store.state
  }

  /** What opening with `salvage` could not take; undefined without it. Damage inside of sstables: see verify(). */
  salvageReport(): SalvageReport | undefined {
    return this.#engine.store.salvage
  }

  /** Names of the tenants that have written, in the order of their bytes. */
  tenants(): string[] {
    return [...this.#engine.catalog.listTenants(this.#engine.store.latest())]
  }

  /** The tables as they are stored. */
  tables(): readonly TableDefinition[] {
    const { catalog, store } = this.#engine
    return catalog.tables().map((definition) => {
      const historyWindowMs = store.history.windowMsOfTable(definition.id)
      return historyWindowMs === undefined ? definition : { ...definition, historyWindowMs }
    })
  }

  /** The settings in force. */
  config(): DatabaseSettings {
    return { ...this.#settings }
  }

  stats(): DatabaseStats {
    return {
      path: this.path,
      tableNames: this.#engine.schema.names,
      ...this.#engine.store.stats(),
    }
  }

  /**
   * Resolves once everything up to a commit is durable, whatever durability was asked for; has the log synced for that.
   *
   * @param seqNum  as a commit returned it; default: the newest commit
   * @throws ARGUMENT_INVALID when no commit has this SeqNum yet
   * @throws COMMIT_UNKNOWN when the sync failed; DB_POISONED DB_CLOSED
   * @example
   * for (const row of rows) await shop.orders.insert(row, { durability: 'relaxed' })
   * await db.whenDurable()
   */
  whenDurable(seqNum?: SeqNum): Promise<void> {
    return this.#engine.store.whenDurable(seqNum)
  }

  /**
   * Keeps a moment readable until the pin is closed, for tenants whose history reaches back to it: read it with
   * `tenant.at(pin.seqNum)`. Past its age it holds nothing back any more; then reads throw TXN_SNAPSHOT_TOO_OLD once what
   * they need may be gone, and a `snapshotRevoked` event tells. It does not outlive the process: for that there are
   * checkpoints and legal holds.
   *
   * @throws ARGUMENT_INVALID OPTION_UNKNOWN DB_CLOSED
   * @example
   * const pin = db.pin({ owner: 'export of July', maxAgeMs: 3_600_000 })
   */
  pin(options: PinOptions): Pin {
    return openPin(this.#engine, options)
  }

  /** What holds back the removal of history now: pins, and scans, queries and transactions under way; the oldest first. */
  pins(): SnapshotInfo[] {
    return this.#engine.store.snapshots.list()
  }

  /** Calls `listener` on every event of this name until the returned function is called. */
  on<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void {
    if (typeof listener !== 'function') {
      throw engineError('ARGUMENT_INVALID', 'a listener must be a function')
    }
    if (!EVENT_NAMES.includes(name)) {
      throw engineError(
        'ARGUMENT_INVALID',
        `there is no event ${describeForeign(name)}; there are: ${EVENT_NAMES.join(', ')}`,
      )
    }
    return this.#events.on(name, listener)
  }

  /** Brings everything committed so far from memory into sstables. */
  flush(): Promise<void> {
    return this.#engine.store.flush()
  }

  /**
   * Flushes, then compacts until no level asks for it and every superseded version that retention lets go is gone from the
   * disk. What changes meanwhile is left for later. Without it old versions go by the way and by a slow look every minute,
   * where that gives back at least a twentieth of what it rewrites.
   */
  compact(): Promise<void> {
    return this.#engine.store.compact()
  }

  /** Reads and checks every file; damage is reported, not thrown. */
  verify(onProgress?: (progress: VerifyProgress) => void): Promise<VerifyReport> {
    if (onProgress !== undefined) checkFunction('verify', onProgress)
    return this.#engine.store.verify(onProgress)
  }

  /**
   * Copies the database, as of the newest commit, into a directory that does not exist or is empty; reads and writes go on
   * meanwhile. The copy is durable when this resolves, and a database of its own: open it, move it, write to it. On the
   * same file system sstables are hard links, so it takes little time and room; elsewhere they are copied. They are not
   * read for damage: `verify()` the copy. Where it fails it leaves the directory empty; where the process died, opening
   * the directory gives CHECKPOINT_UNFINISHED, and it can be deleted. Checkpoints of one database run one by one.
   *
   * @throws CHECKPOINT_TARGET_INVALID when the directory holds something, is a file, or lies in the database
   * @throws DB_LOCKED when somebody has the directory open
   * @throws DISK_FULL IO_FAILED FILE_MISSING: the database itself is as it was
   * @throws DB_READ_ONLY DB_POISONED DB_CLOSED also when that comes about meanwhile
   * @example
   * await db.checkpoint('./backup/monday')
   */
  async checkpoint(directory: string): Promise<Checkpoint> {
    checkDirectoryName('directory', directory)
    return this.#engine.store.checkpoint(this.#absolute(directory))
  }

  /**
   * Waits for commits in flight, brings memory into tables and lets go of the directory; whatever else comes after the
   * call gets DB_CLOSED. Idempotent. A process that ends without it has lost nothing: the next opening replays the log.
   */
  close(): Promise<void> {
    this.#closing ??= this.#engine.store.close().finally(this.#onClosed)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
