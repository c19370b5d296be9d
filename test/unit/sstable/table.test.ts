import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import type { BlockTransform } from '../../../dist/codec/block-transform.js'
import { compareKeys } from '../../../dist/kernels/bytes.js'
import { MergeCursor } from '../../../dist/lsm/merge-cursor.js'
import {
  compareEntries,
  copyEntry,
  type Entry,
  expectedEntry,
  getEntry,
  keyOf,
  makeTable,
  openTable,
  wholeCursor,
  scanBackward,
  scanForward,
  textOf,
  verified,
} from './table-kit.js'

// Few letters and short keys, so that keys share prefixes, are prefixes of each other, and have several versions.
const restArbitrary = fc.oneof(
  fc.stringMatching(/^[ab]{0,6}$/).map((text) => new TextEncoder().encode(text)),
  fc.uint8Array({ maxLength: 3 }),
  fc.uint8Array({ minLength: 140, maxLength: 300 }),
)
const keyArbitrary = fc
  .tuple(fc.integer({ min: 0, max: 4 }), restArbitrary)
  .map(([tenantId, rest]) => keyOf(tenantId, rest))
const valueArbitrary = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 700 }).map((n) => new Uint8Array(n).fill(n)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 300, maxLength: 400 }) },
)
const seqNumArbitrary = fc.oneof(
  fc.integer({ min: 1, max: 12 }),
  fc.integer({ min: 2 ** 50, max: 2 ** 50 + 3 }),
)
const entryArbitrary: fc.Arbitrary<Entry> = fc.record({
  key: keyArbitrary,
  seqNum: seqNumArbitrary.map((n) => n as SeqNum),
  kind: fc.integer({ min: 1, max: 2 }),
  value: valueArbitrary,
})
const entriesArbitrary = fc.uniqueArray(entryArbitrary, {
  minLength: 1,
  maxLength: 150,
  size: 'max',
  comparator: (a, b) => compareEntries(a, b) === 0,
})

describe('a table against a sorted array', () => {
  it('answers gets, scans in both directions and verify alike, at any block and cache size', () => {
    const probesArbitrary = fc.array(fc.tuple(keyArbitrary, seqNumArbitrary), { maxLength: 20 })
    fc.assert(
      fc.property(
        entriesArbitrary,
        probesArbitrary,
        fc.constantFrom(32, 100, 256, 4096),
        fc.constantFrom(0, 3000, 1 << 20),
        (entries, probes, blockBytes, capacityBytes) => {
          const table = makeTable(entries, { blockBytes })
          const reader = openTable(table, { capacityBytes })
          const sorted = table.entries
          const points = [...sorted.map(({ key, seqNum }) => [key, seqNum] as const), ...probes]
          for (const [key, seqNum] of points) {
            for (const at of [seqNum, seqNum - 1, Number.MAX_SAFE_INTEGER]) {
              const found = getEntry(reader, key, at)
              const expected = expectedEntry(table, key, at)
              if (textOf(found) !== textOf(expected)) expect(found).toEqual(expected)
            }
          }
          expect(textOf(scanForward(reader))).toBe(textOf(sorted))
          expect(textOf(scanBackward(reader))).toBe(textOf([...sorted].reverse()))
          for (const [key, seqNum] of points.slice(-12)) {
            const target: Entry = { key, seqNum: seqNum as SeqNum, kind: 1, value: key }
            expect(textOf(scanForward(reader, key, seqNum))).toBe(
              textOf(sorted.filter((entry) => compareEntries(entry, target) >= 0)),
            )
            expect(textOf(scanBackward(reader, key))).toBe(
              textOf(sorted.filter((entry) => compareKeys(entry.key, key) < 0).reverse()),
            )
          }
          expect(verified(reader)).toEqual({
            entryCount: sorted.length,
            blockCount: reader.properties().blockCount,
          })
          reader.close()
        },
      ),
      { numRuns: 120, interruptAfterTimeLimit: 20_000 },
    )
  })

  it('visits in bounds what an unbounded cursor visits there', () => {
    fc.assert(
      fc.property(entriesArbitrary, keyArbitrary, keyArbitrary, (entries, a, b) => {
        const [lower, upper] = compareKeys(a, b) <= 0 ? [a, b] : [b, a]
        const table = makeTable(entries, { blockBytes: 64 })
        const reader = openTable(table)
        const isInside = (key: Uint8Array) =>
          compareKeys(key, lower) >= 0 && compareKeys(key, upper) < 0
        const expected = table.entries.filter(({ key }) => isInside(key)).map(({ key }) => key)
        const cursor = wholeCursor(reader, { lower, upper })
        const forward: Uint8Array[] = []
        cursor.seek(lower, Number.MAX_SAFE_INTEGER as SeqNum)
        for (; cursor.isValid && isInside(cursor.entry.copyKey()); cursor.next()) {
          forward.push(cursor.entry.copyKey())
        }
        const backward: Uint8Array[] = []
        cursor.seekLast(upper)
        for (; cursor.isValid && isInside(cursor.entry.copyKey()); cursor.prev()) {
          backward.push(cursor.entry.copyKey())
        }
        expect(forward).toEqual(expected)
        expect(backward.reverse()).toEqual(expected)
      }),
      { numRuns: 100, interruptAfterTimeLimit: 20_000 },
    )
  })
})

