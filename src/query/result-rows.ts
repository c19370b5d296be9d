// Result cells to the objects that users get.

import type { ResultColumn } from './bind-select.js'
import { type Row, userValueOf } from './sql-values.js'

type Make = (row: Row) => Record<string, unknown>

export function rowMaker(columns: readonly ResultColumn[]): Make {
  const isPlain = (name: string): boolean => name !== '__proto__'
  const set = columns.every(({ name }) => isPlain(name)) ? setPlain : setDefined
  return (row) => {
    const result: Record<string, unknown> = {}
    for (let i = 0; i < columns.length; i++) {
      const { name, type } = columns[i]!
      set(result, name, userValueOf(row[i]!, type))
    }
    return result
  }
}

function setPlain(result: Record<string, unknown>, name: string, value: unknown): void {
  result[name] = value
}

/** A column called __proto__ is a column, not the prototype of the row. */
function setDefined(result: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(result, name, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  })
}
