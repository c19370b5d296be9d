// What happens behind the commits: sealing, flushing, compacting, and holding writers back when that falls behind.
//
// Memtables share one budget. When their sum exceeds it the largest is sealed, so flushes are spread evenly instead of
// coming all at once. One flush and one compaction run at a time, each as a job away from the main thread; their results
// go live in order, one manifest append each. A job that fails leaves its inputs as they were and is tried again.

import { Mutex } from '../base/async.js'
import { engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import type { Env } from '../env/env.js'
import type { CompactionJob, FlushJob, JobResult } from '../lsm/jobs.js'
import type { Memtable } from '../lsm/memtable.js'
import { type CompactionPlan, pickCompaction } from '../lsm/picker.js'
import type { Tablet } from '../lsm/tablet.js'
import type { VersionEdit } from '../lsm/version-edit.js'
import type { CommitLog } from './commit-log.js'
import type { OpenedFiles, StoreOptions } from './open-files.js'
import type { SnapshotRegistry } from './snapshots.js'

/** Writers are slowed from this many level-0 tables of a tablet on, and stopped at the second figure. */
const LEVEL0_SLOW_COUNT = 12
const LEVEL0_STOP_COUNT = 24
/** Memtables, sealed ones included, may hold this many budgets before writers wait. */
const MEMTABLE_STOP_FACTOR = 2
/** Commits may hold this many bytes that the log has not begun to write; a write is one call on this thread. */
const PENDING_STOP_BYTES = 16 * MiB
/** More WAL files than this: the memtable that holds back the oldest is flushed although it is small. */
const WAL_FILE_MAX_COUNT = 8
/** Waits between attempts of a failing job. */
const RETRY_DELAYS_MS = [100, 500, 2_000, 10_000]
/** A delay that is longer than this is reported as a stall. */
const STALL_REPORT_MS = 100

export interface MaintenanceOptions {
  readonly options: StoreOptions
  readonly env: Env
  readonly events: EventSource
  readonly files: OpenedFiles
  readonly log: CommitLog
  readonly snapshots: SnapshotRegistry
  /** The SeqNum that a commit of now would get. */
  readonly nowSeqNum: () => SeqNum
  readonly onBroken: (error: unknown) => void
}

export class Maintenance {
  readonly #o: MaintenanceOptions
  readonly #installing = new Mutex()
  /** Wakes whoever waits for a job to end. */
  #waiters: (() => void)[] = []
  #flushing: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  #isStopped = false
  #flushFailure: unknown
  #compactionFailure: unknown

  constructor(options: MaintenanceOptions) {
    this.#o = options
  }

  /** Looks whether something is to be done; cheap, called after every commit. */
  notice(): void {
    if (this.#isStopped) return
    const { tablets, wal } = this.#o.files
    let activeBytes = 0
    let largest = tablets[0]!
    let hasSealed = false
    for (const tablet of tablets) {
      activeBytes += tablet.active.arenaBytes
      if (tablet.active.arenaBytes > largest.active.arenaBytes) largest = tablet
      if (tablet.sealed.length > 0) hasSealed = true
    }
    if (activeBytes > this.#o.options.memtableBudgetBytes) {
      largest.seal()
      hasSealed = true
    } else if (wal.files.length > WAL_FILE_MAX_COUNT && !hasSealed) {
      this.#oldestTablet()?.seal()
      hasSealed = true
    }
    if (hasSealed) this.#flushing ??= this.#runFlushes()
  }

  /** Starts compacting when a level asks for it; called when a version has changed. */
  noticeVersions(): void {
    if (this.#compacting === undefined && this.#nextPlan() !== undefined) {
      this.#compacting = this.#runCompactions()
    }
  }

  /** The log has written what was waiting for it. */
  noticeDurable(): void {
    if (this.#waiters.length > 0) this.#wake()
  }

  /** Undefined when a writer may go on; else resolves when it may. Rejects when the backlog cannot shrink. */
  admit(): Promise<void> | undefined {
    return this.#pressure() === 'none' ? undefined : this.#waitForRoom()
  }

  /** Brings everything that is in memtables now into tables. */
  async flushAll(): Promise<void> {
    for (const tablet of this.#o.files.tablets) tablet.seal()
    while (this.#o.files.tablets.some((tablet) => tablet.sealed.length > 0)) {
      this.#assertRunning()
      this.#flushing ??= this.#runFlushes()
      await this.#flushing
      if (this.#flushFailure !== undefined) throw this.#flushFailure
    }
  }

  /** Compacts until no tablet asks for it. */
  async compactAll(): Promise<void> {
    while (this.#nextPlan() !== undefined) {
      this.#assertRunning()
      this.#compacting ??= this.#runCompactions()
      await this.#compacting
      if (this.#compactionFailure !== undefined) throw this.#compactionFailure
    }
  }

  /** Starts nothing new from now on. */
  stop(): void {
    this.#isStopped = true
    this.#wake()
  }

  /** Resolves when no job runs. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#flushing, this.#compacting])
  }

  #assertRunning(): void {
    if (this.#isStopped) throw engineError('DB_CLOSED', 'the database was closed meanwhile')
  }

  #pressure(): 'none' | 'slow' | 'stop' {
    const { files, options } = this.#o
    if (files.wal.pendingBytes > PENDING_STOP_BYTES) return 'stop'
    let memtableBytes = 0
    let level0Count = 0
    for (const tablet of files.tablets) {
      memtableBytes += tablet.memtableBytes
      level0Count = Math.max(level0Count, tablet.version.levels[0]?.length ?? 0)
    }
    const isFull = memtableBytes > options.memtableBudgetBytes * MEMTABLE_STOP_FACTOR
    if (isFull || level0Count >= LEVEL0_STOP_COUNT) return 'stop'
    return level0Count >= LEVEL0_SLOW_COUNT ? 'slow' : 'none'
  }

  async #waitForRoom(): Promise<void> {
    const { clock } = this.#o.env
    const start = clock.monotonicMicros()
    if (this.#pressure() === 'slow') await clock.sleep(1)
    while (this.#pressure() === 'stop' && !this.#isStopped) {
      // Tried again for every writer that comes, so that the backlog shrinks once its cause is gone.
      this.notice()
      this.noticeVersions()
      const failure = this.#flushFailure ?? this.#compactionFailure
      if (failure !== undefined) throw failure
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
    // The caller asks for the state again: the store may be closed or broken by now.
    const waitMs = (clock.monotonicMicros() - start) / 1000
    if (waitMs < STALL_REPORT_MS) return
    this.#o.events.emit('stall', {
      tabletId: this.#busiestTablet().id,
      waitMs,
      cause: 'flushes and compactions are behind the writers',
      remedy: 'write more slowly, raise memtableBudgetBytes, or use a faster disk',
    })
  }

  #busiestTablet(): Tablet {
    const { tablets } = this.#o.files
    return tablets.reduce((a, b) => (b.memtableBytes > a.memtableBytes ? b : a))
  }

  /** The tablet whose memtables hold back the oldest WAL file. */
  #oldestTablet(): Tablet | undefined {
    let oldest: Tablet | undefined
    for (const tablet of this.#o.files.tablets) {
      const seqNum = tablet.oldestUnflushed
      if (seqNum !== undefined && seqNum < (oldest?.oldestUnflushed ?? Infinity)) oldest = tablet
    }
    return oldest
  }

  async #runFlushes(): Promise<void> {
    let attemptCount = 0
    for (;;) {
      const tablet = this.#isStopped
        ? undefined
        : this.#o.files.tablets.find(({ sealed }) => sealed.length > 0)
      if (tablet === undefined) break
      try {
        await this.#flush(tablet, tablet.sealed.at(-1)!)
        attemptCount = 0
        this.#flushFailure = undefined
        this.noticeVersions()
      } catch (error) {
        attemptCount++
        this.#flushFailure = error
        if (!(await this.#retryAfter('flush', tablet, attemptCount, error))) break
      }
      this.#wake()
    }
    this.#flushing = undefined
    if (this.#flushFailure === undefined) this.notice()
    this.#wake()
  }

  async #flush(tablet: Tablet, memtable: Memtable): Promise<void> {
    const { files, env, log } = this.#o
    const start = env.clock.monotonicMicros()
    if (memtable.maxSeqNum > log.durable) await log.settle()
    const job: FlushJob = {
      kind: 'flush',
      image: memtable.handover(),
      ...this.#jobCommon(),
      isBottom: tablet.version.levels.every((level) => level.length === 0),
      outputFileIds: files.reserveFileIds(this.#outputCount(memtable.arenaBytes)),
    }
    const result = (await env.jobs.run(job)) as JobResult
    const edit: VersionEdit = {
      tabletId: tablet.id,
      added: result.tables.map((meta) => ({ level: 0, meta })),
      removed: [],
      flushedSeqNum: memtable.maxSeqNum,
      historyFloor: job.watermark,
    }
    await this.#install(tablet, edit, memtable)
    this.#o.events.emit('flush', {
      tabletId: tablet.id,
      fileIds: result.tables.map(({ fileId }) => fileId),
      entryCount: memtable.entryCount,
      outputBytes: sumBytes(result.tables),
      durationMs: (env.clock.monotonicMicros() - start) / 1000,
    })
  }

  /** Makes a job's result live: durable in the manifest first, then in memory, then the log behind it may go. */
  async #install(tablet: Tablet, edit: VersionEdit, flushed?: Memtable): Promise<void> {
    const { files, env, options } = this.#o
    env.fs.syncDirectory(options.path)
    await this.#installing.run(async () => {
      const edits = flushed === undefined ? [edit] : [edit, ...this.#idleEdits(tablet)]
      try {
        await files.manifest.append(edits)
      } catch (error) {
        this.#o.onBroken(error)
        throw error
      }
      tablet.install(tablet.version.apply(edit), flushed)
      for (const idle of edits.slice(1)) {
        const other = files.tablets.find(({ id }) => id === idle.tabletId)!
        other.install(other.version.apply(idle))
      }
    })
    if (flushed !== undefined) files.wal.removeObsolete(this.#flushedEverywhere())
  }

  /** Tablets without unflushed writes need nothing of the log so far; saying so lets its files go. */
  #idleEdits(busy: Tablet): VersionEdit[] {
    const durable = this.#o.log.durable
    return this.#o.files.tablets
      .filter(
        (tablet) =>
          tablet !== busy &&
          tablet.oldestUnflushed === undefined &&
          tablet.version.flushedSeqNum < durable,
      )
      .map(({ id }) => ({ tabletId: id, added: [], removed: [], flushedSeqNum: durable }))
  }

  #flushedEverywhere(): SeqNum {
    const flushed = this.#o.files.tablets.map(({ version }) => version.flushedSeqNum)
    return Math.min(...flushed) as SeqNum
  }

  #nextPlan(): { readonly tablet: Tablet; readonly plan: CompactionPlan } | undefined {
    if (this.#isStopped) return undefined
    for (const tablet of this.#o.files.tablets) {
      const plan = pickCompaction(tablet.version, this.#o.options.picker)
      if (plan !== undefined) return { tablet, plan }
    }
    return undefined
  }

  async #runCompactions(): Promise<void> {
    let attemptCount = 0
    for (;;) {
      const next = this.#nextPlan()
      if (next === undefined) break
      try {
        await this.#compact(next.tablet, next.plan)
        attemptCount = 0
        this.#compactionFailure = undefined
      } catch (error) {
        attemptCount++
        this.#compactionFailure = error
        if (!(await this.#retryAfter('compaction', next.tablet, attemptCount, error))) break
      }
      this.#wake()
    }
    this.#compacting = undefined
    this.#wake()
  }

  async #compact(tablet: Tablet, plan: CompactionPlan): Promise<void> {
    const { files, env, events } = this.#o
    const start = env.clock.monotonicMicros()
    const inputs = plan.inputs
    const inputBytes = sumBytes(inputs.map(({ meta }) => meta))
    let tables = inputs.map(({ meta }) => meta)
    let watermark: SeqNum | undefined
    if (!plan.isMove) {
      const job: CompactionJob = {
        kind: 'compaction',
        inputs: inputs.map(({ meta }) => meta),
        ...this.#jobCommon(),
        isBottom: plan.isBottom,
        outputFileIds: files.reserveFileIds(this.#outputCount(inputBytes)),
      }
      watermark = job.watermark
      tables = [...((await env.jobs.run(job)) as JobResult).tables]
    }
    await this.#install(tablet, {
      tabletId: tablet.id,
      added: tables.map((meta) => ({ level: plan.outputLevel, meta })),
      removed: inputs.map(({ level, meta }) => ({ level, fileId: meta.fileId })),
      historyFloor: watermark,
    })
    events.emit('compaction', {
      tabletId: tablet.id,
      fromLevel: plan.inputs[0]!.level,
      toLevel: plan.outputLevel,
      inputFileIds: inputs.map(({ meta }) => meta.fileId),
      outputFileIds: tables.map(({ fileId }) => fileId),
      inputBytes,
      outputBytes: sumBytes(tables),
      durationMs: (env.clock.monotonicMicros() - start) / 1000,
    })
  }

  #jobCommon() {
    const { options, files, snapshots } = this.#o
    const wanted = Math.min(
      this.#o.nowSeqNum() - options.historyWindowMs * 1000,
      this.#o.log.durable,
    ) as SeqNum
    return {
      directory: options.path,
      identity: files.identity,
      blockBytes: options.blockBytes,
      outputTableBytes: options.outputTableBytes,
      watermark: snapshots.advanceFloor(wanted),
    }
  }

  /** Outputs are cut at outputTableBytes of stored data, so this many file ids always suffice. */
  #outputCount(inputBytes: number): number {
    return Math.ceil((inputBytes * 2) / this.#o.options.outputTableBytes) + 2
  }

  /** Reports a failed job and waits; false when the job must not be tried again now. */
  async #retryAfter(
    job: string,
    tablet: Tablet,
    attemptCount: number,
    error: unknown,
  ): Promise<boolean> {
    this.#o.events.emit('jobFailure', { job, tabletId: tablet.id, attemptCount, error })
    if (this.#isStopped || attemptCount > RETRY_DELAYS_MS.length) return false
    this.#wake()
    await this.#o.env.clock.sleep(RETRY_DELAYS_MS[attemptCount - 1]!)
    return !this.#isStopped
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }
}

function sumBytes(tables: readonly { readonly fileBytes: number }[]): number {
  let sum = 0
  for (const { fileBytes } of tables) sum += fileBytes
  return sum
}
