// The state that a manifest describes, and how it is read back.

import { engineError } from '../base/errors.js'
import type { FileId, TabletId } from '../base/ids.js'
import { EndOfBytes } from '../codec/bytes.js'
import { decodeFileHeader, FILE_TYPE_MANIFEST } from '../codec/file-header.js'
import { type Frame, frameBytes, FRAMES_START_BYTES, scanFrames } from '../codec/frame.js'
import { HASH_END, type HashRange, tenantHashOfKey } from '../codec/tenant-key.js'
import { type FileSystem, readFile } from '../env/file-system.js'
import {
  decodeManifestPayload,
  encodeManifestPayload,
  fileIdOfName,
  FRAME_TYPE_EDITS,
  FRAME_TYPE_SNAPSHOT,
  manifestFileName,
  type ManifestPayload,
} from './manifest-format.js'
import { readSuperblock, type Superblock, syncSuperblock } from './superblock.js'
import { EditMismatch, Version } from './version.js'
import type { VersionEdit } from './version-edit.js'

/** A tablet and its files. */
export interface TabletState extends HashRange {
  readonly tabletId: TabletId
  readonly version: Version
}

export type TabletStates = ReadonlyMap<TabletId, TabletState>

/** How far a manifest is durable, and the checksum of its last frame up to there. */
export type ManifestProof = Pick<Superblock, 'manifestProvenBytes' | 'manifestChecksum'>

/** What a database's superblock and manifest say. */
export interface ManifestState {
  readonly superblock: Superblock
  /** False when a write of the superblock was cut off: it is to be written anew, so that two generations are intact again. */
  readonly isSuperblockWhole: boolean
  /** In the order of their hashes. */
  readonly tablets: readonly TabletState[]
  /** Above every id that the manifest or a file name in the directory holds. */
  readonly nextFileId: FileId
  /** How many edit frames the database has seen. */
  readonly editNumber: number
  /** What a superblock may say of the frames that were read, once they are durable. */
  readonly proof: ManifestProof
  /** Bytes of an append that nobody was told to be durable. */
  readonly tornBytes: number
}

/**
 * Applies edits that become live together.
 *
 * @throws EditMismatch
 */
export function applyEdits(tablets: TabletStates, edits: readonly VersionEdit[]): TabletStates {
  const next = new Map(tablets)
  for (const edit of edits) {
    const { tabletId, created } = edit
    const before = next.get(tabletId)
    if (created !== undefined) {
      if (before !== undefined) throw new EditMismatch(`tablet ${tabletId} exists already`)
      const { hashStart, hashEnd } = created
      next.set(tabletId, { tabletId, hashStart, hashEnd, version: Version.EMPTY.apply(edit) })
    } else {
      if (before === undefined) throw new EditMismatch(`there is no tablet ${tabletId}`)
      if (edit.isEnded === true) next.delete(tabletId)
      else {
        const after = { ...before, ...edit.range, version: before.version.apply(edit) }
        if (edit.range !== undefined) checkTablesWithin(after)
        next.set(tabletId, after)
      }
    }
  }
  return next
}

/** Of tenants that are another tablet's, this one must not have anything. */
function checkTablesWithin({ tabletId, hashStart, hashEnd, version }: TabletState): void {
  for (const { fileId, smallestKey, largestKey } of version.levels.flat()) {
    if (hashStart <= tenantHashOfKey(smallestKey) && tenantHashOfKey(largestKey) < hashEnd) continue
    throw new EditMismatch(`table ${fileId} reaches beyond tablet ${tabletId}`)
  }
}

/** The edits that make the state out of nothing. */
export function snapshotEdits(tablets: TabletStates): VersionEdit[] {
  return [...tablets.values()].map(({ tabletId, hashStart, hashEnd, version }) => ({
    tabletId,
    added: version.levels.flatMap((tables, level) => tables.map((meta) => ({ level, meta }))),
    removed: [],
    flushedSeqNum: version.flushedSeqNum,
    historyMarks: version.historyMarks,
    created: { hashStart, hashEnd },
  }))
}

