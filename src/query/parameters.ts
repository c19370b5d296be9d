// Values that callers bind: their types decide the plan, their cells the answer.

import { engineError } from '../base/errors.js'
import type { Cell } from '../codec/cell.js'
import { toJsonValue } from '../codec/json.js'
import type { ParsedStatement } from './ast.js'
import {
  BIGINT,
  BOOLEAN,
  BYTES,
  FLOAT,
  INT,
  JSON_TYPE,
  NULL,
  type SqlType,
  TEXT,
  TIMESTAMP,
} from './sql-types.js'

/** One value per `?` or `$1`, or by name for `:name`. */
export type SqlParameters = readonly unknown[] | Readonly<Record<string, unknown>>

export interface BoundParameters {
  /** Equal for parameters that share a plan. */
  readonly signature: string
  type(key: number | string): SqlType
  cell(key: number | string): Cell
}

interface TypedCell {
  readonly type: SqlType
  readonly cell: Cell
}

/** @throws SQL_PARAMETER when values are missing, left over, or of no type that SQL has */
export function bindParameters(parsed: ParsedStatement, given: SqlParameters): BoundParameters {
  const values = new Map<number | string, TypedCell>()
  if (parsed.parameterNames.length > 0) bindNamed(parsed.parameterNames, given, values)
  else bindNumbered(parsed.parameterCount, given, values)
  return {
    signature: [...values.values()].map(({ type }) => type.kind).join(),
    type: (key) => values.get(key)!.type,
    cell: (key) => values.get(key)!.cell,
  }
}

function bindNumbered(
  count: number,
  given: SqlParameters,
  values: Map<number | string, TypedCell>,
): void {
  const list = Array.isArray(given) ? (given as readonly unknown[]) : Object.values(given)
  if (!Array.isArray(given) && (count > 0 || list.length > 0)) {
    throw mismatch('the placeholders are numbered: pass an array of values')
  }
  if (list.length !== count) {
    throw mismatch(`the statement has ${count} placeholders, ${list.length} values were passed`)
  }
  for (let i = 0; i < count; i++) values.set(i, typedCell(list[i], `parameter ${i + 1}`))
}

function bindNamed(
  names: readonly string[],
  given: SqlParameters,
  values: Map<number | string, TypedCell>,
): void {
  if (Array.isArray(given)) {
    throw mismatch('the placeholders are named: pass an object of values by name')
  }
  const record = given as Readonly<Record<string, unknown>>
  for (const name of names) {
    if (!Object.hasOwn(record, name)) throw mismatch(`no value for the placeholder :${name}`)
    values.set(name, typedCell(record[name], `parameter :${name}`))
  }
  const extra = Object.keys(record).find((name) => !names.includes(name))
  if (extra !== undefined) throw mismatch(`no placeholder is called :${extra}`)
}

function mismatch(message: string): Error {
  return engineError('SQL_PARAMETER', message)
}

function typedCell(value: unknown, what: string): TypedCell {
  switch (typeof value) {
    case 'string':
      return { type: TEXT, cell: value }
    case 'number':
      if (Number.isNaN(value)) throw mismatch(`${what} is NaN, which SQL does not have`)
      return { type: Number.isSafeInteger(value) ? INT : FLOAT, cell: value + 0 }
    case 'bigint':
      return { type: BIGINT, cell: value }
    case 'boolean':
      return { type: BOOLEAN, cell: value }
    case 'object':
      return objectCell(value, what)
    default:
      throw mismatch(`${what} is ${typeof value}: pass null for NULL`)
  }
}

function objectCell(value: object | null, what: string): TypedCell {
  if (value === null) return { type: NULL, cell: null }
  if (value instanceof Uint8Array) return { type: BYTES, cell: value }
  if (!(value instanceof Date)) return { type: JSON_TYPE, cell: documentCell(value, what) }
  const micros = value.getTime() * 1000
  if (!Number.isSafeInteger(micros)) throw mismatch(`${what} is no valid Date`)
  return { type: TIMESTAMP, cell: micros }
}

function documentCell(value: object, what: string): Cell {
  try {
    return toJsonValue(value)
  } catch (cause) {
    throw engineError('SQL_PARAMETER', `${what} is no JSON value`, { cause })
  }
}
