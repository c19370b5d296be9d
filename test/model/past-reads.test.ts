// Answers about the past never change: random questions at random moments, each answered before and after flush, compaction,
// reopening, a crash and changes of the schema, and each time as the model answers.

import { expect, test } from 'vitest'

import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { open, type SeqNum, t, table } from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import { type ModelRow, type ModelSchema, PastModel, placeOf } from './past-model.js'
import {
  differences,
  itemId,
  NUMBER_COUNT,
  OWNER_COUNT,
  type PastDatabase,
  type Question,
  randomQuestion,
  TENANTS,
  textOf,
} from './past-questions.js'
import { replayable, Seeded, seedsOf } from './seeded.js'

/** Pairs of moment and question; the long proof asks for more. */
const PAST_READS = Number(process.env['PAST_READS'] ?? 400)
const QUESTIONS_PER_RUN = 200
const QUESTIONS_PER_ROUND = 10

const ITEM = { id: t.text(), owner: t.text(), n: t.int(), label: t.text().nullable() }
const GRADED = { ...ITEM, grade: t.int().default(1) }
const BY_OWNER = ['owner', 'n'] as const
const BY_NUMBER = [{ column: 'n', descending: true }] as const
const BY_LABEL = { columns: ['label'], unique: true } as const
const KEY = ['id'] as const
const NOTE = { id: t.text(), item: t.text(), body: t.text() }

/** The tables as the program declares them, one version after the other. */
const DECLARED = [
  { items: table('items', ITEM, { primaryKey: KEY, indexes: { byOwner: BY_OWNER } }) },
  {
    items: table('items', GRADED, {
      primaryKey: KEY,
      indexes: { byOwner: BY_OWNER, byNumber: BY_NUMBER },
    }),
  },
  {
    items: table('items', GRADED, {
      primaryKey: KEY,
      indexes: { byOwner: BY_OWNER, byNumber: BY_NUMBER },
    }),
    notes: table('notes', NOTE, { primaryKey: KEY, indexes: { byItem: ['item'] } }),
  },
  {
    items: table('items', GRADED, {
      primaryKey: KEY,
      indexes: { byOwner: BY_OWNER, byNumber: BY_NUMBER, byLabel: BY_LABEL },
    }),
    notes: table(
      'notes',
      { ...NOTE, stars: t.int().nullable() },
      { primaryKey: KEY, indexes: { byItem: ['item'] } },
    ),
  },
] as const

/** What rows that are older than a column show for it. */
const OLDER: Readonly<Record<string, unknown>> = { grade: 1, stars: null }

class PastRun {
  readonly #random: Seeded
  readonly #model = new PastModel()
  readonly #moments: SeqNum[] = []
  /** The last moments before changes of the schema. */
  readonly #lasts = new Set<SeqNum>()
  readonly #questions: Question[] = []
  #fs = new MemoryFileSystem()
  #db!: PastDatabase
  #declaredCount = 0
  #answerCount = 0

  constructor(random: Seeded) {
    this.#random = random
  }

  /** @returns how many answers were compared */
  async run(): Promise<number> {
    await this.#evolve()
    while (this.#questions.length < QUESTIONS_PER_RUN) {
      await this.#write()
      for (let i = 0; i < QUESTIONS_PER_ROUND; i++) this.#questions.push(this.#question())
      await this.#check('when first asked', this.#questions.slice(-QUESTIONS_PER_ROUND))
      const { name, run } = this.#random.pick(this.#disturbances())
      await run()
      await this.#check(`after ${name}`, this.#questions)
    }
    await this.#db.compact()
    await this.#check('after the last compaction', this.#questions)
    await this.#db.close()
    return this.#answerCount
  }

