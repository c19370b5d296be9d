// SQLite as the second opinion on SQL answers. It is a package of its own, installed by `npm run test:oracle`: it may need
// a compiler, which the project must never need.

import { createRequire } from 'node:module'

import type { Theirs } from './comparison.js'

/** As much of better-sqlite3 as the tests use. */
export interface Oracle {
  exec(sql: string): void
  prepare(sql: string): {
    readonly reader: boolean
    all(...params: readonly unknown[]): Theirs[][]
    run(...params: readonly unknown[]): { changes: number }
    /** Rows come as arrays. */
    raw(): unknown
  }
  /** Integers come as bigint, so that they tell themselves from floats. */
  defaultSafeIntegers(): void
  close(): void
}

export const ORACLE_ABSENT = 'better-sqlite3 is not installed: npm run test:oracle'

/** An empty database in memory; undefined when SQLite is not installed. */
export function openOracle(): Oracle | undefined {
  try {
    const Database = createRequire(import.meta.url)('better-sqlite3') as new (
      path: string,
    ) => Oracle
    const oracle = new Database(':memory:')
    oracle.defaultSafeIntegers()
    return oracle
  } catch {
    return undefined
  }
}

/** Runs one statement: its rows, or how many it changed. */
export function runOracle(
  oracle: Oracle,
  text: string,
  params: readonly unknown[] | Record<string, unknown>,
): { rows: Theirs[][]; changes: number } {
  const statement = oracle.prepare(text)
  const values = Array.isArray(params) ? params : [params]
  if (!statement.reader) return { rows: [], changes: statement.run(...values).changes }
  statement.raw()
  return { rows: statement.all(...values), changes: 0 }
}
