import type { Shop } from '../database.js'
import { Draw } from '../generator/draw.js'
import { formatCents, parseCents } from '../money.js'
import type { RowOf } from '../schema.js'
import type { Change } from '../source.js'
import type { StepResult, StoryContext } from './context.js'

const FREIGHT_CENTS = 990
const STREAM_CHECKOUT = 5

/** Two buyers want the last item at the same moment. One gets it, the other is told. */
export async function checkoutRace(context: StoryContext): Promise<StepResult> {
  const { shop, ledger, report } = context
  const title = 'Two buyers, one item left'
  const product = ledger.bestSeller()
  report.step(
    title,
    `Of ${product.id.slice(0, 12)} (${product.category}) there is one left, and two buyers press ` +
      'the button together. Each checkout is a transaction: look at the stock, take one, write ' +
      'order, item and payment. Both see the last item before either commits.',
  )
  report.code(
    'shop.transact(async (tx) => {\n' +
      '  const product = await tx.products.get(id)\n' +
      "  if (product.stock < 1) return 'out of stock'\n" +
      '  await tx.products.update(id, { stock: product.stock - 1 })\n' +
      '  await tx.orders.insert(order) ...\n' +
      '})',
  )
  await shop.products.update(product.id, { stock: 1 })
  const meet = meetingOf(2)
  const sales = [saleOf(context, product, 0), saleOf(context, product, 1)] as const
  const answers = await Promise.all([
    buy(shop, product.id, sales[0], meet),
    buy(shop, product.id, sales[1], meet),
  ])
  report.table(
    [{ title: 'buyer' }, { title: 'tries', align: 'right' }, { title: 'answer' }],
    answers.map(({ isSold, tries }, i) => [
      `${i + 1}`,
      String(tries),
      isSold ? 'sold: order, item and payment are on the disk' : 'sorry, out of stock',
    ]),
  )
  const stock = shop.products.getSync(product.id)?.stock
  const winners = answers.filter(({ isSold }) => isSold)
  const tries = answers.map((answer) => answer.tries).toSorted()
  report.check(winners.length === 1 && stock === 0, 'Exactly one buyer won, and the stock is 0.')
  report.check(
    tries.join() === '1,2',
    'The other one lost at the commit, was run again by itself, and then saw the empty shelf.',
  )
  let isWhole = true
  for (const [i, sale] of sales.entries()) {
    const isSold = answers[i]?.isSold === true
    const traces = [
      shop.orders.getSync(sale.order.id),
      shop.items.getSync([sale.item.orderId, sale.item.itemNumber]),
      shop.payments.getSync([sale.payment.orderId, sale.payment.paymentNumber]),
    ]
    isWhole &&= traces.every((row) => (row !== undefined) === isSold)
    if (isSold) for (const change of changesOf(context, sale)) ledger.observe(change)
  }
  report.check(isWhole, "The winner's order is there as a whole, of the loser's there is no trace.")
  return { title, outcome: `1 sold, 1 refused after ${tries.at(-1) ?? 0} tries` }
}

interface Sale {
  readonly order: RowOf<'orders'>
  readonly item: RowOf<'items'>
  readonly payment: RowOf<'payments'>
}

interface Answer {
  readonly isSold: boolean
  readonly tries: number
}

async function buy(
  shop: Shop,
  productId: string,
  sale: Sale,
  meet: () => Promise<void>,
): Promise<Answer> {
  let tries = 0
  const isSold = await shop.transact(async (tx) => {
    tries++
    const product = await tx.products.get(productId)
    const stock = product?.stock ?? 0
    if (tries === 1) await meet()
    if (stock < 1) return false
    await tx.products.update(productId, { stock: stock - 1 })
    await tx.orders.insert(sale.order)
    await tx.items.insert(sale.item)
    await tx.payments.insert(sale.payment)
    return true
  })
  return { isSold, tries }
}

/** A place where so many wait for each other. */
function meetingOf(count: number): () => Promise<void> {
  let missing = count
  let open = (): void => {}
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  return () => {
    if (--missing === 0) open()
    return all
  }
}

function saleOf(context: StoryContext, product: RowOf<'products'>, buyer: number): Sale {
  const { ledger, seed, source } = context
  const now = new Date()
  const orderId = new Draw(seed, STREAM_CHECKOUT, buyer).uuidAt(now.getTime(), buyer)
  const customerId = ledger.recentOrders()[buyer]?.customerId ?? 'guest'
  const price = product.price ?? '0.00'
  const total = formatCents(parseCents(price) + FREIGHT_CENTS)
  const inOneWeek = new Date(now.getTime() + 7 * 86_400_000)
  return {
    order: {
      id: orderId,
      customerId,
      status: 'created',
      purchasedAt: now,
      approvedAt: null,
      shippedAt: null,
      deliveredAt: null,
      estimatedDeliveryAt: inOneWeek,
      total,
    },
    item: {
      orderId,
      itemNumber: 1,
      productId: product.id,
      sellerId: source.focusTenant,
      shippingLimitAt: inOneWeek,
      price,
      freight: formatCents(FREIGHT_CENTS),
    },
    payment: { orderId, paymentNumber: 1, method: 'wallet', installments: 1, amount: total },
  }
}

function changesOf({ source }: StoryContext, { order, item, payment }: Sale): Change[] {
  const tenant = source.focusTenant
  return [
    { tenant, table: 'orders', row: order },
    { tenant, table: 'items', row: item },
    { tenant, table: 'payments', row: payment },
  ]
}
