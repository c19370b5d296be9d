// One WAL file in the course of its making and writing, see the head of format.ts for the order of steps.

import { invariant } from '../base/assert.js'
import type { FileId, SeqNum } from '../base/ids.js'
import { SEQ_NUM_ZERO } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import { encodeFileHeader, FILE_TYPE_WAL, type FileIdentity } from '../codec/file-header.js'
import { FRAMES_START_BYTES, FrameBatch, FrameWriter } from '../codec/frame.js'
import type { File, FileSystem } from '../env/file-system.js'
import {
  encodeStart,
  FRAME_TYPE_START,
  START_FRAME_BYTES,
  type WalPosition,
  walFileName,
} from './format.js'

/** How much space is made at once, and how much a file grows when its space is used up. */
const SPACE_STEP_BYTES: number = MiB
const ZEROS = new Uint8Array(SPACE_STEP_BYTES)
/** Where the first commit of a file lies. */
const COMMITS_START_BYTES = FRAMES_START_BYTES + START_FRAME_BYTES

export interface WalPlace {
  readonly fs: FileSystem
  readonly directory: string
  /** Size of a file made ahead of time. */
  readonly fileBytes: number
}

/**
 * Whether a file of the log can become another one: it has the space that one made ahead of time is given, and not more, and
 * nobody keeps it under another name, as backups do.
 */
export function canBeWrittenAnew(path: string, { fs, fileBytes }: WalPlace): boolean {
  const spaceBytes = fs.fileBytes(path)
  if (spaceBytes < fileBytes) return false
  if (spaceBytes >= fileBytes + Math.min(SPACE_STEP_BYTES, fileBytes)) return false
  return fs.linkCount(path) === 1
}

/**
 * Where the log ended when it was opened. The writer's current file until the first write, which no longer fits: nothing
 * is ever appended behind what was read back.
 */
export class WalEnd {
  readonly fileId: FileId
  readonly path: string
  readonly position: WalPosition
  readonly isSynced = true
  readonly isStartDurable = true
  readonly isHalfUsed = false

  constructor({ directory }: WalPlace, position: WalPosition) {
    this.fileId = position.fileId
    this.path = `${directory}/${walFileName(position.fileId)}`
    this.position = position
  }

  get lastSeqNum(): SeqNum {
    return this.position.seqNum
  }

  get syncedUpToBytes(): number {
    return this.position.endBytes
  }

  fits(): boolean {
    return false
  }

  hasSpace(): boolean {
    return false
  }

  close(): void {
    // It holds nothing.
  }
}

export class WalFile {
  readonly fileId: FileId
  readonly #place: WalPlace
  /** That of a spare file until the header is durable. */
  #path: string
  #file: File
  readonly #header: Uint8Array
  readonly #frames: FrameWriter
  #isHeaderDurable = false
  /** Up to here the file has been written with zeros or frames. */
  #spaceBytes = FRAMES_START_BYTES
  /** Up to here the space was durable before any frame was written. */
  #durableSpaceBytes = FRAMES_START_BYTES
  /** Up to here the space is durable. */
  #syncedSpaceBytes = 0
  /** The space that the last sync found: more may have been made while it was under way. */
  #coveredSpaceBytes = 0
  #lastSeqNum: SeqNum = SEQ_NUM_ZERO

  /** @param sparePath  a file to be written anew, which has its space; without it one is created, empty */
  constructor(
    place: WalPlace,
    identity: Omit<FileIdentity, 'fileType' | 'transformId' | 'isRecycled'>,
    sparePath?: string,
  ) {
    const isRecycled = sparePath !== undefined
    this.#place = place
    this.fileId = identity.fileId
    const facts = { ...identity, fileType: FILE_TYPE_WAL, transformId: 0, isRecycled }
    this.#header = encodeFileHeader(facts)
    this.#frames = new FrameWriter(this.#header)
    this.#path = sparePath ?? this.#finalPath
    this.#file = place.fs.open(this.#path, isRecycled ? 'write' : 'create')
    if (isRecycled) this.#spaceBytes = this.#file.sizeBytes()
  }

  /** Where the file is now. */
  get path(): string {
    return this.#path
  }

  /** Does the file have all the space it is meant to have? */
  get isFull(): boolean {
    return this.#spaceBytes >= this.#place.fileBytes
  }

  /** Is its space nearly used up, while it is to have more? */
  get isSpaceShort(): boolean {
    return !this.isFull && !this.hasSpace(SPACE_STEP_BYTES / 2)
  }

  /** Has it been used to more than a half? */
  get isHalfUsed(): boolean {
    return this.endBytes > this.#place.fileBytes / 2
  }

  /** Does it have room for that much more? A file without commits takes everything. */
  fits(byteCount: number): boolean {
    const { endBytes } = this
    return endBytes + byteCount <= this.#place.fileBytes || endBytes <= COMMITS_START_BYTES
  }

  /** Where the frames end. */
  get endBytes(): number {
    return this.#frames.offsetBytes
  }

  get syncedUpToBytes(): number {
    return this.#frames.syncedUpToBytes
  }

