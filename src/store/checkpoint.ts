// A checkpoint: a copy of an open database in another directory, as of one commit, made while writes go on.
//
// The cut is made in one synchronous stretch: every active memtable is sealed, and the view of every tablet is taken hold
// of. Nothing gets into a sealed memtable any more, so the views together are exactly the commits numbered so far. The log
// makes the last of them durable before anything is copied. Sstables never change: they are linked, or copied where the
// file system cannot link; while their views are held, no compaction deletes them. Sealed memtables are written as sstables
// of level 0, whatever becomes of their flushes here.
//
// Crash rule: the first file of the target is a superblock that says that the checkpoint is not finished, the last one is
// the superblock of the copy, which takes its place when all other files are durable. In between the directory does not
// open. The database itself is only read.

import { engineError } from '../base/errors.js'
import type { FileId, SeqNum } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import { type DirectoryLock, lockDirectory } from '../env/directory-lock.js'
import { LOCK_NAME } from '../env/lock-file.js'
import type { Env } from '../env/env.js'
import { isUnlinkable } from '../env/file-system.js'
import type { FlushJob } from '../lsm/jobs.js'
import { Manifest } from '../lsm/manifest.js'
import type { TabletState } from '../lsm/manifest-state.js'
import { databaseAround, markUnfinished, SUPERBLOCK_NAME } from '../lsm/superblock.js'
import type { TabletView } from '../lsm/tablet.js'
import { KEEP_EVERYTHING } from '../lsm/watermarks.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'
import type { CommitLog } from './commit-log.js'
import { jobOptions, runJob } from './job-run.js'
import { checkTable } from './open-files.js'
import type { OpenedFiles } from './opened-files.js'
import type { StoreOptions } from './store-options.js'
import { manifestOptions, newIdentity, type WriterIdentity } from './writer-identity.js'

/** Read and written at a time where a file cannot be linked. */
const COPY_BYTES: number = 1 * MiB

/** What a checkpoint holds. */
export interface Checkpoint {
  /** The copy holds every commit up to this one and nothing newer. */
  readonly seqNum: SeqNum
  /** Sstables of the copy, and their bytes. */
  readonly tableCount: number
  readonly tableBytes: number
  /** Sstables that share their bytes on the disk with the database. */
  readonly linkedTableCount: number
}

/** An open store, as a checkpoint sees it. */
export interface CheckpointSource {
  readonly files: OpenedFiles
  readonly options: StoreOptions
  readonly env: Env
  readonly log: CommitLog
  /** The newest SeqNum that a commit was given. */
  newest(): SeqNum
  /** @throws when nothing can be promised of the store any more, or it is being closed */
  assertWritable(): void
}

/** @throws as Store.checkpoint */
export async function makeCheckpoint(
  source: CheckpointSource,
  directory: string,
): Promise<Checkpoint> {
  const { env } = source
  source.assertWritable()
  checkTarget(env, directory)
  env.fs.makeDirectory(directory)
  const lock = await lockDirectory(directory, env)
  try {
    checkTarget(env, directory)
    try {
      await markUnfinished(env.fs, directory)
      return await new CheckpointCopy(source, directory, lock).run()
    } catch (error) {
      removeAll(env, directory)
      throw error
    }
  } finally {
    await lock.release()
  }
}

/** The files of one checkpoint in the making. */
class CheckpointCopy {
  readonly #source: CheckpointSource
  readonly #lock: DirectoryLock
  /** Of the store, but in the target. */
  readonly #options: StoreOptions
  readonly #identity: WriterIdentity
  readonly #taken = new Set<FileId>()
  #tableCount = 0
  #tableBytes = 0
  #linkedTableCount = 0

  constructor(source: CheckpointSource, directory: string, lock: DirectoryLock) {
    this.#source = source
    this.#lock = lock
    this.#options = { ...source.options, path: directory }
    this.#identity = newIdentity(source.options, source.env, source.files.identity.databaseId)
  }

