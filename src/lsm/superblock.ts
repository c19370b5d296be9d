// The superblock, file `SUPERBLOCK`: the one place that says which manifest is current. Four sectors of 4,096 bytes in two
// slots, A (sectors 0 and 1) and B (sectors 2 and 3); both sectors of a slot say the same. Generation g is written to
// slot A when g is even, else to slot B, so the generation before stays intact until g is durable. A sector,
// little-endian, zeros behind the fields:
//
//   offset  bytes  field                meaning
//        0     64  header               codec/file-header.ts: fileType 4, fileId 0, the writer's incarnation
//       64      8  generation           1 at creation, one more with each write
//       72      8  manifestFileId       the current manifest
//       80      8  manifestProvenBytes  the manifest is durable up to here at least
//       88      4  manifestChecksum     headerChecksum of its frame that ends there; stands for all frames before, too
//       92      4  flags                bit 0: closed cleanly, every commit is in tables, and the log ends at walEndBytes:
//                                       it need not be read; other bits reserved, 0
//       96      8  nextFileId           file ids below may be in use or have been
//      104      8  walFileId            WAL file that is known to be durable ...
//      112      8  walEndBytes          ... up to here at least; both 0 when nothing is known
//      120      4  checksum             placed checksum over bytes 64..119 of the sector
//
// Valid:  the header is valid and the checksum matches. The valid sector with the highest generation counts.
// Crash:  the file comes into being whole (written under another name, synced, renamed): where it exists, one slot is
//         intact, whatever a power cut did to a write of the other. When no sector is valid the file was damaged, unless
//         all of it is the line `tabularium: unfinished checkpoint`: the directory is a checkpoint that is being made or
//         was cut off. The superblock of the finished checkpoint replaces that file.
// Compat: see codec/file-header.ts; flags are never used again.

import { dirname, resolve } from 'node:path'

import { engineError } from '../base/errors.js'
import type { FileId } from '../base/ids.js'
import { ByteReader, loadU32, storeU32, storeU64 } from '../codec/bytes.js'
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  FILE_TYPE_SUPERBLOCK,
  placedChecksum,
  placeSeedOf,
} from '../codec/file-header.js'
import { type File, type FileSystem, readFile } from '../env/file-system.js'

export const SUPERBLOCK_NAME = 'SUPERBLOCK'
/** What a creation that was interrupted can leave. */
export const NEW_SUPERBLOCK_NAME = 'SUPERBLOCK.new'

const SECTOR_BYTES = 4096
const SLOT_BYTES = 2 * SECTOR_BYTES
const FILE_BYTES = 2 * SLOT_BYTES
const CHECKSUM_OFFSET = 120
const FLAG_CLEAN = 1
const UNFINISHED_CHECKPOINT = 'tabularium: unfinished checkpoint\n'

/** How far a WAL file is known to be durable. */
export interface WalPosition {
  readonly fileId: FileId
  readonly endBytes: number
}

export interface Superblock {
  readonly databaseId: Uint8Array
  readonly incarnation: Uint8Array
  readonly generation: number
  readonly manifestFileId: FileId
  readonly manifestProvenBytes: number
  readonly manifestChecksum: number
  readonly isClean: boolean
  readonly nextFileId: FileId
  readonly wal: WalPosition | undefined
}

/** Whether the directory holds a database. A directory of that name is none of ours. */
export function hasSuperblock(fs: FileSystem, directory: string): boolean {
  const path = `${directory}/${SUPERBLOCK_NAME}`
  return fs.exists(path) && !fs.isDirectory(path)
}

/** The nearest database above a path that need not be there, as the path goes: by way of links, too. */
export function databaseAround(fs: FileSystem, path: string): string | undefined {
  const parent = dirname(resolve(path))
  if (parent === resolve(path)) return undefined
  return hasSuperblock(fs, parent) ? parent : databaseAround(fs, parent)
}

/**
 * Makes a superblock durable: generation 1 creates the file, later ones replace the older slot. A file with several names
 * is left to the others, and copied. On failure it is not known which generation counts.
 *
 * @param epoch  random
 * @throws DISK_FULL, IO_FAILED
 */
export async function writeSuperblock(
  fs: FileSystem,
  directory: string,
  superblock: Superblock,
  epoch: number,
): Promise<void> {
  const path = `${directory}/${SUPERBLOCK_NAME}`
  const isNew = superblock.generation === 1
  // Who keeps the file under another name, as backups do, keeps what it says now.
  if (!isNew && fs.linkCount(path) === 1) {
    await writeSlot(fs.open(path, 'write'), superblock, epoch)
    return
  }
  const before = isNew ? new Uint8Array(FILE_BYTES) : readFile(fs, path)
  await replaceFile(fs, directory, (file) => {
    file.write(before, 0)
    return writeSlot(file, superblock, epoch)
  })
}

