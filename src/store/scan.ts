// Turns the versions of a merged cursor into what one snapshot sees: each key at most once, tombstones left out.
//
// Forward, the first version of a key at or below the snapshot decides, and the rest of the key is skipped. Backward,
// versions arrive oldest first, so the last one at or below the snapshot before the key changes decides; of a key with many
// it is sought. Value views stay valid as long as somebody holds them (blocks and arenas are immutable); keys are copied
// because cursors reuse their key buffer.

import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX, SEQ_NUM_ZERO } from '../base/ids.js'
import {
  type Cursor,
  ENTRY_KIND_PUT,
  type EntrySlot,
  EntrySlot as Slot,
  type KeyRange,
} from '../codec/entry.js'
import { compareBytes, equalBytes } from '../kernels/bytes.js'
import { MergeCursor } from '../lsm/merge-cursor.js'
import type { Tablet } from '../lsm/tablet.js'
import type { OpenSnapshot } from './snapshots.js'
import type { EntryScan } from './view.js'
import { OWN_WRITE_SEQ_NUM, type WriteBatch } from './write-batch.js'

/** Versions of one key that are stepped over before the scan seeks past them instead. */
export const SKIP_STEP_MAX_COUNT: number = 8

interface ScanSource {
  readonly cursor: Cursor
  readonly range: KeyRange
  readonly at: SeqNum
  /** Throws when there is nothing to read any more: a scan may outlive its store. */
  readonly assertReadable: () => void
  /** Called once, when the scan ends or is closed. */
  readonly onClose: () => void
}

/** A key buffer that grows and is reused. */
export class KeyBuffer {
  bytes: Uint8Array = new Uint8Array(64)
  length = 0

  set(entry: EntrySlot): void {
    const length = entry.keyEnd - entry.keyStart
    if (length > this.bytes.length) this.bytes = new Uint8Array(length * 2)
    const { bytes } = this
    const { keyBytes, keyStart } = entry
    for (let i = 0; i < length; i++) bytes[i] = keyBytes[keyStart + i]!
    this.length = length
  }

  equals(entry: EntrySlot): boolean {
    const { keyBytes, keyStart, keyEnd } = entry
    return equalBytes(this.bytes, 0, this.length, keyBytes, keyStart, keyEnd)
  }

  copy(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }
}

abstract class VisibleScan implements EntryScan {
  abstract readonly entry: EntrySlot
  protected readonly cursor: Cursor
  protected readonly range: KeyRange
  protected readonly at: SeqNum
  readonly #assertReadable: () => void
  readonly #onClose: () => void
  #isClosed = false

  constructor(source: ScanSource) {
    this.cursor = source.cursor
    this.range = source.range
    this.at = source.at
    this.#assertReadable = source.assertReadable
    this.#onClose = source.onClose
  }

  next(): boolean {
    // First: what was cut off must not look like the end of the range.
    this.#assertReadable()
    if (this.#isClosed) return false
    if (this.advance()) return true
    this.close()
    return false
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.cursor.close()
    this.#onClose()
  }

  protected abstract advance(): boolean

  protected isVisible(seqNum: SeqNum): boolean {
    return seqNum <= this.at || seqNum === OWN_WRITE_SEQ_NUM
  }
}

class ForwardScan extends VisibleScan {
  readonly #lastKey = new KeyBuffer()
  #isStarted = false

  get entry(): EntrySlot {
    return this.cursor.entry
  }

  protected advance(): boolean {
    const { cursor } = this
    if (!this.#isStarted) {
      this.#isStarted = true
      cursor.seek(this.range.lower ?? new Uint8Array(0), SEQ_NUM_MAX)
    } else {
      this.#skipKey()
    }
    const { upper } = this.range
    while (cursor.isValid) {
      const { entry } = cursor
      const { keyBytes, keyStart, keyEnd } = entry
      if (
        upper !== undefined &&
        compareBytes(keyBytes, keyStart, keyEnd, upper, 0, upper.length) >= 0
      ) {
        return false
      }
      if (!this.isVisible(entry.seqNum)) {
        this.#skipNewer()
        continue
      }
      this.#lastKey.set(entry)
      if (entry.kind === ENTRY_KIND_PUT) return true
      this.#skipKey()
    }
    return false
  }

