// Writes down what one client's transaction does, run by run: transact() runs its function again after a conflict, and each
// run is a transaction of its own in the history.

import type { Operation, Outcome, Transaction } from './history.js'
import { isExpectedEnd } from './mortal-database.js'

/** The history of all clients, and its clock. */
export class HistoryBook {
  readonly transactions: Transaction[] = []
  conflictCount = 0
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
  #isCommitting = false
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
      this.#beganAt = this.#book.tick()
    }
    this.#operations = []
    this.#isCommitting = false
  }

  read(list: string, items: readonly number[]): void {
    this.#operations!.push({ kind: 'read', list, items })
  }

  /** To be told before it is done. */
  append(list: string, item: number): void {
    this.#operations!.push({ kind: 'append', list, item })
  }

  /** From here on it may happen. */
  commit(): void {
    this.#isCommitting = true
  }

  done(): void {
    this.#end('committed')
  }

  /** The database went away, and it is not known more. */
  lose(): void {
    this.#end(this.#isCommitting ? 'unknown' : 'aborted')
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
