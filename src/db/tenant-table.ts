// A table of a tenant within one view: what every way to read and write rows stands on.

import type { TenantRef } from '../catalog/catalog.js'
import type { RowMapper } from '../catalog/row-values.js'
import type { AnyTable, Insert, Key, Row } from '../catalog/table.js'
import type { Cell } from '../codec/cell.js'
import type { StagedRows } from '../indexes/staged-rows.js'
import { type TableCodec, tableCodecOf } from '../indexes/table-codec.js'
import { type TableRows, tableRowsOf } from '../indexes/table-rows.js'
import type { ObjectCache } from '../store/object-cache.js'
import type { ReadView, WriteView } from '../store/view.js'
import type { Engine, TenantName } from './engine.js'

export class TenantTable<T extends AnyTable> {
  protected readonly mapper: RowMapper
  readonly #codec: TableCodec
  readonly #engine: Engine
  readonly #tenant: TenantName
  /** Kept once the tenant's numbers are durable. */
  #rows: TableRows | undefined

  constructor(engine: Engine, tenant: TenantName, mapper: RowMapper) {
    this.mapper = mapper
    this.#codec = tableCodecOf(mapper.definition)
    this.#engine = engine
    this.#tenant = tenant
  }

  /** @param cache  when the view is of the newest readable state */
  protected readRow(view: ReadView, key: Key<T>, cache?: ObjectCache): Row<T> | undefined {
    const { mapper } = this
    const rows = this.rows(view)
    if (rows === undefined) {
      mapper.keyCells(key)
      return undefined
    }
    const row =
      cache === undefined
        ? rows.getObject(view, mapper, key)
        : rows.getFrozen(view, mapper, key, cache)
    return row as Row<T> | undefined
  }

  /**
   * Checks and encodes rows as users give them: one, or a list. They are to be given back.
   *
   * @throws as TableSession.insert
   */
  protected stage(rows: Insert<T> | readonly Insert<T>[]): StagedRows {
    const { mapper } = this
    const codec = this.#codec
    const staged = codec.takeRows()
    try {
      if (Array.isArray(rows)) for (let i = 0; i < rows.length; i++) staged.add(mapper, rows[i])
      else staged.add(mapper, rows)
    } catch (error) {
      codec.giveBack(staged)
      throw error
    }
    return staged
  }

  protected giveBack(rows: StagedRows): void {
    this.#codec.giveBack(rows)
  }

  /** @returns the tenant as the view has it now; undefined without rows */
  protected insertRows(view: WriteView, rows: StagedRows): TenantRef | undefined {
    if (rows.count === 0) return undefined
    const tenant = this.#engine.internTenant(view, this.#tenant)
    const table = this.#rowsOf(tenant)
    for (let i = 0; i < rows.count; i++) table.insertStaged(view, rows, i)
    return tenant
  }

  /** @returns as insertRows */
  protected upsertRows(view: WriteView, rows: StagedRows): TenantRef | undefined {
    if (rows.count === 0) return undefined
    const tenant = this.#engine.internTenant(view, this.#tenant)
    const table = this.#rowsOf(tenant)
    for (let i = 0; i < rows.count; i++) table.upsertStaged(view, rows, i)
    return tenant
  }

  /** False when there is no such row. */
  protected updateRow(
    view: WriteView,
    keyCells: readonly Cell[],
    change: (row: readonly Cell[]) => Cell[],
  ): boolean {
    const rows = this.rows(view)
    const old = rows?.get(view, keyCells)
    if (old === undefined) return false
    rows!.update(view, old, change(old))
    return true
  }

  /** False when there is no such row. */
  protected deleteRow(view: WriteView, keyCells: readonly Cell[]): boolean {
    const rows = this.rows(view)
    const old = rows?.get(view, keyCells)
    if (old === undefined) return false
    rows!.delete(view, old)
    return true
  }

  /** For a view whose writes of now stay in it: the tenant has the numbers that it gave for good. */
  protected keepTenant(tenant: TenantRef | undefined): void {
    if (tenant !== undefined) this.#tenant.ref ??= tenant
  }

  /** The rows of this tenant; undefined when the view knows no such tenant. */
  protected rows(view: ReadView): TableRows | undefined {
    if (this.#rows !== undefined) return this.#rows
    const tenant = this.#engine.findTenant(view, this.#tenant)
    return tenant && this.#rowsOf(tenant)
  }

  #rowsOf(tenant: TenantRef): TableRows {
    if (this.#rows !== undefined) return this.#rows
    const rows = tableRowsOf(this.mapper.definition, tenant)
    if (tenant === this.#tenant.ref) this.#rows = rows
    return rows
  }
}
