import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../../dist/base/errors.js'
import type { SeqNum } from '../../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../../dist/codec/block-transform.js'
import { EntrySlot } from '../../../dist/codec/entry.js'
import { FILE_HEADER_BYTES } from '../../../dist/codec/file-header.js'
import { TENANT_PREFIX_BYTES } from '../../../dist/codec/tenant-key.js'
import { Block, BlockEntries, findInBlock } from '../../../dist/sstable/block.js'
import { BlockBuilder } from '../../../dist/sstable/block-builder.js'
import {
  type BlocksDescription,
  describeTable,
  type TableItem,
} from '../../../dist/sstable/describe.js'
import { encodeDirectory, TenantDirectory } from '../../../dist/sstable/directory.js'
import { decodeProperties, encodeProperties, tableFileName } from '../../../dist/sstable/format.js'
import { decodeGarbage, encodeGarbage } from '../../../dist/sstable/garbage-block.js'
import { IndexBuilder, TableIndex } from '../../../dist/sstable/index-block.js'
import { type Entry, keyOf, makeTable } from './table-kit.js'

const PLACE = { path: '/x.sst', offsetBytes: 64 }

function list(entries: readonly Entry[], blockBytes: number): TableItem[] {
  const { fs, path } = makeTable(entries, { blockBytes })
  return [...describeTable(fs, path, { transform: IDENTITY_TRANSFORM, withEntries: true })]
}

function versions(tenantIds: readonly number[], perTenant: number): Entry[] {
  return tenantIds.flatMap((tenantId) =>
    Array.from({ length: perTenant }, (_, i) => ({
      key: keyOf(tenantId, `row-${100 + i}`),
      seqNum: (1000 + i) as SeqNum,
      kind: 1,
      value: new Uint8Array(30).fill(tenantId),
    })),
  )
}

