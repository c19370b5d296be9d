// Reads the log back: which files belong to it, where it ends, and every commit that is needed, in order. The rules are
// in the head of format.ts. Recovery changes nothing but syncs what it reads, so it can be cut off and repeated; the
// cut it decides on becomes durable with the START frame of the next file.

import { type FileId, SEQ_NUM_ZERO, type SeqNum } from '../base/ids.js'
import { decodeFileHeader, FILE_HEADER_BYTES, FILE_TYPE_WAL } from '../codec/file-header.js'
import { type Frame, FRAMES_START_BYTES, scanFrames, type ScanResult } from '../codec/frame.js'
import type { File, FileSystem } from '../env/file-system.js'
import {
  decodeStart,
  FRAME_TYPE_COMMIT,
  FRAME_TYPE_START,
  START_FRAME_BYTES,
  walError,
  walFileIdOf,
  walFileName,
  type WalPosition,
  type WalStart,
} from './format.js'

export interface RecoverWalOptions {
  readonly fs: FileSystem
  readonly directory: string
  readonly databaseId: Uint8Array
  /** A place up to which the log was durable, remembered outside the log. */
  readonly provenHint?: { readonly fileId: FileId; readonly endBytes: number } | undefined
  /** Commits up to here are in sstables: they are neither needed nor given to onCommit. */
  readonly afterSeqNum: SeqNum
  /** Where the log ended when the database was closed with every commit in tables; absent when it was not. */
  readonly closedAt?: WalPosition | undefined
  /** Gets every later commit in order; the payload is a view, valid during the call. */
  readonly onCommit: (seqNum: SeqNum, payload: Uint8Array) => void
}

export interface RecoveredWalFile {
  readonly fileId: FileId
  /** The first commit in the file; absent when it has none. */
  readonly firstSeqNum: SeqNum | undefined
  /** The last commit in the file or, when it has none, before it. */
  readonly lastSeqNum: SeqNum
  readonly endBytes: number
}

export interface WalRecovery {
  /** The needed part of the log, oldest first. */
  readonly files: readonly RecoveredWalFile[]
  /** Where the log ends: what the next file goes on from. Absent when there is no log. */
  readonly last: WalPosition | undefined
  /** Files that hold nothing needed: left-over, made ahead of time, or cut off in their first write. */
  readonly unneededFileIds: readonly FileId[]
  /** Bytes of torn writes behind the end of the log. */
  readonly tornBytes: number
  /** How many commits were given to onCommit. */
  readonly commitCount: number
}

/** What the start of a file says. */
interface Candidate {
  readonly fileId: FileId
  readonly path: string
  /** Absent when the header cannot be read, with the error. */
  readonly headerError: unknown
  readonly isHeaderOnly: boolean
  /** Absent when the file is not started. */
  readonly start: WalStart | undefined
}

/**
 * @throws WAL_CORRUPT when the log is damaged before its proven end
 * @throws FILE_MISSING when a file of the log is not there
 * @throws FORMAT_UNSUPPORTED
 */
export function recoverWal(options: RecoverWalOptions): WalRecovery {
  const closed = closedLog(options)
  if (closed !== undefined) return closed
  const candidates = findCandidates(options)
  const chain = chainOf(candidates, options)
  checkHint(candidates, chain, options)
  const tornAhead = checkUnstarted(candidates, chain, options)
  const files: RecoveredWalFile[] = []
  const counts = { commitCount: 0, tornBytes: tornAhead }
  let last: WalPosition | undefined
  chain.forEach((candidate, i) => {
    const next = chain[i + 1]?.start?.previous
    last = replayFile(candidate, next, options, files, counts)
  })
  const isNeeded = new Set(chain)
  const unneededFileIds = candidates.filter((c) => !isNeeded.has(c)).map((c) => c.fileId)
  return { files, last, unneededFileIds, ...counts }
}

/** A log that nobody needs any more is not read; undefined when it is not as it was when the database was closed. */
function closedLog(options: RecoverWalOptions): WalRecovery | undefined {
  const { closedAt } = options
  if (closedAt === undefined) return undefined
  const fileIds = walFileIds(options)
  const { fileId, endBytes, seqNum } = closedAt
  if (fileIds.at(-1) !== fileId) return undefined
  return {
    files: [{ fileId, firstSeqNum: undefined, lastSeqNum: seqNum, endBytes }],
    last: closedAt,
    unneededFileIds: fileIds.slice(0, -1),
    tornBytes: 0,
    commitCount: 0,
  }
}

