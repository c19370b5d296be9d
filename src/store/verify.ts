// Reads and checks every file of an open store, while it is in use. Of files that grow, the part is checked that was
// durable when verification began; manifest and superblock are looked at in a moment in which nobody writes to them. After
// every stretch of work others get their turn.

import { EngineError, engineError } from '../base/errors.js'
import type { FileId, TabletId } from '../base/ids.js'
import { KiB } from '../base/limits.js'
import { LOCK_NAME } from '../env/lock-file.js'
import type { Env } from '../env/env.js'
import type { FileSystem } from '../env/file-system.js'
import { fileIdOfName, manifestFileName } from '../lsm/manifest-format.js'
import { type ManifestContents, verifyManifest } from '../lsm/manifest-state.js'
import { readSuperblock, SUPERBLOCK_NAME, verifySuperblock } from '../lsm/superblock.js'
import type { Tablet, TabletView } from '../lsm/tablet.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'
import type { TableReader } from '../sstable/table-reader.js'
import { walError, walFileName, type WalPosition } from '../wal/format.js'
import { verifyWalFile } from '../wal/wal-verify.js'
import { type FileRole, fileRoleOf } from './file-role.js'
import type { OpenedFiles } from './opened-files.js'

/** How far a verification is. */
export interface VerifyProgress {
  /** The file that is being read. */
  readonly file: string
  readonly doneFileCount: number
  readonly fileCount: number
  readonly doneBytes: number
  readonly bytes: number
}

export interface VerifiedFile {
  readonly file: string
  readonly role: FileRole
  /** How much of it was checked. */
  readonly bytes: number
  /** Of a log file. */
  readonly commitCount?: number
  /** What follows is told of sstables. */
  readonly tabletId?: TabletId
  readonly level?: number
  readonly blockCount?: number
  readonly entryCount?: number
}

export interface VerifyProblem {
  readonly file: string
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, string | number>>
}

/** What a verification read and found. */
export interface VerifyReport {
  readonly isSound: boolean
  readonly files: readonly VerifiedFile[]
  readonly problems: readonly VerifyProblem[]
  /** Files that are there and belong to nobody; no problem. Ours are removed by the next opening. */
  readonly orphans: readonly string[]
}

export interface VerifyOptions {
  /** Throws once there is nothing to verify any more. */
  readonly assertReadable: () => void
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined
}

/** The check of one file; yields how many of its bytes are done. */
interface FileCheck {
  readonly file: string
  readonly role: FileRole
  readonly bytes: number
  run(): Generator<number, Partial<VerifiedFile> | void, undefined>
  /** Whether the file may be gone by now, rightly. */
  isObsolete?(): boolean
}

interface HeldTablet {
  readonly tablet: Tablet
  readonly view: TabletView
}

/** Bytes checked at a stretch: some milliseconds of work. */
const STRETCH_BYTES: number = 64 * KiB

/** Checks every file; damage goes into the report. */
export async function verifyFiles(
  opened: OpenedFiles,
  env: Env,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const held = opened.tablets.map((tablet) => ({ tablet, view: tablet.acquire() }))
  try {
    const before = await findOrphans(opened, env)
    const checks = [
      ...(await manifestChecks(opened, env)),
      ...logChecks(opened),
      ...lockChecks(opened),
      ...tableChecks(held),
    ]
    const verification = new Verification(checks, env, options)
    const { files: checkedFiles, problems } = await verification.run()
    // What an opening that salvages wrote is nowhere but in memory.
    const files = checkedFiles.filter(
      ({ file }) => env.fs === opened.fs || isThere(opened, env, file),
    )
    // What was only in the making is somebody's by now.
    const after = new Set(await findOrphans(opened, env))
    const orphans = before.filter((name) => after.has(name))
    return { isSound: problems.length === 0, files, problems, orphans }
  } finally {
    for (const { tablet, view } of held) tablet.release(view)
  }
}

