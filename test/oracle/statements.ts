// Random statements over random tables.

import type { Seeded } from '../model/seeded.js'
import { type Bound, list, pair, type Sql, sql, type Statement } from './dialects.js'
import { ExpressionSource, type Leaf } from './expressions.js'
import { type ColumnModel, type Kind, literal, randomRows, type TableModel } from './schema.js'

/** How the values of a result column compare. */
export type ResultKind = Kind | 'averageDecimal' | 'concatenation'

export interface Query extends Statement {
  readonly kinds: readonly ResultKind[]
  /** The rows come in one order only. */
  readonly isOrdered: boolean
}

const DEPTH = 3

function leavesOf(table: TableModel, alias: string): Leaf[] {
  return table.columns.map(({ name, kind }) => {
    const text = alias === '' ? name : `${alias}.${name}`
    return { sql: pair(text, text), kind, isColumn: true }
  })
}

export interface Source {
  readonly from: Sql
  readonly leaves: readonly Leaf[]
  readonly conditions: readonly Sql[]
  /** Together they tell all rows apart. */
  readonly keys: readonly Sql[]
  readonly params: Bound[]
}

/** One table or a join, with conditions. */
export function randomSource(random: Seeded, tables: readonly TableModel[]): Source {
  const params: Bound[] = []
  const count = random.pick([1, 1, 1, 2, 2, 3])
  const chosen = Array.from({ length: count }, () => random.pick(tables))
  const hasAliases = count > 1 || random.chance(0.3)
  const aliases = chosen.map((_table, i) => (hasAliases ? 'xyz'[i]! : ''))
  const leaves = chosen.map((table, i) => leavesOf(table, aliases[i]!))
  const source = new ExpressionSource(random, leaves.flat(), params)
  const conditions = random.chance(0.75) ? [source.truth(DEPTH)] : []
  if (random.chance(0.3)) conditions.push(source.truth(1))
  const parts = chosen.map((table, i) => {
    const name = hasAliases ? `${table.name} ${random.pick(['', 'as '])}${aliases[i]}` : table.name
    if (i === 0) return pair(name, name)
    const on = joinCondition(random, leaves.slice(0, i).flat(), leaves[i]!)
    if (random.chance(0.15)) {
      conditions.push(on)
      return sql`${random.pick([',', ' cross join'])} ${name}`
    }
    const both = random.chance(0.3) ? sql`${on} and ${source.truth(1)}` : on
    return sql` ${random.pick(['join', 'inner join'])} ${name} on ${reachable(both, aliases.slice(i + 1), on)}`
  })
  const keys = chosen.flatMap((table, i) =>
    table.primaryKey.map((key) => {
      const text = hasAliases ? `${aliases[i]}.${key}` : key
      return pair(text, text)
    }),
  )
  return { from: list(parts, ''), leaves: leaves.flat(), conditions, keys, params }
}

/** ON cannot name tables that come later. */
function reachable(condition: Sql, later: readonly string[], otherwise: Sql): Sql {
  const namesLater = later.some((alias) => new RegExp(`\\b${alias}\\.`).test(condition.ours))
  return namesLater ? otherwise : condition
}

function joinCondition(random: Seeded, left: readonly Leaf[], right: readonly Leaf[]): Sql {
  const isPair = (a: Kind, b: Kind): boolean =>
    a === b || (a === 'int' && b === 'float') || (a === 'float' && b === 'int')
  const pairs = left.flatMap((a) => right.filter((b) => isPair(a.kind, b.kind)).map((b) => [a, b]))
  const equality = (): Sql => {
    const [a, b] = random.pick(pairs) as [Leaf, Leaf]
    return random.chance(0.5) ? sql`${a.sql} = ${b.sql}` : sql`${b.sql} = ${a.sql}`
  }
  if (random.chance(0.1)) {
    const [a, b] = random.pick(pairs.filter(([x]) => x!.kind === 'int')) as [Leaf, Leaf]
    return sql`${a.sql} + 1 = ${b.sql}`
  }
  return random.chance(0.2) ? sql`${equality()} and ${equality()}` : equality()
}

export function where(conditions: readonly Sql[]): Sql {
  if (conditions.length === 0) return pair('', '')
  return sql` where ${list(
    conditions.map((condition) => sql`(${condition})`),
    ' and ',
  )}`
}

interface Item {
  readonly sql: Sql
  readonly kind: ResultKind
}

export function randomQuery(random: Seeded, tables: readonly TableModel[]): Query {
  const source = randomSource(random, tables)
  return random.chance(0.35) ? groupedQuery(random, source) : plainQuery(random, source)
}

function randomItem(random: Seeded, source: ExpressionSource, leaves: readonly Leaf[]): Item {
  if (random.chance(0.3)) return random.pick(leaves)
  if (random.chance(0.2)) return { sql: source.truth(2), kind: 'int' }
  const kind = source.operandKind()
  return { sql: source.of(kind, 1 + random.below(DEPTH)), kind }
}