/** A directory is nobody's file, whatever its name. */
function walFileIds({ fs, directory }: RecoverWalOptions): FileId[] {
  return fs
    .list(directory)
    .map(walFileIdOf)
    .filter((fileId) => fileId !== undefined)
    .filter((fileId) => !fs.isDirectory(`${directory}/${walFileName(fileId)}`))
    .sort((a, b) => a - b)
}

/** All WAL files by rising id, synced, because decisions depend on what is read from them. */
function findCandidates(options: RecoverWalOptions): Candidate[] {
  options.fs.syncDirectory(options.directory)
  return walFileIds(options).map((fileId) => readCandidate(fileId, options))
}

function readCandidate(fileId: FileId, options: RecoverWalOptions): Candidate {
  const { fs, directory, databaseId } = options
  const path = `${directory}/${walFileName(fileId)}`
  const file = fs.open(path, 'write')
  try {
    file.syncNow()
    const bytes = new Uint8Array(FRAMES_START_BYTES + START_FRAME_BYTES)
    const got = bytes.subarray(0, file.read(bytes, 0))
    const isHeaderOnly = got.length <= FILE_HEADER_BYTES
    const base = { fileId, path, isHeaderOnly, headerError: undefined, start: undefined }
    if (isHeaderOnly) return base
    try {
      const corruptCode = 'WAL_CORRUPT'
      decodeFileHeader(got, { path, fileType: FILE_TYPE_WAL, corruptCode, databaseId, fileId })
    } catch (headerError) {
      return { ...base, headerError }
    }
    return { ...base, start: readStart(got) }
  } finally {
    file.close()
  }
}

function readStart(bytes: Uint8Array): WalStart | undefined {
  let start: WalStart | undefined
  scanFrames(bytes, {}, (frame) => {
    if (frame.type === FRAME_TYPE_START) start = decodeStart(frame.payload)
  })
  return start
}

/** The files of the log that are needed, oldest first. */
function chainOf(candidates: readonly Candidate[], options: RecoverWalOptions): Candidate[] {
  const byId = new Map(candidates.map((candidate) => [candidate.fileId, candidate]))
  const chain: Candidate[] = []
  let at = candidates.findLast((candidate) => candidate.start !== undefined)
  while (at?.start !== undefined) {
    chain.unshift(at)
    const { fileId, path } = at
    const { previous } = at.start
    if (previous.seqNum <= options.afterSeqNum) break
    if (previous.fileId >= fileId) {
      throw walError(
        'WAL_CORRUPT',
        path,
        FRAMES_START_BYTES,
        'the file names a later one as previous',
      )
    }
    at = byId.get(previous.fileId)
    if (at === undefined) throw missing(previous.fileId, `${path} goes on from it`, options)
    if (at.headerError !== undefined) throw at.headerError
    if (at.start === undefined) {
      throw walError(
        'WAL_CORRUPT',
        at.path,
        FRAMES_START_BYTES,
        `${path} goes on from it, but it has no START`,
      )
    }
  }
  return chain
}

/** Is there evidence outside the log of a newer file than those that are there? */
function checkHint(
  candidates: readonly Candidate[],
  chain: readonly Candidate[],
  options: RecoverWalOptions,
): void {
  const hint = options.provenHint
  if (hint === undefined || hint.endBytes === 0) return
  const oldestNeeded = chain[0]?.fileId ?? 0
  if (hint.fileId < oldestNeeded) return
  if (candidates.some((candidate) => candidate.fileId === hint.fileId)) return
  throw missing(hint.fileId, `the log was durable there up to ${hint.endBytes}`, options)
}

/**
 * Judges the files behind the newest started one: they must be unused, or cut off in their first write.
 *
 * @returns bytes of torn first writes
 */
