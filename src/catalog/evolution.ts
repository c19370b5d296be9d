// What happens when a program declares a table that is stored already. Decides only; catalog.ts carries it out.
//
//   declared                                  then
//   as stored                                 nothing
//   with more columns, nullable or defaulted  a new schema version with these at the end
//   with more indexes                         they are built from the rows
//   anything else                             SCHEMA_MISMATCH, naming every difference
//
// The order of columns and indexes in a declaration is of no importance; that of enum values is: rows store positions.

import { isDeepStrictEqual } from 'node:util'

import { engineError } from '../base/errors.js'
import { COLUMN_MAX_COUNT, INDEX_MAX_COUNT } from '../base/limits.js'
import type {
  ColumnDeclaration,
  ColumnDefinition,
  IndexDeclaration,
  IndexDefinition,
  KeyPart,
  TableDeclaration,
  TableDefinition,
} from './definition.js'

export interface Evolution {
  /** The stored definition with the new columns and indexes. */
  readonly definition: TableDefinition
  /** Those of its indexes that are to be built first, under ids that are taken then, and never given again. */
  readonly newIndexes: readonly IndexDefinition[]
  readonly isChanged: boolean
}

/** @throws SCHEMA_MISMATCH */
export function planEvolution(stored: TableDefinition, declared: TableDeclaration): Evolution {
  const { added: addedColumns, differences } = compareNamed(
    stored.columns,
    declared.columns,
    'column',
    columnDifference,
  )
  for (const column of addedColumns) {
    if (!column.isNullable && column.default === undefined) {
      differences.push(`column ${column.name} is new but neither nullable nor has a default`)
    }
  }
  if (!isSameKey(stored.primaryKey, declared.primaryKey)) {
    differences.push(
      `the primary key is (${showKey(stored.primaryKey)}), declared (${showKey(declared.primaryKey)})`,
    )
  }
  const indexes = compareNamed(stored.indexes, declared.indexes, 'index', indexDifference)
  differences.push(...indexes.differences)
  if (stored.columns.length + addedColumns.length > COLUMN_MAX_COUNT) {
    differences.push(`more than ${COLUMN_MAX_COUNT} columns`)
  }
  if (stored.indexes.length + indexes.added.length > INDEX_MAX_COUNT) {
    differences.push(`more than ${INDEX_MAX_COUNT} indexes`)
  }
  if (differences.length > 0) throw schemaMismatch(stored.name, differences)
  const newIndexes = indexes.added.map((index, i) => ({ ...index, id: stored.nextIndexId + i }))
  return {
    definition: grow(stored, addedColumns, newIndexes),
    newIndexes,
    isChanged: addedColumns.length > 0 || newIndexes.length > 0,
  }
}

export function schemaMismatch(table: string, differences: readonly string[]) {
  return engineError(
    'SCHEMA_MISMATCH',
    `table ${table} is stored otherwise than declared: ${differences.join('; ')}`,
    { details: { table, differenceCount: differences.length } },
  )
}

function grow(
  stored: TableDefinition,
  addedColumns: readonly ColumnDeclaration[],
  newIndexes: readonly IndexDefinition[],
): TableDefinition {
  const nextIndexId = stored.nextIndexId + newIndexes.length
  const indexes = [...stored.indexes, ...newIndexes]
  if (addedColumns.length === 0) return { ...stored, nextIndexId, indexes }
  const version = stored.version + 1
  const firstId = Math.max(...stored.columns.map(({ id }) => id)) + 1
  const added = addedColumns.map(
    (column, i): ColumnDefinition => ({ ...column, id: firstId + i, sinceVersion: version }),
  )
  return { ...stored, version, nextIndexId, indexes, columns: [...stored.columns, ...added] }
}

function compareNamed<Declared extends { readonly name: string }, Stored extends Declared>(
  stored: readonly Stored[],
  declared: readonly Declared[],
  what: string,
  difference: (stored: Stored, declared: Declared) => string | undefined,
): { readonly added: Declared[]; readonly differences: string[] } {
  const declaredByName = new Map(declared.map((item) => [item.name, item]))
  const storedNames = new Set(stored.map(({ name }) => name))
  const differences: string[] = []
  for (const item of stored) {
    const counterpart = declaredByName.get(item.name)
    const found =
      counterpart === undefined ? 'is stored but not declared' : difference(item, counterpart)
    if (found !== undefined) differences.push(`${what} ${item.name} ${found}`)
  }
  return { added: declared.filter(({ name }) => !storedNames.has(name)), differences }
}

function columnDifference(
  stored: ColumnDefinition,
  declared: ColumnDeclaration,
): string | undefined {
  const storedType = showType(stored)
  const declaredType = showType(declared)
  if (storedType !== declaredType) return `is ${storedType}, declared ${declaredType}`
  // Rows that are older than the column show its default: it is part of what is stored.
  return isDeepStrictEqual(stored.default, declared.default)
    ? undefined
    : 'has another default than declared'
}

function indexDifference(stored: IndexDefinition, declared: IndexDeclaration): string | undefined {
  const isSame = stored.isUnique === declared.isUnique && isSameKey(stored.parts, declared.parts)
  return isSame ? undefined : `is ${showIndex(stored)}, declared ${showIndex(declared)}`
}

function isSameKey(a: readonly KeyPart[], b: readonly KeyPart[]): boolean {
  return isDeepStrictEqual(a, b)
}

function showType(column: ColumnDeclaration): string {
  const { kind, precision, scale, values, isNullable } = column
  const facets =
    kind === 'decimal'
      ? `(${precision}, ${scale})`
      : kind === 'timestamp'
        ? `(${precision})`
        : kind === 'enum'
          ? `(${values!.join(', ')})`
          : ''
  return `${kind}${facets}${isNullable ? ' nullable' : ''}`
}

function showIndex(index: IndexDeclaration): string {
  return `${index.isUnique ? 'unique ' : ''}(${showKey(index.parts)})`
}

function showKey(parts: readonly KeyPart[]): string {
  return parts.map(({ column, isDescending }) => column + (isDescending ? ' desc' : '')).join(', ')
}
