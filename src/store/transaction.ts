// An optimistic transaction: reads at one snapshot and keeps its writes to itself until commit.
//
// Commits are validated and numbered on one thread, in one go, so validation is a look for versions that are newer than the
// snapshot, durable or not:
// - serializable: of what was read, key or range. Ranges are remembered as far as they were consumed, so a scan that
//   stopped early does not conflict with what lies behind it.
// - snapshot: of the keys that it writes. The first committer wins; what was read is not remembered. Row keys and the keys
//   of unique indexes are among what is written, so two transactions cannot both take the same value.
// A transaction that wrote nothing never conflicts: its snapshot is its place in the order.
//
// Who would rather wait than run in vain takes turns on keys (key-locks.ts): nobody else's commit writes a locked key. When
// a key has changed while its turn was awaited, the snapshot moves on to the newest readable commit, as long as all that
// was read would read the same there. The prefix of a table's keys can be locked as well, which keeps nobody from writing
// to the table: it is a turn among those who ask for it.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { ENTRY_KIND_PUT, EntrySlot, type KeyRange } from '../codec/entry.js'
import { KEY_PREFIX_BYTES, readKeyPrefix } from '../codec/tenant-key.js'
import { compareKeys, hashBytes, successorOf } from '../kernels/bytes.js'
import type { Durability } from './commit-log.js'
import { type KeyLocks, LockHolder } from './key-locks.js'
import { type NewerVersions, ReadSet } from './read-set.js'
import type { ScanOptions } from './scan.js'
import type { OpenSnapshot } from './snapshots.js'
import type { EntryScan, WriteView } from './view.js'
import { WriteBatch } from './write-batch.js'

/** Which anomalies a transaction excludes: all of them, or all but write skew. */
export type Isolation = 'serializable' | 'snapshot'

export interface TransactionMode {
  /** Default: serializable. */
  readonly isolation?: Isolation
  /** Refuses writes and locks. Default: false. */
  readonly isReadOnly?: boolean
}

/** What a transaction needs of the store. */
export interface TransactionHost extends NewerVersions {
  readonly locks: KeyLocks
  get(key: Uint8Array, keyHash: number, at: SeqNum, slot: EntrySlot): boolean
  scan(
    range: KeyRange,
    at: SeqNum,
    reverse: boolean,
    sources?: Pick<ScanOptions, 'own' | 'open'>,
  ): EntryScan
  /** @throws DB_READ_ONLY DB_POISONED DB_CLOSED */
  assertWritable(): void
  /**
   * Resolves when there may be room where a write goes: a batch, one to the tenant with this hash, or one to anybody.
   * Undefined when there is, or it has waited long enough.
   */
  admit(write: WriteBatch | number | undefined, hasWaited: boolean): Promise<void> | undefined
  /** Numbers and logs the batch; everything before the returned promise happens at once. */
  commit(batch: WriteBatch, durability: Durability): Promise<SeqNum>
  /** Waits until every commit that the transaction may have met is as safe as it asks. */
  settle(durability: Durability): Promise<void>
  /** As `open`, but of the newest readable state. */
  renew(open: OpenSnapshot): OpenSnapshot
  release(snapshot: OpenSnapshot): void
}

/** What a TXN_CONFLICT is about: a key, or the lower bound of a range. */
export interface Conflict {
  readonly key: Uint8Array
  readonly reason: string
  /** What the transaction had locked, and what it conflicted on, in order: to take turns on before the next run. */
  readonly turns: readonly Uint8Array[]
}

const NO_KEY = new Uint8Array(0)

export class StoreTransaction implements WriteView {
  readonly #host: TransactionHost
  readonly #isReadOnly: boolean
  readonly #batch = new WriteBatch()
  /** Undefined when reads are not validated. */
  readonly #reads: ReadSet | undefined
  readonly #openScans = new Set<TrackedScan>()
  #scanCount = 0
  #turns: LockHolder | undefined
  #open: OpenSnapshot
  #hasRead = false
  #phase: 'open' | 'ending' | 'committing' | 'finished' = 'open'
  #conflict: Conflict | undefined
  #commit: Promise<SeqNum> | undefined

  constructor(host: TransactionHost, open: OpenSnapshot, mode: TransactionMode) {
    this.#host = host
    this.#open = open
    this.#isReadOnly = mode.isReadOnly === true
    const isValidated = !this.#isReadOnly && mode.isolation !== 'snapshot'
    this.#reads = isValidated ? new ReadSet() : undefined
  }

