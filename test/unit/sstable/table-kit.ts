// Tables in memory and what they should answer.

import type { FileId, SeqNum, TenantId } from '../../../dist/base/ids.js'
import { type BlockTransform, IDENTITY_TRANSFORM } from '../../../dist/codec/block-transform.js'
import { ByteWriter } from '../../../dist/codec/bytes.js'
import { EntrySlot, type KeyRange } from '../../../dist/codec/entry.js'
import { FILE_TYPE_SSTABLE } from '../../../dist/codec/file-header.js'
import { writeKeyPrefix } from '../../../dist/codec/tenant-key.js'
import { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { type FileSystem, readFile } from '../../../dist/env/file-system.js'
import { compareKeys, hashBytes } from '../../../dist/kernels/bytes.js'
import { MergeCursor } from '../../../dist/lsm/merge-cursor.js'
import { BlockCache } from '../../../dist/sstable/block-cache.js'
import { type TableMeta, tableFileName } from '../../../dist/sstable/format.js'
import { TableReader } from '../../../dist/sstable/table-reader.js'
import type { TableCounts } from '../../../dist/sstable/table-verify.js'
import { TableWriter } from '../../../dist/sstable/table-writer.js'

export interface Entry {
  readonly key: Uint8Array
  readonly seqNum: SeqNum
  readonly kind: number
  readonly value: Uint8Array
}

export const DATABASE_ID = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
const NO_FILE_NAME = '/'

/** Two tenants have one hash. */
export function keyOf(tenantId: number, rest: Uint8Array | string): Uint8Array {
  const writer = new ByteWriter()
  const tenantHash = Math.imul(tenantId >> 1, 0x9e3779b9) >>> 0
  writeKeyPrefix(writer, { tenantHash, tenantId: tenantId as TenantId, tableId: 1, indexId: 0 })
  writer.raw(typeof rest === 'string' ? new TextEncoder().encode(rest) : rest)
  return writer.finish()
}

export function compareEntries(a: Entry, b: Entry): number {
  return compareKeys(a.key, b.key) || b.seqNum - a.seqNum
}

export interface Table {
  readonly fs: MemoryFileSystem
  readonly path: string
  readonly meta: TableMeta
  readonly entries: readonly Entry[]
}

export interface TableOptions {
  readonly blockBytes?: number
  readonly fileId?: number
  readonly epoch?: number
  readonly databaseId?: Uint8Array
  readonly transform?: BlockTransform
  readonly fs?: MemoryFileSystem
}

/** Writes the entries, which are sorted first. */
export function makeTable(unsorted: readonly Entry[], options: TableOptions = {}): Table {
  const entries = [...unsorted].sort(compareEntries)
  const fs = options.fs ?? new MemoryFileSystem()
  const fileId = (options.fileId ?? 7) as FileId
  const transform = options.transform ?? IDENTITY_TRANSFORM
  const path = NO_FILE_NAME + tableFileName(fileId)
  const identity = {
    fileType: FILE_TYPE_SSTABLE,
    databaseId: options.databaseId ?? DATABASE_ID,
    incarnation: new Uint8Array(8).fill(9),
    fileId,
    epoch: options.epoch ?? 12345,
    transformId: transform.id,
  }
  const blockBytes = options.blockBytes ?? 256
  const writer = new TableWriter(fs.open(path, 'create'), identity, { blockBytes, transform })
  const slot = new EntrySlot()
  for (const [i, entry] of entries.entries()) {
    pointAt(slot, entry)
    writer.add(slot, i === 0 ? 0 : sharedBytes(entries[i - 1]!.key, entry.key))
  }
  return { fs, path, meta: writer.finish(), entries }
}

function pointAt(slot: EntrySlot, { key, seqNum, kind, value }: Entry): void {
  Object.assign(slot, { keyBytes: key, keyEnd: key.length, seqNum, kind })
  Object.assign(slot, { valueBytes: value, valueEnd: value.length })
}

function sharedBytes(a: Uint8Array, b: Uint8Array): number {
  const end = b.findIndex((byte, i) => byte !== a[i])
  return end < 0 ? b.length : end
}

export function openTable(
  table: Pick<Table, 'path' | 'meta'> & { readonly fs: FileSystem },
  options: {
    readonly capacityBytes?: number
    readonly transform?: BlockTransform
    readonly cache?: BlockCache
    readonly onError?: (error: unknown) => void
  } = {},
): TableReader {
  return TableReader.open(table.fs, table.path, table.meta, {
    databaseId: DATABASE_ID,
    transform: options.transform ?? IDENTITY_TRANSFORM,
    cache: options.cache ?? new BlockCache({ capacityBytes: options.capacityBytes ?? 1 << 20 }),
    ...(options.onError === undefined ? {} : { onError: options.onError }),
  })
}

/** The same table with other bytes in its file. */
export function withBytes(table: Table, bytes: Uint8Array): Table {
  const fs = new MemoryFileSystem()
  const file = fs.open(table.path, 'create')
  file.write(bytes, 0)
  file.close()
  return { ...table, fs }
}

export function bytesOf(table: Table): Uint8Array {
  return readFile(table.fs, table.path)
}

export function getEntry(
  reader: TableReader,
  key: Uint8Array,
  maxSeqNum: number,
): Entry | undefined {
  const slot = new EntrySlot()
  if (!reader.get(key, hashBytes(key, 0, key.length), maxSeqNum as SeqNum, slot)) return undefined
  return copyEntry(slot)
}

/** What getEntry should answer. */
export function expectedEntry(table: Table, key: Uint8Array, maxSeqNum: number) {
  return table.entries.find(
    (entry) => compareKeys(entry.key, key) === 0 && entry.seqNum <= maxSeqNum,
  )
}

export function copyEntry(slot: EntrySlot): Entry {
  const { seqNum, kind } = slot
  return { key: slot.copyKey(), seqNum, kind, value: slot.copyValue() }
}

/** A cursor over everything. */
export function wholeCursor(reader: TableReader, bounds?: KeyRange): MergeCursor {
  return new MergeCursor(reader.cursors(0 as SeqNum, bounds))
}

export function scanForward(
  reader: TableReader,
  key: Uint8Array = new Uint8Array(0),
  seqNum: number = Number.MAX_SAFE_INTEGER,
): Entry[] {
  const found: Entry[] = []
  const cursor = wholeCursor(reader)
  for (cursor.seek(key, seqNum as SeqNum); cursor.isValid; cursor.next()) {
    found.push(copyEntry(cursor.entry))
  }
  cursor.close()
  return found
}

export function scanBackward(reader: TableReader, key?: Uint8Array): Entry[] {
  const found: Entry[] = []
  const cursor = wholeCursor(reader)
  for (cursor.seekLast(key); cursor.isValid; cursor.prev()) found.push(copyEntry(cursor.entry))
  cursor.close()
  return found
}

export type Answer = Entry | undefined | readonly Entry[]

/** Comparing texts is many times faster than comparing deeply. */
export function textOf(answer: Answer): string {
  const hex = (entry: Entry | undefined) =>
    entry === undefined
      ? 'absent'
      : `${Buffer.from(entry.key).toString('hex')} ${entry.seqNum} ${entry.kind} ${entry.value}`
  return answer === undefined || 'key' in answer ? hex(answer) : answer.map(hex).join('\n')
}

/** Verifies to the end. */
export function verified(reader: TableReader): TableCounts {
  const steps = reader.verify()
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
