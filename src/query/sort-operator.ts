// Sorts. Every batch is sorted as it arrives; at the end the sorted runs are merged batch by batch, so that no single call
// sorts everything. With a small limit only the best rows are kept. Stable: equal rows stay in the order they came.

import { BATCH_ROW_COUNT, type Operator } from './operators.js'
import type { Row } from './sql-values.js'

export type CompareRows = (a: Row, b: Row) => number

/** Up to this many wanted rows, a sort keeps only the best. */
const TOP_MAX_COUNT = 4096

export function sortOperator(input: Operator, compare: CompareRows, wantedCount: number): Operator {
  return wantedCount <= TOP_MAX_COUNT
    ? new TopSort(input, compare, wantedCount)
    : new MergeSort(input, compare)
}

class TopSort implements Operator {
  readonly #input: Operator
  readonly #compare: CompareRows
  readonly #count: number
  #best: Row[] | undefined = []

  constructor(input: Operator, compare: CompareRows, count: number) {
    this.#input = input
    this.#compare = compare
    this.#count = count
  }

  next(): Row[] | undefined {
    if (this.#best === undefined) return undefined
    const batch = this.#input.next()
    if (batch === undefined) {
      const best = this.#best
      this.#best = undefined
      return best
    }
    const worst = this.#best.length === this.#count ? this.#best.at(-1) : undefined
    const better =
      worst === undefined ? batch : batch.filter((row) => this.#compare(row, worst) < 0)
    if (better.length > 0) {
      this.#best = [...this.#best, ...better].toSorted(this.#compare).slice(0, this.#count)
    }
    return []
  }

  close(): void {
    this.#input.close()
  }
}

interface Run {
  readonly rows: readonly Row[]
  readonly order: number
  position: number
}

class MergeSort implements Operator {
  readonly #input: Operator
  readonly #compare: CompareRows
  /** While reading: the runs in order of arrival; then a heap, the run with the least head at the top. */
  readonly #runs: Run[] = []
  #isRead = false

  constructor(input: Operator, compare: CompareRows) {
    this.#input = input
    this.#compare = compare
  }

  next(): Row[] | undefined {
    if (this.#isRead) return this.#merge()
    const batch = this.#input.next()
    if (batch === undefined) {
      this.#isRead = true
      for (let i = (this.#runs.length >> 1) - 1; i >= 0; i--) this.#sink(i)
    } else if (batch.length > 0) {
      const rows = batch.toSorted(this.#compare)
      this.#runs.push({ rows, order: this.#runs.length, position: 0 })
    }
    return []
  }

  close(): void {
    this.#input.close()
  }

  #merge(): Row[] | undefined {
    if (this.#runs.length === 0) return undefined
    const merged: Row[] = []
    while (merged.length < BATCH_ROW_COUNT && this.#runs.length > 0) {
      const top = this.#runs[0]!
      merged.push(top.rows[top.position++]!)
      if (top.position === top.rows.length) {
        const last = this.#runs.pop()!
        if (this.#runs.length === 0) break
        if (last !== top) this.#runs[0] = last
      }
      this.#sink(0)
    }
    return merged
  }

  #sink(start: number): void {
    const runs = this.#runs
    const sinking = runs[start]!
    let hole = start
    for (;;) {
      let child = hole * 2 + 1
      if (child >= runs.length) break
      if (child + 1 < runs.length && this.#isBefore(runs[child + 1]!, runs[child]!)) child++
      if (!this.#isBefore(runs[child]!, sinking)) break
      runs[hole] = runs[child]!
      hole = child
    }
    runs[hole] = sinking
  }

  #isBefore(a: Run, b: Run): boolean {
    const order = this.#compare(a.rows[a.position]!, b.rows[b.position]!)
    return order < 0 || (order === 0 && a.order < b.order)
  }
}