describe('the listing of a file', () => {
  it.each([
    ['small values, short blocks', 30, 900, 2000],
    ['some that fill a block of eight', 400, 2500, 4000],
    ['large ones, up to four times the block size', 1500, 4500, 8000],
    ['one that is too long for any', 9000, 9000, 9200],
  ])('shows blocks of a length that suits their entries: %s', (_, valueBytes, atLeast, atMost) => {
    const entries = versions([1], 60).map((entry, i) => ({
      ...entry,
      value: new Uint8Array(valueBytes).fill(i),
    }))
    const lengths = list(entries, 2000)
      .flatMap((item) => (item.what === 'block' ? [item.rawBytes] : []))
      .slice(0, -1)
    for (const length of lengths) expect(length).toBeGreaterThanOrEqual(atLeast)
    for (const length of lengths) expect(length).toBeLessThanOrEqual(atMost)
  })

  it('tiles it: parts follow each other without gaps, tenant after tenant', () => {
    // Tenants with and without a past.
    const older = versions([2, 4], 20).map((entry) => ({ ...entry, seqNum: 5 as SeqNum }))
    const items = list([...versions([1, 2, 3, 4], 20), ...older], 200)
    let blockEnd = FILE_HEADER_BYTES
    let dataEnd = FILE_HEADER_BYTES
    let tenantEnd = FILE_HEADER_BYTES
    let history: BlocksDescription | undefined
    for (const item of items) {
      if (item.what === 'tenant') {
        expect(blockEnd).toBe(dataEnd)
        history = item.history
        if (history !== undefined) {
          expect(history.dataOffsetBytes).toBe(tenantEnd)
          tenantEnd += history.dataBytes + history.indexBytes
        }
        expect(item.dataOffsetBytes).toBe(tenantEnd)
        blockEnd = tenantEnd
        dataEnd = tenantEnd + item.dataBytes
        tenantEnd = dataEnd + item.indexBytes + item.filterBytes
      } else if (item.what === 'block') {
        if (item.part === 'history' && blockEnd === dataEnd) {
          blockEnd = history!.dataOffsetBytes
          dataEnd = blockEnd + history!.dataBytes
        }
        expect(item.offsetBytes).toBe(blockEnd)
        expect(item.rawBytes).toBeLessThanOrEqual(800)
        blockEnd += item.storedBytes
      }
    }
    expect(blockEnd).toBe(dataEnd)
    const [head] = items
    expect(head?.what === 'table' && head.footer.directoryOffsetBytes).toBe(tenantEnd)
  })

  it('shows every entry once, in order, each in a block of its tenant', () => {
    const entries = versions([1, 2, 3], 20)
    const items = list(entries, 200)
    const shown = items.filter((item) => item.what === 'entry')
    const { entries: sorted } = makeTable(entries)
    expect(shown.map(({ key }) => key)).toEqual(sorted.map(({ key }) => key))
    let prefix = ''
    for (const item of items) {
      if (item.what === 'block') prefix = prefixOf(item.startKey)
      if (item.what === 'entry') expect(prefixOf(item.key)).toBe(prefix)
    }
  })

  it('holds no value of one tenant in the bytes of another', () => {
    const entries = [1, 2, 3].map((tenantId) => ({
      key: keyOf(tenantId, `rest-of-${tenantId}`),
      seqNum: tenantId as SeqNum,
      kind: 1,
      value: new TextEncoder().encode(`secret of ${tenantId}`),
    }))
    const { fs, path } = makeTable(entries, { blockBytes: 1 << 16 })
    const file = Buffer.alloc(fs.fileBytes(path))
    fs.open(path, 'read').read(file, 0)
    const items = [
      ...describeTable(fs, path, { transform: IDENTITY_TRANSFORM, withEntries: false }),
    ]
    for (const item of items.filter((each) => each.what === 'tenant')) {
      const { dataOffsetBytes, dataBytes, indexBytes } = item
      const own = file.subarray(dataOffsetBytes, dataOffsetBytes + dataBytes + indexBytes)
      for (const tenantId of [1, 2, 3]) {
        const isOwn = tenantId === item.tenantId
        expect(own.includes(`secret of ${tenantId}`)).toBe(isOwn)
        expect(own.includes(`rest-of-${tenantId}`)).toBe(isOwn)
      }
    }
  })

  it('goes on behind a damaged block', () => {
    const { fs, path } = makeTable(versions([1, 2], 20), { blockBytes: 200 })
    const file = fs.open(path, 'write')
    file.write(Uint8Array.of(0xff, 0xff), FILE_HEADER_BYTES + 8)
    const items = [...describeTable(fs, path, { transform: IDENTITY_TRANSFORM, withEntries: true })]
    expect(items.filter((item) => item.what === 'damage')).toHaveLength(1)
    expect(items.filter((item) => item.what === 'tenant')).toHaveLength(2)
  })
})

