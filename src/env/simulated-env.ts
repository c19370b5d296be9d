import { SimulatedClock } from './clock.js'
import type { Env, JobPool } from './env.js'
import type { FileSystem } from './file-system.js'
import { InlineJobPool } from './job-pool.js'
import { MemoryFileSystem } from './memory-file-system.js'
import { SeededRandom } from './random.js'

export interface SimulatedEnvOptions {
  /** The same seed gives the same run. */
  readonly seed: number
  /** Default: a new MemoryFileSystem. */
  readonly fs?: FileSystem
  /** Runs one background job, on this thread. */
  readonly runJob: (job: unknown) => unknown
  /** Jobs start late and their results arrive late, by up to this many turns of the event loop. Default: 1. */
  readonly jobDelayMaxTurns?: number
  /** The clock moves only by `clock.advance`. Default: false, it also moves on when everybody sleeps. */
  readonly isClockHeld?: boolean
}

/** What stands for the machine: `{ env }` of open(), with a clock that `advance(milliseconds)` moves. */
export interface SimulatedEnv extends Env {
  readonly clock: SimulatedClock
  readonly random: SeededRandom
  readonly jobs: JobPool
}

/**
 * A world without machine: files in memory, a clock that a test moves, chance from a seed, jobs on this thread. A run
 * repeats itself as long as nothing else takes part in it.
 *
 * @example
 * const env = simulatedEnv({ seed: 7, runJob })
 * env.clock.advance(60_000)
 */
export function simulatedEnv(options: SimulatedEnvOptions): SimulatedEnv {
  const { seed, runJob, jobDelayMaxTurns: maxTurns = 1, isClockHeld = false } = options
  const chance = new SeededRandom(seed ^ 0x5eed)
  return {
    fs: options.fs ?? new MemoryFileSystem(),
    clock: new SimulatedClock({ isHeld: isClockHeld }),
    random: new SeededRandom(seed),
    jobs: new InlineJobPool({
      runJob,
      delayTurns: () => (maxTurns <= 1 ? maxTurns : Math.floor(chance.float() * (maxTurns + 1))),
    }),
  }
}
