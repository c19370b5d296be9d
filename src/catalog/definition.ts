// Table definitions as plain data. A declaration is what a program says; a definition is what the catalog stores: the
// declaration with numbers in place.
//
// Invariants:
// 1. `columns` only grows at its end, and a column never changes kind, nullability or default. So the columns of schema
//    version v are those with sinceVersion <= v, in the same order, and rows of every version stay readable.
// 2. An index id is never given twice within a table, not even when building the index failed.

import { engineError } from '../base/errors.js'
import { describeForeign } from '../base/options.js'
import type { Cell, ColumnKind } from '../codec/cell.js'

export interface ColumnDeclaration {
  readonly name: string
  readonly kind: ColumnKind
  readonly isNullable: boolean
  /** What a new row gets that names no value, and an old row that was written before the column existed. */
  readonly default?: Cell
  /** decimal: digits in all. timestamp: digits of the second, 3 (a Date for users) or 6 (a bigint of microseconds). */
  readonly precision?: number
  /** decimal: digits behind the point. */
  readonly scale?: number
  /** enum: the values; rows store positions in this list. */
  readonly values?: readonly string[]
}

export interface ColumnDefinition extends ColumnDeclaration {
  /** From 1, never reused within the table. */
  readonly id: number
  /** The schema version that brought the column. */
  readonly sinceVersion: number
}

export interface KeyPart {
  readonly column: string
  readonly isDescending: boolean
}

export interface IndexDeclaration {
  readonly name: string
  readonly isUnique: boolean
  readonly parts: readonly KeyPart[]
}

export interface IndexDefinition extends IndexDeclaration {
  /** Index id of its keys, from 1; 0 is the rows themselves. */
  readonly id: number
}

export interface TableDeclaration {
  readonly name: string
  readonly columns: readonly ColumnDeclaration[]
  readonly primaryKey: readonly KeyPart[]
  readonly indexes: readonly IndexDeclaration[]
  /** How long superseded rows stay; stored apart from the definition, see format.ts. */
  readonly historyWindowMs?: number
}

/** A table as it is stored. */
export interface TableDefinition extends TableDeclaration {
  readonly id: number
  /** Schema version, from 1; every row says which one it was written under. */
  readonly version: number
  readonly columns: readonly ColumnDefinition[]
  readonly indexes: readonly IndexDefinition[]
  /** The id that the next new index gets. */
  readonly nextIndexId: number
}

/**
 * Id of the first user table; those below are reserved. Under a tenant 1 is its raw keys, 15 its idempotency tokens: see
 * codec/raw-key.ts and token-format.ts.
 */
export const FIRST_TABLE_ID = 16

/** The definition that a table gets when it is created. */
export function defineTable(declaration: TableDeclaration, id: number): TableDefinition {
  return {
    name: declaration.name,
    columns: declaration.columns.map((column, i) => ({ ...column, id: i + 1, sinceVersion: 1 })),
    primaryKey: declaration.primaryKey,
    indexes: declaration.indexes.map((index, i) => ({ ...index, id: i + 1 })),
    id,
    version: 1,
    nextIndexId: declaration.indexes.length + 1,
  }
}

/** @throws SCHEMA_UNKNOWN_INDEX always */
export function unknownIndex(table: TableDeclaration, name: unknown): never {
  const names = table.indexes.map((index) => index.name).join(', ')
  const found = typeof name === 'string' ? JSON.stringify(name.slice(0, 64)) : describeForeign(name)
  throw engineError(
    'SCHEMA_UNKNOWN_INDEX',
    `${table.name} has no index ${found}. Its indexes: ${names || 'none'}`,
    { details: { table: table.name } },
  )
}
