// A plan becomes operators, for one execution.

import { engineError } from '../base/errors.js'
import type { Cell } from '../codec/cell.js'
import { accumulatorOf } from './aggregates.js'
import type { BoundGroup, BoundOrderTerm } from './bind-select.js'
import type { BoundAggregate, BoundExpression } from './bound.js'
import { Compiler } from './compile.js'
import type { EvaluationScope } from './evaluation.js'
import { type AggregateStep, GroupBy } from './group-operator.js'
import { HashJoin, LookupJoin } from './join-operators.js'
import {
  Distinct,
  Filter,
  Limit,
  NoRows,
  type Operator,
  Project,
  Scan,
  SingleRow,
} from './operators.js'
import type { AccessPlan, JoinPlan, SelectPlan } from './plan.js'
import { type CompareRows, sortOperator } from './sort-operator.js'
import { comparatorOf, type Row } from './sql-values.js'
import { placedError } from './syntax-error.js'
import { TableAccess, type TableSource } from './table-access.js'

/** Finds where to read a table of the statement, by its number. */
export type SourceOf = (table: number) => TableSource

const NO_ROW: Row = []

export function buildSelect(
  plan: SelectPlan,
  scope: EvaluationScope,
  sourceOf: SourceOf,
): Operator {
  return new SelectBuilder(plan, scope, sourceOf).build()
}

/** Reads one table with its filter alone: what UPDATE and DELETE work on. */
export function buildScan(
  access: AccessPlan,
  scope: EvaluationScope,
  source: TableSource,
): Operator {
  const compiler = new Compiler(scope, (_, column) => column)
  return new Scan(new TableAccess(source, access, compiler, compiler))
}

class SelectBuilder {
  readonly #plan: SelectPlan
  readonly #scope: EvaluationScope
  readonly #sourceOf: SourceOf
  /** Where the columns of each joined table lie in joined rows. */
  readonly #slots = new Map<number, ReadonlyMap<number, number> | 'as stored'>()
  #width = 0
  readonly #compiler: Compiler

  constructor(plan: SelectPlan, scope: EvaluationScope, sourceOf: SourceOf) {
    this.#plan = plan
    this.#scope = scope
    this.#sourceOf = sourceOf
    this.#compiler = new Compiler(scope, (table, column) => this.#slotOf(table, column))
  }

  build(): Operator {
    const { select, isOrdered } = this.#plan
    let rows = this.#buildFrom()
    if (select.group !== undefined) rows = this.#buildGroup(rows, select.group)
    rows = new Project(rows, this.#compileAll(select.values))
    const width = select.columns.length
    if (select.isDistinct) rows = new Distinct(rows, width)
    const skip = Math.max(0, this.#count(select.offset) ?? 0)
    const limit = this.#count(select.limit) ?? -1
    const wanted = limit < 0 ? Infinity : limit
    if (select.order.length > 0 && !isOrdered) {
      rows = sortOperator(rows, compareRows(select.order), skip + wanted)
    }
    return skip > 0 || wanted < Infinity ? new Limit(rows, skip, wanted) : rows
  }

  #buildFrom(): Operator {
    const { first, joins, constantFilter } = this.#plan
    let rows: Operator = first === undefined ? new SingleRow() : new Scan(this.#open(first))
    for (const join of joins) rows = this.#buildJoin(rows, join)
    const passes = this.#compiler.compileFilter(constantFilter)
    return passes === undefined || passes(NO_ROW) ? rows : new NoRows()
  }

  #buildJoin(left: Operator, join: JoinPlan): Operator {
    const { method, access, leftKeys, rightKeys, filter } = join
    const right = this.#open(access)
    const joined =
      method === 'lookup'
        ? new LookupJoin(left, right)
        : new HashJoin(
            left,
            new Scan(right),
            {
              left: this.#compileAll(leftKeys),
              right: this.#rightCompiler(access).compileAll(rightKeys),
            },
            this.#plan.isOrdered,
          )
    const test = this.#compiler.compileFilter(filter)
    return test === undefined ? joined : new Filter(joined, test)
  }

  /** Compiles for rows of one table after its columns were chosen. */
  #rightCompiler({ columns }: AccessPlan): Compiler {
    return new Compiler(this.#scope, (_, column) => columns!.indexOf(column))
  }

  /** Opens a table whose path may use the tables joined so far, and gives its columns their places behind theirs. */
  #open(access: AccessPlan): TableAccess {
    const { table, columns } = access
    const own = new Compiler(this.#scope, (_, column) => column)
    const source = this.#sourceOf(table)
    const opened = new TableAccess(source, access, this.#compiler, own)
    if (columns === undefined) {
      this.#slots.set(table, 'as stored')
    } else {
      const base = this.#width
      this.#slots.set(table, new Map(columns.map((column, i) => [column, base + i])))
      this.#width += columns.length
    }
    return opened
  }

  #slotOf(table: number, column: number): number {
    const slots = this.#slots.get(table)
    const slot = slots === 'as stored' ? column : slots?.get(column)
    if (slot === undefined) throw engineError('INTERNAL', 'a column has no place in its row')
    return slot
  }

  #buildGroup(input: Operator, group: BoundGroup): Operator {
    const rows = new GroupBy(input, {
      keys: this.#compileAll(group.keys),
      aggregates: group.aggregates.map((aggregate) => this.#aggregateStep(aggregate)),
      bare: this.#compileAll(group.bare),
    })
    const test = group.having && this.#compiler.compileFilter([group.having])
    return test === undefined ? rows : new Filter(rows, test)
  }

  #aggregateStep(aggregate: BoundAggregate): AggregateStep {
    const { text } = this.#scope
    const overflow = (): Error =>
      placedError('SQL_TYPE', `the result of ${aggregate.name} is too large`, text, aggregate.at)
    return {
      ...(aggregate.arg && { arg: this.#compiler.compile(aggregate.arg) }),
      ...(aggregate.separator && { separator: this.#compiler.compile(aggregate.separator) }),
      create: () => accumulatorOf(aggregate, overflow),
    }
  }

  #compileAll(expressions: readonly BoundExpression[]) {
    return this.#compiler.compileAll(expressions)
  }

  #count(expression: BoundExpression | undefined): number | undefined {
    if (expression === undefined) return undefined
    return (this.#compiler.compile(expression)(NO_ROW) as number | null) ?? undefined
  }
}

function compareRows(order: readonly BoundOrderTerm[]): CompareRows {
  const terms = order.map(({ index, type, isDescending, areNullsFirst }) => {
    const compare = comparatorOf(type)
    const sign = isDescending ? -1 : 1
    const nullSign = areNullsFirst ? -1 : 1
    return (a: Row, b: Row): number => {
      const x: Cell = a[index]!
      const y: Cell = b[index]!
      if (x === null) return y === null ? 0 : nullSign
      return y === null ? -nullSign : compare(x, y) * sign
    }
  })
  return (a, b) => {
    for (const term of terms) {
      const difference = term(a, b)
      if (difference !== 0) return difference
    }
    return 0
  }
}
