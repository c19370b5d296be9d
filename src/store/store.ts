// The store: a transactional, multi-version key-value engine over one directory. It orders commits, knows which snapshot
// sees what, routes keys to tablets, and never heard of tables.
//
// Invariants:
// 1. SeqNums are handed out on this thread, strictly increasing, in the order in which commits enter the log.
// 2. A commit is in the memtables as soon as it is numbered, so later commits are validated against it, but readers see
//    it only once the log is as safe as the commit asked for: `#readable` is the newest commit for which, and for all
//    before it, that is so. What is readable and not durable are relaxed commits, see commit-log.ts.
// 3. Nothing outlives a power failure that the log may lose: a memtable is flushed, and a checkpoint copied, only when the
//    newest entry is durable; no watermark is above what is durable.
// 4. Once a sync has failed nothing is acknowledged any more: the store is poisoned until it is reopened.
// 5. When the log found no room before anything was written, the commits above `#readable` are refused and taken out of
//    the memtables in the same turn of the event loop: no reader, flush or validation ever meets them again.

import { Mutex } from '../base/async.js'
import { EngineError, engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import { ENTRY_KIND_PUT, EntrySlot, type KeyRange } from '../codec/entry.js'
import { tenantIdOfKey } from '../codec/tenant-key.js'
import type { Env } from '../env/env.js'
import { lateModule } from '../env/late-module.js'
import { MANIFEST_FILE_BYTES } from '../lsm/manifest.js'
import type { Memtable } from '../lsm/memtable.js'
import { type ChangeScan, openChangeScan } from './change-scan.js'
import type { Checkpoint } from './checkpoint.js'
import { CommitLog, type Durability } from './commit-log.js'
import { seqNumAfter } from './commit-number.js'
import { HistoryFloors, NO_POLICIES } from './history-floors.js'
import { isDiskFull } from './lane.js'
import { type ImmediateWriteHost, writeAtOnce } from './immediate-write.js'
import { KeyLocks, LONG_TURN_MS } from './key-locks.js'
import { Maintenance } from './maintenance.js'
import { openFiles } from './open-files.js'
import type { OpenedFiles } from './opened-files.js'
import type { RebalancePlan } from './rebalance-picker.js'
import { Reserve } from './reserve.js'
import { openScan, type ScanOptions } from './scan.js'
import {
  type OpenSnapshot,
  SnapshotRegistry,
  snapshotTooOld,
  type SnapshotUse,
} from './snapshots.js'
import { describeStore, type StoreState, type StoreStats } from './stats.js'
import { StoreCondition } from './store-condition.js'
import type { StoreOptions } from './store-options.js'
import { StoreTransaction, type TransactionMode } from './transaction.js'
import type { SalvageReport } from './salvage.js'
import { SalvageScan } from './salvage-scan.js'
import type { TabletMap } from './tablet-map.js'
import { readVersions, type VersionRange } from './version-reads.js'
import { FixedView, type Snapshot, viewAt } from './store-views.js'
import type { EntryScan, KeyVersion, ReadView, WriteView, WriteOptions } from './view.js'
import type { VerifyProgress, VerifyReport } from './verify.js'
import type { WriteBatch } from './write-batch.js'

export type { Snapshot } from './store-views.js'

const verifying = lateModule(() => import('./verify.js'))
const checkpoints = lateModule(() => import('./checkpoint.js'))

export class Store implements ImmediateWriteHost {
  readonly #env: Env
  readonly #events: EventSource
  readonly #files: OpenedFiles
  readonly #options: StoreOptions
  readonly #tablets: TabletMap
  readonly #log: CommitLog
  readonly #snapshots: SnapshotRegistry
  readonly #floors: HistoryFloors
  readonly #maintenance: Maintenance
  readonly #reserve: Reserve
  readonly locks: KeyLocks
  readonly #probeSlot = new EntrySlot()
  readonly #checkpointTurn = new Mutex()
  readonly #condition: StoreCondition
  /** For what outlasts a call. */
  readonly #assertStillReadable = (): void => this.#condition.assertReadable()
  #last: SeqNum
  #readable: SeqNum
  /** Made anew when a commit has become readable. */
  #latest: FixedView
  #closing: Promise<void> | undefined

  /**
   * Opens the database in a directory, recovering what its log proves, or creates it.
   *
   * @throws DB_NOT_FOUND DB_NOT_A_DATABASE DB_LOCKED FORMAT_UNSUPPORTED WAL_CORRUPT MANIFEST_CORRUPT FILE_MISSING
   */
  static async open(options: StoreOptions, env: Env, events: EventSource): Promise<Store> {
    return new Store(options, env, events, await openFiles(options, env, events))
  }

  private constructor(options: StoreOptions, env: Env, events: EventSource, files: OpenedFiles) {
    this.#env = env
    this.#events = events
    this.#files = files
    this.#options = options
    this.#condition = new StoreCondition(files.salvage === undefined ? 'open' : 'readOnly')
    this.#tablets = files.map
    this.#last = files.lastSeqNum
    this.#readable = files.lastSeqNum
    this.#latest = new FixedView(this, this.#readable)
    this.#snapshots = new SnapshotRegistry(env.clock, events, options.snapshotMaxAgeMs)
    this.#floors = new HistoryFloors({
      snapshots: this.#snapshots,
      windowMs: options.historyWindowMs,
      marks: files.historyMarks,
      lastSeqNum: files.lastSeqNum,
      events,
    })
    if (options.hasPolicies !== true) this.#floors.use(NO_POLICIES)
    this.locks = new KeyLocks({
      clock: env.clock,
      onLongTurn: (key) =>
        events.emit('stall', {
          tabletId: this.#tablets.of(key).id,
          tenantId: tenantIdOfKey(key),
          waitMs: LONG_TURN_MS,
          cause: 'a transaction keeps a row locked that others wait for',
          remedy: 'end it sooner, or give it timeoutMs',
        }),
    })
    const wantedBytes = options.walFileBytes + (options.manifestFileBytes ?? MANIFEST_FILE_BYTES)
    this.#reserve = new Reserve({ env, events, directory: options.path, wantedBytes })
    this.#log = new CommitLog({
      wal: files.wal,
      clock: env.clock,
      events,
      relaxedWindowMs: options.relaxedWindowMs,
      durable: files.lastSeqNum,
      onReadable: (seqNum) => {
        this.#readable = seqNum
        this.#maintenance.noticeWritten()
      },
      onRotated: (position) => {
        // Only a hint: without it a lost newest file of the log would go unnoticed.
        files.manifest.proveWal(position).catch((error: unknown) => {
          if (error instanceof EngineError && error.kind === 'closed') this.#poison(error)
          events.emit('error', { where: 'superblock', error })
        })
      },
      onRefused: (error, readable) => this.#onRefused(error, readable),
      onBroken: (error) => this.#poison(error),
    })
    this.#maintenance = new Maintenance({
      options,
      env,
      events,
      files,
      log: this.#log,
      floors: this.#floors,
      nowSeqNum: () => seqNumAfter(this.#readable, env.clock),
      leastFreeBytes: () => this.#reserve.leastFreeBytes,
      onShortage: (error) => this.#onShortage(error),
      onBroken: (error) => this.#poison(error),
    })
    files.watchLock((error) => this.#poison(error))
    if (files.salvage !== undefined) this.#maintenance.stop()
    this.#maintenance.notice()
    this.#maintenance.noticeVersions()
  }

  get state(): StoreState {
    const { state } = this.#condition
    return state === 'open' && this.#reserve.shortage !== undefined ? 'readOnly' : state
  }

  /** What a store that was opened to be salvaged could not open; undefined when it was not. */
  get salvage(): SalvageReport | undefined {
    return this.#files.salvage
  }

  /** The newest commit that readers see. */
  get readable(): SeqNum {
    return this.#readable
  }

  /** Where history begins, and the policies that decide about it. */
  get history(): HistoryFloors {
    return this.#floors
  }

  /** The newest state. Not registered: use it within one synchronous stretch. */
  latest(): ReadView {
    this.#condition.assertReadable()
    if (this.#latest.snapshot !== this.#readable) {
      this.#latest = new FixedView(this, this.#readable)
    }
    return this.#latest
  }

  /**
   * The state as of a commit, or as of a moment: a SeqNum is a time in Unix microseconds. Close it when done: it holds
   * back the removal of old versions.
   *
   * @throws TXN_SNAPSHOT_TOO_OLD, also when it is read: where keys have different floors, and past its age
   */
  at(seqNum: SeqNum, owner = ''): Snapshot {
    return viewAt(this, this.#floors, this.#openAt(seqNum, { kind: 'read', owner }))
  }

  /** Keeps a snapshot readable, as far as it can be read now, until it is released or its age is reached. */
  pin(seqNum: SeqNum, owner: string, maxAgeMs: number): OpenSnapshot {
    return this.#openAt(seqNum, { kind: 'pin', owner, maxAgeMs })
  }

  /** Snapshots that are open. */
  get snapshots(): Pick<SnapshotRegistry, 'list'> {
    this.#condition.assertReadable()
    return this.#snapshots
  }

  /**
   * Runs `fn` over the newest state, readable or not yet, and commits what it wrote as one commit. No conflict is
   * possible, because fn runs without interruption: it must not wait for anything. When it wrote what a transaction has
   * locked, it waits for its turn and runs again.
   *
   * @returns the commit's SeqNum; when nothing was written, the newest readable one. It, and what fn may have seen, is then
   * as safe as was asked for
   * @throws whatever fn throws, after the same wait
   * @throws TABLET_READ_ONLY when it wrote to a tablet whose flushes or compactions were given up
   * @throws DISK_FULL when there is no room and it did more than delete
   */
  write(fn: (view: WriteView) => void, options: WriteOptions = {}): Promise<SeqNum> {
    return writeAtOnce(this, fn, options)
  }

  /** Begins a transaction on the newest readable state. */
  begin(mode: TransactionMode = {}): StoreTransaction {
    const open = this.#openAt(this.#readable, { kind: 'transaction', owner: '' })
    return new StoreTransaction(this, open, mode)
  }

  /**
   * The versions of a key that the retained history holds, newest first; readable ones only.
   *
   * @throws TXN_SNAPSHOT_TOO_OLD when it does not reach back to `from`
   */
  versions(key: Uint8Array, { from, to, limit }: VersionRange = {}): KeyVersion[] {
    this.#condition.assertReadable()
    const floor = this.#floors.of(key)
    if (from !== undefined && from < floor) throw snapshotTooOld(from, floor)
    return readVersions(this.#tablets.of(key), key, {
      from: from ?? floor,
      to: to === undefined || to > this.#readable ? this.#readable : to,
      limit: limit ?? Infinity,
    })
  }

  /**
   * Resolves once everything up to a commit is durable; has the log synced for that.
   *
   * @param seqNum  of a commit that is readable; default: the newest
   * @throws ARGUMENT_INVALID when there is no such commit yet
   * @throws COMMIT_UNKNOWN when the sync failed; DB_POISONED DB_CLOSED
   */
  async whenDurable(seqNum: SeqNum = this.#readable): Promise<void> {
    this.#condition.assertReadable()
    if (!Number.isSafeInteger(seqNum) || seqNum < 0 || seqNum > this.#readable) {
      const found = typeof seqNum === 'number' ? String(seqNum) : `of type ${typeof seqNum}`
      throw engineError('ARGUMENT_INVALID', `a SeqNum is what a commit returned, not ${found}`)
    }
    await this.#log.whenDurable(seqNum)
  }

  /** Brings everything committed so far into tables. */
  async flush(): Promise<void> {
    this.assertWritable()
    await this.#maintenance.flushAll()
  }

  /** Flushes, then compacts until no level asks for it and nothing is left that lies below the floors of history. */
  async compact(): Promise<void> {
    this.assertWritable()
    await this.#maintenance.flushAll()
    await this.#maintenance.compactAll()
  }

  /**
   * Splits or merges tablets now; of its own accord the store does so when there is a reason. Tells whether it could.
   *
   * @throws DISK_FULL IO_FAILED SSTABLE_CORRUPT FILE_MISSING: they are as they were
   */
  async rebalance(plan: RebalancePlan): Promise<boolean> {
    this.assertWritable()
    return this.#maintenance.rebalance(plan)
  }

  stats(): StoreStats {
    this.#condition.assertReadable()
    return describeStore(this.#files, {
      readable: this.#readable,
      durable: this.#log.durable,
      historyFloor: this.#floors.rest,
      openSnapshotCount: this.#snapshots.openCount,
      rebalances: this.#maintenance.rebalances,
      commits: this.#log.stats,
      memory: this.#maintenance.memory,
      reserveBytes: this.#reserve.byteCount,
      state: this.state,
      readOnlyTabletIds: this.#maintenance.readOnlyTablets.map(({ id }) => id),
    })
  }

  /** Reads and checks every file; damage is reported, not thrown. */
  async verify(onProgress?: (progress: VerifyProgress) => void): Promise<VerifyReport> {
    this.#condition.assertReadable()
    const assertReadable = this.#assertStillReadable
    const { verifyFiles } = await verifying()
    assertReadable()
    return verifyFiles(this.#files, this.#env, { assertReadable, onProgress })
  }

  /**
   * Copies the database into another directory, as of the newest commit; writes go on meanwhile.
   *
   * @throws CHECKPOINT_TARGET_INVALID DB_LOCKED DISK_FULL IO_FAILED DB_READ_ONLY DB_CLOSED
   */
  async checkpoint(directory: string): Promise<Checkpoint> {
    this.assertWritable()
    const source = {
      files: this.#files,
      options: this.#options,
      env: this.#env,
      log: this.#log,
      newest: () => this.#last,
      assertWritable: () => this.assertWritable(),
    }
    return this.#checkpointTurn.run(async () => {
      const { makeCheckpoint } = await checkpoints()
      return makeCheckpoint(source, directory)
    })
  }

  /**
   * Waits for commits and jobs in flight, flushes, and lets go of every file. Idempotent. From the call on everything
   * else is refused.
   */
  close(): Promise<void> {
    this.locks.refuseAll(engineError('DB_CLOSED', 'the database is closed'))
    this.#condition.beginClosing()
    this.#closing ??= this.#close()
    return this.#closing
  }

  // What transactions and views use.

  get(key: Uint8Array, keyHash: number, at: SeqNum, slot: EntrySlot): boolean {
    this.#condition.assertReadable()
    return this.#tablets.of(key).get(key, keyHash, at, slot) && slot.kind === ENTRY_KIND_PUT
  }

  scan(
    range: KeyRange,
    at: SeqNum,
    reverse: boolean,
    sources?: Pick<ScanOptions, 'own' | 'open'>,
  ): EntryScan {
    this.#condition.assertReadable()
    const assertReadable = this.#assertStillReadable
    const tablet = this.#tablets.ofRange(range)
    return openScan(tablet, { range, at, reverse, assertReadable, ...sources })
  }

  changes(range: KeyRange, since: OpenSnapshot, at: SeqNum): ChangeScan {
    this.#condition.assertReadable()
    const assertReadable = this.#assertStillReadable
    return openChangeScan(this.#tablets.ofRange(range), { range, since, at, assertReadable })
  }

  /** What can be read of a range that lies in one tablet, past damage. */
  salvageScan(range: Required<KeyRange>): SalvageScan {
    this.#condition.assertReadable()
    return new SalvageScan(this.#tablets.ofRange(range), range, this.#readable)
  }

  isKeyNewer(key: Uint8Array, keyHash: number, since: SeqNum): boolean {
    return this.#tablets.of(key).isNewer(key, keyHash, since, this.#probeSlot)
  }

  isRangeNewer(range: KeyRange, since: SeqNum): boolean {
    return this.#tablets.ofRange(range).isRangeNewer(range, since)
  }

  assertWritable(): void {
    this.#condition.assertWritable()
  }

  admit(write: WriteBatch | number | undefined, hasWaited: boolean): Promise<void> | undefined {
    const isShort = this.#reserve.shortage !== undefined
    if (isShort && !hasWaited) return this.#lookForRoom()
    if (this.#maintenance.isCalm) return undefined
    const tablets = this.#tablets.ofWrite(write)
    if (hasWaited && !this.#maintenance.isStopped(tablets, isShort)) return undefined
    return this.#maintenance.admit(tablets)
  }

  commit(batch: WriteBatch, durability: Durability): Promise<SeqNum> {
    this.assertWritable()
    if (this.#reserve.shortage !== undefined && !batch.isDeletion) this.#reserve.assertRoom()
    if (this.#maintenance.hasReadOnly)
      this.#maintenance.assertWritable(this.#tablets.ofBatch(batch))
    const seqNum = seqNumAfter(this.#last, this.#env.clock)
    this.#log.append(seqNum, (out) => batch.encode(out, seqNum, this.#options.transform))
    this.#last = seqNum
    try {
      this.#tablets.apply(batch, seqNum)
    } catch (error) {
      // The log holds what the memtables do not: reading on would answer wrongly.
      this.#poison(error)
      throw engineError('COMMIT_UNKNOWN', 'a commit could not be applied', {
        cause: error,
        committed: 'unknown',
      })
    }
    const logged = this.#log.whenSafe(seqNum, durability)
    this.#maintenance.noticeCommit(batch.byteCount)
    this.#reserve.keep()
    return logged
  }

  settle(durability: Durability): Promise<void> {
    return this.#log.settle(durability)
  }

  renew(open: OpenSnapshot): OpenSnapshot {
    const renewed = this.#openAt(this.#readable, open.use)
    this.release(open)
    return renewed
  }

  release(snapshot: OpenSnapshot): void {
    this.#snapshots.close(snapshot)
  }

  #openAt(seqNum: SeqNum, use: SnapshotUse): OpenSnapshot {
    this.#condition.assertReadable()
    return this.#snapshots.open(seqNum < this.#readable ? seqNum : this.#readable, use)
  }

  #onRefused(error: EngineError, readable: SeqNum): void {
    const copies = new Map<Memtable, Memtable>()
    for (const tablet of this.#tablets.all) tablet.forgetAfter(readable, copies)
    if (isDiskFull(error)) this.#onShortage(error)
    this.#maintenance.noticeWritten()
  }

  /** True when that gave room back. */
  #onShortage(error: EngineError): boolean {
    // Files of the log that are kept for later go first.
    if (this.#files.wal.removeSpares()) return true
    const isNew = this.#reserve.shortage === undefined
    this.#reserve.release(error)
    if (isNew) this.#maintenance.noticeShortage()
    return isNew
  }

  /** Starts what may make room, and asks whether there is some. */
  async #lookForRoom(): Promise<void> {
    this.#maintenance.makeRoom()
    await this.#files.removalsDone()
    if (!this.#maintenance.isStuck) await this.#reserve.restore()
  }

  #poison(error: unknown): void {
    if (!this.#condition.poison(error)) return
    this.#maintenance.stop()
    this.locks.refuseAll(this.#condition.poisonedError)
  }

  async #close(): Promise<void> {
    try {
      if (this.#condition.isSound) {
        await this.#log.settle('sync')
        await this.#maintenance.flushAll()
      }
    } catch (error) {
      // Nothing is lost: what did not reach a table is in the log, and the next open replays it.
      this.#events.emit('error', { where: 'flush at close', error })
    } finally {
      const isClean = this.#condition.isSound
      this.#condition.endClosing()
      this.#maintenance.stop()
      await this.#maintenance.idle()
      await this.#checkpointTurn.run(() => undefined)
      await this.#reserve.close()
      await this.#log.close().catch((error: unknown) => {
        this.#events.emit('error', { where: 'sync at close', error })
      })
      await this.#files.close(isClean)
    }
  }
}
