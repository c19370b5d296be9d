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
export class BatchTable<T extends AnyTable> extends TenantTable<T> {
  readonly #place: BatchPlace

  /** Made by Database.write(). */
  constructor(engine: Engine, mapper: RowMapper, place: BatchPlace) {
    super(engine, place.tenant, mapper)
    this.#place = place
  }

  /** Adds one row or several. @throws as TableSession.insert, and TXN_FINISHED */
  insert(rows: Insert<T> | readonly Insert<T>[]): void {
    const { view } = this.#place
    const staged = this.stage(rows)
    try {
      this.keepTenant(view.atomically(() => this.insertRows(view, staged)))
    } finally {
      this.giveBack(staged)
    }
  }

  /** Adds one row or several, replacing those with the same primary key. @throws as insert */
  upsert(rows: Insert<T> | readonly Insert<T>[]): void {
    const { view } = this.#place
    const staged = this.stage(rows)
    try {
      this.keepTenant(view.atomically(() => this.upsertRows(view, staged)))
    } finally {
      this.giveBack(staged)
    }
  }

  /** Changes columns of the row with this key, if there is one. @throws as insert */
  update(key: Key<T>, changes: Update<T>): boolean {
    const keyCells = this.mapper.keyCells(key)
    const change = this.mapper.change(changes)
    return this.#place.view.atomically(() => this.updateRow(this.#place.view, keyCells, change))
  }

  /** Deletes the row with this key, if there is one. */
  delete(key: Key<T>): boolean {
    const keyCells = this.mapper.keyCells(key)
    return this.#place.view.atomically(() => this.deleteRow(this.#place.view, keyCells))
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

/**
 * A tenant's tables, of one batch after the other: a batch over a thousand tenants finds each by one look and makes nothing.
 * So tables that were kept from an earlier batch write into the one that now has the tenant, or say that theirs has ended.
 */
interface BatchPlace {
  readonly tenant: TenantName
  view: WriteView
}

/** So many tenants keep their tables from batch to batch, which takes some hundred bytes each. Beyond, all begin anew. */
const KNOWN_MAX_COUNT = 16_384

/** The tenants of one database that batches wrote to. */
class BatchTenants {
  readonly #engine: Engine
  readonly #tablesClass: new (
    place: BatchPlace,
  ) => object
  /** Those whose numbers are durable. */
  readonly #known = new Map<string, { readonly place: BatchPlace; readonly tables: object }>()
  #isTaken = false

  constructor(engine: Engine) {
    this.#engine = engine
    this.#tablesClass = tablesClassOf(engine)
  }

  /** Hands a batch to its function. One within the function of another has tables of its own, and so has one that ended. */
  run(view: WriteView, fn: (batch: { tenant(name: string): object }) => unknown): void {
    const own = new Map<string, object>()
    let isFirst = !this.#isTaken
    const isInner = !isFirst
    const tenant = (name: string): object => {
      const known = isFirst ? this.#known.get(name) : undefined
      if (known === undefined) return own.get(name) ?? this.#add(name, view, own, isFirst)
      const { place, tables } = known
      if (place.view !== view) place.view = view
      return tables
    }
    this.#isTaken = true
    try {
      refusePromise(fn({ tenant }))
    } finally {
      isFirst = false
      this.#isTaken = isInner
    }
  }

  /** @throws TENANT_NAME_INVALID */
  #add(name: string, view: WriteView, own: Map<string, object>, isKept: boolean): object {
    checkTenantName(name)
    const place: BatchPlace = { tenant: { name, ref: undefined }, view }
    const tables = new this.#tablesClass(place)
    if (isKept && this.#engine.tenantRef(place.tenant) !== undefined) {
      if (this.#known.size === KNOWN_MAX_COUNT) this.#known.clear()
      this.#known.set(name, { place, tables })
    } else {
      own.set(name, tables)
    }
    return tables
  }
}

const tenantsOfEngines = new WeakMap<Engine, BatchTenants>()

function tenantsOf(engine: Engine): BatchTenants {
  let tenants = tenantsOfEngines.get(engine)
  if (tenants === undefined) tenantsOfEngines.set(engine, (tenants = new BatchTenants(engine)))
  return tenants
}

/** One class per database with a getter per table: tables are made when they are asked for. */
function tablesClassOf(engine: Engine): new (place: BatchPlace) => object {
  const mappers = engine.schema.names.map((table) => engine.mapper(table))
  return class TablesOfTenant {
    readonly #place: BatchPlace
    readonly #tables: (BatchTable<AnyTable> | undefined)[] = mappers.map(() => undefined)

    constructor(place: BatchPlace) {
      this.#place = place
    }

    static {
      for (const [i, mapper] of mappers.entries()) {
        const get = function (this: TablesOfTenant) {
          return (this.#tables[i] ??= new BatchTable(engine, mapper, this.#place))
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
