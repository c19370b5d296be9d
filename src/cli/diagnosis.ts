// What can be told of a directory without opening it as a database and without changing anything: what `tabularium doctor`
// prints. Every check stands for itself, so that damage found by one keeps none of the others from looking.

import { engineError } from '../base/errors.js'
import type { FileId, SeqNum } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import { IDENTITY_TRANSFORM } from '../codec/block-transform.js'
import { FILE_HEADER_BYTES, fileTypeOf } from '../codec/file-header.js'
import type { FileSystem } from '../env/file-system.js'
import { describeLock, type LockDescription } from '../env/lock-file.js'
import { OverlayFileSystem } from '../env/overlay-file-system.js'
import { fileIdOfName, manifestFileName } from '../lsm/manifest-format.js'
import { type ManifestState, readManifest } from '../lsm/manifest-state.js'
import { readSectors, SUPERBLOCK_NAME } from '../lsm/superblock.js'
import { tableFileName } from '../sstable/format.js'
import { TableFile } from '../sstable/table-file.js'
import { type FileRole, fileRoleOf } from '../store/file-role.js'
import { RESERVE_NAME } from '../store/reserve.js'
import { recoverWal } from '../wal/recovery.js'
import { walFileName } from '../wal/format.js'
import { type Problem, problemOf } from './command.js'
import { size } from './printable.js'

/** Room for a few files of the log, flushes and a manifest. */
const FREE_MIN_BYTES: number = 256 * MiB

export interface DiagnosedFile {
  readonly file: string
  readonly role: FileRole | undefined
  readonly bytes: number
  /** `leftover`: ours, needed by nobody, removed by the next opening. `unknown`: not ours, or it cannot be told. */
  readonly state: 'live' | 'leftover' | 'unknown'
}

/** What the next opening would do. */
export interface OpeningForecast {
  readonly isClean: boolean
  readonly commitCount: number
  readonly logBytes: number
  readonly tornBytes: number
}

export interface Diagnosis {
  readonly isDatabase: boolean
  /** `free`, `open` in a live process, `left behind` by a dead one, or `unknown`: held elsewhere or not to be told. */
  readonly lockState: 'free' | 'open' | 'left behind' | 'unknown'
  readonly lock: LockDescription | undefined
  readonly freeBytes: number | undefined
  readonly files: readonly DiagnosedFile[]
  /** Undefined when opening would fail. */
  readonly forecast: OpeningForecast | undefined
  readonly findings: readonly Problem[]
}

/** A database that is in use may change under the hands of who looks: then the second look counts. */
export function diagnose(fs: FileSystem, directory: string): Diagnosis {
  let diagnosis = new Diagnosing(fs, directory).run()
  for (let count = 0; count < 3; count++) {
    if (diagnosis.findings.length === 0 || diagnosis.lockState === 'free') break
    diagnosis = new Diagnosing(fs, directory).run()
  }
  return diagnosis
}

