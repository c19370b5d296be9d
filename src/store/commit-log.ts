// Group commit: everything appended while one sync is in flight rides the next one. One flush runs at a time; a commit
// is durable when the flush that carried it has synced.
//
// A flush that found no room before it wrote anything refuses its commits and all that were appended behind them: exactly
// those above `durable`. The log goes on without them. Any other failure ends it.

import { EngineError, engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import { Histogram, type HistogramSummary } from '../base/metrics.js'
import type { Clock } from '../env/env.js'
import type { WalWriter } from '../wal/writer.js'

/** A group that takes longer than this is reported as a stall. */
const STALL_REPORT_MS = 100

interface Waiter {
  readonly seqNum: SeqNum
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface CommitStats {
  /** What writing and syncing a group took, in microseconds. */
  readonly flushMicros: HistogramSummary
  /** How many commits shared a sync. */
  readonly groupCommits: HistogramSummary
  /** How long the group under way has been written and synced for, 0 when there is none: a disk that hangs shows here. */
  readonly underWayMs: number
}

export interface CommitLogOptions {
  readonly wal: WalWriter
  readonly clock: Clock
  readonly events: EventSource
  readonly durable: SeqNum
  /** All commits up to this one are durable. Runs before their promises resolve. */
  readonly onDurable: (seqNum: SeqNum) => void
  /** The log goes on in a new file, which is durable up to there. */
  readonly onRotated: (position: WalWriter['durable']) => void
  /** All commits above `durable` did not happen, and are to be forgotten. Runs before their promises reject. */
  readonly onRefused: (error: EngineError, durable: SeqNum) => void
  /** No commit can be made durable any more. Runs before the promises reject. */
  readonly onBroken: (error: EngineError) => void
}

export class CommitLog {
  readonly #options: CommitLogOptions
  #waiting: Waiter[] = []
  /** Who waits for the flush under way. */
  #group: Waiter[] = []
  #isPumping = false
  #durable: SeqNum
  #failure: { readonly error: unknown } | undefined
  #flushStartMicros: number | undefined
  #isStallTold = false
  readonly #flushMicros = new Histogram()
  readonly #groupCommits = new Histogram()

  constructor(options: CommitLogOptions) {
    this.#options = options
    this.#durable = options.durable
  }

  /** The newest commit that is durable together with all before it. */
  get durable(): SeqNum {
    return this.#durable
  }

  get stats(): CommitStats {
    return {
      flushMicros: this.#flushMicros.summary(),
      groupCommits: this.#groupCommits.summary(),
      underWayMs: this.#underWayMs,
    }
  }

  /**
   * Frames one commit into the log. Resolves once it is durable.
   *
   * @throws COMMIT_UNKNOWN (as rejection) when the sync failed; DISK_FULL, IO_FAILED when the commit did not happen
   */
  append(seqNum: SeqNum, bytes: Uint8Array, byteCount: number): Promise<void> {
    this.#options.wal.append(seqNum, bytes, 0, byteCount)
    return this.#join(seqNum)
  }

  /**
   * Resolves once everything appended so far is durable.
   *
   * @throws what those commits fail with (as rejection)
   */
  settle(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    const waiters = this.#waiting.length > 0 ? this.#waiting : this.#group
    const last = waiters.at(-1)
    if (last === undefined) return Promise.resolve()
    return new Promise((resolve, reject) => waiters.push({ seqNum: last.seqNum, resolve, reject }))
  }

  get #underWayMs(): number {
    if (this.#flushStartMicros === undefined) return 0
    return (this.#options.clock.monotonicMicros() - this.#flushStartMicros) / 1000
  }

  /** Told by the first commit that finds the disk busy for long, since its sync may never end, and when it has ended. */
  #tellOfStall(): void {
    const waitMs = this.#underWayMs
    if (waitMs < STALL_REPORT_MS) return
    this.#isStallTold = true
    this.#options.events.emit('stall', {
      waitMs,
      cause: 'the disk takes long to write and sync the log: every commit waits',
      remedy: 'look after the disk; commits go on as soon as it answers',
    })
  }

  #join(seqNum: SeqNum): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    if (!this.#isStallTold) this.#tellOfStall()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ seqNum, resolve, reject })
      if (!this.#isPumping) void this.#run()
    })
  }

  async #run(): Promise<void> {
    const { wal, clock, onDurable, onRotated } = this.#options
    this.#isPumping = true
    try {
      while (this.#waiting.length > 0) {
        // Whoever is about to commit in this turn of the event loop joins the group.
        await clock.yield()
        const group = this.#waiting
        this.#group = group
        this.#waiting = []
        const startMicros = clock.monotonicMicros()
        this.#flushStartMicros = startMicros
        this.#isStallTold = false
        const { fileId } = wal.durable
        await wal.flush()
        if (wal.durable.fileId !== fileId) onRotated(wal.durable)
        this.#flushMicros.record(clock.monotonicMicros() - startMicros)
        this.#tellOfStall()
        this.#flushStartMicros = undefined
        this.#groupCommits.record(group.length)
        this.#durable = group.at(-1)!.seqNum
        onDurable(this.#durable)
        this.#group = []
        for (const waiter of group) waiter.resolve()
      }
      this.#isPumping = false
    } catch (cause) {
      this.#fail(cause)
    }
  }

  #fail(cause: unknown): void {
    this.#flushStartMicros = undefined
    const error =
      cause instanceof EngineError
        ? cause
        : engineError('COMMIT_UNKNOWN', 'the write-ahead log could not be made durable', {
            cause,
            committed: 'unknown',
          })
    if (error.committed === 'no' && error.kind !== 'closed') {
      this.#options.wal.dropPending()
      this.#options.onRefused(error, this.#durable)
    } else {
      this.#failure = { error }
      this.#options.onBroken(error)
    }
    const waiters = [...this.#group, ...this.#waiting]
    this.#group = []
    this.#waiting = []
    this.#isPumping = false
    for (const waiter of waiters) waiter.reject(error)
  }
}