describe('bytes that a checksum cannot vouch for', () => {
  const garbled = (good: Uint8Array) =>
    fc
      .tuple(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: good.length }),
        fc.boolean(),
      )
      .map(([changes, length, isCut]) => {
        const bad = good.slice()
        for (const [at, value] of changes) bad[at] = value
        return isCut ? bad.slice(0, length) : bad
      })

  /** Runs a reader over garbled bytes: it may succeed, or refuse with the typed error, and nothing else. */
  function survives(good: Uint8Array, read: (bytes: Uint8Array) => void): void {
    read(good)
    fc.assert(
      fc.property(garbled(good), (bad) => {
        try {
          read(bad)
        } catch (error) {
          if (!(error instanceof EngineError) || error.code !== 'SSTABLE_CORRUPT') throw error
        }
      }),
      { numRuns: 1500 },
    )
  }

  const builder = new BlockBuilder()
  const rest = new TextEncoder().encode('aaaabbbb')
  for (let i = 0; i < 40; i++) {
    const key = Uint8Array.from([...new Uint8Array(TENANT_PREFIX_BYTES), ...rest, i])
    builder.add(i === 0 ? 0 : 8, key, TENANT_PREFIX_BYTES, 17, 5, 1, rest, 0, i % 8)
  }
  const block = builder.finish().slice()

  it('in a block never lead out of it', () => {
    survives(block, (bytes) => {
      const found = new Block(bytes, PLACE)
      const slot = new EntrySlot()
      for (let i = 0; i < 40; i += 7) {
        findInBlock(found, Uint8Array.from([...rest, i]), 0, i, 9 as SeqNum, slot)
        expect(slot.valueEnd).toBeLessThanOrEqual(found.prefixStart)
      }
      const entries = new BlockEntries()
      entries.setBlock(found)
      for (let i = 0; i < found.entryCount; i++) {
        entries.load(i)
        expect(entries.entry.valueEnd).toBeLessThanOrEqual(found.prefixStart)
      }
    })
  })

  it('in an index are refused', () => {
    const index = new IndexBuilder()
    for (let i = 0; i < 5; i++) {
      index.addStart(Uint8Array.of(i, i), 0, 2, 100 + i)
      index.addBlock(100, 150, 7, 1)
    }
    const good = index.finish(60, Uint8Array.of(9, 9, 9), 0, 3).slice()
    survives(good, (bytes) => {
      const found = new TableIndex(bytes, 64, 564, PLACE)
      for (let i = 0; i < 10; i++) found.findBlock(Uint8Array.of(i, 3), 0, 2, 50)
      for (let i = 0; i <= found.blockCount; i++) found.copyKey(i, new Uint8Array(8))
    })
  })

  it('in a directory or the properties are refused', () => {
    const row = {
      tenantHash: 5,
      tenantId: 6 as never,
      history: undefined,
      index: { offsetBytes: 100, storedBytes: 20, rawBytes: 30, checksum: 1, codecId: 1 },
      filterBytes: 64,
      filterChecksum: 2,
    }
    const history = { ...row.index, offsetBytes: 220 }
    const index = { ...row.index, offsetBytes: 300 }
    for (const second of [undefined, history]) {
      const good = encodeDirectory([row, { ...row, tenantHash: 9, history: second, index }])
      survives(good, (bytes) => {
        const directory = new TenantDirectory(bytes, 384, PLACE)
        expect(directory.endOffsetOf(directory.tenantCount - 1)).toBe(384)
        for (let i = 0; i < directory.tenantCount; i++) {
          const place = directory.historyOf(i)
          if (place === undefined) continue
          expect(place.offsetBytes).toBeGreaterThan(directory.startOffsetOf(i))
          expect(directory.mainOffsetOf(i)).toBe(place.offsetBytes + place.storedBytes)
        }
      })
    }
    const garbage = {
      prefix: new Uint8Array(12).fill(3),
      historyBytes: 100,
      firstEndSeqNum: 5 as SeqNum,
      lastEndSeqNum: 9 as SeqNum,
      tombstoneBytes: 20,
      firstTombstoneSeqNum: 4 as SeqNum,
      lastTombstoneSeqNum: 8 as SeqNum,
    }
    survives(encodeGarbage([garbage, garbage]), (bytes) => void decodeGarbage(bytes, PLACE))
    expect(decodeGarbage(encodeGarbage([garbage]), PLACE)).toEqual([garbage])
    const properties = {
      entryCount: 1,
      tombstoneCount: 2,
      minSeqNum: 3 as SeqNum,
      maxSeqNum: 4 as SeqNum,
      tenantCount: 5,
      blockCount: 6,
      rawDataBytes: 7,
    }
    survives(encodeProperties(properties), (bytes) => void decodeProperties(bytes, PLACE))
    expect(decodeProperties(encodeProperties(properties), PLACE)).toEqual(properties)
  })
})

it('files are named by their number', () => {
  expect(tableFileName(12 as never)).toBe('000012.sst')
  expect(tableFileName(12345678 as never)).toBe('12345678.sst')
})

function prefixOf(key: Uint8Array): string {
  return Buffer.from(key.subarray(0, TENANT_PREFIX_BYTES)).toString('hex')
}
