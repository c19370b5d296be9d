// Decides whether the disk is given a large group of commits at once, so that the thread prepares the next one beside it.
//
// Two clients that prepare their commits for p and whose syncs take s commit every max(p, s) when each has a sync of its
// own, and every p + s / 2 when they share one. Sharing is better where s is more than 2 p: where the thread, when a sync ends,
// has waited for it longer than it prepared commits beside it. Then groups are shared for a while, and it is tried anew.

/** So many syncs are shared until it is tried again whether the disk became quicker. */
const SHARED_COUNT = 30

export class SyncOverlap {
  #sharedCount = 0
  #startMicros: number | undefined
  /** When the last commit came beside the sync. */
  #cameMicros: number | undefined

  get isWorthwhile(): boolean {
    return this.#sharedCount === 0
  }

  /** The sync of a large group begins that waited for nobody. */
  begins(nowMicros: number): void {
    this.#startMicros = nowMicros
    this.#cameMicros = undefined
  }

  get isUnderWay(): boolean {
    return this.#startMicros !== undefined
  }

  /** A commit is ready that the sync under way is too early for. */
  comes(nowMicros: number): void {
    this.#cameMicros = nowMicros
  }

  /** A sync ended, of whatever group. */
  ends(nowMicros: number): void {
    const startMicros = this.#startMicros
    const cameMicros = this.#cameMicros
    this.#startMicros = undefined
    if (this.#sharedCount > 0) this.#sharedCount--
    // Of a client who is alone there is nothing to be learned, and nobody to share with.
    if (startMicros === undefined || cameMicros === undefined) return
    if (nowMicros - cameMicros > cameMicros - startMicros) this.#sharedCount = SHARED_COUNT
  }
}
