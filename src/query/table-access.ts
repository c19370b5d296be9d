// Reads the stretch of a table that a plan chose, once for the statement or once for each row of a join.

import type { Cell } from '../codec/cell.js'
import type { AccessPath, PathBound, RowScan } from '../indexes/access-path.js'
import type { TableRows } from '../indexes/table-rows.js'
import type { ReadView } from '../store/view.js'
import type { TableDefinition } from '../catalog/definition.js'
import type { Compiler } from './compile.js'
import type { Evaluate } from './evaluation.js'
import { equalKeyCell, lowerKeyBound, upperKeyBound } from './key-cells.js'
import type { AccessPlan, PrefixTerm, RangeBound } from './plan.js'
import { columnType } from './scope.js'
import type { SqlType } from './sql-types.js'
import { comparatorOf, mapKeyOf, type Row } from './sql-values.js'

export interface TableSource {
  readonly definition: TableDefinition
  /** Absent when the tenant has never written: there are no rows. */
  readonly rows: TableRows | undefined
  readonly view: ReadView
}

interface CompiledTerm {
  readonly column: number
  readonly type: SqlType
  readonly values: readonly { readonly evaluate: Evaluate; readonly type: SqlType }[]
}

interface CompiledBound {
  readonly evaluate: Evaluate
  readonly type: SqlType
  readonly isInclusive: boolean
}

export class TableAccess {
  readonly #source: TableSource
  readonly #plan: AccessPlan
  readonly #prefix: readonly CompiledTerm[]
  readonly #lower: CompiledBound | undefined
  readonly #upper: CompiledBound | undefined
  readonly #rangeType: SqlType | undefined
  readonly #filter: ((row: Row) => boolean) | undefined

  /** `outer` compiles what comes from rows joined before, `own` what is tested on rows of this table. */
  constructor(source: TableSource, plan: AccessPlan, outer: Compiler, own: Compiler) {
    const { path } = plan
    this.#source = source
    this.#plan = plan
    this.#prefix = path.prefix.map((term) => compileTerm(term, source.definition, outer))
    this.#lower = path.lower && compileBound(path.lower, outer)
    this.#upper = path.upper && compileBound(path.upper, outer)
    this.#rangeType =
      path.rangeColumn === undefined ? undefined : columnType(source.definition, path.rangeColumn)
    this.#filter = own.compileFilter(plan.filter)
  }

  /** Rows that pass, for one row of what was joined before. */
  open(outer: Row): TableCursor {
    const { rows, view } = this.#source
    const paths = rows === undefined ? [] : this.#paths(outer)
    return new TableCursor(paths, rows, view, this.#filter, this.#plan)
  }

  #paths(outer: Row): AccessPath[] {
    const { path } = this.#plan
    const prefixes = this.#prefixes(outer)
    const lower = this.#bound(this.#lower, lowerKeyBound, outer)
    const upper = this.#bound(this.#upper, upperKeyBound, outer)
    if (lower === 'nothing' || upper === 'nothing') return []
    return prefixes.map((prefix) => ({
      ...(path.index !== undefined && { index: path.index }),
      ...(prefix.length > 0 && { prefix }),
      ...(lower && { lower }),
      ...(upper && { upper }),
      ...(path.isReverse && { reverse: true }),
    }))
  }

  /** All choices of prefix cells, in the order of the scan. */
  #prefixes(outer: Row): Cell[][] {
    let prefixes: Cell[][] = [[]]
    for (const term of this.#prefix) {
      const cells = this.#cellsOf(term, outer)
      prefixes = prefixes.flatMap((prefix) => cells.map((cell) => [...prefix, cell]))
    }
    return prefixes
  }

  #cellsOf(term: CompiledTerm, outer: Row): Cell[] {
    if (term.values.length === 0) {
      return this.#source.definition.columns[term.column]!.isNullable ? [null] : []
    }
    const cells = new Map<unknown, Cell>()
    for (const { evaluate, type } of term.values) {
      const cell = equalKeyCell(term.type, evaluate(outer), type)
      if (cell !== undefined) cells.set(mapKeyOf(cell), cell)
    }
    if (cells.size < 2) return [...cells.values()]
    const compare = comparatorOf(term.type)
    const sorted = [...cells.values()].toSorted(compare)
    return this.#isDescending(term.column) === this.#plan.path.isReverse
      ? sorted
      : sorted.toReversed()
  }

  #isDescending(column: number): boolean {
    const { definition } = this.#source
    const { index } = this.#plan.path
    const key =
      index === undefined
        ? definition.primaryKey
        : definition.indexes.find(({ name }) => name === index)!.parts
    const { name } = definition.columns[column]!
    return key.find((part) => part.column === name)!.isDescending
  }

  #bound(
    bound: CompiledBound | undefined,
    convert: typeof lowerKeyBound,
    outer: Row,
  ): PathBound | 'nothing' | undefined {
    if (bound === undefined) return undefined
    const cell = bound.evaluate(outer)
    if (cell === null) return 'nothing'
    const converted = convert(this.#rangeType!, cell, bound.type, bound.isInclusive)
    return converted === 'everything' ? undefined : converted
  }
}

/** Walks the paths one after the other. */
export class TableCursor {
  readonly #paths: readonly AccessPath[]
  readonly #rows: TableRows | undefined
  readonly #view: ReadView
  readonly #filter: ((row: Row) => boolean) | undefined
  readonly #columns: readonly number[] | undefined
  readonly #isPoint: boolean
  #nextPath = 0
  #scan: RowScan | undefined

  constructor(
    paths: readonly AccessPath[],
    rows: TableRows | undefined,
    view: ReadView,
    filter: ((row: Row) => boolean) | undefined,
    plan: AccessPlan,
  ) {
    this.#paths = paths
    this.#rows = rows
    this.#view = view
    this.#filter = filter
    this.#columns = plan.columns
    this.#isPoint = plan.path.isPoint
  }

  /** Puts rows that pass into `batch`, after reading at most `readCount`; false once there are no more. */
  read(batch: Row[], readCount: number): boolean {
    for (let left = readCount; left > 0; left--) {
      const row = this.#nextRow()
      if (row === undefined) return false
      if (this.#filter === undefined || this.#filter(row)) batch.push(this.#pruned(row))
    }
    return true
  }

  close(): void {
    this.#scan?.close()
    this.#scan = undefined
    this.#nextPath = this.#paths.length
  }

  #nextRow(): Row | undefined {
    for (;;) {
      if (this.#scan?.next()) return this.#scan.row
      this.#scan?.close()
      this.#scan = undefined
      const path = this.#paths[this.#nextPath++]
      if (path === undefined) return undefined
      if (!this.#isPoint) {
        this.#scan = this.#rows!.scan(this.#view, path)
        continue
      }
      const row = this.#rows!.get(this.#view, path.prefix!)
      if (row !== undefined) return row
    }
  }

  #pruned(row: Row): Row {
    const columns = this.#columns
    if (columns === undefined) return row
    const pruned: Cell[] = []
    for (const column of columns) pruned.push(row[column]!)
    return pruned
  }
}

function compileTerm(
  term: PrefixTerm,
  definition: TableDefinition,
  compiler: Compiler,
): CompiledTerm {
  const values = term.values.map((value) => ({
    evaluate: compiler.compile(value),
    type: value.type,
  }))
  return { column: term.column, type: columnType(definition, term.column), values }
}

function compileBound({ value, isInclusive }: RangeBound, compiler: Compiler): CompiledBound {
  return { evaluate: compiler.compile(value), type: value.type, isInclusive }
}