class Verification {
  readonly files: VerifiedFile[] = []
  readonly problems: VerifyProblem[] = []
  readonly #checks: readonly FileCheck[]
  readonly #env: Env
  readonly #options: VerifyOptions
  readonly #bytes: number
  #doneFileCount = 0
  #doneBytes = 0

  constructor(checks: readonly FileCheck[], env: Env, options: VerifyOptions) {
    this.#checks = checks
    this.#env = env
    this.#options = options
    this.#bytes = checks.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async run(): Promise<this> {
    for (const check of this.#checks) {
      await this.#pause(check, 0)
      try {
        const counts = await this.#runCheck(check)
        const { file, role, bytes } = check
        this.files.push({ file, role, bytes, ...counts })
      } catch (error) {
        if (!(error instanceof EngineError) || error.kind === 'closed') throw error
        if (check.isObsolete?.() !== true) this.problems.push(problemOf(check.file, error))
      }
      this.#doneBytes += check.bytes
      this.#doneFileCount++
    }
    return this
  }

  async #runCheck(check: FileCheck): Promise<Partial<VerifiedFile> | void> {
    const steps = check.run()
    let pausedAt = 0
    try {
      for (;;) {
        const { done, value } = steps.next()
        if (done === true) return value
        if (value - pausedAt < STRETCH_BYTES) continue
        pausedAt = value
        await this.#pause(check, value)
      }
    } finally {
      steps.return()
    }
  }

  async #pause({ file }: FileCheck, doneBytes: number): Promise<void> {
    this.#options.onProgress?.({
      file,
      doneFileCount: this.#doneFileCount,
      fileCount: this.#checks.length,
      doneBytes: this.#doneBytes + doneBytes,
      bytes: this.#bytes,
    })
    await this.#env.clock.yield()
    this.#options.assertReadable()
  }
}

/** Superblock and manifest: checked at once, so that both are of the same moment. */
async function manifestChecks(opened: OpenedFiles, env: Env): Promise<FileCheck[]> {
  const { directory, manifest, salvage } = opened
  const check = (contents: ManifestContents): FileCheck[] => {
    const { manifestFileId } = contents.superblock
    const file = manifestFileName(manifestFileId)
    const { fs } = env
    return [
      checked({ file: SUPERBLOCK_NAME, role: 'superblock', bytes: 4 * 4 * KiB }, () =>
        verifySuperblock(fs, directory, contents.superblock),
      ),
      checked(
        { file, role: 'manifest', bytes: contents.endBytes ?? bytesOf(fs, `${directory}/${file}`) },
        () => verifyManifest(fs, directory, contents),
      ),
    ]
  }
  // What a salvaging opening wrote is in memory; on the disk is what it read.
  if (salvage === undefined) return manifest.atRest(check)
  try {
    const { superblock } = readSuperblock(env.fs, directory)
    return check({ superblock, endBytes: undefined, tablets: manifest.tablets })
  } catch (error) {
    return [failed(SUPERBLOCK_NAME, 'superblock', error)]
  }
}

/** A check that is made now and reported when its turn comes. */
function checked(about: Omit<FileCheck, 'run'>, verify: () => void): FileCheck {
  try {
    verify()
  } catch (error) {
    return failed(about.file, about.role, error)
  }
  return { ...about, *run() {} }
}

function failed(file: string, role: FileRole, error: unknown): FileCheck {
  return {
    file,
    role,
    bytes: 0,
    // oxlint-disable-next-line require-yield -- it fails before there is anything to do
    *run() {
      throw error
    },
  }
}

