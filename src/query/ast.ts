// The shape of a statement as written: names are not resolved, nothing is typed. Nodes are immutable. `at` is the offset
// in the statement text that errors point at.

interface Node {
  readonly at: number
  /** Levels below and including this node: at most SQL_DEPTH_MAX, so every later recursion is safe. */
  readonly height: number
}

export type LiteralKind = 'null' | 'boolean' | 'number' | 'text' | 'bytes' | 'timestamp'

export interface Literal extends Node {
  readonly type: 'literal'
  readonly kind: LiteralKind
  readonly text: string
}

export interface Parameter extends Node {
  readonly type: 'parameter'
  /** Index from 0 into the parameters array, or a name in the parameters object. */
  readonly key: number | string
}

export interface ColumnName extends Node {
  readonly type: 'column'
  readonly table?: string
  readonly name: string
}

/** Operators and functions alike: `a + b` is the call of `+`. */
export interface Call extends Node {
  readonly type: 'call'
  readonly name: string
  readonly args: readonly Expression[]
  readonly isDistinct?: boolean
  /** count(*) */
  readonly isStar?: boolean
}

/** CASE: pairs of condition and result, then the ELSE; with `operand` the conditions are compared to it. */
export interface Case extends Node {
  readonly type: 'case'
  readonly operand?: Expression
  readonly branches: readonly { readonly condition: Expression; readonly result: Expression }[]
  readonly otherwise?: Expression
}

export interface In extends Node {
  readonly type: 'in'
  readonly operand: Expression
  readonly list: readonly Expression[]
  readonly isNegated: boolean
}

export interface Cast extends Node {
  readonly type: 'cast'
  readonly operand: Expression
  readonly typeName: string
  readonly typeArgs: readonly number[]
}

export type Expression = Literal | Parameter | ColumnName | Call | Case | In | Cast

export interface StarItem {
  readonly type: 'star'
  readonly table?: string
  readonly at: number
}

export interface ExpressionItem {
  readonly type: 'expression'
  readonly expression: Expression
  readonly alias?: string
  /** The expression as written: the column's name when there is no alias. */
  readonly text: string
}

export interface TableSource {
  readonly name: string
  readonly alias?: string
  readonly asOf?: Expression
  readonly at: number
}

export interface OrderTerm {
  readonly expression: Expression
  readonly isDescending: boolean
  /** Absent: nulls are the smallest values. */
  readonly areNullsFirst?: boolean
}

export interface Select {
  readonly type: 'select'
  readonly isDistinct: boolean
  readonly items: readonly (StarItem | ExpressionItem)[]
  readonly from: readonly TableSource[]
  /** Of the whole FROM clause: for every table without one of its own. */
  readonly asOf?: Expression
  /** ON conditions and WHERE: all joins are inner, so a row must pass each of them. */
  readonly conditions: readonly Expression[]
  readonly groupBy: readonly Expression[]
  readonly having?: Expression
  readonly orderBy: readonly OrderTerm[]
  readonly limit?: Expression
  readonly offset?: Expression
}

export interface Insert {
  readonly type: 'insert'
  readonly table: TableSource
  readonly columns?: readonly { readonly name: string; readonly at: number }[]
  readonly rows: readonly { readonly values: readonly Expression[]; readonly at: number }[]
}

export interface Update {
  readonly type: 'update'
  readonly table: TableSource
  readonly assignments: readonly {
    readonly column: string
    readonly at: number
    readonly value: Expression
  }[]
  readonly where?: Expression
}

export interface Delete {
  readonly type: 'delete'
  readonly table: TableSource
  readonly where?: Expression
}

export interface Explain {
  readonly type: 'explain'
  readonly select: Select
}

export type Statement = Select | Insert | Update | Delete | Explain

/** A parsed statement with its placeholders. */
export interface ParsedStatement {
  readonly text: string
  readonly statement: Statement
  /** How many values a parameters array must hold; 0 when placeholders are named. */
  readonly parameterCount: number
  readonly parameterNames: readonly string[]
}
