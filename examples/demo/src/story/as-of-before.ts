import { formatAmount, formatDuration } from '../figures.js'
import { formatCents } from '../money.js'
import type { StepResult, StoryContext } from './context.js'
import { askRevenue, isSameRevenue } from './revenue-by-category.js'

/** The same question, of the database as it was before the price change. */
export async function asOfBefore(context: StoryContext): Promise<StepResult> {
  const { shop, ledger, report, memory } = context
  const title = 'The same question, as of before'
  const before = memory.beforePriceChange ?? new Date()
  report.step(
    title,
    'Old versions of rows are kept, so the past can be asked like the present: the same SQL, on ' +
      `a view of the tenant as it was at ${before.toISOString().slice(11, 23)}.`,
  )
  report.code('shop.at(before).sql`select ... `')
  const startedMs = performance.now()
  const then = await askRevenue(shop.at(before))
  const durationMs = performance.now() - startedMs
  const now = await askRevenue(shop)
  const nowOf = new Map(now.map(({ category, listCents }) => [category, listCents]))
  report.table(
    [
      { title: 'category' },
      { title: 'at list price then', align: 'right' },
      { title: 'now', align: 'right' },
    ],
    then
      .slice(0, 4)
      .map(({ category, listCents }) => [
        category ?? '(none)',
        formatAmount(formatCents(listCents)),
        formatAmount(formatCents(nowOf.get(category) ?? 0)),
      ]),
  )
  report.check(
    isSameRevenue(then, ledger.salesByCategory()),
    'The past gives the answer it gave when it was the present, to the cent.',
  )
  const category = ledger.bestSeller().category
  const thenCents = then.find((figures) => figures.category === category)?.listCents
  report.check(
    thenCents !== undefined && (nowOf.get(category) ?? 0) > thenCents,
    'And now is still now: the new prices are in the other answer.',
  )
  return { title, outcome: `the old answer, in ${formatDuration(durationMs)}` }
}
