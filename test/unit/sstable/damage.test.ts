import { describe, expect, it } from 'vitest'
import type { EngineError } from '../../../dist/base/errors.js'
import type { SeqNum } from '../../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../../dist/codec/block-transform.js'
import { describeTable } from '../../../dist/sstable/describe.js'
import { FOOTER_BYTES } from '../../../dist/sstable/format.js'
import type { TableIndex } from '../../../dist/sstable/index-block.js'
import { TableFile } from '../../../dist/sstable/table-file.js'
import { TableReader } from '../../../dist/sstable/table-reader.js'
import { verifyTable } from '../../../dist/sstable/table-verify.js'
import { BlockCache } from '../../../dist/sstable/block-cache.js'
import {
  bytesOf,
  type Answer,
  type Entry,
  expectedEntry,
  getEntry,
  keyOf,
  makeTable,
  openTable,
  wholeCursor,
  scanBackward,
  scanForward,
  type Table,
  textOf,
  withBytes,
  verified,
} from './table-kit.js'

const entries: Entry[] = []
for (const tenantId of [1, 2, 3]) {
  for (let i = 0; i < 24; i++) {
    entries.push({
      key: keyOf(tenantId, `k${String(i >> 1).padStart(3, '0')}`),
      seqNum: (100 + i) as SeqNum,
      kind: i % 7 === 0 ? 2 : 1,
      value: new TextEncoder().encode(`${tenantId}-${i} `.repeat(5)),
    })
  }
}
const LISTING = { transform: IDENTITY_TRANSFORM, withEntries: false }
const options = { blockBytes: 60 }
const table = makeTable(entries, options)
const bytes = bytesOf(table)

/** The answers of the call, or the corrupt error it is allowed to throw instead. */
function answerOf<Found>(path: string, call: () => Found): Found | 'corrupt' {
  try {
    return call()
  } catch (error) {
    const { code, details } = error as EngineError
    const isTyped =
      code === 'SSTABLE_CORRUPT' && details.file === path && typeof details.offsetBytes === 'number'
    if (isTyped) return 'corrupt'
    throw error
  }
}

/** Reads everything in every way; what is not refused must be right. Returns how many calls were refused. */
function checkAnswers(damaged: Table): number {
  const { path } = damaged
  const reader = openTable(damaged)
  let refusedCount = 0
  const expectRight = (found: Answer | 'corrupt', right: Answer) => {
    if (found === 'corrupt') refusedCount++
    else if (textOf(found) !== textOf(right)) expect(found).toEqual(right)
  }
  for (const { key, seqNum } of entries.filter((_, i) => i % 5 === 0)) {
    expectRight(
      answerOf(path, () => getEntry(reader, key, seqNum)),
      expectedEntry(table, key, seqNum),
    )
  }
  expectRight(
    answerOf(path, () => scanForward(reader)),
    table.entries,
  )
  expectRight(
    answerOf(path, () => scanBackward(reader)),
    [...table.entries].reverse(),
  )
  reader.close()
  return refusedCount
}

describe('a flipped bit', () => {
  it('anywhere gives a typed error or the right answer, and verify finds it', () => {
    for (let i = 0; i < bytes.length; i++) {
      const flipped = bytes.slice()
      flipped[i]! ^= 1 << (i % 8)
      const damaged = withBytes(table, flipped)
      checkAnswers(damaged)
      const reader = openTable(damaged)
      expect(answerOf(damaged.path, () => verified(reader))).toBe('corrupt')
      reader.close()
    }
  })

  it('in one tenant leaves the others readable, and the error names the tenant', () => {
    const flipped = bytes.slice()
    flipped[64 + 10]! ^= 1
    const reader = openTable(withBytes(table, flipped))
    // The first block is of superseded versions.
    const [, first] = table.entries
    expect(() => getEntry(reader, first!.key, first!.seqNum)).toThrow(
      expect.objectContaining({
        code: 'SSTABLE_CORRUPT',
        details: { file: table.path, offsetBytes: 64, tenantId: readTenant(first!.key) },
      }),
    )
    const last = table.entries.at(-1)!
    expect(getEntry(reader, last.key, last.seqNum)).toEqual(last)
  })

  it('in a filter costs no answer', () => {
    const { offsetBytes } = placeOfFilter(table)
    const flipped = bytes.slice()
    flipped[offsetBytes]! ^= 0xff
    const reader = openTable(withBytes(table, flipped))
    for (const entry of table.entries) {
      expect(getEntry(reader, entry.key, entry.seqNum)).toEqual(entry)
    }
    expect(reader.damagedFilterCount).toBe(1)
    expect(() => verified(reader)).toThrow('SSTABLE_CORRUPT')
  })
})

