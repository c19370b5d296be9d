// One generated order with all that belongs to it. Amounts are whole cents while they are added up, so an order's total,
// its items and its payments agree exactly.

import type { OrderStatus } from '../enumerations.js'
import { formatCents } from '../money.js'
import type { RowOf } from '../schema.js'
import type { Change } from '../source.js'
import type { Draw } from './draw.js'
import { customerId, productFacts, type ShopPlan } from './shop.js'
import { reviewSentences } from './words.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

// How far orders get, out of 1,000.
const STATUS_WEIGHTS: readonly (readonly [OrderStatus, number])[] = [
  ['delivered', 880],
  ['shipped', 50],
  ['canceled', 25],
  ['processing', 15],
  ['invoiced', 12],
  ['unavailable', 8],
  ['approved', 6],
  ['created', 4],
]

/** Draws an order of this shop at this time: the order, its items, its payments, perhaps a review. */
export function drawOrder(
  draw: Draw,
  shop: ShopPlan,
  purchasedMs: number,
  counter: number,
): Change[] {
  const id = draw.uuidAt(purchasedMs, counter)
  const tenant = shop.tenant
  const items = drawItems(draw, shop, id, purchasedMs)
  let totalCents = 0
  for (const item of items) totalCents += item.priceCents + item.freightCents
  const order = drawOrderRow(draw, shop, { id, purchasedMs, totalCents })
  const changes: Change[] = [{ tenant, table: 'orders', row: order }]
  for (const item of items) changes.push({ tenant, table: 'items', row: item.row })
  for (const row of drawPayments(draw, id, totalCents)) {
    changes.push({ tenant, table: 'payments', row })
  }
  if (order.deliveredAt !== null && draw.chance(0.5)) {
    const row = drawReview(draw, id, order.deliveredAt.getTime())
    changes.push({ tenant, table: 'reviews', row })
  }
  return changes
}

interface DrawnItem {
  readonly row: RowOf<'items'>
  readonly priceCents: number
  readonly freightCents: number
}

function drawItems(draw: Draw, shop: ShopPlan, orderId: string, purchasedMs: number): DrawnItem[] {
  // Two thirds of the orders are for one item; the rest falls off quickly.
  let count = 1
  while (count < 6 && draw.chance(0.33)) count++
  const items: DrawnItem[] = []
  for (let itemNumber = 1; itemNumber <= count; itemNumber++) {
    // A shop's first products are its best sellers.
    const product = productFacts(shop, Math.floor(draw.unit() ** 2 * shop.productCount))
    const isReduced = draw.chance(0.15)
    const priceCents = isReduced ? Math.round(product.priceCents * 0.9) : product.priceCents
    const freightCents = 490 + Math.ceil(product.weightGrams * draw.unit() * 0.6)
    const row = {
      orderId,
      itemNumber,
      productId: product.id,
      sellerId: shop.tenant,
      shippingLimitAt: new Date(purchasedMs + draw.between(3, 7) * DAY_MS),
      price: formatCents(priceCents),
      freight: formatCents(freightCents),
    }
    items.push({ row, priceCents, freightCents })
  }
  return items
}

function drawOrderRow(
  draw: Draw,
  shop: ShopPlan,
  order: { readonly id: string; readonly purchasedMs: number; readonly totalCents: number },
): RowOf<'orders'> {
  const status = drawStatus(draw)
  const approvedMs = order.purchasedMs + draw.between(1, 30 * 60) * 1_000
  const shippedMs = approvedMs + draw.between(6, 90) * HOUR_MS
  const deliveredMs = shippedMs + draw.between(20, 400) * HOUR_MS
  const isShipped = status === 'shipped' || status === 'delivered'
  return {
    id: order.id,
    customerId: customerId(Math.floor(draw.unit() ** 1.5 * shop.customerCount)),
    status,
    purchasedAt: new Date(order.purchasedMs),
    approvedAt: status === 'created' ? null : new Date(approvedMs),
    shippedAt: isShipped ? new Date(shippedMs) : null,
    deliveredAt: status === 'delivered' ? new Date(deliveredMs) : null,
    estimatedDeliveryAt: new Date(order.purchasedMs + draw.between(8, 30) * DAY_MS),
    total: formatCents(order.totalCents),
  }
}

function drawStatus(draw: Draw): OrderStatus {
  let ticket = draw.below(1_000)
  for (const [status, weight] of STATUS_WEIGHTS) {
    if (ticket < weight) return status
    ticket -= weight
  }
  return 'delivered'
}

function drawPayments(draw: Draw, orderId: string, totalCents: number): RowOf<'payments'>[] {
  // One order in twenty is paid in part with a voucher.
  const voucherCents = draw.chance(0.05) ? Math.floor(totalCents * draw.unit()) : 0
  const method = draw.pick([
    'credit_card',
    'credit_card',
    'debit_card',
    'boleto',
    'wallet',
  ] as const)
  const installments = method === 'credit_card' && draw.chance(0.5) ? draw.between(2, 10) : 1
  const amount = formatCents(totalCents - voucherCents)
  const payments: RowOf<'payments'>[] = [
    { orderId, paymentNumber: 1, method, installments, amount },
  ]
  if (voucherCents > 0) {
    payments.push({
      orderId,
      paymentNumber: 2,
      method: 'voucher',
      installments: 1,
      amount: formatCents(voucherCents),
    })
  }
  return payments
}

function drawReview(draw: Draw, orderId: string, deliveredMs: number): RowOf<'reviews'> {
  const score = draw.pick([5, 5, 5, 5, 5, 5, 4, 4, 3, 1])
  const createdMs = deliveredMs + draw.between(1, 48) * HOUR_MS
  return {
    id: draw.hex(32),
    orderId,
    score,
    title: draw.chance(0.15) ? (score >= 4 ? 'Recommended' : 'Disappointed') : null,
    message: draw.chance(0.45) ? draw.pick(reviewSentences(score)) : null,
    createdAt: new Date(createdMs),
    answeredAt: new Date(createdMs + draw.between(1, 96) * HOUR_MS),
  }
}
