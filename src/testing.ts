// What tests of services need: a database in memory, on a clock that the test moves, whose power the test can cut.

export { MemoryFileSystem } from './env/memory-file-system.js'
export { simulatedEnv } from './env/simulated-env.js'
