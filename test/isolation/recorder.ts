// Writes down what one client's transaction does, run by run: transact() runs its function again after a conflict, and each
// run is a transaction of its own in the history.

import type { Operation, Outcome, Transaction } from './history.js'
import { isExpectedEnd } from './mortal-database.js'

/** The history of all clients, and its clock. */
export class HistoryBook {
  readonly transactions: Transaction[] = []
  conflictCount = 0
  /** Of the transactions, those that are only what a savepoint of another one has taken back. */
  takenBackCount = 0
  #tick = 0

  tick(): number {
    return ++this.#tick
  }

  write(transaction: Omit<Transaction, 'name'>): void {
    const { transactions } = this
    transactions.push({ name: `T${transactions.length}`, ...transaction })
  }
}

export class Recorder {
  readonly #book: HistoryBook
  readonly #isPast: boolean
  #operations: Operation[] | undefined
  #beganAt: number
  /** From then on it may happen. */
  #committingAt: number | undefined
  #isOver = false

  /** @param isPast  it reads an older state, so it does not come behind what had ended before it began */
  constructor(book: HistoryBook, isPast = false) {
    this.#book = book
    this.#isPast = isPast
    this.#beganAt = book.tick()
  }

  /** The function runs: the first time, or again because its last run was in conflict. */
  begin(): void {
    if (this.#isOver) return
    if (this.#operations !== undefined) {
      this.#book.conflictCount++
      this.#write('aborted')
      // The run has its snapshot, and may have waited since; it has it not from before the last run ended.
      if (this.#committingAt !== undefined) this.#beganAt = this.#committingAt
    }
    this.#operations = []
    this.#committingAt = undefined
  }

  read(list: string, items: readonly number[]): void {
    this.#operations!.push({ kind: 'read', list, items })
  }

  /** To be told before it is done. */
  append(list: string, item: number): void {
    this.#operations!.push({ kind: 'append', list, item })
  }

  /** What has been appended since there were so many operations was taken back, and what was read was read. */
  takeBack(operationCount: number): void {
    const gone = this.#operations!.splice(operationCount)
    this.#operations!.push(...gone.filter(({ kind }) => kind === 'read'))
    const operations = gone.filter(({ kind }) => kind === 'append')
    const endedAt = this.#book.tick()
    this.#book.takenBackCount++
    this.#book.write({ operations, outcome: 'aborted', beganAt: this.#beganAt, endedAt })
  }

  get operationCount(): number {
    return this.#operations?.length ?? 0
  }

  /** Nothing more comes but the commit. */
  commit(): void {
    this.#committingAt = this.#book.tick()
  }

  done(): void {
    this.#end('committed')
  }

  /** The database went away, and it is not known more. */
  lose(): void {
    this.#end(this.#committingAt !== undefined ? 'unknown' : 'aborted')
  }

  /** @throws what is no way for a transaction to end */
  fail(error: unknown): void {
    if (!isExpectedEnd(error)) throw error
    if (error.code === 'TXN_CONFLICT') this.#book.conflictCount++
    this.#end(error.committed === 'no' ? 'aborted' : 'unknown')
  }

  #end(outcome: Outcome): void {
    if (this.#operations !== undefined && !this.#isOver) this.#write(outcome)
    this.#isOver = true
  }

  #write(outcome: Outcome): void {
    this.#book.write({
      // A copy: what was given up may still go on for a while.
      operations: this.#operations!.slice(),
      outcome,
      beganAt: this.#isPast ? 0 : this.#beganAt,
      endedAt: this.#book.tick(),
    })
  }
}
