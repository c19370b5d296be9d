// What runs on a job thread: one job of one module, whose errors come back as data so that typed errors stay typed.

import { setPriority } from 'node:os'

import { encodeError, type ErrorMessage } from './job-error.js'

export interface ThreadTask {
  /** URL of a module that exports `runJob(job)`. */
  readonly moduleUrl: string
  readonly job: unknown
}

export type ThreadAnswer = { readonly result: unknown } | { readonly error: ErrorMessage }

interface JobModule {
  runJob(job: unknown): unknown
}

/**
 * Where processors are short, the thread that answers requests goes first, and jobs still get about a quarter of what both
 * want: writers are held back where that is too little.
 */
const JOB_NICENESS = 5

// Elsewhere it would be the priority of the whole process.
if (process.platform === 'linux') {
  try {
    setPriority(JOB_NICENESS)
  } catch {
    // Jobs compete with the others, then.
  }
}

/** Called by the thread pool. */
export async function runTask(task: ThreadTask): Promise<ThreadAnswer> {
  try {
    const module = (await import(task.moduleUrl)) as JobModule
    return { result: await module.runJob(task.job) }
  } catch (error) {
    return { error: encodeError(error) }
  }
}
