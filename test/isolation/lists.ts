// Lists in tables, in two layouts, and the ways by which they are read and appended to.
//
// cell: one row a list, its items a text. An append changes the row and moves it in an index. The first one adds the row,
//       so a list that is not there yet is read as an empty one.
// rows: one row an item, behind the one before. An append adds a row to a range that others read.

import { type PastTenant, t, table, type Tenant, type TransactionTenant } from '../../dist/index.js'
import type { Seeded } from '../model/seeded.js'
import type { Recorder } from './recorder.js'

const cells = table(
  'cells',
  { id: t.int(), shelf: t.int(), size: t.int(), items: t.text() },
  { primaryKey: ['id'], indexes: { bySize: ['shelf', 'size'] } },
)
const rows = table(
  'rows',
  { list: t.int(), position: t.int(), item: t.int() },
  {
    primaryKey: ['list', 'position'],
    indexes: {
      newestFirst: ['list', { column: 'position', descending: true }],
      byItem: { columns: ['item'], unique: true },
    },
  },
)
export const listTables = { cells, rows }
export type ListTables = typeof listTables
export type Reading = Tenant<ListTables> | TransactionTenant<ListTables> | PastTenant<ListTables>
export type Writing = TransactionTenant<ListTables>

export const TENANTS = ['north', 'south', 'east'] as const
/** Cells of a shelf are read together. */
const SHELF_LISTS = 12

export interface List {
  readonly id: number
  readonly name: string
  readonly tenant: string
  readonly layout: 'cell' | 'rows'
  /** Appends that were tried. */
  appendCount: number
}

export function makeList(id: number): List {
  return {
    id,
    name: String(id),
    tenant: TENANTS[id % TENANTS.length]!,
    layout: Math.floor(id / TENANTS.length) % 2 === 0 ? 'cell' : 'rows',
    appendCount: 0,
  }
}

const shelfOf = (id: number) => Math.floor(id / SHELF_LISTS)

function itemsOf(text: string | undefined): number[] {
  return text === undefined ? [] : text.split(',').map(Number)
}

/** What a client does to lists, written down as it happens. */
export class ListClient {
  readonly #random: Seeded
  readonly #log: Recorder
  /** All lists there have been, by id. */
  readonly #lists: readonly List[]

  constructor(random: Seeded, log: Recorder, lists: readonly List[]) {
    this.#random = random
    this.#log = log
    this.#lists = lists
  }

  read(tenant: Reading, list: List): Promise<void> {
    return list.layout === 'cell' ? this.#readCell(tenant, list) : this.#readRows(tenant, list)
  }

  append(tenant: Writing, list: List, item: number): Promise<void> {
    list.appendCount++
    return list.layout === 'cell'
      ? this.#appendToCell(tenant, list, item)
      : this.#appendRow(tenant, list, item)
  }

  /** An append without a transaction: it takes the position behind the last one, if nobody else does. */
  async appendAlone(tenant: Tenant<ListTables>, list: List, item: number): Promise<void> {
    list.appendCount++
    const last = await tenant.rows.scan({ prefix: [list.id], reverse: true }).first()
    this.#log.append(list.name, item)
    this.#log.commit()
    await tenant.rows.insert({ list: list.id, position: (last?.position ?? 0) + 1, item })
  }

