// `table(name, columns, options)`: what a program says about a table, checked here and by the compiler.

import { EngineError, engineError } from '../base/errors.js'
import { COLUMN_MAX_COUNT, IDENTIFIER_MAX_BYTES, INDEX_MAX_COUNT } from '../base/limits.js'
import { isWellFormed } from '../codec/bytes.js'
import { valueToCell } from './cell-values.js'
import { Column, type ColumnInput, type ColumnValue } from './column-types.js'
import type {
  ColumnDeclaration,
  IndexDeclaration,
  KeyPart,
  TableDeclaration,
} from './definition.js'
import { HISTORY_WINDOW_RANGE, isHistoryWindow } from './history-window.js'

export type Columns = Readonly<Record<string, Column>>

/** Names of columns that an index can cover: all but json. */
export type IndexableColumn<C extends Columns> = {
  [Name in keyof C & string]: C[Name]['kind'] extends 'json' ? never : Name
}[keyof C & string]

/** Names of columns that a primary key can have: those that are never null, and not json. */
export type KeyColumn<C extends Columns> = {
  [Name in IndexableColumn<C>]: null extends ColumnValue<C[Name]> ? never : Name
}[IndexableColumn<C>]

const TABLE_OPTIONS = ['primaryKey', 'indexes', 'historyWindowMs']

/** A column of a key, ascending when only named. */
export type PartSpec<Name extends string> =
  | Name
  | { readonly column: Name; readonly descending?: boolean }

export type IndexSpec<Name extends string> =
  | readonly [PartSpec<Name>, ...PartSpec<Name>[]]
  | {
      readonly columns: readonly [PartSpec<Name>, ...PartSpec<Name>[]]
      /** No two rows may hold the same values; rows with a null among them may. */
      readonly unique?: boolean
    }

export interface TableOptions<PrimaryKey, Indexes> {
  readonly primaryKey: PrimaryKey
  readonly indexes?: Indexes
  /** How long superseded rows stay, where a tenant does not say otherwise; default: as the database's. May be changed. */
  readonly historyWindowMs?: number
}

declare const tableTypes: unique symbol

/** A declared table. `Row`, `Insert`, `Key` and `IndexName` read its types. */
export interface Table<
  C extends Columns = Columns,
  PrimaryKey extends readonly PartSpec<string>[] = readonly PartSpec<string>[],
  Index extends string = string,
> {
  readonly declaration: TableDeclaration
  /** Only the compiler sees this. */
  readonly [tableTypes]?: {
    readonly columns: C
    readonly primaryKey: PrimaryKey
    readonly index: Index
  }
}

/** Any table, whatever its columns. */
export type AnyTable = Table

type Flat<T> = { [Name in keyof T]: T[Name] } & {}
type OptionalName<C extends Columns> = {
  [Name in keyof C]: C[Name] extends Column<unknown, unknown, true> ? Name : never
}[keyof C]
type NameOf<Part> = Part extends { readonly column: infer Name } ? Name : Part

type RowOf<C extends Columns> = { -readonly [Name in keyof C]: ColumnValue<C[Name]> }
type InsertOf<C extends Columns> = Flat<
  { -readonly [Name in Exclude<keyof C, OptionalName<C>>]: ColumnInput<C[Name]> } & {
    -readonly [Name in OptionalName<C>]?: ColumnInput<C[Name]> | undefined
  }
>
type KeyTupleOf<C extends Columns, Parts> = {
  readonly [I in keyof Parts]: NameOf<Parts[I]> extends infer Name extends keyof C
    ? ColumnInput<C[Name]>
    : never
}

/** What reading a row of the table gives. */
export type Row<T extends AnyTable> =
  T extends Table<infer C, infer _P, infer _I> ? RowOf<C> : never

/** What a new row takes: nullable columns and those with a default may be left out. */
export type Insert<T extends AnyTable> =
  T extends Table<infer C, infer _P, infer _I> ? InsertOf<C> : never

/** What an update takes: any columns. */
export type Update<T extends AnyTable> = Partial<Insert<T>>

