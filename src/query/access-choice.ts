// Which key order a table is read in, and which stretch of it. There are no statistics: the estimates only have to put
// obviously better ways before obviously worse ones.

import type { KeyPart, TableDefinition } from '../catalog/definition.js'
import type { BoundExpression } from './bound.js'
import type { KeyCondition } from './key-conditions.js'
import type { PathPlan, PrefixTerm } from './plan.js'

/** A table nobody knows anything about. */
const TABLE_ROWS = 100_000
const EQUALITY_FACTOR = 0.001
const RANGE_FACTOR = 0.3
const EQUALITY_MIN_ROWS = 10
/** What a row costs that is found through an index, against one that is read in place. */
const INDEX_ROW_COST = 3
const SORT_ROW_COST = 2
/** A statement with LIMIT is taken to want about this many rows. */
const LIMITED_ROWS = 100

export interface OrderRequest {
  readonly column: number
  readonly isDescending: boolean
  readonly areNullsFirst: boolean
}

export interface PathRequest {
  readonly definition: TableDefinition
  readonly conditions: readonly KeyCondition[]
  /** The order that would save a sort. */
  readonly order: readonly OrderRequest[]
  readonly hasLimit: boolean
}

export interface PathChoice {
  readonly path: PathPlan
  /** Conjuncts that the path answers, so that rows need not be tested for them. */
  readonly answered: ReadonlySet<BoundExpression>
  readonly used: readonly KeyCondition[]
  readonly rows: number
  readonly cost: number
  readonly isOrdered: boolean
}

interface KeyOrder {
  readonly index?: string
  readonly parts: readonly KeyPart[]
  /** The parts that rows are found by; the rest only orders. */
  readonly searchCount: number
  readonly isUnique: boolean
}

export function choosePath(request: PathRequest): PathChoice {
  let best: PathChoice | undefined
  for (const order of keyOrdersOf(request.definition)) {
    const choice = pathOver(order, request)
    if (best === undefined || choice.cost < best.cost) best = choice
  }
  return best!
}

function keyOrdersOf(definition: TableDefinition): KeyOrder[] {
  const { primaryKey, indexes } = definition
  const primary = { parts: primaryKey, searchCount: primaryKey.length, isUnique: true }
  const secondary = indexes.map(({ name, parts, isUnique }) => ({
    index: name,
    // Entries of one index key are ordered by primary key, but for unique ones, which have one.
    parts: isUnique ? parts : [...parts, ...primaryKey],
    searchCount: parts.length,
    isUnique,
  }))
  return [primary, ...secondary]
}

function pathOver(key: KeyOrder, request: PathRequest): PathChoice {
  const { definition, conditions } = request
  const columns = key.parts.map((part) =>
    definition.columns.findIndex((column) => column.name === part.column),
  )
  const used: KeyCondition[] = []
  const prefix: PrefixTerm[] = []
  let hasList = false
  while (prefix.length < key.searchCount) {
    const column = columns[prefix.length]!
    const found = equalityOn(column, conditions, !hasList)
    if (found === undefined) break
    hasList ||= found.values.length > 1
    prefix.push({ column, values: found.values })
    used.push(found)
  }
  const rangeColumn = prefix.length < key.searchCount ? columns[prefix.length] : undefined
  const lower = conditions.find((c) => c.column === rangeColumn && c.operator[0] === '>')
  const upper = conditions.find((c) => c.column === rangeColumn && c.operator[0] === '<')
  if (lower !== undefined) used.push(lower)
  if (upper !== undefined) used.push(upper)
  const direction = orderDirection(key, columns, request)
  const isWhole = key.isUnique && prefix.length === key.searchCount
  const isOne = isWhole && prefix.every((term) => term.values.length > 0)
  const rows = estimateRows(prefix, isOne, lower !== undefined, upper !== undefined)
  const path: PathPlan = {
    ...(key.index !== undefined && { index: key.index }),
    prefix,
    ...(rangeColumn !== undefined && (lower ?? upper) !== undefined && { rangeColumn }),
    ...(lower && { lower: { value: lower.values[0]!, isInclusive: lower.operator === '>=' } }),
    ...(upper && { upper: { value: upper.values[0]!, isInclusive: upper.operator === '<=' } }),
    isReverse: direction === 'reverse',
    isPoint: isOne && key.index === undefined,
  }
  const answered = new Set(used.filter((c) => c.isExact).map((c) => c.conjunct))
  return {
    path,
    answered,
    used,
    rows,
    isOrdered: direction !== undefined,
    ...costOf(key, rows, direction, request),
  }
}

/** One IN list at most: each of its values is a stretch of its own. */
function equalityOn(
  column: number,
  conditions: readonly KeyCondition[],
  mayBeList: boolean,
): KeyCondition | undefined {
  const equal = conditions.filter((c) => c.column === column && c.operator === '=')
  const single = equal.find((c) => c.values.length === 1)
  return single ?? equal.find((c) => c.values.length === 0 || mayBeList)
}

function estimateRows(
  prefix: readonly PrefixTerm[],
  isOne: boolean,
  hasLower: boolean,
  hasUpper: boolean,
): number {
  let choices = 1
  for (const { values } of prefix) choices *= Math.max(1, values.length)
  if (isOne) return choices
  let rows = TABLE_ROWS * EQUALITY_FACTOR ** prefix.length
  if (hasLower) rows *= RANGE_FACTOR
  if (hasUpper) rows *= RANGE_FACTOR
  return Math.max(EQUALITY_MIN_ROWS, rows) * choices
}

function costOf(
  key: KeyOrder,
  rows: number,
  direction: 'forward' | 'reverse' | undefined,
  { order, hasLimit }: PathRequest,
): { cost: number } {
  const isSorted = order.length > 0 && direction === undefined
  const read = hasLimit && !isSorted ? Math.min(rows, LIMITED_ROWS) : rows
  const rowCost = key.index === undefined ? 1 : INDEX_ROW_COST
  return { cost: read * rowCost + (isSorted ? rows * SORT_ROW_COST : 0) }
}

/** The direction in which the key order is the order asked for; undefined when neither is. */
function orderDirection(
  key: KeyOrder,
  columns: readonly number[],
  { definition, conditions, order }: PathRequest,
): 'forward' | 'reverse' | undefined {
  const isFixed = (column: number): boolean =>
    conditions.some((c) => c.column === column && c.operator === '=' && c.values.length < 2)
  let direction: 'forward' | 'reverse' | undefined
  let part = 0
  for (const term of order) {
    if (isFixed(term.column)) continue
    while (part < columns.length && isFixed(columns[part]!)) part++
    const isPast = part === columns.length
    // Behind all parts of a unique key there is nothing left to order, unless nulls made entries repeat.
    if (isPast) return isTotal(key, definition) ? (direction ?? 'forward') : undefined
    if (columns[part] !== term.column) return undefined
    const { isNullable } = definition.columns[term.column]!
    // In key order null is the smallest value, whatever the direction.
    if (isNullable && term.areNullsFirst === term.isDescending) return undefined
    const needed = term.isDescending === key.parts[part]!.isDescending ? 'forward' : 'reverse'
    if (direction !== undefined && direction !== needed) return undefined
    direction = needed
    part++
  }
  return direction ?? 'forward'
}

function isTotal(key: KeyOrder, definition: TableDefinition): boolean {
  if (key.index === undefined || !key.isUnique) return true
  return key.parts.every(
    ({ column }) => definition.columns.find(({ name }) => name === column)?.isNullable === false,
  )
}
