// Aggregate functions: how each is typed, and how it adds up. Nulls never reach an accumulator, and an aggregate of
// nothing is null, but for count and total.

import { VALUE_MAX_BYTES } from '../base/limits.js'
import type { Cell } from '../codec/cell.js'
import type { BoundAggregate, BoundExpression } from './bound.js'
import { arithmeticOperand, cast, DIVISION_EXTRA_SCALE, type Site, typeError } from './coercion.js'
import { divideRounded, powerOfTen } from './decimal-math.js'
import { DECIMAL_SCALE_MAX, decimalType, FLOAT, INT, type SqlType, TEXT } from './sql-types.js'
import { comparatorOf, mapKeyOf } from './sql-values.js'

/** Gathers one aggregate of one group. `separator` is of group_concat. */
export interface Accumulator {
  add(cell: Cell, separator: Cell): void
  result(): Cell
}

const AGGREGATE_COUNTS: ReadonlyMap<string, readonly [min: number, max: number]> = new Map([
  ['count', [1, 1]],
  ['sum', [1, 1]],
  ['total', [1, 1]],
  ['avg', [1, 1]],
  ['min', [1, 1]],
  ['max', [1, 1]],
  ['group_concat', [1, 2]],
  ['string_agg', [2, 2]],
])

export const AGGREGATE_NAMES: readonly string[] = [...AGGREGATE_COUNTS.keys()]

/** min and max of several arguments are scalar functions. */
export function isAggregate(name: string, argumentCount: number): boolean {
  const isExtreme = name === 'min' || name === 'max'
  return AGGREGATE_COUNTS.has(name) && !(isExtreme && argumentCount > 1)
}

export function bindAggregate(
  name: string,
  args: readonly BoundExpression[],
  isDistinct: boolean,
  site: Site,
): BoundAggregate {
  const [min, max] = AGGREGATE_COUNTS.get(name)!
  if (args.length < min || args.length > max) {
    throw typeError(`${name} takes ${min === max ? min : `${min} to ${max}`} arguments`, site)
  }
  if (isDistinct && args.length > 1) throw typeError('DISTINCT goes with one argument', site)
  const { at } = site
  const bound = (arg: BoundExpression, type: SqlType): BoundAggregate => ({
    name,
    arg,
    isDistinct,
    type,
    at,
  })
  const arg = args[0]!
  switch (name) {
    case 'count':
      return bound(arg, INT)
    case 'min':
    case 'max':
      return bound(arg, arg.type)
    case 'group_concat':
    case 'string_agg': {
      const aggregate = bound(cast(arg, TEXT, site), TEXT)
      return args[1] ? { ...aggregate, separator: cast(args[1], TEXT, site) } : aggregate
    }
    default:
      return bindSum(name, arithmeticOperand(arg, name, site), bound, site)
  }
}

function bindSum(
  name: string,
  arg: BoundExpression,
  bound: (arg: BoundExpression, type: SqlType) => BoundAggregate,
  site: Site,
): BoundAggregate {
  const { kind, scale = 0 } = arg.type
  if (name === 'sum') return bound(arg, kind === 'null' ? INT : arg.type)
  if (name === 'avg' && kind === 'decimal') {
    return bound(arg, decimalType(Math.min(scale + DIVISION_EXTRA_SCALE, DECIMAL_SCALE_MAX)))
  }
  return bound(cast(arg, FLOAT, site), FLOAT)
}

/** `overflow` makes the error of an int sum beyond 2^53. */
export function accumulatorOf(aggregate: BoundAggregate, overflow: () => Error): Accumulator {
  const plain = plainAccumulator(aggregate, overflow)
  return aggregate.isDistinct ? new DistinctAccumulator(plain) : plain
}

function plainAccumulator(aggregate: BoundAggregate, overflow: () => Error): Accumulator {
  const { type } = aggregate
  switch (aggregate.name) {
    case 'count':
      return new CountAccumulator()
    case 'min':
      return new ExtremeAccumulator(comparatorOf(type), -1)
    case 'max':
      return new ExtremeAccumulator(comparatorOf(type), 1)
    case 'total':
      return new FloatAccumulator('total')
    case 'avg':
      return type.kind === 'decimal'
        ? new DecimalAverageAccumulator(type.scale! - (aggregate.arg!.type.scale ?? 0))
        : new FloatAccumulator('avg')
    case 'sum':
      if (type.kind === 'float') return new FloatAccumulator('sum')
      return type.kind === 'int' ? new IntSumAccumulator(overflow) : new BigSumAccumulator()
    default:
      return new ConcatAccumulator(overflow)
  }
}

