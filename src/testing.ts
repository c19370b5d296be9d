/* oxlint-disable import/no-unassigned-import -- modules that are to be loaded already */
// What tests of services need: a database in memory, on a clock that the test moves, whose power the test can cut.

import { MemoryFileSystem } from './env/memory-file-system.js'
import { type SimulatedEnv, simulatedEnv } from './env/simulated-env.js'
import { type Job, runJob } from './lsm/jobs.js'
// What the engine loads when it is first needed is there already: how long loading takes is in no seed.
import './env/overlay-file-system.js'
import './query/execute.js'
import './store/checkpoint.js'
import './store/salvage.js'
import './store/verify.js'

export { type CrashMode, MemoryFileSystem, PowerCut } from './env/memory-file-system.js'
export type { SimulatedEnv } from './env/simulated-env.js'

/** Options of memoryEnv(). */
export interface MemoryEnvOptions {
  /** The same seed gives the same run; default 1. */
  readonly seed?: number
  /** Files of an earlier environment, e.g. a crash image; default: none. */
  readonly fs?: MemoryFileSystem
}

/**
 * A world without a machine: files in memory, a clock that the test moves, background jobs on this thread.
 *
 * @example
 * const fs = new MemoryFileSystem()
 * const db = await open({ path: '/db', tables }, { env: memoryEnv({ fs }) })
 * await db.tenant('a').orders.insert(order)
 * const after = fs.crashImage({ float: Math.random })   // what a power cut might leave
 */
export function memoryEnv(options: MemoryEnvOptions = {}): SimulatedEnv {
  const { seed = 1, fs = new MemoryFileSystem() } = options
  return simulatedEnv({ seed, fs, runJob: (job) => runJob(job as Job, fs) })
}
