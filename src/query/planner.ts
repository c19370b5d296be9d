// From a bound select to a plan: conditions go to the first place where they can be tested, tables are joined greedily, the
// cheapest next one first.

import { choosePath, type OrderRequest, type PathChoice } from './access-choice.js'
import type { BoundSelect } from './bind-select.js'
import { type BoundExpression, tablesOf, visitColumns } from './bound.js'
import { type KeyCondition, keyConditionsOf } from './key-conditions.js'
import type { AccessPlan, JoinPlan, SelectPlan } from './plan.js'
import { isTextual, type SqlType } from './sql-types.js'

/** What one row of a hash join costs: it is read, kept and found again. */
const HASH_ROW_COST = 2
const HASH_MATCH_FACTOR = 0.001
/** What it costs to go to a place of a table, whatever is read there. */
const LOOKUP_COST = 5

export function planSelect(select: BoundSelect): SelectPlan {
  const constantFilter = select.conjuncts.filter((c) => tablesOf(c).size === 0)
  if (select.tables.length === 0) return { select, constantFilter, joins: [], isOrdered: false }
  return new JoinPlanner(select).plan(constantFilter)
}

interface Conjunct {
  readonly expression: BoundExpression
  readonly tables: ReadonlySet<number>
}

interface Equality {
  readonly conjunct: BoundExpression
  readonly left: BoundExpression
  readonly right: BoundExpression
}

interface Candidate {
  readonly table: number
  readonly method: JoinPlan['method']
  readonly choice: PathChoice
  readonly equalities: readonly Equality[]
  readonly rows: number
  readonly cost: number
}

class JoinPlanner {
  readonly #select: BoundSelect
  readonly #conjuncts: readonly Conjunct[]
  readonly #conditions: readonly (readonly KeyCondition[])[]
  readonly #joined = new Set<number>()
  readonly #answered = new Set<BoundExpression>()
  readonly #tested = new Set<BoundExpression>()

  constructor(select: BoundSelect) {
    this.#select = select
    this.#conjuncts = select.conjuncts
      .map((expression) => ({ expression, tables: tablesOf(expression) }))
      .filter(({ tables }) => tables.size > 0)
    this.#conditions = select.tables.map((_, table) => keyConditionsOf(table, select.conjuncts))
  }

  plan(constantFilter: readonly BoundExpression[]): SelectPlan {
    const start = this.#chooseFirst()
    const first = this.#take(start.table, start.choice)
    let rows = start.choice.rows
    const joins: JoinPlan[] = []
    while (this.#joined.size < this.#select.tables.length) {
      const next = this.#chooseNext(rows)
      joins.push(this.#join(next))
      rows = next.rows
    }
    const order = this.#orderOn(start.table)
    const isOrdered = order.length > 0 && start.choice.isOrdered
    return { select: this.#select, constantFilter, first, joins, isOrdered }
  }

  #chooseFirst(): { table: number; choice: PathChoice } {
    let best: { table: number; choice: PathChoice } | undefined
    for (const table of this.#select.tables.keys()) {
      const choice = this.#pathOf(table, false, this.#orderOn(table))
      if (best === undefined || choice.cost < best.choice.cost) best = { table, choice }
    }
    return best!
  }

  #chooseNext(leftRows: number): Candidate {
    let best: Candidate | undefined
    for (const table of this.#select.tables.keys()) {
      if (this.#joined.has(table)) continue
      for (const candidate of this.#candidates(table, leftRows)) {
        const isBetter =
          best === undefined || candidate.cost + candidate.rows < best.cost + best.rows
        if (isBetter) best = candidate
      }
    }
    return best!
  }

  #candidates(table: number, leftRows: number): Candidate[] {
    const alone = this.#pathOf(table, false, [])
    const equalities = this.#equalities(table)
    const inner = this.#pathOf(table, true, [])
    const isLookup = inner.used.some((condition) => condition.needs.size > 0)
    const base = { table, choice: alone, equalities }
    if (equalities.length === 0 && !isLookup) {
      const rows = leftRows * alone.rows
      return [{ ...base, method: 'loop', rows, cost: alone.cost + rows }]
    }
    // However they are found, as many rows match.
    const matched = Math.max(1, alone.rows * HASH_MATCH_FACTOR)
    const rows = leftRows * (isLookup ? Math.min(inner.rows, matched) : matched)
    const candidates: Candidate[] = []
    if (equalities.length > 0) {
      const cost = alone.cost + (alone.rows + leftRows) * HASH_ROW_COST
      candidates.push({ ...base, method: 'hash', rows, cost })
    }
    if (isLookup) {
      const cost = leftRows * (inner.cost + LOOKUP_COST)
      candidates.push({ table, method: 'lookup', choice: inner, equalities: [], rows, cost })
    }
    return candidates
  }

