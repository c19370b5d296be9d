// The writes of one commit over any tenants, collected by a function that waits for nothing: the cheapest way in for many
// rows, and atomic across tenants.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { checkFunction } from '../base/options.js'
import { checkTenantName } from '../catalog/catalog.js'
import type { AnyTable, Insert, Key, Update } from '../catalog/table.js'
import type { WriteView } from '../store/view.js'
import { durabilityOfWrite, type WriteOptions } from './durability.js'
import type { Engine, TenantName } from './engine.js'
import { TenantTable } from './tenant-table.js'
import type { Tables } from './tenant-session.js'

/** The writes of one commit over any tenants. Works only inside of the function that it was handed to. */
export interface RowBatch<T extends Tables> {
  /** @throws TENANT_NAME_INVALID */
  tenant(name: string): BatchTenant<T>
}

/** The tables of a tenant inside of a batch. */
export type BatchTenant<T extends Tables> = {
  readonly [Name in keyof T]: BatchTable<T[Name]>
}

/** A table of a tenant inside of a batch. Each call does all that it says or, when it throws, nothing. */
export class BatchTable<T extends AnyTable> extends TenantTable<T> {
  readonly #view: WriteView

  /** Made by Database.write(). */
  constructor(engine: Engine, tenant: TenantName, table: string, view: WriteView) {
    super(engine, tenant, engine.mapper(table))
    this.#view = view
  }

  /** Adds one row or several. @throws as TableSession.insert, and TXN_FINISHED */
  insert(rows: Insert<T> | readonly Insert<T>[]): void {
    const staged = this.stage(rows)
    try {
      this.#view.atomically(() => this.insertRows(this.#view, staged))
    } finally {
      this.giveBack(staged)
    }
  }

  /** Adds one row or several, replacing those with the same primary key. @throws as insert */
  upsert(rows: Insert<T> | readonly Insert<T>[]): void {
    const staged = this.stage(rows)
    try {
      this.#view.atomically(() => this.upsertRows(this.#view, staged))
    } finally {
      this.giveBack(staged)
    }
  }

  /** Changes columns of the row with this key, if there is one. @throws as insert */
  update(key: Key<T>, changes: Update<T>): boolean {
    const keyCells = this.mapper.keyCells(key)
    const change = this.mapper.change(changes)
    return this.#view.atomically(() => this.updateRow(this.#view, keyCells, change))
  }

  /** Deletes the row with this key, if there is one. */
  delete(key: Key<T>): boolean {
    const keyCells = this.mapper.keyCells(key)
    return this.#view.atomically(() => this.deleteRow(this.#view, keyCells))
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
  const tenantClass = tenantClassOf(engine)
  const write = (view: WriteView) => {
    const tenants = new Map<string, object>()
    const batch = {
      tenant: (name: string): object => {
        let tenant = tenants.get(name)
        if (tenant === undefined) {
          checkTenantName(name)
          tenant = new tenantClass(name, view)
          tenants.set(name, tenant)
        }
        return tenant
      },
    }
    refusePromise(fn(batch as RowBatch<T>))
  }
  return engine.store.write(write, { durability })
}

type TenantClass = new (name: string, view: WriteView) => object

const tenantClasses = new WeakMap<Engine, TenantClass>()

/** One class per database with a getter per table: a batch over a thousand tenants then makes a thousand small objects. */
function tenantClassOf(engine: Engine): TenantClass {
  const known = tenantClasses.get(engine)
  if (known !== undefined) return known
  class BatchTables {
    readonly #tenant: TenantName
    readonly #view: WriteView
    readonly #tables: (BatchTable<AnyTable> | undefined)[] = []

    constructor(name: string, view: WriteView) {
      this.#tenant = { name, ref: undefined }
      this.#view = view
    }

    static {
      for (const [i, table] of engine.schema.names.entries()) {
        const get = function (this: BatchTables) {
          const make = () => new BatchTable(engine, this.#tenant, table, this.#view)
          this.#tables[i] ??= make()
          return this.#tables[i]
        }
        Object.defineProperty(BatchTables.prototype, table, { get, enumerable: true })
      }
    }
  }
  tenantClasses.set(engine, BatchTables)
  return BatchTables
}

/** What a function does after its first wait would miss the commit. */
function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return
  // It is refused as a whole, so nobody asks how it ends.
  result.catch(() => undefined)
  throw engineError('ARGUMENT_INVALID', 'the function of write() must not be async')
}
