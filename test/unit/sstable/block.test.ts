import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import { EntrySlot } from '../../../dist/codec/entry.js'
import { TENANT_PREFIX_BYTES } from '../../../dist/codec/tenant-key.js'
import { compareKeys, hashBytes } from '../../../dist/kernels/bytes.js'
import {
  BLOCK_FOUND,
  BLOCK_PAST_END,
  Block,
  BlockEntries,
  findInBlock,
} from '../../../dist/sstable/block.js'
import { BlockBuilder } from '../../../dist/sstable/block-builder.js'
import { readOlderBlock } from '../../../dist/sstable/older-block.js'
import { olderBlock } from './older-block-kit.js'
import { compareEntries, type Entry, keyOf, textOf } from './table-kit.js'

const restArbitrary = fc.stringMatching(/^[abc]{0,5}$/)
const seqNumArbitrary = fc.integer({ min: 1, max: 9 })
const pointArbitrary = fc.tuple(restArbitrary, seqNumArbitrary)

const PLACE = { path: '/x.sst', offsetBytes: 64 }

function buildBlock(entries: readonly Entry[]): Block {
  const builder = new BlockBuilder()
  const restStart = TENANT_PREFIX_BYTES
  let last: Uint8Array = new Uint8Array(0)
  for (const { key, seqNum, kind, value } of entries) {
    let shared = restStart
    while (shared < last.length && shared < key.length && last[shared] === key[shared]) shared++
    builder.add(
      shared - restStart,
      key,
      restStart,
      key.length,
      seqNum,
      kind,
      value,
      0,
      value.length,
    )
    last = key
  }
  const { rawBytes } = builder
  const bytes = builder.finish().slice()
  expect(bytes.length).toBeLessThanOrEqual(rawBytes)
  return new Block(bytes, PLACE)
}

const pointsArbitrary = fc.uniqueArray(pointArbitrary, {
  minLength: 1,
  maxLength: 80,
  size: 'max',
  selector: ([rest, seqNum]) => `${rest} ${seqNum}`,
})

/** Entries in order, for points in any. */
function entriesAt(points: readonly (readonly [string, number])[], valueBytes = 37): Entry[] {
  return points
    .map(([rest, seqNum], i) => ({
      key: keyOf(1, rest),
      seqNum: seqNum as SeqNum,
      kind: 1 + (i % 2),
      value: new Uint8Array((i * valueBytes) % 200).fill(i),
    }))
    .sort(compareEntries)
}

function entriesOf(block: Block): Entry[] {
  const entries = new BlockEntries()
  entries.setTenantPrefix(keyOf(1, '').subarray(0, TENANT_PREFIX_BYTES))
  entries.setBlock(block)
  return Array.from({ length: block.entryCount }, (_, i) => {
    entries.load(i)
    const { seqNum, kind } = entries.entry
    return { key: entries.entry.copyKey(), seqNum, kind, value: entries.entry.copyValue() }
  })
}

describe('a search in one block', () => {
  it('finds what a sorted array finds, without a filter before it, as often as it is asked', () => {
    const probesArbitrary = fc.array(pointArbitrary, { maxLength: 80, size: 'max' })
    fc.assert(
      fc.property(pointsArbitrary, probesArbitrary, (points, probes) => {
        const entries = entriesAt(points)
        const block = buildBlock(entries)
        const slot = new EntrySlot()
        for (const [rest, maxSeqNum] of [...points, ...probes]) {
          const key = keyOf(1, rest)
          const seqNum = maxSeqNum as SeqNum
          const keyHash = hashBytes(key, 0, key.length)
          const target = { key, seqNum, kind: 1, value: key }
          const next = entries.find((entry) => compareEntries(entry, target) >= 0)
          const isThere = entries.some((entry) => compareKeys(entry.key, key) === 0)
          // The first time by order, then by hash.
          for (const searched of [buildBlock(entries), block]) {
            const args = [key, TENANT_PREFIX_BYTES, keyHash, seqNum, slot] as const
            const outcome = findInBlock(searched, ...args)
            if (next !== undefined && compareKeys(next.key, key) === 0) {
              expect(outcome).toBe(BLOCK_FOUND)
              expect(slot).toMatchObject({ seqNum: next.seqNum, kind: next.kind })
              expect(slot.copyValue()).toEqual(next.value)
            } else if (next === undefined && isThere) {
              expect(outcome).toBe(BLOCK_PAST_END)
            } else {
              expect(outcome).not.toBe(BLOCK_FOUND)
              expect(outcome === BLOCK_PAST_END && next !== undefined).toBe(false)
            }
          }
        }
      }),
      { numRuns: 50, interruptAfterTimeLimit: 20_000 },
    )
  })
})

describe('a block', () => {
  it('holds what was added, also when two bytes do not hold every position', () => {
    fc.assert(
      fc.property(pointsArbitrary, fc.boolean(), (points, isWide) => {
        const entries = entriesAt(points)
        if (isWide) entries[0] = { ...entries[0]!, value: new Uint8Array(70_000) }
        const block = buildBlock(entries)
        expect(textOf(entriesOf(block))).toBe(textOf(entries))
        expect(block.isPrefixWhole).toBe(true)
      }),
      { numRuns: 30, interruptAfterTimeLimit: 20_000 },
    )
  })

  it('of an earlier format reads like one of now, and keeps how long entries were', () => {
    fc.assert(
      fc.property(pointsArbitrary, (points) => {
        const entries = entriesAt(points)
        const bytes = olderBlock(entries, TENANT_PREFIX_BYTES)
        const block = readOlderBlock(bytes, PLACE)
        expect(textOf(entriesOf(block))).toBe(textOf(entries))
        expect(compareKeys(block.bytes, buildBlock(entries).bytes)).toBe(0)
        const lengths = entries.map((_, i) => block.entryBytes(i))
        const restartBytes = 4 * Math.ceil(entries.length / 16) + 4
        expect(lengths.reduce((a, b) => a + b)).toBe(bytes.length - restartBytes)
      }),
      { numRuns: 30, interruptAfterTimeLimit: 20_000 },
    )
  })
})
