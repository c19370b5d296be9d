// One database in two engines: ours behind its façade, in memory, and SQLite. Every statement runs on both.

import { type Database, open, type Tables } from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import { Seeded } from '../model/seeded.js'
import { difference, isOverflow, isRefusal, show } from './comparison.js'
import { pickStyle, type PlaceholderStyle, prepareSide, type Statement } from './dialects.js'
import { centsText, declare, randomRows, randomTables, sqliteDeclaration } from './schema.js'
import type { TableModel, Value } from './schema.js'
import { type Oracle, openOracle, runOracle } from './sqlite.js'
import { type Query, randomQuery, randomWrite } from './statements.js'

export const STATEMENTS_PER_TRIAL = 100
const WRITE_SHARE = 0.12

export interface Counts {
  queries: number
  writes: number
  rows: number
  /** One engine refused a number that grew too large. */
  refused: number
  /** Both engines refused. */
  failed: number
}

interface Session {
  query(text: string, params: readonly unknown[] | Record<string, unknown>): Promise<OurResult>
}

type OurResult = Record<string, unknown>[] & {
  readonly columns: readonly { readonly name: string }[]
  readonly affectedCount: number
}

export async function runTrial(seed: number, counts: Counts): Promise<void> {
  const trial = await Trial.open(seed, counts)
  try {
    await trial.run()
  } finally {
    await trial.close()
  }
}

/** The rows as our row interface takes them. */
export function ourRows(model: TableModel, rows: readonly Value[][]): Record<string, unknown>[] {
  return rows.map((row) =>
    Object.fromEntries(
      model.columns.map(({ name, kind }, i) => {
        const value = row[i]!
        if (value === null) return [name, null]
        if (kind === 'decimal') return [name, centsText(value as number)]
        return [name, kind === 'boolean' ? value === 1 : value]
      }),
    ),
  )
}

/** A transaction that changed its mind. */
class Abandoned extends Error {}

class Trial {
  readonly #random: Seeded
  readonly #counts: Counts
  readonly #tables: readonly TableModel[]
  readonly #db: Database<Tables>
  readonly #oracle: Oracle

  private constructor(parts: {
    random: Seeded
    counts: Counts
    tables: readonly TableModel[]
    db: Database<Tables>
    oracle: Oracle
  }) {
    this.#random = parts.random
    this.#counts = parts.counts
    this.#tables = parts.tables
    this.#db = parts.db
    this.#oracle = parts.oracle
  }

  static async open(seed: number, counts: Counts): Promise<Trial> {
    const random = new Seeded(seed)
    const tables = randomTables(random, 2 + random.below(2))
    const oracle = openOracle()!
    const db: Database<Tables> = await open(
      {
        path: '/oracle',
        tables: Object.fromEntries(tables.map((model) => [model.name, declare(model)])),
        walFileBytes: 1 << 16,
        tabletCount: 1,
      },
      { env: memoryEnv({ seed }) },
    )
    const trial = new Trial({ random, counts, tables, db, oracle })
    await trial.#fill()
    return trial
  }

