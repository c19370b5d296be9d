// Where rows come from, generated or read from files: units of rows that belong together (an order with its items and
// payments), which the loader packs into commits.

import type { RowOf, TableName } from './schema.js'

/** One new row of one table of one tenant. */
export type Change = {
  [Name in TableName]: {
    readonly tenant: string
    readonly table: Name
    readonly row: RowOf<Name>
  }
}[TableName]

/** Rows that must be committed together. */
export interface Unit {
  readonly changes: readonly Change[]
  /** How much of the source is through with this unit, 0 to 1. */
  readonly fraction: number
}

export interface Source {
  /** One line that says what the data is. */
  readonly title: string
  /** The tenant that the story looks at closely: the one with the most to tell. */
  readonly focusTenant: string
  /** What a tenant is called in this data: 'shop' or 'seller'. */
  readonly tenantNoun: string
  units(): Iterable<Unit> | AsyncIterable<Unit>
}

export interface Commit {
  /** Counts from 1; the same source cuts the same commits every time. */
  readonly number: number
  readonly changes: readonly Change[]
  readonly fraction: number
}

/** Packs units into commits of about this many rows, and never cuts a unit in two. */
export async function* commitsOf(source: Source, rowsPerCommit: number): AsyncGenerator<Commit> {
  let number = 0
  let changes: Change[] = []
  for await (const unit of source.units()) {
    for (const change of unit.changes) changes.push(change)
    if (changes.length < rowsPerCommit) continue
    yield { number: ++number, changes, fraction: unit.fraction }
    changes = []
  }
  if (changes.length > 0) yield { number: ++number, changes, fraction: 1 }
}
