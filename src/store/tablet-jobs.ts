// How one flush or one compaction of a tablet is carried out, and how its result goes live: durable in the manifest first, then
// in memory, then the log behind it may go.

import { Mutex } from '../base/async.js'
import { EngineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import type { HashRange } from '../codec/tenant-key.js'
import type { Env } from '../env/env.js'
import type { HistoryMark } from '../lsm/history-marks.js'
import type { CompactionJob, FlushJob } from '../lsm/jobs.js'
import type { Memtable } from '../lsm/memtable.js'
import type { CompactionPlan } from '../lsm/picker.js'
import type { Tablet } from '../lsm/tablet.js'
import { totalBytes } from '../lsm/version.js'
import type { VersionEdit } from '../lsm/version-edit.js'
import type { Watermarks } from '../lsm/watermarks.js'
import type { TableMeta } from '../sstable/format.js'
import type { CommitLog } from './commit-log.js'
import type { HistoryFloors, JobHistory } from './history-floors.js'
import { jobOptions, removeOutputs, runJob } from './job-run.js'
import type { OpenedFiles } from './opened-files.js'
import type { StoreOptions } from './store-options.js'

export interface TabletJobsOptions {
  readonly options: StoreOptions
  readonly env: Env
  readonly events: EventSource
  readonly files: OpenedFiles
  readonly log: CommitLog
  readonly floors: HistoryFloors
  /** The SeqNum that a commit of now would get. */
  readonly nowSeqNum: () => SeqNum
  /** What compactions leave free on the disk. */
  readonly leastFreeBytes: () => number
  readonly onBroken: (error: unknown) => void
}

export class TabletJobs {
  readonly #o: TabletJobsOptions
  readonly #installing = new Mutex()
  /** Log files go oldest first: one after the other. */
  readonly #removing = new Mutex()

  constructor(options: TabletJobsOptions) {
    this.#o = options
  }

  /** Writes the oldest sealed memtable of a tablet into level 0. */
  async flush(tablet: Tablet, memtable: Memtable): Promise<void> {
    const { env, log } = this.#o
    const start = env.clock.monotonicMicros()
    if (memtable.maxSeqNum > log.durable) await log.whenDurable(memtable.maxSeqNum)
    await this.prepareHistory()
    const { watermarks, historyMarks } = this.advanceHistory(tablet)
    const job: FlushJob = {
      kind: 'flush',
      image: memtable.handover(),
      hashes: memtable.isShared ? hashesOf(tablet) : undefined,
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
      await env.fs.syncDirectoryAsync(options.path)
    } catch (error) {
      // As any sync: once failed, a later success would prove nothing.
      if (isFailedSync(error)) this.#o.onBroken(error)
      this.#takeBack(edit)
      throw error
    }
    await this.#installing.run(async () => {
      const edits = flushed === undefined ? [edit] : [edit, ...this.#idleEdits(tablet, flushed)]
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
    if (flushed !== undefined) await this.#removeObsoleteLog()
  }

  /** Removes the tables of an edit that did not become live. */
  #takeBack({ added, removed }: VersionEdit): void {
    const { env, options } = this.#o
    const fileIds = added.map(({ meta }) => meta.fileId)
    // A move has no tables of its own.
    if (removed.some(({ fileId }) => fileIds.includes(fileId))) return
    removeOutputs(env, { directory: options.path, outputFileIds: fileIds })
  }

  async #removeObsoleteLog(): Promise<void> {
    const { files } = this.#o
    try {
      await this.#removing.run(() => {
        const flushed = files.tablets.map(({ version }) => version.flushedSeqNum)
        return files.wal.removeObsolete(Math.min(...flushed) as SeqNum)
      })
    } catch (error) {
      // Tried again after the next flush.
      this.#o.events.emit('error', { where: 'removal of WAL files', error })
    }
  }

  /** Tablets without unflushed writes need nothing of the log so far; saying so lets its files go. */
  #idleEdits(flushing: Tablet, flushed: Memtable): VersionEdit[] {
    const durable = this.#o.log.durable
    return this.#o.files.tablets
      .filter((tablet) => {
        // Another tablet that shares the memtable has not flushed its part of it.
        const isFlushed = (memtable: Memtable) =>
          memtable.isEmpty || (memtable === flushed && tablet === flushing)
        return tablet.version.flushedSeqNum < durable && tablet.view.memtables.every(isFlushed)
      })
      .map(({ id }) => ({ tabletId: id, added: [], removed: [], flushedSeqNum: durable }))
  }

  async compact(tablet: Tablet, plan: CompactionPlan): Promise<void> {
    const { env, events } = this.#o
    const start = env.clock.monotonicMicros()
    const inputs = plan.inputs.map(({ meta }) => meta)
    const inputBytes = totalBytes(inputs)
    let tables: readonly TableMeta[] = inputs
    let historyMarks: readonly HistoryMark[] | undefined
    if (!plan.isMove) {
      await this.prepareHistory()
      const history = this.advanceHistory(tablet)
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
      leastFreeBytes: this.#o.leastFreeBytes(),
    }
  }

  /** For advanceHistory, which would hold up the event loop where many tenants have policies of their own. */
  prepareHistory(): Promise<void> {
    const { floors, env } = this.#o
    return floors.prepare(() => env.clock.yield())
  }

  /** What a job of the tablet that starts now may drop. */
  advanceHistory(tablet: Tablet): JobHistory {
    const { floors, log, nowSeqNum } = this.#o
    return floors.advance(tablet, nowSeqNum(), log.durable)
  }

  #jobOptions(inputBytes: number) {
    const { options, files } = this.#o
    return jobOptions(options, files.identity, inputBytes, (count) => files.reserveFileIds(count))
  }
}

function hashesOf({ hashStart, hashEnd }: HashRange): HashRange {
  return { hashStart, hashEnd }
}

function isFailedSync(error: unknown): boolean {
  return error instanceof EngineError && error.details['syscall'] !== 'open'
}
