// The current manifest of a database, open for appending. lsm/manifest-format.ts has the bytes and the crash rule.
//
// Invariants:
// 1. `tablets` is what the durable frames say.
// 2. A manifest that was read back is never appended to; its state continues in a new file, which the first edit begins. Until
//    then an opening has written nothing.
// 3. After a failed write or sync it is not known what the file says: nothing is appended any more.
// 4. Space is made before frames are written, so a full disk fails an append before anything changed; later ones may do.
// 5. A superblock that was read back is synced before the slot of the generation before it is written to: one of both is
//    always intact.

import { Mutex } from '../base/async.js'
import { engineError } from '../base/errors.js'
import type { FileId, SeqNum, TabletId } from '../base/ids.js'
import { KiB } from '../base/limits.js'
import { encodeFileHeader, FILE_TYPE_MANIFEST } from '../codec/file-header.js'
import { FrameBatch, frameBytes, FrameWriter, FRAMES_START_BYTES } from '../codec/frame.js'
import type { HashRange } from '../codec/tenant-key.js'
import type { File, FileSystem } from '../env/file-system.js'
import {
  encodeManifestPayload,
  FRAME_TYPE_EDITS,
  FRAME_TYPE_SNAPSHOT,
  manifestFileName,
} from './manifest-format.js'
import {
  applyEdits,
  firstFreeFileId,
  inHashOrder,
  type ManifestContents,
  type ManifestProof,
  type ManifestState,
  snapshotEdits,
  type TabletState,
  type TabletStates,
} from './manifest-state.js'
import { type Superblock, syncSuperblock, type WalPosition, writeSuperblock } from './superblock.js'
import { Version } from './version.js'
import type { VersionEdit } from './version-edit.js'

/** The space that a manifest starts with unless it is told otherwise. */
export const MANIFEST_FILE_BYTES: number = 256 * KiB
/** How much space is made at once when that is used up, at least. */
const SPACE_STEP_BYTES: number = 4 * KiB
/** A manifest of more than this many snapshots' length, and more than its first size, is rewritten. */
const REWRITE_FACTOR = 4

export interface ManifestOptions {
  readonly fs: FileSystem
  readonly directory: string
  readonly databaseId: Uint8Array
  /** Random, of this opening of the database. */
  readonly incarnation: Uint8Array
  readonly randomUint32: () => number
  /** Written as zeros when the file is made, so that appends neither grow it nor meet a full disk. Default: 256 KiB. */
  readonly fileBytes?: number | undefined
  /** Whether the directory is still this opening's; asked before anything is made live. Default: it is. */
  readonly isLockHeld?: () => boolean
}

export interface NewTablet extends HashRange {
  readonly tabletId: TabletId
  /** Default: no tables. */
  readonly version?: Version
}

export class Manifest {
  readonly #options: ManifestOptions
  /** Files of this opening have ids from here on. */
  readonly firstFileId: FileId
  readonly #turn = new Mutex()
  readonly #batch = new FrameBatch()
  #tablets: TabletStates
  #nextFileId: number
  #editNumber: number
  #generation: number
  /** As written last or, before that, as read. */
  #superblock: Superblock | undefined
  #isSuperblockOurs = false
  #wal: WalPosition | undefined
  #fileId: FileId
  /** Absent until a state that was read back has changed. */
  #file: File | undefined
  #frames: FrameWriter | undefined
  /** How far the manifest that was read back goes, and is durable. */
  #proofOfRead: ManifestProof | undefined
  /** Up to here the file has been written with zeros or frames. */
  #spaceBytes = 0
  #rewriteAtBytes = 0
  #failure: { readonly error: unknown } | undefined
  #isClosed = false

  /**
   * Creates the manifest of a new database, or of a checkpoint; the database exists when this resolves. What an interrupted creation left
   * in the directory is in nobody's way.
   *
   * @throws DISK_FULL, IO_FAILED
   */
  static async create(options: ManifestOptions, tablets: readonly NewTablet[]): Promise<Manifest> {
    const states = tablets.map((tablet) => ({ version: Version.EMPTY, ...tablet }))
    const manifest = new Manifest(options, {
      tablets: new Map(states.map((tablet) => [tablet.tabletId, tablet])),
      nextFileId: firstFreeFileId(options.fs, options.directory),
      editNumber: 0,
      generation: 0,
    })
    try {
      await manifest.#rewrite()
    } catch (error) {
      manifest.#closeFile()
      throw error
    }
    return manifest
  }

  /**
   * Continues a state that was read back, and is durable. Writes nothing: the first edit begins a new file and removes the
   * one that was read.
   *
   * @param wal  where the log was found to end; absent: what the superblock says
   */
  static resume(options: ManifestOptions, state: ManifestState, wal?: WalPosition): Manifest {
    const { superblock } = state
    const manifest = new Manifest(options, {
      tablets: new Map(state.tablets.map((tablet) => [tablet.tabletId, tablet])),
      nextFileId: state.nextFileId,
      editNumber: state.editNumber,
      generation: superblock.generation,
      fileId: superblock.manifestFileId,
      wal: wal ?? superblock.wal,
    })
    manifest.#superblock = superblock
    manifest.#proofOfRead = state.proof
    return manifest
  }

