// The views that a store hands out: of its newest state, of a registered snapshot, and of a write in progress.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX } from '../base/ids.js'
import { ENTRY_KIND_PUT, type EntrySlot, type KeyRange } from '../codec/entry.js'
import { hashBytes } from '../kernels/bytes.js'
import type { ChangeScan } from './change-scan.js'
import type { HistoryFloors } from './history-floors.js'
import { type OpenSnapshot, snapshotTooOld } from './snapshots.js'
import type { TransactionHost } from './transaction.js'
import type { EntryScan, ReadView, WriteView } from './view.js'
import type { WriteBatch } from './write-batch.js'

interface ViewHost extends Pick<TransactionHost, 'get' | 'scan' | 'release'> {
  changes(range: KeyRange, since: OpenSnapshot, at: SeqNum): ChangeScan
}

/** Where history begins, key by key. */
type Floors = Pick<HistoryFloors, 'of' | 'ofRange'>

/** A ReadView that keeps its versions alive until it is closed. */
export interface Snapshot extends ReadView {
  /**
   * The keys of a range in one tablet that commits after the snapshot wrote, as the later snapshot `at` sees them. Both
   * must be open until the end.
   */
  changes(range: KeyRange, at: SeqNum): ChangeScan
  close(): void
}

/** Reads at a fixed SeqNum. */
export class FixedView implements ReadView {
  readonly snapshot: SeqNum
  protected readonly host: ViewHost

  constructor(host: ViewHost, snapshot: SeqNum) {
    this.host = host
    this.snapshot = snapshot
  }

  get(key: Uint8Array, slot: EntrySlot): boolean {
    return this.host.get(key, hashBytes(key, 0, key.length), this.snapshot, slot)
  }

  scan(range: KeyRange, options: { reverse?: boolean } = {}): EntryScan {
    return this.host.scan(range, this.snapshot, options.reverse === true)
  }
}

/** Reads at an open snapshot. */
export class RegisteredView extends FixedView implements Snapshot {
  readonly #open: OpenSnapshot

  constructor(host: ViewHost, open: OpenSnapshot) {
    super(host, open.seqNum)
    this.#open = open
  }

  override get(key: Uint8Array, slot: EntrySlot): boolean {
    this.#open.assertHeld()
    return super.get(key, slot)
  }

  override scan(range: KeyRange, options: { reverse?: boolean } = {}): EntryScan {
    const open = this.#open
    return this.host.scan(range, this.snapshot, options.reverse === true, { open })
  }

  changes(range: KeyRange, at: SeqNum): ChangeScan {
    return this.host.changes(range, this.#open, at)
  }

  close(): void {
    this.host.release(this.#open)
  }
}

/** Reads at a snapshot that is too old for some keys. */
export class CheckedView extends RegisteredView {
  readonly #floors: Floors

  constructor(host: ViewHost, open: OpenSnapshot, floors: Floors) {
    super(host, open)
    this.#floors = floors
  }

  /** @throws TXN_SNAPSHOT_TOO_OLD */
  override get(key: Uint8Array, slot: EntrySlot): boolean {
    this.#check(this.#floors.of(key))
    return super.get(key, slot)
  }

  /** @throws TXN_SNAPSHOT_TOO_OLD */
  override scan(range: KeyRange, options: { reverse?: boolean } = {}): EntryScan {
    this.#check(this.#floors.ofRange(range))
    return super.scan(range, options)
  }

  /** @throws TXN_SNAPSHOT_TOO_OLD */
  override changes(range: KeyRange, at: SeqNum): ChangeScan {
    this.#check(this.#floors.ofRange(range))
    return super.changes(range, at)
  }

  #check(floor: SeqNum): void {
    if (this.snapshot < floor) throw snapshotTooOld(this.snapshot, floor)
  }
}

/**
 * A view of what can be read at a snapshot.
 *
 * @throws TXN_SNAPSHOT_TOO_OLD when nothing can, whatever the key
 */
export function viewAt(host: ViewHost, floors: HistoryFloors, open: OpenSnapshot): Snapshot {
  try {
    if (floors.isWholeAt(open.seqNum)) return new RegisteredView(host, open)
    if (!floors.isUniform) return new CheckedView(host, open, floors)
    throw snapshotTooOld(open.seqNum, floors.highest)
  } catch (error) {
    host.release(open)
    throw error
  }
}

/** Reads and writes the newest state within one synchronous stretch. */
export class ImmediateView implements WriteView {
  readonly snapshot: SeqNum = SEQ_NUM_MAX
  readonly #host: Pick<ViewHost, 'get' | 'scan'>
  /** Gone when the write has ended: who keeps the view does not keep what was written. */
  #batch: WriteBatch | undefined

  constructor(host: Pick<ViewHost, 'get' | 'scan'>, batch: WriteBatch) {
    this.#host = host
    this.#batch = batch
  }

  finish(): void {
    this.#batch = undefined
  }

  get(key: Uint8Array, slot: EntrySlot): boolean {
    const batch = this.#openBatch()
    const keyHash = hashBytes(key, 0, key.length)
    if (batch.find(key, keyHash, slot)) return slot.kind === ENTRY_KIND_PUT
    return this.#host.get(key, keyHash, SEQ_NUM_MAX, slot)
  }

  scan(range: KeyRange, options: { reverse?: boolean } = {}): EntryScan {
    const batch = this.#openBatch()
    const own = batch.isEmpty ? undefined : batch
    return this.#host.scan(range, SEQ_NUM_MAX, options.reverse === true, { own })
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#openBatch().put(key, value)
  }

  putEntry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueEnd: number): void {
    this.#openBatch().putEntry(bytes, keyStart, keyEnd, valueEnd)
  }

  delete(key: Uint8Array): void {
    this.#openBatch().delete(key)
  }

  /** Scans that were opened by `fn` must not be used when it has thrown. */
  atomically<R>(fn: () => R): R {
    const batch = this.#openBatch()
    const savepoint = batch.savepoint()
    try {
      return fn()
    } catch (error) {
      batch.rollbackTo(savepoint)
      throw error
    }
  }

  #openBatch(): WriteBatch {
    if (this.#batch !== undefined) return this.#batch
    throw engineError(
      'TXN_FINISHED',
      'the write has ended; its view works only inside its function',
    )
  }
}
