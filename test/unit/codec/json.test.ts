import { deepStrictEqual } from 'node:assert'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ByteReader, ByteWriter, EndOfBytes } from '../../../dist/codec/bytes.js'
import type { JsonValue } from '../../../dist/codec/cell.js'
import { decodeJson, encodeJson, NotJson, toJsonValue } from '../../../dist/codec/json.js'
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

  test('of an unknown form is refused', () => {
    expect(() => decodeJson(new ByteReader(Uint8Array.of(3, 1, 1)))).toThrow(EndOfBytes)
    expect(() => decodeJson(new ByteReader(Uint8Array.of(1, 1, 123)))).toThrow(EndOfBytes)
  })
})
