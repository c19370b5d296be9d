// The header that every file starts with: who wrote it, which file it is, how to read on. 64 bytes, little-endian:
//
//   offset  bytes  field             meaning
//        0      8  magic             "TABULAR1"
//        8      2  formatVersion     3; files of versions 1 and 2 are read, too
//       10      1  fileType          1 WAL, 2 sstable, 3 manifest, 4 superblock, 5 segment (reserved)
//       11      1  checksumType      1: CRC-32 (IEEE); of everything behind the header
//       12      4  epoch             random per file: bytes of an earlier file in the same place never verify
//       16     16  databaseId        random, given at creation
//       32      8  incarnation       random at each open of the database
//       40      8  fileId            never reused within a database
//       48      2  transformId       block transform (codec/block-transform.ts); 0: none
//       50      1  isRecycled        1: behind the content lies that of an earlier file, which stands for zeros (WAL)
//       51      1  reserved          0
//       52      4  incompatibleBits  features a reader must know; none defined yet
//       56      4  headerBytes       64; more: an extended header follows (reserved for key id and salt)
//       60      4  checksum          CRC-32 over bytes 0..59
//
// Placed checksum of bytes at an offset of the file: CRC-32 over bytes 8..47 of the header (that much is the file's place
// seed), the offset as u64, and the bytes. So the same bytes elsewhere, or in another file, have another checksum.
//
// Valid:   magic and checksum match, and the type and the database are those expected.
// Crash:   a file whose header is missing or damaged was never finished; what that means is said by its own format.
// Compat:  magic, formatVersion and the checksum keep their places for ever. A newer formatVersion, an unknown
//          checksumType, transformId, headerBytes or incompatible bit is refused before anything is touched. Retired
//          values are never used again.

import { invariant } from '../base/assert.js'
import { type ErrorCode, engineError } from '../base/errors.js'
import type { FileId } from '../base/ids.js'
import { loadU32, loadU64, storeU32, storeU64 } from './bytes.js'
import { crc32 } from './checksum.js'

export const FILE_HEADER_BYTES = 64
/** What is written; every version from 1 on is read. */
export const FORMAT_VERSION = 3
export const FILE_TYPE_WAL = 1
export const FILE_TYPE_SSTABLE = 2
export const FILE_TYPE_MANIFEST = 3
export const FILE_TYPE_SUPERBLOCK = 4
/** Reserved. */
export const FILE_TYPE_SEGMENT = 5
export const CHECKSUM_TYPE_CRC32 = 1
export const DATABASE_ID_BYTES = 16
export const INCARNATION_BYTES = 8

const MAGIC = new TextEncoder().encode('TABULAR1')
/** Ids of block transforms that this version can undo. */
const TRANSFORM_ID_MAX = 0

const offsetCell = new Uint8Array(8)

export interface FileIdentity {
  readonly fileType: number
  readonly databaseId: Uint8Array
  readonly incarnation: Uint8Array
  readonly fileId: FileId
  /** Random, 32 bits. */
  readonly epoch: number
  readonly transformId: number
  /** Whether it takes the place of an earlier file. */
  readonly isRecycled?: boolean
}

/** A header that was read. */
export interface FoundIdentity extends FileIdentity {
  readonly formatVersion: number
}

export interface HeaderExpectation {
  /** For messages. */
  readonly path: string
  readonly fileType: number
  /** The code for damage, e.g. WAL_CORRUPT. */
  readonly corruptCode: ErrorCode
  /** Absent while the database is not known yet. */
  readonly databaseId?: Uint8Array | undefined
  readonly fileId?: FileId | undefined
}

export function encodeFileHeader(identity: FileIdentity): Uint8Array {
  invariant(identity.databaseId.length === DATABASE_ID_BYTES, 'a database id has 16 bytes')
  invariant(identity.incarnation.length === INCARNATION_BYTES, 'an incarnation has 8 bytes')
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  bytes.set(MAGIC, 0)
  bytes[8] = FORMAT_VERSION
  bytes[10] = identity.fileType
  bytes[11] = CHECKSUM_TYPE_CRC32
  storeU32(bytes, 12, identity.epoch)
  bytes.set(identity.databaseId, 16)
  bytes.set(identity.incarnation, 32)
  storeU64(bytes, 40, identity.fileId)
  bytes[48] = identity.transformId
  bytes[49] = identity.transformId >>> 8
  bytes[50] = identity.isRecycled === true ? 1 : 0
  storeU32(bytes, 56, FILE_HEADER_BYTES)
  storeU32(bytes, 60, crc32(bytes, 0, 60))
  return bytes
}

