// Flush and compaction: pure jobs over files, run in a worker thread, or inline under simulation. A job gets everything
// it needs as plain data and returns plain data; nothing is live before the manifest says so.
//
// Which versions stay, of each key: all above its watermark (lsm/watermarks.ts), for snapshots that may still be read, and
// of those at or below it the newest one only, which is what the watermark itself sees. That one goes too when it is a
// tombstone and there is nothing older outside of the job's inputs that it would have to hide.
//
// Crash rule: outputs go to file ids reserved for the job, and are synced one by one; the caller syncs the directory
// and appends to the manifest. A job that fails or dies leaves files that no manifest names.

import { invariant } from '../base/assert.js'
import { engineError } from '../base/errors.js'
import type { FileId } from '../base/ids.js'
import { SEQ_NUM_MAX, SEQ_NUM_ZERO } from '../base/ids.js'
import { type BlockTransform, IDENTITY_TRANSFORM } from '../codec/block-transform.js'
import type { Cursor } from '../codec/entry.js'
import type { FileSystem } from '../env/file-system.js'
import { BlockCache } from '../sstable/block-cache.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'
import { TableReader } from '../sstable/table-reader.js'
import { copyLiveEntries } from './live-entries.js'
import { cursorOfImage, type MemtableImage } from './memtable.js'
import { MergeCursor } from './merge-cursor.js'
import { type JobIdentity, OutputTables } from './output-tables.js'
import type { Watermarks } from './watermarks.js'

export interface JobOptions {
  readonly directory: string
  readonly identity: JobIdentity
  /** For the outputs; those that are not needed are left unused. */
  readonly outputFileIds: readonly FileId[]
  readonly blockBytes: number
  /** An output is finished at the first new key beyond this many stored bytes. */
  readonly outputTableBytes: number
  /** The oldest snapshots that must stay readable. */
  readonly watermarks: Watermarks
  /** No older version of any key of the inputs lies outside of them. */
  readonly isBottom: boolean
}

/** Writes a sealed memtable to level 0. */
export interface FlushJob extends JobOptions {
  readonly kind: 'flush'
  readonly image: MemtableImage
}

/** Merges tables into one run. */
export interface CompactionJob extends JobOptions {
  readonly kind: 'compaction'
  readonly inputs: readonly TableMeta[]
}

export type Job = FlushJob | CompactionJob

export interface JobResult {
  /** In key order; none when nothing had to stay. */
  readonly tables: readonly TableMeta[]
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly entriesRead: number
  readonly entriesDropped: number
}

/**
 * Runs a job to its end.
 *
 * @throws SSTABLE_CORRUPT when an input is damaged or holds another number of entries than its meta says
 * @throws FILE_MISSING, DISK_FULL, IO_FAILED; what was written until then is removed again
 */
export function runJob(job: Job, fs: FileSystem): JobResult {
  return job.kind === 'flush' ? runFlush(job, fs) : runCompaction(job, fs)
}

function runFlush(job: FlushJob, fs: FileSystem): JobResult {
  const { image } = job
  const result = writeTables(job, fs, cursorOfImage(image), image.lengthWords * 4)
  invariant(result.entriesRead === image.entryCount, 'a flush reads every entry of the memtable')
  return result
}

function runCompaction(job: CompactionJob, fs: FileSystem): JobResult {
  const { directory, inputs, identity } = job
  const { databaseId } = identity
  const transform = transformOf(identity)
  // Every block is read once: caching would only cost.
  const cache = new BlockCache({ capacityBytes: 0 })
  const readers = inputs.map((meta) =>
    TableReader.open(fs, `${directory}/${tableFileName(meta.fileId)}`, meta, {
      databaseId,
      transform,
      cache,
    }),
  )
  const cursor = new MergeCursor(readers.flatMap((reader) => reader.cursors(SEQ_NUM_ZERO)))
  try {
    const bytesRead = inputs.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
    return writeTables(job, fs, cursor, bytesRead, inputs)
  } finally {
    cursor.close()
    for (const reader of readers) reader.close()
  }
}

function writeTables(
  job: Job,
  fs: FileSystem,
  cursor: Cursor,
  bytesRead: number,
  inputs?: readonly TableMeta[],
): JobResult {
  const outputs = new OutputTables(fs, { ...job, transform: transformOf(job.identity) })
  try {
    cursor.seek(new Uint8Array(0), SEQ_NUM_MAX)
    const { entriesRead, entriesDropped } = copyLiveEntries(cursor, outputs, job)
    if (inputs !== undefined) checkEntryCount(inputs, entriesRead)
    const tables = outputs.finish()
    const entriesWritten = tables.reduce((sum, { entryCount }) => sum + entryCount, 0)
    invariant(entriesWritten + entriesDropped === entriesRead, 'what is read is written or dropped')
    const bytesWritten = tables.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
    return { tables, bytesRead, bytesWritten, entriesRead, entriesDropped }
  } catch (error) {
    outputs.abandon()
    throw error
  }
}

function checkEntryCount(inputs: readonly TableMeta[], entriesRead: number): void {
  const expected = inputs.reduce((sum, { entryCount }) => sum + entryCount, 0)
  if (entriesRead === expected) return
  const files = inputs.map(({ fileId }) => tableFileName(fileId)).join(', ')
  throw engineError('SSTABLE_CORRUPT', `${files} hold ${entriesRead} entries, not ${expected}`, {
    details: { file: files, expected, found: entriesRead },
  })
}

function transformOf({ transformId }: JobIdentity): BlockTransform {
  invariant(transformId === IDENTITY_TRANSFORM.id, 'a job knows the transform of its files')
  return IDENTITY_TRANSFORM
}
