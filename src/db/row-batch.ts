// The writes of one commit over any tenants, collected by a function that waits for nothing: the cheapest way in for many
// rows, and atomic across tenants.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { checkFunction } from '../base/options.js'
import { checkTenantName } from '../catalog/catalog.js'
import type { RowMapper } from '../catalog/row-values.js'
import type { AnyTable, Insert, Key, Update } from '../catalog/table.js'
import type { WriteView } from '../store/view.js'
import { durabilityOfWrite, type WriteOptions } from './durability.js'
import type { Engine, TenantName } from './engine.js'
import { TenantTable } from './tenant-table.js'
import type { Tables } from './tenant-session.js'

/** The writes of one commit over any tenants. It and its tables work only inside of the function that it was handed to. */
export interface RowBatch<T extends Tables> {
  /** @throws TENANT_NAME_INVALID */
  tenant(name: string): BatchTenant<T>
}

/** The tables of a tenant inside of a batch. */
export type BatchTenant<T extends Tables> = {
  readonly [Name in keyof T]: BatchTable<T[Name]>
}

/** A table of a tenant inside of a batch. Each call does all that it says or, when it throws, nothing. */
export class BatchTable<T extends AnyTable> {
  readonly #table: StagedTable<T>
  readonly #view: WriteView

  /** Made by Database.write(). */
  constructor(table: StagedTable<T>, view: WriteView) {
    this.#table = table
    this.#view = view
  }

  /** Adds one row or several. @throws as TableSession.insert, and TXN_FINISHED */
  insert(rows: Insert<T> | readonly Insert<T>[]): void {
    this.#table.insertInto(this.#view, rows)
  }

  /** Adds one row or several, replacing those with the same primary key. @throws as insert */
  upsert(rows: Insert<T> | readonly Insert<T>[]): void {
    this.#table.upsertInto(this.#view, rows)
  }

  /** Changes columns of the row with this key, if there is one. @throws as insert */
  update(key: Key<T>, changes: Update<T>): boolean {
    return this.#table.updateIn(this.#view, key, changes)
  }

  /** Deletes the row with this key, if there is one. */
  delete(key: Key<T>): boolean {
    return this.#table.deleteFrom(this.#view, key)
  }
}

/** What the tables of one batch after the other do. */
class StagedTable<T extends AnyTable> extends TenantTable<T> {
  insertInto(view: WriteView, rows: Insert<T> | readonly Insert<T>[]): void {
    const staged = this.stage(rows)
    try {
      this.keepTenant(view.atomically(() => this.insertRows(view, staged)))
    } finally {
      this.giveBack(staged)
    }
  }

  upsertInto(view: WriteView, rows: Insert<T> | readonly Insert<T>[]): void {
    const staged = this.stage(rows)
    try {
      this.keepTenant(view.atomically(() => this.upsertRows(view, staged)))
    } finally {
      this.giveBack(staged)
    }
  }

  updateIn(view: WriteView, key: Key<T>, changes: Update<T>): boolean {
    const keyCells = this.mapper.keyCells(key)
    const change = this.mapper.change(changes)
    return view.atomically(() => this.updateRow(view, keyCells, change))
  }

  deleteFrom(view: WriteView, key: Key<T>): boolean {
    const keyCells = this.mapper.keyCells(key)
    return view.atomically(() => this.deleteRow(view, keyCells))
  }
}

/** Commits what `fn` writes into a batch. */
export async function writeBatch<T extends Tables>(
  engine: Engine,
  fn: (batch: RowBatch<T>) => void,
  options: WriteOptions,
): Promise<SeqNum> {
  checkFunction('write', fn)
  const durability = durabilityOfWrite(options)
  const tenants = tenantsOf(engine)
  const write = (view: WriteView) => tenants.run(view, (batch) => fn(batch as RowBatch<T>))
  return engine.store.write(write, { durability })
}

/** So many tenants are kept from batch to batch, which takes some hundred bytes each. Beyond, all begin anew. */
const KNOWN_MAX_COUNT = 16_384

