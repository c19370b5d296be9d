// The calls of one transaction, one after the other in the order they were made, whether they were awaited or not: a call
// that takes several turns of the event loop is never seen, nor rolled back, half done together with another one.
//
// A savepoint is one call that takes calls of its own. As long as it is open the transaction itself takes none: whether one
// was meant to be part of the savepoint could not be told, and if it was, each would wait for the other.

import { engineError } from '../base/errors.js'

export class CallOrder {
  /** Settles, never rejects, when the last call has; undefined when none is under way. */
  #last: Promise<unknown> | undefined
  #state: 'open' | 'savepoint' | 'ended' = 'open'

  /**
   * Runs `call` at once when no other is under way, else in its turn.
   *
   * @throws TXN_SAVEPOINT_OPEN TXN_FINISHED
   */
  run<Result>(call: () => Result | Promise<Result>): Result | Promise<Result> {
    this.#assertOpen()
    if (this.#last !== undefined) return this.#track(this.#last.then(call))
    const result = call()
    return result instanceof Promise ? this.#track(result) : result
  }

  /**
   * Runs `call` in its turn; none is taken from now on until it has settled.
   *
   * @throws as run (as rejection)
   */
  async runAlone<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#assertOpen()
    this.#state = 'savepoint'
    try {
      return await (this.#last === undefined
        ? this.#track(call())
        : this.#track(this.#last.then(call)))
    } finally {
      this.#state = 'open'
    }
  }

  /** Resolves when every call has settled. None is taken any more then. */
  async end(): Promise<void> {
    while (this.#last !== undefined) await this.#last
    this.#state = 'ended'
  }

  #assertOpen(): void {
    if (this.#state === 'open') return
    if (this.#state === 'ended') {
      throw engineError('TXN_FINISHED', 'the transaction or savepoint has ended')
    }
    throw engineError('TXN_SAVEPOINT_OPEN', 'a savepoint of the transaction is open')
  }

  #track<Result>(result: Promise<Result>): Promise<Result> {
    const end = () => {
      if (this.#last === last) this.#last = undefined
    }
    const last = result.then(end, end)
    this.#last = last
    return result
  }
}
