// Random expressions of a known type. What both dialects would answer differently, by a documented difference, is not
// generated: see docs/sql.md, "Where SQLite answers otherwise".

import type { Seeded } from '../model/seeded.js'
import { type Bound, list, mark, pair, type Sql, sql } from './dialects.js'
import { centsText, type Kind, literal, randomValue } from './schema.js'

/** Something that stands for a value of each row, or of each group. */
export interface Leaf {
  readonly sql: Sql
  readonly kind: Kind
  /** Columns have an affinity: compared with the other type, text and numbers convert. */
  readonly isColumn: boolean
}

type Operand = Exclude<Kind, 'boolean'>

const COMPARISONS = ['=', '==', '<>', '!=', '<', '<=', '>', '>=']
const SAME_OR_NOT = ['is', 'is not', 'is distinct from', 'is not distinct from']
const TESTS = 'is null,is not null,isnull,notnull,is true,is not true,is false,is not false'.split(
  ',',
)
const PATTERNS = ['%', '_', 'a%', '%b', '%a%', 'A_', '_%_', '1%', '', 'AB', '%\u{1f600}%', "it's"]
const OPERANDS: readonly Operand[] = ['int', 'float', 'text', 'decimal']

/** Beside a number written out, a bare NULL would not make it a decimal. */
const NULLS: Readonly<Record<Operand, Sql>> = {
  int: pair('null', 'null'),
  float: pair('null', 'null'),
  text: pair('null', 'null'),
  decimal: pair('cast(null as decimal(18, 2))', 'null'),
}

export class ExpressionSource {
  readonly #random: Seeded
  readonly #leaves: readonly Leaf[]
  readonly #params: Bound[] | undefined

  /** Without `params` all values are written out. */
  constructor(random: Seeded, leaves: readonly Leaf[], params?: Bound[]) {
    this.#random = random
    this.#leaves = leaves
    this.#params = params
  }

  operandKind(): Operand {
    return this.#random.pick(OPERANDS)
  }

  of(kind: Operand, depth: number): Sql {
    switch (kind) {
      case 'int':
        return this.int(depth)
      case 'float':
        return this.float(depth)
      case 'text':
        return this.text(depth)
      default:
        return this.decimal(depth)
    }
  }

  column(kind: Kind): Leaf | undefined {
    const columns = this.#leaves.filter((leaf) => leaf.kind === kind && leaf.isColumn)
    return columns.length === 0 ? undefined : this.#random.pick(columns)
  }

