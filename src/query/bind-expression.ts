// Expressions as written to expressions with places and types.

import { parseTimestamp } from '../codec/timestamp.js'
import type { Call, Case, Cast, Expression, In, Literal } from './ast.js'
import { AGGREGATE_NAMES, bindAggregate, isAggregate } from './aggregates.js'
import { type BoundAggregate, type BoundExpression, constant } from './bound.js'
import {
  adaptComparison,
  arithmeticOperand,
  bindArithmetic,
  cast,
  type Site,
  typeError,
  unifyExpressions,
} from './coercion.js'
import { SCALAR_FUNCTIONS } from './functions.js'
import { type Scope, unknownName } from './scope.js'
import {
  BIGINT,
  BOOLEAN,
  BYTES,
  FLOAT,
  INT,
  NULL,
  type SqlType,
  TEXT,
  TIMESTAMP,
} from './sql-types.js'
import { namedType } from './type-names.js'

/** The types of the bound parameters, by key. */
export type ParameterTypes = (key: number | string) => SqlType

export interface BinderOptions {
  readonly text: string
  readonly scope: Scope
  readonly parameterTypes: ParameterTypes
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=', 'is'])
const ARITHMETIC: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%'])

export class ExpressionBinder {
  readonly #text: string
  readonly #scope: Scope
  readonly #parameterTypes: ParameterTypes
  /** Result columns by alias: names that no table knows may mean them. */
  readonly aliases = new Map<string, BoundExpression>()
  readonly aggregates: BoundAggregate[] = []
  /** Why aggregates are not allowed at the moment; absent where they are. */
  #aggregateBan: string | undefined

  constructor(options: BinderOptions) {
    this.#text = options.text
    this.#scope = options.scope
    this.#parameterTypes = options.parameterTypes
  }

  /** Binds where aggregates are allowed. */
  bind(expression: Expression): BoundExpression {
    return this.#bind(expression)
  }

  /** Binds where no aggregate may stand; `where` says where that is. */
  bindScalar(expression: Expression, where: string): BoundExpression {
    const outer = this.#aggregateBan
    this.#aggregateBan = where
    const bound = this.#bind(expression)
    this.#aggregateBan = outer
    if (containsAggregate(bound)) throw this.#misplaced(expression.at, where)
    return bound
  }

  #bind(expression: Expression): BoundExpression {
    switch (expression.type) {
      case 'literal':
        return this.#literal(expression)
      case 'parameter':
        return {
          node: 'parameter',
          key: expression.key,
          type: this.#parameterTypes(expression.key),
        }
      case 'column':
        return this.#column(expression.table, expression.name, expression.at)
      case 'call':
        return this.#call(expression)
      case 'case':
        return this.#case(expression)
      case 'in':
        return this.#in(expression)
      default:
        return this.#cast(expression)
    }
  }

  #site(at: number): Site {
    return { text: this.#text, at }
  }

  #literal({ kind, text, at }: Literal): BoundExpression {
    switch (kind) {
      case 'null':
        return constant(null, NULL)
      case 'boolean':
        return constant(text === 'true', BOOLEAN)
      case 'text':
        return constant(text, TEXT)
      case 'bytes':
        return constant(new Uint8Array(Buffer.from(text, 'hex')), BYTES)
      case 'timestamp': {
        const micros = parseTimestamp(text)
        if (micros === undefined) throw typeError('no ISO 8601 time', this.#site(at))
        return constant(micros, TIMESTAMP)
      }
      default:
        return numberLiteral(text)
    }
  }