function checkUnstarted(
  candidates: readonly Candidate[],
  chain: readonly Candidate[],
  options: RecoverWalOptions,
): number {
  const newest = chain.at(-1)?.fileId ?? 0
  let tornBytes = 0
  for (const candidate of candidates) {
    if (candidate.fileId <= newest) continue
    if (candidate.headerError !== undefined) throw candidate.headerError
    const isProven = provenBytesOf(candidate, options) > FRAMES_START_BYTES
    if (candidate.isHeaderOnly && !isProven) continue
    const provenBytes = provenBytesOf(candidate, options)
    const result = withFile(candidate, options, (file) => {
      if (candidate.isHeaderOnly) throw truncated(candidate, file)
      return scanFrames(file, { provenBytes }, () => {})
    })
    checkEnd(candidate, result)
    if (result.frameCount > 0) {
      throw walError(
        'WAL_CORRUPT',
        candidate.path,
        FRAMES_START_BYTES,
        'the first frame is no START',
      )
    }
    tornBytes += result.tornBytes
  }
  return tornBytes
}

/** Reads one file of the chain; returns where the log ends in it. */
function replayFile(
  candidate: Candidate,
  next: WalPosition | undefined,
  options: RecoverWalOptions,
  files: RecoveredWalFile[],
  counts: { commitCount: number; tornBytes: number },
): WalPosition {
  const { fileId, path } = candidate
  let firstSeqNum: SeqNum | undefined
  let lastSeqNum: SeqNum = candidate.start?.previous.seqNum ?? SEQ_NUM_ZERO
  const limits = {
    limitBytes: next?.endBytes,
    provenBytes: Math.max(next?.endBytes ?? 0, provenBytesOf(candidate, options)),
  }
  const onFrame = (frame: Frame) => {
    const { offsetBytes, type, seqNum } = frame
    if (offsetBytes === FRAMES_START_BYTES) return
    if (type !== FRAME_TYPE_COMMIT) {
      throw walError('WAL_CORRUPT', path, offsetBytes, `frame type ${type} has no place here`)
    }
    if (seqNum <= lastSeqNum) {
      throw walError('WAL_CORRUPT', path, offsetBytes, `SeqNum ${seqNum} comes after ${lastSeqNum}`)
    }
    firstSeqNum ??= seqNum
    lastSeqNum = seqNum
    if (seqNum <= options.afterSeqNum) return
    counts.commitCount++
    options.onCommit(seqNum, frame.payload)
  }
  const result = withFile(candidate, options, (file) => {
    if (file.sizeBytes() < (candidate.start?.spaceBytes ?? 0)) throw truncated(candidate, file)
    return scanFrames(file, limits, onFrame)
  })
  checkEnd(candidate, result)
  if (next !== undefined && next.seqNum !== lastSeqNum) {
    const problem = `the log goes on after SeqNum ${next.seqNum}, but the file ends with ${lastSeqNum}`
    throw walError('WAL_CORRUPT', path, result.endBytes, problem)
  }
  if (next === undefined) counts.tornBytes += result.tornBytes
  files.push({ fileId, firstSeqNum, lastSeqNum, endBytes: result.endBytes })
  return { fileId, endBytes: result.endBytes, seqNum: lastSeqNum }
}

function withFile<Result>(
  { path }: Candidate,
  { fs }: RecoverWalOptions,
  read: (file: File) => Result,
): Result {
  const file = fs.open(path, 'read')
  try {
    return read(file)
  } finally {
    file.close()
  }
}

function truncated({ path }: Candidate, file: File): Error {
  return walError('WAL_CORRUPT', path, file.sizeBytes(), 'the file was truncated')
}

function checkEnd(candidate: Candidate, result: ScanResult): void {
  if (result.end !== 'corrupt') return
  const problem = `no valid frame, but the log was durable up to ${result.provenBytes}`
  throw walError('WAL_CORRUPT', candidate.path, result.endBytes, problem)
}

function provenBytesOf(candidate: Candidate, options: RecoverWalOptions): number {
  const hint = options.provenHint
  return hint !== undefined && hint.fileId === candidate.fileId ? hint.endBytes : 0
}

function missing(fileId: FileId, reason: string, options: RecoverWalOptions) {
  const path = `${options.directory}/${walFileName(fileId)}`
  return walError('FILE_MISSING', path, 0, `the file is missing; ${reason}`)
}
