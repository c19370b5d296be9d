// Decides which commits the calling thread writes and syncs itself, in the turn in which they come.
//
// Handing a sync to the pool costs a third of what it takes on a fast disk, and gains nothing for a client that commits, waits
// and commits again: nobody else has work to do meanwhile. The same goes for the turn of the event loop in which others could
// join a group. So what such a lone writer commits is written at once and, as long as the disk is quick, synced on the thread.
// It is not when anybody may be kept waiting by that:
//
// 1. Every millisecond, or 32 commits, the event loop gets its turn, and whoever commits there makes it a group.
// 2. A commit in the turn of another, before that one's acknowledgement got through, begins a group: its client does not wait.
// 3. Where syncs mostly take long the pool has them. So it has when the event loop had to stand still for some that took long:
//    the loop stands a fifth of the time for these at most. One now and then, as every disk has them, is borne.

/** Who commits again so soon after he was acknowledged had nothing else to do. */
const GAP_MAX_MICROS = 200
/** What a quick disk mostly takes for a sync. */
const QUICK_SYNC_MICROS = 1_000
const HICCUP_MICROS = 5_000
/** The loop is owed a rest of so many times what it stood still in a hiccup. */
const HICCUP_REST_FACTOR = 4
/** While it is owed no more than that, the thread goes on. */
const OWED_MAX_MICROS = 100_000
/** How fast the estimate of what a sync mostly takes follows: one that is off by a half has it after four syncs. */
const ESTIMATE_STEP = 1.2
const ESTIMATE_MIN_MICROS = QUICK_SYNC_MICROS / 8
const ESTIMATE_MAX_MICROS = QUICK_SYNC_MICROS * 4
/** So many commits in a row show that somebody commits again and again. */
const ROW_MIN_COUNT = 2
/** How long, and how many, commits may follow each other without a turn of the event loop. */
const RUN_MAX_MICROS = 1_000
const RUN_MAX_COUNT = 32

export class LoneWriter {
  /** Commits of one client that followed each other. */
  #rowCount = 0
  #isAcknowledged = false
  #acknowledgedMicros = Number.NEGATIVE_INFINITY
  /** What half of the syncs take, at most; an estimate that follows them. */
  #medianMicros = QUICK_SYNC_MICROS
  /** When the loop will have had the rest that it is owed. */
  #restedMicros = Number.NEGATIVE_INFINITY
  #isBackToBack = false
  #turnedMicros = Number.NEGATIVE_INFINITY
  #runCount = 0

  /** What a sync mostly takes. */
  get syncMicros(): number {
    return this.#medianMicros
  }

  /** A commit comes that nobody else waits with: whether it is to be written in this turn. */
  comes(nowMicros: number): boolean {
    this.#isBackToBack =
      this.#isAcknowledged && nowMicros - this.#acknowledgedMicros <= GAP_MAX_MICROS
    if (!this.#isInRow || nowMicros - this.#turnedMicros >= RUN_MAX_MICROS) return false
    this.#runCount++
    return this.#runCount <= RUN_MAX_COUNT
  }

  /** Whether a commit that came alone, and still is, is to be synced on the thread. */
  isQuick(nowMicros: number): boolean {
    if (!this.#isInRow) return false
    const isRested = this.#restedMicros - nowMicros <= OWED_MAX_MICROS
    return this.#medianMicros < QUICK_SYNC_MICROS && isRested
  }

  /** The event loop had its turn. */
  turned(nowMicros: number): void {
    this.#turnedMicros = nowMicros
    this.#runCount = 0
  }

  synced({ startMicros, endMicros, isOnThread }: SyncFacts): void {
    const syncMicros = endMicros - startMicros
    const median = this.#medianMicros
    this.#medianMicros =
      syncMicros > median
        ? Math.min(syncMicros, median * ESTIMATE_STEP, ESTIMATE_MAX_MICROS)
        : Math.max(syncMicros, median / ESTIMATE_STEP, ESTIMATE_MIN_MICROS)
    if (!isOnThread || syncMicros <= HICCUP_MICROS) return
    // Meanwhile it had none of what it is owed.
    const fromMicros = Math.max(this.#restedMicros + syncMicros, endMicros)
    this.#restedMicros = fromMicros + HICCUP_REST_FACTOR * syncMicros
  }

  /** So many clients are about to be told that their commits are safe. */
  acknowledges(clientCount: number, nowMicros: number): void {
    if (clientCount > 1) this.#rowCount = 0
    else this.#rowCount = this.#isBackToBack ? this.#rowCount + 1 : 1
    this.#acknowledgedMicros = nowMicros
    this.#isAcknowledged = false
    void ACKNOWLEDGED.then(() => {
      this.#isAcknowledged = true
    })
  }

  get #isInRow(): boolean {
    return this.#isBackToBack && this.#rowCount >= ROW_MIN_COUNT
  }
}

const ACKNOWLEDGED = Promise.resolve()

export interface SyncFacts {
  readonly startMicros: number
  readonly endMicros: number
  readonly isOnThread: boolean
}