  #column(table: string | undefined, name: string, at: number): BoundExpression {
    const column = this.#scope.find(table, name, at) ?? this.aliases.get(name.toLowerCase())
    if (column === undefined) throw this.#scope.unknownColumn(name, at)
    return column
  }

  #call(expression: Call): BoundExpression {
    const { name, at } = expression
    if (isAggregate(name, expression.args.length)) return this.#aggregate(expression)
    const site = this.#site(at)
    if (expression.isStar || expression.isDistinct) {
      throw typeError(`${name} is no aggregate function`, site)
    }
    const args = expression.args.map((arg) => this.#bind(arg))
    const call = (own: readonly BoundExpression[], type: SqlType): BoundExpression => ({
      node: 'call',
      name,
      args: own,
      type,
      at,
    })
    if (COMPARISONS.has(name)) return call(adaptComparison(args[0]!, args[1]!, site), INT)
    if (ARITHMETIC.has(name)) return bindArithmetic(name, args[0]!, args[1]!, site)
    switch (name) {
      case 'and':
      case 'or':
      case 'not':
      case 'isnull':
        return call(args, INT)
      case 'plus':
        return args[0]!
      case 'negate':
        return negate(arithmeticOperand(args[0]!, '-', site), at)
      case 'like':
      case '||':
        return call(
          args.map((arg) => cast(arg, TEXT, site)),
          name === 'like' ? INT : TEXT,
        )
      case 'nullif':
        return this.#nullIf(args, site)
      case 'iif':
        return this.#iif(args, site)
      default:
        return this.#function(name, args, site)
    }
  }

  #function(name: string, args: readonly BoundExpression[], site: Site): BoundExpression {
    const found = SCALAR_FUNCTIONS.get(name)
    if (found === undefined) {
      const names = [...SCALAR_FUNCTIONS.keys(), ...AGGREGATE_NAMES, 'nullif', 'iif', 'cast']
      const candidates = names.filter((candidate) => /^\w/.test(candidate)).toSorted()
      throw unknownName('function', name, candidates, this.#text, site.at)
    }
    const { minCount, maxCount } = found
    if (args.length < minCount || args.length > maxCount) {
      const count = minCount === maxCount ? minCount : `${minCount} to ${maxCount}`
      throw typeError(`${name} takes ${count} arguments, not ${args.length}`, site)
    }
    const bound = found.bind(args, site)
    return { node: 'call', name, args: bound.args, type: bound.type, at: site.at }
  }

  #aggregate({ name, args, isStar, isDistinct = false, at }: Call): BoundExpression {
    const site = this.#site(at)
    if (this.#aggregateBan !== undefined) throw this.#misplaced(at, this.#aggregateBan)
    if (isStar && name !== 'count') throw typeError(`${name}(*) has no meaning`, site)
    const isCountAll = isStar || (name === 'count' && args.length === 0)
    const aggregate: BoundAggregate = isCountAll
      ? { name, isDistinct: false, type: INT, at }
      : bindAggregate(
          name,
          args.map((arg) => this.bindScalar(arg, 'inside an aggregate')),
          isDistinct,
          site,
        )
    const index = this.aggregates.push(aggregate) - 1
    return { node: 'aggregate', index, type: aggregate.type }
  }

  #misplaced(at: number, where: string): Error {
    return typeError(`an aggregate cannot stand ${where}`, this.#site(at))
  }

  #nullIf(args: readonly BoundExpression[], site: Site): BoundExpression {
    if (args.length !== 2) throw typeError('nullif takes 2 arguments', site)
    const [value, other] = args as [BoundExpression, BoundExpression]
    const isSame = this.#compare('=', value, other, site.at)
    const whenSame = constant(null, value.type)
    return {
      node: 'call',
      name: 'case',
      args: [isSame, whenSame, value],
      type: value.type,
      at: site.at,
    }
  }

  #iif(args: readonly BoundExpression[], site: Site): BoundExpression {
    if (args.length < 2 || args.length > 3) throw typeError('iif takes 2 to 3 arguments', site)
    const results = [args[1]!, args[2] ?? constant(null, NULL)]
    const { branches, type } = unifyExpressions(results, 'iif', site)
    return { node: 'call', name: 'case', args: [args[0]!, ...branches], type, at: site.at }
  }

  #compare(name: string, a: BoundExpression, b: BoundExpression, at: number): BoundExpression {
    return { node: 'call', name, args: adaptComparison(a, b, this.#site(at)), type: INT, at }
  }

  #case({ operand, branches, otherwise, at }: Case): BoundExpression {
    const value = operand && this.#bind(operand)
    const conditions = branches.map(({ condition }) => {
      const bound = this.#bind(condition)
      return value === undefined ? bound : this.#compare('=', value, bound, condition.at)
    })
    const results = branches.map(({ result }) => this.#bind(result))
    results.push(otherwise === undefined ? constant(null, NULL) : this.#bind(otherwise))
    const unified = unifyExpressions(results, 'CASE', this.#site(at))
    const args = conditions.flatMap((condition, i) => [condition, unified.branches[i]!])
    args.push(unified.branches.at(-1)!)
    return { node: 'call', name: 'case', args, type: unified.type, at }
  }

  #in({ operand, list, isNegated, at }: In): BoundExpression {
    const value = this.#bind(operand)
    const site = this.#site(at)
    const pairs = list.map((item) => adaptComparison(value, this.#bind(item), site))
    const isUniform = pairs.every((pair) => pair[0] === value)
    const found: BoundExpression =
      list.length === 0
        ? constant(0, INT)
        : isUniform
          ? { node: 'call', name: 'in', args: [value, ...pairs.map((p) => p[1])], type: INT, at }
          : {
              node: 'call',
              name: 'or',
              args: pairs.map((pair) => ({ node: 'call', name: '=', args: pair, type: INT, at })),
              type: INT,
              at,
            }
    return isNegated ? { node: 'call', name: 'not', args: [found], type: INT, at } : found
  }

  #cast({ operand, typeName, typeArgs, at }: Cast): BoundExpression {
    const site = this.#site(at)
    const value = this.#bind(operand)
    const type = namedType(typeName, typeArgs)
    if (type === undefined) throw typeError(`no type "${typeName}"`, site)
    return cast(value, type, site)
  }
}

function containsAggregate(expression: BoundExpression): boolean {
  if (expression.node === 'aggregate') return true
  return expression.node === 'call' && expression.args.some(containsAggregate)
}

function numberLiteral(text: string): BoundExpression {
  if (!/^\d+$/.test(text)) return { ...constant(Number(text), FLOAT), literal: text }
  const value = Number(text)
  return Number.isSafeInteger(value) ? constant(value, INT) : constant(BigInt(text), BIGINT)
}

/** A minus before a number is part of it, also for keys and exact decimals. */
function negate(operand: BoundExpression, at: number): BoundExpression {
  if (operand.node === 'constant' && typeof operand.value === 'number') {
    const negated = constant(0 - operand.value, operand.type)
    return operand.literal === undefined
      ? negated
      : {
          ...negated,
          literal: operand.literal[0] === '-' ? operand.literal.slice(1) : `-${operand.literal}`,
        }
  }
  return { node: 'call', name: 'negate', args: [operand], type: operand.type, at }
}
