// What all sessions of one open database share: the store, the catalog, and the way from names to numbers.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { Catalog } from '../catalog/catalog.js'
import type { TableDefinition } from '../catalog/definition.js'
import { RowMapper } from '../catalog/row-values.js'
import type { Env } from '../env/env.js'
import { type TenantRef, TableRows } from '../indexes/table-rows.js'
import { prepare, type PreparedStatement } from '../query/execute.js'
import type { Store } from '../store/store.js'

/** A tenant's name together with its numbers, once they are known. */
export interface TenantName {
  readonly name: string
  ref: TenantRef | undefined
}

/** Statements kept parsed and planned. */
const STATEMENT_CACHE_MAX_COUNT = 500

export class Engine {
  readonly store: Store
  readonly catalog: Catalog
  readonly env: Env
  readonly #mappers = new Map<string, RowMapper>()
  readonly #statements = new Map<string, PreparedStatement>()

  constructor(store: Store, catalog: Catalog, env: Env) {
    this.store = store
    this.catalog = catalog
    this.env = env
    for (const definition of catalog.tables()) {
      this.#mappers.set(definition.name, new RowMapper(definition))
    }
  }

  get tableNames(): string[] {
    return [...this.#mappers.keys()]
  }

  /** @throws SCHEMA_UNKNOWN_TABLE */
  mapper(table: string): RowMapper {
    const mapper = this.#mappers.get(table)
    if (mapper !== undefined) return mapper
    throw engineError('SCHEMA_UNKNOWN_TABLE', `there is no table ${table}`, { details: { table } })
  }

  definition(table: string): TableDefinition | undefined {
    return this.#mappers.get(table)?.definition
  }

  /** The numbers of a tenant that has written before. */
  tenantRef(tenant: TenantName): TenantRef | undefined {
    tenant.ref ??= this.catalog.tenant(tenant.name)
    return tenant.ref
  }

  /** Gives a tenant its numbers, durably, before its first write. */
  async internTenant(tenant: TenantName): Promise<TenantRef> {
    const known = this.tenantRef(tenant)
    if (known !== undefined) return known
    let made: TenantRef | undefined
    await this.store.write((view) => {
      made = this.catalog.internTenant(view, tenant.name)
    })
    tenant.ref = made!
    return made!
  }

  /** A table's rows of a tenant; undefined when there is no such table. */
  rows(table: string, tenant: TenantRef): TableRows | undefined {
    const definition = this.definition(table)
    return definition === undefined ? undefined : new TableRows(definition, tenant)
  }

  /** Parses and plans a statement, or takes it from the cache. */
  prepare(text: string): PreparedStatement {
    const cached = this.#statements.get(text)
    if (cached !== undefined) {
      this.#statements.delete(text)
      this.#statements.set(text, cached)
      return cached
    }
    const prepared = prepare(text, (name) => this.definition(name))
    if (this.#statements.size >= STATEMENT_CACHE_MAX_COUNT) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest)
        break
      }
    }
    this.#statements.set(text, prepared)
    return prepared
  }

  nowMicros(): number {
    return this.env.clock.wallMicros()
  }

  /** Waits until the state as of `seqNum` can no longer change. */
  async settle(seqNum: SeqNum): Promise<void> {
    if (seqNum > this.store.readable) await this.store.settle()
  }
}
