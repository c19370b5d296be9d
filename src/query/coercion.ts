// What operands become before an operator sees them: the rules that SQL applies silently. They work on types alone, so
// they run once per statement.

import type { EngineError } from '../base/errors.js'
import { type BoundCall, type BoundExpression, constant } from './bound.js'
import { conversionOf, conversionProblem } from './conversions.js'
import { decimalOfText } from './decimal-math.js'
import {
  ANY,
  BIGINT,
  DECIMAL_SCALE_MAX,
  decimalType,
  FLOAT,
  INT,
  isDynamic,
  isNumeric,
  isPlainNumber,
  isSameType,
  isTextual,
  NULL,
  type SqlType,
  TEXT,
  TIMESTAMP,
  typeName,
  unifyTypes,
} from './sql-types.js'
import { placedError } from './syntax-error.js'

/** Where in which text an operator stands, for errors. */
export interface Site {
  readonly text: string
  readonly at: number
}

export function typeError(message: string, site: Site): EngineError {
  return placedError('SQL_TYPE', message, site.text, site.at)
}

/** Converts an expression; the conversion is a node, so constants are converted once and columns per row. */
export function cast(expression: BoundExpression, to: SqlType, site: Site): BoundExpression {
  const from = expression.type
  if (isSameType(from, to)) return expression
  if (from.kind === 'null') return constant(null, to)
  if (conversionOf(from, to) === undefined) throw typeError(conversionProblem(from, to), site)
  return { node: 'call', name: 'cast', args: [expression], type: to, at: site.at }
}

/** A value that stands in the statement or beside it, not in a row. */
export function isFixed(expression: BoundExpression): boolean {
  return expression.node === 'constant' || expression.node === 'parameter'
}

export function adaptComparison(
  left: BoundExpression,
  right: BoundExpression,
  site: Site,
): readonly [BoundExpression, BoundExpression] {
  const a = left.type
  const b = right.type
  if (a.kind === 'null' || b.kind === 'null') return [left, right]
  if (a.kind === 'timestamp' || b.kind === 'timestamp') {
    return adaptSpecial(left, right, TIMESTAMP, site)
  }
  if (a.kind === 'decimal' || b.kind === 'decimal') return adaptDecimals(left, right, site)
  if (a.kind === 'uuid' && isFixed(right)) return [left, lowerCase(right, site)]
  if (b.kind === 'uuid' && isFixed(left)) return [lowerCase(left, site), right]
  if (isPlainNumber(a) && isTextual(b)) return adaptNumberAndText(left, right, site)
  if (isPlainNumber(b) && isTextual(a)) {
    const [number, text] = adaptNumberAndText(right, left, site)
    return [text, number]
  }
  return [left, right]
}

/** Beside a timestamp a text is read as one, and a bound bigint as its microseconds; nothing else compares with it. */
function adaptSpecial(
  left: BoundExpression,
  right: BoundExpression,
  type: SqlType,
  site: Site,
): readonly [BoundExpression, BoundExpression] {
  const adapt = (side: BoundExpression): BoundExpression => {
    if (side.type.kind === type.kind) return side
    const isMicros = side.type.kind === 'bigint' && isFixed(side)
    if (isTextual(side.type) || isDynamic(side.type) || isMicros) return cast(side, type, site)
    const found = typeName(side.type)
    throw typeError(`a ${type.kind} cannot be compared with a value of type ${found}`, site)
  }
  return [adapt(left), adapt(right)]
}

/** Texts of uuids compare in their canonical form. */
function lowerCase(side: BoundExpression, site: Site): BoundExpression {
  if (side.type.kind !== 'text') return side
  return { node: 'call', name: 'lower', args: [side], type: TEXT, at: site.at }
}

/** Decimals compare exactly, at the greater scale; with floats and texts by their exact decimal value. */
function adaptDecimals(
  left: BoundExpression,
  right: BoundExpression,
  site: Site,
): readonly [BoundExpression, BoundExpression] {
  const sides = [exactLiteral(left), exactLiteral(right)] as const
  const isExact = sides.every(({ type }) => isNumeric(type) && type.kind !== 'float')
  if (isExact) {
    const scale = Math.max(sides[0].type.scale ?? 0, sides[1].type.scale ?? 0)
    return [cast(sides[0], decimalType(scale), site), cast(sides[1], decimalType(scale), site)]
  }
  const adapt = (side: BoundExpression): BoundExpression => {
    const { type } = side
    if (type.kind === 'decimal' || type.kind === 'float' || isTextual(type)) return side
    if (isDynamic(type)) return cast(side, FLOAT, site)
    throw typeError(`a decimal cannot be compared with a value of type ${typeName(type)}`, site)
  }
  return [adapt(sides[0]), adapt(sides[1])]
}

