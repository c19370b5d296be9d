import { setTimeout as pause } from 'node:timers/promises'
import { formatCount } from '../figures.js'
import { formatCents, parseCents } from '../money.js'
import type { StepResult, StoryContext } from './context.js'
import { askRevenue, isSameRevenue } from './revenue-by-category.js'

const RAISE_CENTS = 500

/** Raises all prices of a category in one statement, and asks the question of the step before again. */
export async function priceChange(context: StoryContext): Promise<StepResult> {
  const { shop, ledger, report, memory } = context
  const title = 'A price change'
  const product = ledger.bestSeller()
  const category = product.category
  report.step(
    title,
    `Everything in ${category} goes up by ${formatCents(RAISE_CENTS)}: one SQL statement, ` +
      'one commit. Nobody ever sees half of the new prices.',
  )
  memory.beforePriceChange = new Date()
  memory.raiseCents = RAISE_CENTS
  // A moment is a whole millisecond here: let it pass, so that "before" is before.
  await pause(5)
  report.code(`update products set price = price + 5.00 where category = '${category}'`)
  const { affectedCount } = await shop.sql`
    update products set price = price + 5.00 where category = ${category}`
  const before = parseCents(product.price ?? '0')
  const after = parseCents(shop.products.getSync(product.id)?.price ?? '0')
  report.text(
    `${formatCount(affectedCount)} products changed; ${product.id.slice(0, 12)} went from ` +
      `${formatCents(before)} to ${formatCents(after)}.`,
  )
  report.check(
    affectedCount === ledger.productCount(category) && after === before + RAISE_CENTS,
    'As many products changed as were loaded in that category.',
  )
  const expected = ledger
    .salesByCategory()
    .map((figures) =>
      figures.category === category
        ? { ...figures, listCents: figures.listCents + figures.itemCount * RAISE_CENTS }
        : figures,
    )
  report.check(
    isSameRevenue(await askRevenue(shop), expected),
    'The question asked again: revenue as before, list prices up in that category and no other.',
  )
  return { title, outcome: `${formatCount(affectedCount)} products in one commit` }
}