/**
 * A tenant that batches write to. What was looked up for it stays from one batch to the next: a batch over a thousand tenants
 * finds each by one look. What the functions hold is of their batch alone, so that what one kept says that it has ended.
 */
class TenantOfBatches {
  readonly #engine: Engine
  readonly #tablesClass: TablesClass
  readonly name: TenantName
  readonly #tables: (StagedTable<AnyTable> | undefined)[]
  /** Of the batch that asked last. */
  #view: WriteView | undefined
  #batchTables: object | undefined

  constructor(engine: Engine, tablesClass: TablesClass, name: string) {
    this.#engine = engine
    this.#tablesClass = tablesClass
    this.name = { name, ref: undefined }
    this.#tables = engine.schema.names.map(() => undefined)
  }

  tablesOf(view: WriteView): object {
    if (this.#view === view) return this.#batchTables!
    this.#view = view
    return (this.#batchTables = new this.#tablesClass(this, view))
  }

  table(at: number, mapper: RowMapper): StagedTable<AnyTable> {
    return (this.#tables[at] ??= new StagedTable(this.#engine, this.name, mapper))
  }
}

/** The tenants of one database that batches wrote to. */
class BatchTenants {
  readonly #engine: Engine
  readonly #tablesClass: TablesClass
  /** Those whose numbers are durable. */
  readonly #known = new Map<string, TenantOfBatches>()

  constructor(engine: Engine) {
    this.#engine = engine
    this.#tablesClass = tablesClassOf(engine)
  }

  /** Hands a batch to its function. */
  run(view: WriteView, fn: (batch: { tenant(name: string): object }) => unknown): void {
    /** Numbers that a batch hands out are its own until it is committed. */
    const own = new Map<string, TenantOfBatches>()
    const tenant = (name: string): object => {
      const known = this.#known.get(name) ?? own.get(name) ?? this.#add(name, own)
      return known.tablesOf(view)
    }
    refusePromise(fn({ tenant }))
  }

  /** @throws TENANT_NAME_INVALID */
  #add(name: string, own: Map<string, TenantOfBatches>): TenantOfBatches {
    checkTenantName(name)
    const added = new TenantOfBatches(this.#engine, this.#tablesClass, name)
    if (this.#engine.tenantRef(added.name) === undefined) {
      own.set(name, added)
    } else {
      if (this.#known.size === KNOWN_MAX_COUNT) this.#known.clear()
      this.#known.set(name, added)
    }
    return added
  }
}

const tenantsOfEngines = new WeakMap<Engine, BatchTenants>()

function tenantsOf(engine: Engine): BatchTenants {
  let tenants = tenantsOfEngines.get(engine)
  if (tenants === undefined) tenantsOfEngines.set(engine, (tenants = new BatchTenants(engine)))
  return tenants
}

type TablesClass = new (tenant: TenantOfBatches, view: WriteView) => object

/** One class per database with a getter per table: tables are made when they are asked for. */
function tablesClassOf(engine: Engine): TablesClass {
  const mappers = engine.schema.names.map((table) => engine.mapper(table))
  return class TablesOfTenant {
    readonly #tenant: TenantOfBatches
    readonly #view: WriteView

    constructor(tenant: TenantOfBatches, view: WriteView) {
      this.#tenant = tenant
      this.#view = view
    }

    static {
      for (const [i, mapper] of mappers.entries()) {
        const get = function (this: TablesOfTenant) {
          return new BatchTable(this.#tenant.table(i, mapper), this.#view)
        }
        const { name } = mapper.definition
        Object.defineProperty(TablesOfTenant.prototype, name, { get, enumerable: true })
      }
    }
  }
}

/** What a function does after its first wait would miss the commit. */
function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return
  // It is refused as a whole, so nobody asks how it ends.
  result.catch(() => undefined)
  throw engineError('ARGUMENT_INVALID', 'the function of write() must not be async')
}
