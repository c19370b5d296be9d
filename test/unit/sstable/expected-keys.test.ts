import { expect, it } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import { BlockCache } from '../../../dist/sstable/block-cache.js'
import { type Entry, getEntry, keyOf, makeTable, openTable } from './table-kit.js'

const KEY_COUNT = 2000
const NEWEST = Number.MAX_SAFE_INTEGER

const keyAt = (i: number) => keyOf(1, `key-${String(i).padStart(5, '0')}`)

/** Even numbers are there. */
const entries: readonly Entry[] = Array.from({ length: KEY_COUNT }, (_, i) => ({
  key: keyAt(i * 2),
  seqNum: 5 as SeqNum,
  kind: 1,
  value: Uint8Array.of(i),
}))

function openWithCache() {
  const cache = new BlockCache({ capacityBytes: 1 << 20 })
  return { cache, reader: openTable(makeTable(entries), { cache }) }
}

it('a missing key reads no block, also behind many that were found', () => {
  const { cache, reader } = openWithCache()
  for (let i = 0; i < 50; i++) expect(getEntry(reader, keyAt(0), NEWEST)).toBeDefined()
  const readBefore = cache.missCount
  let missingCount = 0
  for (let i = 1001; i < KEY_COUNT * 2; i += 2) {
    expect(getEntry(reader, keyAt(i), NEWEST)).toBeUndefined()
    missingCount++
    // What was found before makes the next one expected again.
    for (let k = 0; k < 20; k++) getEntry(reader, keyAt(0), NEWEST)
  }
  // The filter lets one of a hundred pass.
  expect(cache.missCount - readBefore).toBeLessThan(missingCount / 20)
})

it('found and missing keys of cached blocks are told apart in any order', () => {
  const { reader } = openWithCache()
  for (let round = 0; round < 3; round++) {
    for (let first = 0; first < KEY_COUNT * 2; first += 97) {
      const runLength = first % 40
      for (let i = first; i < first + runLength; i++) {
        const even = (i * 2) % (KEY_COUNT * 2)
        expect(getEntry(reader, keyAt(even), NEWEST)?.value[0]).toBe((even / 2) & 0xff)
      }
      expect(getEntry(reader, keyAt(first | 1), NEWEST)).toBeUndefined()
      // There, but not yet.
      expect(getEntry(reader, keyAt(first & ~1), 4)).toBeUndefined()
    }
  }
})
