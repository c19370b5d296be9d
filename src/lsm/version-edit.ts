// What changes the file set of a tablet, and its bytes in a manifest (lsm/manifest-format.ts): a varint tabletId, then
// fields, then a 0. Little-endian; varints as in codec/bytes.ts. Each field is a tag byte and what follows it:
//
//   tag  field          bytes
//     1  created        u32 hashStart, u64 hashEnd: the tablet begins to exist, for tenant hashes hashStart..hashEnd-1
//     2  flushedSeqNum  u64: everything of the tablet up to here is in tables
//     3  historyFloor   u64: versions that only snapshots below it can see may be gone; read, not written any more: as a
//                       mark with the moment 2^53-1, durable and floor of this SeqNum
//     4  removed        u8 level, varint fileId
//     5  added          u8 level, varint fileId, varint fileBytes, u32 footerChecksum, varint entryCount,
//                       varint tombstoneCount, varint minSeqNum, varint maxSeqNum,
//                       varint length and bytes of smallestKey, the same of largestKey: a table of format version 1
//     6  historyMark    u64 moment, u64 durable, u64 floor: versions may be gone, see lsm/history-marks.ts
//     7  added          as 5, then of the table's history varint entryCount, varint bytes, varint firstEndSeqNum,
//                       varint lastEndSeqNum
//     8  share          u32 hashStart, u64 hashEnd, varint bytes: of the table added by the field before, only tenants with
//                       hashes hashStart..hashEnd-1 count; they take so many bytes of the file. smallestKey and largestKey
//                       are theirs, everything else is the whole file's
//     9  range          u32 hashStart, u64 hashEnd: from now on the tablet holds the tenant hashes hashStart..hashEnd-1
//    10  ended          the tablet is no more; others have its hashes and its tables
//
// Tags 1 to 3, 9 and 10 occur at most once, the others any number of times. All removals count before all additions, so a
// table that moves to another level, or whose share changes, is both.
//
// A split and a merge (lsm/table-share.ts) are one frame each, with the edits of both tablets.
//
// Valid:  every tag is known, the 0 is there, levels are below LEVEL_COUNT.
// Crash:  an edit is part of a frame, which is there as a whole or not at all.
// Compat: a new tag needs another format version or an incompatible bit in the file header; 6 and 7 came with format version 2,
//         8 to 10 with format version 3. Tags are never used again.

import { type FileId, SEQ_NUM_MAX, type SeqNum, type TabletId } from '../base/ids.js'
import { type ByteReader, type ByteWriter, EndOfBytes } from '../codec/bytes.js'
import type { HashRange } from '../codec/tenant-key.js'
import type { TableHistory, TableMeta } from '../sstable/format.js'
import type { HistoryMark } from './history-marks.js'

/** Level 0 and the sorted levels below it. */
export const LEVEL_COUNT = 7

const TAG_END = 0
const TAG_CREATED = 1
const TAG_FLUSHED = 2
const TAG_HISTORY_FLOOR = 3
const TAG_REMOVED = 4
const TAG_ADDED_1 = 5
const TAG_HISTORY_MARK = 6
const TAG_ADDED = 7
const TAG_SHARE = 8
const TAG_RANGE = 9
const TAG_ENDED = 10

export interface AddedTable {
  readonly level: number
  readonly meta: TableMeta
}

export interface RemovedTable {
  readonly level: number
  readonly fileId: FileId
}

/** One change of one tablet. Several edits become live together when one manifest frame holds them. */
export interface VersionEdit {
  readonly tabletId: TabletId
  readonly added: readonly AddedTable[]
  readonly removed: readonly RemovedTable[]
  /** Everything of the tablet up to this SeqNum is in tables: recovery begins behind it. */
  readonly flushedSeqNum?: SeqNum | undefined
  /** What of the history may be gone. */
  readonly historyMarks?: readonly HistoryMark[] | undefined
  /** The tablet begins to exist with this edit. */
  readonly created?: HashRange | undefined
  /** The hashes of the tablet change. */
  readonly range?: HashRange | undefined
  /** The tablet ceases to exist with this edit. */
  readonly isEnded?: boolean | undefined
}

export function encodeVersionEdit(writer: ByteWriter, edit: VersionEdit): void {
  writer.varint(edit.tabletId)
  if (edit.created !== undefined) {
    writer.u8(TAG_CREATED)
    encodeRange(writer, edit.created)
  }
  if (edit.range !== undefined) {
    writer.u8(TAG_RANGE)
    encodeRange(writer, edit.range)
  }
  if (edit.isEnded === true) writer.u8(TAG_ENDED)
  if (edit.flushedSeqNum !== undefined) {
    writer.u8(TAG_FLUSHED)
    writer.u64(edit.flushedSeqNum)
  }
  for (const { moment, durable, floor } of edit.historyMarks ?? []) {
    writer.u8(TAG_HISTORY_MARK)
    writer.u64(moment)
    writer.u64(durable)
    writer.u64(floor)
  }
  for (const { level, fileId } of edit.removed) {
    writer.u8(TAG_REMOVED)
    writer.u8(level)
    writer.varint(fileId)
  }
  for (const { level, meta } of edit.added) {
    writer.u8(meta.history === undefined ? TAG_ADDED_1 : TAG_ADDED)
    writer.u8(level)
    encodeTableMeta(writer, meta)
    if (meta.history !== undefined) encodeHistory(writer, meta.history)
    if (meta.share === undefined) continue
    writer.u8(TAG_SHARE)
    encodeRange(writer, meta.share)
    writer.varint(meta.share.bytes)
  }
  writer.u8(TAG_END)
}

