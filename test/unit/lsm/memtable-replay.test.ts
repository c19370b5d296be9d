import fc from 'fast-check'
import { describe as group, expect, test } from 'vitest'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import { Memtable } from '../../../dist/lsm/memtable.js'
import { MemtableStream } from '../../../dist/lsm/memtable-stream.js'
import {
  describe,
  keyOf,
  type ModelEntry,
  readBackward,
  readForward,
  readStream,
  seq,
  valueOf,
} from './entry-model.js'
import { add, find } from './memtable-driver.js'

function found(memtable: Memtable, key: Uint8Array, at: number): string {
  const entry = find(memtable, key, at)
  return entry === undefined ? 'none' : describe([entry]).join()
}

/** The first `replayedCount` come from the log, the rest is added live; and the same, all live. */
function bothOf(entries: readonly ModelEntry[], replayedCount: number): [Memtable, Memtable] {
  const live = new Memtable()
  const replayed = new Memtable()
  for (const entry of entries) add(live, entry)
  replayed.beginReplay()
  for (const entry of entries.slice(0, replayedCount)) add(replayed, entry)
  replayed.finishReplay()
  for (const entry of entries.slice(replayedCount)) add(replayed, entry)
  return [replayed, live]
}

function expectSame(replayed: Memtable, live: Memtable, entries: readonly ModelEntry[]): void {
  const shown = (memtable: Memtable) => [
    describe(readForward(memtable.cursor())),
    describe(readBackward(memtable.cursor())),
    describe(readStream(new MemtableStream(memtable.handover()))),
    [memtable.entryCount, memtable.minSeqNum, memtable.maxSeqNum, memtable.arenaBytes],
  ]
  const findings = (memtable: Memtable) =>
    entries.flatMap(({ key, seqNum }) => [
      found(memtable, key, seqNum - 1),
      found(memtable, key, seqNum),
      found(memtable, key, entries.length + 1),
    ])
  expect(findings(replayed)).toEqual(findings(live))
  expect(shown(replayed)).toEqual(shown(live))
}

const anyEntries = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 1, max: 2 }),
      fc.oneof(fc.string({ maxLength: 2 }), fc.nat(300).map(String)),
      fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
    ),
    { maxLength: 1200, size: 'max' },
  )
  .map((parts) =>
    parts.map(([tenant, table, text, value], i): ModelEntry => {
      return { key: keyOf(tenant, table, text), seqNum: seq(i + 1), value }
    }),
  )

group('a replayed memtable', () => {
  test('is like one that was written to, also when it is written to from then on', () => {
    fc.assert(
      fc.property(anyEntries, fc.nat(1200), (entries, replayedCount) => {
        const [replayed, live] = bothOf(entries, replayedCount)
        expectSame(replayed, live, entries)
      }),
      { numRuns: 20 },
    )
  })

  test.each(['in order', 'in any order'])(
    'has its large runs whole, filled %s, and goes on with them',
    (order) => {
      const COUNT = 30_000
      const entries = Array.from({ length: COUNT }, (_, i): ModelEntry => {
        const n = order === 'in order' ? i : Math.imul(i, 0x9e3779b1) >>> 0
        // Every sixteenth entry is of one of many small runs.
        const tenant = i % 16 === 0 ? 2 + ((i >> 4) % 40) : 1
        const key = keyOf(tenant, 1, String(n).padStart(10, '0'))
        return { key, seqNum: seq(i + 1), value: valueOf(`${i}`) }
      })
      const [replayed, live] = bothOf(entries, COUNT - 5000)
      const shown = (memtable: Memtable) => describe(readForward(memtable.cursor()))
      expect(shown(replayed)).toEqual(shown(live))
      const keys = (memtable: Memtable) => entries.map(({ key }) => found(memtable, key, COUNT))
      expect(keys(replayed)).toEqual(keys(live))
    },
  )

  test('keeps keys apart whose hashes collide', () => {
    const keyOfHash = new Map<number, Uint8Array>()
    const collide = (): Uint8Array[] => {
      for (let i = 0; ; i++) {
        const key = keyOf(1, 1, String(Math.imul(i, 0x9e3779b1) >>> 0))
        const hash = hashBytes(key, 0, key.length)
        const like = keyOfHash.get(hash)
        if (like !== undefined) return [like, key]
        keyOfHash.set(hash, key)
      }
    }
    const entries = collide().map((key, i) => ({ key, seqNum: seq(i + 1), value: valueOf(`${i}`) }))
    const [replayed, live] = bothOf(entries, entries.length)
    expectSame(replayed, live, entries)
  })

  test('refuses versions that are out of order, and to be replayed into when it was written to', () => {
    const entry = { key: keyOf(1, 1, 'a'), seqNum: seq(7), value: valueOf('a') }
    const twice = new Memtable()
    twice.beginReplay()
    add(twice, entry)
    add(twice, entry)
    expect(() => twice.finishReplay()).toThrow('in order')
    const written = new Memtable()
    add(written, entry)
    expect(() => written.beginReplay()).toThrow('before anything else')
  })
})
