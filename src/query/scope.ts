// Names of one statement: its tables and their columns. Letter case is ignored unless it is needed to tell names apart.

import type { SeqNum } from '../base/ids.js'
import { nearestName } from '../base/spelling.js'
import type { TableDefinition } from '../catalog/definition.js'
import type { TableSource } from './ast.js'
import type { BoundColumn } from './bound.js'
import type { SqlType } from './sql-types.js'
import { placedError } from './syntax-error.js'

/** The tables that a statement can name, as they are at one moment. */
export interface TableNames {
  /** Tells apart moments at which the tables are not the same. */
  readonly since: SeqNum
  /** All names, for spelling in another letter case and for error messages. */
  readonly names: readonly string[]
  /** Whether tables have changed since. */
  readonly isPast: boolean
  /** The definition of the table of exactly this name. */
  definitionOf(name: string): TableDefinition | undefined
}

export interface ScopeTable {
  readonly definition: TableDefinition
  /** What columns are qualified with: the alias, or the table's name. */
  readonly name: string
  /** Whether tables have changed since the moment that it is read at. */
  readonly isPast: boolean
}

const CANDIDATE_MAX_COUNT = 20

/** Finds a table. @throws SQL_UNKNOWN_NAME */
export function resolveTable(
  tables: TableNames,
  source: TableSource,
  text: string,
): TableDefinition {
  const exact = tables.definitionOf(source.name)
  if (exact !== undefined) return exact
  const { names, isPast } = tables
  const folded = findName(names, source.name)
  const definition = folded === undefined ? undefined : tables.definitionOf(folded)
  if (definition !== undefined) return definition
  throw unknownName(wordFor('table', isPast), source.name, names, text, source.at)
}

/** The index of a column in a table. @throws SQL_UNKNOWN_NAME */
export function resolveColumn(
  definition: TableDefinition,
  name: string,
  text: string,
  at: number,
  isPast = false,
): number {
  const columns = definition.columns.map((column) => column.name)
  const found = findName(columns, name)
  if (found !== undefined) return columns.indexOf(found)
  throw unknownName(wordFor('column', isPast), name, columns, text, at)
}

export function columnType(definition: TableDefinition, column: number): SqlType {
  const { kind, scale, precision } = definition.columns[column]!
  if (kind === 'decimal') return { kind, scale: scale ?? 0 }
  return kind === 'timestamp' && precision === 6 ? { kind, precision } : { kind }
}

export class Scope {
  readonly tables: readonly ScopeTable[]
  readonly #text: string

  constructor(tables: readonly ScopeTable[], text: string) {
    this.tables = tables
    this.#text = text
  }

  column(table: number, column: number): BoundColumn {
    return {
      node: 'column',
      table,
      column,
      type: columnType(this.tables[table]!.definition, column),
    }
  }

  /** The number of the table that a qualifier names. @throws SQL_UNKNOWN_NAME SQL_AMBIGUOUS_NAME */
  resolveQualifier(name: string, at: number): number {
    const names = this.tables.map((table) => table.name)
    const found = findName(names, name)
    if (found === undefined) throw unknownName('table', name, names, this.#text, at)
    if (names.indexOf(found) !== names.lastIndexOf(found)) throw this.#ambiguous('table', name, at)
    return names.indexOf(found)
  }

  /** Finds a column; undefined when no table has it. @throws SQL_AMBIGUOUS_NAME */
  find(qualifier: string | undefined, name: string, at: number): BoundColumn | undefined {
    if (qualifier !== undefined) {
      const table = this.resolveQualifier(qualifier, at)
      const { definition, isPast } = this.tables[table]!
      return this.column(table, resolveColumn(definition, name, this.#text, at, isPast))
    }
    const isExact = this.tables.some(({ definition }) =>
      definition.columns.some((column) => column.name === name),
    )
    let found: BoundColumn | undefined
    for (const [table, { definition }] of this.tables.entries()) {
      const names = definition.columns.map((column) => column.name)
      const match = isExact ? names.find((own) => own === name) : findName(names, name)
      if (match === undefined) continue
      if (found !== undefined) throw this.#ambiguous('column', name, at)
      found = this.column(table, names.indexOf(match))
    }
    return found
  }

  /** @throws SQL_UNKNOWN_NAME */
  unknownColumn(name: string, at: number): Error {
    const columns = this.tables.flatMap(({ definition }) =>
      definition.columns.map((column) => column.name),
    )
    const isPast = this.tables.some((table) => table.isPast)
    return unknownName(wordFor('column', isPast), name, columns, this.#text, at)
  }

  #ambiguous(what: string, name: string, at: number): Error {
    const owners = this.tables
      .filter((table) =>
        what === 'table'
          ? foldCase(table.name) === foldCase(name)
          : findName(
              table.definition.columns.map((column) => column.name),
              name,
            ) !== undefined,
      )
      .map((table) => table.name)
    const message = `the ${what} name "${name}" fits several tables: ${owners.join(', ')}`
    return placedError('SQL_AMBIGUOUS_NAME', message, this.#text, at)
  }
}

/** The name as it is, or the only one that differs in letter case alone. */
function findName(names: readonly string[], name: string): string | undefined {
  if (names.includes(name)) return name
  const folded = foldCase(name)
  const matches = names.filter((candidate) => foldCase(candidate) === folded)
  return matches.length === 1 ? matches[0] : undefined
}

function foldCase(name: string): string {
  return name.toLowerCase()
}

/** What is there now and was not there then is not told apart from a slip by the name alone. */
function wordFor(what: string, isPast: boolean): string {
  return isPast ? `${what} of that moment is called` : what
}

export function unknownName(
  what: string,
  name: string,
  candidates: readonly string[],
  text: string,
  at: number,
): Error {
  const shown = name.length > 64 ? `${name.slice(0, 64)}...` : name
  const nearest = nearestName(name, candidates)
  const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`
  const listed = candidates.slice(0, CANDIDATE_MAX_COUNT).join(', ')
  const more = candidates.length > CANDIDATE_MAX_COUNT ? ', ...' : ''
  const there = candidates.length === 0 ? '' : `; there are ${listed}${more}`
  return placedError('SQL_UNKNOWN_NAME', `no ${what} "${shown}"${hint}${there}`, text, at)
}
