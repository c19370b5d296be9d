// Reads what is left of a key range past damaged sstables, newest readable version of each key.
//
// A version that is found is certain when nothing newer of its key can lie in what was not read: every hole that covers
// the key is in a table whose newest entry is older than the version. Otherwise it may be outdated: the key may have been
// changed or deleted since.

import { type SeqNum, SEQ_NUM_MAX } from '../base/ids.js'
import { ENTRY_KIND_PUT, type EntrySlot, type KeyRange } from '../codec/entry.js'
import { compareKeys } from '../kernels/bytes.js'
import { MergeCursor } from '../lsm/merge-cursor.js'
import type { Tablet } from '../lsm/tablet.js'
import type { Hole } from '../sstable/salvage-cursor.js'
import type { EntryScan } from './view.js'

export class SalvageScan implements EntryScan {
  /** What could not be read so far. */
  readonly holes: Hole[] = []
  /** Whether the entry is what the last commit left. */
  isCertain = true
  /** Keys whose newest readable version says that they were deleted, which may be outdated. */
  uncertainTombstoneCount = 0
  readonly #cursor: MergeCursor
  readonly #range: Required<KeyRange>
  readonly #at: SeqNum
  #open: Hole[] = []
  #isStarted = false
  #lastKey: Uint8Array | undefined

  /** @param range  with both bounds, in the tablet */
  constructor(tablet: Tablet, range: Required<KeyRange>, at: SeqNum) {
    this.#range = range
    this.#at = at
    const { memtables, levels } = tablet.view
    const onHole = (hole: Hole) => {
      this.holes.push(hole)
      this.#open.push(hole)
    }
    const { lower, upper } = range
    const tables = levels
      .flat()
      .filter(
        ({ meta }) =>
          compareKeys(meta.largestKey, lower!) >= 0 && compareKeys(meta.smallestKey, upper!) < 0,
      )
    this.#cursor = new MergeCursor([
      ...memtables.filter((memtable) => !memtable.isEmpty).map((memtable) => memtable.cursor()),
      ...tables.flatMap(({ meta, reader }) => reader.salvageCursors(meta, range, onHole)),
    ])
  }

  get entry(): EntrySlot {
    return this.#cursor.entry
  }

  next(): boolean {
    const cursor = this.#cursor
    if (this.#isStarted) cursor.next()
    else cursor.seek(this.#range.lower!, SEQ_NUM_MAX)
    this.#isStarted = true
    for (; cursor.isValid; cursor.next()) {
      const { keyBytes, keyStart, keyEnd, seqNum, kind } = cursor.entry
      const key = keyBytes.subarray(keyStart, keyEnd)
      if (compareKeys(key, this.#range.upper!) >= 0) return false
      if (seqNum > this.#at) continue
      if (this.#lastKey !== undefined && compareKeys(key, this.#lastKey) === 0) continue
      this.#lastKey = key.slice()
      this.isCertain = this.#isCertain(key, seqNum)
      if (kind === ENTRY_KIND_PUT) return true
      if (!this.isCertain) this.uncertainTombstoneCount++
    }
    return false
  }

  close(): void {
    this.#cursor.close()
  }

  #isCertain(key: Uint8Array, seqNum: SeqNum): boolean {
    this.#open = this.#open.filter(({ upper }) => compareKeys(upper, key) >= 0)
    return this.#open.every(
      ({ meta, lower }) => compareKeys(lower, key) > 0 || meta.maxSeqNum <= seqNum,
    )
  }
}
