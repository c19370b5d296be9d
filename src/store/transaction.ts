// An optimistic transaction: reads at one snapshot and keeps its writes to itself until commit.
//
// Commits are validated and numbered on one thread, in one go, so validation is a look for versions that are newer than the
// snapshot, durable or not:
// - serializable: of what was read, key or range. Ranges are remembered as far as they were consumed, so a scan that
//   stopped early does not conflict with what lies behind it.
// - snapshot: of the keys that it writes. The first committer wins; what was read is not remembered. Row keys and the keys
//   of unique indexes are among what is written, so two transactions cannot both take the same value.
// A transaction that wrote nothing never conflicts: its snapshot is its place in the order.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { ENTRY_KIND_PUT, EntrySlot, type KeyRange } from '../codec/entry.js'
import { hashBytes } from '../kernels/bytes.js'
import type { Durability } from './commit-log.js'
import type { ScanOptions } from './scan.js'
import type { OpenSnapshot } from './snapshots.js'
import type { EntryScan, WriteView } from './view.js'
import { WriteBatch } from './write-batch.js'

/** Which anomalies a transaction excludes: all of them, or all but write skew. */
export type Isolation = 'serializable' | 'snapshot'

export interface TransactionMode {
  /** Default: serializable. */
  readonly isolation?: Isolation
  /** Whose it is, for the list of open snapshots. */
  readonly owner?: string
}

/** What a transaction needs of the store. */
export interface TransactionHost {
  get(key: Uint8Array, keyHash: number, at: SeqNum, slot: EntrySlot): boolean
  scan(
    range: KeyRange,
    at: SeqNum,
    reverse: boolean,
    sources?: Pick<ScanOptions, 'own' | 'open'>,
  ): EntryScan
  isKeyNewer(key: Uint8Array, keyHash: number, since: SeqNum): boolean
  isRangeNewer(range: KeyRange, since: SeqNum): boolean
  /** @throws DB_READ_ONLY DB_POISONED DB_CLOSED */
  assertWritable(): void
  /** Resolves when there may be room where the batch writes; undefined when there is, or it has waited long enough. */
  admitBatch(batch: WriteBatch, hasWaited: boolean): Promise<void> | undefined
  /** Numbers and logs the batch; everything before the returned promise happens at once. */
  commit(batch: WriteBatch, durability: Durability): Promise<SeqNum>
  /** Waits until every commit that the transaction may have met is as safe as it asks. */
  settle(durability: Durability): Promise<void>
  release(snapshot: OpenSnapshot): void
}

export class StoreTransaction implements WriteView {
  readonly #host: TransactionHost
  readonly #open: OpenSnapshot
  readonly #isolation: Isolation
  readonly #batch = new WriteBatch()
  readonly #readKeys: Uint8Array[] = []
  readonly #readHashes: number[] = []
  readonly #scans: TrackedScan[] = []
  readonly #watched: KeyRange[] = []
  #isFinished = false

  constructor(host: TransactionHost, open: OpenSnapshot, mode: TransactionMode) {
    this.#host = host
    this.#open = open
    this.#isolation = mode.isolation ?? 'serializable'
  }

  get snapshot(): SeqNum {
    return this.#open.seqNum
  }

  get isFinished(): boolean {
    return this.#isFinished
  }

