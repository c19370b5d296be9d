// Puts a source's rows into a database, some thousand to a commit.

import type { Database, Shop } from './database.js'
import type { RowOf, TableName } from './schema.js'
import type { Change, Commit } from './source.js'

/** While one commit waits for the disk, the next ones are being prepared. */
const COMMITS_IN_FLIGHT = 4

/**
 * Loads all commits; each is one transaction over however many tenants it touches.
 *
 * @param onCommitted hears of each commit once it is durable, in any order
 */
export async function loadCommits(
  db: Database,
  commits: AsyncIterable<Commit>,
  onCommitted: (commit: Commit) => void,
): Promise<void> {
  const running = new Set<Promise<void>>()
  for await (const commit of commits) {
    const done = writeCommit(db, commit.changes).then(() => {
      running.delete(done)
      onCommitted(commit)
    })
    // A failure surfaces at the next await below; until then it must not count as unhandled.
    done.catch(() => {})
    running.add(done)
    if (running.size >= COMMITS_IN_FLIGHT) await Promise.race(running)
  }
  await Promise.all(running)
}

/** All changes or none, in one commit. Resolves when they are on the disk. */
export async function writeCommit(db: Database, changes: readonly Change[]): Promise<void> {
  await db.transact(async (tx) => {
    for (const { tenant, table, rows } of runsOf(changes)) {
      await insertInto(tx.tenant(tenant), table, rows)
    }
  })
}

interface Run {
  readonly tenant: string
  readonly table: TableName
  readonly rows: RowOf<TableName>[]
}

/** Puts the rows of each tenant's tables together: one call for many rows. */
function runsOf(changes: readonly Change[]): Iterable<Run> {
  const runs = new Map<string, Run>()
  for (const { tenant, table, row } of changes) {
    const place = `${table} ${tenant}`
    const run = runs.get(place)
    if (run === undefined) runs.set(place, { tenant, table, rows: [row] })
    else run.rows.push(row)
  }
  return runs.values()
}

/** Reads back the row that a change has written. */
export function readBack(shop: Shop, { table, row }: Change): unknown {
  switch (table) {
    case 'items':
      return shop.items.getSync([row.orderId, row.itemNumber])
    case 'payments':
      return shop.payments.getSync([row.orderId, row.paymentNumber])
    case 'reviews':
      return shop.reviews.getSync([row.id, row.orderId])
    case 'categories':
      return shop.categories.getSync(row.name)
    default:
      return shop[table].getSync(row.id)
  }
}

type Inserter = { insert(rows: readonly RowOf<TableName>[]): Promise<unknown> }

/** The compiler cannot see that table and rows of a run belong together; runsOf says so. */
function insertInto(
  shop: { readonly [Name in TableName]: unknown },
  table: TableName,
  rows: readonly RowOf<TableName>[],
): Promise<unknown> {
  return (shop[table] as Inserter).insert(rows)
}
