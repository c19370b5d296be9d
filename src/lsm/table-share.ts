// Sstables that several tablets share, and the edits by which tablets split and merge.
//
// A tablet splits at a tenant hash, so no tenant is ever in two tablets. Tables whose keys all lie on one side go there as
// they are. A table with tenants on both sides stays one file, of which each tablet has a share: the tenants of its own
// hashes. A merge puts the levels of two neighbours together; shares of one file become one again. Neither writes a table:
// both are one frame of the manifest (lsm/version-edit.ts has the bytes).
//
// Invariants:
// 1. Shares of a file are disjoint, and so are the key ranges of metas in one level, as before: a meta's smallest and
//    largest key are those of its share. So everything that goes by key ranges never meets another tablet's tenants; what
//    goes through a whole table stops at the ends of the share (ShareCursor).
// 2. A file is named until no version names a share of it, and deleted when nobody reads it any more
//    (store/open-tables.ts). A compaction of one tablet takes its share of the inputs away; the others keep theirs.
// 3. A compaction is as complete over a share as over a table: the manifest proves the footer, the footer the directory,
//    the directory each tenant's indexes, and they say how many entries the tenants of the share have. So many must be
//    read (lsm/jobs.ts).
// 4. A file is in a version once. Neighbours that have shares of one file in different levels, or with tenants of a third
//    tablet or other tables of the level between them, do not merge before one of them has rewritten its share.
//
// What nobody has a share of any more is garbage that only goes with the file: the last tablet that has a share rewrites it
// (store/garbage-collection.ts). As level 0 apart at most one table of a level crosses a boundary, that is little.
//
// Crash: before the frame is durable there was no split or merge, afterwards there was one; both name the same files.
//
// Others do it alike: Pebble has virtual sstables over a reference-counted backing file; RocksDB clips ranges of column
// families by compaction instead; CockroachDB and TiKV split and merge ranges without touching files at all.

import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX } from '../base/ids.js'
import type { Cursor, EntrySlot, KeyRange } from '../codec/entry.js'
import {
  ALL_HASHES,
  type HashRange,
  isHashIn,
  keysOfHashes,
  tenantHashOfKey,
} from '../codec/tenant-key.js'
import { compareKeys } from '../kernels/bytes.js'
import type { TableMeta } from '../sstable/format.js'
import type { TableCursor } from '../sstable/table-cursor.js'
import type { TableReader } from '../sstable/table-reader.js'
import { type Version } from './version.js'
import type { AddedTable, RemovedTable } from './version-edit.js'

/** Reads one of the tables that are to be divided or joined. */
export type ReaderOf = (meta: TableMeta) => Pick<TableReader, 'pieceOf'>

/** What becomes of the tables of a tablet when it splits. */
export interface DividedTables {
  /** Leave the tablet altogether, or stay in it as another share. */
  readonly removed: readonly RemovedTable[]
  /** Stay, but only with a share. */
  readonly kept: readonly AddedTable[]
  /** Of the other tablet. */
  readonly given: readonly AddedTable[]
}

/**
 * Divides the tables of a tablet at a hash. Reads the directories of those that have tenants on both sides.
 *
 * @throws SSTABLE_CORRUPT FILE_MISSING
 */
export function divideTables(version: Version, hash: number, readerOf: ReaderOf): DividedTables {
  const removed: RemovedTable[] = []
  const kept: AddedTable[] = []
  const given: AddedTable[] = []
  for (const [level, tables] of version.levels.entries()) {
    for (const meta of tables) {
      const { fileId, share } = meta
      if (tenantHashOfKey(meta.largestKey) < hash) continue
      removed.push({ level, fileId })
      if (tenantHashOfKey(meta.smallestKey) >= hash) {
        given.push({ level, meta })
        continue
      }
      const { hashStart, hashEnd } = share ?? ALL_HASHES
      const reader = readerOf(meta)
      kept.push({ level, meta: shareOf(meta, { hashStart, hashEnd: hash }, reader) })
      given.push({ level, meta: shareOf(meta, { hashStart: hash, hashEnd }, reader) })
    }
  }
  return { removed, kept, given }
}

/** What becomes of the tables of two neighbours that merge. */
export interface JoinedTables {
  /** Of the tablet that goes on. */
  readonly removed: readonly RemovedTable[]
  readonly added: readonly AddedTable[]
  /** Tables of the second that cannot be joined with the first's shares of the same files: they are rewritten before. */
  readonly apart: readonly AddedTable[]
}

/**
 * Puts the tables of two neighbours together.
 *
 * @throws SSTABLE_CORRUPT FILE_MISSING
 */
