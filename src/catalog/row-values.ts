// Rows and keys as users write them, to cells and back, compiled once per table.

import { type EngineError, engineError } from '../base/errors.js'
import { nearestName } from '../base/spelling.js'
import type { Cell } from '../codec/cell.js'
import { defaultOf } from '../codec/row.js'
import { cellConverter, type ToCell, type ToValue, valueConverter } from './cell-values.js'
import { type IndexDefinition, type TableDefinition, unknownIndex } from './definition.js'

type UserRow = Record<string, unknown>

interface ValueColumn {
  readonly name: string
  /** Plain objects inherit a property of this name, so reading it from a row needs a look at what the row owns. */
  readonly isInherited: boolean
  readonly toCell: ToCell
  readonly toValue: ToValue | undefined
  /** What a new row gets that leaves the column out; undefined when it must not. */
  readonly absentCell: (() => Cell) | undefined
}

export class RowMapper {
  readonly definition: TableDefinition
  readonly #table: string
  readonly #columns: readonly ValueColumn[]
  readonly #positions: ReadonlyMap<string, number>
  readonly #key: readonly ToCell[]
  readonly #keyPositions: readonly number[]
  readonly #keyNames: readonly string[]

  constructor(definition: TableDefinition) {
    const { name, columns, primaryKey } = definition
    this.definition = definition
    this.#table = name
    this.#columns = columns.map((column) => ({
      name: column.name,
      isInherited: column.name in Object.prototype,
      toCell: cellConverter(name, column),
      toValue: valueConverter(column),
      absentCell: column.isNullable || column.default !== undefined ? defaultOf(column) : undefined,
    }))
    this.#positions = new Map(columns.map((column, position) => [column.name, position]))
    this.#keyNames = primaryKey.map((part) => part.column)
    this.#keyPositions = this.#keyNames.map((column) => this.#positions.get(column)!)
    this.#key = this.#keyPositions.map((position) => this.#columns[position]!.toCell)
  }

  /**
   * Checks a whole new row. An absent property and undefined are the same.
   *
   * @returns cells by column position
   * @throws SCHEMA_TYPE_MISMATCH SCHEMA_MISSING_COLUMN SCHEMA_UNKNOWN_COLUMN
   */
  toCells(row: unknown): Cell[] {
    const given = this.#asObject(row)
    const columns = this.#columns
    const cells: Cell[] = []
    let givenCount = 0
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!
      const value = read(given, column)
      if (value !== undefined) {
        givenCount++
        cells.push(column.toCell(value))
      } else {
        if (column.absentCell === undefined) throw this.#missing(column.name)
        cells.push(column.absentCell())
      }
    }
    this.#refuseUnknown(given, givenCount)
    return cells
  }

  /**
   * Checks columns to change; absent and undefined ones stay as they are.
   *
   * @returns turns a row into the changed one; the argument is left alone
   * @throws SCHEMA_TYPE_MISMATCH SCHEMA_UNKNOWN_COLUMN
   */
  change(changes: unknown): (cells: readonly Cell[]) => Cell[] {
    const given = this.#asObject(changes)
    const changedCells: { readonly position: number; readonly cell: Cell }[] = []
    for (let position = 0; position < this.#columns.length; position++) {
      const column = this.#columns[position]!
      const value = read(given, column)
      if (value !== undefined) changedCells.push({ position, cell: column.toCell(value) })
    }
    this.#refuseUnknown(given, changedCells.length)
    return (cells) => {
      const changed = cells.slice()
      for (const { position, cell } of changedCells) changed[position] = cell
      return changed
    }
  }

  /** The row as users see it: a plain object with the columns in their order. */
  toRow(cells: readonly Cell[]): UserRow {
    const columns = this.#columns
    const row: UserRow = {}
    for (let i = 0; i < columns.length; i++) {
      const { name, toValue } = columns[i]!
      const cell = cells[i]!
      row[name] = toValue === undefined || cell === null ? cell : toValue(cell)
    }
    return row
  }

  /**
   * Checks a primary key: an array of its values, or the bare value when it is a single column.
   *
   * @throws SCHEMA_TYPE_MISMATCH
   */
  keyCells(key: unknown): Cell[] {
    const converters = this.#key
    if (converters.length === 1 && !Array.isArray(key)) return [converters[0]!(key)]
    if (!Array.isArray(key) || key.length !== converters.length) {
      const expected = `[${this.#keyNames.join(', ')}]`
      const found = Array.isArray(key) ? `an array of ${key.length}` : typeof key
      throw engineError(
        'SCHEMA_TYPE_MISMATCH',
        `the primary key of ${this.#table} is ${expected}, not ${found}`,
        { details: { table: this.#table, expected, found } },
      )
    }
    return converters.map((toCell, i) => toCell(key[i]))
  }

  /** The primary key of a row, as users see it. */
  toKey(cells: readonly Cell[]): unknown {
    const values = this.#keyPositions.map((position) => {
      const { toValue } = this.#columns[position]!
      return toValue === undefined ? cells[position] : toValue(cells[position]!)
    })
    return values.length === 1 ? values[0] : values
  }

  /**
   * Checks a value for one part of an index, or of the primary key when `index` is undefined.
   *
   * @throws SCHEMA_TYPE_MISMATCH SCHEMA_UNKNOWN_INDEX ARGUMENT_INVALID when there is no such part
   */
  partCell(index: string | undefined, position: number, value: unknown): Cell {
    const parts = index === undefined ? this.definition.primaryKey : this.#index(index).parts
    const part = parts[position]
    if (part === undefined) {
      throw engineError(
        'ARGUMENT_INVALID',
        `${index ?? 'the primary key'} of ${this.#table} has ${parts.length} columns, no more`,
        { details: { table: this.#table, position } },
      )
    }
    return this.columnCell(part.column, value)
  }

  /** @throws SCHEMA_TYPE_MISMATCH SCHEMA_UNKNOWN_COLUMN */
  columnCell(column: string, value: unknown): Cell {
    const position = this.#positions.get(column)
    if (position === undefined) throw this.#unknown(column)
    return this.#columns[position]!.toCell(value)
  }

  #index(name: string): IndexDefinition {
    const { indexes } = this.definition
    return indexes.find((index) => index.name === name) ?? unknownIndex(this.definition, name)
  }

  #asObject(row: unknown): UserRow {
    if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as UserRow
    const found = row === null ? 'null' : Array.isArray(row) ? 'an array' : typeof row
    throw engineError(
      'SCHEMA_TYPE_MISMATCH',
      `a row of ${this.#table} is an object of its columns, not ${found}`,
      { details: { table: this.#table, expected: 'an object', found } },
    )
  }

  /** Every own property with a value must have been one of the columns. */
  #refuseUnknown(given: UserRow, givenCount: number): void {
    const names = Object.keys(given)
    if (names.length === givenCount) return
    for (const name of names) if (!this.#positions.has(name)) throw this.#unknown(name)
  }

  #unknown(name: string): EngineError {
    const names = [...this.#positions.keys()]
    const shown = JSON.stringify(name.slice(0, 64))
    const nearest = nearestName(name, names)
    const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`
    return engineError(
      'SCHEMA_UNKNOWN_COLUMN',
      `${this.#table} has no column ${shown}${hint}. Its columns: ${names.join(', ')}`,
      { details: { table: this.#table, column: name.slice(0, 64) } },
    )
  }

  #missing(column: string): EngineError {
    return engineError(
      'SCHEMA_MISSING_COLUMN',
      `a new row of ${this.#table} needs ${column}: it is neither nullable nor has a default`,
      { details: { table: this.#table, column } },
    )
  }
}

function read(given: UserRow, column: ValueColumn): unknown {
  if (column.isInherited && !Object.hasOwn(given, column.name)) return undefined
  return given[column.name]
}
