// SQL against itself, without SQLite: what must hold of any statement. The same rows with and without indexes give the same
// answers, and rows are those where a condition holds, where it does not, and where it is unknown. LOGIC_RUNS and SEED.

import { expect, it } from 'vitest'

import { type Database, open, type Tables } from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import { isRefusal, rowTexts } from './comparison.js'
import { prepareSide, type Sql, sql, type Statement } from './dialects.js'
import { ExpressionSource } from './expressions.js'
import { declare, randomRows, randomTables, type TableModel } from './schema.js'
import { randomQuery, randomSource, where } from './statements.js'
import { ourRows } from './trial.js'

const RUN_COUNT = Number(process.env['LOGIC_RUNS'] ?? 12)
const QUERIES_PER_RUN = 60
const TIMEOUT_MS = 30_000 + RUN_COUNT * 2000

interface Twins {
  readonly db: Database<Tables>
  readonly indexed: readonly TableModel[]
  /** The same columns and rows under other names, without indexes. */
  readonly plain: readonly TableModel[]
}

async function openTwins(random: Seeded): Promise<Twins> {
  const indexed = randomTables(random, 2)
  const plain = indexed.map((model) => ({ ...model, name: `plain_${model.name}`, indexes: {} }))
  const both = [...indexed, ...plain]
  const tables = Object.fromEntries(both.map((model) => [model.name, declare(model)]))
  const db: Database<Tables> = await open(
    { path: '/logic', tables, walFileBytes: 1 << 16, tabletCount: 1 },
    { env: memoryEnv() },
  )
  const tenant = db.tenant('logic')
  for (const [i, model] of indexed.entries()) {
    const rows = ourRows(model, randomRows(random, model, 25))
    for (const { name } of [model, plain[i]!]) await tenant[name]!.insert(rows as never)
  }
  if (random.chance(0.5)) await db.flush()
  return { db, indexed, plain }
}

/** Rows as arrays; undefined when an int grew too large on the way, which depends on the plan. */
async function rowsOf(
  db: Database<Tables>,
  statement: Statement,
): Promise<unknown[][] | undefined> {
  const { text, params } = prepareSide(statement, 'ours', '?')
  try {
    const result = await db.tenant('logic').query(text, params)
    return result.map((row) => result.columns.map(({ name }) => row[name]))
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw new Error(`${text} with ${JSON.stringify(params)}`, { cause: error })
  }
}

async function inEachRun(check: (twins: Twins, seed: number) => Promise<void>): Promise<void> {
  for (const seed of seedsOf(RUN_COUNT, 1)) {
    await replayable(seed, async () => {
      const twins = await openTwins(new Seeded(seed))
      for (let i = 0; i < QUERIES_PER_RUN; i++) await check(twins, seed * 1000 + i)
      await twins.db.close()
    })
  }
}

it('indexes change no answer', { timeout: TIMEOUT_MS }, () =>
  inEachRun(async ({ db, indexed, plain }, seed) => {
    // The same seed makes the same statement on the other tables.
    const query = randomQuery(new Seeded(seed), indexed)
    const found = await rowsOf(db, query)
    const expected = await rowsOf(db, randomQuery(new Seeded(seed), plain))
    if (found === undefined || expected === undefined) return
    const { text, params } = prepareSide(query, 'ours', '?')
    expect(
      rowTexts(query.kinds, found, query.isOrdered),
      `${text} with ${JSON.stringify(params)}`,
    ).toEqual(rowTexts(query.kinds, expected, query.isOrdered))
  }),
)

it('a condition holds, does not, or is unknown', { timeout: TIMEOUT_MS }, () =>
  inEachRun(async ({ db, indexed }, seed) => {
    const random = new Seeded(seed)
    const source = randomSource(random, indexed)
    const { from, conditions, leaves, params } = source
    const condition = new ExpressionSource(random, leaves, params).truth(3)
    const kinds = leaves.map(({ kind }) => kind)
    const select = (...more: Sql[]) =>
      rowsOf(db, { text: sql`select * from ${from}${where([...conditions, ...more])}`, params })
    const all = await select()
    const parts = [
      await select(condition),
      await select(sql`not ${condition}`),
      await select(sql`${condition} is null`),
    ]
    // Computed for every row instead of asked for: nothing of it can be answered by a key.
    const computed = await rowsOf(db, {
      text: sql`select case when ${condition} then 1 else 0 end as c from ${from}${where(conditions)}`,
      params,
    })
    if ([all, computed, ...parts].includes(undefined)) return
    const { text } = prepareSide({ text: condition, params }, 'ours', '?')
    const message = `${from.ours} where ${text}`
    expect(
      rowTexts(
        kinds,
        parts.flatMap((part) => part!),
        false,
      ),
      message,
    ).toEqual(rowTexts(kinds, all!, false))
    const holdCount = computed!.filter(([value]) => value === 1).length
    expect(parts[0], message).toHaveLength(holdCount)
  }),
)
