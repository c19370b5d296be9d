// The calls of one transaction, one after the other in the order they were made, whether they were awaited or not: a call
// that takes several turns of the event loop is never seen, nor rolled back, half done together with another one.

export class CallOrder {
  /** Settles, never rejects, when the last call has; undefined when none is under way. */
  #last: Promise<unknown> | undefined

  /** Runs `call` at once when no other is under way, else in its turn. */
  run<Result>(call: () => Result | Promise<Result>): Result | Promise<Result> {
    if (this.#last !== undefined) return this.#track(this.#last.then(call))
    const result = call()
    return result instanceof Promise ? this.#track(result) : result
  }

  /** Resolves when every call made so far has settled. */
  async settled(): Promise<void> {
    while (this.#last !== undefined) await this.#last
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
