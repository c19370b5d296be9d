// Random questions about the past: how the database is asked, and what the model answers.

import type { Database, SeqNum } from '../../dist/index.js'
import { type ModelRow, type PastModel, placeOf } from './past-model.js'
import type { Seeded } from './seeded.js'

export const TENANTS = ['north', 'south', 'east'] as const
export const ITEM_COUNT = 24
export const OWNER_COUNT = 4
export const NUMBER_COUNT = 9

// Tables change under the database, so the compiler cannot know them.
// oxlint-disable-next-line typescript/no-explicit-any
export type PastSession = any
export type PastDatabase = Omit<Database<{}>, 'tenant' | 'transact'> & {
  tenant(name: string): PastSession
  transact(fn: (tx: { tenant(name: string): PastSession }) => Promise<void>): Promise<void>
}

export interface Question {
  readonly what: string
  readonly ask: (db: PastDatabase) => Promise<unknown>
  /** As text, by the model. */
  readonly expected: string
}

/** One way of asking: with a moment, and another one. */
type Ask = (random: Seeded, model: PastModel, tenant: string, at: SeqNum, other: SeqNum) => Asked

interface Asked {
  readonly what: string
  readonly ask: (db: PastDatabase) => Promise<unknown>
  readonly expected: unknown
}

export function randomQuestion(random: Seeded, model: PastModel, moment: () => SeqNum): Question {
  const tenant = random.pick(TENANTS)
  const [at, other] = [moment(), moment()]
  const asked = random.pick(ASKS)(random, model, tenant, at, other)
  return {
    what: `${asked.what} of ${tenant} at ${at}, ${other}`,
    ask: (db) => asked.ask(db).catch((error: { code: string }) => error.code),
    expected: textOf(asked.expected),
  }
}

export function textOf(answer: unknown): string {
  return JSON.stringify(answer, (_, value) => (value === undefined ? 'undefined' : value))
}

export const itemId = (random: Seeded): string =>
  `i-${String(random.below(ITEM_COUNT)).padStart(2, '0')}`

const get: Ask = (random, model, tenant, at) => {
  const id = itemId(random)
  return {
    what: `items.get ${id}`,
    ask: (db) => db.tenant(tenant).at(at).items.get(id),
    expected: model.rowAt(placeOf(tenant, 'items'), id, at),
  }
}

const scan: Ask = (random, model, tenant, at) => {
  const [gte, lt] = [itemId(random), itemId(random)].toSorted() as [string, string]
  const reverse = random.chance(0.5)
  const limit = 1 + random.below(ITEM_COUNT)
  const rows = model
    .rowsAt(placeOf(tenant, 'items'), at)
    .filter(({ id }) => text(id) >= gte && text(id) < lt)
  return {
    what: `items.scan ${gte}..${lt} ${reverse} ${limit}`,
    ask: (db) => db.tenant(tenant).at(at).items.scan({ gte, lt, reverse, limit }).toArray(),
    expected: (reverse ? rows.toReversed() : rows).slice(0, limit),
  }
}

const byOwner: Ask = (random, model, tenant, at) => {
  const owner = `o-${random.below(OWNER_COUNT)}`
  const gte = random.below(NUMBER_COUNT)
  const rows = model.rowsAt(placeOf(tenant, 'items'), at)
  const found = rows.filter((row) => row['owner'] === owner && num(row['n']) >= gte)
  return {
    what: `items.scan byOwner ${owner} from ${gte}`,
    ask: (db) =>
      db
        .tenant(tenant)
        .at(at)
        .items.scan({ index: 'byOwner', prefix: [owner], gte })
        .toArray(),
    expected: found.toSorted((a, b) => num(a['n']) - num(b['n'])),
  }
}

/** An index of its own time: descending, or unique. */
const laterIndex: Ask = (random, model, tenant, at) => {
  const rows = model.rowsAt(placeOf(tenant, 'items'), at)
  const index = random.pick(['byNumber', 'byLabel'] as const)
  const isThere = model.schemaAt(at).tables['items']!.indexes.includes(index)
  const sorted =
    index === 'byNumber'
      ? rows.toSorted((a, b) => num(b['n']) - num(a['n']))
      : rows.filter((row) => row['label'] !== null).toSorted(byLabel)
  const path = index === 'byNumber' ? { index } : { index, gte: '' }
  return {
    what: `items.scan ${index}`,
    ask: async (db) => db.tenant(tenant).at(at).items.scan(path).toArray(),
    expected: isThere ? sorted : 'SCHEMA_UNKNOWN_INDEX',
  }
}

const aggregate: Ask = (random, model, tenant, at) => {
  const rows = model.rowsAt(placeOf(tenant, 'items'), at)
  const owners = [...new Set(rows.map((row) => text(row['owner'])))].toSorted()
  const expected = owners.map((owner) => {
    const numbers = rows.filter((row) => row['owner'] === owner).map(({ n }) => num(n))
    return { owner, n: numbers.length, total: numbers.reduce((sum, n) => sum + n, 0) }
  })
  const select = 'select owner, count(*) as n, sum(n) as total from items'
  const isSession = random.chance(0.5)
  return {
    what: `sum by owner, ${isSession ? 'session' : 'as of'}`,
    ask: async (db) => {
      const session = db.tenant(tenant)
      const rest = 'group by owner order by owner'
      return isSession
        ? session.at(at).query(`${select} ${rest}`)
        : session.query(`${select} as of ? ${rest}`, [at])
    },
    expected,
  }
}

