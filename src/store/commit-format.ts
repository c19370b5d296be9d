// The payload of one COMMIT frame of the WAL: all writes of one commit, grouped by tenant.
//
//   bytes    field         meaning
//   1        version       1
//   varint   sectionCount  how many tenants the commit writes to
//   then per section:
//   u32 LE   tenantHash    as in the first four bytes of the tenant's keys
//   u32 LE   tenantId
//   varint   plainBytes    length of the section before the block transform
//   varint   storedBytes   length of what follows
//   n        stored        the transformed records
//
// A record: kind (1 byte: 1 put, 2 delete, 0 overwritten later in the same commit), varint keyBytes, varint valueBytes,
// key, value. A section is transformed as a whole at the place (tenant, file 0, offset seqNum): one seal per tenant and
// commit. Each key appears at most once with a kind other than 0.
//
// Valid:  the frame's checksum matches; then every length must fit exactly, or the log is corrupt.
// Compat: a reader refuses a version it does not know. Kind 3 is reserved for range deletes.

import { engineError } from '../base/errors.js'
import type { FileId, SeqNum, TenantId } from '../base/ids.js'
import { type BlockTransform, IDENTITY_TRANSFORM } from '../codec/block-transform.js'
import { ByteReader, type ByteWriter, EndOfBytes } from '../codec/bytes.js'
import { ENTRY_KIND_DELETE, ENTRY_KIND_PUT } from '../codec/entry.js'

export const COMMIT_VERSION = 1
/** A record that a later one of the same commit replaced. */
export const RECORD_KIND_DEAD = 0

/** The place of a commit section: commits are not in a table file, and their SeqNum never repeats. */
const WAL_PLACE_FILE_ID = 0 as FileId

const WRONG_LENGTH = 'has a section of the wrong length'

export interface CommitSection {
  readonly tenantHash: number
  readonly tenantId: TenantId
  /** Length of the records. */
  readonly byteCount: number
}

export interface CommitOptions<Section> {
  readonly seqNum: SeqNum
  readonly transform: BlockTransform
  /** Appends the records of a section, one behind the other. */
  readonly copyRecords: (section: Section, out: ByteWriter) => void
}

/** Writes the payload of a commit behind what `out` holds. */
export function encodeCommit<Section extends CommitSection>(
  out: ByteWriter,
  sections: readonly Section[],
  { seqNum, transform, copyRecords }: CommitOptions<Section>,
): void {
  out.u8(COMMIT_VERSION)
  out.varint(sections.length)
  for (const section of sections) {
    const { tenantHash, tenantId, byteCount } = section
    out.u32(tenantHash)
    out.u32(tenantId)
    out.varint(byteCount)
    const storedAt = out.length
    out.varint(byteCount)
    const start = out.length
    copyRecords(section, out)
    if (transform.id === IDENTITY_TRANSFORM.id) continue
    const place = { tenantId, fileId: WAL_PLACE_FILE_ID, offsetBytes: seqNum }
    const stored = transform.seal(out.bytes.slice(start, out.length), place)
    out.length = storedAt
    out.varint(stored.length)
    out.raw(stored)
  }
}

/** Called for each live record; the bytes are views that are valid during the call. */
export type RecordVisitor = (
  kind: number,
  bytes: Uint8Array,
  keyStart: number,
  keyEnd: number,
  valueEnd: number,
) => void

/**
 * Calls `visit` for each live record of a payload, in commit order within a tenant.
 *
 * @throws WAL_CORRUPT when a length does not fit or a version or kind is unknown
 */
export function decodeCommit(
  payload: Uint8Array,
  seqNum: SeqNum,
  transform: BlockTransform,
  visit: RecordVisitor,
): void {
  try {
    const reader = new ByteReader(payload)
    if (reader.u8() !== COMMIT_VERSION) throw damaged(seqNum, 'has an unknown version')
    const sectionCount = reader.varint()
    for (let i = 0; i < sectionCount; i++) {
      reader.u32()
      const tenantId = reader.u32() as TenantId
      const plainBytes = reader.varint()
      const storedBytes = reader.varint()
      if (transform.id === IDENTITY_TRANSFORM.id) {
        // Read where they are: a load over many tenants has a section for every few rows.
        if (storedBytes !== plainBytes) throw damaged(seqNum, WRONG_LENGTH)
        const end = reader.skip(storedBytes) + storedBytes
        decodeRecords(payload, end - storedBytes, end, seqNum, visit)
        continue
      }
      const place = { tenantId, fileId: WAL_PLACE_FILE_ID, offsetBytes: seqNum }
      const plain = transform.open(reader.raw(storedBytes), place)
      if (plain.length !== plainBytes) throw damaged(seqNum, WRONG_LENGTH)
      decodeRecords(plain, 0, plain.length, seqNum, visit)
    }
    if (reader.position !== payload.length) throw damaged(seqNum, 'has bytes after its end')
  } catch (error) {
    if (error instanceof EndOfBytes) throw damaged(seqNum, 'ends too early', error)
    throw error
  }
}

function decodeRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  seqNum: SeqNum,
  visit: RecordVisitor,
): void {
  const reader = new ByteReader(bytes, start, end)
  while (reader.position < end) {
    const kind = reader.u8()
    const keyBytes = reader.varint()
    const valueBytes = reader.varint()
    const keyStart = reader.position
    const keyEnd = keyStart + keyBytes
    const valueEnd = keyEnd + valueBytes
    if (valueEnd > end) throw damaged(seqNum, 'has a record that ends too late')
    if (kind === ENTRY_KIND_PUT || kind === ENTRY_KIND_DELETE) {
      visit(kind, bytes, keyStart, keyEnd, valueEnd)
    } else if (kind !== RECORD_KIND_DEAD) {
      throw damaged(seqNum, 'has a record of an unknown kind')
    }
    reader.position = valueEnd
  }
}

function damaged(seqNum: SeqNum, what: string, cause?: unknown): Error {
  return engineError('WAL_CORRUPT', `commit ${seqNum} ${what}`, { details: { seqNum }, cause })
}
