import { deepStrictEqual } from 'node:assert'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ByteWriter, EndOfBytes } from '../../../dist/codec/bytes.js'
import type { Cell } from '../../../dist/codec/cell.js'
import { RowCodec, type RowColumn } from '../../../dist/codec/row.js'
import { cellOrNull, cellsOf, column, columnOf, KINDS } from './cells.js'

const NO_KEY: ReadonlySet<number> = new Set()

function encode(codec: RowCodec, row: readonly Cell[]): Uint8Array {
  const writer = new ByteWriter(8)
  writer.u8(0xaa)
  codec.encode(writer, row)
  return writer.finish().slice(1)
}

/** Decodes with other bytes around, as rows lie in blocks. */
function decode(codec: RowCodec, bytes: Uint8Array, width: number): Cell[] {
  const padded = new Uint8Array(bytes.length + 20).fill(0xff)
  padded.set(bytes, 7)
  const row: Cell[] = Array.from({ length: width }, () => null)
  codec.decode(padded, 7, 7 + bytes.length, row)
  return row
}

function since(version: number, columns: readonly object[]): RowColumn[] {
  return columns.map((given) => ({ ...given, sinceVersion: version }) as RowColumn)
}

const columnsAndRow = fc
  .array(column, { minLength: 1, maxLength: 20 })
  .chain((columns) => fc.tuple(fc.constant(columns), fc.tuple(...columns.map(cellOrNull))))

describe('rows', () => {
  test('come back as they were written, whatever their columns', () => {
    fc.assert(
      fc.property(columnsAndRow, ([columns, row]) => {
        const codec = new RowCodec(since(1, columns), 1, NO_KEY)
        // Not toStrictEqual: a key named constructor misleads it.
        deepStrictEqual(decode(codec, encode(codec, row), columns.length), row)
      }),
      { numRuns: 500 },
    )
  })

  test.each(KINDS)('hold every %s', (kind) => {
    const columns = since(1, [columnOf(kind, false)])
    const codec = new RowCodec(columns, 1, NO_KEY)
    fc.assert(
      fc.property(cellsOf(columnOf(kind, false)), (cell) => {
        deepStrictEqual(decode(codec, encode(codec, [cell]), 1), [cell])
      }),
      { numRuns: 200 },
    )
  })

  test('hold the edges of each number kind', () => {
    const int = new RowCodec(since(1, [columnOf('int', false)]), 1, NO_KEY)
    const moment = new RowCodec(since(1, [columnOf('timestamp', false)]), 1, NO_KEY)
    const big = new RowCodec(since(1, [columnOf('bigint', false)]), 1, NO_KEY)
    const max = Number.MAX_SAFE_INTEGER
    for (const cell of [0, 1, -1, 63, 64, -64, -63, 8191, 8192, 2 ** 32, -(2 ** 32), max, -max]) {
      expect(decode(int, encode(int, [cell]), 1)).toStrictEqual([cell])
      expect(decode(moment, encode(moment, [cell]), 1)).toStrictEqual([cell])
      for (const shift of [-1n, 0n, 1n, 2n]) {
        const bigCell = BigInt(cell) + shift
        expect(decode(big, encode(big, [bigCell]), 1)).toStrictEqual([bigCell])
      }
    }
    const float = new RowCodec(since(1, [columnOf('float', false)]), 1, NO_KEY)
    for (const cell of [-0, 0, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE]) {
      expect(decode(float, encode(float, [cell]), 1)).toStrictEqual([cell])
    }
  })

  test('leave out the columns that the key holds', () => {
    const columns = since(1, [columnOf('text', false), columnOf('int', false)])
    const codec = new RowCodec(columns, 1, new Set([0]))
    const bytes = encode(codec, ['in the key', 7])
    expect(bytes).toStrictEqual(Uint8Array.of(1, 7))
    expect(decode(codec, bytes, 2)).toStrictEqual([null, 7])
  })

  test('of an older schema version show the defaults of later columns', () => {
    const first = since(1, [columnOf('text', false), columnOf('int', true)])
    const old = new RowCodec(first, 1, NO_KEY)
    const grown: RowColumn[] = [
      ...first,
      { kind: 'text', isNullable: true, sinceVersion: 2 },
      { kind: 'int', isNullable: false, sinceVersion: 2, default: 7 },
      { kind: 'json', isNullable: true, sinceVersion: 3, default: { tags: [] } },
    ]
    const codec = new RowCodec(grown, 3, NO_KEY)
    const bytes = encode(old, ['a', null])
    const row = decode(codec, bytes, 5)
    expect(row).toStrictEqual(['a', null, null, 7, { tags: [] }])
    // A caller that changes its default must not change the table's.
    ;(row[4] as { tags: string[] }).tags.push('mine')
    expect(decode(codec, bytes, 5)[4]).toStrictEqual({ tags: [] })
    const second = new RowCodec(grown.slice(0, 4), 2, NO_KEY)
    const bytesOfSecond = encode(second, ['b', 1, 'x', 2])
    expect(decode(codec, bytesOfSecond, 5)).toStrictEqual(['b', 1, 'x', 2, { tags: [] }])
    expect(() => decode(old, bytesOfSecond, 2)).toThrow(EndOfBytes)
  })

  test('that are damaged give EndOfBytes or other cells, never anything else', () => {
    fc.assert(
      fc.property(columnsAndRow, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, at, bits) => {
        const [columns, row] = given
        const codec = new RowCodec(since(1, columns), 1, NO_KEY)
        const bytes = encode(codec, row)
        bytes[at % bytes.length]! ^= bits
        try {
          decode(codec, bytes, columns.length)
        } catch (error) {
          expect(error).toBeInstanceOf(EndOfBytes)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('that end early or late are refused', () => {
    const codec = new RowCodec(
      since(1, [columnOf('text', true), columnOf('int', false)]),
      1,
      NO_KEY,
    )
    const bytes = encode(codec, ['abc', 1000])
    for (let end = 0; end < bytes.length; end++) {
      expect(() => decode(codec, bytes.subarray(0, end), 2)).toThrow(EndOfBytes)
    }
    expect(() => decode(codec, Uint8Array.of(...bytes, 0), 2)).toThrow(EndOfBytes)
  })
})