/** Makes durable what was read: a process that died may have left it to the system. @throws IO_FAILED */
export async function syncSuperblock(fs: FileSystem, directory: string): Promise<void> {
  const file = fs.open(`${directory}/${SUPERBLOCK_NAME}`, 'write')
  try {
    await file.sync()
  } finally {
    file.close()
  }
}

/**
 * Marks the directory, durably, as a checkpoint that is not finished: opening it is refused until a superblock is written.
 *
 * @throws DISK_FULL, IO_FAILED
 */
export function markUnfinished(fs: FileSystem, directory: string): Promise<void> {
  return replaceFile(fs, directory, async (file) => {
    try {
      file.write(Buffer.from(UNFINISHED_CHECKPOINT), 0)
      await file.sync()
    } finally {
      file.close()
    }
  })
}

/** The file is as it was, or whole. `write` syncs and closes it. */
async function replaceFile(
  fs: FileSystem,
  directory: string,
  write: (file: File) => Promise<void>,
): Promise<void> {
  const newPath = `${directory}/${NEW_SUPERBLOCK_NAME}`
  if (fs.exists(newPath)) fs.remove(newPath)
  await write(fs.open(newPath, 'create'))
  fs.rename(newPath, `${directory}/${SUPERBLOCK_NAME}`)
  await fs.syncDirectoryAsync(directory)
}

/** The superblock that counts, and whether all of the file is as it was meant to be: a write of the other slot may be torn. */
export interface FoundSuperblock {
  readonly superblock: Superblock
  readonly isWhole: boolean
}

/**
 * Reads the superblock that counts.
 *
 * @throws FILE_MISSING when there is none
 * @throws CHECKPOINT_UNFINISHED
 * @throws MANIFEST_CORRUPT when no sector is valid
 * @throws FORMAT_UNSUPPORTED
 */
export function readSuperblock(fs: FileSystem, directory: string): FoundSuperblock {
  const path = `${directory}/${SUPERBLOCK_NAME}`
  const sectors = readSectors(fs, path)
  let newest: Superblock | undefined
  let problem: unknown
  for (const { superblock, error } of sectors) {
    if (isFromTheFuture(error)) throw error
    problem ??= error
    if (superblock !== undefined && superblock.generation > (newest?.generation ?? 0)) {
      newest = superblock
    }
  }
  if (newest === undefined) {
    throw superblockDamaged(path, 0, 'no copy of the superblock is intact', problem)
  }
  const { generation } = newest
  const copies = sectors.filter(({ superblock }) => superblock?.generation === generation)
  const isWhole = problem === undefined && copies.length === SLOT_BYTES / SECTOR_BYTES
  return { superblock: newest, isWhole: isWhole && sectors.length * SECTOR_BYTES === FILE_BYTES }
}

/** One of the four copies: what it says, or why it cannot be read, or neither when it was never written. */
export interface SuperblockSector {
  readonly offsetBytes: number
  readonly superblock?: Superblock
  readonly error?: unknown
}

/**
 * Reads every copy, for `readSuperblock` and for `tabularium inspect`.
 *
 * @throws FILE_MISSING, CHECKPOINT_UNFINISHED, IO_FAILED
 */
export function readSectors(fs: FileSystem, path: string): SuperblockSector[] {
  const bytes = readFile(fs, path)
  if (bytes.length < SECTOR_BYTES && Buffer.from(bytes).toString() === UNFINISHED_CHECKPOINT) {
    throw engineError('CHECKPOINT_UNFINISHED', `${path}: this checkpoint was never finished`, {
      details: { path },
    })
  }
  const sectors: SuperblockSector[] = []
  for (let offsetBytes = 0; offsetBytes + SECTOR_BYTES <= bytes.length; ) {
    const sector = bytes.subarray(offsetBytes, offsetBytes + SECTOR_BYTES)
    sectors.push(readSector(sector, offsetBytes, path))
    offsetBytes += SECTOR_BYTES
  }
  return sectors
}

function readSector(bytes: Uint8Array, offsetBytes: number, path: string): SuperblockSector {
  // The second slot of a database that was never opened again.
  if (bytes.every((byte) => byte === 0)) return { offsetBytes }
  try {
    return { offsetBytes, superblock: decodeSector(bytes, offsetBytes, path) }
  } catch (error) {
    return { offsetBytes, error }
  }
}

/**
 * Checks every copy: those of the current generation must say what was written last, the others must be intact.
 *
 * @throws FILE_MISSING IO_FAILED MANIFEST_CORRUPT FORMAT_UNSUPPORTED
 */
