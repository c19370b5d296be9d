import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ByteReader, ByteWriter, EndOfBytes } from '../../../dist/codec/bytes.js'
import {
  decodeKeyField,
  encodeKeyField,
  type KeyCell,
  type KeyField,
  type KeyKind,
} from '../../../dist/codec/key.js'
import { compareKeys } from '../../../dist/kernels/bytes.js'
import { KEY_KINDS } from './cells.js'

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom('a', 'b', '\0', '\x01', '\xff', '\uffff', '\u{1f600}'),
    maxLength: 5,
  }),
)
const bigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 1024n) + 1n, max: 2n ** 1024n - 1n }),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.bigInt({ min: -300n, max: 300n }),
  fc
    .tuple(fc.integer({ min: 0, max: 1023 }), fc.constantFrom(-1n, 0n, 1n), fc.boolean())
    .map(([bits, off, isNegative]) => (isNegative ? -1n : 1n) * (2n ** BigInt(bits) + off)),
)
const int = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(2 ** 31, 2 ** 32, -(2 ** 31), -(2 ** 32), 2 ** 53 - 1, 1 - 2 ** 53),
)

const CELLS: Record<KeyKind, fc.Arbitrary<KeyCell>> = {
  text,
  int,
  timestamp: int,
  float: fc.double({ noNaN: true }).map((x) => (x === 0 ? 0 : x)),
  bigint,
  decimal: bigint,
  boolean: fc.boolean(),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.array(fc.constantFrom(0, 1, 255), { maxLength: 5 }).map((a) => Uint8Array.from(a)),
  ),
  uuid: fc.uuid(),
}

const field = fc.record({
  kind: fc.constantFrom(...KEY_KINDS),
  isDescending: fc.boolean(),
  isNullable: fc.boolean(),
})

function cellOf(f: KeyField): fc.Arbitrary<KeyCell> {
  return f.isNullable
    ? fc.oneof({ weight: 4, arbitrary: CELLS[f.kind] }, fc.constant(null))
    : CELLS[f.kind]
}

/** The order that the encoding promises, written without it: -1, 0 or 1. */
function compareCells(f: KeyField, a: KeyCell, b: KeyCell): number {
  const order = compareAscending(f, a, b)
  if (order === 0) return 0
  return order < 0 === f.isDescending ? 1 : -1
}

function compareAscending(f: KeyField, a: KeyCell, b: KeyCell): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null)
  if (typeof a === 'string' && f.kind === 'text') {
    return Buffer.compare(Buffer.from(a), Buffer.from(b as string))
  }
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array)
  return a < (b as typeof a) ? -1 : a > (b as typeof a) ? 1 : 0
}

function encode(fields: readonly KeyField[], cells: readonly KeyCell[]): Uint8Array {
  const writer = new ByteWriter(8)
  fields.forEach((f, i) => encodeKeyField(writer, f, cells[i]!))
  return writer.finish()
}

const tuplePair = fc
  .array(field, { minLength: 1, maxLength: 4 })
  .chain((fields) =>
    fc.tuple(
      fc.constant(fields),
      fc.tuple(...fields.map(cellOf)),
      fc.tuple(...fields.map(cellOf)),
      fc.nat(fields.length),
    ),
  )

