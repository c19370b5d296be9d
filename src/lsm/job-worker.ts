// What a worker thread of the job pool loads.

import { NodeFileSystem } from '../env/node-file-system.js'
import { type Job, type JobResult, runJob as runJobOn } from './jobs.js'

const fs = new NodeFileSystem()

/** Runs one job on the real file system. */
export function runJob(job: Job): JobResult {
  return runJobOn(job, fs)
}
