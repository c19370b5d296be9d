import { formatCount, formatLatency, formatRate, quantile } from '../figures.js'
import type { OrderSample } from '../ledger.js'
import type { RowOf } from '../schema.js'
import type { StepResult, StoryContext } from './context.js'

/** Reads loaded orders by their key, one by one, and compares each with what was loaded. */
export async function pointReads(context: StoryContext): Promise<StepResult> {
  const { db, ledger, report } = context
  const title = 'Point reads'
  const samples = ledger.samples
  report.step(
    title,
    `${formatCount(samples.length)} orders from all over the tenants, each read by its key. ` +
      'get() is for any row; getSync() answers at once, without a promise.',
  )
  report.code('db.tenant(name).orders.getSync(orderId)')
  const bySync = await timeReads(samples, ({ tenant, order }) =>
    db.tenant(tenant).orders.getSync(order.id),
  )
  const byAsync = await timeReads(samples, ({ tenant, order }) =>
    db.tenant(tenant).orders.get(order.id),
  )
  report.table(
    [
      { title: 'call' },
      { title: 'reads', align: 'right' },
      { title: 'per second', align: 'right' },
      { title: 'half within', align: 'right' },
      { title: '99 % within', align: 'right' },
    ],
    [timingRow('getSync', bySync), timingRow('get', byAsync)],
  )
  const right = countRight(samples, bySync.orders) + countRight(samples, byAsync.orders)
  report.check(
    right === 2 * samples.length,
    `${formatCount(right)} of ${formatCount(2 * samples.length)} reads returned the order as loaded.`,
  )
  report.check(
    countStrays(context) === 0,
    'The same keys asked of a tenant that does not own them: not one answer.',
  )
  const rate = formatRate(samples.length, bySync.totalMs)
  const p99 = formatLatency(quantile(bySync.latenciesMs, 0.99))
  return { title, outcome: `${rate}, 99 % within ${p99}` }
}

type Order = RowOf<'orders'>

interface Timing {
  readonly orders: readonly (Order | undefined)[]
  readonly totalMs: number
  /** Sorted. */
  readonly latenciesMs: Float64Array
}

async function timeReads(
  samples: readonly OrderSample[],
  read: (sample: OrderSample) => Order | undefined | Promise<Order | undefined>,
): Promise<Timing> {
  const orders: (Order | undefined)[] = []
  const latenciesMs = new Float64Array(samples.length)
  const startedMs = performance.now()
  let lastMs = startedMs
  for (const [i, sample] of samples.entries()) {
    const answer = read(sample)
    // Awaiting a plain value would add a turn of the event loop to the synchronous call.
    orders.push(answer instanceof Promise ? await answer : answer)
    const nowMs = performance.now()
    latenciesMs[i] = nowMs - lastMs
    lastMs = nowMs
  }
  return { orders, totalMs: lastMs - startedMs, latenciesMs: latenciesMs.sort() }
}

const timingRow = (call: string, { orders, totalMs, latenciesMs }: Timing): string[] => [
  call,
  formatCount(orders.length),
  formatRate(orders.length, totalMs),
  formatLatency(quantile(latenciesMs, 0.5)),
  formatLatency(quantile(latenciesMs, 0.99)),
]

function countRight(
  samples: readonly OrderSample[],
  orders: readonly (Order | undefined)[],
): number {
  let right = 0
  for (const [i, { order }] of samples.entries()) {
    const found = orders[i]
    const isRight =
      found?.id === order.id &&
      found.customerId === order.customerId &&
      found.status === order.status &&
      found.total === order.total &&
      found.purchasedAt.getTime() === order.purchasedAt.getTime() &&
      found.deliveredAt?.getTime() === order.deliveredAt?.getTime()
    if (isRight) right++
  }
  return right
}

/** Asks a tenant for orders that others own. */
function countStrays(context: StoryContext): number {
  const { db, ledger } = context
  // With the fewest orders: among Olist's sellers one without any, since several sellers may share an order.
  let stranger = { tenant: '', orderCount: Number.POSITIVE_INFINITY }
  for (const [tenant, { orderCount }] of ledger.tenants) {
    if (orderCount < stranger.orderCount) stranger = { tenant, orderCount }
  }
  let strays = 0
  for (const { tenant, order } of ledger.samples) {
    if (tenant === stranger.tenant) continue
    if (db.tenant(stranger.tenant).orders.getSync(order.id) !== undefined) strays++
  }
  return strays
}
