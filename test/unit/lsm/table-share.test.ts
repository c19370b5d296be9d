import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IDENTITY_TRANSFORM } from '../../../dist/codec/block-transform.js'
import type { FileId } from '../../../dist/base/ids.js'
import { ENTRY_KIND_DELETE, ENTRY_KIND_PUT } from '../../../dist/codec/entry.js'
import { HASH_END, isHashIn, tenantHashOfKey } from '../../../dist/codec/tenant-key.js'
import { compareKeys } from '../../../dist/kernels/bytes.js'
import { MergeCursor } from '../../../dist/lsm/merge-cursor.js'
import { cursorsOf, divideTables, joinTables } from '../../../dist/lsm/table-share.js'
import { Version } from '../../../dist/lsm/version.js'
import { MergeStream } from '../../../dist/lsm/merge-stream.js'
import type { TableMeta } from '../../../dist/sstable/format.js'
import { TableFile } from '../../../dist/sstable/table-file.js'
import { TableStream } from '../../../dist/sstable/table-stream.js'
import {
  DATABASE_ID,
  type Entry,
  keyOf,
  makeTable,
  openTable,
  type Table,
} from '../sstable/table-kit.js'
import {
  describe as textsOf,
  entryAt,
  type ModelEntry,
  readBackward,
  readForward,
  seq,
} from './entry-model.js'
import { tabletIdOf } from './table-metas.js'

const FIRST = seq(0)

/** A table with several versions of the keys of these tenants. */
function tableOf(tenantIds: readonly number[]): Table {
  const entries: Entry[] = tenantIds.flatMap((tenantId) =>
    ['a', 'b', 'c'].flatMap((name, i) =>
      [3, 2, 1].slice(i).map((version) => ({
        key: keyOf(tenantId, name),
        seqNum: seq(version * 10 + i),
        kind: version === 2 ? ENTRY_KIND_DELETE : ENTRY_KIND_PUT,
        value: new TextEncoder().encode(version === 2 ? '' : `${tenantId} ${name} ${version}`),
      })),
    ),
  )
  return makeTable(entries, { blockBytes: 64 })
}

function versionWith(meta: TableMeta, level = 1): Version {
  return Version.EMPTY.apply({
    tabletId: tabletIdOf(1),
    added: [{ level, meta }],
    removed: [],
  })
}

const anyTenants = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 9 })

/** A table, and hashes at and around those of its tenants. */
const anyDivision = anyTenants.chain((tenantIds) => {
  const table = tableOf(tenantIds)
  const hashes = table.entries.map(({ key }) => tenantHashOfKey(key))
  const near = fc.tuple(fc.constantFrom(...hashes), fc.constantFrom(-1, 0, 1))
  const anyHash = fc.oneof(
    near.map(([hash, by]) => Math.min(HASH_END - 1, Math.max(1, hash + by))),
    fc.integer({ min: 1, max: HASH_END - 1 }),
  )
  return fc.record({ table: fc.constant(table), hash: anyHash, otherHash: anyHash })
})

