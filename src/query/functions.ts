// Scalar functions, one row each: what it takes, what type it gives, and how it is computed.

import { VALUE_MAX_BYTES } from '../base/limits.js'
import type { Cell, JsonValue } from '../codec/cell.js'
import { type BoundExpression, constant } from './bound.js'
import { arithmeticOperand, cast, type Site, typeError, unifyExpressions } from './coercion.js'
import { powerOfTen, rescale } from './decimal-math.js'
import { type CallCompiler, type CallSite, strict, unary, valueError } from './evaluation.js'
import { followJsonPath, parseJsonPath, stepsOfOperand } from './json-path.js'
import {
  ANY,
  decimalType,
  FLOAT,
  INT,
  isTextual,
  JSON_TYPE,
  type SqlType,
  TEXT,
  TIMESTAMP,
  typeName,
} from './sql-types.js'
import { cellOfJson, comparatorOf } from './sql-values.js'
import { strftime } from './strftime.js'
import { extractField, TIME_UNITS, truncateTimestamp } from './timestamps.js'

interface BoundArguments {
  readonly args: readonly BoundExpression[]
  readonly type: SqlType
}

export interface ScalarFunction {
  readonly minCount: number
  readonly maxCount: number
  /** Checks and converts the arguments, and names the type of the result. */
  bind(args: readonly BoundExpression[], site: Site): BoundArguments
  readonly compile: CallCompiler
}

/** Arguments become the given types; the last one repeats. */
function typed(type: SqlType, ...parameters: readonly SqlType[]): ScalarFunction['bind'] {
  return (args, site) => ({
    args: args.map((arg, i) => cast(arg, parameters[Math.min(i, parameters.length - 1)]!, site)),
    type,
  })
}

/** The result has the type of the first argument, a number. */
const numeric: ScalarFunction['bind'] = (args, site) => {
  const first = arithmeticOperand(args[0]!, 'the function', site)
  return { args: [first, ...args.slice(1)], type: first.type.kind === 'null' ? INT : first.type }
}

/** Whole numbers stay what they are. */
const whole: ScalarFunction['bind'] = (args, site) => {
  const bound = numeric(args, site)
  const isWhole = bound.type.kind === 'int' || bound.type.kind === 'bigint'
  return isWhole ? bound : typed(FLOAT, FLOAT)(args, site)
}

const unified: ScalarFunction['bind'] = (args, site) => {
  const { branches, type } = unifyExpressions(args, 'the function', site)
  return { args: branches, type }
}

const bindLength: ScalarFunction['bind'] = (args, site) => {
  const { kind } = args[0]!.type
  return { args: kind === 'bytes' ? args : [cast(args[0]!, TEXT, site)], type: INT }
}

/** round(decimal, n) stays a decimal, of scale n when n is written as a number. */
const bindRound: ScalarFunction['bind'] = (args, site) => {
  const value = arithmeticOperand(args[0]!, 'round', site)
  const digits = args[1] === undefined ? constant(0, INT) : cast(args[1], INT, site)
  if (value.type.kind !== 'decimal')
    return { args: [cast(value, FLOAT, site), digits], type: FLOAT }
  const own = value.type.scale ?? 0
  const isKnown = digits.node === 'constant' && typeof digits.value === 'number'
  const asked = isKnown ? Math.max(0, digits.value as number) : own
  return { args: [value, digits], type: decimalType(Math.min(asked, own)) }
}

const bindTimeUnit =
  (type: SqlType): ScalarFunction['bind'] =>
  (args, site) => {
    const unit = args[0]!
    const name = unit.node === 'constant' ? String(unit.value).toLowerCase() : ''
    if (!TIME_UNITS.includes(name)) {
      throw typeError(`the unit must be written out, one of ${TIME_UNITS.join(', ')}`, site)
    }
    return { args: [constant(name, TEXT), cast(args[1]!, TIMESTAMP, site)], type }
  }

const bindJson =
  (type: SqlType): ScalarFunction['bind'] =>
  (args, site) => {
    const { kind } = args[0]!.type
    if (kind !== 'json' && kind !== 'text' && kind !== 'any' && kind !== 'null') {
      throw typeError(`a value of type ${typeName(args[0]!.type)} is no JSON document`, site)
    }
    const document = kind === 'text' ? cast(args[0]!, JSON_TYPE, site) : args[0]!
    return { args: [document, ...args.slice(1)], type }
  }

function characters(text: string): string[] {
  return Array.from(text)
}

