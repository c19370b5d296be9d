// What was read is found again, however much of it there is; memory stays bounded.

import { expect, test } from 'vitest'

import { compareKeys, hashBytes, successorOf } from '../../../dist/kernels/bytes.js'
import { READ_SET_MAX_BYTES, ReadSet } from '../../../dist/store/read-set.js'
import { replayable, Seeded, seedsOf } from '../../model/seeded.js'

interface Range {
  readonly lower?: Uint8Array | undefined
  readonly upper?: Uint8Array | undefined
}

/** A key of one of a few tables, and of one of many rows. */
function keyOf(table: number, row: number): Uint8Array {
  const key = new Uint8Array(18)
  key.set([0, 0, 0, table >> 2, 0, 0, 0, table >> 2, 0, 0, 0, 16, 0, table & 3])
  new DataView(key.buffer).setUint32(14, row)
  return key
}

const hashOf = (key: Uint8Array) => hashBytes(key, 0, key.length)

/** The versions of one key that has changed. */
function changed(key: Uint8Array) {
  return {
    isKeyNewer: (other: Uint8Array, keyHash: number) =>
      keyHash === hashOf(key) && compareKeys(other, key) === 0,
    isRangeNewer: ({ lower, upper }: Range) =>
      (lower === undefined || compareKeys(lower, key) <= 0) &&
      (upper === undefined || compareKeys(key, upper) < 0),
  }
}

const NEVER = 0 as never

test('all that was read counts, few keys or many, and what another table holds does not', async () => {
  for (const seed of seedsOf(4, 1)) {
    await replayable(seed, () => {
      const random = new Seeded(seed)
      const reads = new ReadSet()
      const read: [number, number][] = []
      const count = seed % 2 === 0 ? 50 : 60_000
      let maxBytes = 0
      for (let i = 0; i < count; i++) {
        const [table, row] = [random.below(9), random.below(1_000_000)]
        read.push([table, row])
        const key = keyOf(table, row)
        const upper = random.pick([successorOf(key), keyOf(table, row + random.below(5) + 1)])
        if (random.chance(0.5)) reads.addKey(key, hashOf(key))
        else reads.addRange({ lower: key, upper })
        maxBytes = Math.max(maxBytes, reads.byteCount)
      }
      expect(maxBytes).toBeLessThanOrEqual(READ_SET_MAX_BYTES)
      for (let i = 0; i < 20; i++) {
        const [table, row] = random.pick(read)
        expect(reads.findNewer(changed(keyOf(table, row)), NEVER)).toBeDefined()
        expect(reads.findNewer(changed(keyOf(table + 9, row)), NEVER)).toBeUndefined()
      }
      const all = reads.findNewer({ isKeyNewer: () => false, isRangeNewer: () => false }, NEVER)
      expect(all).toBeUndefined()
    })
  }
})

test('as long as it is small it is exact', () => {
  const reads = new ReadSet()
  for (let row = 0; row < 10_000; row++) reads.addKey(keyOf(1, 2 * row), hashOf(keyOf(1, 2 * row)))
  for (let row = 0; row < 10_000; row += 97) {
    expect(reads.findNewer(changed(keyOf(1, 2 * row)), NEVER)).toEqual(keyOf(1, 2 * row))
    expect(reads.findNewer(changed(keyOf(1, 2 * row + 1)), NEVER)).toBeUndefined()
  }
})

test('little that was read of one table counts however much is read of others', () => {
  const reads = new ReadSet()
  const range = { lower: keyOf(1, 10), upper: keyOf(1, 20) }
  const key = keyOf(2, 7)
  reads.addRange(range)
  reads.addKey(key, hashOf(key))
  // Twice as much as fits.
  for (let row = 0; row < 80_000; row++) reads.addKey(keyOf(3, row), hashOf(keyOf(3, row)))
  for (const place of [keyOf(1, 10), keyOf(1, 19), key, keyOf(3, 0), keyOf(3, 79_999)]) {
    expect(reads.findNewer(changed(place), NEVER)).toBeDefined()
  }
  for (const place of [keyOf(1, 9), keyOf(1, 20), keyOf(2, 6), keyOf(2, 8), keyOf(3, 80_000)]) {
    expect(reads.findNewer(changed(place), NEVER)).toBeUndefined()
  }
})
