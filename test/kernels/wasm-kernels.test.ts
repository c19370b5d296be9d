// The kernels that only WebAssembly has beside their forms in TypeScript: those are the standard.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { crc32 } from '../../dist/codec/checksum.js'
import { compareKeys } from '../../dist/kernels/bytes.js'
import { filterRangeF64, sumF64 } from '../../dist/kernels/columns.js'
import { WasmKernels } from '../../dist/kernels/wasm-kernels.js'
import { Block } from '../../dist/sstable/block.js'
import { BlockBuilder } from '../../dist/sstable/block-builder.js'
import { FilterBuilder, filterMayContain, wordsOfFilter } from '../../dist/sstable/filter.js'

const wasm = WasmKernels.load()!

it('checksums', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(0xffff_ffff), (bytes, seed) => {
      expect(wasm.crc32(bytes, seed)).toBe(crc32(bytes, 0, bytes.length, seed))
    }),
  )
})

it('probes of a filter', () => {
  const hashesArbitrary = fc.array(fc.nat(0xffff_ffff), { maxLength: 300, size: 'max' })
  fc.assert(
    fc.property(hashesArbitrary, fc.array(fc.nat(0xffff_ffff)), (hashes, absent) => {
      const builder = new FilterBuilder()
      for (const hash of hashes) builder.add(hash)
      const filter = builder.finish()
      const probe = wasm.filterProbe(filter)
      expect(hashes.every((hash) => probe(hash))).toBe(true)
      const words = wordsOfFilter(filter)
      for (const hash of absent) expect(probe(hash)).toBe(filterMayContain(words, hash))
    }),
    { numRuns: 30 },
  )
})

const keyArbitrary = fc
  .tuple(fc.nat(40), fc.uint8Array({ maxLength: 40 }))
  .map(([shared, rest]) => Uint8Array.from([...new Uint8Array(shared).fill(9), ...rest]))

it('orders of keys', () => {
  fc.assert(
    fc.property(keyArbitrary, keyArbitrary, (a, b) => {
      expect(Math.sign(wasm.compareBytes(a, b))).toBe(Math.sign(compareKeys(a, b)))
      expect(wasm.compareBytes(a, a.slice())).toBe(0)
    }),
    { numRuns: 500 },
  )
})

it('searches of a block', () => {
  const restArbitrary = fc.stringMatching(/^[ab]{0,24}$/)
  const pointArbitrary = fc.tuple(restArbitrary, fc.integer({ min: 1, max: 2 ** 53 - 1 }))
  const pointsArbitrary = fc.uniqueArray(pointArbitrary, {
    minLength: 1,
    maxLength: 200,
    selector: ([rest, seqNum]) => `${rest} ${seqNum}`,
  })
  fc.assert(
    fc.property(pointsArbitrary, fc.array(pointArbitrary), (points, absent) => {
      const bytes = blockOf(points)
      const block = new Block(bytes, { path: '/x.sst', offsetBytes: 64 })
      const search = wasm.blockSearch(bytes)
      for (const [rest, seqNum] of [...points, ...absent]) {
        const key = Buffer.from(rest)
        expect(search(key, seqNum)).toBe(block.lowerBound(key, 0, key.length, seqNum))
      }
    }),
  )
})

function blockOf(points: readonly (readonly [string, number])[]): Uint8Array {
  const builder = new BlockBuilder()
  const ordered = points.toSorted(([a, i], [b, j]) => (a === b ? j - i : a < b ? -1 : 1))
  let last = ''
  for (const [rest, seqNum] of ordered) {
    let shared = 0
    while (shared < last.length && last[shared] === rest[shared]) shared++
    const key = Buffer.from(rest)
    builder.add(shared, key, 0, key.length, seqNum, 1, key, 0, key.length)
    last = rest
  }
  return builder.finish().slice()
}

it('columns: ranges and sums', () => {
  const valueArbitrary = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.double())
  fc.assert(
    fc.property(fc.array(valueArbitrary), valueArbitrary, valueArbitrary, (list, low, high) => {
      const values = Float64Array.from(list)
      expect(wasm.filterRangeF64(values, low, high)).toEqual(filterRangeF64(values, low, high))
      expect(wasm.sumF64(values)).toBe(sumF64(values))
    }),
    { numRuns: 300 },
  )
  const many = Float64Array.from({ length: 200_001 }, (_, i) => (i * 7919) % 1000)
  expect(wasm.filterRangeF64(many, 10, 20)).toEqual(filterRangeF64(many, 10, 20))
  expect(wasm.sumF64(many)).toBe(sumF64(many))
})
