// A plan in words: what EXPLAIN shows, as plain data and as lines of text.

import type { BoundAggregate, BoundExpression } from './bound.js'
import type { AccessPlan, JoinPlan, RangeBound, SelectPlan } from './plan.js'
import { formatDecimal } from '../codec/decimal.js'
import { formatTimestamp } from './timestamps.js'

/** One step of a plan. What feeds it is its `input`; of a join, also `right`. */
export interface PlanNode {
  readonly operator:
    | 'limit'
    | 'sort'
    | 'distinct'
    | 'project'
    | 'filter'
    | 'group'
    | 'join'
    | 'read'
    | 'row'
  /** What the step does, in words. */
  readonly detail: string
  readonly table?: string
  /** read: `point` by primary key, `range` of a key order, or `full`. */
  readonly access?: 'point' | 'range' | 'full'
  /** read: the index, or `primary key`. */
  readonly index?: string
  readonly isReverse?: boolean
  readonly method?: JoinPlan['method']
  readonly input?: PlanNode
  readonly right?: PlanNode
}

const INFIX: ReadonlySet<string> = new Set(
  '= <> < <= > >= is + - * / % || -> ->> and or like'.split(' '),
)
/** Long lists and texts are cut. */
const LIST_MAX_COUNT = 5
const TEXT_MAX_LENGTH = 40

export function planLines(node: PlanNode): string[] {
  const lines: string[] = []
  const add = (step: PlanNode, depth: number): void => {
    lines.push(`${'  '.repeat(depth)}${step.operator}${step.detail && ` ${step.detail}`}`)
    if (step.input !== undefined) add(step.input, depth + 1)
    if (step.right !== undefined) add(step.right, depth + 1)
  }
  add(node, 0)
  return lines
}

export function explainPlan(plan: SelectPlan): PlanNode {
  const { select, joins, first, constantFilter, isOrdered } = plan
  const words = new Words(plan)
  let node: PlanNode = first === undefined ? { operator: 'row', detail: '' } : words.read(first)
  for (const join of joins) node = words.join(join, node)
  if (constantFilter.length > 0) node = words.filter(constantFilter, node)
  const { group, order, isDistinct, columns, limit, offset } = select
  if (group !== undefined) {
    const keys = group.keys.length === 0 ? '' : `by ${words.list(group.keys)}: `
    const aggregates = group.aggregates.map((one) => words.aggregate(one)).join(', ')
    node = { operator: 'group', detail: `${keys}${aggregates}`.replace(/: $/, ''), input: node }
    if (group.having !== undefined) node = words.filter([group.having], node)
  }
  node = { operator: 'project', detail: columns.map(({ name }) => name).join(', '), input: node }
  if (isDistinct) node = { operator: 'distinct', detail: '', input: node }
  if (order.length > 0 && !isOrdered) {
    const terms = order.map(({ index, isDescending }) => {
      const name = columns[index]?.name ?? words.expression(select.values[index]!)
      return isDescending ? `${name} desc` : name
    })
    node = { operator: 'sort', detail: `by ${terms.join(', ')}`, input: node }
  }
  if (limit === undefined && offset === undefined) return node
  const counts = [limit && words.expression(limit), offset && `offset ${words.expression(offset)}`]
  return { operator: 'limit', detail: counts.filter(Boolean).join(' '), input: node }
}

class Words {
  readonly #plan: SelectPlan

  constructor(plan: SelectPlan) {
    this.#plan = plan
  }

  read(access: AccessPlan): PlanNode {
    const { definition, name, asOf } = this.#plan.select.tables[access.table]!
    const { path, filter } = access
    const column = (index: number): string => definition.columns[index]!.name
    const conditions = path.prefix.map((term) =>
      term.values.length === 0
        ? `${column(term.column)} is null`
        : term.values.length === 1
          ? `${column(term.column)} = ${this.expression(term.values[0]!)}`
          : `${column(term.column)} in (${this.list(term.values)})`,
    )
    const bound = ({ value, isInclusive }: RangeBound, sign: string): string =>
      `${column(path.rangeColumn!)} ${sign}${isInclusive ? '=' : ''} ${this.expression(value)}`
    if (path.lower !== undefined) conditions.push(bound(path.lower, '>'))
    if (path.upper !== undefined) conditions.push(bound(path.upper, '<'))
    const kind = path.isPoint ? 'point' : conditions.length > 0 ? 'range' : 'full'
    const index = path.index ?? 'primary key'
    const detail = [
      name === definition.name ? definition.name : `${definition.name} as ${name}`,
      asOf === undefined ? '' : `as of ${this.expression(asOf)}`,
      `by ${path.index === undefined ? index : `index ${index}`}`,
      conditions.length === 0 ? '' : `(${conditions.join(', ')})`,
      path.isReverse ? 'reverse' : '',
    ]
    const node: PlanNode = {
      operator: 'read',
      detail: detail.filter(Boolean).join(' '),
      table: definition.name,
      access: kind,
      index,
      isReverse: path.isReverse,
    }
    return filter.length === 0 ? node : this.filter(filter, node)
  }