/** SQLite's substr: positions from 1, negative ones from the end, a negative length takes what lies before. */
function substring(text: string, start: number, length: number | undefined): string {
  const units = characters(text)
  if (length === undefined) return units.slice(start > 0 ? start - 1 : start).join('')
  // Position 0 lies before the first character.
  const at = start >= 0 ? start - 1 : units.length + start
  const from = length < 0 ? at + length : at
  const end = length < 0 ? at : at + length
  return units.slice(Math.max(0, from), Math.max(0, end)).join('')
}

function roundFloat(value: number, digits: number): number {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e21) return value
  return Number(value.toFixed(Math.min(Math.max(digits, 0), 100))) + 0
}

const compileRound: CallCompiler = strict((cells, site) => {
  const digits = cells[1] as number
  if (typeof cells[0] === 'number') return roundFloat(cells[0], digits)
  const own = site.call.args[0]!.type.scale ?? 0
  const kept = Math.min(Math.max(digits, 0), own)
  const rounded = rescale(cells[0] as bigint, own, kept)
  return rounded * powerOfTen(Math.max(0, (site.call.type.scale ?? 0) - kept))
})

function trimmed(side: 'both' | 'start' | 'end'): CallCompiler {
  return strict((cells) => {
    const [text, set = ' '] = cells as readonly string[]
    const dropped = new Set(characters(set))
    const units = characters(text!)
    let start = 0
    let end = units.length
    if (side !== 'end') while (start < end && dropped.has(units[start]!)) start++
    if (side !== 'start') while (end > start && dropped.has(units[end - 1]!)) end--
    return units.slice(start, end).join('')
  })
}

const compileCoalesce: CallCompiler = ({ args }) => {
  return (row) => {
    for (const arg of args) {
      const cell = arg(row)
      if (cell !== null) return cell
    }
    return null
  }
}

function extreme(sign: number): CallCompiler {
  return (site) => {
    const compare = comparatorOf(site.call.type)
    return strict((cells) => {
      let best = cells[0] as Cell
      for (const cell of cells) if (compare(cell, best) * sign > 0) best = cell
      return best
    })(site)
  }
}

/** Calls of replace can be nested so that each multiplies the text: the result has a limit. */
function replaceText(cells: readonly Cell[], site: CallSite): Cell {
  const [text, from, to] = cells as readonly [string, string, string]
  if (from === '') return text
  const parts = text.split(from)
  const length = text.length + (parts.length - 1) * (to.length - from.length)
  if (length > VALUE_MAX_BYTES) throw valueError(site, 'the text grows beyond 16 MiB')
  return parts.join(to)
}

function followPath(cells: readonly Cell[], site: CallSite): JsonValue | undefined {
  const path = cells[1] as string
  const steps = parseJsonPath(path)
  if (steps === undefined) throw valueError(site, "a JSON path looks like '$.name[0]'")
  return followJsonPath(cells[0] as JsonValue, steps)
}

function followOperand(cells: readonly Cell[], site: CallSite): JsonValue | undefined {
  const steps = stepsOfOperand(cells[1]!)
  if (steps === undefined)
    throw valueError(site, "-> takes a path like '$.name[0]', a name or a position")
  return followJsonPath(cells[0] as JsonValue, steps)
}

function timeField(unit: string): ScalarFunction {
  return {
    minCount: 1,
    maxCount: 1,
    bind: typed(INT, TIMESTAMP),
    compile: unary((cell) => extractField(unit, cell as number)),
  }
}

function scalar(
  minCount: number,
  maxCount: number,
  bind: ScalarFunction['bind'],
  compile: CallCompiler,
): ScalarFunction {
  return { minCount, maxCount, bind, compile }
}

const ANY_COUNT = 100
const texts = typed(TEXT, TEXT)

const substr = scalar(
  2,
  3,
  typed(TEXT, TEXT, INT),
  strict((cells) =>
    substring(cells[0] as string, cells[1] as number, cells[2] as number | undefined),
  ),
)
const extract = scalar(
  2,
  2,
  bindTimeUnit(INT),
  strict((cells) => extractField(cells[0] as string, cells[1] as number)),
)
const coalesce = scalar(2, ANY_COUNT, unified, compileCoalesce)

export const SCALAR_FUNCTIONS: ReadonlyMap<string, ScalarFunction> = new Map<
  string,
  ScalarFunction
