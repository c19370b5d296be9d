// Tells clients that their commits are as safe as they asked for: in the order of commits, some in each turn of the event loop.
//
// Who is told goes on at once, mostly with his next commit. Were all of a large group told in one turn, the event loop would
// stand for all those commits. Were it few, each would take a turn of its own. So as many are told in a turn as can commit
// while the disk syncs.

import type { SeqNum } from '../base/ids.js'
import { KiB } from '../base/limits.js'
import type { Clock } from '../env/env.js'

/** Clients that are told in one turn of the event loop. */
const TURN_MIN_COUNT = 16
const TURN_MAX_COUNT = 256
/** What a small commit takes of the thread. */
const COMMIT_MICROS = 10
/** What their commits may have had: who committed much prepares as much again. */
const TURN_MAX_BYTES: number = 64 * KiB

/** A client whose commit is to be made safe. */
export interface Waiter {
  readonly seqNum: SeqNum
  readonly isSync: boolean
  /** What its commit takes in the log. */
  readonly byteCount: number
  readonly resolve: (seqNum: SeqNum) => void
  readonly reject: (error: unknown) => void
}

export class Acknowledgements {
  readonly #clock: Clock
  readonly #syncMicros: () => number
  #waiters: Waiter[] = []
  #toldCount = 0
  #isTurnDue = false

  /** @param syncMicros  what a sync mostly takes */
  constructor(clock: Clock, syncMicros: () => number) {
    this.#clock = clock
    this.#syncMicros = syncMicros
  }

  /** Their commits are safe. */
  add(waiters: Waiter[]): void {
    if (this.hasUntold) {
      this.#waiters.push(...waiters)
    } else {
      this.#waiters = waiters
      this.#toldCount = 0
    }
  }

  /** Whether some were added who are not told yet. */
  get hasUntold(): boolean {
    return this.#toldCount < this.#waiters.length
  }

  /** Begins to tell those who were added. */
  tell(): void {
    if (!this.#isTurnDue) this.#tellSome()
  }

  #tellSome(): void {
    const waiters = this.#waiters
    const count = Math.max(TURN_MIN_COUNT, this.#syncMicros() / COMMIT_MICROS)
    const end = Math.min(this.#toldCount + Math.min(count, TURN_MAX_COUNT), waiters.length)
    let restBytes = TURN_MAX_BYTES
    while (this.#toldCount < end && restBytes > 0) {
      const { seqNum, byteCount, resolve } = waiters[this.#toldCount++]!
      restBytes -= byteCount
      resolve(seqNum)
    }
    if (this.hasUntold) void this.#tellLater()
  }

  async #tellLater(): Promise<void> {
    this.#isTurnDue = true
    await this.#clock.yield()
    this.#isTurnDue = false
    this.#tellSome()
  }
}