class CountAccumulator implements Accumulator {
  #count = 0

  add(): void {
    this.#count++
  }

  result(): Cell {
    return this.#count
  }
}

class ExtremeAccumulator implements Accumulator {
  readonly #compare: (a: Cell, b: Cell) => number
  readonly #sign: number
  #best: Cell = null

  constructor(compare: (a: Cell, b: Cell) => number, sign: number) {
    this.#compare = compare
    this.#sign = sign
  }

  add(cell: Cell): void {
    const isBetter = this.#best === null || this.#compare(cell, this.#best) * this.#sign > 0
    if (isBetter) this.#best = cell
  }

  result(): Cell {
    return this.#best
  }
}

/** Exact: goes on in a bigint when a partial sum leaves the safe integers. */
class IntSumAccumulator implements Accumulator {
  readonly #overflow: () => Error
  #isEmpty = true
  #near = 0
  #far = 0n

  constructor(overflow: () => Error) {
    this.#overflow = overflow
  }

  add(cell: Cell): void {
    this.#isEmpty = false
    const sum = this.#near + (cell as number)
    if (Number.isSafeInteger(sum)) {
      this.#near = sum
    } else {
      this.#far += BigInt(this.#near)
      this.#near = cell as number
    }
  }

  result(): Cell {
    if (this.#isEmpty) return null
    const sum = Number(this.#far + BigInt(this.#near))
    if (!Number.isSafeInteger(sum)) throw this.#overflow()
    return sum
  }
}

/** Sums of bigints, and of decimals in units. */
class BigSumAccumulator implements Accumulator {
  #sum: bigint | null = null

  add(cell: Cell): void {
    this.#sum = (this.#sum ?? 0n) + (cell as bigint)
  }

  result(): Cell {
    return this.#sum
  }
}

class DecimalAverageAccumulator implements Accumulator {
  readonly #factor: bigint
  #sum = 0n
  #count = 0n

  constructor(extraScale: number) {
    this.#factor = powerOfTen(extraScale)
  }

  add(cell: Cell): void {
    this.#sum += cell as bigint
    this.#count++
  }

  result(): Cell {
    return this.#count === 0n ? null : divideRounded(this.#sum * this.#factor, this.#count)
  }
}

/**
 * Sums of floats, with the error of each addition carried along, so that order hardly matters.
 * @see Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen" (1974)
 */
class FloatAccumulator implements Accumulator {
  readonly #kind: 'sum' | 'avg' | 'total'
  #sum = 0
  #lost = 0
  #count = 0

  constructor(kind: 'sum' | 'avg' | 'total') {
    this.#kind = kind
  }

  add(cell: Cell): void {
    const value = cell as number
    const sum = this.#sum + value
    const isValueSmaller = Math.abs(this.#sum) >= Math.abs(value)
    this.#lost += isValueSmaller ? this.#sum - sum + value : value - sum + this.#sum
    this.#sum = sum
    this.#count++
  }

  result(): Cell {
    // Infinities leave a meaningless error term behind.
    const sum = Number.isFinite(this.#sum) ? this.#sum + this.#lost : this.#sum
    if (this.#kind === 'total') return sum
    if (this.#count === 0 || Number.isNaN(sum)) return null
    return this.#kind === 'avg' ? sum / this.#count : sum
  }
}

class ConcatAccumulator implements Accumulator {
  readonly #overflow: () => Error
  #text: string | null = null

  constructor(overflow: () => Error) {
    this.#overflow = overflow
  }

  add(cell: Cell, separator: Cell): void {
    const text = cell as string
    this.#text = this.#text === null ? text : `${this.#text}${separator ?? ''}${text}`
    if (this.#text.length > VALUE_MAX_BYTES) throw this.#overflow()
  }

  result(): Cell {
    return this.#text
  }
}

class DistinctAccumulator implements Accumulator {
  readonly #inner: Accumulator
  readonly #seen = new Set<unknown>()

  constructor(inner: Accumulator) {
    this.#inner = inner
  }

  add(cell: Cell, separator: Cell): void {
    const key = mapKeyOf(cell)
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    this.#inner.add(cell, separator)
  }

  result(): Cell {
    return this.#inner.result()
  }
}
