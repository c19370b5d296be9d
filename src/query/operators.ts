// Operators pull batches of rows from each other. One call of next() does a bounded amount of work, at most one batch of
// input: an operator that must see all of its input first answers with empty batches until it has. So whoever pulls at the
// root can stop for other work between any two calls.

import type { Cell } from '../codec/cell.js'
import type { Evaluate } from './evaluation.js'
import { mapKeyOfRow, type Row } from './sql-values.js'
import type { TableAccess, TableCursor } from './table-access.js'

export interface Operator {
  /** Some rows, maybe none yet; undefined at the end. */
  next(): Row[] | undefined
  close(): void
}

/** Rows that one call reads at most. */
export const BATCH_ROW_COUNT = 512

/** One row without columns: what a select without FROM computes its values on. */
export class SingleRow implements Operator {
  #isDone = false

  next(): Row[] | undefined {
    if (this.#isDone) return undefined
    this.#isDone = true
    return [[]]
  }

  close(): void {}
}

export class NoRows implements Operator {
  next(): Row[] | undefined {
    return undefined
  }

  close(): void {}
}

export class Scan implements Operator {
  readonly #access: TableAccess
  #cursor: TableCursor | undefined
  #isDone = false

  constructor(access: TableAccess) {
    this.#access = access
  }

  next(): Row[] | undefined {
    if (this.#isDone) return undefined
    this.#cursor ??= this.#access.open([])
    const batch: Row[] = []
    this.#isDone = !this.#cursor.read(batch, BATCH_ROW_COUNT)
    return batch
  }

  close(): void {
    this.#cursor?.close()
  }
}

export class Filter implements Operator {
  readonly #input: Operator
  readonly #test: (row: Row) => boolean

  constructor(input: Operator, test: (row: Row) => boolean) {
    this.#input = input
    this.#test = test
  }

  next(): Row[] | undefined {
    return this.#input.next()?.filter((row) => this.#test(row))
  }

  close(): void {
    this.#input.close()
  }
}

export class Project implements Operator {
  readonly #input: Operator
  readonly #values: readonly Evaluate[]

  constructor(input: Operator, values: readonly Evaluate[]) {
    this.#input = input
    this.#values = values
  }

  next(): Row[] | undefined {
    const values = this.#values
    return this.#input.next()?.map((row) => {
      const result: Cell[] = []
      for (const value of values) result.push(value(row))
      return result
    })
  }

  close(): void {
    this.#input.close()
  }
}

/** Passes each row on when its first cells come for the first time. */
export class Distinct implements Operator {
  readonly #input: Operator
  readonly #width: number
  readonly #seen = new Set<string>()

  constructor(input: Operator, width: number) {
    this.#input = input
    this.#width = width
  }

  next(): Row[] | undefined {
    return this.#input.next()?.filter((row) => {
      const key = mapKeyOfRow(row, this.#width)
      if (this.#seen.has(key)) return false
      this.#seen.add(key)
      return true
    })
  }

  close(): void {
    this.#input.close()
  }
}

export class Limit implements Operator {
  readonly #input: Operator
  #skip: number
  #left: number

  constructor(input: Operator, skip: number, count: number) {
    this.#input = input
    this.#skip = skip
    this.#left = count
  }

  next(): Row[] | undefined {
    if (this.#left <= 0) return undefined
    const batch = this.#input.next()
    if (batch === undefined) return undefined
    const skipped = Math.min(this.#skip, batch.length)
    const taken = batch.slice(skipped, skipped + Math.min(this.#left, batch.length))
    this.#skip -= skipped
    this.#left -= taken.length
    return taken
  }

  close(): void {
    this.#input.close()
  }
}
