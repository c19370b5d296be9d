// Every version of every row, and up to where the history of each table of each tenant may have gone.

import type { SeqNum } from '../../dist/index.js'

export interface RowVersion {
  readonly seqNum: number
  readonly n: number | undefined
}

interface TenantState {
  windowMs: number | undefined
  readonly windowsMs: Map<string, number>
  /** By name. */
  readonly holds: Map<string, number>
}

export class RetentionModel {
  readonly #versions = new Map<string, RowVersion[]>()
  readonly #tenants = new Map<string, TenantState>()
  /** By table: what the program declared last. */
  readonly #declared = new Map<string, number | undefined>()
  /** Floors are at most here: by tenant and table, and by table for tenants of which nothing is said. */
  readonly #limits = new Map<string, number>()
  #moments: { readonly nowMicros: number; readonly newest: number }[] = []
  readonly tenants: readonly string[]
  readonly tables: readonly string[]
  readonly #defaultMs: number

  constructor(tenants: readonly string[], tables: readonly string[], defaultMs: number) {
    this.tenants = tenants
    this.tables = tables
    this.#defaultMs = defaultMs
  }

  write(tenant: string, table: string, id: string, version: RowVersion): void {
    this.versions(tenant, table, id).unshift(version)
  }

  /** Newest first. */
  versions(tenant: string, table: string, id: string): RowVersion[] {
    const key = `${tenant}/${table}/${id}`
    const known = this.#versions.get(key)
    if (known !== undefined) return known
    const versions: RowVersion[] = []
    this.#versions.set(key, versions)
    return versions
  }

  /** What a snapshot sees of a table. */
  rowsAt(tenant: string, table: string, seqNum: number): { id: string; n: number }[] {
    const prefix = `${tenant}/${table}/`
    const rows: { id: string; n: number }[] = []
    for (const [key, versions] of this.#versions) {
      if (!key.startsWith(prefix)) continue
      const n = versions.find((version) => version.seqNum <= seqNum)?.n
      if (n !== undefined) rows.push({ id: key.slice(prefix.length), n })
    }
    return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  declare(table: string, windowMs: number | undefined): void {
    this.#declared.set(table, windowMs)
  }

  setRetention(tenant: string, windowMs: number | undefined, windowsMs: Map<string, number>): void {
    this.#tenants.set(tenant, { windowMs, windowsMs, holds: this.#stateOf(tenant).holds })
  }

  placeHold(tenant: string, name: string, from: number): void {
    const state = this.#stateOf(tenant)
    this.#tenants.set(tenant, { ...state, holds: new Map([...state.holds, [name, from]]) })
  }

  releaseHold(tenant: string, name: string): void {
    this.#stateOf(tenant).holds.delete(name)
  }

  holdNames(tenant: string): string[] {
    return [...this.#stateOf(tenant).holds.keys()]
  }

  windowMsOf(tenant: string, table: string): number {
    const { windowMs, windowsMs } = this.#stateOf(tenant)
    return windowsMs.get(table) ?? windowMs ?? this.#declared.get(table) ?? this.#defaultMs
  }

  /** At a moment jobs may have let go what the policies of then do not keep; a clock that was set back changes nothing. */
  passes(nowMicros: number, newest: SeqNum): void {
    this.#moments = this.#moments.filter((one) => one.nowMicros > nowMicros || one.newest > newest)
    this.#moments.push({ nowMicros, newest })
    const limitOf = (windowMs: number) =>
      Math.max(...this.#moments.map((one) => Math.min(one.nowMicros - windowMs * 1000, one.newest)))
    this.#raise('', '', limitOf(this.#defaultMs))
    for (const table of this.tables) {
      const declared = this.#declared.get(table)
      this.#raise('', table, declared === undefined ? this.limit('', '') : limitOf(declared))
    }
    for (const tenant of this.tenants) {
      const { windowMs, windowsMs, holds } = this.#stateOf(tenant)
      const held = Math.min(Infinity, ...holds.values())
      for (const table of this.tables) {
        const ownMs = windowsMs.get(table) ?? windowMs
        const limit = ownMs === undefined ? this.limit('', table) : limitOf(ownMs)
        this.#raise(tenant, table, Math.min(limit, held))
      }
    }
  }

  /** At and above it everything is there. */
  limit(tenant: string, table: string): number {
    return this.#limits.get(`${tenant}/${table}`) ?? 0
  }

  #raise(tenant: string, table: string, limit: number): void {
    this.#limits.set(`${tenant}/${table}`, Math.max(limit, this.limit(tenant, table)))
  }

  #stateOf(tenant: string): TenantState {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    const state: TenantState = {
      windowMs: undefined,
      windowsMs: new Map<string, number>(),
      holds: new Map<string, number>(),
    }
    this.#tenants.set(tenant, state)
    return state
  }
}
