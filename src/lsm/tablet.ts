// One tablet: the LSM tree that holds a contiguous range of tenant hashes.
//
// What is readable at one moment is a `TabletView`: memtables, newest first, over the open tables of a version. A view
// never changes; sealing a memtable or installing a version makes a new one. Scans hold the view they started on, so a
// table that compaction replaced stays open until its last scan ends, and is deleted then.
//
// Invariants:
// 1. Every version in `memtables[i]` of a key is newer than all of that key in `memtables[i + 1]`, and those are newer
//    than all in tables; level 0 is newest first; level n is newer than level n + 1. So the first hit of a point read
//    at a snapshot is the newest version that the snapshot sees.
// 2. Sealed memtables are flushed oldest first, one at a time.
// 3. A table's `holders` counts the views that list it and are current or held by a scan.
// 4. Nobody asks a tablet for tenants outside of its hashes. When it splits or merges (lsm/table-share.ts), its memtables
//    may hold some: flushes leave them out.

import { invariant } from '../base/assert.js'
import { SEQ_NUM_MAX, SEQ_NUM_ZERO, type SeqNum, type TabletId } from '../base/ids.js'
import {
  type Cursor,
  ENTRY_KIND_PUT,
  type EntrySlot,
  isBehind,
  type KeyRange,
} from '../codec/entry.js'
import { type HashRange, tenantHashOfKey } from '../codec/tenant-key.js'
import { compareKeys } from '../kernels/bytes.js'
import type { TableMeta } from '../sstable/format.js'
import type { TableReader } from '../sstable/table-reader.js'
import type { EntryCache } from './entry-cache.js'
import { Memtable } from './memtable.js'
import { MergeCursor } from './merge-cursor.js'
import { cursorsOf } from './table-share.js'
import { Version } from './version.js'

/** The cache of entries is asked until so many more reads found nothing than something: who reads what is not there never waits for it. */
const EXPECTED_MAX_COUNT = 16

/** A table of a version with its reader. */
export interface OpenTable {
  readonly meta: TableMeta
  readonly reader: TableReader
  /** Of the tenants of its smallest and largest key: most keys are told apart by them. */
  readonly firstHash: number
  readonly lastHash: number
  holders: number
}

/** What tables come from and go to; the store owns files and caches. */
export interface TableSource {
  open(meta: TableMeta): TableReader
  /** The tablet needs the table no more: its file goes when no other one does. */
  discard(table: OpenTable): void
  /** What was read of them more than once. */
  readonly entries: EntryCache
}

export interface TabletOptions {
  readonly id: TabletId
  /** First tenant hash of the tablet. */
  readonly hashStart: number
  /** First tenant hash behind the tablet, at most 2^32. */
  readonly hashEnd: number
  readonly version: Version
  /** What recovery replayed, newest first; the first is the active one. */
  readonly memtables: readonly Memtable[]
  readonly tables: TableSource
}

export class TabletView {
  /** Newest first; the first is the active one. */
  readonly memtables: readonly Memtable[]
  readonly version: Version
  /** As in the version: level 0 newest first, the others sorted by key. */
  readonly levels: readonly (readonly OpenTable[])[]
  holders = 1

  constructor(
    memtables: readonly Memtable[],
    version: Version,
    levels: readonly (readonly OpenTable[])[],
  ) {
    this.memtables = memtables
    this.version = version
    this.levels = levels
    for (const level of levels) for (const table of level) table.holders++
  }
}

export class Tablet {
  readonly id: TabletId
  readonly hashStart: number
  readonly #source: TableSource
  readonly #entries: EntryCache
  /** A file has a meta for each of its shares. */
  readonly #open = new Map<TableMeta, OpenTable>()
  #hashEnd: number
  #view: TabletView
  /** Of the tables of the view, in the cache of entries. */
  #stamp: number
  /** Nothing in them is newer. */
  #tablesMaxSeqNum: SeqNum
  /** Rises while reads find something in tables, falls while they do not. */
  #expectedCount = 0

