// What ends a transaction from outside: its time is up, or its caller's signal aborts.

import { type CommitOutcome, engineError } from '../base/errors.js'
import type { Clock } from '../env/env.js'

const TIME_IS_UP = Symbol('time is up')

export interface DeadlineOptions {
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
}

export class Deadline {
  readonly #clock: Clock
  readonly #options: DeadlineOptions
  /** Lets go of timer and signal; undefined when there is neither, and waiting costs nothing extra. */
  readonly #ending: AbortController | undefined
  readonly #timeUp: Promise<typeof TIME_IS_UP> | undefined
  readonly #aborted: Promise<never> | undefined

  constructor(clock: Clock, options: DeadlineOptions) {
    const { timeoutMs, signal } = options
    this.#clock = clock
    this.#options = options
    if (timeoutMs === undefined && signal === undefined) return
    const ending = new AbortController()
    this.#ending = ending
    if (timeoutMs !== undefined) {
      this.#timeUp = clock.sleep(timeoutMs, ending.signal).then(() => TIME_IS_UP)
      this.#timeUp.catch(() => undefined)
    }
    if (signal !== undefined) {
      this.#aborted = new Promise((_resolve, reject) => {
        const once = { once: true, signal: ending.signal }
        signal.addEventListener('abort', () => reject(signal.reason), once)
      })
      this.#aborted.catch(() => undefined)
    }
  }

  /**
   * Settles as `work` does, unless it is cut off before.
   *
   * @throws TXN_TIMEOUT, the reason of the signal (as rejection)
   */
  cutOff<R>(work: Promise<R>): Promise<R> {
    return this.#ending === undefined ? work : this.#race(work, () => 'no', this.#aborted)
  }

  /**
   * As cutOff, but the signal comes too late for it.
   *
   * @param committed  asked when the time is up
   */
  cutOffCommit<R>(commit: Promise<R>, committed: () => CommitOutcome): Promise<R> {
    return this.#timeUp === undefined ? commit : this.#race(commit, committed)
  }

  /** @throws as cutOff */
  sleep(delayMs: number): Promise<void> {
    return this.cutOff(this.#clock.sleep(delayMs, this.#ending?.signal))
  }

  /** To be called when the transaction has ended. */
  end(): void {
    this.#ending?.abort()
  }

  async #race<R>(
    work: Promise<R>,
    committed: () => CommitOutcome,
    aborted?: Promise<never>,
  ): Promise<R> {
    const contenders: Promise<R | typeof TIME_IS_UP>[] = [work]
    if (this.#timeUp !== undefined) contenders.push(this.#timeUp)
    if (aborted !== undefined) contenders.push(aborted)
    const first = await Promise.race(contenders)
    if (first !== TIME_IS_UP) return first as R
    const timeoutMs = this.#options.timeoutMs!
    throw engineError('TXN_TIMEOUT', `the transaction took longer than ${timeoutMs} ms`, {
      details: { timeoutMs },
      committed: committed(),
    })
  }
}
