import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shop } from '../database.js'
import { formatAmount, formatBytes, formatCount, formatRate } from '../figures.js'
import type { Ledger, TenantFigures } from '../ledger.js'
import { loadCommits } from '../load.js'
import { formatCents, parseCents } from '../money.js'
import { Progress } from '../progress.js'
import { commitsOf } from '../source.js'
import type { StepResult, StoryContext } from './context.js'

const ROWS_PER_COMMIT = 1_000

/** Loads all rows with every commit on the disk, then counts them again by SQL, tenant by tenant. */
export async function durableLoad(context: StoryContext): Promise<StepResult> {
  const { db, source, ledger, report } = context
  const title = 'Durable load'
  report.step(
    title,
    `Loading ${source.title}. Rows go in as transactions of some ${formatCount(ROWS_PER_COMMIT)} ` +
      'rows, each over many tenants at once. A transaction is done only when it is on the disk.',
  )
  const startedMs = performance.now()
  const progress = new Progress(report.terminal)
  let commitCount = 0
  let rowCount = 0
  await loadCommits(db, commitsOf(source, ROWS_PER_COMMIT), (commit) => {
    commitCount++
    rowCount += commit.changes.length
    for (const change of commit.changes) ledger.observe(change)
    progress.update({ fraction: commit.fraction, rowCount })
  })
  progress.finish()
  const durationMs = performance.now() - startedMs

  showTables(context)
  const storedBytes = await directoryBytes(context.shopsDirectory)
  const rate = formatRate(rowCount, durationMs)
  report.text(
    `${formatCount(rowCount)} rows in ${formatCount(commitCount)} durable commits: ${rate}, ` +
      `${formatBytes(storedBytes)} of files.`,
  )
  const agreeing = await countAgreeing(context)
  report.check(
    agreeing === ledger.tenants.size,
    `Counted again by SQL inside each tenant: orders, items, prices and freight agree to the cent ` +
      `for ${formatCount(agreeing)} of ${formatCount(ledger.tenants.size)} tenants.`,
  )
  return { title, outcome: `${formatCount(rowCount)} rows, ${rate}` }
}

function showTables({ ledger, report, source }: StoryContext): void {
  const rows = Array.from(ledger.rowCounts, ([table, count]) => [table, formatCount(count)])
  report.table([{ title: 'table' }, { title: 'rows', align: 'right' }], rows)
  const [first, ...rest] = bySize(ledger)
  const last = rest.at(-1) ?? first
  if (first === undefined || last === undefined) return
  report.text(
    `Tenants differ as they do in life: ${first[0]} has ${formatCount(first[1].itemCount)} sold ` +
      `items, worth ${formatAmount(formatCents(first[1].priceCents))}; the smallest ` +
      `${source.tenantNoun} has ${formatCount(last[1].itemCount)}.`,
  )
}

const bySize = (ledger: Ledger): [string, TenantFigures][] =>
  [...ledger.tenants].toSorted(([, a], [, b]) => b.itemCount - a.itemCount)

async function countAgreeing({ db, ledger }: StoryContext): Promise<number> {
  let agreeing = 0
  for (const [tenant, expected] of ledger.tenants) {
    const found = await figuresBySql(db.tenant(tenant))
    const isSame =
      found.orderCount === expected.orderCount &&
      found.itemCount === expected.itemCount &&
      found.priceCents === expected.priceCents &&
      found.freightCents === expected.freightCents
    if (isSame) agreeing++
  }
  return agreeing
}

async function figuresBySql(shop: Shop): Promise<TenantFigures> {
  const [order] = await shop.sql<{ n: number }>`select count(*) as n from orders`
  const [item] = await shop.sql<{ n: number; price: string | null; freight: string | null }>`
    select count(*) as n, sum(price) as price, sum(freight) as freight from items`
  return {
    orderCount: order?.n ?? 0,
    itemCount: item?.n ?? 0,
    // A sum over no rows is NULL.
    priceCents: parseCents(item?.price ?? '0'),
    freightCents: parseCents(item?.freight ?? '0'),
  }
}

async function directoryBytes(directory: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    // A background job may remove a file between listing and asking.
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined)
    sum += found?.size ?? 0
  }
  return sum
}
