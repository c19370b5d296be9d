import fc from 'fast-check'
import { describe as group, expect, test } from 'vitest'
import { IDENTITY_TRANSFORM } from '../../../dist/codec/block-transform.js'
import { ENTRY_KIND_DELETE, ENTRY_KIND_PUT } from '../../../dist/codec/entry.js'
import { readFile } from '../../../dist/env/file-system.js'
import type { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { ALL_TABLES, readKeyPrefix } from '../../../dist/codec/tenant-key.js'
import { compareKeys, hashBytes } from '../../../dist/kernels/bytes.js'
import { garbageOf } from '../../../dist/lsm/garbage.js'
import { type JobOptions, type JobResult, runJob } from '../../../dist/lsm/jobs.js'
import { Memtable } from '../../../dist/lsm/memtable.js'
import {
  KEEP_EVERYTHING,
  uniformWatermarks,
  type Watermarks,
  WatermarksBuilder,
} from '../../../dist/lsm/watermarks.js'
import { BlockCache } from '../../../dist/sstable/block-cache.js'
import { type TableMeta, tableFileName } from '../../../dist/sstable/format.js'
import { TableFile } from '../../../dist/sstable/table-file.js'
import { TableReader } from '../../../dist/sstable/table-reader.js'
import { compareModel, describe, keyOf, type ModelEntry, readForward, seq } from './entry-model.js'
import { DATABASE_ID, DIRECTORY, newFileSystem } from './manifest-driver.js'
import { verified, wholeCursor } from '../sstable/table-kit.js'
import { fileIdOf } from './table-metas.js'

const IDENTITY = {
  databaseId: DATABASE_ID,
  incarnation: new Uint8Array(8).fill(3),
  transformId: IDENTITY_TRANSFORM.id,
}

function optionsOf(firstFileId: number, rest: Partial<JobOptions> = {}): JobOptions {
  return {
    directory: DIRECTORY,
    identity: IDENTITY,
    outputFileIds: Array.from({ length: 200 }, (_, i) => fileIdOf(firstFileId + i)),
    blockBytes: 512,
    outputTableBytes: 2048,
    watermarks: KEEP_EVERYTHING,
    isBottom: false,
    ...rest,
  }
}

function flush(
  fs: MemoryFileSystem,
  entries: readonly ModelEntry[],
  options: JobOptions,
): JobResult {
  const memtable = new Memtable()
  for (const { key, seqNum, value } of entries) {
    const kind = value === undefined ? ENTRY_KIND_DELETE : ENTRY_KIND_PUT
    const bytes = value ?? new Uint8Array(0)
    const hash = hashBytes(key, 0, key.length)
    memtable.add(key, 0, key.length, hash, seqNum, kind, bytes, 0, bytes.length)
  }
  return runJob(structuredClone({ kind: 'flush', image: memtable.handover(), ...options }), fs)
}

function compact(
  fs: MemoryFileSystem,
  inputs: readonly TableMeta[],
  options: JobOptions,
): JobResult {
  return runJob(structuredClone({ kind: 'compaction', inputs, ...options }), fs)
}

function openTable(fs: MemoryFileSystem, meta: TableMeta): TableReader {
  const cache = new BlockCache({ capacityBytes: 1 << 20 })
  const path = `${DIRECTORY}/${tableFileName(meta.fileId)}`
  const options = { databaseId: DATABASE_ID, transform: IDENTITY_TRANSFORM, cache }
  return TableReader.open(fs, path, meta, options)
}

function contentsOf(fs: MemoryFileSystem, tables: readonly TableMeta[]): ModelEntry[] {
  return tables.flatMap((meta) => {
    const reader = openTable(fs, meta)
    expect(verified(reader).entryCount).toBe(meta.entryCount)
    const found = readForward(wholeCursor(reader))
    reader.close()
    return found
  })
}

/** Watermarks that are easy to look up. */
interface SomeWatermarks {
  readonly rest: number
  readonly tables: ReadonlyMap<number, number>
  /** By tenant and table. */
  readonly tenants: ReadonlyMap<string, number>
}

const anyWatermark = fc.nat(130)
const anyWatermarks: fc.Arbitrary<SomeWatermarks> = fc.record({
  rest: anyWatermark,
  tables: fc
    .array(fc.tuple(fc.integer({ min: 1, max: 2 }), anyWatermark), { maxLength: 2 })
    .map((pairs) => new Map(pairs)),
  tenants: fc
    .array(
      fc.tuple(
        fc.tuple(fc.nat(2), fc.nat(2)).map(([tenant, table]) => `${tenant} ${table}`),
        anyWatermark,
      ),
      { maxLength: 4 },
    )
    .map((pairs) => new Map(pairs)),
})

function packed({ rest, tables, tenants }: SomeWatermarks): Watermarks {
  const prefixes = [...tenants].map(([place, watermark]) => {
    const [tenantId, tableId] = place.split(' ').map(Number)
    return { ...readKeyPrefix(keyOf(tenantId!, tableId!, '')), watermark: seq(watermark) }
  })
  prefixes.sort((a, b) => a.tenantHash - b.tenantHash || a.tableId - b.tableId)
  const builder = new WatermarksBuilder(prefixes.length)
  for (const prefix of prefixes) builder.add(prefix, prefix.tableId, prefix.watermark)
  return builder.finish({
    rest: seq(rest),
    tables: [...tables].map(([id, watermark]) => [id, seq(watermark)]),
  })
}

function raised({ rest, tables, tenants }: SomeWatermarks, more: number): SomeWatermarks {
  const raise = <Key>(map: ReadonlyMap<Key, number>) =>
    new Map([...map].map(([key, watermark]) => [key, watermark + more]))
  return { rest: rest + more, tables: raise(tables), tenants: raise(tenants) }
}

/** The rule of lsm/jobs.ts, said the slow way. */
function retained(
  entries: readonly ModelEntry[],
  watermarks: SomeWatermarks,
  isBottom: boolean,
): ModelEntry[] {
  return entries.toSorted(compareModel).filter((entry) => {
    const { tenantId, tableId } = readKeyPrefix(entry.key)
    const watermark =
      watermarks.tenants.get(`${tenantId} ${tableId}`) ??
      watermarks.tenants.get(`${tenantId} ${ALL_TABLES}`) ??
      watermarks.tables.get(tableId) ??
      watermarks.rest
    if (entry.seqNum > watermark) return true
    const isSuperseded = entries.some(
      (other) =>
        compareKeys(other.key, entry.key) === 0 &&
        other.seqNum > entry.seqNum &&
        other.seqNum <= watermark,
    )
    return !isSuperseded && !(isBottom && entry.value === undefined)
  })
}

const anyWrite = fc.tuple(
  fc.integer({ min: 0, max: 2 }),
  fc.integer({ min: 1, max: 2 }),
  fc.integer({ min: 0, max: 30 }),
  fc.option(fc.uint8Array({ maxLength: 200, size: 'max' }), { nil: undefined, freq: 4 }),
)

function entriesOf(
  writes: readonly (readonly [number, number, number, Uint8Array | undefined])[],
  first = 1,
): ModelEntry[] {
  return writes.map(([tenant, table, number, value], i) => ({
    key: keyOf(tenant, table, String(number).padStart(3, '0')),
    seqNum: seq(first + i),
    value,
  }))
}

group('jobs', () => {
  test('flush and compaction keep exactly what the rule says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyWrite, { minLength: 1, maxLength: 60, size: 'max' }), {
          minLength: 1,
          maxLength: 4,
          size: 'max',
        }),
        anyWatermarks,
        fc.nat(130),
        fc.boolean(),
        (flushes, lower, more, isBottom) => {
          const fs = newFileSystem()
          const all: ModelEntry[] = []
          const inputs: TableMeta[] = []
          for (const [i, writes] of flushes.entries()) {
            const entries = entriesOf(writes, all.length + 1)
            all.push(...entries)
            const result = flush(
              fs,
              entries,
              optionsOf(1000 * (i + 1), { watermarks: packed(lower) }),
            )
            const kept = retained(entries, lower, false)
            expect(describe(contentsOf(fs, result.tables))).toEqual(describe(kept))
            expect(result.entriesRead).toBe(entries.length)
            inputs.push(...result.tables)
          }
          const upper = raised(lower, more)
          const options = optionsOf(9000, { watermarks: packed(upper), isBottom })
          const result = compact(fs, inputs, options)
          expect(describe(contentsOf(fs, result.tables))).toEqual(
            describe(retained(all, upper, isBottom)),
          )
          checkRun(result.tables)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('drop something of a table when it says that it holds garbage, and then it holds none', () => {
    fc.assert(
      fc.property(
        fc.array(anyWrite, { minLength: 1, maxLength: 60, size: 'max' }),
        anyWatermarks,
        fc.nat(130),
        fc.boolean(),
        (writes, lower, more, isBottom) => {
          const fs = newFileSystem()
          const garbageIn = (meta: TableMeta, watermarks: Watermarks) => {
            const reader = openTable(fs, meta)
            const contents = { meta, rows: reader.garbage(), ...reader.properties() }
            const garbage = garbageOf(contents, watermarks, isBottom)
            reader.close()
            return garbage
          }
          const flushed = flush(fs, entriesOf(writes), optionsOf(1, { watermarks: packed(lower) }))
          const watermarks = packed(raised(lower, more))
          for (const [i, meta] of flushed.tables.entries()) {
            const { isAny, bytes } = garbageIn(meta, watermarks)
            const options = optionsOf(1000 * (i + 1), { watermarks, isBottom })
            const result = compact(fs, [meta], options)
            expect(result.entriesDropped > 0).toBe(isAny)
            expect(bytes).toBeLessThanOrEqual(isAny ? meta.fileBytes : 0)
            for (const after of result.tables) {
              expect(garbageIn(after, watermarks)).toEqual({ isAny: false, bytes: 0 })
            }
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  test('the versions of one key stay in one table', () => {
    const fs = newFileSystem()
    const hot = Array.from({ length: 100 }, () => [1, 1, 5, new Uint8Array(100)] as const)
    const rest = Array.from({ length: 60 }, (_, i) => [1, 1, i, new Uint8Array(100)] as const)
    const options = optionsOf(1, { outputTableBytes: 512, blockBytes: 256 })
    const { tables } = flush(fs, entriesOf([...hot, ...rest]), options)
    expect(tables.length).toBeGreaterThan(3)
    checkRun(tables)
  })

  test('blocks that nothing else reaches into are taken over as they are stored', () => {
    const fs = newFileSystem()
    const random = new Uint8Array(40)
    const rows = (tenant: number, from: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        for (let at = 0; at < random.length; at++) random[at] = Math.imul(from + i, at * 7919) >> 8
        return [tenant, 1, from + i, random.slice()] as const
      })
    const options = { blockBytes: 512, outputTableBytes: Infinity }
    const older = entriesOf([...rows(1, 0, 100), ...rows(2, 0, 3), ...rows(3, 0, 100)])
    // Behind what is there, a tenant of its own, and one key again.
    const newer = entriesOf([...rows(1, 100, 100), ...rows(4, 0, 3), ...rows(3, 50, 1)], 1000)
    const inputs = [older, newer].flatMap(
      (entries, i) => flush(fs, entries, optionsOf(i + 1, options)).tables,
    )
    const blocks = inputs.flatMap((meta) => storedBlocksOf(fs, meta))
    const { tables } = compact(fs, inputs, optionsOf(9, options))
    const output = Buffer.from(readFile(fs, `${DIRECTORY}/${tableFileName(tables[0]!.fileId)}`))
    const takenCount = blocks.filter((block) => output.includes(block)).length
    // Rebuilt: where tenant 1 goes over from one input to the other, the last of it, and around the key that is there twice.
    expect(takenCount).toBeGreaterThan(blocks.length - 8)
    expect(takenCount).toBeLessThan(blocks.length)
    expect(describe(contentsOf(fs, tables))).toEqual(
      describe([...older, ...newer].sort(compareModel)),
    )
  })

  test('nothing left means no table', () => {
    const fs = newFileSystem()
    const options = optionsOf(1, { watermarks: uniformWatermarks(seq(99)), isBottom: true })
    const result = flush(fs, entriesOf([[1, 1, 1, undefined]]), options)
    expect(result).toMatchObject({ tables: [], bytesWritten: 0, entriesRead: 1, entriesDropped: 1 })
    expect(fs.list(DIRECTORY)).toEqual([])
  })

  test('an input that lacks entries is found out, and outputs are removed', () => {
    const fs = newFileSystem()
    const { tables } = flush(fs, entriesOf([[1, 1, 1, undefined]]), optionsOf(1))
    const names = fs.list(DIRECTORY)
    const wrong = tables.map((meta) => ({ ...meta, entryCount: meta.entryCount + 1 }))
    expect(() => compact(fs, wrong, optionsOf(50))).toThrow(/SSTABLE_CORRUPT/)
    expect(fs.list(DIRECTORY)).toEqual(names)
  })

  test('a full disk or a failed sync fails the job, and outputs are removed', () => {
    for (const [name, errno] of [
      ['write', 'ENOSPC'],
      ['syncNow', 'EIO'],
    ] as const) {
      const fs = newFileSystem()
      let left = 2
      fs.inject = (call) => (call.name === name && left-- <= 0 ? errno : undefined)
      const many = Array.from({ length: 200 }, (_, i) => [1, 1, i, new Uint8Array(100)] as const)
      const options = optionsOf(1, { outputTableBytes: 512 })
      expect(() => flush(fs, entriesOf(many), options)).toThrow(/DISK_FULL|IO_FAILED/)
      expect(fs.list(DIRECTORY)).toEqual([])
    }
  })
})

/** The main blocks of a table as its file holds them. */
function storedBlocksOf(fs: MemoryFileSystem, { fileId }: TableMeta): Buffer[] {
  const path = `${DIRECTORY}/${tableFileName(fileId)}`
  const file = TableFile.open(fs, path, {}, IDENTITY_TRANSFORM)
  const blocks: Buffer[] = []
  for (let tenant = 0; tenant < file.directory.tenantCount; tenant++) {
    const index = file.readIndex(tenant)
    for (let block = 0; block < index.blockCount; block++) {
      blocks.push(Buffer.from(file.readPackedBlock(tenant, index, block).bytes))
    }
  }
  file.close()
  return blocks
}

function checkRun(tables: readonly TableMeta[]): void {
  for (let i = 1; i < tables.length; i++) {
    expect(compareKeys(tables[i - 1]!.largestKey, tables[i]!.smallestKey)).toBeLessThan(0)
  }
}
