// Closures of the operators: arithmetic, comparison, logic, CASE, IN, casts.

import type { Cell } from '../codec/cell.js'
import { conversionOf, conversionProblem } from './conversions.js'
import {
  compareDecimals,
  type Decimal,
  decimalOfNumber,
  decimalOfText,
  divideRounded,
  powerOfTen,
} from './decimal-math.js'
import type { CallCompiler, CallSite, Evaluate } from './evaluation.js'
import { strict, unary, valueError } from './evaluation.js'
import { isLike } from './like.js'
import { isPlainNumber, isTextual, type SqlType } from './sql-types.js'
import {
  compareAny,
  compareBytesCells,
  compareNative,
  compareTextCells,
  isTrue,
  numberOfText,
} from './sql-values.js'

type Compare = (a: Cell, b: Cell) => number

/** The order of two cells that are not null, chosen from their types after coercion. */
function comparisonOf(a: SqlType, b: SqlType): Compare {
  if (isPlainNumber(a) && isPlainNumber(b)) return compareNative
  if (a.kind === 'decimal' && b.kind === 'decimal') return compareNative
  if (a.kind === 'timestamp' && b.kind === 'timestamp') return compareNative
  if (isTextual(a) && isTextual(b)) return compareTextCells
  if (a.kind === 'bytes' && b.kind === 'bytes') return compareBytesCells
  if (a.kind === 'decimal') return compareWithDecimal(a.scale ?? 0)
  if (b.kind === 'decimal') {
    const compare = compareWithDecimal(b.scale ?? 0)
    return (x, y) => -compare(y, x)
  }
  return compareAny
}

/** A decimal against a float or a text, by exact decimal value; the last value read is kept, it is often a constant. */
function compareWithDecimal(scale: number): Compare {
  let lastCell: Cell = null
  let last: Decimal | undefined
  return (units, other) => {
    if (other !== lastCell) {
      lastCell = other
      last = typeof other === 'number' ? decimalOfNumber(other) : decimalOfText(other as string)
    }
    if (last !== undefined) return compareDecimals({ units: units as bigint, scale }, last)
    // Infinities are numbers; a text that spells no number is above every number.
    return other === -Infinity ? 1 : -1
  }
}

function comparison(holds: (order: number) => boolean): CallCompiler {
  return ({ call, args }) => {
    const left = args[0]!
    const right = args[1]!
    const compare = comparisonOf(call.args[0]!.type, call.args[1]!.type)
    return (row) => {
      const a = left(row)
      if (a === null) return null
      const b = right(row)
      if (b === null) return null
      return holds(compare(a, b)) ? 1 : 0
    }
  }
}

const compileEqual: CallCompiler = (site) => {
  const { call, args } = site
  const [a, b] = [call.args[0]!.type, call.args[1]!.type]
  const isIdentity = a.kind === b.kind && a.kind !== 'bytes' && a.kind !== 'json'
  if (!isIdentity) return comparison((order) => order === 0)(site)
  const left = args[0]!
  const right = args[1]!
  return (row) => {
    const x = left(row)
    if (x === null) return null
    const y = right(row)
    return y === null ? null : x === y ? 1 : 0
  }
}

const compileIs: CallCompiler = ({ call, args }) => {
  const compare = comparisonOf(call.args[0]!.type, call.args[1]!.type)
  return (row) => {
    const a = args[0]!(row)
    const b = args[1]!(row)
    if (a === null || b === null) return a === b ? 1 : 0
    return compare(a, b) === 0 ? 1 : 0
  }
}

const compileAnd: CallCompiler = ({ args }) => {
  return (row) => {
    let result: Cell = 1
    for (const arg of args) {
      const cell = arg(row)
      if (cell === null) result = null
      else if (!isTrue(cell)) return 0
    }
    return result
  }
}

const compileOr: CallCompiler = ({ args }) => {
  return (row) => {
    let result: Cell = 0
    for (const arg of args) {
      const cell = arg(row)
      if (cell === null) result = null
      else if (isTrue(cell)) return 1
    }
    return result
  }
}

/** Items that no row can change and that share the operand's kind become a set. */
const compileIn: CallCompiler = (site) => {
  const { call, args } = site
  const operand = args[0]!
  const { kind } = call.args[0]!.type
  const values = new Set<Cell>()
  let hasNull = false
  const rest: { evaluate: Evaluate; compare: Compare }[] = []
  for (let i = 1; i < args.length; i++) {
    const { type } = call.args[i]!
    const fixed = site.fixed(i)
    if (fixed === null) hasNull = true
    else if (fixed !== undefined && type.kind === kind && typeof fixed !== 'object')
      values.add(fixed)
    else rest.push({ evaluate: args[i]!, compare: comparisonOf(call.args[0]!.type, type) })
  }
  return (row) => {
    const cell = operand(row)
    if (cell === null) return null
    if (values.has(cell)) return 1
    let result: Cell = hasNull ? null : 0
    for (const { evaluate, compare } of rest) {
      const item = evaluate(row)
      if (item === null) result = null
      else if (compare(cell, item) === 0) return 1
    }
    return result
  }
}

const compileCase: CallCompiler = ({ args }) => {
  const last = args.length - 1
  return (row) => {
    for (let i = 0; i < last; i += 2) {
      const condition = args[i]!(row)
      if (condition !== null && isTrue(condition)) return args[i + 1]!(row)
    }
    return args[last]!(row)
  }
}