  /** A constant: written out or bound. */
  constant(kind: Operand): Sql {
    if (this.#random.chance(0.06)) return NULLS[kind]
    const value = randomValue(this.#random, kind)
    // A bound number without fraction is an int, and a bound text is no decimal, unless it stands beside one.
    const isBindable =
      kind === 'int' || kind === 'text' || (kind === 'float' && !Number.isInteger(value))
    if (!isBindable || this.#params === undefined || this.#random.chance(0.7)) {
      return literal(value, kind)
    }
    return this.#bind(value, kind === 'int' ? BigInt(value) : value)
  }

  int(depth: number): Sql {
    if (depth <= 0 || this.#random.chance(0.2)) return this.#leaf('int')
    const inner = depth - 1
    const int = () => this.int(inner)
    return this.#one(
      () => sql`(${int()} ${this.#random.pick(['+', '-', '*', '/', '%'])} ${int()})`,
      () => sql`(${int()} ${this.#random.pick(['+', '-', '*', '/', '%'])} ${int()})`,
      () => sql`(- ${int()})`,
      () => sql`(+ ${int()})`,
      () => sql`${this.#random.pick(['abs', 'sign', 'ceil', 'floor'])}(${int()})`,
      () => sql`sign(${this.#random.chance(0.5) ? this.float(inner) : this.decimal(inner)})`,
      () => sql`length(${this.text(inner)})`,
      () => sql`instr(${this.text(inner)}, ${this.text(0)})`,
      () => sql`cast(${this.#random.chance(0.5) ? this.text(inner) : this.float(inner)} as int)`,
      () => this.#centsOf(this.decimal(inner), 'int'),
      () => this.truth(inner),
      () => this.#choice('int', inner),
      () => this.#choice('int', inner),
    )
  }

  float(depth: number): Sql {
    if (depth <= 0 || this.#random.chance(0.2)) return this.#leaf('float')
    const inner = depth - 1
    const float = () => this.float(inner)
    return this.#one(
      () => sql`(${float()} ${this.#random.pick(['+', '-', '*', '/'])} ${float()})`,
      () => sql`(${float()} ${this.#random.pick(['+', '-', '*', '/'])} ${this.int(inner)})`,
      () => sql`(${this.int(inner)} ${this.#random.pick(['+', '-', '*', '/'])} ${float()})`,
      () => sql`(${this.#leaf('float')} % ${this.#leaf('float')})`,
      () => sql`(- ${float()})`,
      () => sql`${this.#random.pick(['abs', 'ceil', 'floor', 'round'])}(${float()})`,
      () => sql`round(${float()}, ${String(this.#random.below(3))})`,
      () => sql`round(${this.int(inner)})`,
      () => sql`cast(${this.#random.chance(0.5) ? this.int(inner) : this.text(inner)} as float)`,
      () => this.#centsOf(this.decimal(inner), 'float'),
      () => this.#choice('float', inner),
      () => this.#choice('float', inner),
    )
  }

  /** A float whose value has few digits, so that sums do not depend on the order of rows. */
  exactFloat(depth: number): Sql {
    if (depth <= 0 || this.#random.chance(0.4)) return this.#leaf('float')
    const operator = this.#random.pick(['+', '-', '*'])
    return sql`(${this.exactFloat(depth - 1)} ${operator} ${this.#leaf('float')})`
  }

  text(depth: number): Sql {
    if (depth <= 0 || this.#random.chance(0.2)) return this.#leaf('text')
    const inner = depth - 1
    const text = () => this.text(inner)
    return this.#one(
      () => sql`(${text()} || ${text()})`,
      () => sql`(${text()} || ${this.int(inner)})`,
      () => sql`${this.#random.pick(['lower', 'upper', 'trim', 'ltrim', 'rtrim'])}(${text()})`,
      () => sql`${this.#random.pick(['trim', 'ltrim', 'rtrim'])}(${text()}, ${text()})`,
      () => sql`substr(${text()}, ${this.#position()})`,
      () =>
        sql`${this.#random.pick(['substr', 'substring'])}(${text()}, ${this.#position()}, ${this.#position()})`,
      () => sql`replace(${text()}, ${this.#leaf('text')}, coalesce(${this.#leaf('text')}, 'q'))`,
      () => sql`typeof(${this.#random.chance(0.5) ? this.float(inner) : text()})`,
      // Adding makes an int of a boolean.
      () => sql`typeof(${this.int(inner)} + 0)`,
      () => sql`cast(${this.int(inner)} as text)`,
      () => sql`cast(${this.column('float')?.sql ?? this.constant('float')} as text)`,
      () => this.#choice('text', inner),
      () => this.#choice('text', inner),
    )
  }

  /** Ours in decimals, theirs in cents. */
  decimal(depth: number): Sql {
    if (depth <= 0 || this.#random.chance(0.25)) return this.#leaf('decimal')
    const inner = depth - 1
    const decimal = () => this.decimal(inner)
    return this.#one(
      () => sql`(${decimal()} ${this.#random.pick(['+', '-', '%'])} ${decimal()})`,
      () =>
        sql`(${decimal()} ${this.#random.pick(['+', '-'])} ${this.#hundredfold(this.int(inner))})`,
      () => sql`(${decimal()} ${this.#random.pick(['+', '-'])} ${this.#digits()})`,
      () => sql`(${decimal()} * ${literal(this.#random.below(7) - 3, 'int')})`,
      () => sql`(- ${decimal()})`,
      () => sql`abs(${decimal()})`,
      () => this.#rounded(decimal()),
      () => {
        const int = this.int(inner)
        return pair(`cast(${int.ours} as decimal(18, 2))`, `((${int.theirs}) * 100)`)
      },
      () => this.#choice('decimal', inner),
      () => this.#choice('decimal', inner),
    )
  }

  /** 1, 0 or null. */
  truth(depth: number): Sql {
    const flag = this.column('boolean')
    if (flag !== undefined && this.#random.chance(0.08)) return flag.sql
    if (depth <= 0) return this.#comparison(0)
    const inner = depth - 1
    const truth = () => this.truth(inner)
    return this.#one(
      () => this.#comparison(inner),
      () => this.#comparison(inner),
      () => this.#comparison(inner),
      () => this.#keyed(),
      () => this.#keyed(),
      () => sql`(${truth()} and ${truth()})`,
      () => sql`(${truth()} or ${truth()})`,
      () => sql`(not ${truth()})`,
      () => this.#membership(inner),
      () => this.#between(inner),
      () => this.#like(inner),
      () => this.#test(inner),
      () => this.#mixed(inner),
      // Anything is true or not.
      () =>
        sql`(${this.of(this.operandKind(), inner)} ${this.#random.pick(['and', 'or'])} ${truth()})`,
    )
  }

  /** What a key order can answer: a column against a constant. */
  #keyed(): Sql {
    const kind = this.operandKind()
    const column = this.column(kind)
    if (column === undefined) return this.#comparison(0)
    return this.#one(
      () => sql`(${column.sql} ${this.#random.pick(COMPARISONS)} ${this.#beside(kind)})`,
      () => sql`(${this.#beside(kind)} ${this.#random.pick(COMPARISONS)} ${column.sql})`,
      () => sql`(${column.sql} in (${list([this.#beside(kind), this.#beside(kind)])}))`,
      () => sql`(${column.sql} between ${this.#beside(kind)} and ${this.#beside(kind)})`,
      () => sql`(${column.sql} is ${this.#random.pick(['null', 'not null'])})`,
    )
  }

  /** A constant that is compared: decimals may be written or bound as what they look like. */
  #beside(kind: Operand): Sql {
    if (kind !== 'decimal') return this.constant(kind)
    const cents = randomValue(this.#random, 'decimal') as number
    return this.#one(
      () => literal(cents, 'decimal'),
      () => this.#digits(),
      () =>
        this.#params === undefined ? this.#digits() : this.#bind(centsText(cents), BigInt(cents)),
    )
  }