/** Every file of the log, newest first: each says where the one before it ends. */
function logChecks({ wal, fs, directory, identity, salvage }: OpenedFiles): FileCheck[] {
  if (salvage?.lostLog !== undefined) {
    const { code, message, details } = salvage.lostLog
    return [failed(nameOf(details['file']), 'log', engineError(code, message, { details }))]
  }
  const home = { fs, directory, databaseId: identity.databaseId }
  const { files, durable } = wal
  const isListed = (fileId: FileId) => wal.files.some((file) => file.fileId === fileId)
  let previous: WalPosition | undefined
  return files.toReversed().map(({ fileId, lastSeqNum }, i) => ({
    file: walFileName(fileId),
    role: 'log',
    bytes: durable.endBytes,
    isObsolete: () => !isListed(fileId),
    *run() {
      const next = previous
      previous = undefined
      // Without a sound file behind it, it is not known where this one ends.
      const endBytes = i === 0 ? durable.endBytes : next?.endBytes
      const isEndKnown = next?.fileId === fileId
      const extent = { fileId, endBytes, lastSeqNum: isEndKnown ? lastSeqNum : undefined }
      const { start, commitCount } = yield* verifyWalFile(home, extent)
      if (next !== undefined && !isEndKnown) {
        const path = `${directory}/${walFileName(fileId)}`
        throw walError(
          'WAL_CORRUPT',
          path,
          0,
          `the log goes on from file ${next.fileId}, not from it`,
        )
      }
      previous = start.previous
      return { commitCount, bytes: endBytes ?? 0 }
    },
  }))
}

function lockChecks(opened: OpenedFiles): FileCheck[] {
  const about = { file: LOCK_NAME, role: 'lock', bytes: 0 } as const
  return [checked(about, () => opened.checkLock())]
}

/** Each file once, however many tablets share it; it is told of the first. */
function tableChecks(held: readonly HeldTablet[]): FileCheck[] {
  const checks = new Map<FileId, { readonly check: FileCheck; readonly metas: TableMeta[] }>()
  for (const { tablet, view } of held) {
    for (const [level, tables] of view.levels.entries()) {
      for (const { meta, reader } of tables) {
        const known = checks.get(meta.fileId)
        if (known !== undefined) {
          known.metas.push(meta)
          continue
        }
        const metas = [meta]
        checks.set(meta.fileId, { check: tableCheck(tablet.id, level, reader, metas), metas })
      }
    }
  }
  return [...checks.values()].map(({ check }) => check)
}

function tableCheck(
  tabletId: TabletId,
  level: number,
  reader: TableReader,
  metas: readonly TableMeta[],
): FileCheck {
  const { fileId, fileBytes } = reader.meta
  return {
    file: tableFileName(fileId),
    role: 'sstable',
    bytes: fileBytes,
    *run() {
      const { blockCount, entryCount } = yield* reader.verify(metas)
      return { tabletId, level, blockCount, entryCount }
    },
  }
}

/** Names in the directory that nobody claims. What this opening wrote and nobody claims yet may be in the making. */
async function findOrphans(opened: OpenedFiles, env: Env): Promise<string[]> {
  const { directory, manifest, wal, salvage } = opened
  const list = () => env.fs.list(directory)
  const isSalvage = salvage !== undefined
  const names = isSalvage ? list() : await manifest.atRest(list)
  const live = new Set<number>(wal.files.map(({ fileId }) => fileId))
  for (const tablet of opened.tablets) for (const fileId of tablet.openFileIds) live.add(fileId)
  return names.filter((name) => {
    const role = fileRoleOf(name)
    const fileId = fileIdOfName(name) ?? 0
    if (role === 'superblock') return name !== SUPERBLOCK_NAME
    if (role === 'manifest') return !isSalvage && fileId !== manifest.fileId
    if (role === 'log' && salvage?.lostLog !== undefined) return false
    if (role === 'log' || role === 'sstable') {
      return !live.has(fileId) && fileId < manifest.firstFileId
    }
    return role === undefined
  })
}

function isThere({ directory }: OpenedFiles, env: Env, file: string): boolean {
  return env.fs.exists(`${directory}/${file}`)
}

function bytesOf(fs: FileSystem, path: string): number {
  return fs.exists(path) ? fs.fileBytes(path) : 0
}

function nameOf(path: unknown): string {
  return String(path ?? 'log')
    .split(/[\\/]/)
    .at(-1)!
}

function problemOf(file: string, { code, message, details }: EngineError): VerifyProblem {
  return { file, code, message, details }
}
