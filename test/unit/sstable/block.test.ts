import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import { EntrySlot } from '../../../dist/codec/entry.js'
import { TENANT_PREFIX_BYTES } from '../../../dist/codec/tenant-key.js'
import { compareKeys } from '../../../dist/kernels/bytes.js'
import {
  BLOCK_ABSENT,
  BLOCK_FOUND,
  BLOCK_PAST_END,
  Block,
  findInBlock,
} from '../../../dist/sstable/block.js'
import { BlockBuilder } from '../../../dist/sstable/block-builder.js'
import { compareEntries, type Entry, keyOf } from './table-kit.js'

const restArbitrary = fc.stringMatching(/^[abc]{0,5}$/)
const seqNumArbitrary = fc.integer({ min: 1, max: 9 })
const pointArbitrary = fc.tuple(restArbitrary, seqNumArbitrary)

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
  return new Block(builder.finish().slice(), { path: '/x.sst', offsetBytes: 64 })
}

describe('a search in one block', () => {
  it('finds what a sorted array finds, without a filter before it', () => {
    const pointsArbitrary = fc.uniqueArray(pointArbitrary, {
      minLength: 1,
      maxLength: 80,
      size: 'max',
      selector: ([rest, seqNum]) => `${rest} ${seqNum}`,
    })
    const probesArbitrary = fc.array(pointArbitrary, { maxLength: 80, size: 'max' })
    fc.assert(
      fc.property(pointsArbitrary, probesArbitrary, (points, probes) => {
        const entries = points
          .map(([rest, seqNum], i) => ({
            key: keyOf(1, rest),
            seqNum: seqNum as SeqNum,
            kind: 1 + (i % 2),
            value: new Uint8Array((i * 37) % 200).fill(i),
          }))
          .sort(compareEntries)
        const block = buildBlock(entries)
        const slot = new EntrySlot()
        for (const [rest, maxSeqNum] of [...points, ...probes]) {
          const key = keyOf(1, rest)
          const seqNum = maxSeqNum as SeqNum
          const outcome = findInBlock(block, key, TENANT_PREFIX_BYTES, seqNum, slot)
          const target = { key, seqNum, kind: 1, value: key }
          const next = entries.find((entry) => compareEntries(entry, target) >= 0)
          if (next === undefined) {
            expect(outcome).toBe(BLOCK_PAST_END)
          } else if (compareKeys(next.key, key) !== 0) {
            expect(outcome).toBe(BLOCK_ABSENT)
          } else {
            expect(outcome).toBe(BLOCK_FOUND)
            expect(slot).toMatchObject({ seqNum: next.seqNum, kind: next.kind })
            expect(slot.copyValue()).toEqual(next.value)
          }
        }
      }),
      { numRuns: 100, interruptAfterTimeLimit: 20_000 },
    )
  })
})
