// The row cache changes no answer: what get() and getSync() give is at all times what a read past the cache gives, beside
// commits that are under way, fail, are refused, rolled back or rewound.

import { isDeepStrictEqual } from 'node:util'
import { expect, it, test } from 'vitest'

import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { type Database, open, type SeqNum, t, table } from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import { replayable, Seeded, seedsOf } from './seeded.js'

const RUNS = Number(process.env.ROW_CACHE_RUNS ?? 6)
const STEPS = 150
const MIB = 1 << 20

const things = table(
  'things',
  {
    kind: t.text(),
    number: t.int(),
    label: t.text().nullable(),
    at: t.timestamp(),
    body: t.json<{ parts: { n: number }[] }>().nullable(),
    blob: t.bytes().nullable(),
    size: t.decimal(8, 2).default('1.50'),
  },
  { primaryKey: ['kind', 'number'], indexes: { byLabel: ['label'] } },
)
const notes = table(
  'notes',
  { id: t.uuid(), text: t.text(), tags: t.json<string[]>() },
  { primaryKey: ['id'] },
)
const tables = { things, notes }
type Db = Database<typeof tables>

const TENANTS = ['a', 'b']
const NUMBERS = [0, 1, 2, 3]
const ids = NUMBERS.map((n) => `0000000${n}-0000-4000-8000-000000000000`)
const keyOf = (n: number) => ['kind', n] as [string, number]

class Run {
  readonly #random: Seeded
  readonly #fs = new MemoryFileSystem()
  #db!: Db
  #pending: Promise<unknown>[] = []
  #moments: SeqNum[] = []
  sameCount = 0
  refusedCount = 0

  constructor(seed: number) {
    this.#random = new Seeded(seed)
  }

  async run(): Promise<void> {
    await this.#open()
    for (let step = 0; step < STEPS; step++) {
      const writing = this.#write().catch((error: { code?: string }) => {
        if (error.code === 'DISK_FULL') this.refusedCount++
        else if (error.code === undefined && !String(error).includes('on purpose')) throw error
      })
      this.#pending.push(writing)
      this.#compare()
      if (this.#random.chance(0.5)) {
        await this.#settle()
        this.#compare()
        this.#moments.push(this.#db.stats().seqNum)
      }
      if (this.#random.chance(0.3)) await this.#compareAwaited()
      if (this.#random.chance(0.05)) await this.#db.flush().catch(() => undefined)
      if (this.#random.chance(0.03)) await this.#reopen()
    }
    await this.#settle()
    await this.#db.close()
  }

  async #open(): Promise<void> {
    const env = memoryEnv({ seed: this.#random.below(1 << 30), fs: this.#fs })
    const rowCacheBytes = this.#random.pick([4096, 64 * 1024, 2 * MIB])
    this.#db = await open(
      { path: '/db', tables, memoryBudgetBytes: 4 * MIB, walFileBytes: 65_536, rowCacheBytes },
      { env },
    )
  }

  async #reopen(): Promise<void> {
    await this.#settle()
    await this.#db.close()
    await this.#open()
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#pending)
    this.#pending = []
  }