  join({ method, access, leftKeys, rightKeys, filter }: JoinPlan, input: PlanNode): PlanNode {
    const keys = leftKeys.map(
      (left, i) => `${this.expression(left)} = ${this.expression(rightKeys[i]!)}`,
    )
    const detail = keys.length === 0 ? method : `${method} on ${keys.join(', ')}`
    const node: PlanNode = { operator: 'join', detail, method, input, right: this.read(access) }
    return filter.length === 0 ? node : this.filter(filter, node)
  }

  filter(conditions: readonly BoundExpression[], input: PlanNode): PlanNode {
    const detail = conditions.map((condition) => this.expression(condition)).join(' and ')
    return { operator: 'filter', detail, input }
  }

  aggregate({ name, arg, isDistinct }: BoundAggregate): string {
    const inner = arg === undefined ? '*' : this.expression(arg)
    return `${name}(${isDistinct ? 'distinct ' : ''}${inner})`
  }

  list(expressions: readonly BoundExpression[]): string {
    const shown = expressions.slice(0, LIST_MAX_COUNT).map((one) => this.expression(one))
    return expressions.length > LIST_MAX_COUNT ? `${shown.join(', ')}, ...` : shown.join(', ')
  }

  expression(expression: BoundExpression): string {
    switch (expression.node) {
      case 'constant':
        return constantText(expression)
      case 'parameter':
        return typeof expression.key === 'number' ? `$${expression.key + 1}` : `:${expression.key}`
      case 'column': {
        const { tables } = this.#plan.select
        const { definition, name } = tables[expression.table]!
        const column = definition.columns[expression.column]!.name
        return tables.length === 1 ? column : `${name}.${column}`
      }
      case 'slot':
        return this.#slot(expression.slot)
      case 'aggregate':
        return this.aggregate(this.#plan.select.group!.aggregates[expression.index]!)
      default:
    }
    const { name, args } = expression
    if (name === 'cast' || name === 'affinity') return this.expression(args[0]!)
    if (name === 'negate') return `-${this.expression(args[0]!)}`
    if (name === 'not') return `not ${this.expression(args[0]!)}`
    if (name === 'isnull') return `${this.expression(args[0]!)} is null`
    if (name === 'in') return `${this.expression(args[0]!)} in (${this.list(args.slice(1))})`
    if (!INFIX.has(name)) return `${name}(${this.list(args)})`
    const parts = args.slice(0, LIST_MAX_COUNT).map((arg) => this.expression(arg))
    if (args.length > LIST_MAX_COUNT) parts.push('...')
    return `(${parts.join(` ${name} `)})`
  }

  #slot(slot: number): string {
    const { keys, aggregates, bare } = this.#plan.select.group!
    if (slot < keys.length) return this.expression(keys[slot]!)
    const aggregate = aggregates[slot - keys.length]
    if (aggregate !== undefined) return this.aggregate(aggregate)
    return this.expression(bare[slot - keys.length - aggregates.length]!)
  }
}

function constantText({ value, type }: { value: unknown; type: { kind: string; scale?: number } }) {
  if (type.kind === 'decimal' && typeof value === 'bigint') return formatDecimal(value, type.scale!)
  if (type.kind === 'timestamp' && typeof value === 'number') return `'${formatTimestamp(value)}'`
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex').slice(0, 16)}'`
  if (typeof value !== 'string') return String(value)
  const shown = value.length > TEXT_MAX_LENGTH ? `${value.slice(0, TEXT_MAX_LENGTH)}...` : value
  return `'${shown.replaceAll("'", "''")}'`
}
