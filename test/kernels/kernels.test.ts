// Kernels in all their forms give the same bytes, and take the same blocks for damaged.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KERNEL_KINDS, chooseKernels } from '../../dist/kernels/chosen-kernels.js'
import type { Kernels } from '../../dist/kernels/kernels.js'
import { TYPESCRIPT_KERNELS } from '../../dist/kernels/typescript-kernels.js'

const others = KERNEL_KINDS.filter((kind) => kind !== 'typescript').flatMap((kind) => {
  try {
    return [chooseKernels(kind)]
  } catch {
    return []
  }
})

/** Texts that repeat themselves near and far, and chance: `alphabet` says how much. */
function bytesOf(length: number, alphabet: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed | 1
  for (let i = 0; i < length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    const back = (state >>> 8) % 3000
    const copies = (state >>> 28) % 4 > 0 && i > back
    bytes[i] = copies ? bytes[i - back]! : (state >>> 20) % alphabet
  }
  // Long runs and long literals have lengths of several bytes.
  if (length > 2000) bytes.fill(7, length >> 2, length >> 1)
  return bytes
}

const blockArbitrary = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 30_000 })),
    fc.constantFrom(1, 2, 16, 256),
    fc.integer(),
  )
  .map(([length, alphabet, seed]) => bytesOf(length, alphabet, seed))

function expectSame(a: Uint8Array, b: Uint8Array): void {
  expect(Buffer.compare(a, b)).toBe(0)
}

/** What becomes of a block, or nothing when it is refused. */
function outcome(kernels: Kernels, packed: Uint8Array, rawBytes: number): Uint8Array | undefined {
  try {
    return kernels.lz4Decompress(packed, rawBytes)
  } catch {
    return undefined
  }
}

it('WebAssembly is there', () => {
  expect(others.map(({ kind }) => kind)).toContain('wasm')
})

describe.each(others)('$kind', (kernels) => {
  it('compresses to the same bytes, and back', () => {
    fc.assert(
      fc.property(blockArbitrary, (raw) => {
        const packed = kernels.lz4Compress(raw)
        expectSame(packed, TYPESCRIPT_KERNELS.lz4Compress(raw))
        expectSame(kernels.lz4Decompress(packed, raw.length), raw)
      }),
      { numRuns: 150 },
    )
  })

  it.each([0xfffe, 0xffff, 0x1_0000, 0x2_0003, 0xf_ffff, 0x10_0000, 0x10_0001])(
    'compresses %i bytes the same, too',
    (length) => {
      for (const alphabet of [4, 256]) {
        const raw = bytesOf(length, alphabet, length)
        const packed = kernels.lz4Compress(raw)
        expectSame(packed, TYPESCRIPT_KERNELS.lz4Compress(raw))
        expectSame(kernels.lz4Decompress(packed, length), raw)
      }
    },
  )

  it.each([1, 31, 32, 1000, 300_000, 1_000_000])('adds %i keys to the same filter', (count) => {
    const hashes = Uint32Array.from({ length: count }, (_, i) => Math.imul(i, 0x9e3779b1) ^ count)
    const filter = new Uint8Array(64 * Math.ceil((count * 10) / 512))
    const expected = filter.slice()
    for (const some of [hashes.subarray(0, count >> 1), hashes.subarray(count >> 1)]) {
      kernels.filterBuild(filter, some)
      TYPESCRIPT_KERNELS.filterBuild(expected, some)
    }
    expectSame(filter, expected)
  })

  it('leaves alone what it is given, wherever that lies', () => {
    const raw = bytesOf(5000, 16, 3)
    const around = new Uint8Array(new SharedArrayBuffer(7000))
    around.set(raw, 777)
    const view = around.subarray(777, 777 + raw.length)
    const packed = kernels.lz4Compress(view)
    expectSame(packed, TYPESCRIPT_KERNELS.lz4Compress(raw))
    const copy = packed.slice()
    // The first answer is not in the way of the second.
    kernels.lz4Compress(bytesOf(6000, 256, 4))
    kernels.lz4Decompress(packed, raw.length).fill(0)
    expectSame(packed, copy)
    expectSame(view, raw)
  })

  it('refuses the damaged blocks that the others refuse, and reads the rest alike', () => {
    let refusedCount = 0
    fc.assert(
      fc.property(blockArbitrary, fc.nat(), fc.integer({ min: 1, max: 255 }), (raw, at, bits) => {
        const packed = TYPESCRIPT_KERNELS.lz4Compress(raw)
        // Behind the length, which the caller compares.
        if (packed.length > 4) packed[4 + (at % (packed.length - 4))]! ^= bits
        for (const bytes of [packed, packed.subarray(0, packed.length - (at % 3))]) {
          if (bytes.length < 4) continue
          const expected = outcome(TYPESCRIPT_KERNELS, bytes, raw.length)
          const found = outcome(kernels, bytes, raw.length)
          expect(found === undefined).toBe(expected === undefined)
          if (found === undefined) refusedCount++
          else expectSame(found, expected!)
        }
      }),
      { numRuns: 400 },
    )
    expect(refusedCount).toBeGreaterThan(50)
  })
})
