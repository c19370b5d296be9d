// What compiled expressions share: closures over positional rows, built once per execution. Nothing is generated as text.

import type { EngineError } from '../base/errors.js'
import type { Cell } from '../codec/cell.js'
import type { BoundCall } from './bound.js'
import type { Row } from './sql-values.js'
import { placedError } from './syntax-error.js'

/** A compiled expression: a row in, a cell out. */
export type Evaluate = (row: Row) => Cell

/** What an execution knows before its first row. */
export interface EvaluationScope {
  readonly text: string
  readonly nowMicros: number
  parameter(key: number | string): Cell
}

/** Where the columns of a statement's tables lie in the rows at hand. */
export type SlotOf = (table: number, column: number) => number

/** What builds the closure of one call: its node, its compiled arguments. */
export interface CallSite {
  readonly call: BoundCall
  readonly args: readonly Evaluate[]
  readonly scope: EvaluationScope
  /** The value of an argument that no row can change; undefined when rows can. */
  fixed(index: number): Cell | undefined
}

export type CallCompiler = (site: CallSite) => Evaluate

export function valueError(site: CallSite, message: string): EngineError {
  return placedError('SQL_TYPE', message, site.scope.text, site.call.at)
}

/** A function of one argument that is null for null. */
export function unary(compute: (cell: Cell, site: CallSite) => Cell): CallCompiler {
  return (site) => {
    const arg = site.args[0]!
    return (row) => {
      const cell = arg(row)
      return cell === null ? null : compute(cell, site)
    }
  }
}

/** A function of any number of arguments that is null when one of them is. */
export function strict(compute: (cells: readonly Cell[], site: CallSite) => Cell): CallCompiler {
  return (site) => (row) => {
    const cells: Cell[] = []
    for (const arg of site.args) {
      const cell = arg(row)
      if (cell === null) return null
      cells.push(cell)
    }
    return compute(cells, site)
  }
}
