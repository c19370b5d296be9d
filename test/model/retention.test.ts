// Random retention, holds, pins, long scans and transactions, writes, flushes, compactions, checkpoints, reopenings, crashes
// and jumps of the clock, against a model that knows every version. No read ever answers partially: it is right, or refused
// with TXN_SNAPSHOT_TOO_OLD; and what must stay is never refused.

import { expect, test } from 'vitest'

import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { type SimulatedEnv, simulatedEnv } from '../../dist/env/simulated-env.js'
import {
  type Database,
  EngineError,
  open,
  type Pin,
  type SeqNum,
  t,
  table,
} from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { RetentionModel } from './retention-model.js'
import { replayable, Seeded, seedsOf } from './seeded.js'
import { storedVersions } from './stored-versions.js'

const RETENTION_RUNS = Number(process.env['RETENTION_RUNS'] ?? 8)
const STEP_COUNT = 120
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const WINDOWS_MS = [0, 5 * MINUTE_MS, HOUR_MS, 30 * HOUR_MS]
const DEFAULT_MS = HOUR_MS
const MAX_AGE_MS = 2 * HOUR_MS
const TENANTS = ['north', 'south', 'east', 'west']
const TABLES = ['plain', 'declared'] as const
const IDS = ['a', 'b', 'c', 'd']

type TableName = (typeof TABLES)[number]

function declared(historyWindowMs: number | undefined) {
  const columns = { id: t.text(), n: t.int() }
  const key = { primaryKey: ['id'] } as const
  return {
    plain: table('plain', columns, key),
    declared: table('declared', columns, {
      ...key,
      ...(historyWindowMs !== undefined && { historyWindowMs }),
    }),
  }
}

type Db = Database<ReturnType<typeof declared>>

/** Somebody who reads at one snapshot for long. */
interface LongReader {
  readonly what: string
  readonly openedMs: number
  readonly maxAgeMs: number
  /** Reads a little, and compares. */
  readonly read: () => Promise<void>
  readonly close: () => Promise<void> | void
}

class RetentionRun {
  readonly #random: Seeded
  readonly #model = new RetentionModel(TENANTS, TABLES, DEFAULT_MS)
  readonly #moments: number[] = []
  readonly #readers: LongReader[] = []
  #fs = new MemoryFileSystem()
  #env!: SimulatedEnv
  #db!: Db
  /** Of the test: simulated clocks begin anew with each opening. */
  #elapsedMs = 0
  #skewMs = 0
  #windowMs: number | undefined
  #holdCount = 0
  refusedCount = 0

  constructor(random: Seeded) {
    this.#random = random
  }

  async run(): Promise<void> {
    await this.#open()
    for (let step = 0; step < STEP_COUNT; step++) {
      await this.#random.pick(this.#steps())()
      this.#notePast()
      await this.#check()
    }
    await this.#closeReaders()
    await this.#checkGarbage()
    await this.#db.close()
  }

  /** What may go is gone after compact(), and no more. */
  async #checkGarbage(): Promise<void> {
    const db = this.#db
    await db.compact()
    const expected = TENANTS.flatMap((tenant) =>
      TABLES.flatMap((name) => {
        const { oldest } = db.tenant(tenant).retention().tables[name]!
        return IDS.flatMap((id) => {
          const versions = this.#model.versions(tenant, name, id)
          const end = versions.findIndex(({ seqNum }) => seqNum <= oldest)
          const kept = end < 0 ? versions : versions.slice(0, end + 1)
          // Tombstones that the floor sees have nothing to hide any more.
          const isGone = end >= 0 && kept.at(-1)!.n === undefined
          return (isGone ? kept.slice(0, -1) : kept).map(
            ({ seqNum }) => `${tenant} ${name} ${id} @ ${seqNum}`,
          )
        })
      }),
    )
    const tables = new Map(db.tables().map(({ id, name }) => [id, name]))
    const stored = storedVersions(this.#fs, '/db', { tenants: TENANTS, tables, ids: IDS })
    expect(stored.toSorted()).toEqual(expected.toSorted())
  }

  #steps(): (() => Promise<void>)[] {
    const writes = Array.from({ length: 6 }, () => () => this.#write())
    const passes = Array.from({ length: 3 }, () => () => this.#pass())
    return [
      ...writes,
      ...passes,
      () => this.#db.flush(),
      () => this.#db.flush(),
      () => this.#db.compact(),
      () => this.#meanwhile(() => this.#setRetention()),
      () => this.#meanwhile(() => this.#hold()),
      () => this.#pin(),
      () => this.#longScan(),
      () => this.#longTransaction(),
      () => this.#closeReader(),
      () => this.#reopen(),
      () => this.#crash(),
      () => this.#checkpoint(),
    ]
  }

  get #now(): number {
    return this.#env.clock.wallMicros()
  }