describe('key fields', () => {
  for (const kind of KEY_KINDS) {
    for (const isDescending of [false, true]) {
      for (const isNullable of [false, true]) {
        const f: KeyField = { kind, isDescending, isNullable }
        const name = `${kind}${isDescending ? ' descending' : ''}${isNullable ? ' nullable' : ''}`
        test(`${name}: bytes sort like values and read back`, () => {
          fc.assert(
            fc.property(cellOf(f), cellOf(f), (a, b) => {
              const aBytes = encode([f], [a])
              const order = Math.sign(compareKeys(aBytes, encode([f], [b])))
              expect(order).toBe(compareCells(f, a, b))
              const reader = new ByteReader(aBytes)
              expect(decodeKeyField(reader, f)).toEqual(a)
              expect(reader.remaining).toBe(0)
            }),
            { numRuns: 300 },
          )
        })
      }
    }
  }

  test('tuples of mixed fields sort field by field and read back', () => {
    fc.assert(
      fc.property(tuplePair, ([fields, a, other, sharedCount]) => {
        const b = [...a.slice(0, sharedCount), ...other.slice(sharedCount)]
        let expected = 0
        fields.forEach((f, i) => {
          if (expected === 0) expected = compareCells(f, a[i]!, b[i]!)
        })
        const aBytes = encode(fields, a)
        expect(Math.sign(compareKeys(aBytes, encode(fields, b)))).toBe(expected)
        const reader = new ByteReader(aBytes)
        expect(fields.map((f) => decodeKeyField(reader, f))).toEqual([...a])
      }),
      { numRuns: 2000 },
    )
  })

  test('no encoded field is the start of another', () => {
    fc.assert(
      fc.property(tuplePair, ([[f], [a], [b]]) => {
        const aBytes = encode([f!], [a!])
        const bBytes = encode([f!], [b!])
        if (compareCells(f!, a!, b!) === 0) return
        const length = Math.min(aBytes.length, bBytes.length)
        expect(compareKeys(aBytes.subarray(0, length), bBytes.subarray(0, length))).not.toBe(0)
      }),
    )
  })

  test('text is ordered by code point, where JavaScript orders by surrogate', () => {
    const f: KeyField = { kind: 'text', isDescending: false, isNullable: false }
    const [first, second] = ['\uffff', '\u{1f600}']
    expect(first! > second!).toBe(true)
    expect(compareKeys(encode([f], [first!]), encode([f], [second!]))).toBeLessThan(0)
  })

  test('the bytes are those of the table in the head of key.ts', () => {
    const hex = (kind: KeyKind, cell: KeyCell, isDescending = false, isNullable = false) =>
      Buffer.from(encode([{ kind, isDescending, isNullable }], [cell])).toString('hex')
    expect(hex('text', 'a\0b')).toBe('6100ff620001')
    expect(hex('text', '\u00e9\u{1f600}')).toBe('c3a9f09f98800001')
    expect(hex('text', 'a', true)).toBe('9efffe')
    expect(hex('int', 1)).toBe('8000000000000001')
    expect(hex('int', -1)).toBe('7fffffffffffffff')
    expect(hex('float', 1)).toBe('bff0000000000000')
    expect(hex('float', -1)).toBe('400fffffffffffff')
    expect(hex('float', -0)).toBe('8000000000000000')
    expect(hex('bigint', 0n)).toBe('80')
    expect(hex('bigint', 255n)).toBe('81ff')
    expect(hex('bigint', -256n)).toBe('7efeff')
    expect(hex('bigint', 2n ** 1016n)).toBe(`ff8001${'00'.repeat(127)}`)
    expect(hex('bigint', -(2n ** 1016n))).toBe(`017ffe${'ff'.repeat(127)}`)
    expect(hex('boolean', true)).toBe('01')
    expect(hex('uuid', '00112233-4455-6677-8899-aabbccddeeff')).toBe(
      '00112233445566778899aabbccddeeff',
    )
    expect(hex('int', null, false, true)).toBe('00')
    expect(hex('boolean', false, true, true)).toBe('feff')
    expect(hex('int', null, true, true)).toBe('ff')
  })

  test('cells that do not fit are refused', () => {
    const refuse = (kind: KeyKind, cell: KeyCell, code = 'ARGUMENT_INVALID') =>
      expect(() => encode([{ kind, isDescending: false, isNullable: false }], [cell])).toThrow(code)
    refuse('text', '\ud800')
    refuse('text', '\udc00a')
    refuse('text', 1)
    refuse('int', 1.5)
    refuse('int', 2 ** 53)
    refuse('float', Number.NaN)
    refuse('bigint', 2n ** 1024n)
    refuse('bigint', -(2n ** 1024n))
    refuse('bigint', 1)
    refuse('uuid', '00112233-4455-6677-8899-AABBCCDDEEFF')
    refuse('uuid', 'x')
    refuse('boolean', 'true')
    refuse('bytes', 'a')
    refuse('int', null)
    refuse('text', 'a'.repeat(2049), 'KEY_TOO_LARGE')
    refuse('bytes', new Uint8Array(2049), 'KEY_TOO_LARGE')
  })

  test('arbitrary bytes decode to a cell that encodes back, or throw EndOfBytes', () => {
    fc.assert(
      fc.property(field, fc.uint8Array({ maxLength: 24 }), (f, bytes) => {
        const reader = new ByteReader(bytes)
        let cell: KeyCell
        try {
          cell = decodeKeyField(reader, f)
        } catch (error) {
          expect(error).toBeInstanceOf(EndOfBytes)
          return
        }
        // Text that is not UTF-8 decodes with replacement characters; everything else is canonical.
        if (f.kind === 'text') return
        expect(encode([f], [cell])).toEqual(bytes.slice(0, reader.position))
      }),
      { numRuns: 3000 },
    )
  })
})
