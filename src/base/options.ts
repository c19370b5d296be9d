// Settings as data: one entry yields the default, the check at open, the type and the line in docs/options.md.

import { engineError } from './errors.js'
import { GiB, KiB, MiB } from './limits.js'
import { nearestName } from './spelling.js'

/** A whole number within a range. */
export interface NumberSetting {
  readonly kind: 'bytes' | 'count' | 'milliseconds'
  readonly default: number
  readonly min: number
  readonly max: number
  readonly doc: string
}

export interface BooleanSetting {
  readonly kind: 'boolean'
  readonly default: boolean
  readonly doc: string
}

export interface ChoiceSetting<Value extends string = string> {
  readonly kind: 'choice'
  readonly default: Value
  readonly values: readonly Value[]
  readonly doc: string
}

export type Setting = NumberSetting | BooleanSetting | ChoiceSetting
export type SettingsTable = Readonly<Record<string, Setting>>

type SettingValue<Entry extends Setting> = Entry extends NumberSetting
  ? number
  : Entry extends BooleanSetting
    ? boolean
    : Entry extends ChoiceSetting<infer Value>
      ? Value
      : never

/** Every setting of a table with its value. */
export type Settings<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: SettingValue<Table[Name]>
}

/** What a caller may give: any of the settings; undefined means the default. */
export type GivenSettings<Table extends SettingsTable> = {
  readonly [Name in keyof Table]?: SettingValue<Table[Name]> | undefined
}

type NumberEntry = Omit<NumberSetting, 'kind'>

/** Makes the entries of a settings table. */
export const setting = {
  bytes: (entry: NumberEntry): NumberSetting => ({ kind: 'bytes', ...entry }),
  count: (entry: NumberEntry): NumberSetting => ({ kind: 'count', ...entry }),
  milliseconds: (entry: NumberEntry): NumberSetting => ({ kind: 'milliseconds', ...entry }),
  boolean: (entry: Omit<BooleanSetting, 'kind'>): BooleanSetting => ({ kind: 'boolean', ...entry }),
  choice: <const Value extends string>(
    entry: Omit<ChoiceSetting<Value>, 'kind'>,
  ): ChoiceSetting<Value> => ({ kind: 'choice', ...entry }),
} as const

/**
 * Checks what a caller gave against a table and fills in the defaults.
 *
 * @throws OPTION_UNKNOWN when a name is not in the table; details: option, and nearest when one is alike
 * @throws OPTION_OUT_OF_RANGE when a value is of the wrong type or outside its range; details: option, allowed
 */
export function readSettings<Table extends SettingsTable>(
  table: Table,
  given: GivenSettings<Table>,
): Settings<Table> {
  const values: Record<string, unknown> = {}
  for (const [name, entry] of Object.entries(table)) values[name] = entry.default
  for (const [name, value] of Object.entries(given)) {
    const entry = Object.hasOwn(table, name) ? table[name] : undefined
    if (entry === undefined) throw unknownOption(name, Object.keys(table))
    if (value === undefined) continue
    if (!isAllowed(entry, value)) throw outOfRange(name, entry, value)
    values[name] = value
  }
  return values as Settings<Table>
}

/**
 * Checks the options of a call.
 *
 * @throws ARGUMENT_INVALID when they are no object
 * @throws OPTION_UNKNOWN details: option
 */
export function checkOptionNames(call: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) {
    throw engineError('ARGUMENT_INVALID', `${call} takes its options as an object`)
  }
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw engineError(
    'OPTION_UNKNOWN',
    `${call} has no option ${unknown}; there are: ${known.join(', ')}`,
    { details: { option: unknown } },
  )
}

/** @throws ARGUMENT_INVALID unless it is a whole number above 0 */
export function checkCount(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) > 0) return
  const found = typeof value === 'number' ? String(value) : describeForeign(value)
  throw engineError('ARGUMENT_INVALID', `${name} must be a whole number above 0, not ${found}`)
}

/** @throws ARGUMENT_INVALID */
export function checkFunction(call: string, fn: unknown): void {
  if (typeof fn === 'function') return
  throw engineError('ARGUMENT_INVALID', `${call}() takes a function, not ${describeForeign(fn)}`)
}

/** What an entry allows, in words: `1 MiB to 1 GiB`. */
export function describeRange(entry: Setting): string {
  if (entry.kind === 'boolean') return 'true or false'
  if (entry.kind === 'choice') return entry.values.map((value) => `'${value}'`).join(', ')
  return `${describeValue(entry, entry.min)} to ${describeValue(entry, entry.max)}`
}

/** A value of an entry in words: `64 MiB`, `250 ms`, `1 d`. */
export function describeValue(entry: Setting, value: number | boolean | string): string {
  if (typeof value === 'string') return `'${value}'`
  if (typeof value === 'boolean' || entry.kind === 'boolean') return String(value)
  if (entry.kind === 'bytes') return inUnits(value, BYTE_UNITS, 'bytes')
  return entry.kind === 'milliseconds' ? inUnits(value, TIME_UNITS, 'ms') : grouped(value)
}

type Units = readonly (readonly [unit: string, size: number])[]

const BYTE_UNITS: Units = [
  ['GiB', GiB],
  ['MiB', MiB],
  ['KiB', KiB],
]
const TIME_UNITS: Units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]

/** In the largest unit of which it is a whole number. */
function inUnits(value: number, units: Units, smallest: string): string {
  for (const [unit, size] of units) {
    if (value >= size && value % size === 0) return `${grouped(value / size)} ${unit}`
  }
  return `${grouped(value)} ${smallest}`
}

/** Digits in groups of three, the same in every locale. */
function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

function isAllowed(entry: Setting, value: unknown): boolean {
  if (entry.kind === 'boolean') return typeof value === 'boolean'
  if (entry.kind === 'choice') return entry.values.includes(value as string)
  return Number.isSafeInteger(value) && entry.min <= Number(value) && Number(value) <= entry.max
}

function unknownOption(name: string, known: readonly string[]): Error {
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? `there are: ${known.join(', ')}` : `did you mean ${nearest}?`
  return engineError('OPTION_UNKNOWN', `there is no option ${name}; ${hint}`, {
    details: nearest === undefined ? { option: name } : { option: name, nearest },
  })
}

function outOfRange(name: string, entry: Setting, value: unknown): Error {
  const allowed = describeRange(entry)
  const number = entry.kind === 'boolean' || entry.kind === 'choice' ? '' : 'a whole number, '
  const found = typeof value === 'number' ? String(value) : describeForeign(value)
  return engineError('OPTION_OUT_OF_RANGE', `${name} must be ${number}${allowed}, not ${found}`, {
    details: { option: name, allowed, found },
  })
}

/** What was passed instead of something else; never calls code of the value. */
export function describeForeign(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  return value === null ? 'null' : typeof value
}