  /** The best path; with `hasOuter` it may use values of the tables joined so far. */
  #pathOf(table: number, hasOuter: boolean, order: readonly OrderRequest[]): PathChoice {
    const conditions = this.#conditions[table]!.filter(({ needs }) =>
      hasOuter ? [...needs].every((other) => this.#joined.has(other)) : needs.size === 0,
    )
    const { definition } = this.#select.tables[table]!
    const { limit } = this.#select
    return choosePath({
      definition,
      conditions,
      order,
      hasLimit: limit !== undefined && order.length > 0,
    })
  }

  /** The ORDER BY, when columns of this table alone make it up and nothing regroups the rows. */
  #orderOn(table: number): OrderRequest[] {
    const { order, values, group } = this.#select
    const requests: OrderRequest[] = []
    for (const { index, isDescending, areNullsFirst } of order) {
      const value = values[index]!
      if (group !== undefined || value.node !== 'column' || value.table !== table) return []
      requests.push({ column: value.column, isDescending, areNullsFirst })
    }
    return requests
  }

  /** Equalities between this table and those joined so far, in kinds that a hash table tells apart as SQL does. */
  #equalities(table: number): Equality[] {
    const isLeft = (tables: ReadonlySet<number>): boolean =>
      tables.size > 0 && [...tables].every((other) => this.#joined.has(other))
    const isRight = (tables: ReadonlySet<number>): boolean => tables.size === 1 && tables.has(table)
    return this.#conjuncts.flatMap(({ expression, tables }) => {
      if (!tables.has(table) || expression.node !== 'call' || expression.name !== '=') return []
      const [a, b] = expression.args as [BoundExpression, BoundExpression]
      if (!isHashable(a.type, b.type)) return []
      const [left, right] = isRight(tablesOf(b)) ? [a, b] : [b, a]
      if (!isLeft(tablesOf(left)) || !isRight(tablesOf(right))) return []
      return [{ conjunct: expression, left, right }]
    })
  }

  #take(table: number, choice: PathChoice): AccessPlan {
    this.#joined.add(table)
    for (const conjunct of choice.answered) this.#answered.add(conjunct)
    const filter = this.#testable((tables) => tables.size === 1 && tables.has(table))
    const isAlone = this.#select.tables.length === 1
    return {
      table,
      path: choice.path,
      filter,
      ...(!isAlone && { columns: this.#neededColumns(table) }),
      estimatedRows: Math.ceil(choice.rows),
    }
  }

  #join({ table, method, choice, equalities }: Candidate): JoinPlan {
    const access = this.#take(table, choice)
    for (const { conjunct } of equalities) this.#answered.add(conjunct)
    return {
      method,
      access,
      leftKeys: equalities.map(({ left }) => left),
      rightKeys: equalities.map(({ right }) => right),
      filter: this.#testable((tables) => [...tables].every((other) => this.#joined.has(other))),
    }
  }

  /** Conditions that are neither answered nor tested yet and that these tables suffice for; they count as tested now. */
  #testable(suffices: (tables: ReadonlySet<number>) => boolean): BoundExpression[] {
    const filter: BoundExpression[] = []
    for (const { expression, tables } of this.#conjuncts) {
      const isOpen = !this.#answered.has(expression) && !this.#tested.has(expression)
      if (!isOpen || !suffices(tables)) continue
      this.#tested.add(expression)
      filter.push(expression)
    }
    return filter
  }

  /** What is read of a table after its own filter. */
  #neededColumns(table: number): number[] {
    const { values, group, conjuncts } = this.#select
    const needed = new Set<number>()
    const need = (expression: BoundExpression): void =>
      visitColumns(expression, (column) => {
        if (column.table === table) needed.add(column.column)
      })
    values.forEach(need)
    conjuncts.filter((conjunct) => tablesOf(conjunct).size > 1).forEach(need)
    group?.keys.forEach(need)
    group?.bare.forEach(need)
    for (const { arg, separator } of group?.aggregates ?? []) {
      if (arg !== undefined) need(arg)
      if (separator !== undefined) need(separator)
    }
    return [...needed].toSorted((a, b) => a - b)
  }
}

function isHashable(a: SqlType, b: SqlType): boolean {
  const isNumber = (type: SqlType): boolean => type.kind === 'int' || type.kind === 'float'
  if (isNumber(a) && isNumber(b)) return true
  if (isTextual(a) && isTextual(b)) return true
  return a.kind === b.kind && a.scale === b.scale
}
