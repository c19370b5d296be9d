// The keys of a range that were written after one snapshot and up to another, and what the later one sees of them.
//
// The cursor reads only memtables and tables that hold something newer than the earlier snapshot (Tablet.cursorOver), so
// the cost follows the changes and not the size of the range. Within such a table keys are passed over that did not
// change. Whether they did or not, the scan pauses after a bounded number of keys.

import { SEQ_NUM_MAX, SEQ_NUM_ZERO, type SeqNum } from '../base/ids.js'
import { type Cursor, type EntrySlot, isBehind, type KeyRange } from '../codec/entry.js'
import type { Tablet } from '../lsm/tablet.js'
import { KeyBuffer, SKIP_STEP_MAX_COUNT } from './scan.js'
import type { OpenSnapshot } from './snapshots.js'

/** Keys looked at between two pauses. */
const KEYS_PER_PAUSE = 128

interface ChangeScanSource {
  readonly cursor: Cursor
  readonly range: KeyRange
  /** Changes after this one ... */
  readonly since: SeqNum
  /** ... up to and with this one. */
  readonly at: SeqNum
  /** Throws when there is nothing to read any more. */
  readonly assertReadable: () => void
  /** Called once, when the scan ends or is closed. */
  readonly onClose: () => void
}

export class ChangeScan {
  readonly #source: ChangeScanSource
  readonly #key = new KeyBuffer()
  /** What next() begins with. */
  #begin: 'seek' | 'skip' | 'look' = 'seek'
  /** Since the last pause. */
  #lookCount = 0
  #isClosed = false

  constructor(source: ChangeScanSource) {
    this.#source = source
  }

  /** The newest version, or tombstone, of the key that next() came to. */
  get entry(): EntrySlot {
    return this.#source.cursor.entry
  }

  /** Goes to the next changed key; `paused`: not there yet, call again after others had their turn. */
  next(): 'changed' | 'paused' | 'end' {
    const { cursor, range, since, at, assertReadable } = this.#source
    assertReadable()
    if (this.#isClosed) return 'end'
    if (this.#begin === 'seek') cursor.seek(range.lower ?? new Uint8Array(0), SEQ_NUM_MAX)
    if (this.#begin === 'skip') this.#skipTo(SEQ_NUM_ZERO)
    while (cursor.isValid && !isBehind(this.entry, range.upper)) {
      this.#begin = 'look'
      if (this.#isPauseDue()) return 'paused'
      this.#begin = 'skip'
      const { seqNum } = cursor.entry
      this.#key.set(cursor.entry)
      if (seqNum > since && seqNum <= at) return 'changed'
      this.#skipTo(seqNum > at ? at : SEQ_NUM_ZERO)
    }
    this.close()
    return 'end'
  }

  /** Idempotent; a scan that ran to its end is closed. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#source.cursor.close()
    this.#source.onClose()
  }

  #isPauseDue(): boolean {
    if (this.#lookCount++ < KEYS_PER_PAUSE) return false
    this.#lookCount = 0
    return true
  }

  /** Passes over the versions of the key that are newer than `seqNum`; none of its versions is as old as zero. */
  #skipTo(seqNum: SeqNum): void {
    const { cursor } = this.#source
    const isThere = () =>
      !cursor.isValid || !this.#key.equals(cursor.entry) || cursor.entry.seqNum <= seqNum
    for (let step = 0; step < SKIP_STEP_MAX_COUNT; step++) {
      if (isThere()) return
      cursor.next()
    }
    if (!isThere()) cursor.seek(this.#key.copy(), seqNum)
  }
}

/** Scans what changed in a range that lies in one tablet. */
export function openChangeScan(
  tablet: Tablet,
  options: Pick<ChangeScanSource, 'range' | 'at' | 'assertReadable'> & {
    /** Revoked, it ends the scan. */
    readonly since: OpenSnapshot
  },
): ChangeScan {
  const { range, since, at } = options
  const view = tablet.acquire()
  const scan = new ChangeScan({
    cursor: tablet.cursorOver(view, range, at, since.seqNum),
    range,
    since: since.seqNum,
    at,
    assertReadable: () => {
      options.assertReadable()
      since.assertHeld()
    },
    onClose: () => {
      since.delete(scan)
      tablet.release(view)
    },
  })
  since.add(scan)
  return scan
}
