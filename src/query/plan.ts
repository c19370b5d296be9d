// What a select does, as plain data: which stretch of which key order each table is read from, how tables are joined, and
// what is left to test. Rules make it, operators carry it out, explain prints it.

import type { BoundExpression } from './bound.js'
import type { BoundSelect } from './bind-select.js'

/** Equality on one key part: with one of the values, or IS NULL when there are none. */
export interface PrefixTerm {
  readonly column: number
  readonly values: readonly BoundExpression[]
}

export interface RangeBound {
  readonly value: BoundExpression
  readonly isInclusive: boolean
}

/** Which stretch of which key order is read. Values may refer to tables that were joined before. */
export interface PathPlan {
  /** Absent: primary key. */
  readonly index?: string
  readonly prefix: readonly PrefixTerm[]
  /** The column of the key part that the bounds are on. */
  readonly rangeColumn?: number
  readonly lower?: RangeBound
  readonly upper?: RangeBound
  readonly isReverse: boolean
  /** The prefix is the whole primary key: one row at most per choice of values. */
  readonly isPoint: boolean
}

export interface AccessPlan {
  readonly table: number
  readonly path: PathPlan
  /** Tested on each row of the table alone. */
  readonly filter: readonly BoundExpression[]
  /** The columns that are passed on, by position; absent: all of them, as the row is. */
  readonly columns?: readonly number[]
  readonly estimatedRows: number
}

/**
 * One more inner table. `lookup` reads its path once per row so far; `hash` reads both sides once and matches equal keys;
 * `loop` pairs every row with every row.
 */
export interface JoinPlan {
  readonly method: 'lookup' | 'hash' | 'loop'
  readonly access: AccessPlan
  readonly leftKeys: readonly BoundExpression[]
  readonly rightKeys: readonly BoundExpression[]
  /** Tested on joined rows. */
  readonly filter: readonly BoundExpression[]
}

export interface SelectPlan {
  readonly select: BoundSelect
  /** Conditions that no table takes part in: tested once. */
  readonly constantFilter: readonly BoundExpression[]
  /** Absent: a select without FROM, which has one row. */
  readonly first?: AccessPlan
  readonly joins: readonly JoinPlan[]
  /** The rows arrive in the order that ORDER BY asks for. */
  readonly isOrdered: boolean
}