export function joinTables(left: Version, right: Version, readerOf: ReaderOf): JoinedTables {
  const places = new Map<number, AddedTable>()
  for (const [level, tables] of left.levels.entries()) {
    for (const meta of tables)
      if (meta.share !== undefined) places.set(meta.fileId, { level, meta })
  }
  const removed: RemovedTable[] = []
  const added: AddedTable[] = []
  const apart: AddedTable[] = []
  for (const [level, tables] of right.levels.entries()) {
    for (const meta of tables) {
      const place = places.get(meta.fileId)
      if (place === undefined) {
        added.push({ level, meta })
        continue
      }
      // Where a share ends, another table may have moved into the level.
      const areNext = left.levels[level]!.at(-1) === place.meta && tables[0] === meta
      const isJoinable = place.level === level && (level === 0 || areNext)
      const joined = isJoinable ? joinShares(place.meta, meta, readerOf(meta)) : undefined
      if (joined === undefined) {
        apart.push({ level, meta })
        continue
      }
      removed.push({ level, fileId: meta.fileId })
      added.push({ level, meta: joined })
    }
  }
  return { removed, added, apart }
}

/** A table with the tenants of a range; some have it. */
function shareOf(meta: TableMeta, range: HashRange, reader: ReturnType<ReaderOf>): TableMeta {
  const { bytes, smallestKey, largestKey } = reader.pieceOf(range)!
  return { ...meta, smallestKey, largestKey, share: { ...range, bytes } }
}

/** Two shares as one; a whole table when nothing else is in the file, undefined when something lies between them. */
function joinShares(
  left: TableMeta,
  right: TableMeta,
  reader: ReturnType<ReaderOf>,
): TableMeta | undefined {
  const { share, ...whole } = { ...left, largestKey: right.largestKey }
  const range = { hashStart: share!.hashStart, hashEnd: right.share!.hashEnd }
  const bytes = share!.bytes + right.share!.bytes
  if (reader.pieceOf(range)?.bytes !== bytes) return undefined
  const isWhole = reader.pieceOf(ALL_HASHES)?.bytes === bytes
  return isWhole ? whole : { ...whole, share: { ...range, bytes } }
}

/** The cursors of a table over what the meta means of it; see TableReader.cursors. */
export function cursorsOf(
  reader: Pick<TableReader, 'cursors'>,
  { share }: TableMeta,
  at: SeqNum,
  range: KeyRange = {},
): readonly Cursor[] {
  if (share === undefined) return reader.cursors(at, range)
  const bounds = intersection(range, keysOfHashes(share))
  return reader.cursors(at, bounds).map((cursor) => new ShareCursor(cursor, share))
}

/** Shows the tenants of a share alone. */
class ShareCursor implements Cursor {
  readonly #cursor: TableCursor
  readonly #share: HashRange
  readonly #bounds: KeyRange

  constructor(cursor: TableCursor, share: HashRange) {
    this.#cursor = cursor
    this.#share = share
    this.#bounds = keysOfHashes(share)
  }

  get isValid(): boolean {
    const cursor = this.#cursor
    if (!cursor.isValid) return false
    const { keyBytes, keyStart } = cursor.entry
    return isHashIn(this.#share, tenantHashOfKey(keyBytes, keyStart))
  }

  get entry(): EntrySlot {
    return this.#cursor.entry
  }

  seek(key: Uint8Array, seqNum: SeqNum): void {
    const { lower } = this.#bounds
    if (lower !== undefined && compareKeys(key, lower) < 0) this.#cursor.seek(lower, SEQ_NUM_MAX)
    else this.#cursor.seek(key, seqNum)
  }

  seekLast(key?: Uint8Array): void {
    const { upper } = this.#bounds
    const isBeyond = upper !== undefined && (key === undefined || compareKeys(key, upper) > 0)
    this.#cursor.seekLast(isBeyond ? upper : key)
  }

  next(): void {
    this.#cursor.next()
  }

  prev(): void {
    this.#cursor.prev()
  }

  close(): void {
    this.#cursor.close()
  }

  countBefore(other: EntrySlot, direction: number): number {
    // What follows without another look is of the same tenant.
    return this.#cursor.countBefore(other, direction)
  }
}

function intersection(a: KeyRange, b: KeyRange): KeyRange {
  const isLower = a.lower === undefined || (b.lower && compareKeys(b.lower, a.lower) > 0)
  const isUpper = a.upper === undefined || (b.upper && compareKeys(b.upper, a.upper) < 0)
  return { lower: isLower ? b.lower : a.lower, upper: isUpper ? b.upper : a.upper }
}
