// SQLite as the second opinion on SQL answers. It is a package of its own, installed by `npm run test:oracle`: it may need
// a compiler, which the project must never need.

import { createRequire } from 'node:module'

/** As much of better-sqlite3 as the tests use. */
export interface Oracle {
  exec(sql: string): void
  prepare(sql: string): {
    all(...params: readonly unknown[]): Record<string, unknown>[]
    run(...params: readonly unknown[]): { changes: number }
  }
  close(): void
}

export const ORACLE_ABSENT = 'better-sqlite3 is not installed: npm run test:oracle'

/** An empty database in memory; undefined when SQLite is not installed. */
export function openOracle(): Oracle | undefined {
  try {
    const Database = createRequire(import.meta.url)('better-sqlite3') as new (
      path: string,
    ) => Oracle
    return new Database(':memory:')
  } catch {
    return undefined
  }
}