/** A number written with a point counts, beside a decimal, as exactly what is written. */
function exactLiteral(side: BoundExpression): BoundExpression {
  if (side.node !== 'constant' || side.literal === undefined) return side
  const value = decimalOfText(side.literal)
  if (value === undefined || value.scale > DECIMAL_SCALE_MAX) return side
  return constant(value.units, decimalType(value.scale))
}

/** SQLite's column affinity: beside a number column texts that spell numbers count as numbers, and the other way round. */
function adaptNumberAndText(
  number: BoundExpression,
  text: BoundExpression,
  site: Site,
): readonly [BoundExpression, BoundExpression] {
  if (number.node === 'column') {
    return [number, { node: 'call', name: 'affinity', args: [text], type: ANY, at: site.at }]
  }
  return text.node === 'column' ? [cast(number, TEXT, site), text] : [number, text]
}

/** Operands of + - * / %: numbers of one family, and the type of the result. */
export function bindArithmetic(
  name: string,
  left: BoundExpression,
  right: BoundExpression,
  site: Site,
): BoundCall {
  const call = (a: BoundExpression, b: BoundExpression, type: SqlType): BoundCall => ({
    node: 'call',
    name,
    args: [a, b],
    type,
    at: site.at,
  })
  if (left.type.kind === 'timestamp' && right.type.kind === 'timestamp' && name === '-') {
    return call(cast(left, INT, site), cast(right, INT, site), INT)
  }
  const hasDecimal = left.type.kind === 'decimal' || right.type.kind === 'decimal'
  const a = arithmeticOperand(hasDecimal ? exactLiteral(left) : left, name, site)
  const b = arithmeticOperand(hasDecimal ? exactLiteral(right) : right, name, site)
  const type = unifyTypes([a.type, b.type]) ?? FLOAT
  switch (type.kind) {
    case 'null':
      return call(a, b, INT)
    case 'decimal':
      return bindDecimalArithmetic(a, b, site, call, name)
    case 'bigint':
      return call(cast(a, BIGINT, site), cast(b, BIGINT, site), BIGINT)
    case 'float':
      return call(cast(a, FLOAT, site), cast(b, FLOAT, site), FLOAT)
    default:
      return call(a, b, INT)
  }
}

export function arithmeticOperand(
  operand: BoundExpression,
  name: string,
  site: Site,
): BoundExpression {
  const { type } = operand
  if (type.kind === 'boolean') return cast(operand, INT, site)
  if (isNumeric(type) || type.kind === 'null') return operand
  // As in SQLite a text counts as the number it starts with.
  if (isTextual(type) || isDynamic(type)) return cast(operand, FLOAT, site)
  throw typeError(`"${name}" does not take a value of type ${typeName(type)}`, site)
}

/** Digits behind the point that a quotient or an average has more than its operands. */
export const DIVISION_EXTRA_SCALE = 6

function bindDecimalArithmetic(
  left: BoundExpression,
  right: BoundExpression,
  site: Site,
  call: (a: BoundExpression, b: BoundExpression, type: SqlType) => BoundCall,
  name: string,
): BoundCall {
  const leftScale = left.type.scale ?? 0
  const rightScale = right.type.scale ?? 0
  const common = Math.max(leftScale, rightScale)
  const sameScale = name === '+' || name === '-' || name === '%'
  const a = cast(left, decimalType(sameScale ? common : leftScale), site)
  const b = cast(right, decimalType(sameScale ? common : rightScale), site)
  const scale =
    name === '*' ? leftScale + rightScale : name === '/' ? common + DIVISION_EXTRA_SCALE : common
  if (scale > DECIMAL_SCALE_MAX) {
    const message = `the result has ${scale} digits behind the point, the limit is ${DECIMAL_SCALE_MAX}: cast an operand`
    throw typeError(message, site)
  }
  return call(a, b, decimalType(scale))
}

/** Brings branches of CASE, COALESCE and the like to one type. */
export function unifyExpressions(
  branches: readonly BoundExpression[],
  what: string,
  site: Site,
): { readonly branches: BoundExpression[]; readonly type: SqlType } {
  const hasDecimal = branches.some((branch) => branch.type.kind === 'decimal')
  const exact = hasDecimal ? branches.map(exactLiteral) : branches
  // Texts in the statement take the type of what they stand beside.
  const leading = exact.filter((branch) => !(isFixed(branch) && branch.type.kind === 'text'))
  const lead = unifyTypes(leading.map((branch) => branch.type)) ?? NULL
  const adopts = lead.kind === 'timestamp' || lead.kind === 'uuid' || lead.kind === 'decimal'
  const type = adopts ? lead : unifyTypes(exact.map((branch) => branch.type))
  if (type === undefined) {
    const types = [...new Set(branches.map((branch) => typeName(branch.type)))].join(' and ')
    throw typeError(`${what} mixes values of types ${types}: cast them to one`, site)
  }
  return { branches: exact.map((branch) => cast(branch, type, site)), type }
}