class Diagnosing {
  readonly #fs: FileSystem
  readonly #directory: string
  readonly #findings: Problem[] = []
  readonly #live = new Set<string>()
  /** Whether it is known which files are needed. */
  #isLiveKnown = false

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs
    this.#directory = directory
  }

  run(): Diagnosis {
    const names = this.#attempt(() => this.#list()) ?? []
    const isDatabase = names.some((name) => this.#isOurs(name))
    if (!isDatabase && this.#findings.length === 0) this.#add(this.#notADatabase(names))
    const lock = names.length > 0 ? this.#attempt(() => this.#lock()) : undefined
    const isFree = lock === undefined && !names.includes('LOCK')
    const lockState = isFree ? 'free' : lockStateOf(lock)
    const forecast = isDatabase ? this.#forecast(lockState === 'open') : undefined
    const files = names.map((name) => this.#describe(name))
    const freeBytes = this.#fs.freeBytes(this.#directory)
    if (isDatabase && freeBytes !== undefined && freeBytes < FREE_MIN_BYTES) {
      const message = `${size(freeBytes)} are free where ${this.#directory} lies`
      this.#add(engineError('DISK_FULL', message, { details: { freeBytes } }))
    }
    const findings = this.#findings
    return { isDatabase, lockState, lock, freeBytes, files, forecast, findings }
  }

  /** Other programs have files of the name LOCK and sstables of the same names, too. */
  #isOurs(name: string): boolean {
    const role = fileRoleOf(name)
    if (role === undefined || role === 'lock') return false
    if (role !== 'sstable') return true
    const header = this.#attempt(() => readStart(this.#fs, `${this.#directory}/${name}`))
    return header !== undefined && fileTypeOf(header) !== undefined
  }

  #list(): string[] {
    const fs = this.#fs
    const directory = this.#directory
    const details = { path: directory }
    if (!fs.exists(directory)) {
      throw engineError('DB_NOT_FOUND', `there is no ${directory}`, { details })
    }
    if (!fs.isDirectory(directory)) {
      throw engineError('DB_NOT_A_DATABASE', `${directory} is a file`, { details })
    }
    return fs.list(directory)
  }

  #notADatabase(names: readonly string[]) {
    const details = { path: this.#directory }
    if (names.length === 0) {
      return engineError('DB_NOT_FOUND', `${this.#directory} is empty`, { details })
    }
    const what = `it holds ${names.slice(0, 3).join(', ')}`
    return engineError('DB_NOT_A_DATABASE', `${this.#directory}: ${what}`, { details })
  }

  #lock(): LockDescription | undefined {
    // Of another file system than the machine's there is nothing more to know.
    return describeLock(this.#directory)
  }

  /** Does what an opening does, as far as it only reads. */
  #forecast(isOpen: boolean): OpeningForecast | undefined {
    this.#checkSuperblock()
    const state = this.#attempt(() => readManifest(this.#fs, this.#directory))
    if (state === undefined) return undefined
    this.#live.add(SUPERBLOCK_NAME).add('LOCK').add(RESERVE_NAME)
    this.#live.add(manifestFileName(state.superblock.manifestFileId))
    const isWhole = this.#checkTables(state)
    const log = this.#attempt(() => this.#replay(state))
    if (log === undefined || !isWhole) return undefined
    this.#isLiveKnown = !isOpen
    return { isClean: state.superblock.isClean && log.commitCount === 0, ...log }
  }

  /** Single copies that are damaged: the others still serve. */
  #checkSuperblock(): void {
    const path = `${this.#directory}/${SUPERBLOCK_NAME}`
    const sectors = this.#attempt(() => readSectors(this.#fs, path)) ?? []
    if (!sectors.some(({ superblock }) => superblock !== undefined)) return
    for (const { error } of sectors) if (error !== undefined) this.#add(error)
  }

  /**
   * Looks at the frame of every table; blocks are not read.
   *
   * @returns whether all are there with their length, which is all that opening asks for
   */
  #checkTables({ superblock, tablets }: ManifestState): boolean {
    let isWhole = true
    for (const meta of tablets.flatMap(({ version }) => version.levels.flat())) {
      const { fileId, fileBytes, footerChecksum } = meta
      const { databaseId } = superblock
      const file = tableFileName(fileId)
      // Tablets may share it.
      if (this.#live.has(file)) continue
      this.#live.add(file)
      const path = `${this.#directory}/${file}`
      const expected = { databaseId, fileId, fileBytes, footerChecksum }
      this.#attempt(() => TableFile.open(this.#fs, path, expected, IDENTITY_TRANSFORM).close())
      const foundBytes = this.#fs.exists(path) ? this.#fs.fileBytes(path) : undefined
      isWhole &&= foundBytes === fileBytes
    }
    return isWhole
  }

  #replay({ superblock, tablets }: ManifestState) {
    const flushed = tablets.map(({ version }) => version.flushedSeqNum)
    let logBytes = 0
    const { files, tornBytes, commitCount } = recoverWal({
      // Recovery syncs what it reads; here nothing is touched.
      fs: new OverlayFileSystem(this.#fs),
      directory: this.#directory,
      databaseId: superblock.databaseId,
      provenHint: superblock.wal,
      afterSeqNum: Math.min(...flushed) as SeqNum,
      onCommit: (_seqNum, payload) => {
        logBytes += payload.length
      },
    })
    for (const { fileId } of files) this.#live.add(walFileName(fileId))
    return { commitCount, logBytes, tornBytes }
  }

  #describe(file: string): DiagnosedFile {
    const role = fileRoleOf(file)
    const bytes = this.#attempt(() => this.#fs.fileBytes(`${this.#directory}/${file}`)) ?? 0
    const isOurs = (fileIdOfName(file) ?? (0 as FileId)) > 0
    const state = this.#live.has(file)
      ? 'live'
      : this.#isLiveKnown && (isOurs || role !== undefined)
        ? 'leftover'
        : 'unknown'
    return { file, role, bytes, state }
  }

  #attempt<Value>(look: () => Value): Value | undefined {
    try {
      return look()
    } catch (error) {
      this.#add(error)
      return undefined
    }
  }

  #add(error: unknown): void {
    const problem = problemOf(error)
    const isKnown = this.#findings.some(({ message }) => message === problem.message)
    if (!isKnown) this.#findings.push({ ...problem, advice: nextStepOf(problem) })
  }
}

function readStart(fs: FileSystem, path: string): Uint8Array {
  const file = fs.open(path, 'read')
  try {
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    return bytes.subarray(0, file.read(bytes, 0))
  } finally {
    file.close()
  }
}

function lockStateOf(lock: LockDescription | undefined): Diagnosis['lockState'] {
  if (lock === undefined) return 'unknown'
  if (lock.state === 'alive') return 'open'
  return lock.state === 'gone' ? 'left behind' : 'unknown'
}

/** What to do next, for somebody with a directory in hand. */
function nextStepOf({ code, advice }: Problem): string {
  switch (code) {
    case 'SSTABLE_CORRUPT':
      return 'Run tabularium verify to see how far the damage goes; restore a backup, or save the rest with tabularium salvage DIR --out OUT.'
    case 'WAL_CORRUPT':
      return 'Restore a backup, or save the state before the damage with tabularium salvage DIR --out OUT.'
    case 'FILE_MISSING':
      return 'Put the file back from a copy or restore a backup; tabularium salvage DIR --out OUT saves the rest, unless it is SUPERBLOCK or the manifest.'
    case 'MANIFEST_CORRUPT':
      return 'If opening goes through all the same it writes the damaged copy anew; otherwise restore a backup: nothing else says which files count.'
    default:
      return advice
  }
}
