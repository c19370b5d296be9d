// Random statements on random tables, answered by us and by SQLite. `ORACLE_QUERIES` says how many, `SEED` replays one trial.

import { expect, it } from 'vitest'

import { replayable, seedsOf } from '../model/seeded.js'
import { ORACLE_ABSENT, openOracle, runOracle } from './sqlite.js'
import { type Counts, runTrial, STATEMENTS_PER_TRIAL } from './trial.js'

const QUERY_COUNT = Number(process.env['ORACLE_QUERIES'] ?? 4000)
const BASE_SEED = Number(process.env['ORACLE_BASE_SEED'] ?? 1)
const TIMEOUT_MS = 60_000 + QUERY_COUNT * 20

it('SQLite answers, where it is installed', ({ skip }) => {
  const oracle = openOracle()
  if (oracle === undefined) return skip(ORACLE_ABSENT)
  oracle.exec('create table orders (id text primary key, amount integer)')
  expect(runOracle(oracle, 'insert into orders values (?, ?)', ['a', 5n]).changes).toBe(1)
  expect(runOracle(oracle, 'select sum(amount), 0.5 from orders', []).rows).toEqual([[5n, 0.5]])
  oracle.close()
})

it('SQLite and we answer alike', { timeout: TIMEOUT_MS }, async ({ skip }) => {
  const oracle = openOracle()
  if (oracle === undefined) return skip(ORACLE_ABSENT)
  oracle.close()
  const counts: Counts = { queries: 0, writes: 0, rows: 0, refused: 0, failed: 0 }
  const trialCount = Math.max(1, Math.ceil(QUERY_COUNT / STATEMENTS_PER_TRIAL))
  const seeds = seedsOf(trialCount, BASE_SEED)
  for (const seed of seeds) await replayable(seed, () => runTrial(seed, counts))
  console.log(`oracle: seeds ${seeds[0]} to ${seeds.at(-1)}: ${JSON.stringify(counts)}`)
  expect(counts.queries).toBeGreaterThan(0)
})
