// The views that a store hands out: of its newest state, of a registered snapshot, and of a write in progress.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX } from '../base/ids.js'
import { ENTRY_KIND_PUT, type EntrySlot, type KeyRange } from '../codec/entry.js'
import { hashBytes } from '../kernels/bytes.js'
import type { TransactionHost } from './transaction.js'
import type { EntryScan, ReadView, WriteView } from './view.js'
import type { WriteBatch } from './write-batch.js'

type ViewHost = Pick<TransactionHost, 'get' | 'scan' | 'release'>

/** A ReadView that keeps its versions alive until it is closed. */
export interface Snapshot extends ReadView {
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

export class RegisteredView extends FixedView implements Snapshot {
  #isOpen = true

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.host.release(this.snapshot)
  }
}

/** Reads and writes the newest state within one synchronous stretch. */
export class ImmediateView implements WriteView {
  readonly snapshot: SeqNum = SEQ_NUM_MAX
  readonly #host: ViewHost
  readonly #batch: WriteBatch
  #isFinished = false

  constructor(host: ViewHost, batch: WriteBatch) {
    this.#host = host
    this.#batch = batch
  }

  finish(): void {
    this.#isFinished = true
  }

  get(key: Uint8Array, slot: EntrySlot): boolean {
    this.#assertOpen()
    const keyHash = hashBytes(key, 0, key.length)
    if (this.#batch.find(key, keyHash, slot)) return slot.kind === ENTRY_KIND_PUT
    return this.#host.get(key, keyHash, SEQ_NUM_MAX, slot)
  }

  scan(range: KeyRange, options: { reverse?: boolean } = {}): EntryScan {
    this.#assertOpen()
    const own = this.#batch.isEmpty ? undefined : this.#batch
    return this.#host.scan(range, SEQ_NUM_MAX, options.reverse === true, own)
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#assertOpen()
    this.#batch.put(key, value)
  }

  delete(key: Uint8Array): void {
    this.#assertOpen()
    this.#batch.delete(key)
  }

  #assertOpen(): void {
    if (this.#isFinished) {
      throw engineError(
        'TXN_FINISHED',
        'the write has ended; its view works only inside its function',
      )
    }
  }
}
