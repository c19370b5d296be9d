import { describe, expect, it } from 'vitest'
import { CommerceSource } from '../../examples/demo/dist/generator/commerce.js'
import { Draw, ZipfRanks } from '../../examples/demo/dist/generator/draw.js'
import { commerceEvent } from '../../examples/demo/dist/generator/event.js'
import { planShop } from '../../examples/demo/dist/generator/shop.js'
import { parseCents } from '../../examples/demo/dist/money.js'
import { type Change, commitsOf } from '../../examples/demo/dist/source.js'

const OPTIONS = { seed: 7, shopCount: 20, orderCount: 2_000, eventCount: 60 }

function changesOf(options: typeof OPTIONS): Change[] {
  const changes: Change[] = []
  for (const unit of new CommerceSource(options).units()) changes.push(...unit.changes)
  return changes
}

function rowsOf<Name extends Change['table']>(changes: readonly Change[], table: Name) {
  return changes.filter((change) => change.table === table) as Extract<Change, { table: Name }>[]
}

describe('Draw', () => {
  it('repeats itself for the same seeds and not for others', () => {
    const draws = (...seeds: number[]) => {
      const draw = new Draw(...seeds)
      return Array.from({ length: 20 }, () => draw.below(1_000))
    }
    expect(draws(1, 2)).toEqual(draws(1, 2))
    expect(draws(1, 2)).not.toEqual(draws(2, 1))
    expect(draws(1)).not.toEqual(draws(1, 0))
  })

  it('makes UUIDs, and such that sort by time', () => {
    const draw = new Draw(3)
    const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/
    expect(draw.uuid()).toMatch(canonical)
    const ids = Array.from({ length: 100 }, (_, i) => draw.uuidAt(1_700_000_000_000 + (i >> 2), i))
    for (const id of ids) expect(id).toMatch(canonical)
    expect(ids.toSorted()).toEqual(ids)
  })

  it('samples as many different items as asked for', () => {
    const draw = new Draw(4)
    for (let i = 0; i < 100; i++) {
      const chosen = draw.sample(['a', 'b', 'c', 'd', 'e'], 3)
      expect(chosen).toHaveLength(3)
      expect(new Set(chosen).size).toBe(3)
    }
  })
})

describe('ZipfRanks', () => {
  it('draws each rank about as often as its share says', () => {
    const ranks = new ZipfRanks(50)
    const draw = new Draw(5)
    const counts = Array.from({ length: 50 }, () => 0)
    for (let i = 0; i < 50_000; i++) {
      const rank = ranks.draw(draw)
      counts[rank] = (counts[rank] ?? 0) + 1
    }
    for (const [rank, count] of counts.entries()) {
      expect(Math.abs(count / 50_000 - ranks.share(rank))).toBeLessThan(0.01)
    }
  })
})

describe('CommerceSource', () => {
  const changes = changesOf(OPTIONS)

  it('gives the same rows for the same seed and others for another', () => {
    expect(changesOf(OPTIONS)).toEqual(changes)
    expect(changesOf({ ...OPTIONS, seed: 8 })).not.toEqual(changes)
  })

  it('gives as many orders and events as asked for, time-ordered, with keys used once', () => {
    const orders = rowsOf(changes, 'orders')
    expect(orders).toHaveLength(OPTIONS.orderCount)
    expect(rowsOf(changes, 'events')).toHaveLength(OPTIONS.eventCount)
    const ids = orders.map(({ row }) => row.id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.toSorted()).toEqual(ids)
  })

  it('refers only to products and customers that are there, loaded before', () => {
    const known = new Set<string>()
    for (const { tenant, table, row } of changes) {
      if (table === 'products' || table === 'customers') known.add(`${tenant} ${row.id}`)
      if (table === 'orders') expect(known).toContain(`${tenant} ${row.customerId}`)
      if (table === 'items') expect(known).toContain(`${tenant} ${row.productId}`)
    }
  })

  it('makes total, items and payments of an order agree to the cent', () => {
    const sums = new Map<string, number>()
    const add = (id: string, cents: number) => sums.set(id, (sums.get(id) ?? 0) + cents)
    for (const { row } of rowsOf(changes, 'orders')) add(`order ${row.id}`, parseCents(row.total))
    for (const { row } of rowsOf(changes, 'items')) {
      add(`items ${row.orderId}`, parseCents(row.price) + parseCents(row.freight))
    }
    for (const { row } of rowsOf(changes, 'payments')) {
      add(`payments ${row.orderId}`, parseCents(row.amount))
    }
    for (const { row } of rowsOf(changes, 'orders')) {
      expect(sums.get(`items ${row.id}`)).toBe(sums.get(`order ${row.id}`))
      expect(sums.get(`payments ${row.id}`)).toBe(sums.get(`order ${row.id}`))
    }
  })

  it('has shops of very different sizes', () => {
    const counts = new Map<string, number>()
    for (const { tenant } of rowsOf(changes, 'orders')) {
      counts.set(tenant, (counts.get(tenant) ?? 0) + 1)
    }
    const sizes = [...counts.values()].toSorted((a, b) => b - a)
    expect(counts.get('shop-0001')).toBe(sizes[0])
    expect(sizes[0]).toBeGreaterThan(10 * (sizes.at(-1) ?? 0))
  })

  it('is cut into the same commits every time, and never inside an order', async () => {
    const numbers: number[] = []
    const orderOf = new Map<string, number>()
    for await (const { number, changes: rows } of commitsOf(new CommerceSource(OPTIONS), 100)) {
      numbers.push(number)
      for (const { table, row } of rows) {
        if (table === 'orders') orderOf.set(row.id, number)
        if (table === 'items' || table === 'payments' || table === 'reviews') {
          expect(orderOf.get(row.orderId)).toBe(number)
        }
      }
    }
    expect(numbers).toEqual(numbers.map((_, i) => i + 1))
  })
})

describe('commerceEvent', () => {
  const TIME_MS = Date.UTC(2025, 4, 1)

  it('has 230 values under 190 paths, about 8 KB of JSON, and survives it', () => {
    const draw = new Draw(6)
    for (let number = 0; number < 20; number++) {
      const event = commerceEvent(draw, planShop(1, number, 100), TIME_MS)
      const paths = pathsOf(event)
      expect(paths).toHaveLength(230)
      expect(new Set(paths).size).toBe(190)
      const json = JSON.stringify(event)
      expect(json.length).toBeGreaterThan(7_000)
      expect(json.length).toBeLessThan(9_000)
      expect(JSON.parse(json)).toEqual(event)
    }
  })
})

/** The path of every leaf, elements of a list under one path. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, `${path}[]`))
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([name, child]) => pathsOf(child, `${path}.${name}`))
}
