import { EngineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { IDENTITY_TRANSFORM } from '../codec/block-transform.js'
import { ENTRY_KIND_DELETE } from '../codec/entry.js'
import type { Frame } from '../codec/frame.js'
import type { FileSystem } from '../env/file-system.js'
import { decodeCommit } from '../store/commit-format.js'
import { describeWal, type WalDescription } from '../wal/describe.js'
import { FRAME_TYPE_COMMIT, walError, walFileName, type WalStart } from '../wal/format.js'
import type { Report } from './command.js'
import {
  type Fact,
  fileReport,
  identityData,
  identityFacts,
  type InspectOptions,
  KEY_COLUMNS,
  keyCells,
  keyData,
} from './inspection.js'
import { factLines, restLines, tableLines } from './layout.js'
import { commit, counted, grouped, size, timeOf } from './printable.js'

/** One write of a commit. */
interface Write {
  readonly seqNum: SeqNum
  readonly key: Uint8Array
  readonly kind: 'put' | 'delete'
  readonly valueBytes: number
}

export function inspectWal(fs: FileSystem, path: string, options: InspectOptions): Report {
  const writes = new WriteList(options.limit)
  const wal = describeWal(fs, path, (frame) => writes.add(frame))
  const { identity, fileBytes, start, frames, endBytes, end, tornBytes, provenBytes } = wal
  const problem =
    end === 'corrupt'
      ? walError(
          'WAL_CORRUPT',
          path,
          endBytes,
          `no valid frame, but the log was durable up to ${provenBytes}`,
        )
      : undefined
  const commits = frames.filter(({ type }) => type === 'COMMIT')
  const facts: Fact[] = [
    ...identityFacts(identity),
    ['goes on from', startText(start)],
    ['commits', grouped(commits.length)],
    ['first commit', commit(commits[0]?.seqNum ?? 0)],
    ['last commit', commit(commits.at(-1)?.seqNum ?? 0)],
    ['writes', grouped(writes.count)],
    ['end', endText(wal)],
  ]
  const shown = frames.slice(0, options.limit)
  const data = {
    file: path,
    type: 'wal',
    fileBytes,
    ...identityData(identity),
    start,
    frameCount: frames.length,
    writeCount: writes.count,
    frames: shown,
    endBytes,
    end,
    tornBytes,
    provenBytes,
    ...(options.withEntries ? { entries: writes.shown.map(writeData) } : {}),
  }
  const lines = [
    `${path}: WAL file, ${size(fileBytes)}`,
    ...factLines(facts),
    '',
    ...(options.withEntries
      ? [...writeLines(writes.shown), ...restLines(writes.shown.length, writes.count)]
      : [...frameLines(shown), ...restLines(shown.length, frames.length)]),
  ]
  return fileReport(data, lines, [writes.problem, problem])
}

/** Decodes every commit, keeps the first writes. */
class WriteList {
  readonly shown: Write[] = []
  count = 0
  /** The first commit that is not what it should be although its checksum fits. */
  problem: EngineError | undefined
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  add({ type, seqNum, payload }: Frame): void {
    if (type !== FRAME_TYPE_COMMIT) return
    try {
      decodeCommit(
        payload,
        seqNum,
        IDENTITY_TRANSFORM,
        (kind, bytes, keyStart, keyEnd, valueEnd) => {
          this.count++
          if (this.shown.length === this.#limit) return
          this.shown.push({
            seqNum,
            key: bytes.slice(keyStart, keyEnd),
            kind: kind === ENTRY_KIND_DELETE ? 'delete' : 'put',
            valueBytes: valueEnd - keyEnd,
          })
        },
      )
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      this.problem ??= error
    }
  }
}

function startText(start: WalStart | undefined): string {
  if (start === undefined) return 'nothing: the file was made ahead of time and not started'
  const { fileId, endBytes, seqNum } = start.previous
  if (fileId === 0) return 'nothing: it is the first file of the log'
  return `${walFileName(fileId)} at ${grouped(endBytes)}, commit ${commit(seqNum)}`
}

function endText({ end, endBytes, fileBytes, tornBytes }: WalDescription): string {
  const place = `${grouped(endBytes)} of ${counted(fileBytes, 'byte')}`
  if (end === 'clean') return `at ${place}; nothing behind it`
  if (end === 'corrupt') return `damaged at ${place}`
  return `at ${place}; behind it ${counted(tornBytes, 'byte')} of a write that was cut off`
}

function frameLines(frames: WalDescription['frames']): string[] {
  const columns = [
    { title: 'offset', isRight: true },
    { title: 'frame' },
    { title: 'commit' },
    { title: 'time' },
    { title: 'payload', isRight: true },
    { title: 'synced up to', isRight: true },
  ]
  const rows = frames.map(({ offsetBytes, type, seqNum, payloadBytes, syncedUpToBytes }) => [
    grouped(offsetBytes),
    type,
    String(seqNum),
    timeOf(seqNum) ?? '',
    size(payloadBytes),
    grouped(syncedUpToBytes),
  ])
  return tableLines(columns, rows)
}

function writeLines(writes: readonly Write[]): string[] {
  const columns = [
    { title: 'commit' },
    { title: 'write' },
    ...KEY_COLUMNS,
    { title: 'value', isRight: true },
  ]
  const rows = writes.map(({ seqNum, kind, key, valueBytes }) => [
    String(seqNum),
    kind,
    ...keyCells(key),
    kind === 'delete' ? '' : size(valueBytes),
  ])
  return tableLines(columns, rows)
}

function writeData({ seqNum, kind, key, valueBytes }: Write): Record<string, unknown> {
  return { seqNum, kind, ...keyData(key), valueBytes }
}
