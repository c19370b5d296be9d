// When flushes and compactions of all tablets run:
//
// 1. One flush and one compaction may run at any time: neither waits for the other.
// 2. Two of a kind run together while none of the other does. So what a load leaves behind is worked off by two threads.
// 3. What is done alone waits for all that runs, and what is asked for later waits for it; flushes only once no compaction
//    runs any more, because those may take long.
// 4. Of each kind who asks first is first.

import type { Lane } from './lane.js'

/** The most that run at once: two of a kind, and the first of the other that came later. */
export const JOB_MAX_COUNT = 3
const PAIR_COUNT = 2

type JobKind = Lane['job'] | 'alone'

interface Waiting {
  readonly kind: JobKind
  readonly start: () => void
}

export class JobTurns {
  readonly #running: Record<JobKind, number> = { flush: 0, compaction: 0, alone: 0 }
  readonly #waiting: Waiting[] = []

  /** Runs `work` in its turn. A failure reaches this caller only, not those behind it. */
  async run<Result>(kind: JobKind, work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((start) => {
      this.#waiting.push({ kind, start })
      this.#startWaiting()
    })
    try {
      return await work()
    } finally {
      this.#running[kind]--
      this.#startWaiting()
    }
  }

  #startWaiting(): void {
    let isAloneDue = false
    for (let i = 0; i < this.#waiting.length; ) {
      const { kind, start } = this.#waiting[i]!
      if (this.#mayStart(kind, isAloneDue)) {
        this.#waiting.splice(i, 1)
        this.#running[kind]++
        start()
      } else {
        if (kind === 'alone') isAloneDue = true
        i++
      }
    }
  }

  /** @param isAloneDue  something that is done alone has asked before */
  #mayStart(kind: JobKind, isAloneDue: boolean): boolean {
    const { flush, compaction, alone } = this.#running
    if (alone > 0) return false
    const runningCount = flush + compaction
    if (isAloneDue && !(kind === 'flush' && compaction > 0)) return false
    if (kind === 'alone') return runningCount === 0
    return this.#running[kind] === 0 || runningCount < PAIR_COUNT
  }
}
