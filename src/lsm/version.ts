// The file set of one tablet at one moment. Never changes: an edit makes another version.
//
// Invariants:
// 1. Level 0 is ordered newest first. Of one key, a table further front holds the newer versions only.
// 2. Tables of a level from 1 on are ordered by key and no key is in two of them: each such level is one sorted run.
// 3. Level n holds newer versions of a key than level n + 1.
// 4. A file is in a version once.

import { type SeqNum, SEQ_NUM_ZERO } from '../base/ids.js'
import { compareKeys } from '../kernels/bytes.js'
import { tableBytes, type TableMeta } from '../sstable/format.js'
import { addMark, floorOfMarks, type HistoryMark } from './history-marks.js'
import { LEVEL_COUNT, type VersionEdit } from './version-edit.js'

/** The edit cannot follow the version. From disk that is damage, and callers turn it into their own corrupt error. */
export class EditMismatch extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'EditMismatch'
  }
}

export class Version {
  static readonly EMPTY: Version = new Version(
    Array.from({ length: LEVEL_COUNT }, () => []),
    SEQ_NUM_ZERO,
    [],
  )

  /** LEVEL_COUNT of them. */
  readonly levels: readonly (readonly TableMeta[])[]
  /** Everything of the tablet up to here is in tables. */
  readonly flushedSeqNum: SeqNum
  /** What of the history may be gone. */
  readonly historyMarks: readonly HistoryMark[]

  private constructor(
    levels: readonly (readonly TableMeta[])[],
    flushedSeqNum: SeqNum,
    historyMarks: readonly HistoryMark[],
  ) {
    this.levels = levels
    this.flushedSeqNum = flushedSeqNum
    this.historyMarks = historyMarks
  }

  /** Versions that only snapshots below it can see may be gone where tables and tenants have no policy of their own. */
  get historyFloor(): SeqNum {
    return floorOfMarks(this.historyMarks)
  }

  get isEmpty(): boolean {
    return this.levels.every((level) => level.length === 0)
  }

  get tableCount(): number {
    return this.levels.reduce((sum, level) => sum + level.length, 0)
  }

  /** What the tables of a level take of their files. */
  levelBytes(level: number): number {
    return totalBytes(this.levels[level] ?? [])
  }

  /** @throws EditMismatch */
  apply(edit: VersionEdit): Version {
    const levels = this.levels.map((level) => level.slice())
    for (const { level, fileId } of edit.removed) {
      const tables = levels[level]!
      const index = tables.findIndex((meta) => meta.fileId === fileId)
      if (index < 0) throw new EditMismatch(`level ${level} holds no table ${fileId} to remove`)
      tables.splice(index, 1)
    }
    const changed = new Set<number>()
    for (const { level, meta } of edit.added) {
      if (compareKeys(meta.smallestKey, meta.largestKey) > 0) {
        throw new EditMismatch(`table ${meta.fileId} ends before it begins`)
      }
      levels[level]!.push(meta)
      changed.add(level)
    }
    for (const level of changed) {
      if (level === 0) levels[0]!.sort(newestFirst)
      else orderRun(level, levels[level]!)
    }
    if (changed.size > 0) checkUnique(levels)
    return new Version(
      levels,
      later(this.flushedSeqNum, edit.flushedSeqNum),
      (edit.historyMarks ?? []).reduce(addMark, this.historyMarks),
    )
  }
}

/** The tables of a list whose keys reach into smallestKey..largestKey, both included. */
export function overlapping(
  tables: readonly TableMeta[],
  smallestKey: Uint8Array,
  largestKey: Uint8Array,
): TableMeta[] {
  return tables.filter(
    (meta) =>
      compareKeys(meta.largestKey, smallestKey) >= 0 &&
      compareKeys(meta.smallestKey, largestKey) <= 0,
  )
}

// Flushes of one tablet cover disjoint ranges of SeqNums; tables of one flush share a range, but no key.
function newestFirst(a: TableMeta, b: TableMeta): number {
  return b.maxSeqNum - a.maxSeqNum || b.fileId - a.fileId
}

function orderRun(level: number, tables: TableMeta[]): void {
  tables.sort((a, b) => compareKeys(a.smallestKey, b.smallestKey))
  for (let i = 1; i < tables.length; i++) {
    const before = tables[i - 1]!
    const after = tables[i]!
    if (compareKeys(before.largestKey, after.smallestKey) >= 0) {
      throw new EditMismatch(
        `tables ${before.fileId} and ${after.fileId} of level ${level} overlap`,
      )
    }
  }
}

function checkUnique(levels: readonly (readonly TableMeta[])[]): void {
  const seen = new Set<number>()
  for (const level of levels) {
    for (const { fileId } of level) {
      if (seen.has(fileId)) throw new EditMismatch(`table ${fileId} is there already`)
      seen.add(fileId)
    }
  }
}

/** What some tables take of their files. */
export function totalBytes(tables: readonly Pick<TableMeta, 'fileBytes' | 'share'>[]): number {
  let sum = 0
  for (const meta of tables) sum += tableBytes(meta)
  return sum
}

function later(a: SeqNum, b: SeqNum | undefined): SeqNum {
  return b !== undefined && b > a ? b : a
}
