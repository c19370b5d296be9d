// Appends commits to the log in two steps: write() brings them into the page cache, where they survive the death of the
// process, sync() makes what is written durable.
//
// Invariants:
//  1. What is appended lies in memory until it is written; write() takes all of it with one write. What is appended while
//     a write or a sync is under way belongs to the next.
//  2. One write or sync is under way at a time, so a sync covers exactly what was written before it. Any number of writes
//     may wait for one sync; until then the power may take or tear each of them by itself.
//  3. A file is durable to its end before the next one is started: a START says where the file before it ends.
//  4. A failed sync, or a failed write of frames, breaks the writer for ever: nothing is retried.
//  5. Space is made before frames are written, so a full disk fails a write before it wrote anything: its commits did not
//     happen, and the writer stays usable.
//  6. File ids of the chain rise, so the newest file has the highest id.
//  7. At most one file is being prepared, and it is not written to by anybody else: who needs it waits.
//  8. A spare file is written anew once it is durable that it is no file of the log any more.
//  9. Space of the current file is made ahead of its frames, on other threads; frames keep out of space that is being made.
// 10. A log that was recovered is not touched before the first write, which goes on in the next file.

import { invariant } from '../base/assert.js'
import { EngineError, engineError } from '../base/errors.js'
import type { FileId, SeqNum } from '../base/ids.js'
import type { ByteWriter } from '../codec/bytes.js'
import { FrameBatch } from '../codec/frame.js'
import type { FileSystem } from '../env/file-system.js'
import {
  FRAME_TYPE_COMMIT,
  spareFileName,
  WAL_BEGINNING,
  type WalPosition,
  walFileName,
} from './format.js'
import { canBeWrittenAnew, WalEnd, WalFile } from './wal-file.js'

/** Files kept to be written anew. They are removed where nobody writes so much any more, and where room is wanted. */
const SPARE_MAX_COUNT = 4

export interface WalWriterOptions {
  readonly fs: FileSystem
  readonly directory: string
  readonly databaseId: Uint8Array
  readonly incarnation: Uint8Array
  /** Gives ids that rise. */
  readonly allocateFileId: () => FileId
  readonly randomUint32: () => number
  /** A file is left for the next one at this size; a larger commit gets a larger file. */
  readonly fileBytes: number
  /** Lets other work of the event loop run, see Clock.yield. */
  readonly yield: () => Promise<void>
  /** Before the first commit; absent for a new database. */
  readonly previous?: WalPosition | undefined
  /** Older files that recovery found, oldest first: removed by removeObsolete() like the writer's own. */
  readonly sealed?: readonly WalFileSummary[] | undefined
}

export interface WalFileSummary {
  readonly fileId: FileId
  /** The last commit in the file or, when it has none, before it. */
  readonly lastSeqNum: SeqNum
}

export class WalWriter {
  readonly #options: WalWriterOptions
  #pending = new FrameBatch()
  /** What the write under way writes; empty otherwise. */
  #group = new FrameBatch()
  readonly #sealed: WalFileSummary[]
  #current: WalFile | WalEnd
  /** Made ahead of time, or left by a rotation that failed half way. */
  #next: WalFile | undefined
  /** Paths of files that were obsolete. */
  #spares: string[] = []
  /** Those of which it is not durable yet that they are no files of the log. */
  #renamed: string[] = []
  /** Set while the current file gets more space; settles when it has it or not. */
  #growth: Promise<void> | undefined
  /** Settles when nothing is being prepared. */
  #preparation: Promise<void> | undefined
  /** Asks the preparation to leave the file as it is. */
  #isNextNeeded = false
  #lastAppended: SeqNum
  #isBusy = false
  #isClosed = false
  #breakage: { cause: unknown } | undefined

  private constructor(options: WalWriterOptions, end?: WalPosition) {
    const previous = end ?? options.previous ?? WAL_BEGINNING
    this.#options = options
    this.#sealed = [...(options.sealed ?? [])]
    this.#lastAppended = previous.seqNum
    this.#current = end === undefined ? this.#startedFile(previous) : new WalEnd(options, end)
  }

