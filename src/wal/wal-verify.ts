// Reads one file of an open log again, in pieces, up to where it is known to be durable.

import { KiB } from '../base/limits.js'
import type { FileId, SeqNum } from '../base/ids.js'
import { decodeFileHeader, FILE_HEADER_BYTES, FILE_TYPE_WAL } from '../codec/file-header.js'
import { FRAMES_START_BYTES, scanStretch } from '../codec/frame.js'
import type { File, FileSystem } from '../env/file-system.js'
import {
  decodeStart,
  FRAME_TYPE_COMMIT,
  FRAME_TYPE_START,
  START_FRAME_BYTES,
  walError,
  walFileName,
  type WalStart,
} from './format.js'

const PIECE_BYTES: number = 128 * KiB

/** What a file of the log must hold. */
export interface WalExtent {
  readonly fileId: FileId
  /** Frames up to here; absent when it is not known, then no more than the START. */
  readonly endBytes: number | undefined
  /** The last commit up to there, when it is known. */
  readonly lastSeqNum: SeqNum | undefined
}

export interface WalCounts {
  readonly start: WalStart
  readonly commitCount: number
}

/**
 * Checks a started file: header, START, then every frame up to the extent's end. Yields how many bytes are done.
 *
 * @throws WAL_CORRUPT FILE_MISSING IO_FAILED FORMAT_UNSUPPORTED
 */
export function* verifyWalFile(
  { fs, directory, databaseId }: WalHome,
  extent: WalExtent,
): Generator<number, WalCounts, undefined> {
  const file = fs.open(`${directory}/${walFileName(extent.fileId)}`, 'read')
  try {
    return yield* new WalVerification(file, databaseId, extent).run()
  } finally {
    file.close()
  }
}

export interface WalHome {
  readonly fs: FileSystem
  readonly directory: string
  readonly databaseId: Uint8Array
}

class WalVerification {
  readonly #file: File
  readonly #header = new Uint8Array(FILE_HEADER_BYTES)
  readonly #extent: WalExtent
  readonly #endBytes: number
  #start: WalStart | undefined
  #lastSeqNum = 0
  #commitCount = 0

  constructor(file: File, databaseId: Uint8Array, extent: WalExtent) {
    this.#file = file
    this.#extent = extent
    // The START of a file that was only just begun is written, though not durable yet.
    this.#endBytes = Math.max(extent.endBytes ?? 0, FRAMES_START_BYTES + START_FRAME_BYTES)
    const { path } = file
    const { fileId } = extent
    const corruptCode = 'WAL_CORRUPT'
    const header = this.#header.subarray(0, file.read(this.#header, 0))
    decodeFileHeader(header, { path, fileType: FILE_TYPE_WAL, corruptCode, databaseId, fileId })
  }

  *run(): Generator<number, WalCounts, undefined> {
    let at = FRAMES_START_BYTES
    let previousHeaderChecksum = 0
    let wantedBytes = PIECE_BYTES
    while (at < this.#endBytes) {
      const bytes = new Uint8Array(Math.min(wantedBytes, this.#endBytes - at))
      const got = bytes.subarray(0, this.#file.read(bytes, at))
      const piece = { header: this.#header, bytes: got, offsetBytes: at, previousHeaderChecksum }
      const scan = scanStretch(piece, (frame) => this.#check(frame))
      const isCut = got.length === bytes.length && got.length < this.#endBytes - at
      const isLonger = isCut && scan.nextFrameBytes > got.length
      if (scan.endBytes === at && !isLonger) throw this.#damaged(at)
      at = scan.endBytes
      previousHeaderChecksum = scan.headerChecksum
      wantedBytes = Math.max(PIECE_BYTES, scan.nextFrameBytes)
      yield at
    }
    const { lastSeqNum = this.#lastSeqNum } = this.#extent
    if (this.#start === undefined || lastSeqNum !== this.#lastSeqNum) throw this.#damaged(at)
    const sizeBytes = this.#file.sizeBytes()
    if (sizeBytes < this.#start.spaceBytes) {
      throw walError('WAL_CORRUPT', this.#file.path, sizeBytes, 'the file was truncated')
    }
    return { start: this.#start, commitCount: this.#commitCount }
  }

  #check({
    offsetBytes,
    type,
    seqNum,
    payload,
  }: {
    readonly offsetBytes: number
    readonly type: number
    readonly seqNum: SeqNum
    readonly payload: Uint8Array
  }): void {
    const isFirst = offsetBytes === FRAMES_START_BYTES
    if (type !== (isFirst ? FRAME_TYPE_START : FRAME_TYPE_COMMIT)) throw this.#damaged(offsetBytes)
    if (isFirst) this.#start = decodeStart(payload)
    else if (seqNum <= this.#lastSeqNum) throw this.#damaged(offsetBytes)
    else this.#commitCount++
    this.#lastSeqNum = seqNum
  }

  #damaged(offsetBytes: number): Error {
    const problem = `not the frames that were durable up to ${this.#endBytes}`
    return walError('WAL_CORRUPT', this.#file.path, offsetBytes, problem)
  }
}
