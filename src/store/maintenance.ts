// What happens behind the commits: sealing, flushing, compacting, and holding writers back when that falls behind.
//
// Memtables share one budget. When their sum exceeds it the largest is sealed, so flushes are spread evenly instead of
// coming all at once. Flushes and compactions are jobs away from the main thread, the tablets in turn (job-turns.ts); their
// results go live in order, one manifest append each. Once a minute somebody looks for garbage, too. In between, when no
// job runs, tablets split and merge (rebalance.ts).
//
// A job that throws, dies or hangs leaves its inputs as they were and is tried again, with new file ids. The third
// failure in a row makes its tablet read-only until the database is opened again, unless the system is short of room or
// descriptors: then it is tried for as long as somebody writes. Damaged inputs are no failure: they go into quarantine
// and the rest goes on. What a job made superfluous is removed if it can be, and stays for the next opening otherwise.

import { allOf } from '../base/async.js'
import { type EngineError, engineError } from '../base/errors.js'
import type { TabletId } from '../base/ids.js'
import { KiB } from '../base/limits.js'
import { type CompactionPlan, pickCompaction } from '../lsm/picker.js'
import type { Tablet } from '../lsm/tablet.js'
import { Admission, isReadOnly, type TabletWork } from './admission.js'
import { GarbageCollection, type PickCompaction } from './garbage-collection.js'
import { JobTurns } from './job-turns.js'
import { isDiskFull, Lane } from './lane.js'
import { MemoryBudget, type MemoryStats } from './memory-budget.js'
import { Rebalance } from './rebalance.js'
import type { MergePlan, RebalancePlan } from './rebalance-picker.js'
import { TabletJobs, type TabletJobsOptions } from './tablet-jobs.js'

/** More WAL files than this: the memtable that holds back the oldest is flushed although it is small. */
const WAL_FILE_MAX_COUNT = 8
/** So often somebody looks for garbage where nobody writes. */
const GARBAGE_TICK_MS = 60_000
/** After so many bytes of commits all tablets are looked at: each has its own state. */
const LOOK_BYTES: number = 64 * KiB
/** Waits between attempts of a failing job. */
const RETRY_DELAYS_MS = [100, 500, 2_000, 10_000]

export interface MaintenanceOptions extends TabletJobsOptions {
  /** A flush, or who waits for a compaction, found no room; true when it has been given some. */
  readonly onShortage: (error: EngineError) => boolean
}

export class Maintenance {
  readonly #o: MaintenanceOptions
  readonly #jobs: TabletJobs
  readonly #rebalance: Rebalance
  readonly #works: TabletWork[]
  readonly #admission: Admission
  readonly #memory: MemoryBudget
  readonly #turns = new JobTurns()
  readonly #stopping = new AbortController()
  readonly #stopTicking: () => void
  /** Set while tablets split or merge of their own accord. */
  #balancing: Promise<void> | undefined
  readonly #lookBytes: number
  /** What commits have brought since somebody looked, and whether memtables waited for their flush then. */
  #unseenBytes = 0
  #hasSealed = false
  /** Wakes whoever waits for a job or the log to get on. */
  #waiters: (() => void)[] = []