/** Tablets in the order of their hashes. */
export function inHashOrder(tablets: TabletStates): TabletState[] {
  return [...tablets.values()].sort((a, b) => a.hashStart - b.hashStart)
}

/** The first file id above those of all files in the directory. */
export function firstFreeFileId(fs: FileSystem, directory: string): FileId {
  let highest = 0
  for (const name of fs.list(directory)) highest = Math.max(highest, fileIdOfName(name) ?? 0)
  return (highest + 1) as FileId
}

/**
 * Reads the state of a database. Changes nothing.
 *
 * @throws FILE_MISSING when superblock or manifest are not there
 * @throws MANIFEST_CORRUPT when one of them is damaged
 * @throws FORMAT_UNSUPPORTED
 */
export function readManifest(fs: FileSystem, directory: string): ManifestState {
  const { superblock, isWhole } = readSuperblock(fs, directory)
  const { replay, scan } = replayManifest(fs, directory, superblock)
  const nextFileId = Math.max(
    replay.finish(scan.endBytes),
    superblock.nextFileId,
    firstFreeFileId(fs, directory),
  )
  return {
    superblock,
    isSuperblockWhole: isWhole,
    tablets: inHashOrder(replay.tablets),
    nextFileId: nextFileId as FileId,
    editNumber: replay.editNumber,
    proof: {
      manifestProvenBytes: scan.endBytes,
      manifestChecksum: replay.lastHeaderChecksum,
    },
    tornBytes: scan.tornBytes,
  }
}

/**
 * Makes durable what readManifest() read: a process that died may have left it to the system. To be done before anything
 * is removed that it does not name.
 *
 * @throws IO_FAILED
 */
export async function syncManifest(
  fs: FileSystem,
  directory: string,
  { superblock }: ManifestState,
): Promise<void> {
  const file = fs.open(`${directory}/${manifestFileName(superblock.manifestFileId)}`, 'write')
  try {
    await file.sync()
  } finally {
    file.close()
  }
  await syncSuperblock(fs, directory)
}

/** What the files of an open manifest must say at one moment. */
export interface ManifestContents {
  /** As written last. */
  readonly superblock: Superblock
  /** Where the frames end; absent: where the file says. */
  readonly endBytes: number | undefined
  readonly tablets: readonly TabletState[]
}

/**
 * Reads the manifest again up to its end: its edits must lead to the very same versions.
 *
 * @throws FILE_MISSING IO_FAILED MANIFEST_CORRUPT
 */
export function verifyManifest(
  fs: FileSystem,
  directory: string,
  contents: ManifestContents,
): void {
  const { superblock, endBytes, tablets } = contents
  const { path, replay, scan } = replayManifest(fs, directory, superblock, endBytes)
  if (scan.endBytes !== (endBytes ?? scan.endBytes)) {
    throw manifestDamaged(
      path,
      scan.endBytes,
      `no valid frame, but it was written up to ${endBytes}`,
    )
  }
  if (Buffer.compare(bytesOf(inHashOrder(replay.tablets)), bytesOf(tablets)) !== 0) {
    throw manifestDamaged(
      path,
      scan.endBytes,
      'the manifest does not lead to the versions in memory',
    )
  }
}

function bytesOf(tablets: readonly TabletState[]): Uint8Array {
  const states = new Map(tablets.map((tablet) => [tablet.tabletId, tablet]))
  return encodeManifestPayload({ nextFileId: 0 as FileId, edits: snapshotEdits(states) })
}

