// The shapes of waiting that the language does not bring: a promise settled from outside, work in turn, and work together.

/** A promise that somebody else resolves or rejects; the first call counts. */
export class Deferred<Value> {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value | PromiseLike<Value>) => void
  readonly reject: (reason: unknown) => void

  constructor() {
    let resolve!: (value: Value | PromiseLike<Value>) => void
    let reject!: (reason: unknown) => void
    this.promise = new Promise<Value>((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    this.resolve = resolve
    this.reject = reject
  }
}

/** Runs pieces of asynchronous work one after the other, in the order they were asked for. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve()
  #pendingCount = 0

  /** Whether work is running or waiting. */
  get isBusy(): boolean {
    return this.#pendingCount > 0
  }

  /** Runs `work` when all earlier work has settled. A failure reaches this caller only, not those behind it. */
  run<Value>(work: () => Value | PromiseLike<Value>): Promise<Value> {
    this.#pendingCount++
    const result = this.#tail.then(work)
    const settle = () => {
      this.#pendingCount--
    }
    this.#tail = result.then(settle, settle)
    return result
  }
}

/** What all of them do, together; the first failure counts once all have ended. */
export async function allOf<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (const outcome of await Promise.allSettled(items.map(work))) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}
