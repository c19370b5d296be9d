import fc from 'fast-check'
import { expect, test } from 'vitest'

import {
  BadCompression,
  CODEC_LZ4,
  CODEC_NONE,
  compress,
  decompress,
} from '../../../dist/codec/compression.js'

const repetitive = new TextEncoder().encode('order 17 of tenant seller-3442f895 '.repeat(100))

test('what is compressed comes back', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 500 }),
    fc.array(fc.constantFrom(1, 2), { maxLength: 3000 }).map((a) => Uint8Array.from(a)),
  )
  fc.assert(
    fc.property(bytes, (raw) => {
      const packed = compress(raw)
      const back = decompress(packed.codecId, packed.bytes, raw.length)
      expect(Buffer.compare(back, raw)).toBe(0)
      if (packed.codecId === CODEC_NONE) expect(packed.bytes).toBe(raw)
      else expect(packed.bytes.length).toBeLessThanOrEqual(raw.length - (raw.length >>> 3))
    }),
  )
  expect(compress(repetitive).codecId).toBe(CODEC_LZ4)
})

test('shared memory compresses like other memory', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(repetitive.length))
  shared.set(repetitive)
  const packed = compress(shared)
  expect(Buffer.compare(decompress(packed.codecId, packed.bytes, shared.length), repetitive)).toBe(
    0,
  )
})

test('a wrong raw length is refused before anything is allocated', () => {
  const { bytes } = compress(repetitive)
  expect(() => decompress(CODEC_LZ4, bytes, repetitive.length - 1)).toThrow(BadCompression)
  expect(() => decompress(CODEC_NONE, bytes, 3)).toThrow(BadCompression)
  expect(() => decompress(7, bytes, repetitive.length)).toThrow(BadCompression)
  const bomb = Uint8Array.from(bytes)
  bomb.fill(0xff, 0, 4)
  expect(() => decompress(CODEC_LZ4, bomb, repetitive.length)).toThrow(BadCompression)
})

test('damaged blocks throw or give bytes of the right length, never more', () => {
  const { bytes } = compress(repetitive)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Uint8Array.from(bytes)
      damaged[at]! ^= flip
      try {
        expect(decompress(CODEC_LZ4, damaged, repetitive.length).length).toBe(repetitive.length)
      } catch (error) {
        expect(error).toBeInstanceOf(BadCompression)
      }
    }),
  )
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decompress(CODEC_LZ4, bytes.subarray(0, length), repetitive.length)).toThrow(
      BadCompression,
    )
  }
})
