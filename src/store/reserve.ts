// Room that is set apart while there is some, so that a full disk can be got out of.
//
// `RESERVE` is a file of written and synced zeros: a WAL file and a manifest long, 4 MiB at most. It is made with the
// first commit of an opening, not by the opening, which then takes no longer and costs readers nothing.
//
//   state     RESERVE          ordinary commits   commits that only delete, flushes   compactions
//   sound     there, or asked  accepted           accepted                            leave a WAL file and a manifest free
//             for once a second
//   short     given back       DISK_FULL          accepted while its room lasts       the same as these
//
// A compaction takes as much room as its inputs before it gives any back. In the sound state it stops with DISK_FULL before
// commits would lack the room that it is going to free, gives back what it wrote, and is tried again later. In the
// short state nobody else is to have the room, and compactions make more of it. Flushes free log and may take any.
//
// sound -> short  when a commit, a flush or the manifest finds no room: the file is removed, and its room is free for what
//                 makes more of it.
// short -> sound  when there is room for the file twice over, once to keep and once to work with; asked for at most once
//                 a second, by whoever wants to write, and not while flushes find no room.
//
// Crash rule: nothing ever reads the file, so what a crash leaves of it does not matter. An opening takes over one of the
// right length, makes any other anew, and gives it back when it finds no room itself.

import { EngineError, engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import { MiB } from '../base/limits.js'
import type { Env } from '../env/env.js'
import type { FileSystem } from '../env/file-system.js'

export const RESERVE_NAME = 'RESERVE'
const RESERVE_MAX_BYTES: number = 4 * MiB
/** Between two attempts to make the file. */
const RETRY_MICROS = 1_000_000
const STEP_BYTES: number = MiB

export interface ReserveOptions {
  readonly env: Env
  readonly events: EventSource
  readonly directory: string
  /** What a WAL file and a manifest take. */
  readonly wantedBytes: number
}

export class Reserve {
  readonly #o: ReserveOptions
  readonly #path: string
  readonly #byteCount: number
  #shortage: EngineError | undefined
  #isWhole = false
  #making: Promise<void> | undefined
  #triedMicros = Number.NEGATIVE_INFINITY
  #isReported = false
  #isClosed = false

  constructor(options: ReserveOptions) {
    this.#o = options
    this.#path = `${options.directory}/${RESERVE_NAME}`
    this.#byteCount = Math.min(options.wantedBytes, RESERVE_MAX_BYTES)
  }

  /** What found no room; undefined while there is some. */
  get shortage(): EngineError | undefined {
    return this.#shortage
  }

  /** Bytes set apart; 0 while there was no room for them, or before the first commit. */
  get byteCount(): number {
    return this.#isWhole ? this.#byteCount : 0
  }

  /** What a compaction that starts now has to leave free on the disk. */
  get leastFreeBytes(): number {
    return this.#shortage === undefined ? this.#o.wantedBytes : 0
  }

  /** Called with every commit: begins to make the file where there is none. */
  keep(): void {
    if (this.#isWhole || this.#shortage !== undefined) return
    if (this.#isDue()) this.#begin(false)
  }

  /** Something found no room: from now on what is left is for making room. */
  release(shortage: EngineError): void {
    this.#shortage = shortage
    this.#isWhole = false
    this.#triedMicros = this.#o.env.clock.monotonicMicros()
    this.#remove()
  }

  /** Ends the shortage if there is room again. */
  async restore(): Promise<void> {
    if (this.#shortage !== undefined && this.#isDue()) this.#begin(true)
    await this.#making
  }

  /** Waits until nothing is under way. The file stays. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#making
  }

  /** @throws DISK_FULL for what has to wait until there is room */
  assertRoom(): void {
    const cause = this.#shortage
    if (cause === undefined) return
    throw engineError('DISK_FULL', `only deletes are accepted since ${cause.message}`, {
      details: cause.details,
      cause,
    })
  }

  #isDue(): boolean {
    if (this.#making !== undefined || this.#isClosed) return false
    return this.#o.env.clock.monotonicMicros() - this.#triedMicros >= RETRY_MICROS
  }

  #begin(isShort: boolean): void {
    this.#making = this.#make(isShort).finally(() => {
      this.#making = undefined
    })
  }

  async #make(isShort: boolean): Promise<void> {
    const shortage = this.#shortage
    this.#triedMicros = this.#o.env.clock.monotonicMicros()
    try {
      if (isShort || !this.#isThere()) await this.#write(isShort)
      // Unless room was found missing anew meanwhile.
      if (this.#shortage !== shortage) return
      this.#isWhole = true
      this.#isReported = false
      this.#shortage = undefined
    } catch (error) {
      this.#remove()
      if (!this.#isReported) this.#o.events.emit('error', { where: RESERVE_NAME, error })
      this.#isReported = true
    }
  }

  #isThere(): boolean {
    const { fs } = this.#o.env
    return fs.exists(this.#path) && fs.fileBytes(this.#path) === this.#byteCount
  }

  /** Takes the room in one turn of the event loop: no commit finds it taken by an attempt that is given up. */
  async #write(isTwice: boolean): Promise<void> {
    const { fs } = this.#o.env
    removeReserve(fs, this.#o.directory)
    const file = fs.open(this.#path, 'create')
    try {
      const endBytes = this.#byteCount * (isTwice ? 2 : 1)
      const zeros = new Uint8Array(Math.min(STEP_BYTES, endBytes))
      for (let offsetBytes = 0; offsetBytes < endBytes; offsetBytes += zeros.length) {
        file.write(zeros.subarray(0, Math.min(zeros.length, endBytes - offsetBytes)), offsetBytes)
      }
      if (isTwice) file.truncate(this.#byteCount)
      await file.sync()
    } catch (error) {
      this.#remove()
      throw error
    } finally {
      file.close()
    }
  }

  #remove(): void {
    try {
      removeReserve(this.#o.env.fs, this.#o.directory)
    } catch (error) {
      this.#o.events.emit('error', { where: RESERVE_NAME, error })
    }
  }
}

/** Gives the room back; false when there was none to give. */
export function removeReserve(fs: FileSystem, directory: string): boolean {
  const path = `${directory}/${RESERVE_NAME}`
  if (!fs.exists(path)) return false
  fs.remove(path)
  return true
}
