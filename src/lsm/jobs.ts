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
import { type BlockTransform, IDENTITY_TRANSFORM } from '../codec/block-transform.js'
import type { HashRange } from '../codec/tenant-key.js'
import type { FileSystem } from '../env/file-system.js'
import type { EntryStream } from '../sstable/entry-stream.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'
import { TableFile } from '../sstable/table-file.js'
import { TableStream } from '../sstable/table-stream.js'
import { copyLiveEntries } from './live-entries.js'
import type { MemtableImage } from './memtable.js'
import { MemtableStream } from './memtable-stream.js'
import { MergeStream } from './merge-stream.js'
import { type JobIdentity, OutputTables } from './output-tables.js'
import { totalBytes } from './version.js'
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
  /** Only these tenants; absent: all. Tablets that have split share memtables. */
  readonly hashes?: HashRange | undefined
}

/** Merges tables into one run. */
export interface CompactionJob extends JobOptions {
  readonly kind: 'compaction'
  readonly inputs: readonly TableMeta[]
  /** It stops with DISK_FULL before less than this would be free on the disk; absent: it may take all. */
  readonly leastFreeBytes?: number | undefined
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
  const { image, hashes } = job
  const stream = new MemtableStream(image, hashes)
  const result = writeTables(job, fs, stream, image.lengthWords * 4)
  invariant(result.entriesRead === stream.entryCount, 'a flush reads every entry of the memtable')
  return result
}

function runCompaction(job: CompactionJob, fs: FileSystem): JobResult {
  const { directory, inputs, identity } = job
  const { databaseId } = identity
  const files: TableFile[] = []
  try {
    for (const { fileId, fileBytes, footerChecksum } of inputs) {
      const path = `${directory}/${tableFileName(fileId)}`
      const expected = { databaseId, fileId, fileBytes, footerChecksum }
      files.push(TableFile.open(fs, path, expected, transformOf(identity)))
    }
    const parts = ['main', 'history'] as const
    const streams = files.flatMap((file, i) =>
      parts.map((part) => new TableStream(file, part, inputs[i]!.share)),
    )
    const check = (entriesRead: number) => checkEntryCount(inputs, files, entriesRead)
    return writeTables(job, fs, new MergeStream(streams), totalBytes(inputs), check)
  } finally {
    for (const file of files) file.close()
  }
}

function writeTables(
  job: Job,
  fs: FileSystem,
  stream: EntryStream,
  bytesRead: number,
  checkCount?: (entriesRead: number) => void,
): JobResult {
  const outputs = new OutputTables(fs, { ...job, transform: transformOf(job.identity) })
  try {
    const { entriesRead, entriesDropped } = copyLiveEntries(stream, outputs, job)
    checkCount?.(entriesRead)
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

/** Of a share the indexes of its tenants tell, which the directory proves. */
function checkEntryCount(
  inputs: readonly TableMeta[],
  tables: readonly TableFile[],
  entriesRead: number,
): void {
  const countOf = ({ share, entryCount }: TableMeta, i: number) =>
    share === undefined ? entryCount : tables[i]!.countEntries(share)
  const expected = inputs.reduce((sum, meta, i) => sum + countOf(meta, i), 0)
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
