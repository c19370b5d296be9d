// What happens behind the commits: sealing, flushing, compacting, and holding writers back when that falls behind.
//
// Memtables share one budget. When their sum exceeds it the largest is sealed, so flushes are spread evenly instead of
// coming all at once. One flush and one compaction run at a time, each as a job away from the main thread, the tablets in
// turn; their results go live in order, one manifest append each. Once a minute somebody looks for garbage, too.
//
// A job that throws, dies or hangs leaves its inputs as they were and is tried again, with new file ids. The third
// failure in a row makes its tablet read-only until the database is opened again, unless the system is short of room or
// descriptors: then it is tried for as long as somebody writes. Damaged inputs are no failure: they go into quarantine
// and the rest goes on. What a job made superfluous is removed if it can be, and stays for the next opening otherwise.

import { allOf, Mutex } from '../base/async.js'
import { EngineError, engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import type { Env } from '../env/env.js'
import type { CompactionJob, FlushJob } from '../lsm/jobs.js'
import type { Memtable } from '../lsm/memtable.js'
import { type CompactionPlan, pickCompaction } from '../lsm/picker.js'
import type { Tablet } from '../lsm/tablet.js'
import { totalBytes } from '../lsm/version.js'
import type { VersionEdit } from '../lsm/version-edit.js'
import type { HistoryMark } from '../lsm/history-marks.js'
import type { Watermarks } from '../lsm/watermarks.js'
import type { TableMeta } from '../sstable/format.js'
import { Admission, isReadOnly, type TabletWork } from './admission.js'
import type { CommitLog } from './commit-log.js'
import { GarbageCollection, type PickCompaction } from './garbage-collection.js'
import type { HistoryFloors, JobHistory } from './history-floors.js'
import { jobOptions, removeOutputs, runJob } from './job-run.js'
import { isDiskFull, Lane } from './lane.js'
import type { OpenedFiles, StoreOptions } from './open-files.js'

/** More WAL files than this: the memtable that holds back the oldest is flushed although it is small. */
const WAL_FILE_MAX_COUNT = 8
/** So often somebody looks for garbage where nobody writes. */
const GARBAGE_TICK_MS = 60_000
/** Waits between attempts of a failing job. */
const RETRY_DELAYS_MS = [100, 500, 2_000, 10_000]

export interface MaintenanceOptions {
  readonly options: StoreOptions
  readonly env: Env
  readonly events: EventSource
  readonly files: OpenedFiles
  readonly log: CommitLog
  readonly floors: HistoryFloors
  /** The SeqNum that a commit of now would get. */
  readonly nowSeqNum: () => SeqNum
  /** A flush found no room; true when it has been given some. */
  readonly onShortage: (error: EngineError) => boolean
  readonly onBroken: (error: unknown) => void
}

export class Maintenance {
  readonly #o: MaintenanceOptions
  readonly #works: readonly TabletWork[]
  readonly #admission: Admission
  readonly #flushTurn = new Mutex()
  readonly #compactionTurn = new Mutex()
  readonly #installing = new Mutex()
  readonly #stopping = new AbortController()
  readonly #stopTicking: () => void
  /** Wakes whoever waits for a job or the log to get on. */
  #waiters: (() => void)[] = []

  constructor(options: MaintenanceOptions) {
    this.#o = options
    this.#works = options.files.tablets.map((tablet) => ({
      tablet,
      flushes: new Lane(tablet, 'flush'),
      compactions: new Lane(tablet, 'compaction'),
    }))
    const { options: settings, env, events } = options
    this.#admission = new Admission({
      budgetBytes: settings.memtableBudgetBytes,
      clock: env.clock,
      events,
      works: this.#works,
      canShrink: ({ tablet, compactions }) =>
        compactions.running !== undefined || this.#planOf(tablet) !== undefined,
      pendingBytes: () => options.files.wal.pendingBytes,
      nextChange: () => this.#nextChange(),
    })
    this.#stopTicking = env.clock.every(GARBAGE_TICK_MS, () => this.#noticeGarbage())
  }

  /** Looks whether something is to be done; cheap, called after every commit. */
  notice(): void {
    if (this.#isStopped) return
    let activeBytes = 0
    let largest: Tablet | undefined
    let hasSealed = false
    let isAllTried = true
    for (const { tablet, flushes } of this.#works) {
      if (flushes.isGivenUp) {
        isAllTried = false
        continue
      }
      const { arenaBytes } = tablet.active
      activeBytes += arenaBytes
      if (largest === undefined || arenaBytes > largest.active.arenaBytes) largest = tablet
      if (tablet.hasSealed) hasSealed = true
    }
    if (activeBytes > this.#o.options.memtableBudgetBytes) {
      largest?.seal()
      hasSealed = true
    } else if (isAllTried && !hasSealed && this.#o.files.wal.files.length > WAL_FILE_MAX_COUNT) {
      // Where flushes are given up the log cannot shrink, however much of the others is flushed.
      this.#oldestTablet()?.seal()
      hasSealed = true
    }
    if (!hasSealed) return
    for (const { tablet, flushes } of this.#works) {
      if (tablet.hasSealed && !flushes.isGivenUp) flushes.running ??= this.#runFlushes(flushes)
    }
  }

  /** The log has written what was waiting for it. */
  noticeWritten(): void {
    if (this.#waiters.length > 0) this.#wake()
  }

  /** Starts compacting where a level asks for it; called when a version has changed. */
  noticeVersions(): void {
    if (this.#isStopped) return
    for (const { tablet, compactions } of this.#works) {
      if (compactions.running !== undefined || compactions.isGivenUp) continue
      if (this.#planOf(tablet) === undefined) continue
      compactions.running = this.#runCompactions(compactions)
    }
  }

  /** Starts collecting garbage where that is worth its while and nothing else is to be done. */
  #noticeGarbage(): void {
    for (const { tablet, compactions } of this.#works) {
      if (compactions.running !== undefined || compactions.failure !== undefined) continue
      const pickMore = this.#garbageOf(tablet).pickWorthwhile(this.#o.nowSeqNum())
      if (this.#planOf(tablet, pickMore) === undefined) continue
      compactions.running = this.#runCompactions(compactions, pickMore)
    }
  }

  /** Whether no writer has to wait and none is refused. */
  get isCalm(): boolean {
    return this.#admission.isCalm
  }

  /** Whether nobody may write to these tablets now. */
  isStopped(tablets: readonly Tablet[]): boolean {
    return !this.#isStopped && this.#admission.isStopped(tablets)
  }

  /**
   * Resolves when somebody may write to these tablets, as far as space is concerned.
   *
   * @throws DISK_FULL (as rejection) when the backlog of one of them cannot shrink
   */
  admit(tablets: readonly Tablet[]): Promise<void> {
    return this.#admission.admit(tablets)
  }

  get hasReadOnly(): boolean {
    return this.#works.some(isReadOnly)
  }

  /** @throws TABLET_READ_ONLY when flushes or compactions of one of them were given up */
  assertWritable(tablets: readonly Tablet[]): void {
    for (const { tablet, flushes, compactions } of this.#works) {
      if (!tablets.includes(tablet)) continue
      flushes.assertTried()
      compactions.assertTried()
    }
  }

  /** Tablets that accept no writes until the database is opened again. */
  get readOnlyTablets(): readonly Tablet[] {
    return this.#works.filter(isReadOnly).map(({ tablet }) => tablet)
  }

  /** Whether flushes find no room. */
  get isFlushStuck(): boolean {
    return this.#works.some(({ flushes }) => flushes.isDiskFull)
  }

  /** Begins to flush everything, so that the log takes less room. */
  shrinkLog(): void {
    for (const tablet of this.#o.files.tablets) tablet.seal()
    this.notice()
  }

  /** Brings everything that is in memtables now into tables. */
  async flushAll(): Promise<void> {
    for (const tablet of this.#o.files.tablets) tablet.seal()
    await allOf(this.#works, async ({ tablet, flushes }) => {
      while (tablet.hasSealed) await this.#succeedOnce(flushes, () => this.#runFlushes(flushes))
    })
  }

  /** Compacts until no tablet asks for it, and of what is in tables now nothing is left that nobody may read. */
  async compactAll(): Promise<void> {
    const upToSeqNum = this.#o.log.durable
    await allOf(this.#works, async ({ tablet, compactions }) => {
      const pickMore = this.#garbageOf(tablet).pickUpTo(upToSeqNum)
      while (this.#planOf(tablet, pickMore) !== undefined) {
        await this.#succeedOnce(compactions, () => this.#runCompactions(compactions, pickMore))
      }
    })
  }

  async #succeedOnce(lane: Lane, run: () => Promise<void>): Promise<void> {
    this.#assertRunning()
    lane.assertTried()
    if (lane.isTrying) {
      await lane.nextOutcome()
      // That what began before the call has failed says nothing of now.
      if (lane.failure !== undefined) await this.#succeedOnce(lane, run)
      return
    }
    const outcome = lane.nextOutcome()
    lane.running ??= run()
    await outcome
    lane.assertTried()
    if (lane.failure !== undefined) throw lane.failure
  }

  /** Starts nothing new from now on. */
  stop(): void {
    this.#stopping.abort()
    this.#stopTicking()
    this.#wake()
  }

  /** Resolves when no job runs. */
  async idle(): Promise<void> {
    const running = this.#works.flatMap(({ flushes, compactions }) => [flushes, compactions])
    await Promise.allSettled(running.map((lane) => lane.running))
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Starts what is to be done, then waits until a job or the log got on; undefined when nothing is started any more. */
  #nextChange(): Promise<void> | undefined {
    if (this.#isStopped) return undefined
    // Tried again for every writer that comes, so that the backlog shrinks once its cause is gone.
    this.notice()
    this.noticeVersions()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  #assertRunning(): void {
    if (this.#isStopped) throw engineError('DB_CLOSED', 'the database was closed meanwhile')
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

  async #runFlushes(lane: Lane): Promise<void> {
    const { tablet } = lane
    await this.#runLane(lane, this.#flushTurn, {
      isDue: () => tablet.hasSealed,
      work: () => this.#flush(tablet, tablet.sealed.at(-1)!),
    })
    if (lane.failure === undefined) this.notice()
  }

  async #runCompactions(lane: Lane, pickMore?: PickCompaction): Promise<void> {
    const { tablet } = lane
    await this.#runLane(lane, this.#compactionTurn, {
      isDue: () => this.#planOf(tablet, pickMore) !== undefined,
      work: () => this.#compact(tablet, this.#planOf(tablet, pickMore)),
    })
  }

  /** Works until nothing is due, in turn with other tablets; after a failure they go first. */
  async #runLane(
    lane: Lane,
    turn: Mutex,
    { isDue, work }: { readonly isDue: () => boolean; readonly work: () => Promise<void> },
  ): Promise<void> {
    for (let attemptCount = 0; !this.#isStopped && !lane.isGivenUp && isDue(); ) {
      try {
        await turn.run(async () => {
          if (!this.#isStopped) await work()
        })
        attemptCount = 0
        lane.succeed()
        this.noticeVersions()
      } catch (error) {
        if (lane.job === 'flush' && isDiskFull(error) && this.#o.onShortage(error)) continue
        attemptCount++
        lane.fail(error)
        if (!(await this.#retryAfter(lane, attemptCount, error))) break
      }
      this.#wake()
    }
    // A failure is over, too, when the commits that were to be flushed have been refused.
    if (!lane.isGivenUp && !isDue()) lane.succeed()
    lane.end()
    this.#wake()
  }

  async #flush(tablet: Tablet, memtable: Memtable): Promise<void> {
    const { env, log } = this.#o
    const start = env.clock.monotonicMicros()
    if (memtable.maxSeqNum > log.durable) await log.whenDurable(memtable.maxSeqNum)
    const { watermarks, historyMarks } = this.#advanceHistory(tablet)
    const job: FlushJob = {
      kind: 'flush',
      image: memtable.handover(),
      ...this.#jobOptions(memtable.arenaBytes),
      watermarks,
      isBottom: tablet.version.levels.every((level) => level.length === 0),
    }
    const result = await runJob(env, job, memtable.arenaBytes)
    const edit: VersionEdit = {
      tabletId: tablet.id,
      added: result.tables.map((meta) => ({ level: 0, meta })),
      removed: [],
      flushedSeqNum: memtable.maxSeqNum,
      historyMarks,
    }
    await this.#install(tablet, edit, memtable)
    this.#o.events.emit('flush', {
      tabletId: tablet.id,
      fileIds: result.tables.map(({ fileId }) => fileId),
      entryCount: memtable.entryCount,
      outputBytes: totalBytes(result.tables),
      durationMs: (env.clock.monotonicMicros() - start) / 1000,
    })
  }

  /** Makes a job's result live: durable in the manifest first, then in memory, then the log behind it may go. */
  async #install(tablet: Tablet, edit: VersionEdit, flushed?: Memtable): Promise<void> {
    const { files, env, options } = this.#o
    try {
      env.fs.syncDirectory(options.path)
    } catch (error) {
      // As any sync: once failed, a later success would prove nothing.
      if (isFailedSync(error)) this.#o.onBroken(error)
      this.#takeBack(edit)
      throw error
    }
    await this.#installing.run(async () => {
      const edits = flushed === undefined ? [edit] : [edit, ...this.#idleEdits(flushed)]
      try {
        await files.manifest.append(edits)
      } catch (error) {
        // Without room for the edits the manifest stays as it was.
        if (files.manifest.isBroken) this.#o.onBroken(error)
        else this.#takeBack(edit)
        throw error
      }
      tablet.install(tablet.version.apply(edit), flushed)
      for (const idle of edits.slice(1)) {
        const other = files.tablets.find(({ id }) => id === idle.tabletId)!
        other.install(other.version.apply(idle))
      }
    })
    if (flushed !== undefined) this.#removeObsoleteLog()
  }

  /** Removes the tables of an edit that did not become live. */
  #takeBack({ added, removed }: VersionEdit): void {
    const { env, options } = this.#o
    const fileIds = added.map(({ meta }) => meta.fileId)
    // A move has no tables of its own.
    if (removed.some(({ fileId }) => fileIds.includes(fileId))) return
    removeOutputs(env, { directory: options.path, outputFileIds: fileIds })
  }

  #removeObsoleteLog(): void {
    const flushed = this.#o.files.tablets.map(({ version }) => version.flushedSeqNum)
    try {
      this.#o.files.wal.removeObsolete(Math.min(...flushed) as SeqNum)
    } catch (error) {
      // Tried again after the next flush.
      this.#o.events.emit('error', { where: 'removal of WAL files', error })
    }
  }

  /** Tablets without unflushed writes need nothing of the log so far; saying so lets its files go. */
  #idleEdits(flushed: Memtable): VersionEdit[] {
    const durable = this.#o.log.durable
    const isFlushed = (memtable: Memtable) => memtable === flushed || memtable.isEmpty
    return this.#o.files.tablets
      .filter(({ view, version }) => {
        return version.flushedSeqNum < durable && view.memtables.every(isFlushed)
      })
      .map(({ id }) => ({ tabletId: id, added: [], removed: [], flushedSeqNum: durable }))
  }

  /** What the levels ask for comes first. */
  #planOf(tablet: Tablet, pickMore?: PickCompaction): CompactionPlan | undefined {
    const { options, files } = this.#o
    const due = pickCompaction(tablet.version, options.picker, files.quarantine.fileIds)
    return due ?? pickMore?.()
  }

  #garbageOf(tablet: Tablet): GarbageCollection {
    const { options, files, events } = this.#o
    const { watermarks } = this.#advanceHistory(tablet)
    return new GarbageCollection({ tablet, files, events, watermarks, limits: options.picker })
  }

  async #compact(tablet: Tablet, plan: CompactionPlan | undefined): Promise<void> {
    if (plan === undefined) return
    const { env, events } = this.#o
    const start = env.clock.monotonicMicros()
    const inputs = plan.inputs.map(({ meta }) => meta)
    const inputBytes = totalBytes(inputs)
    let tables: readonly TableMeta[] = inputs
    let historyMarks: readonly HistoryMark[] | undefined
    if (!plan.isMove) {
      const history = this.#advanceHistory(tablet)
      const job = this.#compactionJob(plan, inputBytes, history.watermarks)
      historyMarks = history.historyMarks
      try {
        tables = (await runJob(env, job, inputBytes)).tables
      } catch (error) {
        // Other plans may do without the damaged table.
        if (this.#o.files.quarantine.addInputs(tablet.id, inputs, error)) return
        throw error
      }
    }
    await this.#install(tablet, {
      tabletId: tablet.id,
      added: tables.map((meta) => ({ level: plan.outputLevel, meta })),
      removed: plan.inputs.map(({ level, meta }) => ({ level, fileId: meta.fileId })),
      historyMarks,
    })
    events.emit('compaction', {
      tabletId: tablet.id,
      fromLevel: plan.inputs[0]!.level,
      toLevel: plan.outputLevel,
      inputFileIds: inputs.map(({ fileId }) => fileId),
      outputFileIds: tables.map(({ fileId }) => fileId),
      inputBytes,
      outputBytes: totalBytes(tables),
      durationMs: (env.clock.monotonicMicros() - start) / 1000,
    })
  }

  #compactionJob(plan: CompactionPlan, inputBytes: number, watermarks: Watermarks): CompactionJob {
    const common = this.#jobOptions(inputBytes)
    return {
      kind: 'compaction',
      inputs: plan.inputs.map(({ meta }) => meta),
      ...common,
      watermarks,
      // A run within level 0 is one table: several would count as several runs.
      outputTableBytes: plan.outputLevel === 0 ? Infinity : common.outputTableBytes,
      isBottom: plan.isBottom,
    }
  }

  /** What a job of the tablet that starts now may drop. */
  #advanceHistory(tablet: Tablet): JobHistory {
    const { floors, log, nowSeqNum } = this.#o
    return floors.advance(tablet, nowSeqNum(), log.durable)
  }

  #jobOptions(inputBytes: number) {
    const { options, files } = this.#o
    return jobOptions(options, files.identity, inputBytes, (count) => files.reserveFileIds(count))
  }

  /** Reports a failed job and waits; false when the job must not be tried again now. */
  async #retryAfter(lane: Lane, attemptCount: number, error: unknown): Promise<boolean> {
    const { job, tablet } = lane
    this.#o.events.emit('jobFailure', { job, tabletId: tablet.id, attemptCount, error })
    if (this.#isStopped || lane.isGivenUp || attemptCount > RETRY_DELAYS_MS.length) return false
    this.#wake()
    const delayMs = RETRY_DELAYS_MS[attemptCount - 1]!
    await lane.rest(this.#o.env.clock, delayMs, this.#stopping.signal)
    return !this.#isStopped
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }
}

function isFailedSync(error: unknown): boolean {
  return error instanceof EngineError && error.details['syscall'] !== 'open'
}
