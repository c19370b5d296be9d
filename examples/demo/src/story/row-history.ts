import { formatCents, parseCents } from '../money.js'
import type { StepResult, StoryContext } from './context.js'

/** All versions of the row that the steps before have changed. */
export async function rowHistory(context: StoryContext): Promise<StepResult> {
  const { shop, ledger, report, memory } = context
  const title = 'The history of one row'
  const product = ledger.bestSeller()
  report.step(
    title,
    `What happened to ${product.id.slice(0, 12)}, and when? Each version of a row knows the ` +
      'commit that wrote it.',
  )
  report.code('shop.products.history(id)')
  const versions = await shop.products.history(product.id)
  const loaded = parseCents(product.price ?? '0')
  const raised = loaded + (memory.raiseCents ?? 0)
  const expected = [
    { what: 'the price went up', stock: 0, priceCents: raised },
    { what: 'the last one was sold', stock: 0, priceCents: loaded },
    { what: 'one was left', stock: 1, priceCents: loaded },
    { what: 'loaded', stock: product.stock, priceCents: loaded },
  ]
  report.table(
    [
      { title: 'committed (UTC)' },
      { title: 'stock', align: 'right' },
      { title: 'price', align: 'right' },
      { title: 'what it was' },
    ],
    versions.map(({ committedAt, row }, i) => [
      committedAt.toISOString().slice(0, 23).replace('T', ' '),
      String(row?.stock ?? '-'),
      row?.price ?? '-',
      expected[i]?.what ?? '',
    ]),
  )
  const isSame =
    versions.length === expected.length &&
    expected.every(({ stock, priceCents }, i) => {
      const row = versions[i]?.row
      return row?.stock === stock && row.price === formatCents(priceCents)
    })
  report.check(isSame, `All ${expected.length} versions are there, the latest first.`)
  return { title, outcome: `${versions.length} versions` }
}