/** Once with the index, where there is one at that moment, and once without. */
const numbered: Ask = (random, model, tenant, at) => {
  const [n, limit] = [random.below(NUMBER_COUNT), 1 + random.below(6)]
  const rows = model.rowsAt(placeOf(tenant, 'items'), at).filter((row) => row['n'] === n)
  return {
    what: `rows with n ${n}`,
    ask: (db) =>
      db
        .tenant(tenant)
        .query('select * from items as of $1 where n = $2 order by id desc limit $3', [
          at,
          n,
          limit,
        ]),
    expected: rows.toReversed().slice(0, limit),
  }
}

const graded: Ask = (random, model, tenant, at) => {
  const grade = random.below(3)
  const isThere = 'grade' in model.schemaAt(at).tables['items']!.columns
  const rows = model.rowsAt(placeOf(tenant, 'items'), at).filter((row) => row['grade'] === grade)
  const labels = rows.flatMap((row) => row['label'] ?? []).toSorted()
  return {
    what: `labels of grade ${grade}`,
    ask: (db) =>
      db
        .tenant(tenant)
        .at(at)
        .query(
          'select count(*) as n, min(label) as first, max(label) as last from items where grade = ?',
          [grade],
        ),
    expected: isThere
      ? [{ n: rows.length, first: labels[0] ?? null, last: labels.at(-1) ?? null }]
      : 'SQL_UNKNOWN_NAME',
  }
}

const joined: Ask = (_, model, tenant, at) => {
  const isThere = model.schemaAt(at).tables['notes'] !== undefined
  const items = model.rowsAt(placeOf(tenant, 'items'), at)
  const notes = isThere ? model.rowsAt(placeOf(tenant, 'notes'), at) : []
  const counted = items.flatMap(({ id, owner }) => {
    const n = notes.filter((note) => note['item'] === id).length
    return n === 0 ? [] : [{ id, owner, n }]
  })
  return {
    what: 'items with notes',
    ask: (db) =>
      db.tenant(tenant).query(
        `select i.id, i.owner, count(*) as n from items i join notes o on o.item = i.id as of ?
           group by i.id order by i.id`,
        [at],
      ),
    expected: isThere ? counted : 'SQL_UNKNOWN_NAME',
  }
}

const twoMoments: Ask = (_, model, tenant, at, other) => {
  const place = placeOf(tenant, 'items')
  const rows = model.rowsAt(place, at).flatMap(({ id, n }) => {
    const was = model.rowAt(place, text(id), other)
    return was === undefined || was['n'] === n ? [] : [{ id, n, was: was['n'] }]
  })
  return {
    what: 'items of two moments',
    ask: (db) =>
      db.tenant(tenant).query(
        `select a.id, a.n, b.n as was from items as of $1 a join items as of $2 b on a.id = b.id
         where a.n <> b.n order by a.id`,
        [at, other],
      ),
    expected: rows,
  }
}

const history: Ask = (random, model, tenant, at) => {
  const [place, id] = [placeOf(tenant, 'items'), itemId(random)]
  const limit = random.pick([1, 3, 1000])
  return {
    what: `history of ${id}, ${limit}`,
    ask: async (db) => {
      const versions = await db.tenant(tenant).items.history(id, { to: at, limit })
      return versions.map(({ seqNum, row }: { seqNum: SeqNum; row: unknown }) => ({ seqNum, row }))
    },
    expected: model
      .versions(place, id, at)
      .slice(0, limit)
      .map(({ seqNum, row }) => ({ seqNum, row: model.shown(place, row, seqNum) })),
  }
}

const diff: Ask = (random, model, tenant, at, other) => {
  const table = random.pick(Object.keys(model.newestSchema.tables))
  const place = placeOf(tenant, table)
  return {
    what: `diff of ${table}`,
    ask: (db) => db.tenant(tenant)[table].diff(at, other).toArray(),
    expected: differences(model, place, at, other),
  }
}

/** Rows are compared as the later moment shows them, and shown as each moment does. */
export function differences(model: PastModel, place: string, a: number, b: number) {
  const later = Math.max(a, b)
  const isKnown = (moment: number) => {
    const table = place.split('/')[1]!
    return model.schemaAt(moment).tables[table] !== undefined
  }
  if (!isKnown(later)) return []
  const stateAt = (key: string, moment: number) => model.versions(place, key, moment)[0]?.row
  return model.keys(place).flatMap((key) => {
    const [was, is] = [stateAt(key, a), stateAt(key, b)]
    if (textOf(model.shown(place, was, later)) === textOf(model.shown(place, is, later))) return []
    return [{ key, before: shown(was, a), after: shown(is, b) }]
  })
  function shown(row: ModelRow | undefined, moment: number) {
    return row && model.shown(place, row, moment)
  }
}

const ASKS: readonly Ask[] = [
  get,
  scan,
  byOwner,
  laterIndex,
  aggregate,
  numbered,
  graded,
  joined,
  twoMoments,
  history,
  diff,
]

const text = (value: unknown): string => value as string
const num = (value: unknown): number => value as number

const byLabel = (a: ModelRow, b: ModelRow): number => (text(a['label']) < text(b['label']) ? -1 : 1)
