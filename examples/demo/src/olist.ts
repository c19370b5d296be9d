// The Olist data set (orders of a Brazilian marketplace) as tenants.
//
// Two kinds of tenant hold it:
//
//   marketplace     every row of all eight files, once. It is the operator's view, and the home of what belongs to no
//                   seller: orders without items, payments of orders that are not there, products never sold, the
//                   translation of category names.
//   seller-<id>     one per row of the sellers file: that seller's row, the items it sold, their orders, and the
//                   payments, reviews, customers and products of these orders. An order with items of several sellers
//                   appears with each of them, with that seller's items only. A seller without sales has its own row.
//
// Every field becomes a column; an empty field becomes null; times have no zone in the files and are taken as UTC;
// amounts stay exact decimals. Three columns are derived:
//
//   orders.total    price and freight of the tenant's items in the order
//   products.price  what the tenant last sold it for, in the order of the items file; null when never sold
//   country         BR, in sellers and customers
//
//   file (columns in the order of the file)   table
//   sellers        -> sellers     id zipPrefix city state
//   translation    -> categories  name english
//   customers      -> customers   id uniqueId zipPrefix city state
//   products       -> products    id category nameLength descriptionLength photoCount weightGrams lengthCm heightCm
//                                 widthCm
//   orders         -> orders      id customerId status purchasedAt approvedAt shippedAt deliveredAt
//                                 estimatedDeliveryAt
//   order_items    -> items       orderId itemNumber productId sellerId shippingLimitAt price freight
//   order_payments -> payments    orderId paymentNumber method installments amount
//   order_reviews  -> reviews     id orderId score title message createdAt answeredAt; a review's id is not unique,
//                                 so the key is (id, orderId)
//
// Memory: the items, and for each order its customer, are kept; everything else streams.

import { formatCents, parseCents } from './money.js'
import {
  CATEGORIES_FILE,
  CUSTOMERS_FILE,
  ITEMS_FILE,
  OlistDirectory,
  ORDERS_FILE,
  PAYMENTS_FILE,
  PRODUCTS_FILE,
  REVIEWS_FILE,
  SELLERS_FILE,
} from './olist-files.js'
import type { RowOf } from './schema.js'
import type { Change, Source, Unit } from './source.js'

export const MARKETPLACE = 'marketplace'
export const sellerTenant = (sellerId: string): string => `seller-${sellerId}`

type Item = RowOf<'items'>

export class OlistSource implements Source {
  readonly title = 'the Olist orders: each seller is a tenant, the marketplace is one more'
  readonly tenantNoun = 'seller'
  readonly focusTenant: string
  readonly #files: OlistDirectory
  readonly #itemsOfOrder: ReadonlyMap<string, readonly Item[]>
  readonly #pricesOfProduct: ReadonlyMap<string, ReadonlyMap<string, string>>

  private constructor(files: OlistDirectory, items: readonly Item[]) {
    this.#files = files
    this.#itemsOfOrder = groupByOrder(items)
    this.#pricesOfProduct = lastPrices(items)
    this.focusTenant = busiestSeller(items)
  }

  /** Reads the items, which decide what belongs to which seller. */
  static async open(files: OlistDirectory): Promise<OlistSource> {
    const items: Item[] = []
    for await (const item of files.rows(ITEMS_FILE)) items.push(item)
    return new OlistSource(files, items)
  }