/** @throws EndOfBytes when the bytes are not an edit */
export function decodeVersionEdit(reader: ByteReader): VersionEdit {
  const tabletId = reader.varint() as TabletId
  const added: AddedTable[] = []
  const removed: RemovedTable[] = []
  let flushedSeqNum: SeqNum | undefined
  const historyMarks: HistoryMark[] = []
  let created: HashRange | undefined
  let range: HashRange | undefined
  let isEnded: true | undefined
  for (let tag = reader.u8(); tag !== TAG_END; tag = reader.u8()) {
    if (tag === TAG_CREATED) created = decodeRange(reader)
    else if (tag === TAG_RANGE) range = decodeRange(reader)
    else if (tag === TAG_ENDED) isEnded = true
    else if (tag === TAG_FLUSHED) flushedSeqNum = reader.u64() as SeqNum
    else if (tag === TAG_HISTORY_FLOOR) {
      const floor = reader.u64() as SeqNum
      if (floor > 0) historyMarks.push({ moment: SEQ_NUM_MAX, durable: floor, floor })
    } else if (tag === TAG_HISTORY_MARK) historyMarks.push(readMark(reader))
    else if (tag === TAG_REMOVED) {
      removed.push({ level: readLevel(reader), fileId: reader.varint() as FileId })
    } else if (tag === TAG_ADDED_1 || tag === TAG_ADDED) {
      const level = readLevel(reader)
      const meta = decodeTableMeta(reader)
      const history = tag === TAG_ADDED ? decodeHistory(reader) : undefined
      added.push({ level, meta: { ...meta, history } })
    } else if (tag === TAG_SHARE) {
      const last = added.pop()
      if (last === undefined) throw new EndOfBytes('a share of no table')
      const share = { ...decodeRange(reader), bytes: reader.varint() }
      added.push({ level: last.level, meta: { ...last.meta, share } })
    } else throw new EndOfBytes(`unknown field ${tag} in a version edit`)
  }
  return { tabletId, added, removed, flushedSeqNum, historyMarks, created, range, isEnded }
}

function encodeRange(writer: ByteWriter, { hashStart, hashEnd }: HashRange): void {
  writer.u32(hashStart)
  writer.u64(hashEnd)
}

function decodeRange(reader: ByteReader): HashRange {
  return { hashStart: reader.u32(), hashEnd: reader.u64() }
}

function readMark(reader: ByteReader): HistoryMark {
  return {
    moment: reader.u64() as SeqNum,
    durable: reader.u64() as SeqNum,
    floor: reader.u64() as SeqNum,
  }
}

function encodeTableMeta(writer: ByteWriter, meta: TableMeta): void {
  writer.varint(meta.fileId)
  writer.varint(meta.fileBytes)
  writer.u32(meta.footerChecksum)
  writer.varint(meta.entryCount)
  writer.varint(meta.tombstoneCount)
  writer.varint(meta.minSeqNum)
  writer.varint(meta.maxSeqNum)
  writer.varint(meta.smallestKey.length)
  writer.raw(meta.smallestKey)
  writer.varint(meta.largestKey.length)
  writer.raw(meta.largestKey)
}

function encodeHistory(writer: ByteWriter, history: TableHistory): void {
  writer.varint(history.entryCount)
  writer.varint(history.bytes)
  writer.varint(history.firstEndSeqNum)
  writer.varint(history.lastEndSeqNum)
}

function decodeHistory(reader: ByteReader): TableHistory {
  return {
    entryCount: reader.varint(),
    bytes: reader.varint(),
    firstEndSeqNum: reader.varint() as SeqNum,
    lastEndSeqNum: reader.varint() as SeqNum,
  }
}

function decodeTableMeta(reader: ByteReader): Omit<TableMeta, 'history'> {
  return {
    fileId: reader.varint() as FileId,
    fileBytes: reader.varint(),
    footerChecksum: reader.u32(),
    entryCount: reader.varint(),
    tombstoneCount: reader.varint(),
    minSeqNum: reader.varint() as SeqNum,
    maxSeqNum: reader.varint() as SeqNum,
    smallestKey: reader.raw(reader.varint()).slice(),
    largestKey: reader.raw(reader.varint()).slice(),
  }
}

function readLevel(reader: ByteReader): number {
  const level = reader.u8()
  if (level >= LEVEL_COUNT) throw new EndOfBytes(`there is no level ${level}`)
  return level
}