/**
 * Checks and reads a header.
 *
 * @param bytes  the file's first bytes, at least FILE_HEADER_BYTES when the file has them
 * @throws expected.corruptCode when damaged, or of another type, database or file
 * @throws FORMAT_UNSUPPORTED when intact but newer than this version
 */
export function decodeFileHeader(bytes: Uint8Array, expected: HeaderExpectation): FoundIdentity {
  const problem = headerProblem(bytes)
  if (problem !== undefined) throw damaged(expected, problem)
  const unsupported = unsupportedProblem(bytes)
  if (unsupported !== undefined) {
    const [what, found, known] = unsupported
    throw engineError('FORMAT_UNSUPPORTED', `${expected.path} needs ${what} ${found}`, {
      details: { path: expected.path, what, need: found, have: known },
    })
  }
  const identity: FoundIdentity = {
    formatVersion: formatVersionOf(bytes),
    fileType: bytes[10]!,
    epoch: loadU32(bytes, 12),
    databaseId: bytes.slice(16, 32),
    incarnation: bytes.slice(32, 40),
    fileId: loadU64(bytes, 40) as FileId,
    transformId: bytes[48]! | (bytes[49]! << 8),
  }
  if (identity.fileType !== expected.fileType) {
    throw damaged(expected, `file type is ${identity.fileType}, not ${expected.fileType}`)
  }
  if (expected.databaseId !== undefined && !isEqual(identity.databaseId, expected.databaseId)) {
    throw damaged(expected, 'the file belongs to another database')
  }
  if (expected.fileId !== undefined && identity.fileId !== expected.fileId) {
    throw damaged(expected, `the header names file ${identity.fileId}, not ${expected.fileId}`)
  }
  return identity
}

/** The type that a header states, intact or not; undefined when the bytes do not begin with our magic. */
export function fileTypeOf(bytes: Uint8Array): number | undefined {
  return MAGIC.every((byte, i) => bytes[i] === byte) ? bytes[10] : undefined
}

/** Whether bytes behind the content are those of an earlier file. */
export function isRecycled(headerBytes: Uint8Array): boolean {
  return headerBytes[50] === 1
}

/** The seed of every checksum in a file with this header. */
export function placeSeedOf(headerBytes: Uint8Array): number {
  return crc32(headerBytes, 8, 48)
}

/** The checksum of bytes at their place, see the head of this file. */
export function placedChecksum(
  placeSeed: number,
  offsetBytes: number,
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): number {
  storeU64(offsetCell, 0, offsetBytes)
  return crc32(bytes, start, end, crc32(offsetCell, 0, 8, placeSeed))
}

/** What is wrong with the bytes as a header of any version; undefined when intact. */
function headerProblem(bytes: Uint8Array): string | undefined {
  if (bytes.length < FILE_HEADER_BYTES) return 'the file is shorter than its header'
  for (let i = 0; i < MAGIC.length; i++) {
    if (bytes[i] !== MAGIC[i]) return 'the magic is not ours'
  }
  if (crc32(bytes, 0, 60) !== loadU32(bytes, 60)) return 'the header checksum does not match'
  return undefined
}

function formatVersionOf(bytes: Uint8Array): number {
  return bytes[8]! | (bytes[9]! << 8)
}

function unsupportedProblem(bytes: Uint8Array): [string, number, number] | undefined {
  const formatVersion = formatVersionOf(bytes)
  if (formatVersion === 0 || formatVersion > FORMAT_VERSION) {
    return ['formatVersion', formatVersion, FORMAT_VERSION]
  }
  const checksumType = bytes[11]!
  if (checksumType !== CHECKSUM_TYPE_CRC32) {
    return ['checksumType', checksumType, CHECKSUM_TYPE_CRC32]
  }
  const transformId = bytes[48]! | (bytes[49]! << 8)
  if (transformId > TRANSFORM_ID_MAX) return ['transformId', transformId, TRANSFORM_ID_MAX]
  const incompatibleBits = loadU32(bytes, 52)
  if (incompatibleBits !== 0) return ['incompatibleBits', incompatibleBits, 0]
  const headerBytes = loadU32(bytes, 56)
  if (headerBytes !== FILE_HEADER_BYTES) return ['headerBytes', headerBytes, FILE_HEADER_BYTES]
  return undefined
}

function damaged(expected: HeaderExpectation, problem: string) {
  return engineError(expected.corruptCode, `${expected.path}: ${problem}`, {
    details: { file: expected.path, offsetBytes: 0 },
  })
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