  get snapshot(): SeqNum {
    return this.#open.seqNum
  }

  /** Whether its commit has begun and not ended: it may or may not become durable. */
  get isCommitting(): boolean {
    return this.#phase === 'committing'
  }

  /** Resolves when a commit that has begun is settled, one way or the other. */
  async whenSettled(): Promise<void> {
    await this.#commit?.catch(() => undefined)
  }

  /** What its TXN_CONFLICT was about. */
  get conflict(): Conflict | undefined {
    return this.#conflict
  }

  get(key: Uint8Array, slot: EntrySlot): boolean {
    this.#assertOpen()
    const keyHash = hashBytes(key, 0, key.length)
    if (this.#batch.find(key, keyHash, slot)) return slot.kind === ENTRY_KIND_PUT
    this.#open.assertHeld()
    this.#hasRead = true
    this.#reads?.addKey(key, keyHash)
    return this.#host.get(key, keyHash, this.snapshot, slot)
  }

  scan(range: KeyRange, options: { reverse?: boolean } = {}): EntryScan {
    this.#assertOpen()
    this.#hasRead = true
    const reverse = options.reverse === true
    const own = this.#batch.isEmpty ? undefined : this.#batch
    const inner = this.#host.scan(range, this.snapshot, reverse, { own, open: this.#open })
    const scan = new TrackedScan({
      ordinal: this.#scanCount++,
      inner,
      range,
      reverse,
      onEnd: () => {
        this.#openScans.delete(scan)
        const extent = scan.extent()
        if (extent !== undefined) this.#reads?.addRange(extent)
      },
    })
    this.#openScans.add(scan)
    return scan
  }

  /** Counts a range as read to its end. */
  watch(range: KeyRange): void {
    this.#assertOpen()
    this.#hasRead = true
    this.#reads?.addRange(range)
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.assertMayWrite()
    this.#batch.put(key, value)
  }

  putEntry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueEnd: number): void {
    this.assertMayWrite()
    this.#batch.putEntry(bytes, keyStart, keyEnd, valueEnd)
  }

  delete(key: Uint8Array): void {
    this.assertMayWrite()
    this.#batch.delete(key)
  }

