// Random tables for both sides, and random rows. Ours get secondary indexes that SQLite does not have: whatever way a query
// takes, the answer is the same.

import type { Seeded } from '../model/seeded.js'
import { type AnyTable, t, table } from '../../dist/index.js'
import { pair, type Sql } from './dialects.js'

export type Kind = 'int' | 'float' | 'text' | 'decimal' | 'boolean'

/** A value of a row: cents for decimals, 1 and 0 for booleans. */
export type Value = number | string | null

export interface ColumnModel {
  readonly name: string
  readonly kind: Kind
  readonly isNullable: boolean
}

export interface TableModel {
  readonly name: string
  readonly columns: readonly ColumnModel[]
  readonly primaryKey: readonly string[]
  readonly indexes: Readonly<Record<string, IndexModel>>
}

interface IndexModel {
  readonly columns: readonly { readonly column: string; readonly descending: boolean }[]
  readonly unique: boolean
}

const PREFIXES: Readonly<Record<Kind, string>> = {
  int: 'i',
  float: 'f',
  text: 's',
  decimal: 'd',
  boolean: 'b',
}

const TEXTS =
  "|a|ab|B|b|Ab|aB|12|-3|1.5|1e2| 7|0x10|12abc|\u00e9|\u00c9|\u{1f600}|\uffee|a\u{1f600}b|%|_|a%b|it's|null|  x |zz"
    .split('|')
    .map((text) => text.normalize('NFC'))

export function randomTables(random: Seeded, tableCount: number): TableModel[] {
  return Array.from({ length: tableCount }, (_, i) => randomTable(random, `t${i}`))
}

function randomTable(random: Seeded, name: string): TableModel {
  const kinds: Kind[] = ['int', 'int', 'float', 'text', 'text', 'decimal']
  if (random.chance(0.6)) kinds.push('boolean')
  if (random.chance(0.3)) kinds.push('float')
  const counts = new Map<Kind, number>()
  const columns = kinds.map((kind): ColumnModel => {
    const count = counts.get(kind) ?? 0
    counts.set(kind, count + 1)
    return { name: `${PREFIXES[kind]}${count}`, kind, isNullable: random.chance(0.75) }
  })
  const keys: ColumnModel[] = random.pick([
    [{ name: 'id', kind: 'int' as const, isNullable: false }],
    [{ name: 'id', kind: 'text' as const, isNullable: false }],
    [
      { name: 'k', kind: random.pick<Kind>(['text', 'float', 'decimal']), isNullable: false },
      { name: 'id', kind: 'int' as const, isNullable: false },
    ],
  ])
  const all = [...keys, ...columns]
  const indexes: Record<string, IndexModel> = {}
  const indexCount = random.below(4)
  for (let i = 0; i < indexCount; i++) indexes[`x${i}`] = randomIndex(random, all, keys)
  return { name, columns: all, primaryKey: keys.map((key) => key.name), indexes }
}

function randomIndex(
  random: Seeded,
  columns: readonly ColumnModel[],
  keys: readonly ColumnModel[],
): IndexModel {
  const chosen = new Set<string>()
  const partCount = 1 + random.below(3)
  while (chosen.size < partCount) chosen.add(random.pick(columns).name)
  // Unique by way of the primary key: rows never violate it, and the other layout of its entries is covered.
  const unique = random.chance(0.2)
  if (unique) for (const { name } of keys) chosen.add(name)
  return {
    columns: [...chosen].map((column) => ({ column, descending: random.chance(0.3) })),
    unique,
  }
}

/** Our declaration; `name` and no indexes make a twin of the same rows. */
export function declare(model: TableModel, name = model.name, isIndexed = true): AnyTable {
  const columns = Object.fromEntries(
    model.columns.map((column) => {
      const base = columnOf(column.kind)
      return [column.name, column.isNullable ? base.nullable() : base]
    }),
  )
  return table(name, columns, {
    primaryKey: model.primaryKey,
    ...(isIndexed && { indexes: model.indexes }),
  } as never) as AnyTable
}

function columnOf(kind: Kind) {
  switch (kind) {
    case 'int':
      return t.int()
    case 'float':
      return t.float()
    case 'decimal':
      return t.decimal(18, 2)
    case 'boolean':
      return t.boolean()
    default:
      return t.text()
  }
}

const SQLITE_TYPES: Readonly<Record<Kind, string>> = {
  int: 'int',
  float: 'real',
  text: 'text',
  decimal: 'int',
  boolean: 'int',
}

export function sqliteDeclaration(model: TableModel): string {
  const columns = model.columns.map(
    ({ name, kind, isNullable }) => `${name} ${SQLITE_TYPES[kind]}${isNullable ? '' : ' not null'}`,
  )
  return `create table ${model.name} (${columns.join(', ')}, primary key (${model.primaryKey.join(', ')}))`
}

export function randomRows(random: Seeded, model: TableModel, count: number): Value[][] {
  const rows = new Map<string, Value[]>()
  for (let i = 0; i < count; i++) {
    const row = model.columns.map(({ name, kind, isNullable }) => {
      if (name === 'id') return kind === 'int' ? random.below(40) - 5 : `k${random.below(40)}`
      return isNullable && random.chance(0.2) ? null : randomValue(random, kind)
    })
    const key = model.primaryKey.map((name) => row[columnIndex(model, name)])
    rows.set(JSON.stringify(key), row)
  }
  return [...rows.values()]
}

export function columnIndex(model: TableModel, name: string): number {
  return model.columns.findIndex((column) => column.name === name)
}

/** Few different values, so that conditions meet some. Floats are sums of quarters: their sums are exact in any order. */
export function randomValue(random: Seeded, kind: Kind): number | string {
  switch (kind) {
    case 'int':
      return random.chance(0.02)
        ? random.pick([2 ** 31, -(2 ** 40), 2 ** 53 - 1])
        : random.below(14) - 4
    case 'float':
      return random.chance(0.05)
        ? random.pick([1e6, -12345.75, 2 ** 33])
        : (random.below(40) - 16) / 4
    case 'decimal':
      return random.chance(0.3) ? (random.below(9) - 3) * 100 : random.below(3000) - 1000
    case 'boolean':
      return random.below(2)
    default:
      return random.pick(TEXTS)
  }
}

/** A value written out. */
export function literal(value: Value, kind: Kind): Sql {
  if (value === null) return pair('null', 'null')
  if (typeof value === 'string') {
    const quoted = `'${value.replaceAll("'", "''")}'`
    return pair(quoted, quoted)
  }
  if (kind === 'decimal')
    return pair(`cast('${centsText(value)}' as decimal(18, 2))`, digitsOf(value))
  if (kind === 'boolean') return pair(value === 1 ? 'true' : 'false', String(value))
  const text = digitsOf(value, kind === 'float')
  return pair(text, text)
}

function digitsOf(value: number, isFloat = false): string {
  const digits = String(value)
  const text = isFloat && Number.isInteger(value) ? `${digits}.0` : digits
  return value < 0 ? `(${text})` : text
}

export function centsText(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, '0')
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}
