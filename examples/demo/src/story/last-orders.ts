import { formatAmount, formatCount, formatLatency, quantile } from '../figures.js'
import type { RowOf } from '../schema.js'
import type { StepResult, StoryContext } from './context.js'

const WANTED = 100
const ROUNDS = 50
const SHOWN = 5

/** The latest orders of one tenant, from the end of an index. */
export async function lastOrders(context: StoryContext): Promise<StepResult> {
  const { shop, source, ledger, report } = context
  const title = `Last ${WANTED} orders of a tenant`
  report.step(
    title,
    `What the start page of ${source.focusTenant}'s back office shows. An index by time of ` +
      'purchase is read from its end; how many older orders there are makes no difference.',
  )
  report.code("shop.orders.scan({ index: 'byPurchasedAt', reverse: true, limit: 100 })")
  let found: RowOf<'orders'>[] = []
  const latenciesMs = new Float64Array(ROUNDS)
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now()
    found = []
    const scan = shop.orders.scan({ index: 'byPurchasedAt', reverse: true, limit: WANTED })
    for await (const order of scan) found.push(order)
    latenciesMs[round] = performance.now() - startedMs
  }
  report.table(
    [{ title: 'purchased (UTC)' }, { title: 'status' }, { title: 'total', align: 'right' }],
    found
      .slice(0, SHOWN)
      .map((order) => [timeText(order.purchasedAt), order.status, formatAmount(order.total)]),
  )
  const expected = ledger.recentOrders()
  const isSame = expected.length === found.length && expected.every((o, i) => o.id === found[i]?.id)
  const total = ledger.tenants.get(source.focusTenant)?.orderCount ?? 0
  report.check(
    isSame,
    `These ${found.length} are the latest of ${formatCount(total)} orders, in the right order.`,
  )
  const p50 = formatLatency(quantile(latenciesMs.sort(), 0.5))
  return { title, outcome: `${p50} for ${found.length} rows` }
}

const timeText = (time: Date): string => time.toISOString().slice(0, 19).replace('T', ' ')