  #disturbances() {
    const random = this.#random
    const flush = { name: 'a flush', run: () => this.#db.flush() }
    const compact = { name: 'a compaction', run: () => this.#db.compact() }
    const reopen = { name: 'reopening', run: () => this.#reopen() }
    const crash = { name: 'a crash', run: () => this.#crash() }
    const evolve = { name: 'a change of the schema', run: () => this.#evolve() }
    const isDue = random.chance(0.5) && this.#declaredCount < DECLARED.length
    return isDue ? [evolve] : [flush, compact, reopen, crash]
  }

  async #check(when: string, questions: readonly Question[]): Promise<void> {
    for (const { what, ask, expected } of questions) {
      expect(textOf(await ask(this.#db)), `${what}, ${when}`).toBe(expected)
    }
    this.#answerCount += questions.length
  }

  #question(): Question {
    return randomQuestion(this.#random, this.#model, () => {
      const seqNum = this.#random.pick(this.#moments)
      // Behind the last commit of a schema its change begins, behind the newest one what is still to come.
      const isLast = this.#lasts.has(seqNum) || seqNum === this.#db.stats().seqNum
      return isLast ? seqNum : ((seqNum + this.#random.below(2)) as SeqNum)
    })
  }

  async #write(): Promise<void> {
    for (let count = 1 + this.#random.below(12); count > 0; count--) {
      const tenant = this.#random.pick(TENANTS)
      if (this.#random.chance(0.06)) await this.#rewind(tenant)
      else await this.#commit(tenant)
      this.#moments.push(this.#db.stats().seqNum)
    }
  }

  /** A few rows of all tables in one transaction, or a single call. */
  async #commit(tenant: string): Promise<void> {
    const random = this.#random
    const changes = new Map<string, [string, string, ModelRow | undefined]>()
    for (let count = 1 + random.below(4); count > 0; count--) {
      const [name, key, row] = random.pick(this.#tables) === 'notes' ? this.#note() : this.#item()
      changes.set(`${name}/${key}`, [name, key, random.chance(0.25) ? undefined : row])
    }
    await this.#db.transact(async (tx) => {
      const session = tx.tenant(tenant)
      for (const [name, key, row] of changes.values()) {
        await (row === undefined ? session[name].delete(key) : session[name].upsert(row))
      }
    })
    const seqNum = this.#db.stats().seqNum
    for (const [name, key, row] of changes.values()) {
      const place = placeOf(tenant, name)
      // Deleting what is not there writes nothing.
      const isThere = this.#model.rowAt(place, key, seqNum) !== undefined
      if (row !== undefined || isThere) this.#model.write(place, key, { seqNum, row })
    }
  }

  async #rewind(tenant: string): Promise<void> {
    const to = this.#random.pick(this.#moments)
    const before = this.#db.stats().seqNum
    const { seqNum } = await this.#db.tenant(tenant).rewind({ to })
    for (const name of this.#tables) {
      const place = placeOf(tenant, name)
      const newest = this.#model.newestSchema.since
      for (const { key } of differences(this.#model, place, to, before)) {
        const row = this.#model.versions(place, key, to)[0]?.row
        const shown = this.#model.shown(place, row, newest)
        this.#model.write(place, key, { seqNum: seqNum!, row: shown })
      }
    }
  }

  get #tables(): string[] {
    return Object.keys(this.#model.newestSchema.tables)
  }

  #item(): [string, string, ModelRow] {
    const random = this.#random
    const id = itemId(random)
    const row = {
      id,
      owner: `o-${random.below(OWNER_COUNT)}`,
      n: random.below(NUMBER_COUNT),
      // Of this row alone: the index that comes later is unique.
      label: random.chance(0.6) ? `${id}-${random.below(5)}` : null,
    }
    return ['items', id, this.#declaredCount > 1 ? { ...row, grade: random.below(3) } : row]
  }

  #note(): [string, string, ModelRow] {
    const random = this.#random
    const id = `n-${random.below(9)}`
    const row = { id, item: itemId(random), body: `b-${random.below(50)}` }
    const stars = random.chance(0.5) ? random.below(5) : null
    return ['notes', id, this.#declaredCount > 3 ? { ...row, stars } : row]
  }

  async #open(): Promise<void> {
    const env = memoryEnv({ seed: this.#random.below(1 << 30), fs: this.#fs })
    const tables = DECLARED[this.#declaredCount - 1]!
    const settings = { historyWindowMs: 3650 * 86_400_000, walFileBytes: 65_536 }
    this.#db = (await open({ path: '/db', tables, ...settings }, { env })) as PastDatabase
  }

  async #reopen(): Promise<void> {
    await this.#db.close()
    await this.#open()
  }

  async #crash(): Promise<void> {
    const image = this.#fs.crashImage(this.#random)
    this.#fs.cutPowerAt(this.#fs.callCount)
    await this.#db.close().catch(() => undefined)
    this.#fs = image
    await this.#open()
  }

  /** Opens with the next declaration. */
  async #evolve(): Promise<void> {
    if (this.#declaredCount > 0) {
      this.#lasts.add(this.#db.stats().seqNum)
      await this.#db.close()
    }
    this.#declaredCount++
    await this.#open()
    const since = this.#db.stats().seqNum
    const tables: Record<string, ModelSchema['tables'][string]> = {}
    for (const { name, columns, indexes } of this.#db.tables()) {
      tables[name] = {
        columns: Object.fromEntries(columns.map((column) => [column.name, OLDER[column.name]])),
        indexes: indexes.map((index) => index.name),
      }
    }
    this.#model.declare({ since, tables })
    this.#moments.push(since)
  }
}

test(
  `${PAST_READS} questions about the past have one answer each`,
  async () => {
    let answerCount = 0
    for (const seed of seedsOf(Math.ceil(PAST_READS / QUESTIONS_PER_RUN), 1)) {
      await replayable(seed, async () => {
        answerCount += await new PastRun(new Seeded(seed)).run()
      })
    }
    console.log(`${PAST_READS} questions, ${answerCount} answers, 0 differences (seeds from 1)`)
  },
  4 * 60 * 60_000,
)
