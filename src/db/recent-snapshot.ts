import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_ZERO } from '../base/ids.js'
import type { Clock } from '../env/env.js'
import type { Store } from '../store/store.js'

/** The newest snapshot that a reader with an age limit took: others read it, too, while it suits them. */
export class RecentSnapshot {
  readonly #store: Store
  readonly #clock: Clock
  #seqNum: SeqNum = SEQ_NUM_ZERO
  #takenMicros = Number.NEGATIVE_INFINITY

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** One that was the newest at most so long ago. */
  within(maxAgeMs: number): SeqNum {
    const nowMicros = this.#clock.monotonicMicros()
    const isYoung = nowMicros - this.#takenMicros <= maxAgeMs * 1000
    // Where little history is kept it may be gone before its time.
    if (!isYoung || this.#seqNum < this.#store.history.highest) {
      this.#seqNum = this.#store.readable
      this.#takenMicros = nowMicros
    }
    return this.#seqNum
  }
}
