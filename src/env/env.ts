// Everything from outside that the engine depends on, in one place: files, time, chance, threads. No other folder may
// touch the clock, randomness, node:fs or node:worker_threads, so a run can be simulated and replayed from a seed.

import type { FileSystem } from './file-system.js'

export interface Env {
  readonly fs: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly jobs: JobPool
}

export interface Clock {
  /** Unix time in whole microseconds. May jump. */
  wallMicros(): number
  /** Microseconds since some moment, never backwards. */
  monotonicMicros(): number
  /** Resolves after the delay; rejects with signal.reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** Lets other work of the event loop run. */
  yield(): Promise<void>
  /**
   * Calls the function about once a period until the returned function is called. Keeps nothing alive and nobody waiting:
   * times that were missed are not made up for.
   */
  every(periodMs: number, tick: () => void): () => void
}

export interface Random {
  /** Unpredictable in production, seeded in simulation. */
  bytes(count: number): Uint8Array
  /** 0 <= x < 1. */
  float(): number
}

export interface JobRunOptions {
  /** How long the job may run, once it has a thread. Jobs that run inline are not interrupted. Default: for ever. */
  readonly timeoutMs?: number
}

/** Runs background jobs (flush, compaction) away from the main thread, or inline under simulation. */
export interface JobPool {
  /**
   * Runs one job. Input and output are structured-cloneable; SharedArrayBuffers travel without a copy. Rejects with the
   * job's error, or with INTERNAL when its thread died or the job took longer than `timeoutMs`, which ends the thread.
   */
  run(job: unknown, options?: JobRunOptions): Promise<unknown>
  /** Waits for running jobs, then stops the threads. Idempotent. */
  close(): Promise<void>
}
