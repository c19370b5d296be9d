// Conditions that a key order can answer: a column of one table against a value that does not depend on that table.

import { type BoundColumn, type BoundExpression, tablesOf } from './bound.js'
import { isTextual, type SqlType } from './sql-types.js'

export type KeyOperator = '=' | '<' | '<=' | '>' | '>='

export interface KeyCondition {
  readonly conjunct: BoundExpression
  readonly column: number
  readonly operator: KeyOperator
  /** One value; several for IN; none for IS NULL. */
  readonly values: readonly BoundExpression[]
  /** The tables that the values are computed from. */
  readonly needs: ReadonlySet<number>
  /** The stretch holds exactly the rows that pass, so nothing is left to test. */
  readonly isExact: boolean
}

/** IN lists longer than this are tested row by row. */
const IN_PATH_MAX_COUNT = 1000

const MIRRORED: Readonly<Record<string, KeyOperator>> = {
  '=': '=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/** What each conjunct says about the columns of `table`. */
export function keyConditionsOf(
  table: number,
  conjuncts: readonly BoundExpression[],
): KeyCondition[] {
  return conjuncts.flatMap((conjunct) => conditionsOf(table, conjunct))
}

function conditionsOf(table: number, conjunct: BoundExpression): KeyCondition[] {
  if (conjunct.node !== 'call') return []
  const { name, args } = conjunct
  if (name === 'isnull') {
    const column = columnOf(args[0]!, table)
    const needs = new Set<number>()
    return column === undefined
      ? []
      : [{ conjunct, column: column.column, operator: '=', values: [], needs, isExact: true }]
  }
  if (name === 'in') return inCondition(table, conjunct, args)
  const mirrored = MIRRORED[name]
  if (mirrored === undefined) return []
  return [
    ...comparison(table, conjunct, name as KeyOperator, args[0]!, args[1]!),
    ...comparison(table, conjunct, mirrored, args[1]!, args[0]!),
  ]
}

function comparison(
  table: number,
  conjunct: BoundExpression,
  operator: KeyOperator,
  side: BoundExpression,
  value: BoundExpression,
): KeyCondition[] {
  const column = columnOf(side, table)
  if (column === undefined || !isKeyable(column.type, value.type, operator)) return []
  const needs = tablesOf(value)
  if (needs.has(table)) return []
  const isExact = side === column && isExactFor(column.type, value.type, operator)
  return [{ conjunct, column: column.column, operator, values: [value], needs, isExact }]
}

function inCondition(
  table: number,
  conjunct: BoundExpression,
  args: readonly BoundExpression[],
): KeyCondition[] {
  const column = columnOf(args[0]!, table)
  const values = args.slice(1)
  const isUsable =
    column !== undefined &&
    values.length <= IN_PATH_MAX_COUNT &&
    values.every((value) => isExactFor(column.type, value.type, '=') && tablesOf(value).size === 0)
  if (!isUsable) return []
  const { column: position } = column
  const needs = new Set<number>()
  return [{ conjunct, column: position, operator: '=', values, needs, isExact: true }]
}

/** The column itself, also where comparing lifted it to a greater decimal scale. */
function columnOf(side: BoundExpression, table: number): BoundColumn | undefined {
  const isLifted = side.node === 'call' && side.name === 'cast' && side.type.kind === 'decimal'
  const column = isLifted ? side.args[0]! : side
  if (column.node !== 'column' || column.table !== table) return undefined
  return isLifted && column.type.kind !== 'decimal' ? undefined : column
}

function isKeyable(column: SqlType, value: SqlType, operator: KeyOperator): boolean {
  switch (column.kind) {
    case 'int':
    case 'float':
    case 'bigint':
      return value.kind === 'int' || value.kind === 'float' || value.kind === 'bigint'
    case 'decimal':
      return value.kind === 'decimal' || value.kind === 'float'
    case 'text':
    case 'enum':
      return isTextual(value)
    case 'uuid':
      return isTextual(value) && operator === '='
    case 'timestamp':
    case 'boolean':
    case 'bytes':
      return value.kind === column.kind
    default:
      return false
  }
}

function isExactFor(column: SqlType, value: SqlType, operator: KeyOperator): boolean {
  if (!isKeyable(column, value, operator)) return false
  if (isTextual(column) || column.kind === 'bytes') return operator === '='
  return column.kind === value.kind && column.scale === value.scale
}
