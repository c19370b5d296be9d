// @ts-check
// The long proofs: the ordinary model, metamorphic, isolation, crash, fault, corruption, Level and fuzz tests, with the
// counts that a release asks for. `npm run prove`; what is set in the environment (COUNTS below, SEED) wins. Failures
// print the seed that replays them.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { ROOT } from './registry-cache.mjs'

const COUNTS = {
  MODEL_RUNS: '2000',
  PAST_READS: '10000',
  RETENTION_RUNS: '2000',
  ROW_CACHE_RUNS: '300',
  POWER_CUTS: '20000',
  // With one at each system call of the scripts, some 350, more than 3,000.
  KILLS: '2750',
  SYSCALL_KILLS: 'every',
  FAULT_STRIDE: '1',
  FULL_DISK_RUNS: '400',
  // All there are.
  CRASH_STATES: '1000000000',
  RANDOM_CRASH_STATES: '500000',
  METAMORPHIC_RUNS: '126',
  METAMORPHIC_FACE_RUNS: '25',
  BIT_FLIPS: '300000',
  DAMAGES: '500',
  QUARANTINE_RUNS: '2000',
  // At each level.
  ISOLATION_TXNS: '1000000',
  LEVEL_SUITES: 'directory,memory,tenant',
  LEVEL_RUNS: '500',
  LEVEL_KILLS: '200',
  LEVEL_CUTS: '20000',
  LEVEL_CLEAR_KEYS: '1000000',
  // For each of the 18 targets.
  FUZZ_RUNS: '10000000',
}
const TIMEOUT_MS = 4 * 60 * 60 * 1000

const filters = process.argv.slice(2)
const { status } = spawnSync(
  process.execPath,
  [
    join(ROOT, 'node_modules/vitest/vitest.mjs'),
    'run',
    `--testTimeout=${TIMEOUT_MS}`,
    ...(filters.length > 0
      ? filters
      : ['model', 'metamorphic', 'crash', 'fault', 'corruption', 'level', 'fuzz'].map(
          (of) => `test/${of}`,
        )),
  ],
  { cwd: ROOT, env: { ...COUNTS, ...process.env }, stdio: ['ignore', 'inherit', 'inherit'] },
)
process.exitCode = status ?? 1
