// A WAL file in words, for `tabularium inspect`. Looks at one file alone, so it cannot know more about the end of the log
// than that file says.

import type { FileId, SeqNum } from '../base/ids.js'
import { decodeFileHeader, FILE_TYPE_WAL, type FoundIdentity } from '../codec/file-header.js'
import { type Frame, scanFrames } from '../codec/frame.js'
import { type FileSystem, readFile } from '../env/file-system.js'
import { decodeStart, FRAME_TYPE_COMMIT, FRAME_TYPE_START, type WalStart } from './format.js'

export interface WalFrameDescription {
  readonly offsetBytes: number
  readonly type: string
  readonly seqNum: SeqNum
  readonly payloadBytes: number
  readonly syncedUpToBytes: number
}

export interface WalDescription {
  readonly identity: FoundIdentity
  readonly fileId: FileId
  readonly fileBytes: number
  /** Absent when the file was never started. */
  readonly start: WalStart | undefined
  readonly frames: readonly WalFrameDescription[]
  readonly endBytes: number
  readonly end: 'clean' | 'torn' | 'corrupt'
  readonly tornBytes: number
  readonly provenBytes: number
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [FRAME_TYPE_START]: 'START',
  [FRAME_TYPE_COMMIT]: 'COMMIT',
}

/**
 * Lists the frames of one WAL file and judges its end.
 *
 * @param onFrame  gets every frame as it is read, with its payload
 * @throws WAL_CORRUPT when the header is damaged
 * @throws FORMAT_UNSUPPORTED
 */
export function describeWal(
  fs: FileSystem,
  path: string,
  onFrame?: (frame: Frame) => void,
): WalDescription {
  const bytes = readFile(fs, path)
  const identity = decodeFileHeader(bytes, {
    path,
    fileType: FILE_TYPE_WAL,
    corruptCode: 'WAL_CORRUPT',
  })
  let start: WalStart | undefined
  const frames: WalFrameDescription[] = []
  const { endBytes, end, tornBytes, provenBytes } = scanFrames(bytes, {}, (frame) => {
    const { offsetBytes, type, seqNum, syncedUpToBytes, payload } = frame
    if (type === FRAME_TYPE_START) start = decodeStart(payload)
    frames.push({
      offsetBytes,
      type: TYPE_NAMES[type] ?? `unknown type ${type}`,
      seqNum,
      payloadBytes: payload.length,
      syncedUpToBytes,
    })
    onFrame?.(frame)
  })
  const { fileId } = identity
  const fileBytes = bytes.length
  return { identity, fileId, fileBytes, start, frames, endBytes, end, tornBytes, provenBytes }
}
