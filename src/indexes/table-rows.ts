// The rows of one table of one tenant, and their secondary indexes, kept in the same commit.

import type { TenantId } from '../base/ids.js'
import type { TableDefinition } from '../catalog/definition.js'
import type { Cell } from '../codec/cell.js'
import type { ReadView, WriteView } from '../store/view.js'
import type { AccessPath, RowScan } from './access-path.js'

export interface TenantRef {
  readonly id: TenantId
  readonly hash: number
}

export class TableRows {
  readonly definition: TableDefinition
  readonly #tenant: TenantRef

  constructor(definition: TableDefinition, tenant: TenantRef) {
    this.definition = definition
    this.#tenant = tenant
  }

  /** Reads the row with this primary key: positional as `definition.columns`. */
  get(view: ReadView, keyCells: readonly Cell[]): Cell[] | undefined {
    throw new Error(`todo ${view} ${keyCells} ${this.#tenant}`)
  }

  scan(view: ReadView, path: AccessPath = {}): RowScan {
    throw new Error(`todo ${view} ${path}`)
  }

  /** @throws ROW_DUPLICATE_KEY ROW_UNIQUE_VIOLATION */
  insert(view: WriteView, row: readonly Cell[]): void {
    throw new Error(`todo ${view} ${row}`)
  }

  /** @throws ROW_UNIQUE_VIOLATION */
  upsert(view: WriteView, row: readonly Cell[]): void {
    throw new Error(`todo ${view} ${row}`)
  }

  /** Replaces a row that is there; the primary key may change. */
  update(view: WriteView, oldRow: readonly Cell[], newRow: readonly Cell[]): void {
    throw new Error(`todo ${view} ${oldRow} ${newRow}`)
  }

  /** Deletes a row that is there. */
  delete(view: WriteView, row: readonly Cell[]): void {
    throw new Error(`todo ${view} ${row}`)
  }
}
