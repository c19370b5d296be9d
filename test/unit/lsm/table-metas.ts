// Table metas for tests that look at file sets, not at files.

import fc from 'fast-check'
import type { FileId, SeqNum, TabletId } from '../../../dist/base/ids.js'
import type { VersionEdit } from '../../../dist/lsm/version-edit.js'
import type { TableMeta } from '../../../dist/sstable/format.js'

export function fileIdOf(number: number): FileId {
  return number as FileId
}

export function tabletIdOf(number: number): TabletId {
  return number as TabletId
}

export function metaOf(
  fileId: number,
  smallest: string,
  largest: string,
  rest: Partial<TableMeta> = {},
): TableMeta {
  return {
    fileId: fileIdOf(fileId),
    fileBytes: 1000,
    footerChecksum: 7,
    entryCount: 10,
    tombstoneCount: 1,
    minSeqNum: 1 as SeqNum,
    maxSeqNum: fileId as SeqNum,
    smallestKey: new TextEncoder().encode(smallest),
    largestKey: new TextEncoder().encode(largest),
    history: undefined,
    ...rest,
  }
}

const anyNumber = fc.oneof(fc.nat(300), fc.maxSafeNat())
const anySeqNum = anyNumber.map((number) => number as SeqNum)
const anyKey = fc.uint8Array({ maxLength: 300 })
const anyLevel = fc.integer({ min: 0, max: 6 })
const anyFileId = anyNumber.map(fileIdOf)

const anyRange = fc.record({
  hashStart: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  hashEnd: fc.integer({ min: 1, max: 2 ** 32 }),
})

const anyMeta: fc.Arbitrary<TableMeta> = fc.record({
  fileId: anyFileId,
  fileBytes: anyNumber,
  footerChecksum: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  entryCount: anyNumber,
  tombstoneCount: anyNumber,
  minSeqNum: anySeqNum,
  maxSeqNum: anySeqNum,
  smallestKey: anyKey,
  largestKey: anyKey,
  history: fc.option(
    fc.record({
      entryCount: anyNumber,
      bytes: anyNumber,
      firstEndSeqNum: anySeqNum,
      lastEndSeqNum: anySeqNum,
    }),
    { nil: undefined },
  ),
  share: fc.option(
    fc.tuple(anyRange, anyNumber).map(([range, bytes]) => ({ ...range, bytes })),
    { nil: undefined },
  ),
})

export const anyEdit: fc.Arbitrary<VersionEdit> = fc.record({
  tabletId: anyNumber.map(tabletIdOf),
  added: fc.array(fc.record({ level: anyLevel, meta: anyMeta }), { maxLength: 4 }),
  removed: fc.array(fc.record({ level: anyLevel, fileId: anyFileId }), { maxLength: 4 }),
  flushedSeqNum: fc.option(anySeqNum, { nil: undefined }),
  historyMarks: fc.array(fc.record({ moment: anySeqNum, durable: anySeqNum, floor: anySeqNum }), {
    maxLength: 3,
  }),
  created: fc.option(anyRange, { nil: undefined }),
  range: fc.option(anyRange, { nil: undefined }),
  isEnded: fc.constantFrom(undefined, true),
})