  get(key: Uint8Array, slot: EntrySlot): boolean {
    this.#assertOpen()
    const keyHash = hashBytes(key, 0, key.length)
    if (this.#batch.find(key, keyHash, slot)) return slot.kind === ENTRY_KIND_PUT
    this.#open.assertHeld()
    if (this.#isolation === 'serializable') {
      this.#readKeys.push(key.slice())
      this.#readHashes.push(keyHash)
    }
    return this.#host.get(key, keyHash, this.snapshot, slot)
  }

  scan(range: KeyRange, options: { reverse?: boolean } = {}): EntryScan {
    this.#assertOpen()
    const reverse = options.reverse === true
    const own = this.#batch.isEmpty ? undefined : this.#batch
    const inner = this.#host.scan(range, this.snapshot, reverse, { own, open: this.#open })
    const scan = new TrackedScan({ inner, range, reverse, assertOpen: () => this.#assertOpen() })
    this.#scans.push(scan)
    return scan
  }

  /** Counts a range as read to its end. */
  watch(range: KeyRange): void {
    this.#watched.push(range)
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#assertOpen()
    this.#batch.put(key, value)
  }

  delete(key: Uint8Array): void {
    this.#assertOpen()
    this.#batch.delete(key)
  }

  /**
   * Runs several writes as one: when `fn` throws, or its promise rejects, all writes since it began are taken back and
   * the transaction goes on.
   */
  atomically<R>(fn: () => R): R {
    this.#assertOpen()
    const savepoint = this.#batch.savepoint()
    const undo = (error: unknown): never => {
      this.#batch.rollbackTo(savepoint)
      throw error
    }
    try {
      const result = fn()
      return result instanceof Promise ? (result.catch(undo) as R) : result
    } catch (error) {
      return undo(error)
    }
  }

  /**
   * Validates and commits. Resolves with the commit's SeqNum once it is as safe as asked for, or with undefined when there
   * was nothing to write.
   *
   * @throws TXN_CONFLICT when something that was read, under snapshot isolation written, has changed; the transaction is
   *   finished then
   * @throws TXN_SNAPSHOT_TOO_OLD when its snapshot was revoked for its age
   * @throws TABLET_READ_ONLY when it wrote to a tablet whose flushes or compactions were given up
   */
  async commit(durability: Durability = 'sync'): Promise<SeqNum | undefined> {
    this.#assertOpen()
    try {
      if (this.#batch.isEmpty) return undefined
      // First, or a commit that was refused and will never be readable would be a conflict for ever.
      this.#host.assertWritable()
      // Asked again after each wait: others that waited may have used the room up.
      for (let delay = this.#admit(false); delay !== undefined; delay = this.#admit(true)) {
        await delay
        this.#host.assertWritable()
      }
      // Versions that it would have to be validated against may be gone.
      this.#open.assertHeld()
      const isSnapshot = this.#isolation === 'snapshot'
      if (isSnapshot ? this.#isOvertaken() : this.#isStale()) {
        // The answer must not tell of a commit that may still be lost.
        await this.#host.settle(durability)
        const what = isSnapshot
          ? 'a row that the transaction writes'
          : 'a row or range that it read'
        throw engineError('TXN_CONFLICT', `${what} was changed by another commit`)
      }
      return await this.#host.commit(this.#batch, durability)
    } finally {
      this.abort()
    }
  }

  /** Forgets everything. Idempotent, also after commit. */
  abort(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    for (const scan of this.#scans) scan.close()
    this.#host.release(this.#open)
  }

  #admit(hasWaited: boolean): Promise<void> | undefined {
    return this.#host.admitBatch(this.#batch, hasWaited)
  }

  /** Whether somebody else has written a key of this transaction's writes since its snapshot. */
  #isOvertaken(): boolean {
    let isNewer = false
    this.#batch.forEach((bytes, keyStart, keyEnd, keyHash) => {
      const key = bytes.subarray(keyStart, keyEnd)
      isNewer ||= this.#host.isKeyNewer(key, keyHash, this.snapshot)
    })
    return isNewer
  }

  /** Whether anything that was read has changed since the snapshot. */
  #isStale(): boolean {
    for (let i = 0; i < this.#readKeys.length; i++) {
      if (this.#host.isKeyNewer(this.#readKeys[i]!, this.#readHashes[i]!, this.snapshot))
        return true
    }
    const scanned = this.#scans.flatMap((scan) => scan.extent() ?? [])
    return [...this.#watched, ...scanned].some((range) =>
      this.#host.isRangeNewer(range, this.snapshot),
    )
  }

  #assertOpen(): void {
    if (this.#isFinished) {
      throw engineError('TXN_FINISHED', 'the transaction has ended, nothing more can be done in it')
    }
  }
}

/** A scan that knows how far it was consumed. */
class TrackedScan implements EntryScan {
  readonly #inner: EntryScan
  readonly #range: KeyRange
  readonly #reverse: boolean
  readonly #assertOpen: () => void
  #isStarted = false
  #isExhausted = false
  #lastKey: Uint8Array | undefined

  constructor(parts: {
    readonly inner: EntryScan
    readonly range: KeyRange
    readonly reverse: boolean
    readonly assertOpen: () => void
  }) {
    this.#inner = parts.inner
    this.#range = parts.range
    this.#reverse = parts.reverse
    this.#assertOpen = parts.assertOpen
  }

  get entry(): EntrySlot {
    return this.#inner.entry
  }

  /** @throws TXN_FINISHED: what ended with the transaction must not look like the end of the range */
  next(): boolean {
    this.#assertOpen()
    if (this.#lastKey !== undefined || this.#isExhausted) return false
    this.#isStarted = true
    const isFound = this.#inner.next()
    if (!isFound) this.#isExhausted = true
    return isFound
  }

  close(): void {
    if (this.#isStarted && !this.#isExhausted) this.#lastKey ??= this.entry.copyKey()
    this.#inner.close()
  }

  /** The part of the range whose content the reader knows; undefined when it read nothing. */
  extent(): KeyRange | undefined {
    if (this.#isExhausted) return this.#range
    if (!this.#isStarted) return undefined
    const last = this.#lastKey ?? this.entry.copyKey()
    if (this.#reverse) return { lower: last, upper: this.#range.upper }
    const successor = new Uint8Array(last.length + 1)
    successor.set(last)
    return { lower: this.#range.lower, upper: successor }
  }
}
