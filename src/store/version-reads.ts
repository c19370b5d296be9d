// Reads that ask for versions instead of the state of one snapshot.

import type { SeqNum } from '../base/ids.js'
import { ENTRY_KIND_PUT, isBehind } from '../codec/entry.js'
import { successorOf } from '../kernels/bytes.js'
import type { Tablet } from '../lsm/tablet.js'
import type { KeyVersion } from './view.js'

/** Which versions of a key are asked for. */
export interface VersionRange {
  /** The oldest one is what this snapshot sees. */
  readonly from?: SeqNum
  readonly to?: SeqNum
  readonly limit?: number
}

/** Versions of a key, newest first. */
export function readVersions(
  tablet: Tablet,
  key: Uint8Array,
  { from, to, limit }: Required<VersionRange>,
): KeyVersion[] {
  const upper = successorOf(key)
  const cursor = tablet.cursorOver(tablet.view, { lower: key, upper }, from)
  const found: KeyVersion[] = []
  cursor.seek(key, to)
  for (; found.length < limit && cursor.isValid; cursor.next()) {
    const { entry } = cursor
    if (isBehind(entry, upper)) break
    const value = entry.kind === ENTRY_KIND_PUT ? entry.copyValue() : undefined
    found.push({ seqNum: entry.seqNum, value })
    // What is older may be incomplete; the newest of it is what `from` sees.
    if (entry.seqNum <= from) break
  }
  cursor.close()
  return found
}
