// The figures that the story is checked against. They are added up from the rows on their way into the database, in plain
// JavaScript, and never read back from it.

import { parseCents } from './money.js'
import type { RowOf, TableName } from './schema.js'
import type { Change } from './source.js'

export interface TenantFigures {
  orderCount: number
  itemCount: number
  priceCents: number
  freightCents: number
}

export interface CategoryFigures {
  readonly category: string | null
  itemCount: number
  /** What the items were sold for. */
  revenueCents: number
  /** What the same items cost at the prices that were loaded. */
  listCents: number
}

/** One loaded order, kept to be read again. */
export interface OrderSample {
  readonly tenant: string
  readonly order: RowOf<'orders'>
}

const SAMPLE_MAX_COUNT = 10_000
const RECENT_MAX_COUNT = 100

export class Ledger {
  readonly rowCounts = new Map<TableName, number>()
  readonly tenants = new Map<string, TenantFigures>()
  /** Orders from all over the data, spread evenly. */
  readonly samples: OrderSample[] = []
  readonly #focusTenant: string
  readonly #focusProducts = new Map<string, RowOf<'products'>>()
  readonly #focusSales = new Map<string, { itemCount: number; revenueCents: number }>()
  #recentOrders: RowOf<'orders'>[] = []
  #sampleEvery = 1
  #orderCount = 0

  constructor(focusTenant: string) {
    this.#focusTenant = focusTenant
  }

  get rowCount(): number {
    let sum = 0
    for (const count of this.rowCounts.values()) sum += count
    return sum
  }

  observe(change: Change): void {
    const { table, tenant } = change
    this.rowCounts.set(table, (this.rowCounts.get(table) ?? 0) + 1)
    const figures = this.#figuresOf(tenant)
    if (table === 'orders') {
      figures.orderCount++
      this.#keepSample({ tenant, order: change.row })
    } else if (table === 'items') {
      figures.itemCount++
      figures.priceCents += parseCents(change.row.price)
      figures.freightCents += parseCents(change.row.freight)
    }
    if (tenant === this.#focusTenant) this.#observeFocus(change)
  }

  /** The focus tenant's latest orders by time of purchase, the latest first. */
  recentOrders(): RowOf<'orders'>[] {
    return this.#recentOrders.toSorted(laterFirst).slice(0, RECENT_MAX_COUNT)
  }

  /** The focus tenant's sales by category, the largest revenue first. */
  salesByCategory(): CategoryFigures[] {
    const groups = new Map<string | null, CategoryFigures>()
    for (const [productId, { itemCount, revenueCents }] of this.#focusSales) {
      const product = this.#focusProducts.get(productId)
      if (product === undefined) continue
      const category = product.category
      const group = groups.get(category) ?? {
        category,
        itemCount: 0,
        revenueCents: 0,
        listCents: 0,
      }
      group.itemCount += itemCount
      group.revenueCents += revenueCents
      group.listCents += itemCount * parseCents(product.price ?? '0')
      groups.set(category, group)
    }
    return [...groups.values()].toSorted((a, b) => b.revenueCents - a.revenueCents)
  }

  /** The product that the focus tenant sold most often, of the category with the largest revenue. */
  bestSeller(): RowOf<'products'> {
    const top = this.salesByCategory().find(({ category }) => category !== null)
    let best: RowOf<'products'> | undefined
    let bestCount = 0
    for (const [productId, { itemCount }] of this.#focusSales) {
      const product = this.#focusProducts.get(productId)
      if (product?.category !== top?.category || itemCount <= bestCount) continue
      best = product
      bestCount = itemCount
    }
    if (best === undefined) throw new Error(`${this.#focusTenant} has not sold anything`)
    return best
  }

  /** How many products the focus tenant has in this category. */
  productCount(category: string | null): number {
    let count = 0
    for (const product of this.#focusProducts.values()) if (product.category === category) count++
    return count
  }

  #figuresOf(tenant: string): TenantFigures {
    const known = this.tenants.get(tenant)
    if (known !== undefined) return known
    const fresh = { orderCount: 0, itemCount: 0, priceCents: 0, freightCents: 0 }
    this.tenants.set(tenant, fresh)
    return fresh
  }

  /** Keeps every n-th order, and doubles n when there are too many. */
  #keepSample(sample: OrderSample): void {
    if (this.#orderCount++ % this.#sampleEvery !== 0) return
    this.samples.push(sample)
    if (this.samples.length <= SAMPLE_MAX_COUNT) return
    const half = this.samples.filter((_, i) => i % 2 === 0)
    this.samples.splice(0, this.samples.length, ...half)
    this.#sampleEvery *= 2
  }

  #observeFocus(change: Change): void {
    if (change.table === 'products') this.#focusProducts.set(change.row.id, change.row)
    else if (change.table === 'items') {
      const { productId, price } = change.row
      const sales = this.#focusSales.get(productId) ?? { itemCount: 0, revenueCents: 0 }
      sales.itemCount++
      sales.revenueCents += parseCents(price)
      this.#focusSales.set(productId, sales)
    } else if (change.table === 'orders') {
      this.#recentOrders.push(change.row)
      // Sources are only roughly in the order of time, so cut rarely and with room to spare.
      if (this.#recentOrders.length > 20 * RECENT_MAX_COUNT) {
        this.#recentOrders = this.recentOrders()
      }
    }
  }
}

function laterFirst(a: RowOf<'orders'>, b: RowOf<'orders'>): number {
  const byTime = b.purchasedAt.getTime() - a.purchasedAt.getTime()
  if (byTime !== 0) return byTime
  return a.id < b.id ? 1 : -1
}