describe('a read that the disk fails', () => {
  it('once is tried again, wherever it happens', () => {
    const { fs } = withBytes(table, bytes)
    let readCount = 0
    let failing = 0
    fs.inject = ({ name }) => (name === 'read' && ++readCount === failing ? 'EIO' : undefined)
    const reads = () => {
      readCount = 0
      const refusedCount = checkAnswers({ ...table, fs })
      const reader = openTable({ ...table, fs })
      reader.verify()
      reader.close()
      return refusedCount
    }
    reads()
    const count = readCount
    for (failing = 1; failing <= count; failing++) expect(reads()).toBe(0)
  })

  it('for good is damage of that place and of no other', () => {
    const { fs } = withBytes(table, bytes)
    fs.inject = ({ name, offsetBytes }) =>
      name === 'read' && offsetBytes === 64 ? 'EIO' : undefined
    const errors: unknown[] = []
    const reader = openTable({ ...table, fs }, { onError: (error) => errors.push(error) })
    // The first block is of superseded versions.
    const [, first] = table.entries
    expect(() => getEntry(reader, first!.key, first!.seqNum)).toThrow(
      expect.objectContaining({
        code: 'SSTABLE_CORRUPT',
        details: { file: table.path, offsetBytes: 64, tenantId: readTenant(first!.key) },
      }),
    )
    expect(errors).toHaveLength(1)
    const last = table.entries.at(-1)!
    expect(getEntry(reader, last.key, last.seqNum)).toEqual(last)
  })
})

describe('a file of the wrong length', () => {
  it('cut anywhere is refused', () => {
    for (let length = 0; length < bytes.length; length++) {
      const damaged = withBytes(table, bytes.slice(0, length))
      const reader = openTable(damaged)
      expect(answerOf(damaged.path, () => scanForward(reader))).toBe('corrupt')
      expect(
        answerOf(damaged.path, () => [...describeTable(damaged.fs, damaged.path, LISTING)]),
      ).toBe('corrupt')
    }
  })

  it('with bytes behind its end is refused', () => {
    const longer = new Uint8Array(bytes.length + 1)
    longer.set(bytes)
    expect(() => scanForward(openTable(withBytes(table, longer)))).toThrow('SSTABLE_CORRUPT')
  })

  it('that is missing says so', () => {
    const { fs, meta } = table
    expect(() => scanForward(openTable({ fs, path: '/000099.sst', meta }))).toThrow('FILE_MISSING')
  })
})

