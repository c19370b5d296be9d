// What runs on a job thread: one job of one module, whose errors come back as data so that typed errors stay typed.

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

/** Called by the thread pool. */
export async function runTask(task: ThreadTask): Promise<ThreadAnswer> {
  try {
    const module = (await import(task.moduleUrl)) as JobModule
    return { result: await module.runJob(task.job) }
  } catch (error) {
    return { error: encodeError(error) }
  }
}