function plainQuery(random: Seeded, source: Source): Query {
  const { leaves, params } = source
  const expressions = new ExpressionSource(random, leaves, params)
  const itemCount = 1 + random.below(4)
  const isStar = random.chance(0.08)
  const items = isStar
    ? leaves
    : Array.from({ length: itemCount }, () => randomItem(random, expressions, leaves))
  const columns = isStar ? '*' : named(random, items)
  const isDistinct = random.chance(0.2)
  // Bound values make two spellings of one expression two: SELECT DISTINCT is ordered by position only.
  const terms = isDistinct
    ? items.map((_item, i) => String(i + 1))
    : [...orderTerms(random, expressions, items), ...source.keys]
  return finish(random, {
    head: sql`select ${isDistinct ? 'distinct ' : ''}${columns} from ${source.from}${where(source.conditions)}`,
    terms: terms.map((term) => (typeof term === 'string' ? pair(term, term) : term)),
    items,
    params,
  })
}

/** Terms that may tie; the caller adds what makes the order total. */
function orderTerms(random: Seeded, source: ExpressionSource, items: readonly Item[]): Sql[] {
  return Array.from({ length: random.below(3) }, () => {
    if (random.chance(0.3)) {
      const position = String(1 + random.below(items.length))
      return pair(position, position)
    }
    return keyExpression(random, source).sql
  })
}

/** An expression that is no constant: a number alone would be a position. */
function keyExpression(random: Seeded, source: ExpressionSource): Leaf {
  const kind = source.operandKind()
  const column = source.column(kind) ?? source.column('int') ?? source.column('text')
  if (column === undefined) return { sql: sql`abs(${source.int(1)})`, kind: 'int', isColumn: false }
  if (random.chance(0.6)) return column
  const other = source.of(column.kind as 'int', 1)
  const computed =
    column.kind === 'text'
      ? sql`(${column.sql} || ${other})`
      : random.chance(0.5)
        ? sql`(${column.sql} - ${other})`
        : sql`case when ${source.truth(1)} then ${column.sql} else ${other} end`
  return { sql: computed, kind: column.kind, isColumn: false }
}

function named(random: Seeded, items: readonly Item[]): Sql {
  return list(
    items.map((item, i) => (random.chance(0.3) ? sql`${item.sql} as c${String(i)}` : item.sql)),
  )
}

function groupedQuery(random: Seeded, source: Source): Query {
  const { leaves, params } = source
  const rows = new ExpressionSource(random, leaves, params)
  // Two places of one bound value are two expressions: what is selected would not be the key.
  const keySource = new ExpressionSource(random, leaves)
  const keys = Array.from({ length: random.pick([0, 1, 1, 1, 2, 2]) }, () =>
    keyExpression(random, keySource),
  )
  const aggregates = Array.from({ length: 1 + random.below(4) }, () => aggregate(random, rows))
  const groupLeaves = [
    // Inside larger expressions a key is what it is computed from; only its value counts.
    ...keys.map((key) => ({ ...key, isColumn: false })),
    ...aggregates.filter(
      (item): item is Leaf => item.kind !== 'averageDecimal' && item.kind !== 'concatenation',
    ),
  ].map((leaf) => ({ sql: leaf.sql, kind: leaf.kind, isColumn: false }))
  const groups = new ExpressionSource(random, groupLeaves, params)
  const items: Item[] = [...keys, ...aggregates]
  const kind = groups.operandKind()
  if (random.chance(0.4)) items.push({ sql: groups.of(kind, 1 + random.below(2)), kind })
  if (random.chance(0.2)) items.push({ sql: groups.truth(2), kind: 'int' })
  const groupBy = keys.map((key, i) =>
    random.chance(0.2) ? pair(String(i + 1), String(i + 1)) : key.sql,
  )
  const having = random.chance(0.4) ? sql` having ${groups.truth(2)}` : ''
  const clause = keys.length > 0 ? sql` group by ${list(groupBy)}` : ''
  const isDistinct = random.chance(0.1)
  const positions = keys.map((_key, i) => pair(String(i + 1), String(i + 1)))
  return finish(random, {
    head: sql`select ${isDistinct ? 'distinct ' : ''}${list(items.map((item) => item.sql))} from ${source.from}${where(source.conditions)}${clause}${having}`,
    terms:
      random.chance(0.3) && !isDistinct
        ? [aggregateTerm(random, aggregates), ...positions]
        : positions,
    items,
    params,
  })
}

/** Concatenations depend on the order of rows. */
function aggregateTerm(random: Seeded, aggregates: readonly Item[]): Sql {
  const found = random.pick(aggregates)
  return found.kind === 'concatenation' ? pair('count(*)', 'count(*)') : found.sql
}