  /** What the policies of this moment let go may be gone from here on. */
  #notePast(): void {
    this.#model.passes(Math.max(this.#now, this.#db.stats().seqNum + 1), this.#db.stats().seqNum)
  }

  async #write(): Promise<void> {
    for (let count = 1 + this.#random.below(8); count > 0; count--) {
      const [tenant, name, id] = this.#place()
      const rows = this.#db.tenant(tenant)[name]
      const n = this.#random.below(1000)
      if (this.#random.chance(0.3)) {
        if (!(await rows.delete(id))) continue
        this.#model.write(tenant, name, id, { seqNum: this.#db.stats().seqNum, n: undefined })
      } else {
        this.#model.write(tenant, name, id, { seqNum: await rows.upsert({ id, n }), n })
      }
      this.#moments.push(this.#db.stats().seqNum)
      if (this.#random.chance(0.5)) this.#env.clock.advance(1 + this.#random.below(1000))
    }
  }

  #place(): [string, TableName, string] {
    return [this.#random.pick(TENANTS), this.#random.pick(TABLES), this.#random.pick(IDS)]
  }

  /** Time passes, or the wall clock is set. */
  async #pass(): Promise<void> {
    if (this.#random.chance(0.15)) {
      const deltaMs = (this.#random.below(120) - 60) * MINUTE_MS
      this.#env.clock.skewWall(deltaMs)
      this.#skewMs += deltaMs
    } else {
      this.#env.clock.advance(this.#random.below(40) * this.#random.pick([1000, MINUTE_MS]))
    }
  }

  /** Beside jobs that began before. */
  async #meanwhile(change: () => Promise<void>): Promise<void> {
    const job = this.#random.chance(0.5) ? this.#db.compact() : this.#db.flush()
    await Promise.all([job, change()])
  }

  async #setRetention(): Promise<void> {
    const random = this.#random
    const tenant = random.pick(TENANTS)
    const windowMs = random.chance(0.3) ? undefined : random.pick(WINDOWS_MS)
    const windowsMs = new Map<string, number>()
    for (const name of TABLES) if (random.chance(0.3)) windowsMs.set(name, random.pick(WINDOWS_MS))
    await this.#db
      .tenant(tenant)
      .setRetention({ historyWindowMs: windowMs, tables: Object.fromEntries(windowsMs) })
    this.#notePast()
    this.#model.setRetention(tenant, windowMs, windowsMs)
  }

  async #hold(): Promise<void> {
    const tenant = this.#random.pick(TENANTS)
    const names = this.#model.holdNames(tenant)
    const session = this.#db.tenant(tenant)
    if (names.length > 0 && this.#random.chance(0.7)) {
      const name = this.#random.pick(names)
      expect(await session.releaseHold(name)).toBe(true)
      this.#model.releaseHold(tenant, name)
    } else {
      const name = `case ${this.#holdCount++}`
      const from = this.#random.chance(0.5) ? undefined : (this.#moment() as SeqNum)
      await session.placeHold({ name, reason: 'a test', from })
      this.#notePast()
      this.#model.placeHold(tenant, name, from ?? 0)
    }
    expect(session.holds().map(({ name }) => name)).toEqual(this.#model.holdNames(tenant))
  }

  #moment(): number {
    if (this.#moments.length === 0) return this.#db.stats().seqNum
    const moment = this.#random.pick(this.#moments) + this.#random.below(3) - 1
    return Math.min(moment, this.#db.stats().seqNum)
  }

  async #pin(): Promise<void> {
    const maxAgeMs = this.#random.pick([MINUTE_MS, HOUR_MS, 20 * HOUR_MS])
    const at = this.#moment() as SeqNum
    const pin: Pin = this.#db.pin({ owner: 'a test', maxAgeMs, at })
    expect(pin.seqNum).toBe(at)
    // What was gone when the pin was made is not its matter.
    const places = TENANTS.flatMap((tenant) => TABLES.map((name) => ({ tenant, name }))).filter(
      ({ tenant, name }) => this.#db.tenant(tenant).retention().tables[name]!.oldest <= at,
    )
    this.#addReader(`a pin at ${at}`, maxAgeMs, {
      read: async () => {
        if (places.length === 0) return
        const { tenant, name } = this.#random.pick(places)
        const rows = await this.#db.tenant(tenant).at(pin.seqNum)[name].scan().toArray()
        expect(rows).toEqual(this.#model.rowsAt(tenant, name, at))
      },
      close: () => pin.close(),
    })
  }

  async #longScan(): Promise<void> {
    const [tenant, name] = this.#place()
    const seqNum = this.#db.stats().seqNum
    const expected = this.#model.rowsAt(tenant, name, seqNum)
    const batches = this.#db.tenant(tenant)[name].scan().batches(1)
    let index = 0
    this.#addReader(`a scan at ${seqNum}`, MAX_AGE_MS, {
      read: async () => {
        const { value, done } = await batches.next()
        if (done === true) expect(index).toBe(expected.length)
        else expect(value).toEqual([expected[index++]])
        // Ended: nothing can be refused any more.
        if (done === true) index = expected.length
      },
      close: async () => {
        await batches.return()
      },
    })
    // A generator that was not asked yet has no snapshot.
    await this.#readers.at(-1)!.read()
  }

  async #longTransaction(): Promise<void> {
    const seqNum = this.#db.stats().seqNum
    let end!: () => void
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    let read!: () => Promise<void>
    const transaction = this.#db.transact(async (tx) => {
      read = async () => {
        const [tenant, name, id] = this.#place()
        const row = await tx.tenant(tenant)[name].get(id)
        const expected = this.#model.versions(tenant, name, id).find((one) => one.seqNum <= seqNum)
        expect(row?.n).toBe(expected?.n)
      }
      await ended
    })
    this.#addReader(`a transaction at ${seqNum}`, MAX_AGE_MS, {
      read: () => read(),
      close: () => {
        end()
        return transaction
      },
    })
    await new Promise((resolve) => setImmediate(resolve))
  }

  #addReader(what: string, maxAgeMs: number, rest: Pick<LongReader, 'read' | 'close'>): void {
    const openedMs = this.#env.clock.monotonicMicros() / 1000
    this.#readers.push({ what, openedMs, maxAgeMs, ...rest })
  }

  async #closeReader(): Promise<void> {
    const index = this.#random.below(this.#readers.length + 1)
    for (const reader of this.#readers.splice(index, 1)) await reader.close()
  }

  async #closeReaders(): Promise<void> {
    for (const reader of this.#readers.splice(0)) await reader.close()
  }

  async #check(): Promise<void> {
    for (const reader of this.#readers.slice()) {
      const isOld = this.#env.clock.monotonicMicros() / 1000 - reader.openedMs > reader.maxAgeMs
      try {
        await reader.read()
      } catch (error) {
        if (!isTooOld(error)) throw error
        expect(isOld, `${reader.what} is refused within its age`).toBe(true)
        this.#readers.splice(this.#readers.indexOf(reader), 1)
        await reader.close()
      }
    }
    for (let i = 0; i < 6; i++) await this.#checkPast(this.#db)
    this.#checkFloors(this.#db)
  }

  async #checkPast(db: Db): Promise<void> {
    const [tenant, name, id] = this.#place()
    const moment = this.#moment() as SeqNum
    const session = db.tenant(tenant)
    const limit = this.#model.limit(tenant, name)
    const what = `${tenant} ${name} at ${moment}`
    const expected = this.#model.rowsAt(tenant, name, moment)
    const past = session.at(moment)[name]
    const answered = await this.#ask(what, moment < limit, () => past.scan().toArray())
    if (answered !== undefined) expect(answered, what).toEqual(expected)
    const row = await this.#ask(what, moment < limit, async () => (await past.get(id)) ?? null)
    if (row !== undefined) expect(row, what).toEqual(expected.find((one) => one.id === id) ?? null)
    const diff = await this.#ask(what, moment < limit, async () => {
      const changes = []
      for await (const change of session[name].diff(moment)) changes.push(change)
      return changes
    })
    if (diff !== undefined) {
      const after = this.#model.rowsAt(tenant, name, Infinity)
      const texts = new Set(after.map((one) => JSON.stringify(one)))
      const same = expected.filter((one) => texts.has(JSON.stringify(one))).length
      const ids = new Set([...after, ...expected].map((one) => one.id))
      expect(diff.length, what).toBe(ids.size - same)
    }
    const history = await session[name].history(id)
    const { oldest } = session.retention().tables[name]!
    const versions = this.#model.versions(tenant, name, id)
    const end = versions.findIndex(({ seqNum }) => seqNum <= oldest)
    const kept = end < 0 ? versions : versions.slice(0, end + 1)
    const found = history.map((version) => ({ seqNum: version.seqNum, n: version.row?.n }))
    // Of what the floor sees a tombstone may be gone.
    if (kept.at(-1)?.n === undefined && found.length < kept.length) kept.splice(-1)
    expect(found, `history of ${id} in ${what}, from ${oldest}`).toEqual(kept)
  }

  async #ask<Answer>(
    what: string,
    mayRefuse: boolean,
    read: () => Promise<Answer>,
  ): Promise<Answer | undefined> {
    try {
      return await read()
    } catch (error) {
      if (!isTooOld(error)) throw error
      expect(mayRefuse, `${what} is refused, but must be there`).toBe(true)
      this.refusedCount++
      return undefined
    }
  }

  /** Floors are no higher than they may be. */
  #checkFloors(db: Db): void {
    for (const tenant of TENANTS) {
      const { tables } = db.tenant(tenant).retention()
      for (const name of TABLES) {
        const what = `floor of ${name} of ${tenant}`
        expect(tables[name]!.oldest, what).toBeLessThanOrEqual(this.#model.limit(tenant, name))
        expect(tables[name]!.historyWindowMs).toBe(this.#model.windowMsOf(tenant, name))
      }
    }
  }

  async #open(path = '/db', fs = this.#fs): Promise<void> {
    if (path === '/db' && (this.#windowMs === undefined || this.#random.chance(0.4))) {
      this.#windowMs = this.#random.chance(0.4) ? undefined : this.#random.pick(WINDOWS_MS)
    }
    const env = simulatedEnv({
      seed: this.#random.below(1 << 30),
      fs,
      runJob: (job) => runJob(job as Job, fs),
      jobDelayMaxTurns: 4,
    })
    env.clock.advance(this.#elapsedMs)
    env.clock.skewWall(this.#skewMs)
    const settings = {
      historyWindowMs: DEFAULT_MS,
      snapshotMaxAgeMs: MAX_AGE_MS,
      walFileBytes: 65_536,
      tabletCount: 2,
    }
    this.#env = env
    this.#db = await open({ path, tables: declared(this.#windowMs), ...settings }, { env })
    this.#notePast()
    this.#model.declare('declared', this.#windowMs)
  }

  #keepTime(): void {
    this.#elapsedMs = this.#env.clock.monotonicMicros() / 1000
    this.#notePast()
  }

  async #reopen(): Promise<void> {
    await this.#closeReaders()
    this.#keepTime()
    await this.#db.close()
    await this.#open()
  }

  async #crash(): Promise<void> {
    await this.#closeReaders()
    this.#keepTime()
    const job = this.#random.chance(0.5) ? this.#db.flush() : this.#db.compact()
    const settled = job.catch(() => undefined)
    for (let turns = this.#random.below(12); turns > 0; turns--) await this.#env.clock.yield()
    const image = this.#fs.crashImage(this.#random)
    this.#fs.cutPowerAt(this.#fs.callCount)
    await settled
    await this.#db.close().catch(() => undefined)
    this.#fs = image
    await this.#open()
  }

  /** A copy begins with the same policies and floors. */
  async #checkpoint(): Promise<void> {
    const path = `/copy-${this.#random.below(1 << 30)}`
    await this.#meanwhile(async () => {
      await this.#db.checkpoint(path)
    })
    const copy = this.#fs.clone()
    const env = simulatedEnv({
      seed: 1,
      fs: copy,
      runJob: (job) => runJob(job as Job, copy),
    })
    env.clock.advance(this.#env.clock.monotonicMicros() / 1000)
    env.clock.skewWall(this.#skewMs)
    const settings = { historyWindowMs: DEFAULT_MS, walFileBytes: 65_536 }
    const db = await open({ path, tables: declared(this.#windowMs), ...settings }, { env })
    try {
      this.#notePast()
      await db.compact()
      for (let i = 0; i < 10; i++) await this.#checkPast(db)
      this.#checkFloors(db)
    } finally {
      await db.close()
    }
  }
}

function isTooOld(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'TXN_SNAPSHOT_TOO_OLD'
}

test(
  `what must stay is there, and no answer is partial, in ${RETENTION_RUNS} runs`,
  async () => {
    let refusedCount = 0
    for (const seed of seedsOf(RETENTION_RUNS, 1)) {
      await replayable(seed, async () => {
        const run = new RetentionRun(new Seeded(seed))
        await run.run()
        refusedCount += run.refusedCount
      })
    }
    // Otherwise nothing was ever let go.
    expect(refusedCount).toBeGreaterThan(RETENTION_RUNS)
  },
  4 * 60 * 60_000,
)