describe('several tables', () => {
  it('merge into one order, by turns of some keys or of many', () => {
    fc.assert(
      fc.property(
        entriesArbitrary,
        fc.array(fc.nat({ max: 3 }), { minLength: 150, maxLength: 150 }),
        fc.constantFrom(1, 3, 10, 40),
        fc.constantFrom(32, 256, 4096),
        (entries, turns, stretchCount, blockBytes) => {
          const sorted = entries.toSorted(compareEntries)
          const parts: Entry[][] = [[], [], [], []]
          for (const [i, entry] of sorted.entries()) {
            parts[turns[Math.floor(i / stretchCount)]!]!.push(entry)
          }
          const cursors = parts
            .filter((part) => part.length > 0)
            .flatMap((part) => openTable(makeTable(part, { blockBytes })).cursors(0 as SeqNum))
          const cursor = new MergeCursor(cursors)
          const found: Entry[] = []
          cursor.seek(new Uint8Array(0), Number.MAX_SAFE_INTEGER as SeqNum)
          for (; cursor.isValid; cursor.next()) found.push(copyEntry(cursor.entry))
          expect(textOf(found)).toBe(textOf(sorted))
          found.length = 0
          for (cursor.seekLast(); cursor.isValid; cursor.prev()) {
            found.push(copyEntry(cursor.entry))
          }
          expect(textOf(found)).toBe(textOf(sorted.toReversed()))
        },
      ),
      { numRuns: 120, interruptAfterTimeLimit: 20_000 },
    )
  })
})

describe('what the writer reports', () => {
  it('is what the entries say', () => {
    const table = makeTable([
      version('b', 5, 2),
      version('a', 9),
      version('a', 3),
      version('c', 4),
      { ...version('x', 6), key: keyOf(3, 'x') },
    ])
    expect(table.meta).toMatchObject({
      fileId: 7,
      entryCount: 5,
      tombstoneCount: 1,
      minSeqNum: 3,
      maxSeqNum: 9,
      fileBytes: table.fs.fileBytes(table.path),
      smallestKey: table.entries[0]!.key,
      largestKey: table.entries.at(-1)!.key,
    })
    const { entryCount, tombstoneCount, minSeqNum, maxSeqNum } = table.meta
    expect(openTable(table).properties()).toMatchObject({
      entryCount,
      tombstoneCount,
      minSeqNum,
      maxSeqNum,
      tenantCount: 2,
      blockCount: 3,
    })
  })

  it('refuses entries out of order', () => {
    const table = makeTable([version('a', 1)])
    expect(() => makeTable([version('a', 1), version('a', 1)], { fileId: 8 })).toThrow('INTERNAL')
    expect(table.meta.entryCount).toBe(1)
  })
})

describe('compression and sealing', () => {
  const repetitive = Array.from({ length: 200 }, (_, i) => version(`key-${1000 + i}`, i + 1))
  let state = 1
  const noise = Array.from({ length: 200 }, (_, i) => ({
    ...version(`key-${1000 + i}`, i + 1),
    value: Uint8Array.from({ length: 100 }, () => {
      state = Math.imul(state, 48271) >>> 0
      return state >>> 16
    }),
  }))

  it.each([
    ['compressible', repetitive],
    ['incompressible', noise],
  ])('keeps %s values', (_, entries) => {
    const table = makeTable(entries, { blockBytes: 2048 })
    const reader = openTable(table)
    expect(scanForward(reader)).toEqual(table.entries)
    expect(scanBackward(reader)).toEqual([...table.entries].reverse())
    verified(reader)
  })

  it('stores what compresses in less room', () => {
    const { meta } = makeTable(repetitive, { blockBytes: 2048 })
    const raw = openTable(makeTable(repetitive, { blockBytes: 2048 })).properties().rawDataBytes
    expect(meta.fileBytes).toBeLessThan(raw)
  })

  it('passes every block of a tenant through the transform, with its place', () => {
    const places: string[] = []
    const transform: BlockTransform = {
      id: 0,
      seal(bytes, { tenantId, fileId, offsetBytes }) {
        places.push(`${tenantId} ${fileId} ${offsetBytes}`)
        const sealed = new Uint8Array(bytes.length + 1)
        for (let i = 0; i < bytes.length; i++) sealed[i] = bytes[i]! ^ (offsetBytes & 0xff) ^ 0x5a
        return sealed
      },
      open(bytes, { tenantId, fileId, offsetBytes }) {
        expect(places).toContain(`${tenantId} ${fileId} ${offsetBytes}`)
        const plain = bytes.slice(0, -1)
        for (let i = 0; i < plain.length; i++) plain[i]! ^= (offsetBytes & 0xff) ^ 0x5a
        return plain
      },
    }
    const entries = [...noise, ...repetitive.map((e) => ({ ...e, key: keyOf(2, e.key) }))]
    const table = makeTable(entries, { blockBytes: 1024, transform })
    const reader = openTable(table, { transform })
    expect(scanForward(reader)).toEqual(table.entries)
    verified(reader)
    // Data, index and filter of two tenants.
    expect(places.length).toBe(reader.properties().blockCount + 4)
  })
})

function version(text: string, seqNum: number, kind = 1): Entry {
  return {
    key: keyOf(1, text),
    seqNum: seqNum as SeqNum,
    kind,
    value: new TextEncoder().encode(kind === 1 ? `value of ${text} at ${seqNum}`.repeat(3) : ''),
  }
}