function aggregate(random: Seeded, source: ExpressionSource): Leaf | Item {
  const leaf = (text: Sql, kind: Kind): Leaf => ({ sql: text, kind, isColumn: false })
  const distinct = random.chance(0.25) ? 'distinct ' : ''
  const depth = random.below(2)
  const makers: (() => Leaf | Item)[] = [
    () => leaf(pair('count(*)', 'count(*)'), 'int'),
    () => leaf(sql`count(${distinct}${source.of(source.operandKind(), depth)})`, 'int'),
    () => leaf(sql`sum(${distinct}${source.int(depth)})`, 'int'),
    () =>
      leaf(
        sql`${random.pick(['sum', 'total', 'avg'])}(${distinct}${source.exactFloat(depth)})`,
        'float',
      ),
    () => leaf(sql`${random.pick(['total', 'avg'])}(${distinct}${source.int(depth)})`, 'float'),
    () => leaf(sql`sum(${distinct}${source.decimal(depth)})`, 'decimal'),
    () => {
      const kind = source.operandKind()
      return leaf(sql`${random.pick(['min', 'max'])}(${source.of(kind, depth)})`, kind)
    },
    () => {
      const { ours, theirs } = source.decimal(depth)
      const text = pair(`avg(${distinct}${ours})`, `avg(${distinct}${theirs}) / 100.0`)
      return { sql: text, kind: 'averageDecimal' as const }
    },
    () => {
      const separator = distinct === '' && random.chance(0.4) ? ", '-'" : ''
      return {
        sql: sql`group_concat(${distinct}${source.text(depth)}${separator})`,
        kind: 'concatenation' as const,
      }
    },
  ]
  return random.pick(makers)()
}

interface Unfinished {
  readonly head: Sql
  /** They make the order total. */
  readonly terms: readonly Sql[]
  readonly items: readonly Item[]
  readonly params: Bound[]
}

function finish(random: Seeded, { head, terms, items, params }: Unfinished): Query {
  const kinds = items.map((item) => item.kind)
  if (terms.length === 0 || random.chance(0.3))
    return { text: head, params, kinds, isOrdered: false }
  const directions = [
    '',
    '',
    ' asc',
    ' desc',
    ' desc',
    ' nulls first',
    ' nulls last',
    ' desc nulls first',
    ' desc nulls last',
  ]
  const order = list(terms.map((term) => sql`${term}${random.pick(directions)}`))
  const limit = random.chance(0.4) ? randomLimit(random) : ''
  return { text: sql`${head} order by ${order}${limit}`, params, kinds, isOrdered: true }
}

function randomLimit(random: Seeded): string {
  const count = random.below(8) - 1
  const skip = random.below(5) - 1
  return random.pick([
    ` limit ${count}`,
    ` limit ${count} offset ${skip}`,
    ` limit ${skip}, ${count}`,
  ])
}

/** INSERT, UPDATE or DELETE. */
export function randomWrite(
  random: Seeded,
  tables: readonly TableModel[],
): Statement & { table: TableModel } {
  const table = random.pick(tables)
  const params: Bound[] = []
  const source = new ExpressionSource(random, leavesOf(table, ''), params)
  const condition = (): Sql => where(random.chance(0.9) ? [source.truth(2)] : [])
  const choice = random.float()
  if (choice < 0.45) return { table, params, text: randomInsert(random, table) }
  if (choice < 0.85) {
    const columns = table.columns.filter(({ name }) => !table.primaryKey.includes(name))
    const sets = Array.from({ length: 1 + random.below(2) }, () =>
      assignment(random, source, random.pick(columns)),
    )
    return { table, params, text: sql`update ${table.name} set ${list(sets)}${condition()}` }
  }
  const narrow = sql`${table.primaryKey[0]!} > ${source.of(kindOf(table.columns[0]!), 0)}`
  return { table, params, text: sql`delete from ${table.name}${where([source.truth(2), narrow])}` }
}

function kindOf(column: ColumnModel): Exclude<Kind, 'boolean'> {
  return column.kind === 'boolean' ? 'int' : column.kind
}

function assignment(random: Seeded, source: ExpressionSource, column: ColumnModel): Sql {
  if (column.kind === 'boolean') return sql`${column.name} = ${source.truth(1)}`
  const depth = random.below(3)
  const value = column.kind === 'float' ? source.exactFloat(depth) : source.of(column.kind, depth)
  return sql`${column.name} = ${value}`
}

function randomInsert(random: Seeded, table: TableModel): Sql {
  const columns = table.columns.filter(
    ({ name, isNullable }) => table.primaryKey.includes(name) || !isNullable || random.chance(0.8),
  )
  const rows = randomRows(random, table, 1 + random.below(3)).map((row) =>
    columns.map((column) => literal(row[table.columns.indexOf(column)]!, column.kind)),
  )
  const values = rows.map((row) => sql`(${list(row)})`)
  return sql`insert into ${table.name} (${columns.map(({ name }) => name).join(', ')}) values ${list(values)}`
}
