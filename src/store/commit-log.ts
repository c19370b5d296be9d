// Group commit. Whatever is appended while a group is being written and synced belongs to the next; one group is under way
// at a time. A commit asks for one of two kinds of safety:
//
//   sync     acknowledged when it is durable
//   relaxed  acknowledged when it is in the log file: the death of the process does not undo it, but until the next sync of
//            the log, at most `relaxedWindowMs` later, a power failure does
//
// Invariants, durable <= readable <= appended:
//  1. Commits up to `readable` are acknowledged, and readers see them; nobody was told of those above. It moves when a group
//     is done, hence in commit order, and only past sync commits that are durable.
//  2. A group is synced when anybody in it asks for it, and makes everything before it durable: a relaxed commit rides
//     along. So commits are durable in commit order, too, and what a power failure leaves is a first part of them.
//  3. Nothing is written while a sync is under way, however long it takes: what is acknowledged and not durable was
//     acknowledged within one window.
//  4. A group begins when the clients of the one before are told, so that who commits again is in it: else two groups of
//     unequal size take turns, and share the disk worse. It waits for that no longer than GATHER_MAX_MICROS, and not at all
//     where it is large itself: its sync begins in the turn of its commit, and others are prepared beside it.
//  5. A group that found no room before it wrote anything refuses its commits and all that were appended behind them:
//     exactly those above `readable`. What was written before stays, is synced in its time, and the log goes on. Any other
//     failure ends the log.

import { EngineError, engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import { KiB } from '../base/limits.js'
import { Histogram, type HistogramSummary } from '../base/metrics.js'
import type { ByteWriter } from '../codec/bytes.js'
import type { Clock } from '../env/env.js'
import type { WalWriter } from '../wal/writer.js'
import { Acknowledgements, type Waiter } from './acknowledgements.js'
import { LoneWriter, type SyncFacts } from './lone-writer.js'
import { SyncOverlap } from './sync-overlap.js'

/** A group that takes longer than this is reported as a stall. */
const STALL_REPORT_MS = 100
/** So long a group waits for those who are told of the one before. */
const GATHER_MAX_MICROS = 2_000
/** A group of so many bytes keeps the disk busy by itself while others prepare as much. */
const LARGE_GROUP_BYTES: number = 64 * KiB

/**
 * When a commit is acknowledged: `sync`, once it is durable; `relaxed`, once the operating system has it. A relaxed commit
 * survives the death of the process. A power failure takes it back when it comes before the next sync of the log, which
 * any sync commit brings, or else the setting `relaxedWindowMs`.
 */
export type Durability = 'sync' | 'relaxed'

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
  /** The log is synced at the latest so long after it holds a commit that is not durable. */
  readonly relaxedWindowMs: number
  readonly durable: SeqNum
  /** All commits up to this one are as safe as was asked for. Runs before their promises resolve. */
  readonly onReadable: (seqNum: SeqNum) => void
  /** The log goes on in a new file, which is durable up to there. */
  readonly onRotated: (position: WalWriter['durable']) => void
  /** All commits above `readable` did not happen, and are to be forgotten. Runs before their promises reject. */
  readonly onRefused: (error: EngineError, readable: SeqNum) => void
  /** No commit can be made durable any more. Runs before the promises reject. */
  readonly onBroken: (error: EngineError) => void
}

export class CommitLog {
  readonly #options: CommitLogOptions
  /** Who waits for the next group. */
  #waiting: Waiter[] = []
  /** Who waits for the group under way. */
  #group: Waiter[] = []
  /** Whose commits are safe. */
  readonly #acknowledgements: Acknowledgements
  #isRunning = false
  #appended: SeqNum
  /** Bytes that were appended and that nobody waits for yet. */
  #appendedBytes = 0
  #readable: SeqNum
  #durable: SeqNum
  /** Commits since the last sync. */
  #unsyncedCount = 0
  #fileId: WalWriter['durable']['fileId']
  #failure: { readonly error: unknown } | undefined
  #isWindowOpen = false
  readonly #closing = new AbortController()
  #startMicros: number | undefined
  #isStallTold = false
  readonly #lone = new LoneWriter()
  readonly #overlap = new SyncOverlap()
  readonly #flushMicros = new Histogram()
  readonly #groupCommits = new Histogram()

