// Where background jobs run: on threads, or in line for simulation.

import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'

import { EngineError, engineError } from '../base/errors.js'
import { MiB } from '../base/limits.js'
import type { JobPool, JobRunOptions } from './env.js'
import { errnoOf, fileError } from './file-error.js'
import { decodeError } from './job-error.js'
import type { ThreadAnswer, ThreadTask } from './job-thread.js'
import { lateModule } from './late-module.js'

/** A thread without work stops after this time; its start costs some 30 ms. */
const THREAD_IDLE_MS = 10_000

/**
 * JavaScript heap of one thread. Entries travel through arrays outside of it, so a job that needs more is broken; its
 * thread ends instead of the process.
 */
const THREAD_HEAP_MAX_BYTES = 512 * MiB

const THREAD_MODULE: URL = new URL('./job-thread.js', import.meta.url)

const piscinas = lateModule(() => import('piscina'))

export interface ThreadJobPoolOptions {
  /** A module that exports `runJob(job)`. */
  readonly module: URL
  readonly threadCount: number
  readonly threadHeapMaxBytes?: number
}

interface Threads {
  readonly piscina: Piscina
  /** Why one could not start. */
  startFailure: unknown
}

/**
 * Runs jobs on threads that start with the first job and stop when there is none for a while. Idle threads do not keep
 * the process alive. Jobs beyond `threadCount` wait their turn here, not in the pool below, which forgets what waits
 * when a thread dies. A closed pool starts again with its next job.
 */
export class ThreadJobPool implements JobPool {
  readonly #moduleUrl: string
  readonly #threadCount: number
  readonly #threadHeapMaxBytes: number
  readonly #running = new RunningJobs()
  #waiting: (() => void)[] = []
  #freeCount: number
  #pool: Promise<Threads> | undefined

  constructor(options: ThreadJobPoolOptions) {
    this.#moduleUrl = options.module.href
    this.#threadCount = options.threadCount
    this.#threadHeapMaxBytes = options.threadHeapMaxBytes ?? THREAD_HEAP_MAX_BYTES
    this.#freeCount = options.threadCount
  }

  run(job: unknown, options: JobRunOptions = {}): Promise<unknown> {
    return this.#running.add(this.#runInTurn(job, options))
  }

  async close(): Promise<void> {
    await this.#running.settle()
    const pool = this.#pool
    this.#pool = undefined
    if (pool !== undefined) await (await pool).piscina.destroy()
  }

  async #runInTurn(job: unknown, options: JobRunOptions): Promise<unknown> {
    if (this.#freeCount > 0) this.#freeCount--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await this.#runOnThread(job, options)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#freeCount++
      else next()
    }
  }

  async #runOnThread(job: unknown, { timeoutMs }: JobRunOptions): Promise<unknown> {
    const task: ThreadTask = { moduleUrl: this.#moduleUrl, job }
    const deadline = new AbortController()
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(), timeoutMs)
    let answer: ThreadAnswer
    let threads: Threads | undefined
    try {
      this.#pool ??= this.#start().catch((error: unknown) => {
        this.#pool = undefined
        throw error
      })
      threads = await this.#pool
      // An abort ends the thread, and with it all that the job would still have done or answered.
      answer = (await threads.piscina.run(task, { signal: deadline.signal })) as ThreadAnswer
    } catch (error) {
      const cause = threads?.startFailure ?? error
      assertNotShort(cause)
      // Errors of the job itself are answers, so the thread died, or the job could not be sent to it.
      const what = deadline.signal.aborted
        ? `a background job was given up after ${timeoutMs} ms`
        : 'a background job was lost with its thread'
      throw engineError('INTERNAL', what, { cause })
    } finally {
      clearTimeout(timer)
    }
    if ('error' in answer) throw decodeError(answer.error)
    return answer.result
  }

  async #start(): Promise<Threads> {
    const { Piscina } = await piscinas()
    const piscina = new Piscina({
      filename: fileURLToPath(THREAD_MODULE),
      name: 'runTask',
      minThreads: 0,
      maxThreads: this.#threadCount,
      idleTimeout: THREAD_IDLE_MS,
      resourceLimits: { maxOldGenerationSizeMb: this.#threadHeapMaxBytes / MiB },
      recordTiming: false,
      // Threads that wait in Atomics.wait never turn their event loop, so native buffers of theirs are never freed.
      atomics: 'async',
    })
    const threads: Threads = { piscina, startFailure: undefined }
    // A thread failed that had no job yet. Its job would wait for ever: give up on all, the next one starts afresh.
    piscina.on('error', (error) => {
      this.#pool = undefined
      threads.startFailure ??= error
      piscina.destroy()
    })
    return threads
  }
}

/** @throws IO_FAILED when a thread could not start because the system had no descriptor, or nothing else to give */
function assertNotShort(cause: unknown): void {
  if (cause instanceof EngineError) throw cause
  const { code, message } = cause as { code?: unknown; message?: unknown }
  const errno =
    code === 'ERR_WORKER_INIT_FAILED' ? /: (E[A-Z]+)$/.exec(String(message))?.[1] : errnoOf(cause)
  if (errno === undefined || !/^E(?:MFILE|NFILE|AGAIN|NOMEM)$/.test(errno)) return
  throw fileError(errno, { path: fileURLToPath(THREAD_MODULE), syscall: 'start' }, cause)
}

export interface InlineJobPoolOptions {
  readonly runJob: (job: unknown) => unknown
  /** How many turns of the event loop pass before a job runs, and again before its result arrives. Default: 1 each. */
  readonly delayTurns?: () => number
}

/** Runs jobs on this thread, each in one go, some turns of the event loop after it was asked for. */
export class InlineJobPool implements JobPool {
  readonly #runJob: (job: unknown) => unknown
  readonly #delayTurns: () => number
  readonly #running = new RunningJobs()

  constructor(options: InlineJobPoolOptions) {
    this.#runJob = options.runJob
    this.#delayTurns = options.delayTurns ?? (() => 1)
  }

  run(job: unknown): Promise<unknown> {
    return this.#running.add(this.#runLate(job))
  }

  async close(): Promise<void> {
    await this.#running.settle()
  }

  async #runLate(job: unknown): Promise<unknown> {
    // A copy, as a thread would get it: what cannot be sent fails here too.
    const copy: unknown = structuredClone(job)
    await turns(this.#delayTurns())
    try {
      return structuredClone(await this.#runJob(copy))
    } finally {
      await turns(this.#delayTurns())
    }
  }
}

class RunningJobs {
  readonly #jobs = new Set<Promise<unknown>>()

  add(job: Promise<unknown>): Promise<unknown> {
    const forget = () => {
      this.#jobs.delete(job)
    }
    this.#jobs.add(job)
    job.then(forget, forget)
    return job
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#jobs)
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
