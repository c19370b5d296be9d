// A manifest in words, for `tabularium inspect`. Looks at one file alone, so it cannot know whether the superblock means it.

import { EngineError } from '../base/errors.js'
import { decodeFileHeader, FILE_TYPE_MANIFEST, type FoundIdentity } from '../codec/file-header.js'
import { type Frame, type ScanResult, scanFrames } from '../codec/frame.js'
import { type FileSystem, readFile } from '../env/file-system.js'
import { FRAME_TYPE_SNAPSHOT, type ManifestPayload } from './manifest-format.js'
import { inHashOrder, manifestDamaged, ManifestReplay, type TabletState } from './manifest-state.js'

export interface ManifestFrameDescription extends ManifestPayload {
  readonly type: 'SNAPSHOT' | 'EDITS'
  readonly offsetBytes: number
  readonly editNumber: number
}

export interface ManifestDescription {
  readonly identity: FoundIdentity
  readonly fileBytes: number
  /** Up to the first that does not fit. */
  readonly frames: readonly ManifestFrameDescription[]
  /** What those frames say, in the order of the tablets' hashes. */
  readonly tablets: readonly TabletState[]
  readonly scan: ScanResult
  /** What is wrong with the file. */
  readonly problem: EngineError | undefined
}

/**
 * Lists the frames of one manifest and the state they lead to.
 *
 * @throws MANIFEST_CORRUPT when the header is damaged
 * @throws FORMAT_UNSUPPORTED FILE_MISSING IO_FAILED
 */
export function describeManifest(fs: FileSystem, path: string): ManifestDescription {
  const bytes = readFile(fs, path)
  const corruptCode = 'MANIFEST_CORRUPT'
  const identity = decodeFileHeader(bytes, { path, fileType: FILE_TYPE_MANIFEST, corruptCode })
  const replay = new ManifestReplay(path)
  const frames: ManifestFrameDescription[] = []
  let problem: EngineError | undefined
  const scan = scanFrames(bytes, {}, (frame) => {
    if (problem !== undefined) return
    try {
      frames.push(describeFrame(frame, replay.add(frame)))
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      problem = error
    }
  })
  if (scan.end === 'corrupt') {
    problem ??= manifestDamaged(
      path,
      scan.endBytes,
      `no valid frame, but the file was durable up to ${scan.provenBytes}`,
    )
  }
  const tablets = inHashOrder(replay.tablets)
  return { identity, fileBytes: bytes.length, frames, tablets, scan, problem }
}

function describeFrame(frame: Frame, payload: ManifestPayload): ManifestFrameDescription {
  const type = frame.type === FRAME_TYPE_SNAPSHOT ? 'SNAPSHOT' : 'EDITS'
  return { type, offsetBytes: frame.offsetBytes, editNumber: frame.seqNum, ...payload }
}