  private constructor(
    options: ManifestOptions,
    state: {
      readonly tablets: TabletStates
      readonly nextFileId: number
      readonly editNumber: number
      readonly generation: number
      readonly fileId?: FileId
      readonly wal?: WalPosition | undefined
    },
  ) {
    this.#options = options
    this.#tablets = state.tablets
    this.firstFileId = state.nextFileId as FileId
    this.#nextFileId = state.nextFileId
    this.#editNumber = state.editNumber
    this.#generation = state.generation
    this.#fileId = state.fileId ?? (0 as FileId)
    this.#wal = state.wal
  }

  /** All tablets with their durable versions, in the order of their hashes. */
  get tablets(): readonly TabletState[] {
    return inHashOrder(this.#tablets)
  }

  /** The current manifest file. */
  get fileId(): FileId {
    return this.#fileId
  }

  /** Whether it is not known what the file says; nothing can be appended any more. */
  get isBroken(): boolean {
    return this.#failure !== undefined
  }

  /** The id that the next new file gets. */
  get nextFileId(): FileId {
    return this.#nextFileId as FileId
  }

  /** Names a new file. The name is durable with the next append; until then the file itself keeps others off it. */
  allocateFileId(): FileId {
    return this.#nextFileId++ as FileId
  }

  /**
   * Makes edits live, all of them or none: durable when it resolves. Appends queue up.
   *
   * @throws DB_POISONED when an earlier append failed, or the directory's lock is not held any more
   * @throws DISK_FULL, IO_FAILED: unless `isBroken`, no space could be made and the edits are not live; otherwise they
   *   may be live or not
   */
  append(edits: readonly VersionEdit[]): Promise<void> {
    return this.#turn.run(async () => {
      this.#checkUsable()
      const tablets = this.#applied(edits)
      if (this.#frames === undefined || this.#endBytes > this.#rewriteAtBytes) await this.#rewrite()
      const payload = this.#payloadOf(edits)
      this.#ensureSpace(payload.length)
      await this.#orBreak(async () => {
        this.#checkLock()
        this.#editNumber++
        await this.#write(FRAME_TYPE_EDITS, payload)
      })
      this.#tablets = tablets
    })
  }

  /**
   * Says in the superblock now how far the log is durable, so that the loss of its newest file is noticed.
   *
   * @throws DISK_FULL, IO_FAILED: the superblock before still counts
   */
  proveWal(position: WalPosition): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#isClosed || this.#failure !== undefined) return
      this.#wal = position
      await this.#writeSuperblock(false)
    })
  }

  /** Writes both slots of the superblock anew, after a write that was cut off. @throws DISK_FULL, IO_FAILED */
  renewSuperblock(): Promise<void> {
    return this.#turn.run(async () => {
      await this.#writeSuperblock(false)
      await this.#writeSuperblock(false)
    })
  }

  /** Looks at the files while nothing is being written to them. @throws DB_POISONED DB_CLOSED */
  atRest<Result>(look: (contents: ManifestContents) => Result): Promise<Result> {
    return this.#turn.run(async () => {
      this.#checkUsable()
      const { tablets } = this
      return look({ superblock: this.#superblock!, endBytes: this.#endBytes, tablets })
    })
  }

  /** Closes the file, after appends under way. Idempotent. */
  close(): Promise<void> {
    return this.#turn.run(() => this.#closeFile())
  }

  /**
   * Closes, and says in the superblock that every commit is in tables, and how far the log is durable. Where it says so
   * already, nothing was written.
   *
   * @throws DISK_FULL, IO_FAILED
   */
  closeCleanly(wal: WalPosition): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#isClosed) return
      this.#closeFile()
      if (this.#failure !== undefined || this.#isCleanAt(wal)) return
      this.#wal = wal
      await this.#writeSuperblock(true)
    })
  }

  #closeFile(): void {
    this.#isClosed = true
    this.#file?.close()
    this.#file = undefined
  }

  /** Where the frames end. */
  get #endBytes(): number {
    return this.#frames?.offsetBytes ?? this.#proofOfRead!.manifestProvenBytes
  }

  #isCleanAt({ fileId, endBytes }: WalPosition): boolean {
    const { isClean = false, wal } = this.#superblock ?? {}
    return isClean && wal?.fileId === fileId && wal.endBytes === endBytes
  }

  /** Writes the state to a new file and makes that the current one. */
  async #rewrite(): Promise<void> {
    const { fs, directory } = this.#options
    const oldFile = this.#file
    const oldFileId = this.#fileId
    const fileId = this.allocateFileId()
    const payload = this.#payloadOf(snapshotEdits(this.#tablets))
    this.#makeFile(fileId, payload.length)
    await this.#orBreak(async () => {
      await this.#write(FRAME_TYPE_SNAPSHOT, payload)
      await fs.syncDirectoryAsync(directory)
      await this.#writeSuperblock(false)
    })
    oldFile?.close()
    if (oldFileId !== 0) this.#remove(oldFileId)
  }

  /** Makes the next file, with space for a snapshot, and takes it for the current one; or leaves all as it was. */
  #makeFile(fileId: FileId, snapshotBytes: number): void {
    const { fileBytes = MANIFEST_FILE_BYTES } = this.#options
    const header = encodeFileHeader({
      ...this.#options,
      fileType: FILE_TYPE_MANIFEST,
      fileId,
      epoch: this.#options.randomUint32(),
      transformId: 0,
    })
    const file = this.#options.fs.open(this.#pathOf(fileId), 'create')
    const frames = new FrameWriter(header)
    const endBytes = frames.offsetBytes + frameBytes(snapshotBytes)
    const spaceBytes = Math.max(fileBytes, endBytes)
    try {
      file.write(header, 0)
      file.write(new Uint8Array(spaceBytes - FRAMES_START_BYTES), FRAMES_START_BYTES)
    } catch (error) {
      file.close()
      this.#remove(fileId)
      throw error
    }
    this.#file = file
    this.#fileId = fileId
    this.#frames = frames
    this.#spaceBytes = spaceBytes
    this.#rewriteAtBytes = Math.max(fileBytes, endBytes * REWRITE_FACTOR)
  }

  /** Makes space for one more frame. */
  #ensureSpace(payloadBytes: number): void {
    const { offsetBytes } = this.#frames!
    const endBytes = offsetBytes + frameBytes(payloadBytes)
    if (endBytes <= this.#spaceBytes) return
    const newSpaceBytes = Math.max(endBytes, this.#spaceBytes + SPACE_STEP_BYTES)
    const startBytes = Math.max(offsetBytes, this.#spaceBytes)
    this.#file!.write(new Uint8Array(newSpaceBytes - startBytes), startBytes)
    this.#spaceBytes = newSpaceBytes
  }

  #remove(fileId: FileId): void {
    try {
      this.#options.fs.remove(this.#pathOf(fileId))
    } catch {
      // Nothing names the file: it is a leftover, which the next open removes.
    }
  }

  #payloadOf(edits: readonly VersionEdit[]): Uint8Array {
    return encodeManifestPayload({ nextFileId: this.#nextFileId as FileId, edits })
  }

  /** Appends one frame and makes it durable. */
  async #write(type: number, payload: Uint8Array): Promise<void> {
    const file = this.#file!
    const frames = this.#frames!
    const batch = this.#batch
    batch.append(type, this.#editNumber as SeqNum, (out) => out.raw(payload))
    const { offsetBytes } = frames
    file.write(frames.seal(batch), offsetBytes)
    batch.reset()
    await file.sync()
    frames.markSynced()
  }

  async #writeSuperblock(isClean: boolean): Promise<void> {
    this.#checkLock()
    const { fs, directory, databaseId, incarnation, randomUint32 } = this.#options
    if (this.#superblock !== undefined && !this.#isSuperblockOurs) {
      await syncSuperblock(fs, directory)
    }
    const superblock = {
      databaseId,
      incarnation,
      generation: this.#generation + 1,
      manifestFileId: this.#fileId,
      ...this.#proof,
      isClean,
      nextFileId: this.#nextFileId as FileId,
      wal: this.#wal,
    }
    await writeSuperblock(fs, directory, superblock, randomUint32())
    this.#superblock = superblock
    this.#isSuperblockOurs = true
    this.#generation++
  }

  get #proof(): ManifestProof {
    const frames = this.#frames
    if (frames === undefined) return this.#proofOfRead!
    const { syncedUpToBytes, lastHeaderChecksum } = frames
    return { manifestProvenBytes: syncedUpToBytes, manifestChecksum: lastHeaderChecksum }
  }

  #applied(edits: readonly VersionEdit[]): TabletStates {
    try {
      return applyEdits(this.#tablets, edits)
    } catch (cause) {
      throw engineError('INTERNAL', 'a version edit does not fit the tablets', { cause })
    }
  }

  async #orBreak(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** Somebody else who holds the directory has a manifest of his own by now, or is about to make one. */
  #checkLock(): void {
    const { isLockHeld, directory } = this.#options
    if (isLockHeld === undefined || isLockHeld()) return
    throw engineError('DB_POISONED', `the lock of ${directory} was lost`, {
      details: { path: directory },
    })
  }

  #checkUsable(): void {
    if (this.#failure !== undefined) {
      throw engineError('DB_POISONED', 'the manifest failed earlier', {
        cause: this.#failure.error,
      })
    }
    if (this.#isClosed) throw engineError('DB_CLOSED', 'the manifest is closed')
  }

  #pathOf(fileId: FileId): string {
    return `${this.#options.directory}/${manifestFileName(fileId)}`
  }
}