  constructor(options: CommitLogOptions) {
    this.#options = options
    this.#acknowledgements = new Acknowledgements(options.clock, () => this.#lone.syncMicros)
    this.#appended = options.durable
    this.#readable = options.durable
    this.#durable = options.durable
    this.#fileId = options.wal.durable.fileId
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
   * Frames one commit for the log. It is written and synced when somebody waits for it.
   *
   * @param encode  appends the payload of the frame; when it throws, there is no such commit
   * @throws DB_POISONED
   */
  append(seqNum: SeqNum, encode: (out: ByteWriter) => void): void {
    const { wal } = this.#options
    const { pendingBytes } = wal
    wal.append(seqNum, encode)
    this.#appended = seqNum
    this.#appendedBytes += wal.pendingBytes - pendingBytes
    if (!this.#isStallTold) this.#tellOfStall()
  }

  /**
   * Resolves with its SeqNum once a commit that was appended, and all before it, are as safe as asked for.
   *
   * @throws COMMIT_UNKNOWN (as rejection) when the sync failed; DISK_FULL, IO_FAILED when the commit did not happen
   */
  whenSafe(seqNum: SeqNum, durability: Durability): Promise<SeqNum> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    const isSync = durability === 'sync'
    if (seqNum <= (isSync ? this.#durable : this.#readable)) return Promise.resolve(seqNum)
    return new Promise((resolve, reject) => {
      const byteCount = this.#appendedBytes
      this.#appendedBytes = 0
      this.#waiting.push({ seqNum, isSync, byteCount, resolve, reject })
      if (this.#overlap.isUnderWay) this.#overlap.comes(this.#now())
      if (this.#isRunning) return
      if (this.#lone.comes(this.#now()) && this.#canRunNow) this.#runNow()
      else void this.#run()
    })
  }

  /**
   * Resolves once everything appended so far is durable or, when relaxed is enough, readable.
   *
   * @throws what those commits fail with (as rejection)
   */
  async settle(durability: Durability): Promise<void> {
    await this.whenSafe(this.#appended, durability)
  }

  /**
   * Resolves once the commit with this SeqNum, and all before it, are durable; has the log synced for that.
   *
   * @throws as settle
   */
  whenDurable(seqNum: SeqNum): Promise<SeqNum> {
    return this.whenSafe(seqNum, 'sync')
  }

  /**
   * Ends the window: what is left in it is synced now. Nothing may be appended any more.
   *
   * @throws COMMIT_UNKNOWN (as rejection)
   */
  async close(): Promise<void> {
    this.#closing.abort()
    if (this.#failure === undefined) await this.settle('sync')
  }

  get #underWayMs(): number {
    if (this.#startMicros === undefined) return 0
    return (this.#now() - this.#startMicros) / 1000
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

  async #run(): Promise<void> {
    this.#isRunning = true
    let hadTurn = false
    while (this.#waiting.length > 0) {
      const isGathered = !hadTurn || this.#acknowledgements.hasUntold
      if (isGathered && !this.#isUrgent) await this.#gather()
      try {
        hadTurn = await this.#runGroup()
      } catch (cause) {
        this.#fail(cause)
      }
    }
    this.#isRunning = false
    this.#acknowledgements.tell()
  }

  /** Whether the disk is best given the group at once: the thread has as much to do meanwhile. */
  get #isUrgent(): boolean {
    if (this.#options.wal.pendingBytes < LARGE_GROUP_BYTES) return false
    return this.#overlap.isWorthwhile && this.#isSyncAsked(this.#waiting)
  }

  /** Whoever commits in this turn of the event loop, or when he is told now, joins the group. */
  async #gather(): Promise<void> {
    const endMicros = this.#now() + GATHER_MAX_MICROS
    this.#acknowledgements.tell()
    let nowMicros: number
    do {
      await this.#options.clock.yield()
      nowMicros = this.#now()
      this.#lone.turned(nowMicros)
    } while (this.#acknowledgements.hasUntold && !this.#isUrgent && nowMicros < endMicros)
  }

  /** A group of one commit, in this turn of the event loop. */
  #runNow(): void {
    this.#isRunning = true
    try {
      this.#runOnThread()
    } catch (cause) {
      this.#fail(cause)
    }
    this.#isRunning = false
    this.#acknowledgements.tell()
    if (this.#waiting.length > 0) void this.#run()
  }

  /** Whether what waits can be written, and synced, on the thread. */
  get #canRunNow(): boolean {
    if (!this.#options.wal.canWriteNow) return false
    return !this.#isSyncAsked(this.#waiting) || this.#lone.isQuick(this.#now())
  }

  /** Writes and syncs a group; true when the event loop had turns meanwhile. */
  async #runGroup(): Promise<boolean> {
    if (this.#waiting.length === 1 && this.#canRunNow) {
      this.#runOnThread()
      return false
    }
    const isUrgent = this.#isUrgent
    const appended = this.#beginGroup()
    if (isUrgent) this.#overlap.begins(this.#startMicros!)
    const isSynced = this.#isSyncAsked(this.#group)
    const { canWriteNow } = this.#options.wal
    // The sync of what is written in this turn begins in it, too.
    const written = canWriteNow ? this.#writeNow(appended) : await this.#write(appended)
    if (isSynced) await this.#sync(written)
    this.#endGroup(written)
    return isSynced
  }

  #runOnThread(): void {
    const { wal } = this.#options
    const appended = this.#beginGroup()
    const isSynced = this.#isSyncAsked(this.#group)
    const startMicros = this.#startMicros!
    const written = this.#writeNow(appended, isSynced)
    if (isSynced) {
      wal.syncNow()
      this.#synced(written, { startMicros, endMicros: this.#now(), isOnThread: true })
    }
    this.#endGroup(written)
  }

  #isSyncAsked(waiters: readonly Waiter[]): boolean {
    return waiters.some(({ seqNum, isSync }) => isSync && seqNum > this.#durable)
  }

  /** What has been appended now is the group's. */
  #beginGroup(): SeqNum {
    this.#group = this.#waiting
    this.#waiting = []
    this.#startMicros = this.#now()
    this.#isStallTold = false
    return this.#appended
  }

  /** Writes what is appended, or refuses it; returns up to where commits are written. */
  async #write(appended: SeqNum): Promise<SeqNum> {
    try {
      await this.#options.wal.write()
    } catch (error) {
      return this.#notWritten(error)
    }
    return this.#wrote(appended)
  }

  /** @param isDurable  a sync on the thread follows */
  #writeNow(appended: SeqNum, isDurable = false): SeqNum {
    try {
      this.#options.wal.writeNow(isDurable)
    } catch (error) {
      return this.#notWritten(error)
    }
    return this.#wrote(appended)
  }

  #wrote(appended: SeqNum): SeqNum {
    this.#unsyncedCount += this.#group.length
    return appended
  }

  #notWritten(error: unknown): SeqNum {
    if (!isRefusal(error)) throw error
    this.#refuse(error)
    return this.#readable
  }

  async #sync(written: SeqNum): Promise<void> {
    const startMicros = this.#now()
    const syncing = this.#options.wal.sync()
    this.#acknowledgements.tell()
    await syncing
    this.#synced(written, { startMicros, endMicros: this.#now(), isOnThread: false })
  }

  #synced(written: SeqNum, facts: SyncFacts): void {
    const { wal, onRotated } = this.#options
    this.#lone.synced(facts)
    this.#overlap.ends(facts.endMicros)
    if (written === this.#durable) return
    this.#durable = written
    this.#flushMicros.record(facts.endMicros - this.#startMicros!)
    this.#groupCommits.record(this.#unsyncedCount)
    this.#unsyncedCount = 0
    if (wal.durable.fileId === this.#fileId) return
    this.#fileId = wal.durable.fileId
    onRotated(wal.durable)
  }

  /** Its clients are told when the next group is under way, or there is none. */
  #endGroup(written: SeqNum): void {
    this.#tellOfStall()
    this.#startMicros = undefined
    this.#readable = written
    this.#options.onReadable(written)
    const group = this.#group
    this.#group = []
    this.#lone.acknowledges(group.length, this.#now())
    this.#acknowledgements.add(group)
    if (this.#durable < written && !this.#isWindowOpen) void this.#keepWindow()
  }

  #now(): number {
    return this.#options.clock.monotonicMicros()
  }

  /** Has the log synced when the window ends, unless somebody did meanwhile. */
  async #keepWindow(): Promise<void> {
    const { clock, relaxedWindowMs } = this.#options
    this.#isWindowOpen = true
    await clock.sleep(relaxedWindowMs, this.#closing.signal).catch(() => undefined)
    this.#isWindowOpen = false
    // Who has to know of a failure is told by #fail.
    await this.whenDurable(this.#readable).catch(() => undefined)
  }

  /** Takes back what found no room. */
  #refuse(error: EngineError): void {
    const readable = this.#readable
    this.#options.wal.dropPending()
    this.#appended = readable
    this.#appendedBytes = 0
    this.#options.onRefused(error, readable)
    const waiters = [...this.#group, ...this.#waiting]
    this.#group = this.#group.filter(({ seqNum }) => seqNum <= readable)
    this.#waiting = this.#waiting.filter(({ seqNum }) => seqNum <= readable)
    for (const waiter of waiters) if (waiter.seqNum > readable) waiter.reject(error)
  }

  #fail(cause: unknown): void {
    this.#startMicros = undefined
    const error =
      cause instanceof EngineError
        ? cause
        : engineError('COMMIT_UNKNOWN', 'the write-ahead log could not be made durable', {
            cause,
            committed: 'unknown',
          })
    this.#failure = { error }
    this.#options.onBroken(error)
    const waiters = [...this.#group, ...this.#waiting]
    this.#group = []
    this.#waiting = []
    for (const waiter of waiters) waiter.reject(error)
  }
}

/** Whether the commits did not happen, and later ones may. */
function isRefusal(error: unknown): error is EngineError {
  return error instanceof EngineError && error.committed === 'no' && error.kind !== 'closed'
}