  /** A number written out beside a decimal counts as exactly that. */
  #digits(): Sql {
    const cents = this.#random.below(2000)
    return pair(centsText(cents), String(cents))
  }

  #comparison(depth: number): Sql {
    const operator = this.#random.pick(this.#random.chance(0.75) ? COMPARISONS : SAME_OR_NOT)
    return this.#one(
      () => {
        const kind = this.operandKind()
        return sql`(${this.of(kind, depth)} ${operator} ${this.of(kind, depth)})`
      },
      () => sql`(${this.int(depth)} ${operator} ${this.float(depth)})`,
      () => sql`(${this.decimal(depth)} ${operator} ${this.#hundredfold(this.int(depth))})`,
      () => sql`(${this.#hundredfold(this.#leaf('float'))} ${operator} ${this.#leaf('decimal')})`,
    )
  }

  /** Texts beside numbers: only columns convert the other side. */
  #mixed(depth: number): Sql {
    const operator = this.#random.pick(COMPARISONS)
    const number = this.#random.pick(['int', 'float'] as const)
    const numberColumn = this.column(number)
    const textColumn = this.column('text')
    if (numberColumn === undefined || textColumn === undefined) return this.#comparison(depth)
    const text = this.constant('text')
    return this.#one(
      () => sql`(${numberColumn.sql} ${operator} ${text})`,
      () => sql`(${text} ${operator} ${numberColumn.sql})`,
      () => sql`(${textColumn.sql} ${operator} ${this.constant('int')})`,
      () => sql`(${numberColumn.sql} ${operator} ${textColumn.sql})`,
      () => sql`(${numberColumn.sql} in (${list([text, this.constant('text')])}))`,
      () => sql`(abs(${numberColumn.sql}) ${operator} lower(${text}))`,
    )
  }

  #membership(depth: number): Sql {
    const kind = this.operandKind()
    const items = Array.from({ length: this.#random.below(4) }, () =>
      this.#random.chance(0.7) ? this.constant(kind) : this.of(kind, depth),
    )
    const operator = this.#random.pick(['in', 'not in'])
    const membership = sql`(${this.of(kind, depth)} ${operator} (${list(items)}))`
    // SQLite takes an empty list for the literal true or false.
    return items.length === 0 ? sql`(0 + ${membership})` : membership
  }

  #between(depth: number): Sql {
    const kind = this.operandKind()
    const operand = () => this.of(kind, depth)
    const operator = this.#random.pick(['between', 'not between'])
    return sql`(${operand()} ${operator} ${operand()} and ${operand()})`
  }

  #like(depth: number): Sql {
    const operand = this.#random.chance(0.85) ? this.text(depth) : this.int(depth)
    const pattern = this.#random.chance(0.8)
      ? literal(this.#random.pick(PATTERNS), 'text')
      : this.#leaf('text')
    const operator = this.#random.pick(['like', 'not like'])
    const escape = this.#random.chance(0.15)
      ? ` escape '${this.#random.pick(['\\', 'a', '%'])}'`
      : ''
    return sql`(${operand} ${operator} ${pattern}${escape})`
  }

  #test(depth: number): Sql {
    const operand = this.of(this.operandKind(), depth)
    return sql`(${operand} ${this.#random.pick(TESTS)})`
  }

  /** What takes and gives values of any one type. */
  #choice(kind: Operand, depth: number): Sql {
    const value = () => this.of(kind, depth)
    const truth = () => this.truth(depth)
    return this.#one(
      () => sql`case when ${truth()} then ${value()} else ${value()} end`,
      () => sql`case when ${truth()} then ${value()} when ${truth()} then ${value()} end`,
      () => {
        const operand = this.operandKind()
        const other = () => this.of(operand, depth)
        return sql`case ${other()} when ${other()} then ${value()} else ${value()} end`
      },
      () => sql`coalesce(${value()}, ${value()}, ${value()})`,
      () => sql`ifnull(${value()}, ${value()})`,
      () => sql`nullif(${value()}, ${value()})`,
      () => sql`iif(${truth()}, ${value()}, ${value()})`,
      () => sql`${this.#random.pick(['min', 'max'])}(${value()}, ${value()})`,
    )
  }

  #leaf(kind: Operand): Sql {
    if (this.#random.chance(0.35)) return this.constant(kind)
    const leaves = this.#leaves.filter((leaf) => leaf.kind === kind)
    return leaves.length === 0 ? this.constant(kind) : this.#random.pick(leaves).sql
  }

  #position(): Sql {
    // SQLite drops all but 32 bits of a position.
    const isFixed = this.#random.chance(0.8)
    return isFixed ? literal(this.#random.below(9) - 4, 'int') : sql`(${this.#leaf('int')} % 7)`
  }

  #hundredfold({ ours, theirs }: Sql): Sql {
    return pair(ours, `((${theirs}) * 100)`)
  }

  #centsOf({ ours, theirs }: Sql, kind: 'int' | 'float'): Sql {
    return pair(`cast(${ours} as ${kind})`, `((${theirs}) / ${kind === 'int' ? '100' : '100.0'})`)
  }

  /** Half away from zero, in whole cents on their side. */
  #rounded({ ours, theirs }: Sql): Sql {
    const [digits, unit] = this.#random.chance(0.5) ? ['1', 10] : ['0', 100]
    const half = `((${theirs}) + sign(${theirs}) * ${unit / 2})`
    return pair(`round(${ours}, ${digits})`, `(${half} / ${unit} * ${unit})`)
  }

  #bind(ours: unknown, theirs: unknown): Sql {
    const text = mark(this.#params!.push({ ours, theirs }) - 1)
    return pair(text, text)
  }

  #one(...makers: readonly (() => Sql)[]): Sql {
    return this.#random.pick(makers)()
  }
}
