// Expressions after binding: every name is a place, every node has a type, and conversions are nodes of their own. Plain
// data, so that rules can take them apart. Heights are bounded by the parser, so recursion over them is safe.

import type { Cell } from '../codec/cell.js'
import type { SqlType } from './sql-types.js'

export interface BoundConstant {
  readonly node: 'constant'
  readonly value: Cell
  readonly type: SqlType
  /** How a number was written: beside a decimal it counts as exactly that. */
  readonly literal?: string
}

export interface BoundParameter {
  readonly node: 'parameter'
  readonly key: number | string
  readonly type: SqlType
}

/** A column of the statement's table number `table`. */
export interface BoundColumn {
  readonly node: 'column'
  readonly table: number
  readonly column: number
  readonly type: SqlType
}

/** A cell of the row that an aggregation produced. */
export interface BoundSlot {
  readonly node: 'slot'
  readonly slot: number
  readonly type: SqlType
}

/** The value of an aggregate, by its number in the statement; becomes a slot once groups are laid out. */
export interface BoundAggregateValue {
  readonly node: 'aggregate'
  readonly index: number
  readonly type: SqlType
}

export interface BoundCall {
  readonly node: 'call'
  readonly name: string
  readonly args: readonly BoundExpression[]
  readonly type: SqlType
  readonly at: number
}

export type BoundExpression =
  | BoundConstant
  | BoundParameter
  | BoundColumn
  | BoundSlot
  | BoundAggregateValue
  | BoundCall

export interface BoundAggregate {
  readonly name: string
  /** Absent for count(*). */
  readonly arg?: BoundExpression
  readonly separator?: BoundExpression
  readonly isDistinct: boolean
  readonly type: SqlType
  readonly at: number
}

export function constant(value: Cell, type: SqlType): BoundConstant {
  return { node: 'constant', value, type }
}

export function isSameExpression(a: BoundExpression, b: BoundExpression): boolean {
  if (a === b) return true
  switch (a.node) {
    case 'constant':
      return b.node === 'constant' && a.value === b.value && a.type.kind === b.type.kind
    case 'parameter':
      return b.node === 'parameter' && a.key === b.key
    case 'column':
      return b.node === 'column' && a.table === b.table && a.column === b.column
    case 'slot':
      return b.node === 'slot' && a.slot === b.slot
    case 'aggregate':
      return b.node === 'aggregate' && a.index === b.index
    default:
      return (
        b.node === 'call' &&
        a.name === b.name &&
        a.args.length === b.args.length &&
        a.type.kind === b.type.kind &&
        a.type.scale === b.type.scale &&
        a.args.every((arg, i) => isSameExpression(arg, b.args[i]!))
      )
  }
}

/** Calls `visit` for every column of the expression. */
export function visitColumns(
  expression: BoundExpression,
  visit: (column: BoundColumn) => void,
): void {
  if (expression.node === 'column') visit(expression)
  else if (expression.node === 'call') for (const arg of expression.args) visitColumns(arg, visit)
}

/** The tables that an expression reads. */
export function tablesOf(expression: BoundExpression): ReadonlySet<number> {
  const tables = new Set<number>()
  visitColumns(expression, (column) => tables.add(column.table))
  return tables
}

/** Rebuilds an expression from the top: where `replace` answers, its answer stands for the whole subtree. */
export function rewrite(
  expression: BoundExpression,
  replace: (part: BoundExpression) => BoundExpression | undefined,
): BoundExpression {
  const replaced = replace(expression)
  if (replaced !== undefined) return replaced
  if (expression.node !== 'call') return expression
  return { ...expression, args: expression.args.map((arg) => rewrite(arg, replace)) }
}
