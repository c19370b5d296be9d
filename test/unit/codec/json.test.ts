import { deepStrictEqual } from 'node:assert'
import { brotliCompressSync } from 'node:zlib'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ByteReader, ByteWriter, EndOfBytes } from '../../../dist/codec/bytes.js'
import type { JsonValue } from '../../../dist/codec/cell.js'
import {
  decodeJson,
  encodeJson,
  JsonCodec,
  NotJson,
  toJsonValue,
} from '../../../dist/codec/json.js'
import { json } from './cells.js'

function roundTrip(value: JsonValue): JsonValue {
  const writer = new ByteWriter(8)
  encodeJson(writer, value)
  const reader = new ByteReader(writer.finish())
  const decoded = decodeJson(reader)
  expect(reader.remaining).toBe(0)
  return decoded
}

describe('json', () => {
  test('comes back exactly, hostile keys and key order included', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(toJsonValue(value)).toBe(value)
        const back = roundTrip(value)
        // Not toStrictEqual: a key named constructor misleads it.
        deepStrictEqual(back, value)
        expect(JSON.stringify(back)).toBe(JSON.stringify(value))
      }),
      { numRuns: 1000 },
    )
  })

  test('never touches a prototype', () => {
    const hostile = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":1}}')
    const back = roundTrip(toJsonValue(hostile)) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.keys(back)).toStrictEqual(['__proto__', 'constructor'])
    expect(back['isAdmin']).toBeUndefined()
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
    // Copied because of the undefined beside it, and still no prototype.
    const copied = toJsonValue(
      Object.defineProperty({ gone: undefined }, '__proto__', { value: [1], enumerable: true }),
    ) as object
    expect(Object.getPrototypeOf(copied)).toBe(Object.prototype)
    expect(JSON.stringify(copied)).toBe('{"__proto__":[1]}')
  })

  test('is brought into the form that reads back equal', () => {
    const at = new Date('2017-10-02T10:56:33.000Z')
    const given = { a: undefined, b: [undefined, 1], c: at, d: -0, e: { f: undefined, g: 'x' } }
    const expected = { b: [null, 1], c: '2017-10-02T10:56:33.000Z', d: 0, e: { g: 'x' } }
    expect(toJsonValue(given)).toStrictEqual(expected)
    expect(roundTrip(toJsonValue(given))).toStrictEqual(expected)
    expect(given.b[0]).toBeUndefined()
    const bare = Object.assign(Object.create(null), { x: 1 })
    expect(roundTrip(toJsonValue(bare))).toStrictEqual({ x: 1 })
  })

  test.each([
    ['NaN', { a: NaN }],
    ['Infinity', [Infinity]],
    ['function', { a: () => 1 }],
    ['symbol', [Symbol('s')]],
    ['bigint', { a: 1n }],
    ['undefined', undefined],
    ['an object of a class', { a: new Map() }],
    ['an object of a class', new Uint8Array(2)],
    ['a text with a lone surrogate', ['\ud83d']],
    ['a key with a lone surrogate', { '\ud83d': 1 }],
  ])('refuses what would change silently: %s', (message, value) => {
    expect(() => toJsonValue(value)).toThrow(NotJson)
    expect(() => toJsonValue(value)).toThrow(message)
  })

  test('refuses cycles and depths beyond the limit', () => {
    const cycle: unknown[] = []
    cycle.push({ cycle })
    expect(() => toJsonValue(cycle)).toThrow('more than 200 levels')
    let deep: JsonValue = 1
    for (let level = 0; level < 200; level++) deep = [deep]
    expect(roundTrip(toJsonValue(deep))).toStrictEqual(deep)
    expect(() => toJsonValue([deep])).toThrow(NotJson)
  })

  test('survives values larger than any buffer that is kept', () => {
    const large = Array.from({ length: 50_000 }, (_, i) => ({ name: `item ${i}`, i }))
    expect(roundTrip(large)).toStrictEqual(large)
    expect(roundTrip({ a: 1 })).toStrictEqual({ a: 1 })
  })

  test('holds texts of every length, whatever their neighbours are', () => {
    const lengths = [0, 1, 12, 13, 14, 127, 128, 129, 4000, 8192, 8193]
    for (const character of ['x', 'é', '\u{1f600}']) {
      const texts = lengths.map((length) => character.repeat(length))
      for (const one of texts) expect(roundTrip({ one })).toStrictEqual({ one })
      expect(roundTrip([texts, { texts: texts.toReversed() }])).toStrictEqual([
        texts,
        { texts: texts.toReversed() },
      ])
    }
    const many = Array.from({ length: 1000 }, (_, i) =>
      `${'é'.repeat(i % 3)} ${i}`.padStart(i % 40),
    )
    expect(roundTrip(many)).toStrictEqual(many)
  })

  test('of halves of a pair that would be whole behind one another is refused', () => {
    const halves = [`${'a'.repeat(13)}\ud83d`, `\ude00${'b'.repeat(13)}`]
    const writer = new ByteWriter(8)
    for (const texts of [halves, halves.toReversed(), [halves[0]!], [halves[1]!]]) {
      expect(new JsonCodec().tryEncode(writer, { texts })).toBe(false)
      expect(() => toJsonValue(texts)).toThrow(NotJson)
    }
    expect(writer.length).toBe(0)
  })

  test('is written whole while reading a property writes another value of the column', () => {
    const codec = new JsonCodec()
    const written = (value: unknown): Uint8Array => {
      const writer = new ByteWriter(8)
      expect(codec.tryEncode(writer, value)).toBe(true)
      return writer.finish()
    }
    const other = { a: { b: 'thirteen or more' }, c: [{ b: 'é and thirteen or more' }] }
    const value = {
      a: { b: 'some other thirteen' },
      get c() {
        return [written(other).length, { b: 'and another thirteen' }, { d: 1 }, { b: '' }]
      },
    }
    const expected = { a: value.a, c: value.c }
    const decoded = codec.decode(new ByteReader(written(value)))
    expect(decoded).toStrictEqual(expected)
    expect(codec.decode(new ByteReader(written(other)))).toStrictEqual(other)
  })

  test('that looks like those that there is code for is not taken for one of them', () => {
    const codec = new JsonCodec()
    const bytesOf = (value: unknown) => {
      const writer = new ByteWriter(8)
      return codec.tryEncode(writer, value) ? writer.finish() : undefined
    }
    for (let i = 0; i < 200; i++) bytesOf([{ a: i, b: { c: `${i}` } }])
    class Pair {
      a = 1
      b = { c: '' }
    }
    const inheriting: unknown = Object.create({ b: 1 }, { a: { value: 1, enumerable: true } })
    const bare: unknown = Object.assign(Object.create(null), { a: 1, b: { c: '' } })
    const refused = [new Pair(), inheriting, bare, { a: 1, b: { c: 1n } }, { a: 1, b: undefined }]
    for (const value of refused) expect(bytesOf([value])).toBeUndefined()
    const others = [
      { b: { c: '' }, a: 1 },
      { a: 1 },
      { a: 1, b: { c: '', d: 1 } },
      { a: [], b: 'é' },
    ]
    for (const value of others) {
      const read = codec.decode(new ByteReader(bytesOf([value, { a: 1, b: null }])!))
      expect(JSON.stringify(read)).toBe(JSON.stringify([value, { a: 1, b: null }]))
    }
    const writer = new ByteWriter(8)
    codec.encode(writer, toJsonValue(bare))
    expect(codec.decode(new ByteReader(writer.finish()))).toStrictEqual({ a: 1, b: { c: '' } })
  })

  test('of ever other shapes is read as it was written', () => {
    const codec = new JsonCodec()
    for (let i = 0; i < 3000; i++) {
      const value = Array.from({ length: i % 7 }, (_, n) => ({
        [`${'key'.repeat(30)} ${i}`]: n,
        [`key ${i % 100} ${n}`]: 'a text that stands apart',
      }))
      const writer = new ByteWriter(8)
      codec.encode(writer, value)
      const read = codec.decode(new ByteReader(writer.finish()))
      expect(JSON.stringify(read)).toBe(JSON.stringify(value))
    }
  })

  test.each([
    ['a shape that the list has not', [5, 0, 0x60]],
    ['a list that ends early', [5, 2, 1, 1]],
    ['a list beyond the end', [5, 9, 0]],
    ['a shape outside of the list', [5, 0, 6, 0]],
    ['a text that the part for texts has not', [6, 0, 1, 120, 0x8d]],
    ['a part for texts that nobody uses', [6, 0, 1, 120, 0]],
    ['a text apart without a part for texts', [5, 0, 0x8d]],
  ])('with %s is refused', (_what, bytes) => {
    const codec = new JsonCodec()
    codec.decode(new ByteReader(Uint8Array.of(6, 0, 13, ...Buffer.from('thirteen unit'), 0x8d)))
    expect(() => codec.decode(new ByteReader(Uint8Array.from(bytes)))).toThrow(EndOfBytes)
  })

  describe('with a list of shapes that has come often', () => {
    /** Alike, with more key names than a short list has. */
    const document = (n: number, texts = 'some text of the document'): JsonValue => ({
      n,
      parts: Object.fromEntries(
        Array.from({ length: 20 }, (_, i) => [`name_of_part_${i}`, { [`value_of_part_${i}`]: i }]),
      ),
      texts,
    })
    const encoded = (codec: JsonCodec, value: JsonValue): Uint8Array => {
      const writer = new ByteWriter(64)
      codec.encode(writer, value)
      return writer.finish()
    }
    const manyEncoded = (codec: JsonCodec, values: readonly JsonValue[]): Uint8Array[] =>
      values.map((value) => encoded(codec, value))

    test('reads back by whoever has seen it or not, packed or not', () => {
      const values = Array.from({ length: 200 }, (_, n) =>
        document(n, ['', 'some ASCII of the document', 'einige Wörter mit Umlauten'][n % 3]),
      )
      const all = manyEncoded(new JsonCodec(), values)
      expect(new Set(all.map((bytes) => bytes[0]))).toStrictEqual(new Set([5, 6, 7, 8, 9, 10]))
      expect(all.at(-1)!.length).toBeLessThan(all[0]!.length * 0.7)
      const one = new JsonCodec()
      for (const [n, bytes] of all.entries()) {
        for (const codec of [one, new JsonCodec()]) {
          const reader = new ByteReader(bytes)
          deepStrictEqual(codec.decode(reader), values[n])
          expect(reader.remaining).toBe(0)
        }
      }
    })

    test('comes plain where it is short, or too long to be packed', () => {
      const long = Object.fromEntries(
        Array.from({ length: 1000 }, (_, i) => [`a name that is twenty long ${i}`, i]),
      )
      for (const value of [{ short: 1 }, long]) {
        const all = manyEncoded(
          new JsonCodec(),
          Array.from({ length: 200 }, () => value),
        )
        expect(new Set(all.map((bytes) => bytes[0]))).toStrictEqual(new Set([5]))
      }
    })

    test('that is damaged is refused, or is another value', () => {
      const codec = new JsonCodec()
      const bytes = manyEncoded(
        codec,
        Array.from({ length: 100 }, (_, n) => document(n)),
      ).at(-1)!
      for (let at = 1; at < bytes.length; at++) {
        for (const mask of [1, 0x80, 0xff]) {
          const damaged = bytes.slice()
          damaged[at]! ^= mask
          try {
            new JsonCodec().decode(new ByteReader(damaged))
          } catch (error) {
            expect(error).toBeInstanceOf(EndOfBytes)
          }
        }
      }
    })

    test.each([
      ['more than a list may have', 20_000, 20_000],
      ['another length than it says', 500, 501],
      ['less than it says', 501, 500],
    ])('that is packed and has %s is refused', (_what, saidBytes, listBytes) => {
      const list = new Uint8Array(listBytes)
      const writer = new ByteWriter(64)
      const packed = brotliCompressSync(list)
      writer.u8(8)
      writer.varint((saidBytes < 1 << 14 ? 2 : 3) + packed.length)
      writer.varint(saidBytes)
      writer.raw(packed)
      writer.u8(0)
      expect(() => new JsonCodec().decode(new ByteReader(writer.finish()))).toThrow(EndOfBytes)
    })
  })

  test('of an unknown form is refused', () => {
    expect(() => decodeJson(new ByteReader(Uint8Array.of(11, 0, 0)))).toThrow(EndOfBytes)
    expect(() => decodeJson(new ByteReader(Uint8Array.of(3, 1, 1)))).toThrow(EndOfBytes)
    expect(() => decodeJson(new ByteReader(Uint8Array.of(1, 1, 123)))).toThrow(EndOfBytes)
  })
})
