import type { Database } from '../db/database.js'
import { SETTINGS } from '../db/options.js'
import { open } from '../db/open.js'

/**
 * Opens a database that is there, for as long as `use` takes. Nothing is created, and however old: no history is dropped by
 * a flush or compaction that happens meanwhile, because the window of the application is not known here.
 */
export async function withDatabase<Result>(
  path: string,
  use: (db: Database<{}>) => Promise<Result> | Result,
  { salvage = false }: { readonly salvage?: boolean } = {},
): Promise<Result> {
  const historyWindowMs = SETTINGS.historyWindowMs.max
  const db = await open({ path, createIfMissing: false, historyWindowMs, salvage })
  try {
    return await use(db)
  } finally {
    await db.close()
  }
}
