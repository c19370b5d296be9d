import { SystemClock } from './clock.js'
import type { Env } from './env.js'
import { ThreadJobPool } from './job-pool.js'
import { NodeFileSystem } from './node-file-system.js'
import { SystemRandom } from './random.js'

export interface NodeEnvOptions {
  /** The module whose `runJob(job)` the job threads call. */
  readonly jobModule: URL
  /** How many jobs run at a time. */
  readonly jobThreadCount: number
}

/** The machine as it is: its files, clock, chance, and threads that start with the first job. */
export function nodeEnv(options: NodeEnvOptions): Env {
  return {
    fs: new NodeFileSystem(),
    clock: new SystemClock(),
    random: new SystemRandom(),
    jobs: new ThreadJobPool({ module: options.jobModule, threadCount: options.jobThreadCount }),
  }
}