describe('shares of a table', () => {
  test('show each entry in one of them, forward, backward and from anywhere', () => {
    fc.assert(
      fc.property(anyDivision, fc.nat(), ({ table, hash }, at) => {
        const reader = openTable(table)
        const { removed, kept, given } = divideTables(versionWith(table.meta), hash, () => reader)
        const sides = [
          { metas: removed.length === 0 ? [table.meta] : kept.map(({ meta }) => meta), side: 0 },
          { metas: given.map(({ meta }) => meta), side: 1 },
        ]
        for (const { metas, side } of sides) {
          const range =
            side === 0 ? { hashStart: 0, hashEnd: hash } : { hashStart: hash, hashEnd: HASH_END }
          const expected = table.entries.filter(({ key }) => isHashIn(range, tenantHashOfKey(key)))
          expect(metas.length).toBe(expected.length > 0 ? 1 : 0)
          for (const meta of metas) {
            const open = () => new MergeCursor(cursorsOf(reader, meta, FIRST))
            expect(textsOf(readForward(open()))).toEqual(modelOf(expected))
            expect(compareKeys(meta.smallestKey, expected[0]!.key)).toBe(0)
            expect(compareKeys(meta.largestKey, expected.at(-1)!.key)).toBe(0)
            expect(textsOf(streamed(table, meta))).toEqual(modelOf(expected))
            expect(fileOf(table).countEntries(meta.share ?? range)).toBe(expected.length)
            expect(textsOf(readBackward(open()))).toEqual(modelOf(expected).toReversed())
            const target = table.entries[at % table.entries.length]!
            const cursor = open()
            cursor.seek(target.key, target.seqNum)
            const next = expected.find((entry) => isAtOrBehind(entry, target))
            expect(cursor.isValid).toBe(next !== undefined)
            if (next !== undefined) expect(cursor.entry.copyKey()).toEqual(next.key)
            cursor.seekLast(target.key)
            const last = expected.findLast(({ key }) => compareKeys(key, target.key) < 0)
            expect(cursor.isValid).toBe(last !== undefined)
            if (last !== undefined) expect(cursor.entry.copyKey()).toEqual(last.key)
          }
        }
      }),
    )
  })

  test('are one table again when both are joined, and say so when something is missing between', () => {
    fc.assert(
      fc.property(anyDivision, ({ table, hash, otherHash }) => {
        const reader = openTable(table)
        const readerOf = () => reader
        const [low, high] = [Math.min(hash, otherHash), Math.max(hash, otherHash)]
        const whole = versionWith(table.meta)
        const first = divided(whole, low, readerOf)
        const second = divided(first[1], high, readerOf)
        const joined = join(join(first[0], second[0]), second[1])
        expect(joined.levels.flat()).toEqual([table.meta])
        const outer = joinTables(first[0], second[1], readerOf)
        const isGap = [first[0], second[0], second[1]].every(({ isEmpty }) => !isEmpty)
        expect(outer.apart.length).toBe(isGap ? 1 : 0)

        function join(a: Version, b: Version): Version {
          const { removed, added, apart } = joinTables(a, b, readerOf)
          expect(apart).toEqual([])
          return a.apply({ tabletId: tabletIdOf(1), removed, added })
        }
      }),
    )
  })

  test('in different levels wait until one of them is rewritten', () => {
    const table = tableOf([2, 4, 6, 8])
    const reader = openTable(table)
    const hash = tenantHashOfKey(table.entries[table.entries.length >> 1]!.key)
    const [left, right] = divided(versionWith(table.meta), hash, () => reader)
    const deeper = versionWith(right.levels[1]![0]!, 2)
    const { added, removed, apart } = joinTables(left, deeper, () => reader)
    expect({ added, removed }).toEqual({ added: [], removed: [] })
    expect(apart).toEqual([{ level: 2, meta: right.levels[1]![0] }])
  })

  test('between which another table has moved in wait until one of them is rewritten', () => {
    const table = tableOf([2, 4, 6, 8])
    const reader = openTable(table)
    const hash = tenantHashOfKey(table.entries[table.entries.length >> 1]!.key)
    const [left, right] = divided(versionWith(table.meta), hash, () => reader)
    const [leftShare, rightShare] = [left.levels[1]![0]!, right.levels[1]![0]!]
    const behind = Uint8Array.of(...leftShare.largestKey, 0)
    const before = rightShare.smallestKey.slice(0, -1)
    for (const [key, side] of [
      [behind, left],
      [before, right],
    ] as const) {
      const { share: _, ...rest } = leftShare
      const between = { ...rest, fileId: 99 as FileId, smallestKey: key, largestKey: key }
      const edit = { tabletId: tabletIdOf(1), added: [{ level: 1, meta: between }], removed: [] }
      const [a, b] = side === left ? [left.apply(edit), right] : [left, right.apply(edit)]
      const { apart, removed, added } = joinTables(a, b, () => reader)
      expect(apart).toEqual([{ level: 1, meta: rightShare }])
      expect(removed).toEqual([])
      // What is not shared goes over as it is.
      expect(added.map(({ meta }) => meta)).toEqual(side === left ? [] : [between])
    }
  })

  test('are verified with the file, and a wrong one is noticed', () => {
    const table = tableOf([2, 4, 6, 8])
    const reader = openTable(table)
    const hash = tenantHashOfKey(table.entries[table.entries.length >> 1]!.key)
    const [left, right] = divided(versionWith(table.meta), hash, () => reader)
    const metas = [left, right].map((version) => version.levels[1]![0]!)
    const run = (checked: readonly TableMeta[]) => [...reader.verify(checked)]
    expect(() => run(metas)).not.toThrow()
    const [meta] = metas
    const { share } = meta!
    for (const wrong of [
      { share: { ...share!, bytes: share!.bytes + 1 } },
      { share: { ...share!, hashEnd: share!.hashEnd + 1 } },
      { largestKey: metas[1]!.largestKey },
      { smallestKey: keyOf(1, 'a') },
    ]) {
      expect(() => run([metas[1]!, { ...meta!, ...wrong }])).toThrow('other contents')
    }
  })
})

function divided(
  version: Version,
  hash: number,
  readerOf: Parameters<typeof divideTables>[2],
): [Version, Version] {
  const { removed, kept, given } = divideTables(version, hash, readerOf)
  const tabletId = tabletIdOf(1)
  return [
    version.apply({ tabletId, removed, added: kept }),
    Version.EMPTY.apply({ tabletId, removed: [], added: given }),
  ]
}

function fileOf({ fs, path, meta }: Table): TableFile {
  const { fileId, fileBytes, footerChecksum } = meta
  const expected = { databaseId: DATABASE_ID, fileId, fileBytes, footerChecksum }
  return TableFile.open(fs, path, expected, IDENTITY_TRANSFORM)
}

/** As compactions read it. */
function streamed(table: Table, { share }: TableMeta): ModelEntry[] {
  const file = fileOf(table)
  const parts = ['main', 'history'] as const
  const stream = new MergeStream(parts.map((part) => new TableStream(file, part, share)))
  const found: ModelEntry[] = []
  for (; stream.isValid; stream.next()) found.push(entryAt(stream.entry))
  return found
}

function modelOf(entries: readonly Entry[]): string[] {
  return textsOf(
    entries.map(({ key, seqNum, kind, value }): ModelEntry => {
      return { key, seqNum, value: kind === ENTRY_KIND_PUT ? value : undefined }
    }),
  )
}

function isAtOrBehind(a: Entry, b: Entry): boolean {
  const order = compareKeys(a.key, b.key)
  return order > 0 || (order === 0 && a.seqNum <= b.seqNum)
}