  /**
   * Locks a key until the transaction has ended: nobody else's commit writes it. What it reads of it from then on is its
   * newest state.
   *
   * @param key  must not change
   * @throws TXN_CONFLICT when transactions would wait for each other in a circle, or when the key has changed and what was
   *   read before has, too
   * @throws TXN_READ_ONLY TXN_TOO_LARGE TXN_FINISHED DB_READ_ONLY DB_POISONED DB_CLOSED
   */
  async lock(key: Uint8Array): Promise<void> {
    this.assertMayWrite()
    this.#host.assertWritable()
    await this.#acquire(key, true)
    if (!this.#isNewer(key)) return
    await this.#allReadable()
    const refusal = this.#catchUp(key)
    if (refusal !== undefined) await this.#throwSettled(refusal, 'relaxed')
  }

  /**
   * Takes turns on what earlier runs conflicted on, in ascending order and before anything is read. They are given up when
   * the transaction takes long and others wait.
   *
   * @throws TXN_FINISHED DB_POISONED DB_CLOSED
   */
  async takeTurns(keys: readonly Uint8Array[]): Promise<void> {
    this.#assertOpen()
    this.#host.assertWritable()
    for (const key of keys) await this.#acquire(key, false)
    // Whoever began before what is on its way can be read would conflict with it.
    const isOnItsWay = (key: Uint8Array) => key.length === KEY_PREFIX_BYTES || this.#isNewer(key)
    if (keys.some(isOnItsWay)) await this.#allReadable()
    this.#open = this.#host.renew(this.#open)
  }

  /**
   * Runs several writes as one: when `fn` throws, or its promise rejects, all writes since it began are taken back, scans
   * that were opened since end, and the transaction goes on.
   */
  atomically<R>(fn: () => R): R {
    this.#assertOpen()
    const savepoint = this.#batch.savepoint()
    const scanCount = this.#scanCount
    const undo = (error: unknown): never => {
      this.#batch.rollbackTo(savepoint)
      // They may stand on writes that are no more.
      for (const scan of this.#openScans) if (scan.ordinal >= scanCount) scan.revoke()
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
   * was nothing to write. The transaction takes no more calls; its locks go when the commit is settled.
   *
   * @throws TXN_CONFLICT when something that was read, under snapshot isolation written, has changed, or somebody else has
   *   locked what it writes
   * @throws TXN_SNAPSHOT_TOO_OLD when its snapshot was revoked for its age
   * @throws TABLET_READ_ONLY when it wrote to a tablet whose flushes or compactions were given up
   */
  async commit(durability: Durability = 'sync'): Promise<SeqNum | undefined> {
    this.#assertOpen()
    this.#phase = 'ending'
    this.#revokeScans()
    try {
      if (this.#batch.isEmpty) return undefined
      // First, or a commit that was refused and will never be readable would be a conflict for ever.
      this.#host.assertWritable()
      // Asked again after each wait: others that waited may have used the room up.
      for (let delay = this.#admit(false); delay !== undefined; delay = this.#admit(true)) {
        await delay
        this.#assertNotFinished()
        this.#host.assertWritable()
      }
      const locked = this.#host.locks.findOther(this.#turns, this.#batch)
      if (locked !== undefined) {
        throw this.#refusal(locked, 'another transaction has locked a row that it writes')
      }
      const refusal = this.#validate()
      if (refusal !== undefined) await this.#throwSettled(refusal, durability)
      this.#phase = 'committing'
      this.#commit = this.#host.commit(this.#batch, durability)
      return await this.#commit
    } finally {
      this.#finish()
    }
  }

  /** Says whose it is, for the list of open snapshots; the first to say so counts. */
  claim(owner: string): void {
    this.#open.use.owner ||= owner
  }

  /** Forgets everything, unless the commit has begun. Idempotent, also after commit. */
  abort(): void {
    if (this.#phase !== 'committing') this.#finish()
  }

  /** @throws TXN_READ_ONLY TXN_FINISHED */
  assertMayWrite(): void {
    this.#assertOpen()
    if (!this.#isReadOnly) return
    throw engineError('TXN_READ_ONLY', 'the transaction was begun to read only')
  }

  async #acquire(key: Uint8Array, isKept: boolean): Promise<void> {
    const keyHash = hashBytes(key, 0, key.length)
    this.#turns ??= new LockHolder()
    const turn = this.#host.locks.acquire(this.#turns, key, keyHash, isKept)
    if (turn === true) return
    const isGranted = await turn
    this.#assertOpen()
    if (isGranted) return
    throw this.#refusal(key, 'it and another transaction would wait for each other')
  }

  /** Waits until everything that was committed so far can be read, or has been refused. */
  async #allReadable(): Promise<void> {
    // Who made the commits is told of what befell them; what befell the store shows in the next read.
    await this.#host.settle('relaxed').catch(() => undefined)
    this.#assertOpen()
  }

  #finish(): void {
    if (this.#phase === 'finished') return
    this.#phase = 'finished'
    this.#revokeScans()
    this.#host.release(this.#open)
    if (this.#turns !== undefined) this.#host.locks.release(this.#turns)
  }

  #admit(hasWaited: boolean): Promise<void> | undefined {
    return this.#host.admit(this.#batch, hasWaited)
  }

  #isNewer(key: Uint8Array): boolean {
    return this.#host.isKeyNewer(key, hashBytes(key, 0, key.length), this.snapshot)
  }

  /** Moves on to a snapshot that shows the newest version of a locked key, when the present one does not. */
  #catchUp(key: Uint8Array): Error | undefined {
    // It was a commit that has been refused.
    if (!this.#isNewer(key)) return undefined
    // An open scan stays on its snapshot, and without a read set nobody can tell what a new one would change.
    const isBound = this.#reads === undefined && (this.#hasRead || !this.#batch.isEmpty)
    if (isBound || this.#openScans.size > 0) {
      return this.#refusal(key, 'a row that it locks has changed since it began')
    }
    const refusal = this.#validate()
    if (refusal !== undefined) return refusal
    this.#open = this.#host.renew(this.#open)
    return undefined
  }

  /** What is newer than the snapshot and must not be, as an error. @throws TXN_SNAPSHOT_TOO_OLD */
  #validate(): Error | undefined {
    // Versions that it would have to be validated against may be gone.
    this.#open.assertHeld()
    if (this.#reads === undefined) {
      const key = this.#firstOvertaken()
      return key && this.#refusal(key, 'a row that it writes was changed by another commit')
    }
    const found = this.#reads.findNewer(this.#host, this.snapshot)
    if (found instanceof Uint8Array) {
      return this.#refusal(found, 'a row that it read was changed by another commit')
    }
    return found && this.#refusal(found, 'a range that it read was changed by another commit')
  }

  /** A key of its writes that somebody else has written since its snapshot. */
  #firstOvertaken(): Uint8Array | undefined {
    let overtaken: Uint8Array | undefined
    this.#batch.forEach((bytes, keyStart, keyEnd, keyHash) => {
      if (overtaken !== undefined) return
      const key = bytes.subarray(keyStart, keyEnd)
      if (this.#host.isKeyNewer(key, keyHash, this.snapshot)) overtaken = key.slice()
    })
    return overtaken
  }

  /** The TXN_CONFLICT about a key or range, which `conflict` tells from now on. */
  #refusal(about: Uint8Array | KeyRange, reason: string): Error {
    const key = about instanceof Uint8Array ? about : (about.lower ?? NO_KEY)
    // Ranges that overlap lie in one table or index: those who conflict on them take turns on that.
    const turn = about === key ? key : key.slice(0, KEY_PREFIX_BYTES)
    const locked = Array.from(this.#turns?.held ?? [], (lock) => lock.key)
    this.#conflict = { key, reason, turns: [...locked, turn].sort(compareKeys) }
    const { tenantId, tableId } = readKeyPrefix(key)
    return engineError('TXN_CONFLICT', reason, { details: { tenantId, tableId } })
  }

  /** The answer must not tell of a commit that may still be lost. */
  async #throwSettled(refusal: Error, durability: Durability): Promise<never> {
    await this.#host.settle(durability)
    throw refusal
  }