  async *units(): AsyncGenerator<Unit> {
    for await (const changes of this.#changes()) yield { changes, fraction: this.#files.fraction }
  }

  async *#changes(): AsyncGenerator<Change[]> {
    for await (const row of this.#files.rows(SELLERS_FILE)) {
      yield [MARKETPLACE, sellerTenant(row.id)].map((tenant) => ({ tenant, table: 'sellers', row }))
    }
    for await (const row of this.#files.rows(CATEGORIES_FILE)) {
      yield [{ tenant: MARKETPLACE, table: 'categories', row }]
    }
    for await (const row of this.#files.rows(PRODUCTS_FILE)) yield this.#productChanges(row)
    yield* this.#orderChanges()
    for await (const row of this.#files.rows(PAYMENTS_FILE)) {
      yield this.#tenantsOfOrder(row.orderId).map((tenant) => ({ tenant, table: 'payments', row }))
    }
    for await (const row of this.#files.rows(REVIEWS_FILE)) {
      yield this.#tenantsOfOrder(row.orderId).map((tenant) => ({ tenant, table: 'reviews', row }))
    }
  }

  #productChanges(product: RowOf<'products'>): Change[] {
    const changes: Change[] = []
    const prices = this.#pricesOfProduct.get(product.id) ?? new Map([[MARKETPLACE, null]])
    for (const [tenant, price] of prices) {
      changes.push({ tenant, table: 'products', row: { ...product, price } })
    }
    return changes
  }

  /** Orders with their items, items whose order is not there, and the customers of all. */
  async *#orderChanges(): AsyncGenerator<Change[]> {
    const orphans = new Set(this.#itemsOfOrder.keys())
    const tenantsOfCustomer = new Map<string, Set<string>>()
    for await (const order of this.#files.rows(ORDERS_FILE)) {
      orphans.delete(order.id)
      const tenants = tenantsOfCustomer.get(order.customerId) ?? new Set([MARKETPLACE])
      for (const tenant of this.#tenantsOfOrder(order.id)) tenants.add(tenant)
      tenantsOfCustomer.set(order.customerId, tenants)
      yield this.#changesOfOrder(order.id, order)
    }
    for (const orderId of orphans) yield this.#changesOfOrder(orderId, undefined)
    for await (const row of this.#files.rows(CUSTOMERS_FILE)) {
      const tenants = tenantsOfCustomer.get(row.id) ?? [MARKETPLACE]
      yield Array.from(tenants, (tenant) => ({ tenant, table: 'customers', row }))
    }
  }

  #changesOfOrder(orderId: string, order: RowOf<'orders'> | undefined): Change[] {
    const changes: Change[] = []
    const allItems = this.#itemsOfOrder.get(orderId) ?? []
    for (const tenant of this.#tenantsOfOrder(orderId)) {
      const items = allItems.filter((item) => belongsTo(item, tenant))
      if (order !== undefined) {
        changes.push({ tenant, table: 'orders', row: { ...order, total: totalOf(items) } })
      }
      for (const row of items) changes.push({ tenant, table: 'items', row })
    }
    return changes
  }

  #tenantsOfOrder(orderId: string): string[] {
    const tenants = new Set([MARKETPLACE])
    for (const item of this.#itemsOfOrder.get(orderId) ?? []) {
      tenants.add(sellerTenant(item.sellerId))
    }
    return [...tenants]
  }
}

const belongsTo = (item: Item, tenant: string): boolean =>
  tenant === MARKETPLACE || tenant === sellerTenant(item.sellerId)

function totalOf(items: readonly Item[]): string {
  let cents = 0
  for (const item of items) cents += parseCents(item.price) + parseCents(item.freight)
  return formatCents(cents)
}

function groupByOrder(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(item.orderId)
    if (group === undefined) groups.set(item.orderId, [item])
    else group.push(item)
  }
  return groups
}

/** For each product that was sold: each tenant that has it, and what it last took for it. */
function lastPrices(items: readonly Item[]): Map<string, Map<string, string>> {
  const pricesOfProduct = new Map<string, Map<string, string>>()
  for (const { productId, sellerId, price } of items) {
    const prices = pricesOfProduct.get(productId) ?? new Map<string, string>()
    prices.set(MARKETPLACE, price)
    prices.set(sellerTenant(sellerId), price)
    pricesOfProduct.set(productId, prices)
  }
  return pricesOfProduct
}

function busiestSeller(items: readonly Item[]): string {
  const counts = new Map<string, number>()
  let busiest = MARKETPLACE
  for (const { sellerId } of items) {
    const tenant = sellerTenant(sellerId)
    const count = (counts.get(tenant) ?? 0) + 1
    counts.set(tenant, count)
    if (count > (counts.get(busiest) ?? 0)) busiest = tenant
  }
  return busiest
}
