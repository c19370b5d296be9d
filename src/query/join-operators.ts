// Inner joins. Rows of the result are the cells of the left row, then those of the right one.

import type { Evaluate } from './evaluation.js'
import { BATCH_ROW_COUNT, type Operator } from './operators.js'
import { mapKeyOf, mapKeyOfRow, type Row } from './sql-values.js'
import type { TableAccess, TableCursor } from './table-access.js'

/** Left rows that one call looks up at most: each may cost a read. */
const LOOKUP_ROW_COUNT = 128

/** Opens the right table for each left row. Keeps the order of the left side. */
export class LookupJoin implements Operator {
  readonly #left: Operator
  readonly #right: TableAccess
  #batch: readonly Row[] = []
  #position = 0
  #cursor: TableCursor | undefined

  constructor(left: Operator, right: TableAccess) {
    this.#left = left
    this.#right = right
  }

  next(): Row[] | undefined {
    if (this.#position === this.#batch.length) {
      const batch = this.#left.next()
      if (batch === undefined) return undefined
      this.#batch = batch
      this.#position = 0
    }
    const joined: Row[] = []
    const found: Row[] = []
    for (let count = 0; count < LOOKUP_ROW_COUNT && joined.length < BATCH_ROW_COUNT; count++) {
      const row = this.#batch[this.#position]
      if (row === undefined) break
      this.#cursor ??= this.#right.open(row)
      found.length = 0
      const hasMore = this.#cursor.read(found, BATCH_ROW_COUNT)
      for (const other of found) joined.push(row.concat(other))
      // A long list of matches is gone on with in the next call.
      if (hasMore) break
      this.#cursor = undefined
      this.#position++
    }
    return joined
  }

  close(): void {
    this.#cursor?.close()
    this.#left.close()
  }
}

interface Side {
  readonly input: Operator
  readonly keys: readonly Evaluate[]
  /** What was read before it was known which side ends first. */
  readonly rows: Row[]
}

/**
 * Matches equal keys; without keys it pairs every row with every row. Reads both sides in turn until one ends: that one is
 * the smaller and becomes the hash table, the other streams past it. To keep the order of the left side, the right side
 * is always the table.
 */
export class HashJoin implements Operator {
  readonly #left: Side
  readonly #right: Side
  readonly #keepsOrder: boolean
  readonly #table = new Map<unknown, Row[]>()
  #phase: 'read' | 'build' | 'match' = 'read'
  #isLeftTable = false
  #builtCount = 0
  #batch: readonly Row[] = []
  #position = 0
  #matchPosition = 0

  constructor(
    left: Operator,
    right: Operator,
    keys: { readonly left: readonly Evaluate[]; readonly right: readonly Evaluate[] },
    keepsOrder: boolean,
  ) {
    this.#left = { input: left, keys: keys.left, rows: [] }
    this.#right = { input: right, keys: keys.right, rows: [] }
    this.#keepsOrder = keepsOrder
  }

  next(): Row[] | undefined {
    if (this.#phase === 'read') return this.#read()
    if (this.#phase === 'build') return this.#build()
    const stream = this.#isLeftTable ? this.#right : this.#left
    if (this.#position === this.#batch.length) {
      const batch = stream.input.next()
      if (batch === undefined) return undefined
      this.#batch = batch
      this.#position = 0
    }
    return this.#match(stream)
  }

  close(): void {
    this.#left.input.close()
    this.#right.input.close()
  }

  #read(): Row[] {
    const right = this.#right.input.next()
    if (right === undefined) return this.#choose(false)
    for (const row of right) this.#right.rows.push(row)
    if (this.#keepsOrder) return []
    const left = this.#left.input.next()
    if (left === undefined) return this.#choose(true)
    for (const row of left) this.#left.rows.push(row)
    return []
  }

  #choose(isLeftTable: boolean): Row[] {
    this.#phase = 'build'
    this.#isLeftTable = isLeftTable
    this.#batch = (isLeftTable ? this.#right : this.#left).rows
    return []
  }

  /** Puts the next rows of the smaller side into the table. */
  #build(): Row[] {
    const { keys, rows } = this.#isLeftTable ? this.#left : this.#right
    const end = Math.min(rows.length, this.#builtCount + BATCH_ROW_COUNT)
    while (this.#builtCount < end) {
      const row = rows[this.#builtCount++]!
      const key = keyOf(keys, row)
      if (key === undefined) continue
      const same = this.#table.get(key)
      if (same === undefined) this.#table.set(key, [row])
      else same.push(row)
    }
    if (end === rows.length) this.#phase = 'match'
    return []
  }

  #match(stream: Side): Row[] {
    const joined: Row[] = []
    let left = BATCH_ROW_COUNT
    while (this.#position < this.#batch.length && joined.length < BATCH_ROW_COUNT && left-- > 0) {
      const row = this.#batch[this.#position]!
      const key = keyOf(stream.keys, row)
      const matches = key === undefined ? undefined : this.#table.get(key)
      const end = Math.min(matches?.length ?? 0, this.#matchPosition + BATCH_ROW_COUNT)
      for (let i = this.#matchPosition; i < end; i++) {
        const other = matches![i]!
        joined.push(this.#isLeftTable ? other.concat(row) : row.concat(other))
      }
      const isDone = matches === undefined || end === matches.length
      this.#matchPosition = isDone ? 0 : end
      if (isDone) this.#position++
    }
    return joined
  }
}

/** Undefined when a part is null, which equals nothing. */
function keyOf(keys: readonly Evaluate[], row: Row): unknown {
  if (keys.length === 1) {
    const cell = keys[0]!(row)
    return cell === null ? undefined : mapKeyOf(cell)
  }
  const cells = keys.map((key) => key(row))
  return cells.includes(null) ? undefined : mapKeyOfRow(cells, cells.length)
}