describe('intact parts in the wrong place', () => {
  const blocks = [...describeTable(table.fs, table.path, LISTING)].filter(
    (item) => item.what === 'block',
  )

  it('two blocks of equal length that changed places are found', () => {
    const pairs = blocks.flatMap((a, i) =>
      blocks
        .slice(i + 1)
        .filter((b) => a.storedBytes === b.storedBytes)
        .map((b) => [a, b] as const),
    )
    expect(pairs.length).toBeGreaterThan(0)
    for (const [a, b] of pairs) {
      const swapped = bytes.slice()
      swapped.set(bytes.subarray(b.offsetBytes, b.offsetBytes + b.storedBytes), a.offsetBytes)
      swapped.set(bytes.subarray(a.offsetBytes, a.offsetBytes + a.storedBytes), b.offsetBytes)
      expect(checkAnswers(withBytes(table, swapped))).toBeGreaterThan(0)
    }
  })

  it('a block, and a footer, of another file of the same contents are found', () => {
    // Checksums are compressed with the rest of an index, so the length is not always the same.
    const foreignFiles = (name: 'epoch' | 'fileId') =>
      Array.from({ length: 60 }, (_, i) =>
        bytesOf(makeTable(entries, { ...options, [name]: 54_321 + i })),
      ).filter(({ length }) => length === bytes.length)
    for (const [foreign] of [foreignFiles('epoch'), foreignFiles('fileId')]) {
      if (foreign === undefined) throw new Error('no file of the same length')
      const { offsetBytes, storedBytes } = blocks[1]!
      // The checksum is bound to the header, of which the epoch is a part.
      const mixed = bytes.slice()
      mixed.set(foreign.subarray(bytes.length - FOOTER_BYTES), bytes.length - FOOTER_BYTES)
      expect(checkAnswers(withBytes(table, mixed))).toBeGreaterThan(0)
      const block = foreign.subarray(offsetBytes, offsetBytes + storedBytes)
      expect(block).toEqual(bytes.subarray(offsetBytes, offsetBytes + storedBytes))
      expect(() => scanForward(openTable(withBytes(table, foreign)))).toThrow('SSTABLE_CORRUPT')
    }
  })

  it('an older state of the same file is found by the manifest', () => {
    const older = makeTable(
      entries.map((entry, i) => (i === 3 ? { ...entry, seqNum: 1 as SeqNum } : entry)),
      options,
    )
    expect(() => scanForward(openTable(withBytes(table, bytesOf(older))))).toThrow(
      'SSTABLE_CORRUPT',
    )
  })

  it('a table of another database is refused', () => {
    const reader = TableReader.open(table.fs, table.path, table.meta, {
      databaseId: new Uint8Array(16),
      transform: IDENTITY_TRANSFORM,
      cache: new BlockCache({ capacityBytes: 0 }),
    })
    expect(() => scanForward(reader)).toThrow('belongs to another database')
  })

  it('a manifest that describes other contents is found by verify', () => {
    for (const wrong of [
      { entryCount: 1 },
      { tombstoneCount: 0 },
      { minSeqNum: 0 as SeqNum },
      { maxSeqNum: 999 as SeqNum },
      { smallestKey: keyOf(1, 'a') },
      { largestKey: keyOf(1, 'a') },
      { history: undefined },
      ...(['entryCount', 'bytes', 'firstEndSeqNum', 'lastEndSeqNum'] as const).map((name) => ({
        history: { ...table.meta.history!, [name]: 999_999 },
      })),
    ]) {
      const reader = openTable({ ...table, meta: { ...table.meta, ...wrong } })
      expect(() => verified(reader)).toThrow('other contents')
    }
  })
})

describe('history that does not belong to the main blocks', () => {
  /** A file with sound main blocks of one table and sound history blocks of another. */
  function mixed(main: Table, history: Table): TableFile {
    const open = ({ fs, path }: Table) => TableFile.open(fs, path, {}, IDENTITY_TRANSFORM)
    const [one, other] = [open(main), open(history)]
    const foreign = other.readHistoryIndex(0)
    return new Proxy(one, {
      get(_, name) {
        if (name === 'readHistoryIndex') return () => foreign
        if (name === 'readBlock') {
          return (tenant: number, index: TableIndex, blockIndex: number) =>
            (index === foreign ? other : one).readBlock(tenant, index, blockIndex)
        }
        const value = Reflect.get(one, name, one)
        return typeof value === 'function' ? value.bind(one) : value
      },
    })
  }

  function twoVersions(text: string, newer: number, older: number): Table {
    const value = new Uint8Array(5)
    const versions = [newer, older].map((seqNum) => seqNum as SeqNum)
    return makeTable(versions.map((seqNum) => ({ key: keyOf(1, text), seqNum, kind: 1, value })))
  }

  it.each([
    ['is newer', twoVersions('k', 20, 10), 'a version is not older than the one that supersedes'],
    ['is of a key before', twoVersions('j', 5, 3), 'nothing supersedes a version'],
    ['is of a key behind', twoVersions('l', 5, 3), 'nothing supersedes a version'],
  ])('is found by verify: it %s', (_, history, problem) => {
    const main = twoVersions('k', 9, 3)
    expect(() => [...verifyTable(mixed(main, main))]).not.toThrow()
    expect(() => [...verifyTable(mixed(main, history))]).toThrow(problem)
  })
})

describe('a closed reader', () => {
  it('refuses, and closing again does nothing', () => {
    const reader = openTable(table)
    const cursor = wholeCursor(reader)
    cursor.seek(table.entries[0]!.key, Number.MAX_SAFE_INTEGER as SeqNum)
    reader.close()
    reader.close()
    expect(() => getEntry(reader, table.entries[0]!.key, 999)).toThrow('DB_CLOSED')
    expect(() => {
      while (cursor.isValid) cursor.next()
    }).toThrow('DB_CLOSED')
  })
})

function readTenant(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(4)
}

/** Where the filter of the first tenant lies. */
function placeOfFilter(of: Table): { offsetBytes: number } {
  for (const item of describeTable(of.fs, of.path, LISTING)) {
    if (item.what === 'tenant') {
      return { offsetBytes: item.dataOffsetBytes + item.dataBytes + item.indexBytes }
    }
  }
  throw new Error('the table has no tenant')
}
