// Random operations on the Level databases of two tenants against sorted maps: hostile keys, ranges, seeks, snapshots and
// iterators that stay open over flushes and compactions, reopenings. LEVEL_RUNS for more, SEED for one.
import type { AbstractIterator } from 'abstract-level'
import { expect, it } from 'vitest'
import { levelOf, type TenantLevel } from '../../dist/connect/level.js'
import { type Database, open } from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'

const RUN_COUNT = Number(process.env.LEVEL_RUNS ?? 8)
const COMMAND_COUNT = 250
const VIEWS = { keyEncoding: 'view', valueEncoding: 'view' } as const
const TEXT_KEYS = { keyEncoding: 'utf8', valueEncoding: 'view' } as const

type Level = TenantLevel<Uint8Array, Uint8Array>
type Snapshot = ReturnType<Level['snapshot']>
/** Bytes as latin1 text, whose order is that of the bytes. */
type Name = string
type State = ReadonlyMap<Name, Name>
type Entry = readonly [Name, Name]

function nameOf(bytes: Uint8Array): Name {
  // Quicker to compare than bytes.
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${bytes} should be bytes`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

const entryOf = ([key, value]: readonly [Uint8Array, Uint8Array]): Entry => [
  nameOf(key),
  nameOf(value),
]

/** Whether a key is the same as bytes and as text. */
const isText = (name: Name) => /^[\0-\x7f]*$/.test(name)

/** Starts of one another, zeros, bytes that end ranges, none at all; sometimes as long as they can be. */
function randomKey(random: Seeded): Uint8Array {
  const alphabet = [0, 0, 1, 0x61, 0x7f, 0xfe, 0xff, 0xff]
  const length = random.chance(0.05) ? random.pick([255, 256, 257, 2033, 2034]) : random.below(5)
  return Uint8Array.from({ length }, () => random.pick(alphabet))
}

const randomValue = (random: Seeded) =>
  Uint8Array.from({ length: random.pick([0, 1, 10, 400]) }, () => random.below(256))

interface Range {
  gt?: Uint8Array
  gte?: Uint8Array
  lt?: Uint8Array
  lte?: Uint8Array
  reverse?: boolean
  limit?: number
}

function randomRange(random: Seeded): Range {
  const range: Range = {}
  for (const bound of ['gt', 'gte', 'lt', 'lte'] as const) {
    if (random.chance(0.3)) range[bound] = randomKey(random)
  }
  if (random.chance(0.5)) range.reverse = true
  if (random.chance(0.3)) range.limit = random.below(6)
  return range
}

function isWithin(name: string, { gt, gte, lt, lte }: Range): boolean {
  if (gte !== undefined ? name < nameOf(gte) : gt !== undefined && name <= nameOf(gt)) return false
  return lte !== undefined ? name <= nameOf(lte) : lt === undefined || name < nameOf(lt)
}

/** What a walk yields: from `target` on, when it is sent there. */
function walk(state: State, range: Range, target?: Uint8Array): Entry[] {
  const { reverse = false, limit = Infinity } = range
  if (target !== undefined && !isWithin(nameOf(target), range)) return []
  const names = [...state.keys()].filter((name) => isWithin(name, range)).sort()
  if (reverse) names.reverse()
  const from = target === undefined ? undefined : nameOf(target)
  return names
    .filter((name) => from === undefined || (reverse ? name <= from : name >= from))
    .slice(0, limit)
    .map((name) => [name, state.get(name)!])
}

/** One tenant: its Level database and what must be in it. */
class Subject {
  readonly name: string
  level!: Level
  state = new Map<Name, Name>()
  snapshots: { readonly snapshot: Snapshot; readonly state: State }[] = []
  iterators: {
    readonly iterator: AbstractIterator<Level, Uint8Array, Uint8Array>
    rest: Entry[]
  }[] = []

  constructor(name: string) {
    this.name = name
  }

  open(db: Database<{}>): Promise<void> {
    this.level = levelOf<Uint8Array, Uint8Array>(db, this.name, VIEWS)
    return this.level.open()
  }

  /** Leaves it to the database to close what is open. */
  async close(): Promise<void> {
    this.snapshots = []
    this.iterators = []
    await this.level.close()
  }
}

async function write({ level, state }: Subject, random: Seeded): Promise<void> {
  const key = randomKey(random)
  if (random.chance(0.2)) {
    await level.del(key)
    state.delete(nameOf(key))
  } else if (random.chance(0.4)) {
    const value = randomValue(random)
    if (isText(nameOf(key))) await level.put<string, Uint8Array>(nameOf(key), value, TEXT_KEYS)
    else await level.put(key, value)
    state.set(nameOf(key), nameOf(value))
  } else {
    const batch = level.batch()
    for (let i = random.below(30); i >= 0; i--) {
      const target = randomKey(random)
      const value = randomValue(random)
      if (random.chance(0.3)) {
        batch.del(target)
        state.delete(nameOf(target))
      } else {
        batch.put(target, value)
        state.set(nameOf(target), nameOf(value))
      }
    }
    await batch.write()
  }
}

async function clear(subject: Subject, random: Seeded): Promise<void> {
  const range = randomRange(random)
  const held = random.chance(0.3) ? random.pick(subject.snapshots) : undefined
  const { state: seen, snapshot } = held ?? { state: subject.state, snapshot: undefined }
  const names = walk(seen, range).map(([name]) => name)
  await subject.level.clear({ ...range, snapshot })
  for (const name of names) subject.state.delete(name)
}

async function readKeys(subject: Subject, random: Seeded): Promise<void> {
  const held = random.chance(0.4) ? random.pick(subject.snapshots) : undefined
  const { state, snapshot } = held ?? { state: subject.state, snapshot: undefined }
  const { level } = subject
  const keys = Array.from({ length: random.below(10) }, () => randomKey(random))
  const expected = keys.map((key) => state.get(nameOf(key)))
  const shown = (value: Uint8Array | undefined) => value && nameOf(value)
  expect((await level.getMany(keys, { snapshot })).map(shown)).toEqual(expected)
  expect(await level.hasMany(keys, { snapshot })).toEqual(expected.map((v) => v !== undefined))
  for (const [i, key] of keys.entries()) {
    expect(shown(await level.get(key, { snapshot }))).toBe(expected[i])
    expect(shown(level.getSync(key, { snapshot }))).toBe(expected[i])
    expect(await level.has(key, { snapshot })).toBe(expected[i] !== undefined)
    const name = nameOf(key)
    if (!isText(name)) continue
    const value = level.getSync<string, Uint8Array>(name, { ...TEXT_KEYS, snapshot })
    expect(shown(value)).toBe(expected[i])
  }
}

async function readRange(subject: Subject, random: Seeded): Promise<void> {
  const held = random.chance(0.4) ? random.pick(subject.snapshots) : undefined
  const { state, snapshot } = held ?? { state: subject.state, snapshot: undefined }
  const range = randomRange(random)
  const options = { ...range, snapshot }
  const expected = walk(state, range)
  const { level } = subject
  expect((await level.iterator(options).all()).map(entryOf)).toEqual(expected)
  expect((await level.keys(options).all()).map(nameOf)).toEqual(expected.map(([key]) => key))
  expect((await level.values(options).all()).map(nameOf)).toEqual(
    expected.map(([, value]) => value),
  )
  const target = randomKey(random)
  const sought = level.iterator(options)
  if (random.chance(0.5)) await sought.nextv(1 + random.below(3))
  const { limit = Infinity } = range
  sought.seek(target)
  const left = { ...range, limit: limit - sought.count }
  expect((await sought.all()).map(entryOf)).toEqual(walk(state, left, target))
}

async function hold(subject: Subject, random: Seeded): Promise<void> {
  const { level, snapshots, iterators } = subject
  if (random.chance(0.5)) {
    const range = randomRange(random)
    iterators.push({ iterator: level.iterator(range), rest: walk(subject.state, range) })
  } else {
    snapshots.push({ snapshot: level.snapshot(), state: new Map(subject.state) })
  }
  if (snapshots.length > 3) await snapshots.shift()!.snapshot.close()
  if (iterators.length > 3) await iterators.shift()!.iterator.close()
}

async function advance(subject: Subject, random: Seeded): Promise<void> {
  const held = random.pick(subject.iterators)
  if (held === undefined) return
  if (random.chance(0.3)) {
    const entry = await held.iterator.next()
    expect(entry && entryOf(entry)).toEqual(held.rest.shift())
  } else {
    const size = 1 + random.below(5)
    expect((await held.iterator.nextv(size)).map(entryOf)).toEqual(held.rest.splice(0, size))
  }
}

it.each(seedsOf(RUN_COUNT, 1))('is a sorted map for each tenant (seed %i)', (seed) =>
  replayable(seed, async () => {
    const random = new Seeded(seed)
    const env = memoryEnv({ seed })
    const historyWindowMs = random.pick([0, 1000])
    const openDatabase = () =>
      open(
        { path: '/db', memoryBudgetBytes: 4 << 20, walFileBytes: 1 << 16, historyWindowMs },
        { env },
      )
    let db = await openDatabase()
    const subjects = ['left', 'right'].map((name) => new Subject(name))
    for (const subject of subjects) await subject.open(db)
    for (let i = 0; i < COMMAND_COUNT; i++) {
      const subject = random.pick(subjects)
      const kind = random.float()
      if (kind < 0.35) await write(subject, random)
      else if (kind < 0.4) await clear(subject, random)
      else if (kind < 0.55) await readKeys(subject, random)
      else if (kind < 0.75) await readRange(subject, random)
      else if (kind < 0.83) await hold(subject, random)
      else if (kind < 0.91) await advance(subject, random)
      else if (kind < 0.96) await db.flush()
      else if (kind < 0.98) await db.compact()
      else {
        for (const each of subjects) await each.close()
        await db.close()
        db = await openDatabase()
        for (const each of subjects) await each.open(db)
      }
    }
    for (const { level, state } of subjects) {
      expect((await level.iterator().all()).map(entryOf)).toEqual(walk(state, {}))
      await level.close()
    }
    expect((await db.verify()).problems).toEqual([])
    await db.close()
  }),
)