  async #readCell(tenant: Reading, list: List): Promise<void> {
    const { id } = list
    const shelf = shelfOf(id)
    switch (this.#random.below(6)) {
      case 0:
        return this.#saw(list, itemsOf((await tenant.cells.get(id))?.items))
      case 1: {
        const found = await tenant.sql<{ items: string }>`select items from cells where id = ${id}`
        return this.#saw(list, itemsOf(found[0]?.items))
      }
      case 2: {
        const range = { gte: id - 3, lt: id + 4, reverse: this.#random.chance(0.5) }
        return this.#sawCells(list, id - 3, id + 4, await tenant.cells.scan(range).toArray())
      }
      case 3: {
        const reverse = this.#random.chance(0.5)
        const found = await tenant.cells
          .scan({ index: 'bySize', prefix: [shelf], reverse })
          .toArray()
        return this.#sawShelf(list, found)
      }
      case 4:
        return this.#sawShelf(
          list,
          await tenant.sql<Cell>`select id, items from cells where shelf = ${shelf} and size > 0`,
        )
      default:
        return this.#sawCells(
          list,
          id,
          id + 9,
          await tenant.sql<Cell>`select * from cells where id between ${id} and ${id + 8} order by size`,
        )
    }
  }

  async #readRows(tenant: Reading, list: List): Promise<void> {
    const { id } = list
    switch (this.#random.below(5)) {
      case 0: {
        const found = await tenant.rows.scan({ prefix: [id] }).toArray()
        return this.#saw(list, numbered(found))
      }
      case 1: {
        const found = await tenant.rows.scan({ prefix: [id], reverse: true }).toArray()
        return this.#saw(list, numbered(found.toReversed()))
      }
      case 2: {
        const found = await tenant.rows.scan({ index: 'newestFirst', prefix: [id] }).toArray()
        return this.#saw(list, numbered(found.toReversed()))
      }
      case 3: {
        const found =
          await tenant.sql<Row>`select position, item from rows where list = ${id} order by position`
        return this.#saw(list, numbered(found))
      }
      default: {
        // Up to the first one that is not there.
        const found: Row[] = []
        for (;;) {
          const row = await tenant.rows.get([id, found.length + 1])
          if (row === undefined) return this.#saw(list, numbered(found))
          found.push(row)
        }
      }
    }
  }

  async #appendToCell(tenant: Writing, list: List, item: number): Promise<void> {
    const { id } = list
    const first = { id, shelf: shelfOf(id), size: 1, items: String(item) }
    if (this.#random.chance(0.3)) {
      this.#log.append(list.name, item)
      const { affectedCount } =
        await tenant.sql`update cells set items = items || ${`,${item}`}, size = size + 1 where id = ${id}`
      if (affectedCount === 0) await tenant.cells.insert(first)
      return
    }
    const isForUpdate = this.#random.chance(0.3)
    const row = await (isForUpdate ? tenant.cells.getForUpdate(id) : tenant.cells.get(id))
    this.#saw(list, itemsOf(row?.items))
    this.#log.append(list.name, item)
    if (row === undefined) await tenant.cells.upsert(first)
    else await tenant.cells.update(id, { items: `${row.items},${item}`, size: row.size + 1 })
  }

  async #appendRow(tenant: Writing, list: List, item: number): Promise<void> {
    const { id } = list
    let last: number
    switch (this.#random.below(3)) {
      case 0: {
        const found = await tenant.rows.scan({ prefix: [id], reverse: true, limit: 1 }).toArray()
        last = found[0]?.position ?? 0
        break
      }
      case 1:
        last =
          (await tenant.rows.scan({ index: 'newestFirst', prefix: [id] }).first())?.position ?? 0
        break
      default: {
        const found = await tenant.sql<Count>`select count(*) as n from rows where list = ${id}`
        last = found[0]!.n
      }
    }
    this.#log.append(list.name, item)
    const row = { list: id, position: last + 1, item }
    if (this.#random.chance(0.5)) await tenant.rows.insert(row)
    else
      await tenant.query(
        'insert into rows (list, position, item) values (?, ?, ?)',
        Object.values(row),
      )
  }

  #saw(list: List, items: readonly number[]): void {
    this.#log.read(list.name, items)
  }

  /** Every cell with an id in the range was read, also those that were not there. */
  #sawCells(of: List, from: number, to: number, found: readonly Cell[]): void {
    const items = new Map(found.map((cell) => [cell.id, cell.items]))
    for (let id = Math.max(0, from); id < Math.min(to, this.#lists.length); id++) {
      const list = this.#lists[id]!
      if (list.layout !== 'cell' || list.tenant !== of.tenant) continue
      this.#saw(list, itemsOf(items.get(id)))
    }
  }

  #sawShelf(of: List, found: readonly Cell[]): void {
    const from = shelfOf(of.id) * SHELF_LISTS
    this.#sawCells(of, from, from + SHELF_LISTS, found)
  }
}

interface Cell {
  readonly id: number
  readonly items: string
}
interface Row {
  readonly position: number
  readonly item: number
}
interface Count {
  readonly n: number
}

/** @throws Error when a position is missing or comes twice */
function numbered(found: readonly Row[]): number[] {
  return found.map(({ position, item }, i) => {
    if (position !== i + 1) throw new Error(`position ${position} where ${i + 1} belongs`)
    return item
  })
}
