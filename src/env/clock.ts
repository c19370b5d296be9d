// Time: the machine's, and one that a test moves.

import { invariant } from '../base/assert.js'
import type { Clock } from './env.js'

export class SystemClock implements Clock {
  wallMicros(): number {
    return Date.now() * 1000
  }

  monotonicMicros(): number {
    return Math.floor(performance.now() * 1000)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, delayMs)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  every(periodMs: number, tick: () => void): () => void {
    const timer = setInterval(tick, periodMs)
    timer.unref()
    return () => clearInterval(timer)
  }
}

/** Where simulated time starts: 2026-01-01T00:00:00Z in Unix microseconds. */
const SIMULATION_START_MICROS = 1_767_225_600_000_000

interface Sleeper {
  readonly dueMicros: number
  readonly wake: () => void
}

interface Ticker {
  dueMicros: number
  readonly periodMicros: number
  readonly tick: () => void
}

/**
 * A clock that stands still until it is moved. So that nothing waits for ever, it moves by itself to the end of the
 * shortest sleep when the event loop has come round and somebody is still asleep, unless it is held.
 */
export class SimulatedClock implements Clock {
  readonly #isHeld: boolean
  #elapsedMicros = 0
  #skewMicros = 0
  #sleepers: Sleeper[] = []
  readonly #tickers = new Set<Ticker>()
  #isTurnDue = false

  /** A held clock moves only by `advance`. */
  constructor(options: { readonly isHeld?: boolean } = {}) {
    this.#isHeld = options.isHeld === true
  }

  wallMicros(): number {
    return SIMULATION_START_MICROS + this.#elapsedMicros + this.#skewMicros
  }

  monotonicMicros(): number {
    return this.#elapsedMicros
  }

  /** How many sleeps have not ended. */
  get sleeperCount(): number {
    return this.#sleepers.length
  }

  /** Moves the clock on, wall clock included, and wakes whom that concerns, in the order of their times. */
  advance(delayMs: number): void {
    invariant(delayMs >= 0, 'time does not run backwards; skewWall moves the wall clock')
    const target = this.#elapsedMicros + Math.round(delayMs * 1000)
    for (let next = this.#sleepers[0]; next !== undefined && next.dueMicros <= target; ) {
      this.#elapsedMicros = next.dueMicros
      this.#sleepers.shift()
      next.wake()
      next = this.#sleepers[0]
    }
    this.#elapsedMicros = target
    for (const ticker of this.#tickers) {
      if (ticker.dueMicros > target) continue
      ticker.dueMicros = target + ticker.periodMicros
      ticker.tick()
    }
  }

  /** Makes the wall clock jump, back when negative. The monotonic clock does not notice. */
  skewWall(deltaMs: number): void {
    this.#skewMicros += Math.round(deltaMs * 1000)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason)
      }
      const sleeper: Sleeper = {
        dueMicros: this.#elapsedMicros + Math.max(0, Math.round(delayMs * 1000)),
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const place = this.#sleepers.findIndex((other) => other.dueMicros > sleeper.dueMicros)
      this.#sleepers.splice(place < 0 ? this.#sleepers.length : place, 0, sleeper)
      this.#moveSoon()
    })
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  every(periodMs: number, tick: () => void): () => void {
    const periodMicros = Math.round(periodMs * 1000)
    const ticker = { dueMicros: this.#elapsedMicros + periodMicros, periodMicros, tick }
    this.#tickers.add(ticker)
    return () => void this.#tickers.delete(ticker)
  }

  #moveSoon(): void {
    if (this.#isTurnDue || this.#isHeld) return
    this.#isTurnDue = true
    setImmediate(() => {
      this.#isTurnDue = false
      const next = this.#sleepers[0]
      if (next === undefined) return
      this.advance((next.dueMicros - this.#elapsedMicros) / 1000)
      if (this.#sleepers.length > 0) this.#moveSoon()
    })
  }
}