  constructor(options: MaintenanceOptions) {
    this.#o = options
    this.#jobs = new TabletJobs(options)
    this.#rebalance = new Rebalance(options)
    this.#works = options.files.tablets.map(workOf)
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
      onShortage: options.onShortage,
    })
    this.#lookBytes = Math.min(LOOK_BYTES, settings.memtableBudgetBytes / 64)
    const { blockCacheBytes } = settings
    this.#memory = new MemoryBudget({
      budgetBytes: settings.memoryBudgetBytes ?? blockCacheBytes,
      cacheLeastBytes: blockCacheBytes,
      objects: settings.objects,
      files: options.files,
    })
    this.#stopTicking = env.clock.every(GARBAGE_TICK_MS, () => void this.#tick())
  }

  /** After a commit: looks whether something is to be done, unless it was looked lately and there was nothing. */
  noticeCommit(byteCount: number): void {
    this.#unseenBytes += byteCount
    if (this.#unseenBytes >= this.#lookBytes || this.#hasSealed) this.notice()
  }

  /** Looks whether something is to be done. */
  notice(): void {
    if (this.#isStopped) return
    this.#unseenBytes = 0
    this.#memory.notice()
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
    this.#hasSealed = hasSealed
    if (!hasSealed) return
    for (const { tablet, flushes } of this.#works) {
      if (tablet.hasSealed && !flushes.isGivenUp) flushes.start(() => this.#runFlushes(flushes))
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
      compactions.start(() => this.#runCompactions(compactions))
    }
  }

  async #tick(): Promise<void> {
    await this.#jobs.prepareHistory()
    if (this.#isStopped) return
    this.#noticeGarbage()
    this.#noticeBalance()
  }

  /** Starts collecting garbage where that is worth its while and nothing else is to be done. */
  #noticeGarbage(): void {
    for (const { tablet, compactions } of this.#works) {
      if (compactions.running !== undefined || compactions.failure !== undefined) continue
      const pickMore = this.#garbageOf(tablet).pickWorthwhile(this.#o.nowSeqNum())
      if (this.#planOf(tablet, pickMore) === undefined) continue
      compactions.start(() => this.#runCompactions(compactions, pickMore))
    }
  }

  /** Whether no writer has to wait and none is refused. */
  get isCalm(): boolean {
    return this.#admission.isCalm
  }

  /**
   * Whether nobody may write to these tablets now.
   *
   * @param isShort  room is known to be short: what waits for nothing else is for the commit to refuse
   */
  isStopped(tablets: readonly Tablet[], isShort: boolean): boolean {
    if (this.#isStopped || (isShort && this.isStuck)) return false
    return this.#admission.isStopped(tablets)
  }

  /**
   * Resolves when somebody may write to these tablets, as far as space is concerned.
   *
   * @throws IO_FAILED (as rejection) when the backlog of one of them cannot shrink
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

  /** Splits and merges of tablets so far. */
  get rebalances(): Pick<Rebalance, 'splitCount' | 'mergeCount'> {
    const { splitCount, mergeCount } = this.#rebalance
    return { splitCount, mergeCount }
  }

  /** Tablets that accept no writes until the database is opened again. */
  get readOnlyTablets(): readonly Tablet[] {
    return this.#works.filter(isReadOnly).map(({ tablet }) => tablet)
  }

  /** What is held in memory, and by whom. */
  get memory(): MemoryStats {
    return this.#memory.stats
  }

  /** Whether flushes find no room, or compactions that writers wait for. */
  get isStuck(): boolean {
    return this.#works.some(
      ({ tablet, flushes, compactions }) =>
        flushes.isDiskFull || (compactions.isDiskFull && this.#admission.isStopped([tablet])),
    )
  }

  /** Starts what may make room. */
  makeRoom(): void {
    this.#o.files.wal.removeSpares()
    this.notice()
    this.noticeVersions()
  }

  /** Room is short from now on: begins to flush everything, so that the log takes less; compactions may have all there is. */
  noticeShortage(): void {
    for (const { tablet, compactions } of this.#works) {
      tablet.seal()
      compactions.hurry()
    }
    this.notice()
  }

  /** Brings everything that is in memtables now into tables. */
  async flushAll(): Promise<void> {
    for (const tablet of this.#o.files.tablets) tablet.seal()
    let rebalanceCount: number
    do {
      // What splits off meanwhile has its part of the memtables.
      rebalanceCount = this.#rebalance.count
      await allOf(this.#works, (work) => this.#flushSealed(work))
    } while (rebalanceCount !== this.#rebalance.count)
  }

  async #flushSealed({ tablet, flushes }: TabletWork): Promise<void> {
    while (tablet.hasSealed) await this.#succeedOnce(flushes, () => this.#runFlushes(flushes))
  }

  /** Compacts until no tablet asks for it, and of what is in tables now nothing is left that nobody may read. */
  async compactAll(): Promise<void> {
    const upToSeqNum = this.#o.log.durable
    const picks = new Map<Tablet, PickCompaction>()
    const pickOf = (tablet: Tablet): PickCompaction => {
      const pick = picks.get(tablet) ?? this.#garbageOf(tablet).pickUpTo(upToSeqNum)
      picks.set(tablet, pick)
      return pick
    }
    // When a tablet has rewritten its share of a file, others may have to rewrite theirs so that the file goes.
    do {
      await allOf(this.#works, (work) => this.#compactWhile(work, pickOf(work.tablet)))
    } while (this.#works.some(({ tablet }) => this.#planOf(tablet, pickOf(tablet)) !== undefined))
    this.#o.files.wal.removeSpares()
  }

  async #compactWhile({ tablet, compactions }: TabletWork, pickMore: PickCompaction) {
    while (this.#planOf(tablet, pickMore) !== undefined) {
      await this.#succeedOnce(compactions, () => this.#runCompactions(compactions, pickMore))
    }
  }

  /**
   * Splits or merges tablets. What cannot be done any more, or not yet, is not done.
   *
   * @throws DISK_FULL IO_FAILED SSTABLE_CORRUPT FILE_MISSING: the tablets are as they were, unless the manifest is broken
   */
  async rebalance(plan: RebalancePlan): Promise<boolean> {
    if (plan.kind === 'merge') await this.#prepareMerge(plan)
    const isDone = await this.#turns.run('alone', () => this.#carryOut(plan))
    this.notice()
    this.noticeVersions()
    return isDone
  }

  async #carryOut(plan: RebalancePlan): Promise<boolean> {
    const work = this.#workOf(plan.tabletId)
    if (this.#isStopped || work === undefined) return false
    if (plan.kind === 'split') {
      const rest = await this.#rebalance.split(work.tablet, plan)
      if (rest !== undefined) this.#works.push(workOf(rest))
      return rest !== undefined
    }
    const next = this.#workOf(plan.nextTabletId)
    if (next === undefined || !(await this.#rebalance.merge(work.tablet, next.tablet, plan))) {
      return false
    }
    this.#works.splice(this.#works.indexOf(next), 1)
    return true
  }

  /** Flushes both, and has the second one rewrite what cannot be joined. */
  async #prepareMerge({ tabletId, nextTabletId }: MergePlan): Promise<void> {
    const [work, next] = [this.#workOf(tabletId), this.#workOf(nextTabletId)]
    if (work === undefined || next === undefined) return
    for (const one of [work, next]) {
      one.tablet.seal()
      await this.#flushSealed(one)
    }
    await this.#compactWhile(next, this.#rebalance.pickApart(work.tablet, next.tablet))
  }

  #workOf(tabletId: TabletId): TabletWork | undefined {
    return this.#works.find(({ tablet }) => tablet.id === tabletId)
  }

  /** Starts splitting or merging where there is a reason and all is well. */
  #noticeBalance(): void {
    if (this.#isStopped || this.#balancing !== undefined) return
    if (this.#works.some(isFailing)) return
    const plan = this.#rebalance.pick(this.#o.nowSeqNum())
    if (plan === undefined) return
    this.#balancing = this.rebalance(plan)
      .catch((error: unknown) => {
        if (!this.#isStopped) this.#o.events.emit('error', { where: 'rebalancing', error })
      })
      .then(() => {
        this.#balancing = undefined
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
    lane.start(run)
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
    await Promise.allSettled([...running.map((lane) => lane.running), this.#balancing])
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
    await this.#runLane(lane, {
      isDue: () => tablet.hasSealed,
      work: async () => {
        const oldest = tablet.sealed.at(-1)
        if (oldest !== undefined) await this.#jobs.flush(tablet, oldest)
      },
    })
    if (lane.failure === undefined) this.notice()
  }

  async #runCompactions(lane: Lane, pickMore?: PickCompaction): Promise<void> {
    const { tablet } = lane
    await this.#runLane(lane, {
      isDue: () => this.#planOf(tablet, pickMore) !== undefined,
      work: async () => {
        const plan = this.#planOf(tablet, pickMore)
        if (plan !== undefined) await this.#jobs.compact(tablet, plan)
      },
    })
  }

  /** Works until nothing is due, in turn with other tablets; after a failure they go first. */
  async #runLane(
    lane: Lane,
    { isDue, work }: { readonly isDue: () => boolean; readonly work: () => Promise<void> },
  ): Promise<void> {
    for (let attemptCount = 0; !this.#isStopped && !lane.isGivenUp && isDue(); ) {
      try {
        await this.#turns.run(lane.job, async () => {
          if (!this.#isStopped) await work()
        })
        attemptCount = 0
        lane.succeed()
        this.noticeVersions()
        this.#noticeBalance()
      } catch (error) {
        if (isDiskFull(error) && this.#makesRoom(lane, error)) continue
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

  /** A compaction gets no more than what nobody needs: it may take any room, and give none back. */
  #makesRoom({ job }: Lane, error: EngineError): boolean {
    return job === 'flush' ? this.#o.onShortage(error) : this.#o.files.wal.removeSpares()
  }

  /** What the levels ask for comes first. */
  #planOf(tablet: Tablet, pickMore?: PickCompaction): CompactionPlan | undefined {
    const { options, files } = this.#o
    const due = pickCompaction(tablet.version, options.picker, files.quarantine.fileIds)
    return due ?? pickMore?.()
  }

  #garbageOf(tablet: Tablet): GarbageCollection {
    const { options, files, events } = this.#o
    const { watermarks } = this.#jobs.advanceHistory(tablet)
    return new GarbageCollection({ tablet, files, events, watermarks, limits: options.picker })
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

function workOf(tablet: Tablet): TabletWork {
  return {
    tablet,
    flushes: new Lane(tablet, 'flush'),
    compactions: new Lane(tablet, 'compaction'),
  }
}

function isFailing({ flushes, compactions }: TabletWork): boolean {
  return flushes.failure !== undefined || compactions.failure !== undefined
}
