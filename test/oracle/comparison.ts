// Whether two answers are the same. What is let through here is documented in docs/sql.md:
//
//   booleans   true and false of ours are 1 and 0 of theirs
//   decimals   texts of ours are cents of theirs; averages have six digits more than what is averaged, theirs are floats
//   floats     sums and averages may differ in the last digits; SQLite hands out whole ones of group keys as integers
//   group_concat   any order of its parts
//   refusals   an int result beyond 2^53 is an error of ours, a sum beyond 2^63 one of theirs

import type { ResultKind } from './statements.js'

export type Theirs = bigint | number | string | null

const REFUSED =
  /beyond 2\^53|the result of sum is too large|a value of type (?:text|float|decimal\(\d+\)) cannot be read as int/

/** Rows of ours as texts, to compare them with each other; in any order unless the statement says which. */
export function rowTexts(
  kinds: readonly ResultKind[],
  rows: readonly (readonly unknown[])[],
  isOrdered: boolean,
): string[] {
  const texts = rows.map((row) => row.map((value, i) => sortKey(kinds[i]!, value)).join('\u0001'))
  return isOrdered ? texts : texts.toSorted()
}

/** Errors by which we refuse what SQLite would round or carry to 64 bits. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && REFUSED.test(error.message)
}

/** What differs, in words; undefined when nothing does. */
export function difference(
  kinds: readonly ResultKind[],
  ours: readonly (readonly unknown[])[],
  theirs: readonly (readonly Theirs[])[],
  isOrdered: boolean,
): string | undefined {
  if (ours.length !== theirs.length) return `${ours.length} rows, SQLite has ${theirs.length}`
  const left = isOrdered ? ours : inAnyOrder(kinds, ours)
  const right = isOrdered ? theirs : inAnyOrder(kinds, theirs)
  for (const [i, row] of left.entries()) {
    const column = kinds.findIndex((kind, c) => !isSame(kind, row[c], right[i]![c]!))
    if (column >= 0) {
      return `row ${i}, column ${column} (${kinds[column]}): ${show(row[column])}, SQLite has ${show(right[i]![column])}`
    }
  }
  return undefined
}

function isSame(kind: ResultKind, ours: unknown, theirs: Theirs): boolean {
  if (ours === null || theirs === null) return ours === theirs
  switch (kind) {
    case 'int':
    case 'boolean':
      return (
        typeof theirs === 'bigint' &&
        Number.isInteger(Number(ours)) &&
        BigInt(Number(ours)) === theirs
      )
    case 'float':
      return typeof ours === 'number' && isClose(ours, Number(theirs), 1e-12)
    case 'decimal':
      return typeof theirs === 'bigint' && centsOf(ours) === theirs
    case 'averageDecimal':
      return typeof ours === 'string' && isClose(Number(ours), Number(theirs), 6e-7)
    case 'concatenation':
      return letters(ours) === letters(theirs)
    default:
      return ours === theirs
  }
}

function isClose(a: number, b: number, tolerance: number): boolean {
  return a === b || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b))
}

function centsOf(value: unknown): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d{1,2})0*)?$/.exec(String(value))
  if (match === null || typeof value !== 'string') return undefined
  const cents = BigInt(match[2]! + (match[3] ?? '').padEnd(2, '0'))
  return match[1] === '-' ? -cents : cents
}

function letters(text: unknown): string {
  return Array.from(String(text)).toSorted().join('')
}

function inAnyOrder<Row extends readonly unknown[]>(
  kinds: readonly ResultKind[],
  rows: readonly Row[],
): Row[] {
  const keyed = rows.map((row) => ({
    row,
    key: kinds.map((kind, i) => sortKey(kind, row[i])).join('\u0001'),
  }))
  return keyed
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ row }) => row)
}

function sortKey(kind: ResultKind, value: unknown): string {
  if (value === null) return '\0'
  switch (kind) {
    case 'float':
      return (Number(value) + 0).toPrecision(14)
    case 'averageDecimal':
      return Number(value).toFixed(5)
    case 'decimal':
      return String(typeof value === 'bigint' ? value : centsOf(value))
    case 'concatenation':
      return letters(value)
    case 'text':
      return String(value)
    default:
      return String(Number(value))
  }
}

/** SQLite's sums of cents end at 64 bits, ours of decimals do not. */
export function isOverflow(error: unknown): boolean {
  return error instanceof Error && error.message === 'integer overflow'
}

export function show(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
}
