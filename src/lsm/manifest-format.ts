// The manifest, file `NNNNNN.manifest` (NNNNNN: the file id in decimal, six digits or more): which tables each tablet has
// and how that came about. One per database is current, the superblock names it (lsm/superblock.ts).
//
//   | file header 64 bytes | SNAPSHOT | EDITS | EDITS | ... | zeros |
//
// File header as in codec/file-header.ts with fileType 3, frames as in codec/frame.ts, little-endian. Frame types:
//
//   type  name      seqNum                        payload
//      1  SNAPSHOT  number of the last edit frame  edits that make the whole state out of nothing; first frame, only there
//                   of the database before it
//      2  EDITS     one more than the frame before edits that become live together
//
//   bytes  field       meaning (payload of both)
//       8  nextFileId  file ids below may be in use or have been
//       4  editCount   u32
//       n  edits       lsm/version-edit.ts, one behind the other
//
// A table is live when an edit that adds it is in the manifest and none behind it removes it. Whoever makes tables writes
// and syncs them, then their directory, then appends one frame; whoever replaces tables deletes them after that. So at any
// moment everything that the manifest names is there, and table files that it does not name are leftovers.
//
// Valid:  frames are valid up to the end as codec/frame.ts judges it, the bytes that the superblock calls proven among
//         them, with the checksum it states; edit numbers have no gap; every edit fits the state before it; the tablets
//         of the last state cover all tenant hashes without overlap.
// Crash:  an append may be torn: it was not acknowledged, and is cut. A recovered manifest is never appended to: the state
//         goes to a new file as a SNAPSHOT, is synced, and only then named by the superblock; the old file goes last.
// Compat: see codec/file-header.ts. Frame types are never used again.

import type { FileId } from '../base/ids.js'
import { ByteReader, ByteWriter, EndOfBytes } from '../codec/bytes.js'
import { decodeVersionEdit, encodeVersionEdit, type VersionEdit } from './version-edit.js'

export const FRAME_TYPE_SNAPSHOT = 1
export const FRAME_TYPE_EDITS = 2

const NAME_PATTERN = /^(\d{6,})\.(?:manifest|wal|spare|sst)$/

export interface ManifestPayload {
  readonly nextFileId: FileId
  readonly edits: readonly VersionEdit[]
}

export function manifestFileName(fileId: FileId): string {
  return `${String(fileId).padStart(6, '0')}.manifest`
}

/** The file id that a name of any of our files holds; undefined when it is not such a name. */
export function fileIdOfName(name: string): FileId | undefined {
  const digits = NAME_PATTERN.exec(name)?.[1]
  if (digits === undefined) return undefined
  const fileId = Number(digits)
  return Number.isSafeInteger(fileId) ? (fileId as FileId) : undefined
}

export function encodeManifestPayload(payload: ManifestPayload): Uint8Array {
  const writer = new ByteWriter(1024)
  writer.u64(payload.nextFileId)
  writer.u32(payload.edits.length)
  for (const edit of payload.edits) encodeVersionEdit(writer, edit)
  return writer.view()
}

/** @throws EndOfBytes when the bytes are not such a payload */
export function decodeManifestPayload(bytes: Uint8Array): ManifestPayload {
  const reader = new ByteReader(bytes)
  const nextFileId = reader.u64() as FileId
  const edits: VersionEdit[] = []
  for (let remaining = reader.u32(); remaining > 0; remaining--) {
    edits.push(decodeVersionEdit(reader))
  }
  if (reader.remaining > 0) throw new EndOfBytes('bytes behind the last version edit')
  return { nextFileId, edits }
}