/** The primary key: a tuple, or the bare value when it is one column. */
export type Key<T extends AnyTable> =
  T extends Table<infer C, infer Parts, infer _I>
    ? KeyTupleOf<C, Parts> extends infer Tuple
      ? Tuple extends readonly [infer Only]
        ? Only | readonly [Only]
        : Tuple
      : never
    : never

type KeyValuesOf<C extends Columns, Parts> = {
  readonly [I in keyof Parts]: NameOf<Parts[I]> extends infer Name extends keyof C
    ? ColumnValue<C[Name]>
    : never
}

/** The primary key as it is read: an array of values, or the bare value when it is one column. */
export type KeyValue<T extends AnyTable> =
  T extends Table<infer C, infer Parts, infer _I>
    ? KeyValuesOf<C, Parts> extends infer Values
      ? Values extends readonly [infer Only]
        ? Only
        : Values
      : never
    : never

/** The names of the table's secondary indexes. */
export type IndexName<T extends AnyTable> =
  T extends Table<infer _C, infer _P, infer Index> ? Index : never

/**
 * Declares a table.
 *
 * @param name  names the table in storage and in SQL
 * @throws SCHEMA_INVALID
 * @example
 * const orders = table('orders', { id: t.text(), status: t.enum(['new', 'paid']), at: t.timestamp() },
 *   { primaryKey: ['id'], indexes: { byStatus: ['status', { column: 'at', descending: true }] } })
 */
export function table<
  C extends Columns,
  const PrimaryKey extends readonly [PartSpec<KeyColumn<C>>, ...PartSpec<KeyColumn<C>>[]],
  const Indexes extends Readonly<Record<string, IndexSpec<IndexableColumn<C>>>> = {},
>(
  name: string,
  columns: C,
  options: TableOptions<PrimaryKey, Indexes>,
): Table<C, PrimaryKey, keyof Indexes & string> {
  return { declaration: declareTable(name, columns, options) }
}

function declareTable(
  name: string,
  columns: Columns,
  options: TableOptions<readonly PartSpec<string>[], Readonly<Record<string, IndexSpec<string>>>>,
): TableDeclaration {
  checkName('a table', name)
  checkOptions(name, 'options', options, TABLE_OPTIONS)
  const entries = ownEntries(name, 'columns', columns)
  if (entries.length === 0 || entries.length > COLUMN_MAX_COUNT) {
    throw invalid(name, `it has ${entries.length} columns, not 1..${COLUMN_MAX_COUNT}`)
  }
  const declared = entries.map(([column, type]) => declareColumn(name, column, type))
  const byName = new Map(declared.map((column) => [column.name, column]))
  const keyOf = (what: string, parts: unknown) => declareKey(name, what, byName, parts)
  const primaryKey = keyOf('the primary key', options.primaryKey)
  for (const part of primaryKey) {
    if (byName.get(part.column)!.isNullable) {
      throw invalid(name, `the primary key names ${part.column}, which can be null`)
    }
  }
  const indexes = ownEntries(name, 'indexes', options.indexes ?? {}).map(([index, spec]) =>
    declareIndex(name, index, spec, keyOf),
  )
  if (indexes.length > INDEX_MAX_COUNT) {
    throw invalid(name, `it has ${indexes.length} indexes, more than ${INDEX_MAX_COUNT}`)
  }
  const { historyWindowMs } = options
  if (historyWindowMs === undefined) return { name, columns: declared, primaryKey, indexes }
  if (!isHistoryWindow(historyWindowMs)) {
    throw invalid(name, `historyWindowMs must be ${HISTORY_WINDOW_RANGE}`)
  }
  return { name, columns: declared, primaryKey, indexes, historyWindowMs }
}

function declareColumn(tableName: string, name: string, type: unknown): ColumnDeclaration {
  checkName(`a column of ${tableName}`, name)
  if (!(type instanceof Column)) {
    throw invalid(tableName, `column ${name} is not made by t.text(), t.int(), ...`)
  }
  const column: ColumnDeclaration = {
    name,
    kind: type.kind,
    isNullable: type.isNullable,
    ...type.facets,
  }
  if (type.defaultValue === undefined) return column
  try {
    return { ...column, default: copyOf(valueToCell(tableName, column, type.defaultValue)) }
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause
    throw invalid(tableName, `the default of ${name} does not fit it: ${cause.message}`, cause)
  }
}