function replayManifest(
  fs: FileSystem,
  directory: string,
  superblock: Superblock,
  limitBytes?: number,
) {
  const { databaseId, manifestFileId, manifestProvenBytes } = superblock
  const path = `${directory}/${manifestFileName(manifestFileId)}`
  const bytes = readFile(fs, path)
  decodeFileHeader(bytes, {
    path,
    fileType: FILE_TYPE_MANIFEST,
    corruptCode: 'MANIFEST_CORRUPT',
    databaseId,
    fileId: manifestFileId,
  })
  const replay = new ManifestReplay(path, superblock)
  const scan = scanFrames(bytes, { provenBytes: manifestProvenBytes, limitBytes }, (frame) => {
    replay.add(frame)
  })
  if (scan.end === 'corrupt') {
    throw manifestDamaged(
      path,
      scan.endBytes,
      `a frame below the proven end ${scan.provenBytes} is damaged`,
    )
  }
  return { path, replay, scan }
}

/** Applies one frame after the other. Without a superblock, nothing proves that it is the right file. */
export class ManifestReplay {
  tablets: TabletStates = new Map()
  editNumber = -1
  lastHeaderChecksum = 0
  readonly #path: string
  readonly #superblock: Superblock | undefined
  #nextFileId = 0
  #isProofSeen = false

  constructor(path: string, superblock?: Superblock) {
    this.#path = path
    this.#superblock = superblock
  }

  /** @throws MANIFEST_CORRUPT when the frame does not fit those before it, which then stay */
  add(frame: Frame): ManifestPayload {
    const { offsetBytes, type, seqNum, payload } = frame
    const isFirst = offsetBytes === FRAMES_START_BYTES
    if (type !== (isFirst ? FRAME_TYPE_SNAPSHOT : FRAME_TYPE_EDITS)) {
      throw manifestDamaged(this.#path, offsetBytes, `a frame of type ${type} is not expected here`)
    }
    if (!isFirst && seqNum !== this.editNumber + 1) {
      throw manifestDamaged(
        this.#path,
        offsetBytes,
        `edit ${seqNum} follows edit ${this.editNumber}`,
      )
    }
    this.editNumber = seqNum
    this.lastHeaderChecksum = frame.headerChecksum
    try {
      const decoded = decodeManifestPayload(payload)
      this.tablets = applyEdits(this.tablets, decoded.edits)
      this.#nextFileId = Math.max(this.#nextFileId, decoded.nextFileId)
      this.#checkProof(frame)
      return decoded
    } catch (error) {
      if (!(error instanceof EndOfBytes || error instanceof EditMismatch)) throw error
      throw manifestDamaged(this.#path, offsetBytes, error.message, error)
    }
  }

  /** @returns the next free file id that the manifest knows */
  finish(endBytes: number): number {
    if (!this.#isProofSeen) {
      throw manifestDamaged(this.#path, endBytes, 'the frames do not end where the superblock says')
    }
    let hashEnd = 0
    for (const tablet of inHashOrder(this.tablets)) {
      if (tablet.hashStart !== hashEnd || tablet.hashEnd <= hashEnd) hashEnd = HASH_END + 1
      else hashEnd = tablet.hashEnd
    }
    if (hashEnd !== HASH_END) {
      throw manifestDamaged(this.#path, endBytes, 'the tablets do not cover all tenant hashes')
    }
    return this.#nextFileId
  }

  /** The frame that ends where the superblock's proof does must be the one that it means. */
  #checkProof({ offsetBytes, payload, headerChecksum }: Frame): void {
    if (this.#superblock === undefined) return
    const { manifestProvenBytes, manifestChecksum } = this.#superblock
    if (offsetBytes + frameBytes(payload.length) !== manifestProvenBytes) return
    if (headerChecksum !== manifestChecksum) {
      throw manifestDamaged(
        this.#path,
        offsetBytes,
        'the manifest is not the one that the superblock means',
      )
    }
    this.#isProofSeen = true
  }
}

export function manifestDamaged(
  path: string,
  offsetBytes: number,
  problem: string,
  cause?: unknown,
) {
  return engineError('MANIFEST_CORRUPT', `${path}: ${problem}`, {
    details: { file: path, offsetBytes },
    cause,
  })
}
