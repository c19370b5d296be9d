import fc from 'fast-check'
import { crc32 as nativeCrc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'

import { ByteReader, ByteWriter, EndOfBytes, varintBytes } from '../../../dist/codec/bytes.js'
import { crc32 } from '../../../dist/codec/checksum.js'
import { copyBytes } from '../../../dist/kernels/bytes.js'

const safeNatural = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(),
  fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 35, 2 ** 49, 2 ** 53 - 1),
)
const wellFormedText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
)

describe('ByteWriter and ByteReader', () => {
  test('read back what was written', () => {
    const item = fc.oneof(
      fc.record({ kind: fc.constant('u8' as const), value: fc.nat(255) }),
      fc.record({ kind: fc.constant('u16' as const), value: fc.nat(65535) }),
      fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffffffff) }),
      fc.record({ kind: fc.constant('u64' as const), value: safeNatural }),
      fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
      fc.record({ kind: fc.constant('varint' as const), value: safeNatural }),
      fc.record({ kind: fc.constant('text' as const), value: wellFormedText }),
    )
    fc.assert(
      fc.property(fc.array(item), (items) => {
        const writer = new ByteWriter(1)
        for (const { kind, value } of items) (writer[kind] as (v: unknown) => void)(value)
        const reader = new ByteReader(writer.finish())
        for (const { kind, value } of items) expect(reader[kind]()).toBe(value)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  test('no truncation leaves the range: EndOfBytes or a value, never undefined', () => {
    const writer = new ByteWriter()
    writer.u32(7)
    writer.varint(2 ** 40)
    writer.text('tablet\u00e9')
    writer.u64(99)
    const bytes = writer.finish()
    for (let end = 0; end < bytes.length; end++) {
      const reader = new ByteReader(bytes, 0, end)
      expect(() => [reader.u32(), reader.varint(), reader.text(), reader.u64()]).toThrow(EndOfBytes)
    }
  })

  test('numbers above 2^53-1 are refused', () => {
    expect(() => new ByteReader(new Uint8Array(8).fill(255)).u64()).toThrow(EndOfBytes)
    expect(() => new ByteReader(new Uint8Array(12).fill(255)).varint()).toThrow(EndOfBytes)
  })

  test('any bytes are the varint that adding up their bits gives, or none', () => {
    const byte = fc.oneof(fc.nat(255), fc.nat(127), fc.integer({ min: 128, max: 255 }))
    const tail = fc.uint8Array({ maxLength: 2 })
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 11 }), tail, (bytes, behind) => {
        const reader = new ByteReader(Uint8Array.from([...bytes, ...behind]), 0, bytes.length)
        const last = bytes.findIndex((one) => one < 128)
        const bits = bytes.slice(0, last + 1).map((one) => BigInt(one & 127))
        const value = bits.reduceRight((sum, part) => sum * 128n + part, 0n)
        if (last < 0 || last > 7 || value > Number.MAX_SAFE_INTEGER) {
          expect(() => reader.varint()).toThrow(EndOfBytes)
        } else {
          expect(reader.varint()).toBe(Number(value))
          expect(reader.position).toBe(last + 1)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('a float is its eight bytes, low ones first', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const writer = new ByteWriter()
        writer.f64(value)
        const bytes = Buffer.alloc(8)
        bytes.writeDoubleLE(value)
        expect(Buffer.from(writer.finish())).toEqual(bytes)
      }),
    )
  })

  test('texts of any length and script end where their bytes do', () => {
    const unit = fc.constantFrom('a', 'z', '\0', '\x7f', '\x80', 'é', 'ÿ', '\u0100', '中', '😀')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 140 }), (text) => {
        const writer = new ByteWriter()
        // Often enough for those of ASCII to be made by functions of their length.
        for (let i = 0; i < 210; i++) {
          writer.reset()
          writer.text(text)
          expect(new ByteReader(writer.view()).text()).toBe(text)
        }
        const bytes = Uint8Array.from([...writer.view(), 97, 97])
        const end = writer.length
        expect(new ByteReader(bytes, 0, end).text()).toBe(text)
        expect(() => new ByteReader(bytes, 0, end - 1).text()).toThrow(EndOfBytes)
      }),
      { numRuns: 50 },
    )
  })

  test('a lone surrogate is refused instead of replaced', () => {
    expect(() => new ByteWriter().text('a\ud800')).toThrow(/ARGUMENT_INVALID/)
    expect(() => new ByteWriter().text('\udc00'.repeat(100))).toThrow(/ARGUMENT_INVALID/)
  })

  test('varintBytes is the length that varint writes', () => {
    fc.assert(
      fc.property(safeNatural, (value) => {
        const writer = new ByteWriter()
        writer.varint(value)
        expect(varintBytes(value)).toBe(writer.length)
      }),
    )
  })

  test('raw copies ranges, align pads with zeros, reset keeps nothing', () => {
    const writer = new ByteWriter(4)
    writer.raw(Uint8Array.from([1, 2, 3, 4, 5]), 1, 4)
    writer.align(8)
    expect([...writer.view()]).toEqual([2, 3, 4, 0, 0, 0, 0, 0])
    writer.raw(new Uint8Array(100).fill(9), 10, 60)
    expect(writer.length).toBe(58)
    writer.reset()
    writer.u8(1)
    writer.align(8)
    expect([...writer.finish()]).toEqual([1, 0, 0, 0, 0, 0, 0, 0])
  })
})

test('crc32 equals the one of zlib at every length and seed', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(0xffffffff),
      fc.nat(50),
      (bytes, seed, from) => {
        const start = Math.min(from, bytes.length)
        // Of no bytes zlib says 0 whatever the seed; a checksum that continues must stay where it was.
        const expected = start === bytes.length ? seed : nativeCrc32(bytes.subarray(start), seed)
        expect(crc32(bytes, start, bytes.length, seed)).toBe(expected)
      },
    ),
  )
})

describe('copyBytes', () => {
  test('copies the range and nothing else, from and to memory of any kind', () => {
    const memory = fc.record({ isShared: fc.boolean(), byteOffset: fc.nat(9), at: fc.nat(9) })
    const count = fc.oneof(fc.nat(70), fc.integer({ min: 500, max: 530 }), fc.nat(40_000))
    fc.assert(
      fc.property(memory, memory, count, (from, to, byteCount) => {
        const make = ({ isShared, byteOffset, at }: typeof from, fill: (i: number) => number) => {
          const length = at + byteCount + 9
          const buffer = isShared
            ? new SharedArrayBuffer(byteOffset + length)
            : new ArrayBuffer(byteOffset + length)
          const bytes = new Uint8Array(buffer, byteOffset, length)
          for (let i = 0; i < length; i++) bytes[i] = fill(i)
          return bytes
        }
        const source = make(from, (i) => (Math.imul(i, 0x9e3779b1) >>> 24) | 1)
        const target = make(to, () => 0)
        copyBytes(target, to.at, source, from.at, from.at + byteCount)
        const expected = Buffer.alloc(target.length)
        for (let i = 0; i < byteCount; i++) expected[to.at + i] = source[from.at + i]!
        expect(Buffer.compare(target, expected)).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})