/** The program keeps its own array or object. */
function copyOf<T>(cell: T): T {
  return typeof cell === 'object' ? structuredClone(cell) : cell
}

function declareIndex(
  tableName: string,
  name: string,
  spec: IndexSpec<string>,
  keyOf: (what: string, parts: unknown) => KeyPart[],
): IndexDeclaration {
  checkName(`an index of ${tableName}`, name)
  const what = `index ${name}`
  if (Array.isArray(spec)) return { name, isUnique: false, parts: keyOf(what, spec) }
  const options = spec as { readonly columns?: unknown; readonly unique?: unknown }
  checkOptions(tableName, what, options, ['columns', 'unique'])
  const isUnique = booleanOf(tableName, `${what}: unique`, options.unique)
  return { name, isUnique, parts: keyOf(what, options.columns) }
}

function declareKey(
  tableName: string,
  what: string,
  columns: ReadonlyMap<string, ColumnDeclaration>,
  parts: unknown,
): KeyPart[] {
  if (!Array.isArray(parts) || parts.length === 0) {
    throw invalid(tableName, `${what} is not a list of columns`)
  }
  const seen = new Set<string>()
  return parts.map((part: PartSpec<string> | undefined) => {
    const name = typeof part === 'string' ? part : part?.column
    if (typeof part === 'object') checkOptions(tableName, what, part, ['column', 'descending'])
    const column = name === undefined ? undefined : columns.get(name)
    if (name === undefined || column === undefined) {
      throw invalid(tableName, `${what} names ${JSON.stringify(name)}, which is not a column`)
    }
    if (column.kind === 'json') {
      throw invalid(tableName, `${what} names ${name}: json has no order`)
    }
    if (seen.has(name)) throw invalid(tableName, `${what} names ${name} twice`)
    seen.add(name)
    const descending = typeof part === 'object' ? part.descending : undefined
    return {
      column: name,
      isDescending: booleanOf(tableName, `${what}: descending`, descending),
    }
  })
}

/** What is written wrong must not be as if it were not there: a rule of the data would be missing. */
function checkOptions(
  tableName: string,
  what: string,
  given: unknown,
  known: readonly string[],
): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(tableName, `${what} must be an object`)
  }
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return
  const shown = JSON.stringify(unknown.slice(0, 64))
  throw invalid(tableName, `${what}: there is no option ${shown}; there are: ${known.join(', ')}`)
}

function booleanOf(tableName: string, what: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true
  throw invalid(tableName, `${what} is true or false`)
}

/** Entries of an object literal. A literal `__proto__:` sets the prototype instead of a property: seen here, not lost. */
function ownEntries<Value>(
  tableName: string,
  what: string,
  object: Readonly<Record<string, Value>>,
): [string, Value][] {
  const isObject = typeof object === 'object' && object !== null && !Array.isArray(object)
  if (!isObject) throw invalid(tableName, `its ${what} are not an object`)
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw invalid(tableName, `its ${what} are not a plain object; __proto__ cannot be a name`)
  }
  return Object.entries(object)
}

function checkName(what: string, name: unknown): void {
  const isFit =
    typeof name === 'string' &&
    name !== '' &&
    name !== '__proto__' &&
    isWellFormed(name) &&
    !/\p{Cc}/u.test(name) &&
    Buffer.byteLength(name) <= IDENTIFIER_MAX_BYTES
  if (isFit) return
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 64)) : typeof name
  throw engineError(
    'SCHEMA_INVALID',
    `${what} cannot be named ${shown}: names are 1..${IDENTIFIER_MAX_BYTES} bytes of text without control characters, and not __proto__`,
  )
}

function invalid(tableName: string, problem: string, cause?: unknown): EngineError {
  return engineError('SCHEMA_INVALID', `table ${tableName}: ${problem}`, {
    details: { table: tableName },
    ...(cause === undefined ? {} : { cause }),
  })
}