  /** Are all frames written durable? */
  get isSynced(): boolean {
    return this.syncedUpToBytes === this.endBytes
  }

  /** Does the START frame survive a crash? */
  get isStartDurable(): boolean {
    return this.syncedUpToBytes > FRAMES_START_BYTES
  }

  /** The last commit in this file or, while it has none, before it. */
  get lastSeqNum(): SeqNum {
    return this.#lastSeqNum
  }

  get position(): WalPosition {
    return { fileId: this.fileId, endBytes: this.endBytes, seqNum: this.#lastSeqNum }
  }

  /** Everything from the new file to a durable START frame, for the file that a database opens with. */
  open(previous: WalPosition): void {
    this.writeHeader()
    this.syncNow()
    this.#place.fs.syncDirectory(this.#place.directory)
    this.#isHeaderDurable = true
    this.ensureSpace(0)
    this.start(previous)
    this.syncNow()
    this.markSynced()
  }

  writeHeader(): void {
    if (!this.#isHeaderDurable) this.#file.write(this.#header, 0)
  }

  /** Makes header and name durable, off the calling thread. */
  async syncHeader(): Promise<void> {
    if (this.#isHeaderDurable) return
    await this.sync()
    this.#takeName()
    await this.#place.fs.syncDirectoryAsync(this.#place.directory)
    this.#isHeaderDurable = true
  }

  /** A spare file becomes one of the log. */
  #takeName(): void {
    const { fs } = this.#place
    const path = this.#finalPath
    if (this.#path === path) return
    fs.rename(this.#path, path)
    this.#path = path
    try {
      const renamed = fs.open(path, 'write')
      this.#file.close()
      this.#file = renamed
    } catch {
      // Without one more descriptor the old one serves; it only tells the old name in errors.
    }
  }

  get #finalPath(): string {
    return `${this.#place.directory}/${walFileName(this.fileId)}`
  }

  /** Makes one more step of space. */
  addSpace(): void {
    invariant(this.#isHeaderDurable, 'a WAL file gets its space after its header is durable')
    const count = Math.min(SPACE_STEP_BYTES, this.#place.fileBytes)
    this.#file.write(ZEROS.subarray(0, count), this.#spaceBytes)
    this.#spaceBytes += count
  }

  /** As addSpace, off the calling thread. Nobody else makes space meanwhile, and frames keep out of it. */
  async addSpaceAhead(): Promise<void> {
    invariant(this.#isHeaderDurable, 'a WAL file gets its space after its header is durable')
    const count = Math.min(SPACE_STEP_BYTES, this.#place.fileBytes)
    await this.#file.writeAsync(ZEROS.subarray(0, count), this.#spaceBytes)
    this.#spaceBytes += count
  }

  /** Is there space for that many bytes of commits? */
  hasSpace(byteCount: number): boolean {
    return this.#endWith(byteCount) <= this.#spaceBytes
  }

  /** Makes space for that many bytes of commits, so that a full disk is met before a frame is half written. */
  ensureSpace(byteCount: number): void {
    const endBytes = this.#endWith(byteCount)
    while (this.#spaceBytes < endBytes) this.addSpace()
  }

  #endWith(byteCount: number): number {
    return Math.max(this.endBytes, COMMITS_START_BYTES) + byteCount
  }

  /** Writes the START frame. */
  start(previous: WalPosition): void {
    invariant(this.endBytes === FRAMES_START_BYTES, 'a WAL file is started once')
    const batch = new FrameBatch()
    const payload = encodeStart({ previous, spaceBytes: this.#durableSpaceBytes })
    batch.append(FRAME_TYPE_START, previous.seqNum, (out) => out.raw(payload))
    this.#lastSeqNum = previous.seqNum
    this.write(batch, previous.seqNum)
  }

  /** @param isDurable  durably, where nothing else waits for a sync; otherwise it is left to the next sync */
  write(batch: FrameBatch, lastSeqNum: SeqNum, isDurable = false): void {
    const { isSynced, endBytes } = this
    const bytes = this.#frames.seal(batch)
    if (isDurable && isSynced && this.endBytes <= this.#syncedSpaceBytes) {
      this.#file.writeDurably(bytes, endBytes)
      this.#frames.markSynced()
    } else {
      this.#file.write(bytes, endBytes)
    }
    this.#lastSeqNum = lastSeqNum
  }

  sync(): Promise<void> {
    this.#coveredSpaceBytes = this.#spaceBytes
    return this.#file.sync()
  }

  syncNow(): void {
    this.#coveredSpaceBytes = this.#spaceBytes
    this.#file.syncNow()
  }

  /** The space made so far is durable, and the file is not started yet. */
  markSpaceSynced(): void {
    if (this.endBytes === FRAMES_START_BYTES) this.#durableSpaceBytes = this.#spaceBytes
  }

  /** All that was written is durable. */
  markSynced(): void {
    this.#frames.markSynced()
    this.#syncedSpaceBytes = this.#coveredSpaceBytes
  }

  close(): void {
    this.#file.close()
  }
}
