import type { Shop } from '../database.js'
import { formatAmount, formatCount, formatDuration } from '../figures.js'
import type { CategoryFigures } from '../ledger.js'
import { formatCents, parseCents } from '../money.js'
import type { StepResult, StoryContext } from './context.js'

const SHOWN = 8

/** An analytic question over two tables, answered by SQL inside one tenant. */
export async function revenueByCategory(context: StoryContext): Promise<StepResult> {
  const { shop, source, ledger, report } = context
  const title = 'Revenue by category'
  report.step(
    title,
    `What did ${source.focusTenant} earn with what, and what would the same goods bring at ` +
      "today's list prices? SQL, inside this one tenant, over the rows as they are now.",
  )
  report.code(
    'select p.category as category, count(*) as items,\n' +
      '       sum(i.price) as revenue, sum(p.price) as atListPrice\n' +
      'from items as i join products as p on i.productId = p.id\n' +
      'group by p.category order by revenue desc',
  )
  const startedMs = performance.now()
  const found = await askRevenue(shop)
  const durationMs = performance.now() - startedMs
  const columns = [
    { title: 'category' },
    { title: 'items', align: 'right' },
    { title: 'revenue', align: 'right' },
    { title: 'at list price', align: 'right' },
  ] as const
  report.table(
    columns,
    found
      .slice(0, SHOWN)
      .map(({ category, itemCount, revenueCents, listCents }) => [
        category ?? '(none)',
        formatCount(itemCount),
        formatAmount(formatCents(revenueCents)),
        formatAmount(formatCents(listCents)),
      ]),
  )
  if (found.length > SHOWN) report.text(`... and ${found.length - SHOWN} more`)
  report.check(
    isSameRevenue(found, ledger.salesByCategory()),
    'Every figure equals the one that was added up while loading, to the cent.',
  )
  return { title, outcome: `${found.length} categories in ${formatDuration(durationMs)}` }
}

/** Asks the question of a tenant as it is, or of a view of it as it was. */
export async function askRevenue(view: Pick<Shop, 'sql'>): Promise<CategoryFigures[]> {
  const rows = await view.sql<{
    category: string | null
    items: number
    revenue: string
    atListPrice: string
  }>`
    select p.category as category, count(*) as items,
           sum(i.price) as revenue, sum(p.price) as atListPrice
    from items as i join products as p on i.productId = p.id
    group by p.category order by revenue desc`
  return rows.map(({ category, items, revenue, atListPrice }) => ({
    category,
    itemCount: items,
    revenueCents: parseCents(revenue),
    listCents: parseCents(atListPrice),
  }))
}

/** Compares by category; categories of equal revenue may come in either order. */
export function isSameRevenue(
  found: readonly CategoryFigures[],
  expected: readonly CategoryFigures[],
): boolean {
  const byCategory = new Map(expected.map((figures) => [figures.category, figures]))
  const isDescending = found.every(
    ({ revenueCents }, i) => revenueCents >= (found[i + 1]?.revenueCents ?? 0),
  )
  return (
    isDescending &&
    found.length === expected.length &&
    found.every((figures) => {
      const twin = byCategory.get(figures.category)
      return (
        twin?.itemCount === figures.itemCount &&
        twin.revenueCents === figures.revenueCents &&
        twin.listCents === figures.listCents
      )
    })
  )
}
