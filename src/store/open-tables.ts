import type { FileId, TabletId } from '../base/ids.js'
import type { EntryCache } from '../lsm/entry-cache.js'
import type { OpenTable, TableSource } from '../lsm/tablet.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'
import { TableReader, type TableReaderOptions } from '../sstable/table-reader.js'
import type { FileSystem } from '../env/file-system.js'
import type { FileRemovals } from './file-removals.js'
import type { Quarantine } from './quarantine.js'

interface HeldFile {
  readonly reader: TableReader
  /** One for each meta that a tablet has open. */
  readonly tabletIds: TabletId[]
}

export interface OpenTablesOptions extends Omit<TableReaderOptions, 'onError'> {
  readonly fs: FileSystem
  readonly directory: string
  readonly entries: EntryCache
  readonly quarantine: Quarantine
  readonly removals: FileRemovals
}

/**
 * The sstables that tablets read: one reader and one place in the cache for each file, however many tablets share it. The
 * last one that lets go of a file has it deleted; versions that name it hold it open, so none does any more.
 */
export class OpenTables {
  readonly #o: OpenTablesOptions
  readonly #files = new Map<FileId, HeldFile>()

  constructor(options: OpenTablesOptions) {
    this.#o = options
  }

  /** What a tablet takes its tables from. */
  sourceOf(tabletId: TabletId): TableSource {
    return {
      open: (meta) => this.#open(tabletId, meta),
      discard: (table) => this.#discard(tabletId, table),
      entries: this.#o.entries,
    }
  }

  /** Closes every file. Scans that are still open fail from now on. */
  close(): void {
    for (const { reader } of this.#files.values()) reader.close()
  }

  #open(tabletId: TabletId, meta: TableMeta): TableReader {
    const { fileId } = meta
    const known = this.#files.get(fileId)
    if (known !== undefined) {
      known.tabletIds.push(tabletId)
      return known.reader
    }
    const tabletIds = [tabletId]
    const { fs, quarantine } = this.#o
    const onError = (error: unknown) => {
      for (const id of new Set(tabletIds)) quarantine.add(id, fileId, error)
    }
    const reader = TableReader.open(fs, this.#pathOf(fileId), meta, { ...this.#o, onError })
    this.#files.set(fileId, { reader, tabletIds })
    return reader
  }

  #discard(tabletId: TabletId, { meta, reader }: OpenTable): void {
    const { fileId } = meta
    const { tabletIds } = this.#files.get(fileId)!
    tabletIds.splice(tabletIds.indexOf(tabletId), 1)
    if (tabletIds.length > 0) return
    this.#files.delete(fileId)
    reader.close()
    this.#o.removals.add(this.#pathOf(fileId))
  }

  #pathOf(fileId: FileId): string {
    return `${this.#o.directory}/${tableFileName(fileId)}`
  }
}
