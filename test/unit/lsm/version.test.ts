import { describe, expect, test } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import { EditMismatch, overlapping, Version } from '../../../dist/lsm/version.js'
import type { AddedTable, RemovedTable, VersionEdit } from '../../../dist/lsm/version-edit.js'
import { fileIdOf, metaOf, tabletIdOf } from './table-metas.js'

function edit(added: AddedTable[], removed: RemovedTable[] = []): VersionEdit {
  return { tabletId: tabletIdOf(1), added, removed }
}

function idsOf(version: Version): number[][] {
  return version.levels.map((level) => level.map(({ fileId }) => fileId as number))
}

const at = (number: number) => number as SeqNum

describe('Version', () => {
  test('level 0 is newest first, the others are in key order', () => {
    const version = Version.EMPTY.apply(
      edit([
        { level: 0, meta: metaOf(1, 'a', 'z') },
        { level: 0, meta: metaOf(3, 'a', 'z') },
        { level: 0, meta: metaOf(2, 'a', 'z') },
        { level: 1, meta: metaOf(6, 'm', 'p') },
        { level: 1, meta: metaOf(5, 'q', 'q') },
        { level: 1, meta: metaOf(4, 'a', 'c') },
      ]),
    )
    expect(idsOf(version)).toEqual([[3, 2, 1], [4, 6, 5], [], [], [], [], []])
    expect(version.tableCount).toBe(6)
    expect(version.levelBytes(1)).toBe(3000)
    expect(Version.EMPTY.isEmpty).toBe(true)
  })

  test('an edit makes another version and leaves the old one alone', () => {
    const before = Version.EMPTY.apply(edit([{ level: 0, meta: metaOf(1, 'a', 'b') }]))
    const meta = before.levels[0]![0]!
    const after = before.apply(edit([{ level: 1, meta }], [{ level: 0, fileId: fileIdOf(1) }]))
    expect(idsOf(before)[0]).toEqual([1])
    expect(idsOf(after).slice(0, 2)).toEqual([[], [1]])
  })

  test('positions only move forward', () => {
    const marked = (floor: number) => [{ moment: at(20), durable: at(9), floor: at(floor) }]
    const version = Version.EMPTY.apply({
      ...edit([]),
      flushedSeqNum: at(9),
      historyMarks: marked(6),
    })
    const after = version.apply({ ...edit([]), flushedSeqNum: at(7), historyMarks: marked(5) })
    expect([after.flushedSeqNum, after.historyFloor]).toEqual([9, 6])
  })

  test('refuses what does not fit', () => {
    const version = Version.EMPTY.apply(edit([{ level: 1, meta: metaOf(1, 'b', 'd') }]))
    const refused = [
      edit([], [{ level: 0, fileId: fileIdOf(1) }]),
      edit([{ level: 1, meta: metaOf(2, 'd', 'e') }]),
      edit([{ level: 1, meta: metaOf(2, 'a', 'z') }]),
      edit([{ level: 2, meta: metaOf(1, 'b', 'd') }]),
      edit([{ level: 0, meta: metaOf(2, 'b', 'a') }]),
    ]
    for (const wrong of refused) expect(() => version.apply(wrong)).toThrow(EditMismatch)
  })

  test('overlap counts both ends', () => {
    const tables = [metaOf(1, 'b', 'd'), metaOf(2, 'f', 'h')]
    const found = (from: string, to: string) =>
      overlapping(tables, Buffer.from(from), Buffer.from(to)).map(({ fileId }) => fileId as number)
    expect(found('a', 'aa')).toEqual([])
    expect(found('a', 'b')).toEqual([1])
    expect(found('d', 'f')).toEqual([1, 2])
    expect(found('e', 'ez')).toEqual([])
    expect(found('c', 'c')).toEqual([1])
  })
})
