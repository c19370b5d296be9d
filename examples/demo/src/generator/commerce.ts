// Generated commerce data: shops whose sizes follow Zipf's law (the largest of 1,000 has an eighth of all orders), their
// goods and customers, then two years of orders in the order in which they came in, all shops mixed, with large nested
// events between them. The same options give the same rows on every machine, in constant memory.

import type { Change, Source, Unit } from '../source.js'
import { Draw, ZipfRanks } from './draw.js'
import { commerceEvent } from './event.js'
import { drawOrder } from './order.js'
import { customerOf, planShop, productOf, type ShopPlan, sellerOf, shopName } from './shop.js'

export interface CommerceOptions {
  readonly seed: number
  readonly shopCount: number
  readonly orderCount: number
  readonly eventCount: number
}

const STREAM_ORDERS = 4
const FIRST_ORDER_MS = Date.UTC(2024, 0, 1)
const TWO_YEARS_MS = Date.UTC(2026, 0, 1) - FIRST_ORDER_MS
const CATALOG_UNIT_ROWS = 500
// One order, 1.5 items, 1.05 payments, 0.44 reviews: only the progress bar depends on it.
const ROWS_PER_ORDER = 4

export class CommerceSource implements Source {
  readonly title: string
  readonly focusTenant: string = shopName(0)
  readonly tenantNoun = 'shop'
  readonly #options: CommerceOptions

  constructor(options: CommerceOptions) {
    this.#options = options
    const count = (value: number) => value.toLocaleString('en-US')
    this.title =
      `${count(options.orderCount)} generated orders of ${count(options.shopCount)} shops` +
      ` and ${count(options.eventCount)} events (seed ${options.seed})`
  }

  *units(): Generator<Unit> {
    const { seed, shopCount, orderCount, eventCount } = this.#options
    const ranks = new ZipfRanks(shopCount)
    const shops = Array.from({ length: shopCount }, (_, number) =>
      planShop(seed, number, orderCount * ranks.share(number)),
    )
    let catalogRows = 0
    for (const shop of shops) catalogRows += shop.productCount + shop.customerCount + 4
    const expectedRows = catalogRows + orderCount * ROWS_PER_ORDER + eventCount
    let rowCount = 0
    const unit = (changes: readonly Change[]): Unit => {
      rowCount += changes.length
      return { changes, fraction: Math.min(1, rowCount / expectedRows) }
    }
    for (const shop of shops) for (const changes of catalogOf(shop)) yield unit(changes)
    for (const changes of trafficOf(this.#options, shops, ranks)) yield unit(changes)
  }
}

/** What a shop has before its first order: itself, its categories, products and customers. */
function* catalogOf(shop: ShopPlan): Generator<Change[]> {
  const { tenant } = shop
  let changes: Change[] = [{ tenant, table: 'sellers', row: sellerOf(shop) }]
  for (const { name, english } of shop.categories) {
    changes.push({ tenant, table: 'categories', row: { name, english } })
  }
  for (let product = 0; product < shop.productCount; product++) {
    changes.push({ tenant, table: 'products', row: productOf(shop, product) })
  }
  for (let customer = 0; customer < shop.customerCount; customer++) {
    changes.push({ tenant, table: 'customers', row: customerOf(shop, customer) })
    if (changes.length < CATALOG_UNIT_ROWS) continue
    yield changes
    changes = []
  }
  if (changes.length > 0) yield changes
}

/** Orders and events of all shops, by time. */
function* trafficOf(
  { seed, orderCount, eventCount }: CommerceOptions,
  shops: readonly ShopPlan[],
  ranks: ZipfRanks,
): Generator<Change[]> {
  const draw = new Draw(seed, STREAM_ORDERS)
  const drawShop = (): ShopPlan => shops[ranks.draw(draw)] ?? draw.pick(shops)
  const count = Math.max(orderCount, eventCount)
  const meanGapMs = TWO_YEARS_MS / Math.max(1, count)
  let timeMs = FIRST_ORDER_MS
  for (let i = 0; i < count; i++) {
    // Gaps between arrivals are exponential, as when customers come independently.
    timeMs += Math.ceil(-Math.log(1 - draw.unit()) * meanGapMs)
    if (spreadsOn(i, orderCount, count)) yield drawOrder(draw, drawShop(), timeMs, i)
    if (spreadsOn(i, eventCount, count)) yield [drawEvent(draw, drawShop(), timeMs)]
  }
}

/** Spreads `wanted` marks evenly over `count` places. */
const spreadsOn = (place: number, wanted: number, count: number): boolean =>
  Math.floor(((place + 1) * wanted) / count) > Math.floor((place * wanted) / count)

function drawEvent(draw: Draw, shop: ShopPlan, timeMs: number): Change {
  const body = commerceEvent(draw, shop, timeMs)
  const id = body.event_metadata.event_id
  const kind = body.event_data.event_type
  const row = { id, occurredAt: new Date(timeMs), kind, body }
  return { tenant: shop.tenant, table: 'events', row }
}
