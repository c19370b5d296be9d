// Opening what is damaged, to save what can be read.
//
// Nothing on the disk is changed: the opening runs on a file system that keeps what it writes in memory. The manifest and
// the superblock must be sound, since nothing else says which files count. Of the log everything before the first damage
// is replayed, nothing behind it: the state is that after some commit. Sstables that are missing or damaged keep their
// place, so that a read that needs one throws, and no read finds an older version of a key instead.

import type { EngineError, ErrorCode } from '../base/errors.js'
import type { SeqNum, TabletId } from '../base/ids.js'
import { SEQ_NUM_ZERO } from '../base/ids.js'
import type { FileSystem } from '../env/file-system.js'
import type { TabletState } from '../lsm/manifest-state.js'
import { shareOfCount, type TableMeta, tableFileName } from '../sstable/format.js'
import { describeWal } from '../wal/describe.js'
import { walFileIdOf } from '../wal/format.js'
import { type RecoverWalOptions, recoverWal, type WalRecovery } from '../wal/recovery.js'
import { isDamage } from './quarantine.js'

/** Why the log could not be replayed to its end. */
export interface LostLog {
  readonly code: ErrorCode
  readonly message: string
  readonly details: Readonly<Record<string, string | number>>
  /** The last commit before the damage; later ones are lost, unless they are in sstables. */
  readonly afterSeqNum: SeqNum
  /** The newest commit that the log still speaks of; commits up to here are known to have existed. */
  readonly throughSeqNum: SeqNum
}

/** An sstable that is not there as it should be. */
export interface LostTable {
  readonly file: string
  readonly tabletId: TabletId
  readonly level: number
  /** How many entries it held: versions and tombstones of rows and index entries. */
  readonly entryCount: number
  readonly code: string
  readonly message: string
}

/** What opening could not take. Damage inside of sstables shows when they are read, and through verify(). */
export interface SalvageReport {
  readonly lostLog: LostLog | undefined
  readonly lostTables: readonly LostTable[]
}

/** A log as far as it could be replayed. */
export interface SalvagedLog<Commits> {
  readonly log: WalRecovery | undefined
  readonly commits: Commits
  readonly lostLog: LostLog | undefined
}

/**
 * Replays the log up to the first damage. When the newest files contradict those before, or files between are missing, the
 * newest ones are left out until what remains fits together.
 *
 * @param newCommits  makes what takes the commits of one attempt
 */
export function salvageWal<Commits extends { add(seqNum: SeqNum, payload: Uint8Array): void }>(
  options: Omit<RecoverWalOptions, 'onCommit'>,
  newCommits: () => Commits,
): SalvagedLog<Commits> {
  const { fs, directory } = options
  const fileIds = fs
    .list(directory)
    .map(walFileIdOf)
    .filter((fileId) => fileId !== undefined)
  fileIds.sort((a, b) => a - b)
  let problem: EngineError | undefined
  for (;;) {
    const commits = newCommits()
    let afterSeqNum = options.afterSeqNum
    const kept = new Set<number>(fileIds)
    try {
      const log = recoverWal({
        ...options,
        fs: withoutFiles(fs, (name) => !kept.has(walFileIdOf(name) ?? -1)),
        provenHint: problem === undefined ? options.provenHint : undefined,
        onCommit: (seqNum, payload) => {
          commits.add(seqNum, payload)
          afterSeqNum = seqNum
        },
      })
      return { log, commits, lostLog: lostLogOf(problem, log.last?.seqNum ?? afterSeqNum, options) }
    } catch (error) {
      if (!isLogDamage(error)) throw error
      problem ??= error
      // What came before the damage was replayed in order.
      if (afterSeqNum > options.afterSeqNum || fileIds.length === 0) {
        return { log: undefined, commits, lostLog: lostLogOf(problem, afterSeqNum, options) }
      }
      fileIds.pop()
    }
  }
}

function lostLogOf(
  problem: EngineError | undefined,
  afterSeqNum: SeqNum,
  options: Omit<RecoverWalOptions, 'onCommit'>,
): LostLog | undefined {
  if (problem === undefined) return undefined
  const { code, details } = problem
  const message = problem.message.slice(`${code}: `.length)
  return { code, message, details, afterSeqNum, throughSeqNum: newestSeqNum(afterSeqNum, options) }
}

/** The highest commit number in any frame of the log that is intact. */
function newestSeqNum(
  atLeast: SeqNum,
  { fs, directory }: Omit<RecoverWalOptions, 'onCommit'>,
): SeqNum {
  let newest = atLeast
  for (const name of fs.list(directory)) {
    if (walFileIdOf(name) === undefined) continue
    try {
      const { start, frames } = describeWal(fs, `${directory}/${name}`)
      const last = frames.at(-1)?.seqNum ?? SEQ_NUM_ZERO
      newest = Math.max(newest, start?.previous.seqNum ?? 0, last) as SeqNum
    } catch (error) {
      if (!isLogDamage(error)) throw error
    }
  }
  return newest
}

/** The live tables that are not there with the length that the manifest says. */
export function findLostTables(
  tablets: readonly TabletState[],
  check: (meta: TableMeta) => void,
): LostTable[] {
  const lost: LostTable[] = []
  for (const { tabletId, version } of tablets) {
    for (const [level, tables] of version.levels.entries()) {
      for (const meta of tables) {
        try {
          check(meta)
        } catch (error) {
          if (!isDamage(error)) throw error
          const { code, message } = error
          const entryCount = shareOfCount(meta.entryCount, meta)
          const file = tableFileName(meta.fileId)
          lost.push({ file, tabletId, level, entryCount, code, message })
        }
      }
    }
  }
  return lost
}

function isLogDamage(error: unknown): error is EngineError {
  const { code } = error as EngineError
  return code === 'WAL_CORRUPT' || code === 'FILE_MISSING'
}

/** The same files but for some whose names are not listed. */
function withoutFiles(fs: FileSystem, isHidden: (name: string) => boolean): FileSystem {
  return {
    open: (path, mode) => fs.open(path, mode),
    exists: (path) => fs.exists(path),
    fileBytes: (path) => fs.fileBytes(path),
    linkCount: (path) => fs.linkCount(path),
    isDirectory: (path) => fs.isDirectory(path),
    list: (directory) =>
      fs.list(directory).filter((name) => !name.endsWith('.wal') || !isHidden(name)),
    makeDirectory: (directory) => fs.makeDirectory(directory),
    rename: (from, to) => fs.rename(from, to),
    link: (from, to) => fs.link(from, to),
    remove: (path) => fs.remove(path),
    removeAsync: (path) => fs.removeAsync(path),
    freeBytes: (path) => fs.freeBytes(path),
    syncDirectory: (directory) => fs.syncDirectory(directory),
    syncDirectoryAsync: (directory) => fs.syncDirectoryAsync(directory),
  }
}