  async run(): Promise<void> {
    for (let done = 0; done < STATEMENTS_PER_TRIAL; ) {
      const count = 1 + this.#random.below(20)
      if (this.#random.chance(0.3)) await this.#transaction(count)
      else await this.#statements(this.#session, count)
      if (this.#random.chance(0.1)) await this.#db.flush()
      done += count
    }
  }

  async close(): Promise<void> {
    this.#oracle.close()
    await this.#db.close()
  }

  get #session(): Session {
    return this.#db.tenant('oracle') as unknown as Session
  }

  async #fill(): Promise<void> {
    for (const model of this.#tables) {
      this.#oracle.exec(sqliteDeclaration(model))
      const rows = randomRows(this.#random, model, this.#random.below(30))
      if (rows.length === 0) continue
      const marks = model.columns.map(() => '?').join()
      const insert = this.#oracle.prepare(`insert into ${model.name} values (${marks})`)
      for (const row of rows) insert.run(...row)
      const tenant = this.#db.tenant('oracle') as unknown as Record<
        string,
        { insert(rows: object[]): Promise<void> }
      >
      await tenant[model.name]!.insert(ourRows(model, rows))
    }
    if (this.#random.chance(0.3)) await this.#db.compact()
  }

  /** What is staged in a transaction answers like what is committed. */
  async #transaction(count: number): Promise<void> {
    const isAbandoned = this.#random.chance(0.5)
    this.#oracle.exec('begin')
    try {
      await this.#db.tenant('oracle').transact(async (tx) => {
        await this.#statements(tx as unknown as Session, count)
        if (isAbandoned) throw new Abandoned()
      })
      this.#oracle.exec('commit')
    } catch (error) {
      if (!(error instanceof Abandoned)) throw error
      this.#oracle.exec('rollback')
    }
    await this.#compareTables(this.#session, 'after a transaction')
  }

  async #statements(session: Session, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      if (this.#random.chance(WRITE_SHARE)) await this.#write(session)
      else await this.#query(session, randomQuery(this.#random, this.#tables))
    }
  }

  async #query(session: Session, query: Query): Promise<void> {
    const style = pickStyle(this.#random)
    const ours = await this.#ask(session, query, style)
    const theirs = this.#askOracle(query, style)
    this.#counts.queries++
    if (this.#areErrors(query, style, ours.error, theirs.error)) return
    this.#counts.rows += theirs.rows.length
    const found = difference(query.kinds, ours.rows, theirs.rows, query.isOrdered)
    if (found !== undefined) throw this.#complaint(found, query, style)
  }

  async #write(session: Session): Promise<void> {
    const write = randomWrite(this.#random, this.#tables)
    const style = pickStyle(this.#random)
    this.#oracle.exec('savepoint write')
    const ours = await this.#ask(session, write, style)
    const theirs = this.#askOracle(write, style)
    this.#counts.writes++
    const isFailure = this.#areErrors(write, style, ours.error, theirs.error)
    if (isFailure) this.#oracle.exec('rollback to write')
    this.#oracle.exec('release write')
    if (!isFailure && ours.changes !== theirs.changes) {
      throw this.#complaint(`${ours.changes} changes, SQLite has ${theirs.changes}`, write, style)
    }
    await this.#compareTables(session, prepareSide(write, 'ours', style).text)
  }

  async #compareTables(session: Session, when: string): Promise<void> {
    for (const { name, columns, primaryKey } of this.#tables) {
      const text = `select * from ${name} order by ${primaryKey.join()}`
      const ours = rowsOf(await session.query(text, []))
      const { rows } = runOracle(this.#oracle, text, [])
      const kinds = columns.map(({ kind }) => kind)
      const found = difference(kinds, ours, rows, true)
      if (found !== undefined) throw new Error(`${name} ${when}: ${found}`)
    }
  }

  async #ask(session: Session, statement: Statement, style: PlaceholderStyle) {
    const { text, params } = prepareSide(statement, 'ours', style)
    try {
      const result = await session.query(text, params)
      return { rows: rowsOf(result), changes: result.affectedCount, error: undefined }
    } catch (error) {
      return { rows: [], changes: 0, error }
    }
  }

  #askOracle(statement: Statement, style: PlaceholderStyle) {
    const { text, params } = prepareSide(statement, 'theirs', style)
    try {
      return { ...runOracle(this.#oracle, text, params), error: undefined }
    } catch (error) {
      return { rows: [], changes: 0, error }
    }
  }

  /** Whether there is nothing to compare. */
  #areErrors(
    statement: Statement,
    style: PlaceholderStyle,
    ours: unknown,
    theirs: unknown,
  ): boolean {
    if (isRefusal(ours) || isOverflow(theirs)) {
      this.#counts.refused++
      return true
    }
    if (ours !== undefined && theirs !== undefined) {
      this.#counts.failed++
      return true
    }
    if (ours === undefined && theirs === undefined) return false
    const who = ours === undefined ? 'only SQLite fails' : 'only we fail'
    throw this.#complaint(`${who}: ${String(ours ?? theirs)}`, statement, style)
  }

  #complaint(what: string, statement: Statement, style: PlaceholderStyle): Error {
    const lines = [what]
    for (const side of ['ours', 'theirs'] as const) {
      const { text, params } = prepareSide(statement, side, style)
      const values = Object.entries(params).map(([key, value]) => `${key}: ${show(value)}`)
      lines.push(`${side}: ${text}`, ...(values.length > 0 ? [`  with ${values.join(', ')}`] : []))
    }
    for (const model of this.#tables) {
      lines.push(sqliteDeclaration(model), `  indexes ${JSON.stringify(model.indexes)}`)
      const { rows } = runOracle(this.#oracle, `select * from ${model.name}`, [])
      lines.push(...rows.map((row) => `  ${row.map(show).join(', ')}`))
    }
    return new Error(lines.join('\n'))
  }
}

function rowsOf(result: OurResult): unknown[][] {
  return result.map((row) => result.columns.map(({ name }) => row[name]))
}
