// A select as written to what it means: tables, conditions that every row passes, groups, results, order.

import type { TableDefinition } from '../catalog/definition.js'
import type { Expression, Select, TableSource } from './ast.js'
import { ExpressionBinder, type ParameterTypes } from './bind-expression.js'
import { type BoundAggregate, type BoundExpression, isSameExpression, rewrite } from './bound.js'
import { cast, typeError } from './coercion.js'
import { resolveTable, Scope, type TableNames } from './scope.js'
import { INT, type SqlType } from './sql-types.js'
import { placedError } from './syntax-error.js'

export interface BoundTable {
  readonly definition: TableDefinition
  /** What the statement calls it. */
  readonly name: string
  readonly asOf?: BoundExpression
}

export interface ResultColumn {
  readonly name: string
  readonly type: SqlType
}

export interface BoundOrderTerm {
  /** Which value of the produced rows: results first, then values that only the order needs. */
  readonly index: number
  readonly type: SqlType
  readonly isDescending: boolean
  readonly areNullsFirst: boolean
}

/**
 * With `group`, rows are gathered into rows of key values, aggregates, and bare columns of the group's first row, in this
 * order, and `having` and `values` read those.
 */
export interface BoundGroup {
  readonly keys: readonly BoundExpression[]
  readonly aggregates: readonly BoundAggregate[]
  readonly bare: readonly BoundExpression[]
  readonly having?: BoundExpression
}

export interface BoundSelect {
  readonly tables: readonly BoundTable[]
  /** Every row passes all of them; none is an AND. */
  readonly conjuncts: readonly BoundExpression[]
  readonly group?: BoundGroup
  readonly columns: readonly ResultColumn[]
  /** The results, then what only the order needs. */
  readonly values: readonly BoundExpression[]
  readonly isDistinct: boolean
  readonly order: readonly BoundOrderTerm[]
  readonly limit?: BoundExpression
  readonly offset?: BoundExpression
}

export interface BindOptions {
  readonly text: string
  /** For each table of the statement those that there are at its moment. */
  readonly names: readonly TableNames[]
  readonly parameterTypes: ParameterTypes
}

export function bindTables(
  sources: readonly TableSource[],
  options: BindOptions,
): { tables: TableDefinition[]; scope: Scope } {
  const { text, names } = options
  const tables = sources.map((source, i) => resolveTable(names[i]!, source, text))
  const scope = new Scope(
    tables.map((definition, i) => ({
      definition,
      name: sources[i]!.alias ?? sources[i]!.name,
      isPast: names[i]!.isPast,
    })),
    text,
  )
  return { tables, scope }
}

/** Takes ANDs apart. */
export function conjunctsOf(conditions: readonly BoundExpression[]): BoundExpression[] {
  return conditions.flatMap((condition) =>
    condition.node === 'call' && condition.name === 'and'
      ? conjunctsOf(condition.args)
      : [condition],
  )
}

export function bindSelect(select: Select, options: BindOptions): BoundSelect {
  return new SelectBinder(select, options).bind()
}

class SelectBinder {
  readonly #select: Select
  readonly #options: BindOptions
  readonly #tables: readonly TableDefinition[]
  readonly #scope: Scope
  readonly #binder: ExpressionBinder
  readonly #values: BoundExpression[] = []
  readonly #names: string[] = []

  constructor(select: Select, options: BindOptions) {
    this.#select = select
    this.#options = options
    const { tables, scope } = bindTables(select.from, options)
    this.#tables = tables
    this.#scope = scope
    this.#binder = new ExpressionBinder({ ...options, scope })
  }

