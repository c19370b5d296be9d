// Rows of a scan, pulled as the reader asks for them. Rows are decoded in batches over one snapshot; between batches
// other work of the event loop gets its turn, and a reader that stops early frees the snapshot.

import { checkCount, checkOptionNames } from '../base/options.js'

/** Rows decoded per batch of `for await`; a batch of small rows takes well under a millisecond. */
const BATCH_ROW_COUNT = 256
/** Rows of toArray() after which others have their turn. */
const TURN_ROW_COUNT = 1024

/** Not there yet: others have their turn before the source is asked again. */
export const PAUSE: unique symbol = Symbol('pause')

/** One pass over rows: opened when the reader starts, closed when it stops. */
export interface RowSource<Row> {
  next(): Row | typeof PAUSE | undefined
  close(): void
}

/** Opens a part of a source; where that fails, what it was to read from is let go. */
export function closedOnError<Part>(held: { close(): void }, openPart: () => Part): Part {
  try {
    return openPart()
  } catch (error) {
    held.close()
    throw error
  }
}

export interface RowStreamOptions<Row> {
  readonly open: () => Promise<RowSource<Row>> | RowSource<Row>
  readonly limit: number
  readonly yield: () => Promise<void>
}

/**
 * The rows of a scan: iterate with `for await`, or take them all with `toArray()`. Each pass starts anew on the state of
 * that moment (or of the session's snapshot).
 */
export class RowStream<Row> implements AsyncIterable<Row> {
  readonly #options: RowStreamOptions<Row>

  constructor(options: RowStreamOptions<Row>) {
    this.#options = options
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined> {
    for await (const batch of this.batches()) yield* batch
  }

  /** The rows in arrays of up to `rowCount`: less overhead per row than one by one. */
  async *batches(rowCount: number = BATCH_ROW_COUNT): AsyncGenerator<Row[], void, undefined> {
    checkCount('rowCount', rowCount)
    const { limit } = this.#options
    const source = await this.#options.open()
    try {
      let left = limit
      for (;;) {
        const batch: Row[] = []
        const isEnd = await this.#fill(batch, source, Math.min(rowCount, left))
        left -= batch.length
        if (batch.length > 0) yield batch
        if (isEnd || left === 0) return
        await this.#options.yield()
      }
    } finally {
      source.close()
    }
  }

  /** All rows, or the first `limit`. */
  async toArray(options: { readonly limit?: number } = {}): Promise<Row[]> {
    checkOptionNames('toArray()', options, ['limit'])
    if (options.limit !== undefined) checkCount('limit', options.limit)
    const limit = Math.min(options.limit ?? Infinity, this.#options.limit)
    const rows: Row[] = []
    const source = await this.#options.open()
    try {
      for (;;) {
        const isEnd = await this.#fill(rows, source, Math.min(rows.length + TURN_ROW_COUNT, limit))
        if (isEnd || rows.length === limit) return rows
        await this.#options.yield()
      }
    } finally {
      source.close()
    }
  }

  /** The first row, if any. */
  async first(): Promise<Row | undefined> {
    return (await this.toArray({ limit: 1 }))[0]
  }

  /** Takes rows until there are `length`; true when there are no more. */
  async #fill(rows: Row[], source: RowSource<Row>, length: number): Promise<boolean> {
    while (rows.length < length) {
      const row = source.next()
      if (row === undefined) return true
      if (row === PAUSE) await this.#options.yield()
      else rows.push(row)
    }
    return false
  }
}
