import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import { FILTER_LINE_BYTES } from '../../../dist/kernels/filter.js'
import { FilterBuilder, filterMayContain, wordsOfFilter } from '../../../dist/sstable/filter.js'

const hashOf = (text: string) => {
  const bytes = new TextEncoder().encode(text)
  return hashBytes(bytes, 0, bytes.length)
}

function filterOf(hashes: readonly number[]): Uint8Array {
  const builder = new FilterBuilder()
  for (const hash of hashes) builder.add(hash)
  return builder.finish()
}

describe('the filter', () => {
  it('knows every hash that was added', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff_ffff), { maxLength: 3000 }), (hashes) => {
        const filter = wordsOfFilter(filterOf(hashes))
        return hashes.every((hash) => filterMayContain(filter, hash))
      }),
      { numRuns: 50 },
    )
  })

  it.each([100, 1_000, 100_000])('lets about one of a hundred others of %i keys pass', (count) => {
    const filter = filterOf(Array.from({ length: count }, (_, i) => hashOf(`there-${i}`)))
    const words = wordsOfFilter(filter)
    let passedCount = 0
    for (let i = 0; i < 20_000; i++) {
      if (filterMayContain(words, hashOf(`absent-${i}`))) passedCount++
    }
    expect(passedCount / 20_000).toBeLessThan(0.015)
    expect(filter.length).toBeLessThanOrEqual((count * 10) / 8 + FILTER_LINE_BYTES)
  })

  it('has the bytes that the format says', () => {
    const filter = filterOf([0, 1, 0xffff_ffff])
    expect(Buffer.from(filter).toString('hex')).toMatchInlineSnapshot(
      `"01000000000001000000000000000000000000080400000800010000080000400800000000000000000000000000000000000010000000004800000000040000"`,
    )
  })
})