  bind(): BoundSelect {
    const select = this.#select
    this.#bindItems()
    const conditions = select.conditions.map((c) => this.#binder.bindScalar(c, 'in WHERE or ON'))
    const keys = select.groupBy.map((key) => this.#groupKey(key))
    const having = select.having && this.#binder.bind(select.having)
    const resultCount = this.#values.length
    const terms = select.orderBy.map((term) => this.#orderIndex(term.expression))
    const { group, values } = this.#layOutGroups(keys, having)
    if (select.isDistinct && values.length > resultCount) {
      const at = select.orderBy[0]!.expression.at
      throw placedError(
        'SQL_UNSUPPORTED',
        'ORDER BY of a value that SELECT DISTINCT does not return is not supported',
        this.#options.text,
        at,
      )
    }
    return {
      tables: this.#boundTables(),
      conjuncts: conjunctsOf(conditions),
      ...(group !== undefined && { group }),
      columns: resultColumns(this.#names, values.slice(0, resultCount)),
      values,
      isDistinct: select.isDistinct,
      order: select.orderBy.map((term, i) => ({
        index: terms[i]!,
        type: values[terms[i]!]!.type,
        isDescending: term.isDescending,
        areNullsFirst: term.areNullsFirst ?? !term.isDescending,
      })),
      ...this.#bindLimit(),
    }
  }

  #bindItems(): void {
    for (const item of this.#select.items) {
      if (item.type === 'star') {
        this.#bindStar(item.table, item.at)
        continue
      }
      const { expression, alias, text } = item
      const value = this.#binder.bind(expression)
      this.#values.push(value)
      this.#names.push(alias ?? (value.node === 'column' ? this.#columnName(value) : text))
    }
    // Only now: an alias does not shadow columns, nor does one result column see another.
    for (const [i, item] of this.#select.items.entries()) {
      if (item.type !== 'expression' || item.alias === undefined) continue
      const index = this.#indexOfItem(i)
      const key = item.alias.toLowerCase()
      if (!this.#binder.aliases.has(key)) this.#binder.aliases.set(key, this.#values[index]!)
    }
  }

  #columnName({ table, column }: { table: number; column: number }): string {
    return this.#tables[table]!.columns[column]!.name
  }

  #bindStar(qualifier: string | undefined, at: number): void {
    if (this.#tables.length === 0) throw this.#scope.unknownColumn('*', at)
    const only = qualifier === undefined ? undefined : this.#scope.resolveQualifier(qualifier, at)
    for (const [table, definition] of this.#tables.entries()) {
      if (only !== undefined && only !== table) continue
      for (const [column, { name }] of definition.columns.entries()) {
        this.#values.push(this.#scope.column(table, column))
        this.#names.push(name)
      }
    }
  }

  /** Where the values of an item start: stars before it took several. */
  #indexOfItem(item: number): number {
    let index = 0
    for (const before of this.#select.items.slice(0, item)) {
      if (before.type === 'expression') index++
      else index += this.#starWidth(before.table, before.at)
    }
    return index
  }

  #starWidth(qualifier: string | undefined, at: number): number {
    const tables =
      qualifier === undefined
        ? this.#tables
        : [this.#tables[this.#scope.resolveQualifier(qualifier, at)]!]
    return tables.reduce((sum, { columns }) => sum + columns.length, 0)
  }

  #groupKey(expression: Expression): BoundExpression {
    const position = this.#position(expression, 'GROUP BY')
    const key =
      position === undefined
        ? this.#binder.bindScalar(expression, 'in GROUP BY')
        : this.#values[position]!
    if (position !== undefined && holdsAggregate(key)) {
      throw typeError('an aggregate cannot stand in GROUP BY', this.#site(expression.at))
    }
    return key
  }

  /** A whole number in ORDER BY and GROUP BY is the position of a result column, from 1. */
  #position(expression: Expression, clause: string): number | undefined {
    const isNumber =
      expression.type === 'literal' && expression.kind === 'number' && /^\d+$/.test(expression.text)
    if (!isNumber) return undefined
    const position = Number(expression.text)
    if (position >= 1 && position <= this.#values.length) return position - 1
    const message = `${clause} position ${expression.text}: there are ${this.#values.length} result columns`
    throw placedError('SQL_UNKNOWN_NAME', message, this.#options.text, expression.at)
  }

  /** The index of an order value; one that is no result yet is added behind the results. */
  #orderIndex(expression: Expression): number {
    const position = this.#position(expression, 'ORDER BY')
    if (position !== undefined) return position
    const isBare = expression.type === 'column' && expression.table === undefined
    const alias = isBare ? this.#binder.aliases.get(expression.name.toLowerCase()) : undefined
    const value = alias ?? this.#binder.bind(expression)
    const known = this.#values.findIndex((result) => isSameOrderValue(result, value, this.#binder))
    return known >= 0 ? known : this.#values.push(value) - 1
  }

  #layOutGroups(
    keys: readonly BoundExpression[],
    having: BoundExpression | undefined,
  ): { group?: BoundGroup; values: readonly BoundExpression[] } {
    const { aggregates } = this.#binder
    if (keys.length === 0 && aggregates.length === 0 && having === undefined) {
      return { values: this.#values }
    }
    const bare: BoundExpression[] = []
    const place = (part: BoundExpression): BoundExpression | undefined => {
      const { type } = part
      const key = keys.findIndex((candidate) => isSameExpression(candidate, part))
      if (key >= 0) return { node: 'slot', slot: key, type }
      if (part.node === 'aggregate') return { node: 'slot', slot: keys.length + part.index, type }
      if (part.node !== 'column') return undefined
      let index = bare.findIndex((candidate) => isSameExpression(candidate, part))
      if (index < 0) index = bare.push(part) - 1
      return { node: 'slot', slot: keys.length + aggregates.length + index, type }
    }
    const values = this.#values.map((value) => rewrite(value, place))
    const placedHaving = having && rewrite(having, place)
    const group: BoundGroup = {
      keys,
      aggregates,
      bare,
      ...(placedHaving !== undefined && { having: placedHaving }),
    }
    return { group, values }
  }

  #boundTables(): BoundTable[] {
    const { from, asOf } = this.#select
    return from.map((source, i) => {
      const own = source.asOf ?? asOf
      return {
        definition: this.#tables[i]!,
        name: this.#scope.tables[i]!.name,
        ...(own !== undefined && { asOf: bindFixed(own, 'in AS OF', this.#options) }),
      }
    })
  }

  #bindLimit(): { limit?: BoundExpression; offset?: BoundExpression } {
    const { limit, offset } = this.#select
    const bind = (expression: Expression, where: string): BoundExpression =>
      cast(bindFixed(expression, where, this.#options), INT, this.#site(expression.at))
    return {
      ...(limit !== undefined && { limit: bind(limit, 'in LIMIT') }),
      ...(offset !== undefined && { offset: bind(offset, 'in OFFSET') }),
    }
  }

  #site(at: number): { text: string; at: number } {
    return { text: this.#options.text, at }
  }
}

/** Binds a value that is known before the first row. */
export function bindFixed(
  expression: Expression,
  where: string,
  { text, parameterTypes }: Pick<BindOptions, 'text' | 'parameterTypes'>,
): BoundExpression {
  const scope = new Scope([], text)
  return new ExpressionBinder({ text, parameterTypes, scope }).bindScalar(expression, where)
}

function holdsAggregate(expression: BoundExpression): boolean {
  if (expression.node === 'aggregate') return true
  return expression.node === 'call' && expression.args.some(holdsAggregate)
}

/** Two uses of `sum(a)` are two aggregates with one meaning. */
function isSameOrderValue(
  result: BoundExpression,
  value: BoundExpression,
  binder: ExpressionBinder,
): boolean {
  if (result.node !== 'aggregate' || value.node !== 'aggregate') {
    return isSameExpression(result, value)
  }
  const a = binder.aggregates[result.index]!
  const b = binder.aggregates[value.index]!
  if (a.name !== b.name || a.isDistinct !== b.isDistinct || a.separator || b.separator) return false
  if (a.arg === undefined || b.arg === undefined) return a.arg === b.arg
  return isSameExpression(a.arg, b.arg)
}

/** Names of result columns; a name that is taken gets a number, as in SQLite: a, a:1, a:2. */
function resultColumns(
  names: readonly string[],
  values: readonly BoundExpression[],
): ResultColumn[] {
  const taken = new Set<string>()
  const uses = new Map<string, number>()
  return names.map((name, i) => {
    let unique = name
    let count = uses.get(name) ?? 0
    while (taken.has(unique)) unique = `${name}:${++count}`
    uses.set(name, count)
    taken.add(unique)
    return { name: unique, type: values[i]!.type }
  })
}
