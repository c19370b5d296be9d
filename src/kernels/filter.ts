// Setting the bits of a filter, which sstable/filter.ts draws.

import { mixHash } from './bytes.js'

export const FILTER_LINE_BYTES = 64
export const FILTER_PROBE_COUNT = 6
export const FILTER_GOLDEN = 0x9e3779b9
const TWO_32 = 0x1_0000_0000

/** Adds hashes to a filter of whole lines. */
export function addToFilter(filter: Uint8Array, hashes: Uint32Array): void {
  const lineCount = filter.length / FILTER_LINE_BYTES
  for (let at = 0; at < hashes.length; at++) {
    const hash = hashes[at]!
    const line = Math.floor((hash * lineCount) / TWO_32) * FILTER_LINE_BYTES
    // Otherwise the bits would follow from the line, which takes the top bits of the same hash.
    let h = mixHash(hash)
    for (let i = 0; i < FILTER_PROBE_COUNT; i++) {
      const bit = h >>> 23
      filter[line + (bit >>> 3)]! |= 1 << (bit & 7)
      h = Math.imul(h, FILTER_GOLDEN)
    }
  }
}