const compileCast: CallCompiler = (site) => {
  const { call, args } = site
  const from = call.args[0]!.type
  const convert = conversionOf(from, call.type)!
  const operand = args[0]!
  return (row) => {
    const cell = operand(row)
    if (cell === null) return null
    const converted = convert(cell)
    if (converted === undefined) throw valueError(site, conversionProblem(from, call.type))
    return converted
  }
}

type Arithmetic = (a: never, b: never, site: CallSite) => Cell

interface ArithmeticByKind {
  readonly int: (a: number, b: number) => number | null
  readonly float: (a: number, b: number) => number | null
  readonly bigint: (a: bigint, b: bigint) => bigint | null
  readonly decimal: (site: CallSite) => (a: bigint, b: bigint) => bigint | null
}

/** Adding zero turns -0, which SQL does not have, into 0. */
const ARITHMETIC: Readonly<Record<string, ArithmeticByKind>> = {
  '+': {
    int: (a, b) => a + b,
    float: (a, b) => a + b,
    bigint: (a, b) => a + b,
    decimal: () => (a, b) => a + b,
  },
  '-': {
    int: (a, b) => a - b,
    float: (a, b) => a - b,
    bigint: (a, b) => a - b,
    decimal: () => (a, b) => a - b,
  },
  '*': {
    int: (a, b) => a * b + 0,
    float: (a, b) => a * b,
    bigint: (a, b) => a * b,
    decimal: () => (a, b) => a * b,
  },
  '/': {
    int: (a, b) => (b === 0 ? null : Math.trunc(a / b) + 0),
    float: (a, b) => (b === 0 ? null : a / b),
    bigint: (a, b) => (b === 0n ? null : a / b),
    decimal: ({ call }) => {
      const scaleOf = (index: number): number => call.args[index]!.type.scale ?? 0
      const factor = powerOfTen(call.type.scale! - scaleOf(0) + scaleOf(1))
      return (a, b) => (b === 0n ? null : divideRounded(a * factor, b))
    },
  },
  '%': {
    int: (a, b) => (b === 0 ? null : (a % b) + 0),
    // As in SQLite the remainder is taken of the whole parts.
    float: (a, b) => (Math.trunc(b) === 0 ? null : (Math.trunc(a) % Math.trunc(b)) + 0),
    bigint: (a, b) => (b === 0n ? null : a % b),
    decimal: () => (a, b) => (b === 0n ? null : a % b),
  },
}

function compileArithmetic(byKind: ArithmeticByKind): CallCompiler {
  return (site) => {
    const left = site.args[0]!
    const right = site.args[1]!
    const { kind } = site.call.type
    const compute = (
      kind === 'decimal' ? byKind.decimal(site) : byKind[kind as 'int']
    ) as Arithmetic
    const check = kind === 'int' ? checkInt(site) : kind === 'float' ? checkFloat : undefined
    return (row) => {
      const a = left(row)
      if (a === null) return null
      const b = right(row)
      if (b === null) return null
      const result = compute(a as never, b as never, site)
      return check === undefined ? result : check(result)
    }
  }
}

/** An int is exact or an error: rounding without a word would be worse. */
function checkInt(site: CallSite): (cell: Cell) => Cell {
  return (cell) => {
    if (cell === null || Number.isSafeInteger(cell)) return cell
    throw valueError(site, 'the integer result is beyond 2^53: cast an operand to bigint or float')
  }
}

function checkFloat(cell: Cell): Cell {
  return Number.isNaN(cell) ? null : cell
}

const compileNegate: CallCompiler = unary((cell) =>
  typeof cell === 'bigint' ? -cell : 0 - (cell as number),
)

const compileLike: CallCompiler = strict((cells, site) => {
  const [text, pattern, escape] = cells as readonly string[]
  if (escape !== undefined && escape.length !== 1) {
    throw valueError(site, 'ESCAPE takes a text of one character')
  }
  return isLike(text!, pattern!, escape) ? 1 : 0
})

export const OPERATOR_COMPILERS: Readonly<Record<string, CallCompiler>> = {
  '=': compileEqual,
  '<>': comparison((order) => order !== 0),
  '<': comparison((order) => order < 0),
  '<=': comparison((order) => order <= 0),
  '>': comparison((order) => order > 0),
  '>=': comparison((order) => order >= 0),
  is: compileIs,
  isnull: ({ args }) => {
    const operand = args[0]!
    return (row) => (operand(row) === null ? 1 : 0)
  },
  not: unary((cell) => (isTrue(cell) ? 0 : 1)),
  and: compileAnd,
  or: compileOr,
  in: compileIn,
  case: compileCase,
  cast: compileCast,
  affinity: unary((cell) => (typeof cell === 'string' ? (numberOfText(cell) ?? cell) : cell)),
  negate: compileNegate,
  like: compileLike,
  '||': strict((cells) => (cells as readonly string[]).join('')),
  '+': compileArithmetic(ARITHMETIC['+']!),
  '-': compileArithmetic(ARITHMETIC['-']!),
  '*': compileArithmetic(ARITHMETIC['*']!),
  '/': compileArithmetic(ARITHMETIC['/']!),
  '%': compileArithmetic(ARITHMETIC['%']!),
}