  #revokeScans(): void {
    for (const scan of this.#openScans) scan.revoke()
  }

  #assertOpen(): void {
    if (this.#phase !== 'open') throw finishedError()
  }

  #assertNotFinished(): void {
    if (this.#phase === 'finished') throw finishedError()
  }
}

function finishedError(): Error {
  return engineError('TXN_FINISHED', 'the transaction has ended, nothing more can be done in it')
}

/** A scan that knows how far it was consumed. */
class TrackedScan implements EntryScan {
  readonly ordinal: number
  readonly #inner: EntryScan
  readonly #range: KeyRange
  readonly #reverse: boolean
  readonly #onEnd: () => void
  #state: 'new' | 'started' | 'exhausted' = 'new'
  #isClosed = false
  #isRevoked = false
  #lastKey: Uint8Array | undefined

  constructor(parts: {
    /** How many scans the transaction had opened before. */
    readonly ordinal: number
    readonly inner: EntryScan
    readonly range: KeyRange
    readonly reverse: boolean
    /** Called once, when it was closed or has come to its end. */
    readonly onEnd: () => void
  }) {
    this.ordinal = parts.ordinal
    this.#inner = parts.inner
    this.#range = parts.range
    this.#reverse = parts.reverse
    this.#onEnd = parts.onEnd
  }

  get entry(): EntrySlot {
    return this.#inner.entry
  }

  /** @throws TXN_FINISHED: what ended with the transaction must not look like the end of the range */
  next(): boolean {
    if (this.#isRevoked) throw finishedError()
    if (this.#isClosed) return false
    this.#state = 'started'
    if (this.#inner.next()) return true
    this.#state = 'exhausted'
    this.close()
    return false
  }

  close(): void {
    if (this.#isClosed) return
    if (this.#state === 'started') this.#lastKey = this.entry.copyKey()
    this.#isClosed = true
    this.#inner.close()
    this.#onEnd()
  }

  /** Closes it for good: going on is an error from now on. */
  revoke(): void {
    this.#isRevoked = true
    this.close()
  }

  /** The part of the range whose content the reader knows; undefined when it read nothing. */
  extent(): KeyRange | undefined {
    if (this.#state === 'exhausted') return this.#range
    if (this.#state === 'new') return undefined
    const last = this.#lastKey ?? this.entry.copyKey()
    if (this.#reverse) return { lower: last, upper: this.#range.upper }
    return { lower: this.#range.lower, upper: successorOf(last) }
  }
}