  /** Steps to the first visible version of the current key, or past the key. */
  #skipNewer(): void {
    const { cursor } = this
    this.#lastKey.set(cursor.entry)
    for (let step = 0; step < SKIP_STEP_MAX_COUNT; step++) {
      cursor.next()
      if (!cursor.isValid || !this.#lastKey.equals(cursor.entry)) return
      if (this.isVisible(cursor.entry.seqNum)) return
    }
    cursor.seek(this.#lastKey.copy(), this.at)
  }

  /** Moves past every version of the last key. */
  #skipKey(): void {
    const { cursor } = this
    for (let step = 0; step < SKIP_STEP_MAX_COUNT; step++) {
      if (!cursor.isValid || !this.#lastKey.equals(cursor.entry)) return
      cursor.next()
    }
    if (!cursor.isValid || !this.#lastKey.equals(cursor.entry)) return
    cursor.seek(this.#lastKey.copy(), SEQ_NUM_ZERO)
    if (cursor.isValid && this.#lastKey.equals(cursor.entry)) cursor.next()
  }
}

class ReverseScan extends VisibleScan {
  readonly entry: EntrySlot = new Slot()
  readonly #key = new KeyBuffer()
  #isStarted = false

  protected advance(): boolean {
    const { cursor, entry } = this
    if (!this.#isStarted) {
      this.#isStarted = true
      cursor.seekLast(this.range.upper)
    }
    const { lower } = this.range
    while (cursor.isValid) {
      const first = cursor.entry
      if (
        lower !== undefined &&
        compareBytes(first.keyBytes, first.keyStart, first.keyEnd, lower, 0, lower.length) < 0
      ) {
        return false
      }
      this.#key.set(first)
      if (this.#newestVisible()) {
        entry.keyBytes = this.#key.bytes
        entry.keyStart = 0
        entry.keyEnd = this.#key.length
        return true
      }
    }
    return false
  }

  /** Passes over all versions of the current key; true when the one that the snapshot sees is a value. */
  #newestVisible(): boolean {
    const { cursor } = this
    let isFound = false
    for (let step = 0; cursor.isValid && this.#key.equals(cursor.entry); step++) {
      if (step === SKIP_STEP_MAX_COUNT) return this.#seekNewestVisible()
      if (this.isVisible(cursor.entry.seqNum)) isFound = this.#take(cursor.entry)
      cursor.prev()
    }
    return isFound
  }

  /** The same for a key of many versions: from its new end, and then to what lies before it. */
  #seekNewestVisible(): boolean {
    const { cursor } = this
    const key = this.#key.copy()
    cursor.seek(key, SEQ_NUM_MAX)
    // The newest of all may be a write of the reader's own, which it sees.
    if (!this.isVisible(cursor.entry.seqNum)) cursor.seek(key, this.at)
    const isThere = cursor.isValid && this.#key.equals(cursor.entry)
    const isFound = isThere && this.#take(cursor.entry)
    cursor.seekLast(key)
    return isFound
  }

  /** Takes a version over; true when it is a value. */
  #take(version: EntrySlot): boolean {
    const { entry } = this
    entry.seqNum = version.seqNum
    entry.kind = version.kind
    entry.valueBytes = version.valueBytes
    entry.valueStart = version.valueStart
    entry.valueEnd = version.valueEnd
    return version.kind === ENTRY_KIND_PUT
  }
}

export interface ScanOptions extends Pick<ScanSource, 'range' | 'at' | 'assertReadable'> {
  /** Descending. */
  readonly reverse: boolean
  /** Writes of the reader's own, which it sees, too. */
  readonly own?: WriteBatch | undefined
  /** Ends the scan when it is revoked. */
  readonly open?: OpenSnapshot
}

/** Scans what a snapshot sees of a range that lies in one tablet. */
export function openScan(tablet: Tablet, options: ScanOptions): EntryScan {
  const { range, at, reverse, own, open } = options
  const view = tablet.acquire()
  const committed = tablet.cursorOver(view, range, at)
  const source: ScanSource = {
    cursor: own === undefined ? committed : new MergeCursor([own.cursor(), committed]),
    range,
    at,
    assertReadable: () => {
      options.assertReadable()
      open?.assertHeld()
    },
    onClose: () => {
      open?.delete(scan)
      tablet.release(view)
    },
  }
  const scan = reverse ? new ReverseScan(source) : new ForwardScan(source)
  open?.add(scan)
  return scan
}
