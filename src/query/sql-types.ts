// The static types of expressions. Cells alone do not tell an int from a float or a timestamp, so every expression knows
// its type before the first row is read.

import type { ColumnKind } from '../codec/cell.js'

/** `null` is the type of a bare NULL, `any` that of values whose kind shows only at run time (out of JSON documents). */
export type SqlKind = ColumnKind | 'null' | 'any'

export interface SqlType {
  readonly kind: SqlKind
  /** decimal: digits behind the point; the cell counts units of 10^-scale. */
  readonly scale?: number
  /** timestamp: 6 when users see a bigint of microseconds instead of a Date. */
  readonly precision?: number
}

export const NULL: SqlType = { kind: 'null' }
export const INT: SqlType = { kind: 'int' }
export const FLOAT: SqlType = { kind: 'float' }
export const BIGINT: SqlType = { kind: 'bigint' }
export const TEXT: SqlType = { kind: 'text' }
export const BYTES: SqlType = { kind: 'bytes' }
export const BOOLEAN: SqlType = { kind: 'boolean' }
export const TIMESTAMP: SqlType = { kind: 'timestamp' }
export const ANY: SqlType = { kind: 'any' }
export const JSON_TYPE: SqlType = { kind: 'json' }

/** Digits behind the point that exact results may have. */
export const DECIMAL_SCALE_MAX = 38

export function decimalType(scale: number): SqlType {
  return { kind: 'decimal', scale }
}

export function isTextual(type: SqlType): boolean {
  return type.kind === 'text' || type.kind === 'uuid' || type.kind === 'enum'
}

/** Kinds whose cells JavaScript's own < and > order, also against each other. */
export function isPlainNumber(type: SqlType): boolean {
  const { kind } = type
  return kind === 'int' || kind === 'float' || kind === 'bigint' || kind === 'boolean'
}

export function isDynamic(type: SqlType): boolean {
  return type.kind === 'any' || type.kind === 'json'
}

/** Whether cells of both types can stand in one column without conversion. */
export function isSameType(a: SqlType, b: SqlType): boolean {
  return a.kind === b.kind && a.scale === b.scale
}

/** The type that holds the values of several branches; undefined when they do not go together. */
export function unifyTypes(types: readonly SqlType[]): SqlType | undefined {
  let unified: SqlType = NULL
  for (const type of types) {
    const next = unifyPair(unified, type)
    if (next === undefined) return undefined
    unified = next
  }
  return unified
}

function unifyPair(a: SqlType, b: SqlType): SqlType | undefined {
  if (a.kind === 'null') return b
  if (b.kind === 'null' || isSameType(a, b)) return a
  if (isTextual(a) && isTextual(b)) return TEXT
  const kinds = new Set([a.kind, b.kind])
  if (isNumeric(a) && isNumeric(b)) {
    if (kinds.has('float')) return FLOAT
    if (kinds.has('decimal')) return decimalType(Math.max(a.scale ?? 0, b.scale ?? 0))
    return kinds.has('bigint') ? BIGINT : INT
  }
  // Values that tell their own kind at run time may mix; units and microseconds do not.
  return isSelfDescribing(a) && isSelfDescribing(b) ? ANY : undefined
}

export function isNumeric(type: SqlType): boolean {
  return isPlainNumber(type) || type.kind === 'decimal'
}

function isSelfDescribing(type: SqlType): boolean {
  return isPlainNumber(type) || isTextual(type) || isDynamic(type)
}

/** The type as a person writes it. */
export function typeName(type: SqlType): string {
  return type.kind === 'decimal' ? `decimal(${type.scale ?? 0})` : type.kind
}