  async #write(): Promise<unknown> {
    const random = this.#random
    const db = this.#db
    const tenant = db.tenant(random.pick(TENANTS))
    const number = random.pick(NUMBERS)
    const thing = {
      kind: 'kind',
      number,
      label: random.chance(0.5) ? `l-${random.below(9)}` : null,
      at: new Date(random.below(1 << 30)),
      body: random.chance(0.7) ? { parts: [{ n: random.below(9) }] } : null,
      blob: random.chance(0.5) ? Uint8Array.of(random.below(256)) : null,
    }
    const note = { id: random.pick(ids), text: `t-${random.below(9)}`, tags: ['x', `${number}`] }
    const options = { durability: random.pick(['sync', 'relaxed'] as const) }
    const roll = random.below(10)
    if (roll < 3) return tenant.things.upsert(thing, options)
    if (roll < 5) return tenant.notes.upsert(note, options)
    if (roll === 5) return tenant.things.delete(keyOf(number), options)
    if (roll === 6) return tenant.notes.update(note.id, { text: note.text }, options)
    if (roll === 7) {
      return tenant.transact(async (tx) => {
        await tx.things.upsert(thing)
        await tx.notes.delete(note.id)
        if (number === 0) throw new Error('on purpose')
      })
    }
    if (roll === 8) {
      return db.write((batch) => {
        for (const name of TENANTS) batch.tenant(name).notes.upsert(note)
        if (number === 0) throw new Error('on purpose')
      }, options)
    }
    if (this.#moments.length > 0 && random.chance(0.5)) {
      return tenant.rewind({ to: random.pick(this.#moments) })
    }
    return this.#onFullDisk(() => tenant.notes.upsert({ ...note, text: 'x'.repeat(30_000) }))
  }

  /** Whatever would make a file longer is refused. */
  async #onFullDisk(write: () => Promise<unknown>): Promise<unknown> {
    this.#fs.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) =>
      name === 'write' && offsetBytes + byteCount > this.#fs.fileBytes(path) ? 'ENOSPC' : undefined
    try {
      const written = write()
      this.#compare()
      return await written
    } finally {
      this.#fs.inject = undefined
    }
  }

  #compare(): void {
    for (const name of TENANTS) {
      const tenant = this.#db.tenant(name)
      const past = tenant.reading('strong')
      for (const number of NUMBERS) {
        const thing = tenant.things.getSync(keyOf(number))
        this.#check(thing, past.things.getSync(keyOf(number)))
        const note = tenant.notes.getSync(ids[number]!)
        this.#check(note, past.notes.getSync(ids[number]!))
        if (note !== undefined && note === tenant.notes.getSync(ids[number]!)) this.sameCount++
        // Whoever changes what can be changed of a row changes his own.
        thing?.at.setTime(0)
        thing?.blob?.fill(0)
      }
    }
  }

  async #compareAwaited(): Promise<void> {
    const tenant = this.#db.tenant('a')
    const number = this.#random.pick(NUMBERS)
    const reading = tenant.things.get(keyOf(number))
    const past = tenant.reading('strong').things.getSync(keyOf(number))
    this.#check(await reading, past)
  }

  #check(row: object | undefined, expected: object | undefined): void {
    if (!isDeepStrictEqual(row, expected)) expect(row).toEqual(expected)
    expect(row === undefined || isFrozen(row)).toBe(true)
  }
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (value instanceof Date || value instanceof Uint8Array) return true
  return Object.isFrozen(value) && Object.values(value).every(isFrozen)
}

it(`changes no answer: ${RUNS} runs of ${STEPS} steps`, async () => {
  let sameCount = 0
  let refusedCount = 0
  for (const seed of seedsOf(RUNS, 1)) {
    await replayable(seed, async () => {
      const run = new Run(seed)
      await run.run()
      sameCount += run.sameCount
      refusedCount += run.refusedCount
    })
  }
  expect(sameCount).toBeGreaterThan(0)
  expect(refusedCount).toBeGreaterThan(0)
}, 600_000)

test('takes a part of the memory, at most half of it', async () => {
  const env = memoryEnv({ seed: 1 })
  const path = '/db'
  const opening = open(
    { path, tables, memoryBudgetBytes: 4 * MIB, rowCacheBytes: 3 * MIB },
    { env },
  )
  await expect(opening).rejects.toMatchObject({ code: 'OPTION_OUT_OF_RANGE' })
  const db = await open({ path, tables, memoryBudgetBytes: 4 * MIB, rowCacheBytes: MIB }, { env })
  const { notes: rows } = db.tenant('a')
  await rows.insert(ids.map((id) => ({ id, text: 'x'.repeat(1000), tags: [] })))
  const before = db.stats().memory.rowCacheBytes
  const first = rows.getSync(ids[0]!)
  expect(rows.getSync(ids[0]!)).toBe(first)
  expect(await rows.get(ids[0]!)).toBe(first)
  expect(db.stats().memory.rowCacheBytes).toBeGreaterThan(before + 1000)
  expect(() => Object.assign(first!, { text: 'y' })).toThrow(TypeError)
  await db.close()
  expect(() => rows.getSync(ids[0]!)).toThrow(/closed/)
})
