// A simulated clock on which the window of relaxed commits lasts so many turns of the event loop, or until the test ends
// it: by itself a simulated clock ends it as soon as everybody waits, and no two writes would ever share a sync.
import type { Clock } from '../../dist/env/env.js'
import { turns } from '../turns.js'

/** The setting that tells the sleep of the window from all others. */
export const WINDOW_MS = 37

export class WindowClock implements Clock {
  readonly #inner: Clock
  readonly #turnCount: () => number
  #ends: (() => void)[] = []

  /** @param turnCount  how long the next window lasts; Infinity: until endWindow() */
  constructor(inner: Clock, turnCount: () => number) {
    this.#inner = inner
    this.#turnCount = turnCount
  }

  endWindow(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  wallMicros(): number {
    return this.#inner.wallMicros()
  }

  monotonicMicros(): number {
    return this.#inner.monotonicMicros()
  }

  yield(): Promise<void> {
    return this.#inner.yield()
  }

  every(periodMs: number, tick: () => void): () => void {
    return this.#inner.every(periodMs, tick)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs !== WINDOW_MS) return this.#inner.sleep(delayMs, signal)
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal?.reason)
      if (signal?.aborted === true) return onAbort()
      signal?.addEventListener('abort', onAbort)
      this.#ends.push(resolve)
      const turnCount = this.#turnCount()
      if (turnCount < Infinity) void turns(turnCount).then(resolve)
    })
  }
}