  constructor(options: TabletOptions) {
    this.id = options.id
    this.hashStart = options.hashStart
    this.#hashEnd = options.hashEnd
    this.#source = options.tables
    this.#entries = options.tables.entries
    this.#view = new TabletView(
      options.memtables,
      options.version,
      this.#openLevels(options.version),
    )
    this.#stamp = this.#entries.newStamp()
    this.#tablesMaxSeqNum = maxSeqNumOf(options.version)
  }

  get hashEnd(): number {
    return this.#hashEnd
  }

  get view(): TabletView {
    return this.#view
  }

  get version(): Version {
    return this.#view.version
  }

  get active(): Memtable {
    return this.#view.memtables[0]!
  }

  /** Sealed memtables, newest first. */
  get sealed(): readonly Memtable[] {
    return this.#view.memtables.slice(1)
  }

  /** Whether memtables wait for their flush. */
  get hasSealed(): boolean {
    return this.#view.memtables.length > 1
  }

  /** SeqNum of the oldest write that no table holds yet; undefined when all are in tables. */
  get oldestUnflushed(): SeqNum | undefined {
    const { memtables } = this.#view
    for (let i = memtables.length - 1; i >= 0; i--) {
      if (!memtables[i]!.isEmpty) return memtables[i]!.minSeqNum
    }
    return undefined
  }

  /** What the entries of all memtables take. */
  get memtableBytes(): number {
    let sum = 0
    for (const memtable of this.#view.memtables) sum += memtable.ownBytes
    return sum
  }

  /** The same with what finds and orders the entries. */
  get memoryBytes(): number {
    let sum = 0
    for (const memtable of this.#view.memtables) sum += memtable.memoryBytes
    return sum
  }

  /** Files of the current view and of those that scans still hold. */
  get openFileIds(): readonly number[] {
    return [...this.#open.keys()].map(({ fileId }) => fileId)
  }

  /** The reader of a table of the current version. */
  readerOf(meta: TableMeta): TableReader {
    const table = this.#open.get(meta)
    invariant(table !== undefined, 'the tables of the current version are open')
    return table.reader
  }

  /** Fills the slot with the newest version at or below `at`, tombstones included. */
  get(key: Uint8Array, keyHash: number, at: SeqNum, slot: EntrySlot): boolean {
    const { memtables } = this.#view
    for (let i = 0; i < memtables.length; i++) {
      if (memtables[i]!.get(key, keyHash, at, slot)) return true
    }
    if (this.#expectedCount > 0 && this.#entries.find(key, keyHash, this.#stamp, at, slot)) {
      return true
    }
    if (!this.#getFromTables(key, keyHash, at, slot)) {
      if (this.#expectedCount > 0) this.#expectedCount--
      return false
    }
    if (this.#expectedCount < EXPECTED_MAX_COUNT) this.#expectedCount++
    if (slot.kind === ENTRY_KIND_PUT && at >= this.#tablesMaxSeqNum) {
      this.#entries.keep(key, keyHash, this.#stamp, slot)
    }
    return true
  }

  #getFromTables(key: Uint8Array, keyHash: number, at: SeqNum, slot: EntrySlot): boolean {
    const { levels } = this.#view
    const tenantHash = tenantHashOfKey(key)
    const newest = levels[0]
    if (newest !== undefined) {
      for (let i = 0; i < newest.length; i++) {
        const table = newest[i]!
        if (covers(table, key, tenantHash) && table.reader.get(key, keyHash, at, slot)) return true
      }
    }
    for (let i = 1; i < levels.length; i++) {
      const table = tableOf(levels[i]!, key, tenantHash)
      if (table === undefined) continue
      if (table.reader.get(key, keyHash, at, slot)) return true
    }
    return false
  }

  /** Whether any version of the key is newer than `since`. Old tables are not touched. */
  isNewer(key: Uint8Array, keyHash: number, since: SeqNum, slot: EntrySlot): boolean {
    const { memtables, levels } = this.#view
    for (const memtable of memtables) {
      if (memtable.isEmpty || memtable.maxSeqNum <= since) continue
      if (memtable.get(key, keyHash, Number.MAX_SAFE_INTEGER as SeqNum, slot)) {
        return slot.seqNum > since
      }
    }
    const tenantHash = tenantHashOfKey(key)
    for (const level of levels) {
      for (const table of level) {
        if (table.meta.maxSeqNum <= since || !covers(table, key, tenantHash)) continue
        if (table.reader.get(key, keyHash, Number.MAX_SAFE_INTEGER as SeqNum, slot)) {
          if (slot.seqNum > since) return true
        }
      }
    }
    return false
  }

  /** Whether any version in the range is newer than `since`. Old tables are not touched. */
  isRangeNewer(range: KeyRange, since: SeqNum): boolean {
    const view = this.#view
    if (view.memtables.some((memtable) => memtable.isRangeNewer(range, since))) return true
    const cursor = new MergeCursor(tableCursors(view, range, SEQ_NUM_MAX, since))
    cursor.seek(range.lower ?? new Uint8Array(0), SEQ_NUM_MAX)
    for (; cursor.isValid && !isBehind(cursor.entry, range.upper); cursor.next()) {
      if (cursor.entry.seqNum > since) return true
    }
    return false
  }

  /**
   * A cursor over every version in the range that a snapshot at or above `at` may see, and older ones that lie on the way;
   * with `since`, only over sources with newer versions.
   */
  cursorOver(view: TabletView, range: KeyRange, at: SeqNum, since?: SeqNum): Cursor {
    const children: Cursor[] = []
    for (const memtable of view.memtables) {
      if (memtable.isEmpty || (since !== undefined && memtable.maxSeqNum <= since)) continue
      children.push(memtable.cursor())
    }
    children.push(...tableCursors(view, range, at, since))
    return children.length === 1 ? children[0]! : new MergeCursor(children)
  }

  /** Keeps the current view alive until `release`. */
  acquire(): TabletView {
    this.#view.holders++
    return this.#view
  }

  release(view: TabletView): void {
    invariant(view.holders > 0, 'a view is released once per acquire')
    view.holders--
    if (view.holders > 0) return
    for (const level of view.levels) {
      for (const table of level) {
        table.holders--
        if (table.holders === 0) this.#discard(table)
      }
    }
  }

  /** Makes the active memtable read-only and starts a new one. Nothing happens when it is empty. */
  seal(): void {
    if (this.active.isEmpty) return
    this.#replace([new Memtable(), ...this.#view.memtables], this.#view.version)
  }

  /**
   * Takes back every write newer than `seqNum`, none of which was flushed or seen. Views of before keep them.
   *
   * @param copies  of memtables, without those writes, made by tablets that share them, and by this one
   */
  forgetAfter(seqNum: SeqNum, copies: Map<Memtable, Memtable>): void {
    const { memtables, version } = this.#view
    if (memtables.every(({ maxSeqNum }) => maxSeqNum <= seqNum)) return
    const kept = memtables.map((memtable) => {
      if (memtable.maxSeqNum <= seqNum) return memtable
      const copy = copies.get(memtable) ?? memtable.upTo(seqNum)
      copies.set(memtable, copy)
      return copy
    })
    this.#replace(
      kept.filter((memtable, i) => i === 0 || !memtable.isEmpty),
      version,
    )
  }

  /**
   * Splits: this tablet goes on with the tenants below the hash, and memtables are shared until both have flushed them.
   *
   * @param version  what remains of this tablet's tables
   * @returns the rest, with new memtables in front
   */
  split(hash: number, version: Version, rest: Omit<TabletOptions, keyof HashRange | 'memtables'>) {
    this.seal()
    const { sealed, hashEnd } = this
    for (const memtable of sealed) memtable.share()
    const memtables = [new Memtable(), ...sealed]
    const tablet = new Tablet({ ...rest, hashStart: hash, hashEnd, memtables })
    this.#hashEnd = hash
    this.#replace(this.#view.memtables, version)
    return tablet
  }

  /**
   * Merges with the tablet behind this one, which is not used any more. All writes of both that are older than their last
   * flush are in tables, hence what memtables hold can become one.
   *
   * @param version  the tables of both
   */
  absorb(next: Tablet, version: Version): void {
    invariant(next.hashStart === this.#hashEnd, 'neighbours merge')
    let memtables: readonly Memtable[] = this.#view.memtables
    if (next.oldestUnflushed !== undefined) {
      const all = new Memtable()
      for (const memtable of [...next.view.memtables, ...memtables].toReversed()) {
        all.addAll(memtable)
        memtable.letGo()
      }
      memtables = [all]
    }
    this.#hashEnd = next.hashEnd
    this.#replace(memtables, version)
    next.#retire()
  }

  /** Installs a version; `flushed` is the memtable whose entries it brings into tables. */
  install(version: Version, flushed?: Memtable): void {
    const kept = this.#view.memtables.filter((memtable) => memtable !== flushed)
    invariant(flushed === undefined || kept.length > 0, 'the active memtable is never flushed')
    this.#replace(kept, version)
    flushed?.letGo()
  }

  /** Only scans that are open still read it. */
  #retire(): void {
    this.#replace([new Memtable()], Version.EMPTY)
  }

  #replace(memtables: readonly Memtable[], version: Version): void {
    const before = this.#view
    const levels = version === before.version ? before.levels : this.#openLevels(version)
    this.#view = new TabletView(memtables, version, levels)
    if (version !== before.version) {
      this.#stamp = this.#entries.newStamp()
      this.#tablesMaxSeqNum = maxSeqNumOf(version)
    }
    this.release(before)
  }

  #openLevels(version: Version): OpenTable[][] {
    return version.levels.map((level) => level.map((meta) => this.#tableFor(meta)))
  }

  #tableFor(meta: TableMeta): OpenTable {
    const known = this.#open.get(meta)
    if (known !== undefined) return known
    const table: OpenTable = {
      meta,
      reader: this.#source.open(meta),
      firstHash: tenantHashOfKey(meta.smallestKey),
      lastHash: tenantHashOfKey(meta.largestKey),
      holders: 0,
    }
    this.#open.set(meta, table)
    return table
  }

  #discard(table: OpenTable): void {
    this.#open.delete(table.meta)
    this.#source.discard(table)
  }
}

