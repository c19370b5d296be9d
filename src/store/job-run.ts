import { engineError } from '../base/errors.js'
import type { FileId } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import type { Env } from '../env/env.js'
import type { Job, JobResult } from '../lsm/jobs.js'
import type { JobIdentity } from '../lsm/output-tables.js'
import { tableFileName } from '../sstable/format.js'
import type { StoreOptions } from './store-options.js'

/** A job that takes longer than this, and than its input would at a crawl, hangs. */
const JOB_MIN_TIMEOUT_MS = 120_000
const JOB_MIN_BYTES_PER_MS: number = MiB / 1000

/** What jobs have in common that write into the directory of the options. */
export function jobOptions(
  { path, blockBytes, outputTableBytes }: StoreOptions,
  identity: JobIdentity,
  inputBytes: number,
  reserveFileIds: (count: number) => FileId[],
) {
  // Outputs are cut at outputTableBytes of stored data, so this many always suffice.
  const outputCount = Math.ceil((inputBytes * 2) / outputTableBytes) + 2
  const outputFileIds = reserveFileIds(outputCount)
  return { directory: path, identity, blockBytes, outputTableBytes, outputFileIds }
}

/**
 * Runs one attempt of a job within a generous time. The file ids of the attempt are its own, so an answer that names
 * others belongs to an earlier one and does not count.
 *
 * @throws INTERNAL when the job died, hung or answered late; otherwise what the job threw
 */
export async function runJob(env: Env, job: Job, inputBytes: number): Promise<JobResult> {
  const timeoutMs = JOB_MIN_TIMEOUT_MS + Math.ceil(inputBytes / JOB_MIN_BYTES_PER_MS)
  try {
    const result = (await env.jobs.run(job, { timeoutMs })) as JobResult
    if (!result.tables.every(({ fileId }) => job.outputFileIds.includes(fileId))) {
      throw engineError('INTERNAL', `a ${job.kind} got the answer of another attempt`)
    }
    return result
  } catch (error) {
    removeOutputs(env, job)
    throw error
  }
}

/** Removes what a job wrote for nothing; one that died could not clean up after itself. */
export function removeOutputs(
  { fs }: Env,
  { directory, outputFileIds }: Pick<Job, 'directory' | 'outputFileIds'>,
): void {
  for (const fileId of outputFileIds) {
    const path = `${directory}/${tableFileName(fileId)}`
    try {
      if (fs.exists(path)) fs.remove(path)
    } catch {
      // It stays as a leftover, which the next open removes.
    }
  }
}
