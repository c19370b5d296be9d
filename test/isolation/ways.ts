// The ways by which the same rows can be read and changed: row by row, by a scan of the primary key or of an index, by SQL.

import type { Writable } from './session.js'

export interface Found {
  readonly id: number
  readonly value: number
}

export interface NewRow extends Found {
  readonly twin: number
  readonly code: string | null
}

/** A condition on the value of a row. */
export interface Condition {
  /** Behind `where`. */
  readonly sql: string
  readonly holds: (value: number) => boolean
}

/** What becomes of a value. */
export type Change = { readonly to: number } | { readonly by: number }

export interface Way {
  readonly name: string
  read(tenant: Writable, id: number): Promise<Found | undefined>
  find(tenant: Writable, condition: Condition): Promise<Found[]>
  /** The row with the lowest id, or the highest, and nothing behind it. */
  end(tenant: Writable, which: 'first' | 'last'): Promise<Found | undefined>
  /** Whether the row was there. */
  write(tenant: Writable, id: number, value: number): Promise<boolean>
  insert(tenant: Writable, row: NewRow): Promise<unknown>
  upsert(tenant: Writable, row: NewRow): Promise<unknown>
  change(tenant: Writable, condition: Condition, change: Change): Promise<unknown>
  delete(tenant: Writable, condition: Condition): Promise<unknown>
}

/** Reads `all`, `value = 20` or `value % 3 = 0`. */
export function conditionOf(text: string): Condition {
  if (text === 'all') return { sql: 'true', holds: () => true }
  const [, modulus, wanted] = /^value(?: % (\d+))? = (\d+)$/.exec(text)!
  const holds = (value: number) =>
    (modulus === undefined ? value : value % Number(modulus)) === Number(wanted)
  return { sql: text, holds }
}

/** Ids that scripts use: reading all of them by key also finds out which are not there. */
const IDS = [1, 2, 3, 4]

/** Rows are found in some way, then changed one by one. */
function byKey(
  name: string,
  read: Way['read'],
  end: Way['end'],
  all: (tenant: Writable) => Promise<readonly (Found | undefined)[]>,
): Way {
  const find: Way['find'] = async (tenant, { holds }) =>
    (await all(tenant)).filter((row) => row !== undefined).filter(({ value }) => holds(value))
  return {
    name,
    read,
    find,
    end,
    write: async (tenant, id, value) => tenant.items.update(id, { value }),
    insert: (tenant, row) => tenant.items.insert(row),
    upsert: (tenant, row) => tenant.items.upsert(row),
    change: async (tenant, condition, change) => {
      for (const { id, value } of await find(tenant, condition)) {
        await tenant.items.update(id, { value: 'to' in change ? change.to : value + change.by })
      }
    },
    delete: async (tenant, condition) => {
      for (const { id } of await find(tenant, condition)) await tenant.items.delete(id)
    },
  }
}

export const WAYS: readonly Way[] = [
  byKey(
    'row',
    (tenant, id) => tenant.items.get(id),
    async (tenant, which) => {
      for (const id of which === 'first' ? IDS : IDS.toReversed()) {
        const row = await tenant.items.get(id)
        if (row !== undefined) return row
      }
      return undefined
    },
    async (tenant) => {
      const rows: (Found | undefined)[] = []
      for (const id of IDS) rows.push(await tenant.items.get(id))
      return rows
    },
  ),
  byKey(
    'primary scan',
    (tenant, id) => tenant.items.scan({ gte: id, lte: id }).first(),
    (tenant, which) => tenant.items.scan({ reverse: which === 'last' }).first(),
    (tenant) => tenant.items.scan().toArray(),
  ),
  byKey(
    'index scan',
    (tenant, id) => tenant.items.scan({ index: 'byTwin', prefix: [id] }).first(),
    (tenant, which) => tenant.items.scan({ index: 'byTwin', reverse: which === 'last' }).first(),
    (tenant) => tenant.items.scan({ index: 'byValue', reverse: true }).toArray(),
  ),
  {
    name: 'SQL',
    read: async (tenant, id) =>
      (await tenant.sql<Found>`select id, value from items where id = ${id}`)[0],
    find: (tenant, { sql }) => tenant.query<Found>(`select id, value from items where ${sql}`),
    end: async (tenant, which) => {
      const order = which === 'first' ? 'asc' : 'desc'
      const found = await tenant.query<Found>(`select * from items order by id ${order} limit 1`)
      return found[0]
    },
    write: async (tenant, id, value) =>
      (await tenant.sql`update items set value = ${value} where id = ${id}`).affectedCount === 1,
    insert: (tenant, row) =>
      tenant.query('insert into items (id, value, twin, code) values (:id, :value, :twin, :code)', {
        ...row,
      }),
    upsert: (tenant, row) => tenant.items.upsert(row),
    change: (tenant, { sql }, change) =>
      'to' in change
        ? tenant.query(`update items set value = ? where ${sql}`, [change.to])
        : tenant.query(`update items set value = value + ? where ${sql}`, [change.by]),
    delete: (tenant, { sql }) => tenant.query(`delete from items where ${sql}`),
  },
]