  async run(): Promise<Checkpoint> {
    const { files, env, log } = this.#source
    const seqNum = this.#source.newest()
    for (const tablet of files.tablets) tablet.seal()
    // The hashes, too, are those of the cut: a tablet may split or merge meanwhile.
    const held = files.tablets.map((tablet) => {
      const { id: tabletId, hashStart, hashEnd } = tablet
      return { tablet, view: tablet.acquire(), place: { tabletId, hashStart, hashEnd } }
    })
    const tablets: TabletState[] = []
    try {
      await log.settle('sync')
      this.#source.assertWritable()
      for (const { view, place } of held) tablets.push(await this.#copy(view, place, seqNum))
    } finally {
      for (const { tablet, view } of held) tablet.release(view)
    }
    const { path } = this.#options
    const settings = manifestOptions(this.#options, env, this.#identity, this.#lock)
    const manifest = await Manifest.create(settings, tablets)
    await manifest.close()
    env.fs.syncDirectory(`${path}/..`)
    return {
      seqNum,
      tableCount: this.#tableCount,
      tableBytes: this.#tableBytes,
      linkedTableCount: this.#linkedTableCount,
    }
  }

  async #copy(
    view: TabletView,
    place: Omit<TabletState, 'version'>,
    flushedSeqNum: SeqNum,
  ): Promise<TabletState> {
    for (const level of view.levels) for (const { meta } of level) await this.#take(meta)
    const added: TableMeta[] = []
    // The first memtable took commits behind the cut.
    for (const memtable of view.memtables.slice(1)) {
      this.#source.assertWritable()
      const { arenaBytes } = memtable
      const { files, env } = this.#source
      const job: FlushJob = {
        kind: 'flush',
        image: memtable.handover(),
        hashes: memtable.isShared ? place : undefined,
        ...jobOptions(this.#options, this.#identity, arenaBytes, (count) =>
          files.reserveFileIds(count),
        ),
        // What jobs may drop is not for the copy to drop: its policies are those of the cut.
        watermarks: KEEP_EVERYTHING,
        isBottom: false,
      }
      added.push(...(await runJob(env, job, arenaBytes)).tables)
    }
    for (const { fileBytes } of added) this.#count(fileBytes)
    const version = view.version.apply({
      tabletId: place.tabletId,
      added: added.map((meta) => ({ level: 0, meta })),
      removed: [],
      flushedSeqNum,
    })
    return { ...place, version }
  }

  /** Links or copies one table. Other work gets its turn in between. */
  async #take(meta: TableMeta): Promise<void> {
    const { fs, clock } = this.#source.env
    const { fileId, fileBytes } = meta
    // Tablets may share it.
    if (this.#taken.has(fileId)) return
    this.#taken.add(fileId)
    const name = tableFileName(fileId)
    const from = `${this.#source.options.path}/${name}`
    const to = `${this.#options.path}/${name}`
    await clock.yield()
    this.#source.assertWritable()
    // A copy with a shortened table would not open.
    checkTable(this.#source.env, this.#source.options.path, meta)
    try {
      fs.link(from, to)
      this.#linkedTableCount++
    } catch (error) {
      if (!isUnlinkable(error)) throw error
      await this.#copyFile(from, to, fileBytes)
    }
    this.#count(fileBytes)
  }

  async #copyFile(from: string, to: string, fileBytes: number): Promise<void> {
    const { fs, clock } = this.#source.env
    const buffer = new Uint8Array(Math.min(COPY_BYTES, fileBytes))
    const input = fs.open(from, 'read')
    try {
      const output = fs.open(to, 'create')
      try {
        for (let done = 0; done < fileBytes; ) {
          const count = input.read(buffer, done)
          if (count === 0) break
          output.write(buffer.subarray(0, count), done)
          done += count
          await clock.yield()
          this.#source.assertWritable()
        }
        await output.sync()
      } finally {
        output.close()
      }
    } finally {
      input.close()
    }
  }

  #count(fileBytes: number): void {
    this.#tableCount++
    this.#tableBytes += fileBytes
  }
}

/** @throws CHECKPOINT_TARGET_INVALID when the directory is anything but absent or empty, or lies in a database */
function checkTarget({ fs }: Env, directory: string): void {
  const around = databaseAround(fs, directory)
  if (around !== undefined) throw invalidTarget(directory, `it lies in the database ${around}`)
  if (!fs.exists(directory)) return
  if (!fs.isDirectory(directory)) throw invalidTarget(directory, 'it is a file')
  const names = fs.list(directory).filter((name) => name !== LOCK_NAME)
  if (names.length > 0) throw invalidTarget(directory, `it holds ${names.slice(0, 3).join(', ')}`)
}

function invalidTarget(path: string, why: string): Error {
  return engineError('CHECKPOINT_TARGET_INVALID', `no checkpoint can be made in ${path}: ${why}`, {
    details: { path },
  })
}

/** Leaves the directory empty, the file that says `unfinished` last, or at least says so. */
function removeAll({ fs }: Env, directory: string): void {
  try {
    const names = fs
      .list(directory)
      .filter((name) => name !== LOCK_NAME && name !== SUPERBLOCK_NAME)
    for (const name of names) fs.remove(`${directory}/${name}`)
    fs.syncDirectory(directory)
    fs.remove(`${directory}/${SUPERBLOCK_NAME}`)
    fs.syncDirectory(directory)
  } catch {
    // The failure that led here is the one to report.
  }
}
