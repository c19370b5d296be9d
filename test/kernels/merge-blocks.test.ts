// Blocks that the native kernels merge are those that a compaction writes.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { SeqNum } from '../../dist/base/ids.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import { placedChecksum } from '../../dist/codec/file-header.js'
import { hashBytes } from '../../dist/kernels/bytes.js'
import { NativeKernels, type StoredBlock } from '../../dist/kernels/native-kernels.js'
import { FilterBuilder } from '../../dist/sstable/filter.js'
import { TenantBlocksBuilder } from '../../dist/sstable/tenant-blocks-builder.js'

const native = NativeKernels.load()
const TENANT_PREFIX = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 7)
const PLACE_SEED = 0x1234_5678
const OFFSET_BYTES = 2 ** 33 + 64

interface Row {
  readonly rest: string
  readonly seqNum: number
  readonly kind: number
  readonly valueBytes: number
}

const rowArbitrary = fc.record({
  rest: fc.stringMatching(/^(order-|o)?[ab]{0,12}$/),
  seqNum: fc.integer({ min: 1, max: 2 ** 53 - 2 }),
  kind: fc.constant(1),
  valueBytes: fc.oneof({ weight: 9, arbitrary: fc.nat(60) }, fc.nat(900)),
})
const rowsArbitrary = fc.uniqueArray(rowArbitrary, {
  minLength: 1,
  maxLength: 300,
  size: 'max',
  selector: ({ rest }) => rest,
})

/** What the engine's own builder makes of rows, which it is given in order. */
function blocksOf(rows: readonly Row[], blockBytes: number): StoredBlock[] {
  const blocks: StoredBlock[] = []
  const builder = new TenantBlocksBuilder(blockBytes, ({ codecId, bytes, rawBytes }) => {
    blocks.push({ codecId, bytes: bytes.slice(), rawBytes })
  })
  const entry = new EntrySlot()
  for (const { rest, seqNum, kind, valueBytes } of rows.toSorted(byKey)) {
    entry.keyBytes = keyOf(rest)
    entry.keyEnd = entry.keyBytes.length
    entry.seqNum = seqNum as SeqNum
    entry.kind = kind
    entry.valueBytes = Uint8Array.from({ length: valueBytes }, (_, i) => (i * seqNum) % 251)
    entry.valueEnd = valueBytes
    builder.add(entry, builder.sharedWithLast(entry.keyBytes, 0, entry.keyEnd))
  }
  builder.finishBlocks()
  return blocks
}

function byKey(a: Row, b: Row): number {
  return Buffer.compare(Buffer.from(a.rest), Buffer.from(b.rest))
}

function keyOf(rest: string): Uint8Array {
  return Uint8Array.from([...TENANT_PREFIX, ...Buffer.from(rest)])
}

function merge(runs: readonly (readonly Row[])[], blockBytes: number) {
  const options = {
    blockBytes,
    tenantPrefix: TENANT_PREFIX,
    placeSeed: PLACE_SEED,
    offsetBytes: OFFSET_BYTES,
  }
  return native!.mergeBlocks(
    runs.map((run) => blocksOf(run, 200)),
    options,
  )
}

it('merged blocks, their checksums and the filter are those of the engine', ({ skip }) => {
  skip(native === undefined, 'native kernels are not built')
  const blockBytesArbitrary = fc.constantFrom(64, 300, 4096, 16_384)
  fc.assert(
    fc.property(
      rowsArbitrary,
      fc.integer({ min: 1, max: 6 }),
      blockBytesArbitrary,
      (rows, k, blockBytes) => {
        const runs = Array.from({ length: k }, (_, i) =>
          rows.filter((_row, j) => (j * 7) % k === i),
        )
        const merged = merge(runs, blockBytes)!
        const expected = blocksOf(rows, blockBytes)
        const filter = new FilterBuilder()
        for (const { rest } of rows) filter.add(hashBytes(keyOf(rest), 0, keyOf(rest).length))
        expect(merged.entryCount).toBe(rows.length)
        expect([...merged.codecIds]).toEqual(expected.map(({ codecId }) => codecId))
        expect([...merged.rawBytes]).toEqual(expected.map(({ rawBytes }) => rawBytes))
        expect([...merged.storedBytes]).toEqual(expected.map(({ bytes }) => bytes.length))
        expect(
          Buffer.compare(merged.bytes, Buffer.concat(expected.map(({ bytes }) => bytes))),
        ).toBe(0)
        expect(Buffer.compare(merged.filter, filter.finish())).toBe(0)
        let offset = OFFSET_BYTES
        for (const [i, { bytes }] of expected.entries()) {
          expect(merged.checksums[i]).toBe(placedChecksum(PLACE_SEED, offset, bytes))
          offset += bytes.length
        }
      },
    ),
    { numRuns: 60 },
  )
})

it('what needs the rules of a compaction is left to it', ({ skip }) => {
  skip(native === undefined, 'native kernels are not built')
  const row = (rest: string, kind = 1) => ({ rest, seqNum: 5, kind, valueBytes: 3 })
  expect(merge([[row('a')], [row('b')]], 300)?.entryCount).toBe(2)
  expect(merge([[row('a')], [row('a')]], 300)).toBeUndefined()
  expect(merge([[row('a')], [row('b', 2)]], 300)).toBeUndefined()
  expect(merge([], 300)?.entryCount).toBe(0)
})

it('a damaged block is an error or another block, never more', ({ skip }) => {
  skip(native === undefined, 'native kernels are not built')
  let errorCount = 0
  fc.assert(
    fc.property(rowsArbitrary, fc.nat(), fc.integer({ min: 1, max: 255 }), (rows, at, bits) => {
      const [block] = blocksOf(rows, 16_384)
      const { bytes } = block!
      // Half of the time where it says what lies where.
      const range = at % 2 === 0 ? bytes.length : Math.min(bytes.length, 40)
      bytes[bytes.length - 1 - (at % range)]! ^= bits
      const options = { blockBytes: 300, tenantPrefix: TENANT_PREFIX, placeSeed: 0, offsetBytes: 0 }
      try {
        native!.mergeBlocks([[block!]], options)
      } catch {
        errorCount++
      }
    }),
    { numRuns: 200 },
  )
  expect(errorCount).toBeGreaterThan(20)
})
