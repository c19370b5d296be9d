// Gathers rows into groups: one row out per group, of its key cells, its aggregates, and the bare columns of its first row.

import type { Cell } from '../codec/cell.js'
import type { Accumulator } from './aggregates.js'
import type { Evaluate } from './evaluation.js'
import { BATCH_ROW_COUNT, type Operator } from './operators.js'
import { mapKeyOf, mapKeyOfRow, type Row } from './sql-values.js'

export interface AggregateStep {
  /** Absent for count(*). */
  readonly arg?: Evaluate
  readonly separator?: Evaluate
  create(): Accumulator
}

export interface GroupSteps {
  readonly keys: readonly Evaluate[]
  readonly aggregates: readonly AggregateStep[]
  readonly bare: readonly Evaluate[]
}

interface Group {
  readonly keys: Row
  readonly accumulators: readonly Accumulator[]
  readonly bare: Row
}

export class GroupBy implements Operator {
  readonly #input: Operator
  readonly #steps: GroupSteps
  readonly #groups = new Map<unknown, Group>()
  #results: IterableIterator<Group> | undefined

  constructor(input: Operator, steps: GroupSteps) {
    this.#input = input
    this.#steps = steps
  }

  next(): Row[] | undefined {
    if (this.#results !== undefined) return this.#emit(this.#results)
    const batch = this.#input.next()
    if (batch === undefined) {
      this.#finish()
      return []
    }
    for (const row of batch) this.#add(row)
    return []
  }

  close(): void {
    this.#input.close()
  }

  #add(row: Row): void {
    const { keys, aggregates } = this.#steps
    const cells: Cell[] = []
    for (const key of keys) cells.push(key(row))
    const id = cells.length === 1 ? mapKeyOf(cells[0]!) : mapKeyOfRow(cells, cells.length)
    let group = this.#groups.get(id)
    if (group === undefined) {
      group = this.#newGroup(cells, row)
      this.#groups.set(id, group)
    }
    for (let i = 0; i < aggregates.length; i++) {
      const { arg, separator } = aggregates[i]!
      const cell = arg === undefined ? 1 : arg(row)
      if (cell === null) continue
      group.accumulators[i]!.add(cell, separator === undefined ? ',' : separator(row))
    }
  }

  #newGroup(keys: Row, row: Row | undefined): Group {
    const { aggregates, bare } = this.#steps
    return {
      keys,
      accumulators: aggregates.map((aggregate) => aggregate.create()),
      bare: bare.map((value) => (row === undefined ? null : value(row))),
    }
  }

  /** Aggregates without GROUP BY have one group, also of no rows at all. */
  #finish(): void {
    if (this.#groups.size === 0 && this.#steps.keys.length === 0) {
      this.#groups.set('', this.#newGroup([], undefined))
    }
    this.#results = this.#groups.values()
  }

  #emit(results: IterableIterator<Group>): Row[] | undefined {
    const rows: Row[] = []
    while (rows.length < BATCH_ROW_COUNT) {
      const { value: group, done } = results.next()
      if (done) return rows.length === 0 ? undefined : rows
      const aggregates = group.accumulators.map((accumulator) => accumulator.result())
      rows.push([...group.keys, ...aggregates, ...group.bare])
    }
    return rows
  }
}
