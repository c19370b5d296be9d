// Opening and creating a database: from a directory to tablets, log and manifest that are ready for commits.
//
// Crash rule: a database exists from the moment its superblock is durable. Before that a directory holds nothing worth
// keeping; after that everything that is needed is named by the manifest or is a WAL file. Opening what was closed writes
// nothing but the lock: log and manifest go on in files of this opening with the first commit and the first edit. Files that
// are neither named nor of the log are leftovers of interrupted jobs and are removed, but only once recovery has succeeded, on
// any anomaly nothing is deleted, and once what was read is durable: of a process that died it may be in the system only.

import { engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { FileId, SeqNum, TabletId } from '../base/ids.js'
import { SEQ_NUM_ZERO } from '../base/ids.js'
import { type DirectoryLock, lockDirectory } from '../env/directory-lock.js'
import type { Env } from '../env/env.js'
import type { FileSystem } from '../env/file-system.js'
import { lateModule } from '../env/late-module.js'
import { LOCK_NAME } from '../env/lock-file.js'
import { EntryCache } from '../lsm/entry-cache.js'
import { Manifest } from '../lsm/manifest.js'
import { fileIdOfName } from '../lsm/manifest-format.js'
import { type ManifestState, readManifest, syncManifest } from '../lsm/manifest-state.js'
import { Memtable } from '../lsm/memtable.js'
import { hasSuperblock, NEW_SUPERBLOCK_NAME, SUPERBLOCK_NAME } from '../lsm/superblock.js'
import { Tablet } from '../lsm/tablet.js'
import { BlockCache } from '../sstable/block-cache.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'
import { WAL_BEGINNING } from '../wal/format.js'
import { recoverWal, type WalRecovery } from '../wal/recovery.js'
import { WalWriter } from '../wal/writer.js'
import { FileRemovals } from './file-removals.js'
import { isDiskFull } from './lane.js'
import { OpenTables } from './open-tables.js'
import { OpenedFiles } from './opened-files.js'
import { Quarantine } from './quarantine.js'
import { RecoveredCommits } from './recovered-commits.js'
import { removeReserve } from './reserve.js'
import type { SalvageReport } from './salvage.js'
import type { StoreOptions } from './store-options.js'
import { TabletMap } from './tablet-map.js'
import {
  manifestOptions,
  newIdentity,
  randomUint32,
  type WriterIdentity,
} from './writer-identity.js'

const HASH_SPACE = 2 ** 32

const overlays = lateModule(() => import('../env/overlay-file-system.js'))
const salvaging = lateModule(() => import('./salvage.js'))

/** @throws as Store.open */
export async function openFiles(
  options: StoreOptions,
  env: Env,
  events: EventSource,
): Promise<OpenedFiles> {
  const isSalvage = options.isSalvage === true
  const createIfMissing = options.createIfMissing && !isSalvage
  if (isToBeCreated(options.path, env, createIfMissing)) env.fs.makeDirectory(options.path)
  const world = isSalvage ? await withoutWrites(env) : env
  const takeLock = () => lockDirectory(options.path, env)
  const lock = await (isSalvage ? takeLock() : withReserve(env.fs, options.path, takeLock))
  const surroundings = {
    env: world,
    events,
    lock,
    quarantine: new Quarantine(events),
    removals: new FileRemovals(world, events),
  }
  try {
    // Asked again: before the lock somebody else may have created it.
    if (isToBeCreated(options.path, env, createIfMissing)) {
      return await createDatabase(options, surroundings)
    }
    return await withReserve(world.fs, options.path, () => recoverDatabase(options, surroundings))
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** The same world, but what is written stays in memory. */
async function withoutWrites(env: Env): Promise<Env> {
  const { OverlayFileSystem } = await overlays()
  return { ...env, fs: new OverlayFileSystem(env.fs) }
}

/** Does what needs room; without it, once more with that of the reserve. */
async function withReserve<Value>(
  fs: FileSystem,
  directory: string,
  attempt: () => Promise<Value>,
): Promise<Value> {
  try {
    return await attempt()
  } catch (error) {
    if (!isDiskFull(error) || !removeReserve(fs, directory)) throw error
    return await attempt()
  }
}

/** What an opening works in. */
interface Surroundings {
  readonly env: Env
  readonly events: EventSource
  readonly lock: DirectoryLock
  readonly quarantine: Quarantine
  readonly removals: FileRemovals
}

/** Whether there is no database yet and one is wanted. Touches nothing. */
function isToBeCreated(path: string, env: Env, createIfMissing: boolean): boolean {
  const { fs } = env
  if (fs.exists(path) && !fs.isDirectory(path)) throw notADatabase(path, 'it is a file')
  if (fs.exists(path) && hasSuperblock(fs, path)) return false
  const names = fs.exists(path) ? fs.list(path).filter((name) => name !== LOCK_NAME) : []
  const isOurs = (name: string, pattern: RegExp) =>
    pattern.test(name) && !fs.isDirectory(`${path}/${name}`)
  const data = names.filter((name) => isOurs(name, /^\d{6,}\.(wal|sst)$/))
  if (data.length > 0) {
    throw engineError('FILE_MISSING', `${path} has data files but no file ${SUPERBLOCK_NAME}`, {
      details: { path, file: SUPERBLOCK_NAME },
    })
  }
  // A creation that was cut off leaves at most its manifest and a superblock under another name.
  const foreign = names.filter(
    (name) => name !== NEW_SUPERBLOCK_NAME && !isOurs(name, /^\d{6,}\.manifest$/),
  )
  if (foreign.length > 0) throw notADatabase(path, `it holds ${foreign.slice(0, 3).join(', ')}`)
  if (!createIfMissing) {
    const message = `there is no database in ${path}: it does not exist or is empty`
    throw engineError('DB_NOT_FOUND', message, { details: { path } })
  }
  return true
}

async function createDatabase(
  options: StoreOptions,
  surroundings: Surroundings,
): Promise<OpenedFiles> {
  const { env, lock } = surroundings
  const identity = newIdentity(options, env)
  const count = options.defaultTabletCount
  const ranges = Array.from({ length: count }, (_, i) => ({
    tabletId: (i + 1) as TabletId,
    hashStart: Math.ceil((i * HASH_SPACE) / count),
    hashEnd: Math.ceil(((i + 1) * HASH_SPACE) / count),
  }))
  removeFiles(surroundings, options.path, orphansOf(env.fs, options.path, new Set()))
  const manifest = await Manifest.create(manifestOptions(options, env, identity, lock), ranges)
  return assemble(options, surroundings, { manifest, identity })
}

async function recoverDatabase(
  options: StoreOptions,
  surroundings: Surroundings,
): Promise<OpenedFiles> {
  const { env, lock } = surroundings
  const { fs } = env
  const directory = options.path
  const state = readManifest(fs, directory)
  const { databaseId, wal, isClean } = state.superblock
  const flushed = state.tablets.map(({ version }) => version.flushedSeqNum)
  const walOptions = {
    fs,
    directory,
    databaseId,
    provenHint: wal,
    closedAt:
      isClean && wal !== undefined ? { ...wal, seqNum: Math.max(...flushed) as SeqNum } : undefined,
    afterSeqNum: Math.min(...flushed) as SeqNum,
  }
  const { tablets } = state
  const { transform, memtableBudgetBytes } = options
  const newCommits = () => new RecoveredCommits({ tablets, transform, memtableBudgetBytes })
  let commits = newCommits()
  let log: WalRecovery | undefined
  let salvage: SalvageReport | undefined
  if (options.isSalvage === true) {
    const { findLostTables, salvageWal } = await salvaging()
    const lostTables = findLostTables(state.tablets, (meta) => checkTable(env, directory, meta))
    const salvaged = salvageWal(walOptions, newCommits)
    commits = salvaged.commits
    log = salvaged.log
    salvage = { lostTables, lostLog: salvaged.lostLog }
  } else {
    for (const { version } of state.tablets) {
      for (const meta of version.levels.flat()) checkTable(env, directory, meta)
    }
    const onCommit = (seqNum: SeqNum, payload: Uint8Array) => commits.add(seqNum, payload)
    log = recoverWal({ ...walOptions, onCommit })
  }
  const identity = newIdentity(options, env, databaseId)
  const manifest = Manifest.resume(manifestOptions(options, env, identity, lock), state, log?.last)
  const orphans = orphansOf(fs, directory, new Set([manifest.fileId, ...fileIdsOf(state, log)]))
  if (!isClean || orphans.length > 0) await syncManifest(fs, directory, state)
  // It remembers the ids of what is removed, too: none is used again.
  if (!state.isSuperblockWhole || orphans.length > 0) await manifest.renewSuperblock()
  const removed = removeFiles(surroundings, directory, orphans)
  return assemble(options, surroundings, { manifest, identity, log, commits, salvage, removed })
}

interface Recovered {
  readonly manifest: Manifest
  readonly identity: WriterIdentity
  readonly log?: WalRecovery | undefined
  readonly commits?: RecoveredCommits
  readonly salvage?: SalvageReport | undefined
  /** Names of left-over files. */
  readonly removed?: readonly string[]
}

/** Entries may have half of what blocks have in any case, from their room. */
function makeCaches({ blockCacheBytes }: StoreOptions): Pick<OpenedFiles, 'cache' | 'entries'> {
  const cache = new BlockCache({ capacityBytes: blockCacheBytes })
  const entries = new EntryCache({
    capacityBytes: Math.floor(blockCacheBytes / 2),
    onGrow: (bytes) => cache.setAside(bytes),
  })
  return { cache, entries }
}

async function assemble(
  options: StoreOptions,
  { env, lock, quarantine, removals }: Surroundings,
  recovered: Recovered,
): Promise<OpenedFiles> {
  const { manifest, identity, log, commits } = recovered
  const { fs } = env
  const directory = options.path
  const caches = makeCaches(options)
  const { databaseId } = identity
  const about = { fs, directory, databaseId, transform: options.transform }
  const tables = new OpenTables({ ...about, ...caches, quarantine, removals })
  const tablets = manifest.tablets.map(
    ({ tabletId, hashStart, hashEnd, version }) =>
      new Tablet({
        id: tabletId,
        hashStart,
        hashEnd,
        version,
        memtables: commits?.memtablesOf(tabletId) ?? [new Memtable()],
        tables: tables.sourceOf(tabletId),
      }),
  )
  const flushed = tablets.map(({ version }) => version.flushedSeqNum)
  const walOptions = {
    fs,
    directory,
    databaseId,
    incarnation: identity.incarnation,
    allocateFileId: () => manifest.allocateFileId(),
    randomUint32: () => randomUint32(env),
    fileBytes: options.walFileBytes,
    yield: () => env.clock.yield(),
    // The copy that a checkpoint made has commits and no log.
    previous: { ...WAL_BEGINNING, seqNum: Math.min(...flushed) as SeqNum },
    sealed: log?.files.slice(0, -1),
  }
  let wal: WalWriter
  if (log?.last === undefined) {
    wal = WalWriter.create(walOptions)
    await manifest.proveWal(wal.durable)
  } else wal = WalWriter.resume(walOptions, log.last)
  return new OpenedFiles({
    map: new TabletMap(tablets, options.objects),
    tables,
    manifest,
    wal,
    ...caches,
    identity,
    lastSeqNum: Math.max(
      commits?.lastSeqNum ?? SEQ_NUM_ZERO,
      log?.last?.seqNum ?? 0,
      ...flushed,
    ) as SeqNum,
    recovery: {
      walFileCount: log?.files.length ?? 0,
      commitCount: commits?.count ?? 0,
      tornBytes: log?.tornBytes ?? 0,
      orphanFileIds: (recovered.removed ?? []).map((name) => fileIdOfName(name)!),
    },
    quarantine,
    salvage: recovered.salvage,
    removals,
    lock,
    directory,
    fs,
  })
}

/**
 * A live table must be there, whole: a missing one would bring back old values of its keys.
 *
 * @throws FILE_MISSING SSTABLE_CORRUPT
 */
export function checkTable(env: Env, directory: string, { fileId, fileBytes }: TableMeta): void {
  const file = tableFileName(fileId)
  const path = `${directory}/${file}`
  if (!env.fs.exists(path)) {
    throw engineError('FILE_MISSING', `${path} is not there`, { details: { path, file } })
  }
  const found = env.fs.fileBytes(path)
  if (found === fileBytes) return
  throw engineError('SSTABLE_CORRUPT', `${path} has ${found} bytes instead of ${fileBytes}`, {
    details: { path, file, found, expected: fileBytes },
  })
}

/** The files that a database needs beside its manifest. */
function fileIdsOf({ tablets }: ManifestState, log: WalRecovery | undefined): FileId[] {
  const tables = tablets.flatMap(({ version }) => version.levels.flat())
  return [...tables, ...(log?.files ?? [])].map(({ fileId }) => fileId)
}

/** The names of our files whose ids are not needed. A directory is nobody's file, whatever its name. */
function orphansOf(fs: FileSystem, directory: string, needed: ReadonlySet<FileId>): string[] {
  return fs.list(directory).filter((name) => {
    const fileId = fileIdOfName(name)
    if (fileId === undefined || needed.has(fileId)) return false
    return !fs.isDirectory(`${directory}/${name}`)
  })
}

/**
 * Removes files, durably. One that cannot be removed is in nobody's way, and the next opening tries again.
 *
 * @returns those that were removed
 */
function removeFiles(
  { env: { fs }, events }: Surroundings,
  directory: string,
  names: readonly string[],
): readonly string[] {
  const removed = names.filter((name) => {
    try {
      fs.remove(`${directory}/${name}`)
      return true
    } catch (error) {
      events.emit('error', { where: 'removal of left-over files', error })
      return false
    }
  })
  if (removed.length > 0) fs.syncDirectory(directory)
  return removed
}

function notADatabase(path: string, why: string): Error {
  return engineError('DB_NOT_A_DATABASE', `${path} is not a Tabularium database: ${why}`, {
    details: { path },
  })
}