  /**
   * Starts a new file behind `previous`; that the log went on from there is durable when this returns. Syncs twice.
   *
   * @throws DISK_FULL, IO_FAILED
   */
  static create(options: WalWriterOptions): WalWriter {
    return new WalWriter(options)
  }

  /** Goes on from where recovery says that the log ends, which is durable, with the first write. No I/O. */
  static resume(options: WalWriterOptions, end: WalPosition): WalWriter {
    return new WalWriter(options, end)
  }

  /** What the next write takes. */
  get pendingBytes(): number {
    return this.#pending.byteCount
  }

  /** After a failed sync or write: every call throws DB_POISONED. */
  get isBroken(): boolean {
    return this.#breakage !== undefined
  }

  /** The files of the log, oldest first, the current one last. */
  get files(): readonly WalFileSummary[] {
    const { fileId, lastSeqNum } = this.#current
    return [...this.#sealed, { fileId, lastSeqNum }]
  }

  /** How far the log is known to be durable: a hint for recovery, to be kept elsewhere. */
  get durable(): { readonly fileId: FileId; readonly endBytes: number } {
    return { fileId: this.#current.fileId, endBytes: this.#current.syncedUpToBytes }
  }

  /**
   * Frames a commit in memory; the next write takes it. No I/O.
   *
   * @param encode  appends the payload; when it throws, there is no such commit
   * @throws DB_POISONED
   */
  append(seqNum: SeqNum, encode: (out: ByteWriter) => void): void {
    this.#checkUsable()
    invariant(seqNum > this.#lastAppended, 'commits reach the log in the order of their SeqNums')
    this.#pending.append(FRAME_TYPE_COMMIT, seqNum, encode)
    this.#lastAppended = seqNum
  }

  /**
   * Writes everything appended so far to the page cache, when the next file that the log goes on in, a sync of this one, or
   * space that is being made have been waited for. Where there is nothing to wait for, writeNow() does.
   *
   * @throws COMMIT_UNKNOWN when the write, or a sync that it needed, failed: the writer is broken
   * @throws DISK_FULL, IO_FAILED when no space could be made: these commits did not happen, later ones may
   * @throws DB_POISONED when the writer was broken before
   */
  async write(): Promise<void> {
    const group = this.#takePending()
    const lastSeqNum = this.#lastAppended
    try {
      const file = await this.#fileFor(group.byteCount)
      this.#checkUsable()
      this.#writeFrames(() => file.write(group, lastSeqNum))
      this.#growWhenDue()
    } finally {
      group.reset()
      this.#isBusy = false
    }
  }

  /** Whether what was appended needs neither the next file nor space that is being made. */
  get canWriteNow(): boolean {
    const { byteCount } = this.#pending
    const current = this.#current
    return current.fits(byteCount) && (this.#growth === undefined || current.hasSpace(byteCount))
  }

  /**
   * As write(), in this turn, where that is possible.
   *
   * @param isSynced  syncNow() follows: what can be written durably with one call is
   */
  writeNow(isSynced = false): void {
    const group = this.#takePending()
    try {
      if (group.frameCount === 0) return
      const current = this.#current
      invariant(current instanceof WalFile, 'the log is written where there is room')
      current.ensureSpace(group.byteCount)
      this.#writeFrames(() => current.write(group, this.#lastAppended, isSynced))
      this.#growWhenDue()
    } finally {
      group.reset()
      this.#isBusy = false
    }
  }

  /**
   * Makes everything written so far durable, off the calling thread.
   *
   * @throws COMMIT_UNKNOWN when that failed: the commits may or may not survive, the writer is broken
   * @throws DB_POISONED when the writer was broken before
   */
  async sync(): Promise<void> {
    this.#begin()
    try {
      const current = this.#current
      if (current.isSynced) return
      await this.#syncFile(current)
      this.#prepareWhenDue()
    } finally {
      this.#isBusy = false
    }
  }

  /** As sync(), on the calling thread. */
  syncNow(): void {
    this.#begin()
    try {
      const current = this.#current
      // There is nothing that could be synced behind the end of a log that was recovered.
      if (current instanceof WalEnd) return
      try {
        if (!current.isSynced) current.syncNow()
      } catch (cause) {
        throw this.#break(cause)
      }
      this.#markSynced(current)
      this.#prepareWhenDue()
    } finally {
      this.#isBusy = false
    }
  }

  /** Forgets what was appended and not written, behind a write that found no room: those commits do not happen either. */
  dropPending(): void {
    this.#pending.reset()
  }

  /**
   * Removes sealed files that hold nothing newer than `durableInTables`, oldest first, or makes spare files of them. The
   * newest of them stays until it is durable that the log went on behind it: a hint kept elsewhere may name it, and nothing
   * else would explain its absence.
   *
   * @throws IO_FAILED
   */
  async removeObsolete(durableInTables: SeqNum): Promise<void> {
    const { fs, directory } = this.#options
    let isChanged = this.#renamed.length > 0
    for (;;) {
      const oldest = this.#sealed[0]
      if (oldest === undefined || oldest.lastSeqNum > durableInTables) break
      if (this.#sealed.length === 1 && !this.#current.isStartDurable) break
      const path = `${directory}/${walFileName(oldest.fileId)}`
      const sparePath = `${directory}/${spareFileName(oldest.fileId)}`
      const isWanted = this.#spares.length + this.#renamed.length < SPARE_MAX_COUNT
      const isSpare = isWanted && canBeWrittenAnew(path, this.#options)
      // From here on nobody counts on it.
      this.#sealed.shift()
      try {
        if (isSpare) fs.rename(path, sparePath)
        else await fs.removeAsync(path)
      } catch (error) {
        this.#sealed.unshift(oldest)
        throw error
      }
      if (isSpare) this.#renamed.push(sparePath)
      isChanged = true
    }
    try {
      if (isChanged) await fs.syncDirectoryAsync(directory)
    } catch (error) {
      // Once failed, a later success would prove nothing. The next opening removes them.
      this.#renamed = []
      throw error
    }
    this.#spares.push(...this.#renamed.splice(0))
  }

  /** Gives up the files that are kept to be written anew; whether there were any. */
  removeSpares(): boolean {
    const { fs, directory } = this.#options
    const spares = [...this.#spares.splice(0), ...this.#renamed.splice(0)]
    if (spares.length === 0) return false
    try {
      for (const path of spares) fs.remove(path)
      fs.syncDirectory(directory)
    } catch {
      // The next opening removes what is left.
    }
    return true
  }

  /** Closes the files. What was appended and not written is lost. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#preparation
    await this.#growth
    this.#current.close()
    if (this.#next !== undefined) this.#discard(this.#next)
    this.removeSpares()
    // They are as large as the largest group was, and somebody may keep the closed database.
    this.#pending = new FrameBatch()
    this.#group = new FrameBatch()
  }

  #takePending(): FrameBatch {
    this.#begin()
    const group = this.#pending
    this.#pending = this.#group
    this.#group = group
    return group
  }

  #begin(): void {
    this.#checkUsable()
    invariant(!this.#isBusy, 'writes and syncs of the log do not overlap')
    this.#isBusy = true
  }

  async #syncFile(written: WalFile): Promise<void> {
    try {
      await written.sync()
    } catch (cause) {
      throw this.#break(cause)
    }
    this.#markSynced(written)
  }

  #markSynced(file: WalFile): void {
    // Of the file being prepared.
    if (this.#breakage !== undefined) throw this.#break(this.#breakage.cause)
    file.markSynced()
  }

  #prepareWhenDue(): void {
    if (this.#next !== undefined || !this.#current.isHalfUsed) return
    this.#preparation = this.#prepareNext()
  }

  /** The current file or, where it is full, the next one, with space for that many bytes of commits. */
  async #fileFor(byteCount: number): Promise<WalFile> {
    await this.#growth
    const current = this.#current
    if (!(current instanceof WalFile) || !current.fits(byteCount)) return this.#rotate(byteCount)
    this.#checkUsable()
    current.ensureSpace(byteCount)
    return current
  }

  #growWhenDue(): void {
    const current = this.#current
    if (this.#growth !== undefined || !(current instanceof WalFile)) return
    if (current.isSpaceShort) this.#growth = this.#grow(current)
  }

  async #grow(current: WalFile): Promise<void> {
    try {
      await current.addSpaceAhead()
    } catch {
      // Most likely a full disk. The write that needs the space tries again and reports it.
    }
    this.#growth = undefined
  }

  /** Goes on in the next file, with space for that many bytes of commits. */
  async #rotate(byteCount: number): Promise<WalFile> {
    await this.#claimNext()
    const sealed = this.#current
    if (!sealed.isSynced) await this.#syncFile(sealed)
    this.#checkUsable()
    this.#next ??= this.#createFile()
    const next = this.#next
    next.writeHeader()
    try {
      await next.syncHeader()
    } catch (cause) {
      if (isOpenRefused(cause)) throw cause
      throw this.#break(cause)
    }
    this.#checkUsable()
    next.ensureSpace(byteCount)
    this.#writeFrames(() => next.start(sealed.position))
    this.#current = next
    this.#next = undefined
    this.#sealed.push({ fileId: sealed.fileId, lastSeqNum: sealed.lastSeqNum })
    sealed.close()
    return next
  }

  #writeFrames(write: () => void): void {
    try {
      write()
    } catch (cause) {
      throw this.#break(cause)
    }
  }

  /** Waits until the file being prepared can be taken, finished or not. */
  async #claimNext(): Promise<void> {
    this.#isNextNeeded = true
    await this.#preparation
    this.#isNextNeeded = false
  }

  /** Makes the next file while the current one is in use, in steps that leave the event loop free. */
  async #prepareNext(): Promise<void> {
    let file: WalFile
    try {
      file = this.#createFile()
      this.#next = file
      file.writeHeader()
    } catch {
      // Most likely a full disk. The rotation that needs the file tries again and reports it.
      return
    }
    try {
      await file.syncHeader()
      if (!(await this.#fill(file))) return
      await file.sync()
      file.markSpaceSynced()
    } catch (cause) {
      if (!isOpenRefused(cause)) {
        this.#break(cause)
        return
      }
      // Nothing was synced badly: whoever needs the file tries again and reports it.
      this.#next = undefined
      this.#discard(file)
    }
  }

  /** False when the file shall be left as it is. */
  async #fill(file: WalFile): Promise<boolean> {
    while (!file.isFull) {
      if (this.#isNextNeeded || this.#isClosed) return false
      try {
        await file.addSpaceAhead()
      } catch {
        // As above: who needs the space tries again and reports it.
        return false
      }
      await this.#options.yield()
    }
    return true
  }

  /** Gives up a file that has no commits; its room may be what the next attempt lacks. */
  #discard(file: WalFile): void {
    file.close()
    try {
      this.#options.fs.remove(file.path)
    } catch {
      // Recovery takes such a file for what it is, and reports it as unneeded.
    }
  }

  #startedFile(previous: WalPosition): WalFile {
    const file = this.#createFile()
    try {
      file.open(previous)
      return file
    } catch (error) {
      this.#discard(file)
      throw error
    }
  }

  #createFile(): WalFile {
    const { databaseId, incarnation, allocateFileId, randomUint32 } = this.#options
    const identity = { databaseId, incarnation, fileId: allocateFileId(), epoch: randomUint32() }
    return new WalFile(this.#options, identity, this.#spares.pop())
  }

  #break(cause: unknown): EngineError {
    this.#breakage ??= { cause }
    return engineError('COMMIT_UNKNOWN', 'the log could not be made durable', {
      cause,
      committed: 'unknown',
      details: { file: this.#current.path },
    })
  }

  #checkUsable(): void {
    if (this.#breakage !== undefined) {
      throw engineError('DB_POISONED', 'the log failed earlier', { cause: this.#breakage.cause })
    }
    if (this.#isClosed) throw engineError('DB_CLOSED', 'the log is closed')
  }
}

/** The system opened no descriptor or gave no name, for want of one or of a right: no sync has failed. */
function isOpenRefused(error: unknown): boolean {
  const syscall = error instanceof EngineError ? error.details['syscall'] : undefined
  return syscall === 'open' || syscall === 'rename'
}
