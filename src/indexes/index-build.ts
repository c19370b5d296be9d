import type { CatalogStore, TenantRef } from '../catalog/catalog.js'
import type { IndexDefinition, TableDefinition } from '../catalog/definition.js'
import { tableCodecOf } from './table-codec.js'
import { TableRows } from './table-rows.js'

/**
 * Writes the entries of new indexes for the rows of all tenants, in commits of some rows each. Nothing refers to the
 * entries until the catalog does, and index ids are not reused: an interrupted build leaves dead entries, never wrong ones.
 *
 * @throws ROW_UNIQUE_VIOLATION
 */
export async function buildIndexes(
  store: CatalogStore,
  definition: TableDefinition,
  newIndexes: readonly IndexDefinition[],
  tenants: readonly TenantRef[],
): Promise<void> {
  const codec = tableCodecOf(definition)
  const indexes = newIndexes.map(({ name }) => codec.index(name))
  for (const tenant of tenants) {
    const rows = new TableRows(definition, tenant)
    for (let from: Uint8Array | undefined, isDone = false; !isDone; isDone = from === undefined) {
      await store.write((view) => {
        from = rows.buildIndexes(view, indexes, from)
      })
    }
  }
}