export function verifySuperblock(fs: FileSystem, directory: string, current: Superblock): void {
  const path = `${directory}/${SUPERBLOCK_NAME}`
  const sectors = readSectors(fs, path)
  if (sectors.length !== FILE_BYTES / SECTOR_BYTES) {
    throw superblockDamaged(path, sectors.length * SECTOR_BYTES, 'the superblock was truncated')
  }
  for (const { offsetBytes, superblock, error } of sectors) {
    if (error !== undefined) throw error
    const isCurrent =
      slotOffsetOf(current.generation) === Math.floor(offsetBytes / SLOT_BYTES) * SLOT_BYTES
    if (isCurrent && !isSame(superblock, current)) {
      throw superblockDamaged(path, offsetBytes, 'a copy of the superblock is not what was written')
    }
    const isLeftOut = superblock === undefined && current.generation > 1
    if (!isCurrent && (isLeftOut || (superblock?.generation ?? 0) > current.generation + 1)) {
      throw superblockDamaged(
        path,
        offsetBytes,
        'a copy of the superblock is of no generation near',
      )
    }
  }
}

function isSame(a: Superblock | undefined, b: Superblock): boolean {
  return a !== undefined && Buffer.compare(encodeSector(a, 0, 0), encodeSector(b, 0, 0)) === 0
}

function slotOffsetOf(generation: number): number {
  return generation % 2 === 0 ? 0 : SLOT_BYTES
}

/** Closes the file. */
async function writeSlot(file: File, superblock: Superblock, epoch: number): Promise<void> {
  const slotOffsetBytes = slotOffsetOf(superblock.generation)
  try {
    const slot = new Uint8Array(SLOT_BYTES)
    slot.set(encodeSector(superblock, epoch, slotOffsetBytes), 0)
    slot.set(encodeSector(superblock, epoch, slotOffsetBytes + SECTOR_BYTES), SECTOR_BYTES)
    file.write(slot, slotOffsetBytes)
    await file.sync()
  } finally {
    file.close()
  }
}

function encodeSector(superblock: Superblock, epoch: number, offsetBytes: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES)
  const { databaseId, incarnation } = superblock
  const header = encodeFileHeader({
    fileType: FILE_TYPE_SUPERBLOCK,
    databaseId,
    incarnation,
    fileId: 0 as FileId,
    epoch,
    transformId: 0,
  })
  bytes.set(header)
  storeU64(bytes, 64, superblock.generation)
  storeU64(bytes, 72, superblock.manifestFileId)
  storeU64(bytes, 80, superblock.manifestProvenBytes)
  storeU32(bytes, 88, superblock.manifestChecksum)
  storeU32(bytes, 92, superblock.isClean ? FLAG_CLEAN : 0)
  storeU64(bytes, 96, superblock.nextFileId)
  storeU64(bytes, 104, superblock.wal?.fileId ?? 0)
  storeU64(bytes, 112, superblock.wal?.endBytes ?? 0)
  storeU32(bytes, CHECKSUM_OFFSET, checksumOf(bytes, offsetBytes))
  return bytes
}

/** @throws MANIFEST_CORRUPT, FORMAT_UNSUPPORTED */
function decodeSector(bytes: Uint8Array, offsetBytes: number, path: string): Superblock {
  const { databaseId, incarnation } = decodeFileHeader(bytes, {
    path,
    fileType: FILE_TYPE_SUPERBLOCK,
    corruptCode: 'MANIFEST_CORRUPT',
  })
  if (checksumOf(bytes, offsetBytes) !== loadU32(bytes, CHECKSUM_OFFSET)) {
    throw superblockDamaged(path, offsetBytes, 'a superblock checksum does not match')
  }
  const reader = new ByteReader(bytes, FILE_HEADER_BYTES)
  const generation = reader.u64()
  const manifestFileId = reader.u64() as FileId
  const manifestProvenBytes = reader.u64()
  const manifestChecksum = reader.u32()
  const isClean = (reader.u32() & FLAG_CLEAN) !== 0
  const nextFileId = reader.u64() as FileId
  const walFileId = reader.u64() as FileId
  const walEndBytes = reader.u64()
  return {
    databaseId,
    incarnation,
    generation,
    manifestFileId,
    manifestProvenBytes,
    manifestChecksum,
    isClean,
    nextFileId,
    wal: walFileId === 0 ? undefined : { fileId: walFileId, endBytes: walEndBytes },
  }
}

function checksumOf(bytes: Uint8Array, offsetBytes: number): number {
  const seed = placeSeedOf(bytes)
  return placedChecksum(
    seed,
    offsetBytes + FILE_HEADER_BYTES,
    bytes,
    FILE_HEADER_BYTES,
    CHECKSUM_OFFSET,
  )
}

function superblockDamaged(path: string, offsetBytes: number, problem: string, cause?: unknown) {
  return engineError('MANIFEST_CORRUPT', `${path}: ${problem}`, {
    details: { file: path, offsetBytes },
    cause,
  })
}

function isFromTheFuture(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FORMAT_UNSUPPORTED'
}