>([
  [
    'abs',
    scalar(
      1,
      1,
      numeric,
      unary((cell) =>
        typeof cell === 'bigint' ? (cell < 0n ? -cell : cell) : Math.abs(cell as number),
      ),
    ),
  ],
  [
    'sign',
    scalar(
      1,
      1,
      (args, site) => ({ ...numeric(args, site), type: INT }),
      unary((cell) => ((cell as number) > 0 ? 1 : (cell as number) < 0 ? -1 : 0)),
    ),
  ],
  ['round', scalar(1, 2, bindRound, compileRound)],
  [
    'ceil',
    scalar(
      1,
      1,
      whole,
      unary((cell) => (typeof cell === 'bigint' ? cell : Math.ceil(cell as number) + 0)),
    ),
  ],
  [
    'floor',
    scalar(
      1,
      1,
      whole,
      unary((cell) => (typeof cell === 'bigint' ? cell : Math.floor(cell as number) + 0)),
    ),
  ],
  [
    'length',
    scalar(
      1,
      1,
      bindLength,
      unary((cell) =>
        typeof cell === 'string' ? characters(cell).length : (cell as Uint8Array).length,
      ),
    ),
  ],
  [
    'lower',
    scalar(
      1,
      1,
      texts,
      unary((cell) => (cell as string).replace(/[A-Z]+/g, (letters) => letters.toLowerCase())),
    ),
  ],
  [
    'upper',
    scalar(
      1,
      1,
      texts,
      unary((cell) => (cell as string).replace(/[a-z]+/g, (letters) => letters.toUpperCase())),
    ),
  ],
  ['substr', substr],
  ['substring', substr],
  ['trim', scalar(1, 2, texts, trimmed('both'))],
  ['ltrim', scalar(1, 2, texts, trimmed('start'))],
  ['rtrim', scalar(1, 2, texts, trimmed('end'))],
  ['replace', scalar(3, 3, texts, strict(replaceText))],
  [
    'instr',
    scalar(
      2,
      2,
      typed(INT, TEXT),
      strict((cells) => {
        const at = (cells[0] as string).indexOf(cells[1] as string)
        return at < 0 ? 0 : characters((cells[0] as string).slice(0, at)).length + 1
      }),
    ),
  ],
  [
    'typeof',
    scalar(
      1,
      1,
      (args) => ({ args, type: TEXT }),
      ({ call, args }) =>
        (cells) =>
          typeOfCell(args[0]!(cells), call.args[0]!.type),
    ),
  ],
  ['coalesce', coalesce],
  ['ifnull', { ...coalesce, maxCount: 2 }],
  ['min', scalar(2, ANY_COUNT, unified, extreme(-1))],
  ['max', scalar(2, ANY_COUNT, unified, extreme(1))],
  [
    'now',
    scalar(
      0,
      0,
      (args) => ({ args, type: TIMESTAMP }),
      ({ scope }) =>
        () =>
          scope.nowMicros,
    ),
  ],
  [
    'date_trunc',
    scalar(
      2,
      2,
      bindTimeUnit(TIMESTAMP),
      strict((cells) => truncateTimestamp(cells[0] as string, cells[1] as number)),
    ),
  ],
  ['extract', extract],
  ['date_part', extract],
  ...TIME_UNITS.map((unit) => [unit, timeField(unit)] as const),
  [
    'strftime',
    scalar(
      2,
      2,
      typed(TEXT, TEXT, TIMESTAMP),
      strict((cells) => strftime(cells[0] as string, cells[1] as number)),
    ),
  ],
  [
    'json_extract',
    scalar(
      2,
      2,
      (args, site) => {
        const bound = bindJson(ANY)(args, site)
        return { ...bound, args: [bound.args[0]!, cast(args[1]!, TEXT, site)] }
      },
      strict((cells, site) => cellOfJson(followPath(cells, site))),
    ),
  ],
  [
    '->',
    scalar(
      2,
      2,
      bindJson(JSON_TYPE),
      strict((cells, site) => followOperand(cells, site) ?? null),
    ),
  ],
  [
    '->>',
    scalar(
      2,
      2,
      bindJson(ANY),
      strict((cells, site) => cellOfJson(followOperand(cells, site))),
    ),
  ],
])

/** The names that SQLite's typeof gives, and our own for the kinds it does not have. */
function typeOfCell(cell: Cell, type: SqlType): string {
  if (cell === null) return 'null'
  if (isTextual(type)) return 'text'
  switch (type.kind) {
    case 'int':
      return 'integer'
    case 'float':
      return 'real'
    case 'any':
      return typeof cell === 'string' ? 'text' : Number.isInteger(cell) ? 'integer' : 'real'
    default:
      return type.kind
  }
}
