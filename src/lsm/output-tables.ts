import { invariant } from '../base/assert.js'
import { engineError } from '../base/errors.js'
import type { FileId } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { ByteWriter } from '../codec/bytes.js'
import type { EntrySlot } from '../codec/entry.js'
import { FILE_TYPE_SSTABLE } from '../codec/file-header.js'
import type { FileSystem } from '../env/file-system.js'
import { hashBytes } from '../kernels/bytes.js'
import type { Block } from '../sstable/block.js'
import type { WholeBlock } from '../sstable/entry-stream.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'
import { TableWriter } from '../sstable/table-writer.js'

/** What the headers of a job's files say. */
export interface JobIdentity {
  readonly databaseId: Uint8Array
  readonly incarnation: Uint8Array
  readonly transformId: number
}

export interface OutputTablesOptions {
  readonly directory: string
  readonly identity: JobIdentity
  readonly outputFileIds: readonly FileId[]
  readonly blockBytes: number
  readonly outputTableBytes: number
  readonly transform: BlockTransform
  /** What is to stay free on the disk; absent: nothing. */
  readonly leastFreeBytes?: number | undefined
}

/** Spreads entries that come in order over tables of about equal size, never the versions of one key over two. */
export class OutputTables {
  readonly #fs: FileSystem
  readonly #options: OutputTablesOptions
  readonly #finished: TableMeta[] = []
  readonly #paths: string[] = []
  #writer: TableWriter | undefined

  constructor(fs: FileSystem, options: OutputTablesOptions) {
    this.#fs = fs
    this.#options = options
  }

  /** The entries that follow are of another key than those before: a table may end here. */
  beginKey(): void {
    if (this.#writer === undefined) return
    if (this.#writer.estimatedBytes >= this.#options.outputTableBytes) this.#finishTable()
  }

  /** @param sharedBytes  how many bytes its key has in common with the entry added last */
  add(entry: EntrySlot, sharedBytes: number): void {
    this.#writer ??= this.#createTable()
    this.#writer.add(entry, sharedBytes)
  }

  /**
   * Takes a block over as it is stored, when it fits in with what was written. If so, addTaken follows.
   *
   * @param first  its first entry
   */
  takeBlock(block: WholeBlock, first: EntrySlot, sharedBytes: number): boolean {
    this.#writer ??= this.#createTable()
    return this.#writer.takeBlock(block, first, sharedBytes)
  }

  /** What the block holds that was taken over, and its last entry. */
  addTaken(content: Block, last: EntrySlot): void {
    this.#writer!.addTaken(content, last)
  }

  /** Makes the last table durable and returns all of them in order. */
  finish(): readonly TableMeta[] {
    this.#finishTable()
    return this.#finished
  }

  /** Gives up: removes what was written. */
  abandon(): void {
    this.#writer?.abandon()
    for (const path of this.#paths) {
      try {
        this.#fs.remove(path)
      } catch {
        // The file stays as a leftover, which the next open removes; the job's own error is what counts.
      }
    }
  }

  #finishTable(): void {
    if (this.#writer === undefined) return
    this.#finished.push(this.#writer.finish())
    this.#writer = undefined
  }

  #createTable(): TableWriter {
    const { directory, outputFileIds, identity, blockBytes, transform } = this.#options
    const fileId = outputFileIds[this.#paths.length]
    invariant(fileId !== undefined, 'a job has file ids for all of its outputs')
    const path = `${directory}/${tableFileName(fileId)}`
    const file = this.#fs.open(path, 'create')
    this.#paths.push(path)
    return new TableWriter(
      file,
      { ...identity, fileType: FILE_TYPE_SSTABLE, fileId, epoch: epochOf(identity, fileId) },
      { blockBytes, transform, onWrite: (byteCount) => this.#assertRoom(path, byteCount) },
    )
  }

  #assertRoom(path: string, byteCount: number): void {
    const { leastFreeBytes = 0, directory } = this.#options
    if (leastFreeBytes === 0) return
    const freeBytes = this.#fs.freeBytes(directory)
    if (freeBytes === undefined || freeBytes - byteCount >= leastFreeBytes) return
    const message = `${path}: ${freeBytes} bytes are free, and ${leastFreeBytes} are kept for commits`
    throw engineError('DISK_FULL', message, { details: { path, freeBytes, leastFreeBytes } })
  }
}

/** Differs per file like a random one, because incarnations are random; so a job needs no source of chance. */
function epochOf({ incarnation }: JobIdentity, fileId: FileId): number {
  const writer = new ByteWriter(16)
  writer.raw(incarnation)
  writer.u64(fileId)
  return hashBytes(writer.bytes, 0, writer.length)
}
