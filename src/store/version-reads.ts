// Reads that ask for versions instead of the state of one snapshot.

import { SEQ_NUM_MAX, type SeqNum } from '../base/ids.js'
import { ENTRY_KIND_PUT, type EntrySlot, type KeyRange } from '../codec/entry.js'
import { compareBytes } from '../kernels/bytes.js'
import type { Tablet } from '../lsm/tablet.js'
import type { KeyVersion } from './view.js'

/** The versions of a key at or below `newest`, newest first, down to the one that `floor` sees. */
export function readVersions(
  tablet: Tablet,
  key: Uint8Array,
  newest: SeqNum,
  floor: SeqNum,
): KeyVersion[] {
  const upper = new Uint8Array(key.length + 1)
  upper.set(key)
  const cursor = tablet.cursorOver(tablet.view, key, upper)
  const found: KeyVersion[] = []
  for (cursor.seek(key, newest); cursor.isValid; cursor.next()) {
    const { entry } = cursor
    if (compareKeyTo(entry, key) !== 0) break
    const value = entry.kind === ENTRY_KIND_PUT ? entry.copyValue() : undefined
    found.push({ seqNum: entry.seqNum, value })
    // What is older than the floor may be incomplete; the newest of it is what the floor sees.
    if (entry.seqNum <= floor) break
  }
  cursor.close()
  return found
}

/** Whether a range of one tablet holds anything that is newer than `since`, durable or not. */
export function isRangeNewer(tablet: Tablet, range: KeyRange, since: SeqNum): boolean {
  const { lower, upper } = range
  const cursor = tablet.cursorOver(tablet.view, lower, upper, since)
  let isNewer = false
  cursor.seek(lower ?? new Uint8Array(0), SEQ_NUM_MAX)
  for (; cursor.isValid && !isNewer; cursor.next()) {
    if (upper !== undefined && compareKeyTo(cursor.entry, upper) >= 0) break
    isNewer = cursor.entry.seqNum > since
  }
  cursor.close()
  return isNewer
}

function compareKeyTo(entry: EntrySlot, key: Uint8Array): number {
  return compareBytes(entry.keyBytes, entry.keyStart, entry.keyEnd, key, 0, key.length)
}
