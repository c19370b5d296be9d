// The write-ahead log: one per database, in files NNNNNN.wal, NNNNNN being the file id in decimal, six digits or more. A
// commit is in the log, whole, in one frame, before anybody is told that it happened.
//
//   | file header 64 bytes | START | COMMIT | COMMIT | ... | zeros |
//
// File header as in codec/file-header.ts with fileType 1, frames as in codec/frame.ts, little-endian. Frame types:
//
//   type  name    seqNum                       payload
//      1  START   previousSeqNum               see below; the first frame of every file, and only the first
//      2  COMMIT  the commit's; each above the  the commit, opaque here (store/commit-format.ts)
//                 one before, over all files
//
//   offset  bytes  field             meaning (payload of START)
//        0      8  previousFileId    the file that the log went on from; 0 in the first file of a database
//        8      8  previousEndBytes  where the log ends in that file: what lies behind is not part of the log
//       16      8  previousSeqNum    the last commit before this file; 0 when there is none
//       24      8  spaceBytes        this file was durable at this length before it was started
//
// A new file comes into being in this order: created under its final name, header written, file and directory synced; then
// space is made by writing zeros, as much as the file shall hold for a file made ahead of time, a first stretch for one
// that is made when it is needed. Syncs into space that is there already cost half of those that make a file grow. The
// header is durable before any other byte of the file is written. A file is started by its START frame: at once for the
// first file of a database, together with the first commits that no longer fit the previous file for the others. Into the
// last file of a log that was recovered nothing fits any more. The previous file is durable to its end before that.
//
// A file that is obsolete and has all of its space may become a new one instead of being removed, which saves the zeros:
// renamed to NNNNNN.spare, directory synced; then the header of the new file written over the old one and synced; then
// renamed to its name in the log, directory synced. Its header says that it is recycled. Frames of its earlier life have
// another epoch, another file id in their checksums, and so are no frames of the file: they stand for zeros.
//
// Valid:  the log is the chain of started files, newest first, linked by START.previousFileId. Each file of the chain but
//         the newest must hold valid frames up to exactly the previousEndBytes of the next, ending with previousSeqNum. The
//         newest ends where its valid frames end, and that end must not be `corrupt` in the sense of codec/frame.ts. No
//         file of the chain is shorter than its spaceBytes. Older files are needed only as far back as there are commits
//         that no sstable holds; files that the chain does not need are left over and may be removed.
// Crash:  the newest file may end with torn writes, all of them behind its last sync; a cut is recorded by the START of the
//         file that recovery goes on with, nothing is ever appended behind it. Files newer than the newest started one were
//         made ahead of time and never used, or their first write is torn or lost: they hold nothing. A file not longer
//         than its header is one that was being created. Spare files hold nothing, whatever their header says, and a file
//         of the log has its own header under its name at any time. Removals may have happened in any order, so a left-over
//         file may stand before a missing one. Damage of a longer file's header is never the work of a crash.
// Compat: readers refuse a newer formatVersion and unknown frame types. Retired types are never used again.

import { type ErrorCode, engineError } from '../base/errors.js'
import type { FileId, SeqNum } from '../base/ids.js'
import { loadU64, storeU64 } from '../codec/bytes.js'
import { frameBytes } from '../codec/frame.js'

export const FRAME_TYPE_START = 1
export const FRAME_TYPE_COMMIT = 2

const START_PAYLOAD_BYTES = 32
export const START_FRAME_BYTES: number = frameBytes(START_PAYLOAD_BYTES)
const NAME_PATTERN = /^(\d{6,16})\.wal$/

/** A place in the log where it can go on: behind the last frame of a file. */
export interface WalPosition {
  readonly fileId: FileId
  readonly endBytes: number
  /** The last commit up to there. */
  readonly seqNum: SeqNum
}

/** Before the first file of a database. */
export const WAL_BEGINNING: WalPosition = {
  fileId: 0 as FileId,
  endBytes: 0,
  seqNum: 0 as SeqNum,
}

/** A file of the log that is none any more, to become another one. */
export function spareFileName(fileId: FileId): string {
  return `${String(fileId).padStart(6, '0')}.spare`
}

export function walFileName(fileId: FileId): string {
  return `${String(fileId).padStart(6, '0')}.wal`
}

/** The file id that a name in the directory stands for; undefined when it is no WAL file's name. */
export function walFileIdOf(name: string): FileId | undefined {
  const digits = NAME_PATTERN.exec(name)?.[1]
  if (digits === undefined) return undefined
  const fileId = Number(digits) as FileId
  return walFileName(fileId) === name ? fileId : undefined
}

export interface WalStart {
  readonly previous: WalPosition
  readonly spaceBytes: number
}

export function encodeStart({ previous, spaceBytes }: WalStart): Uint8Array {
  const payload = new Uint8Array(START_PAYLOAD_BYTES)
  storeU64(payload, 0, previous.fileId)
  storeU64(payload, 8, previous.endBytes)
  storeU64(payload, 16, previous.seqNum)
  storeU64(payload, 24, spaceBytes)
  return payload
}

/** Undefined when the payload is not that of a START frame. */
export function decodeStart(payload: Uint8Array): WalStart | undefined {
  if (payload.length !== START_PAYLOAD_BYTES) return undefined
  const previous = {
    fileId: loadU64(payload, 0) as FileId,
    endBytes: loadU64(payload, 8),
    seqNum: loadU64(payload, 16) as SeqNum,
  }
  return { previous, spaceBytes: loadU64(payload, 24) }
}

export function walError(code: ErrorCode, path: string, offsetBytes: number, problem: string) {
  return engineError(code, `${path}: ${problem}`, { details: { file: path, offsetBytes } })
}