function maxSeqNumOf(version: Version): SeqNum {
  let max: SeqNum = SEQ_NUM_ZERO
  for (const level of version.levels) {
    for (const { maxSeqNum } of level) if (maxSeqNum > max) max = maxSeqNum
  }
  return max
}

/** Cursors over the tables that may hold something of the range; with `since`, only over those with newer versions. */
function tableCursors(
  { levels }: TabletView,
  range: KeyRange,
  at: SeqNum,
  since: SeqNum | undefined,
): Cursor[] {
  const { lower, upper } = range
  const cursors: Cursor[] = []
  for (const level of levels) {
    for (const { meta, reader } of level) {
      if (since !== undefined && meta.maxSeqNum <= since) continue
      if (lower !== undefined && compareKeys(meta.largestKey, lower) < 0) continue
      if (upper !== undefined && compareKeys(meta.smallestKey, upper) >= 0) continue
      cursors.push(...cursorsOf(reader, meta, at, range))
    }
  }
  return cursors
}

function covers(table: OpenTable, key: Uint8Array, tenantHash: number): boolean {
  return startsAtOrBefore(table, key, tenantHash) && !endsBefore(table, key, tenantHash)
}

/** The one table of a sorted level whose range holds the key. */
function tableOf(
  level: readonly OpenTable[],
  key: Uint8Array,
  tenantHash: number,
): OpenTable | undefined {
  let low = 0
  let high = level.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (endsBefore(level[middle]!, key, tenantHash)) low = middle + 1
    else high = middle
  }
  const table = level[low]
  return table !== undefined && startsAtOrBefore(table, key, tenantHash) ? table : undefined
}

function startsAtOrBefore(table: OpenTable, key: Uint8Array, tenantHash: number): boolean {
  const { firstHash } = table
  return firstHash === tenantHash
    ? compareKeys(table.meta.smallestKey, key) <= 0
    : firstHash < tenantHash
}

function endsBefore(table: OpenTable, key: Uint8Array, tenantHash: number): boolean {
  const { lastHash } = table
  return lastHash === tenantHash
    ? compareKeys(table.meta.largestKey, key) < 0
    : lastHash < tenantHash
}
