// What all sessions of one open database share: the store, the catalog, and the way from names to numbers.

import { invariant } from '../base/assert.js'
import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { Catalog, TenantRef } from '../catalog/catalog.js'
import type { RowMapper } from '../catalog/row-values.js'
import type { Schema } from '../catalog/schema.js'
import type { Env } from '../env/env.js'
import { lateModule } from '../env/late-module.js'
import type { PreparedStatement } from '../query/execute.js'
import type { ObjectCache } from '../store/object-cache.js'
import type { Store } from '../store/store.js'
import type { ReadView, WriteView } from '../store/view.js'
import { RecentSnapshot } from './recent-snapshot.js'
import { type Moment, resolveMoment } from './time.js'

/** A tenant's name together with its numbers, once they are durable. */
export interface TenantName {
  readonly name: string
  ref: TenantRef | undefined
}

/** Loaded with the first statement: a service without SQL opens sooner. */
const statements = lateModule(() => import('../query/execute.js'))
/** Statements kept, with their plans. */
const STATEMENT_CACHE_MAX_COUNT = 500

export class Engine {
  readonly store: Store
  readonly catalog: Catalog
  readonly env: Env
  /** For readers with an age limit. */
  readonly recentSnapshot: RecentSnapshot
  /** How long idempotency tokens are kept. */
  readonly tokenWindowMs: number
  /** Rows of the newest state, for those who read them again. */
  readonly rowCache: ObjectCache | undefined
  /** Settle, and never reject, when the transactions with these tokens have ended; see tokens.ts. */
  readonly tokensUnderWay = new Map<string, Promise<void>>()
  readonly #statements = new Map<string, PreparedStatement>()

  constructor(
    store: Store,
    catalog: Catalog,
    env: Env,
    settings: { readonly tokenWindowMs: number; readonly rowCache: ObjectCache | undefined },
  ) {
    this.store = store
    this.catalog = catalog
    this.env = env
    this.recentSnapshot = new RecentSnapshot(store, env.clock)
    this.tokenWindowMs = settings.tokenWindowMs
    this.rowCache = settings.rowCache
  }

  /** The tables as they are. */
  get schema(): Schema {
    return this.catalog.schema
  }

  /** Rows of a table that is there now. One that was made later than a schema has no rows then: its shape of now does. */
  mapper(table: string, schema: Schema = this.schema): RowMapper {
    const mapper = schema.mapper(table) ?? this.schema.mapper(table)
    invariant(mapper !== undefined, 'sessions show stored tables only')
    return mapper
  }

  /** The commit whose state a moment shows. @throws ARGUMENT_INVALID */
  seqNumAt(moment: Moment): SeqNum {
    const asked = resolveMoment(moment, this.nowMicros())
    // What is still to come is no past: later commits of this very millisecond must not show up either.
    return asked < this.store.readable ? asked : this.store.readable
  }

  /** The numbers of a tenant whose first write is durable. */
  tenantRef(tenant: TenantName): TenantRef | undefined {
    tenant.ref ??= this.catalog.tenant(tenant.name)
    return tenant.ref
  }

  /**
   * The numbers of a tenant as a view knows them. The view reads them, so that a transaction which found no tenant
   * conflicts with the one that makes it.
   */
  findTenant(view: ReadView, tenant: TenantName): TenantRef | undefined {
    return this.tenantRef(tenant) ?? this.catalog.findTenant(view, tenant.name)
  }

  /** As findTenant, but a new tenant gets its numbers, in the same commit as what the view writes next. */
  internTenant(view: WriteView, tenant: TenantName): TenantRef {
    return this.tenantRef(tenant) ?? this.catalog.internTenant(view, tenant.name)
  }

  /** Parses a statement, or takes it from the cache, where it keeps its plans. The first one waits for the parser. */
  async prepare(text: string): Promise<PreparedStatement> {
    if (typeof text !== 'string') {
      throw engineError('ARGUMENT_INVALID', `a statement is a text, not ${typeof text}`)
    }
    const cached = this.#statements.get(text)
    if (cached !== undefined) {
      this.#statements.delete(text)
      this.#statements.set(text, cached)
      return cached
    }
    const { prepare } = await statements()
    const prepared = prepare(text)
    if (this.#statements.size >= STATEMENT_CACHE_MAX_COUNT) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest)
        break
      }
    }
    this.#statements.set(text, prepared)
    return prepared
  }

  /** The wall clock, or the newest commit's time while the clock is behind it: now is never before what was read. */
  nowMicros(): number {
    return Math.max(this.env.clock.wallMicros(), this.store.readable)
  }
}
