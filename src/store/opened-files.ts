// What an opening holds until it is closed: tablets, manifest, log, caches, and the lock of the directory.

import type { EngineError } from '../base/errors.js'
import type { FileId, SeqNum } from '../base/ids.js'
import type { DirectoryLock } from '../env/directory-lock.js'
import type { FileSystem } from '../env/file-system.js'
import type { EntryCache } from '../lsm/entry-cache.js'
import type { HistoryMark } from '../lsm/history-marks.js'
import type { Manifest } from '../lsm/manifest.js'
import type { Tablet } from '../lsm/tablet.js'
import type { BlockCache } from '../sstable/block-cache.js'
import type { WalWriter } from '../wal/writer.js'
import type { FileRemovals } from './file-removals.js'
import type { OpenTables } from './open-tables.js'
import type { Quarantine } from './quarantine.js'
import type { RecoveryReport } from './recovery-report.js'
import type { SalvageReport } from './salvage.js'
import type { TabletMap } from './tablet-map.js'
import type { WriterIdentity } from './writer-identity.js'

type OpenedParts = Pick<
  OpenedFiles,
  | 'map'
  | 'tables'
  | 'manifest'
  | 'wal'
  | 'cache'
  | 'entries'
  | 'identity'
  | 'lastSeqNum'
  | 'recovery'
  | 'quarantine'
  | 'salvage'
  | 'directory'
  | 'fs'
> & { readonly removals: FileRemovals; readonly lock: DirectoryLock }

export class OpenedFiles {
  readonly map: TabletMap
  readonly tables: OpenTables
  readonly manifest: Manifest
  readonly wal: WalWriter
  readonly cache: BlockCache
  readonly entries: EntryCache
  readonly identity: WriterIdentity
  readonly lastSeqNum: SeqNum
  readonly recovery: RecoveryReport
  readonly quarantine: Quarantine
  /** Of an opening that salvages. */
  readonly salvage: SalvageReport | undefined
  readonly directory: string
  /** Where the files are; of an opening that salvages, what it wrote is in memory only. */
  readonly fs: FileSystem
  readonly #removals: FileRemovals
  readonly #lock: DirectoryLock

  constructor(parts: OpenedParts) {
    this.map = parts.map
    this.tables = parts.tables
    this.manifest = parts.manifest
    this.wal = parts.wal
    this.cache = parts.cache
    this.entries = parts.entries
    this.identity = parts.identity
    this.lastSeqNum = parts.lastSeqNum
    this.recovery = parts.recovery
    this.quarantine = parts.quarantine
    this.salvage = parts.salvage
    this.#removals = parts.removals
    this.#lock = parts.lock
    this.directory = parts.directory
    this.fs = parts.fs
  }

  /** @throws DB_LOCKED FILE_MISSING IO_FAILED when the lock of the directory is not this opening's any more */
  checkLock(): void {
    this.#lock.check()
  }

  /** Tells once when the lock of the directory is lost. */
  watchLock(onLost: (error: EngineError) => void): void {
    this.#lock.watch(onLost)
  }

  /** In the order of their hashes; splits and merges change which there are. */
  get tablets(): readonly Tablet[] {
    return this.map.all
  }

  /** What of the history may be gone. */
  get historyMarks(): readonly HistoryMark[] {
    return this.tablets.flatMap(({ version }) => version.historyMarks)
  }

  /** Resolves when no file is being removed: whoever asks for room must not come too early. */
  removalsDone(): Promise<void> {
    return this.#removals.settle()
  }

  reserveFileIds(count: number): FileId[] {
    return Array.from({ length: count }, () => this.manifest.allocateFileId())
  }

  /** Lets go of everything. With `isClean`, says in the superblock how far the log is durable. */
  async close(isClean: boolean): Promise<void> {
    const wal = this.wal.durable
    try {
      await this.wal.close()
      const isFlushed = this.tablets.every(({ oldestUnflushed }) => oldestUnflushed === undefined)
      if (isClean && isFlushed) await this.manifest.closeCleanly(wal)
      else await this.manifest.close()
    } finally {
      this.tables.close()
      await this.#removals.settle()
      await this.#lock.release()
    }
  }
}
