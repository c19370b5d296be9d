// Decides which syncs of the log the calling thread does itself.
//
// Handing a sync to the pool costs a third of what it takes on a fast disk, and gains nothing for a client that commits, waits
// and commits again: nobody else has work to do meanwhile. So the syncs of such a lone writer are done on the thread, in the
// turn of the commit, as long as the disk is quick. They are not when anybody may be kept waiting by that:
//
// 1. Every few commits the event loop gets its turn, and whoever commits there makes it a group.
// 2. A commit in the turn of another, before that one's acknowledgement got through, begins a group: its client does not wait.
// 3. After a sync that took long the pool has them: for as long as syncs take long, and for a second where it was a hiccup
//    that the event loop had to stand still for.

/** Who commits again so soon after he was acknowledged had nothing else to do. */
const GAP_MAX_MICROS = 200
/** What a quick disk takes for a sync. */
const QUICK_SYNC_MICROS = 1_000
const HICCUP_MICROS = 5_000
const HICCUP_REST_MICROS = 1_000_000
/** So many commits in a row show that somebody commits again and again. */
const ROW_MIN_COUNT = 2
/** Syncs on the thread between two turns of the event loop. */
const RUN_MAX_COUNT = 4

export class LoneWriter {
  /** Commits of one client that followed each other. */
  #rowCount = 0
  #isAcknowledged = false
  #acknowledgedMicros = Number.NEGATIVE_INFINITY
  #syncMicros = Number.POSITIVE_INFINITY
  #restUntilMicros = Number.NEGATIVE_INFINITY
  #isBackToBack = false
  #runCount = 0

  /** A commit comes that nobody else waits with: whether it is to be synced on the thread, in this turn. */
  comes(nowMicros: number): boolean {
    this.#isBackToBack =
      this.#isAcknowledged && nowMicros - this.#acknowledgedMicros <= GAP_MAX_MICROS
    return this.#runCount < RUN_MAX_COUNT && this.isQuick(nowMicros)
  }

  /** Whether a commit that came alone, and still is, is to be synced on the thread. */
  isQuick(nowMicros: number): boolean {
    if (!this.#isBackToBack || this.#rowCount < ROW_MIN_COUNT) return false
    return this.#syncMicros < QUICK_SYNC_MICROS && nowMicros >= this.#restUntilMicros
  }

  /** The event loop had its turn. */
  turned(): void {
    this.#runCount = 0
  }

  /** A sync that so many clients wait for is done; they are about to be told. */
  synced(clientCount: number, { startMicros, endMicros, isOnThread }: SyncFacts): void {
    if (clientCount > 1) this.#rowCount = 0
    else this.#rowCount = this.#isBackToBack ? this.#rowCount + 1 : 1
    this.#syncMicros = endMicros - startMicros
    this.#acknowledgedMicros = endMicros
    this.#isAcknowledged = false
    void Promise.resolve().then(() => {
      this.#isAcknowledged = true
    })
    if (!isOnThread) return
    this.#runCount++
    if (this.#syncMicros > HICCUP_MICROS) this.#restUntilMicros = endMicros + HICCUP_REST_MICROS
  }
}

export interface SyncFacts {
  readonly startMicros: number
  readonly endMicros: number
  readonly isOnThread: boolean
}
