import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { type Database, openDatabase } from '../database.js'
import { formatCount, formatDuration } from '../figures.js'
import { Draw } from '../generator/draw.js'
import { killedLoadCommits, parseAck } from '../killed-load.js'
import { readBack } from '../load.js'
import type { RowOf } from '../schema.js'
import type { StepResult, StoryContext } from './context.js'

const STREAM_KILL = 6
const CHILD_PATH = fileURLToPath(new URL('../load-child.js', import.meta.url))
/** How far behind the last acknowledged commit the search for half a commit goes. */
const COMMITS_BEHIND = 64

/** A second process loads and is killed in the middle; its database is opened and counted here. */
export async function killedInMidLoad(context: StoryContext): Promise<StepResult> {
  const { report, seed, killedDirectory, isKept } = context
  const title = 'Killed in mid-load'
  report.step(
    title,
    'A second process loads a database of its own and says after each commit that it is durable. ' +
      'At a random moment it is killed with SIGKILL, which nothing can catch. Then its database is ' +
      'opened again, and every row is looked for.',
  )
  const acknowledged = await killLoadingChild(killedDirectory, seed)
  const startedMs = performance.now()
  const db = await openDatabase(killedDirectory)
  const openMs = performance.now() - startedMs
  let found: Inventory
  let hasAgreement: boolean
  try {
    found = await takeInventory(db, seed, acknowledged)
    hasAgreement = await indexesAgree(db)
  } finally {
    await db.close()
  }
  report.text(
    `Killed after ${formatCount(acknowledged.size)} acknowledged commits; reopened in ` +
      `${formatDuration(openMs)} with ${formatCount(found.wholeCount)} commits ` +
      `(${formatCount(found.rowCount)} rows): ${formatCount(found.unannouncedCount)} were durable ` +
      'before they could be acknowledged.',
  )
  report.check(
    acknowledged.size > 0 && found.lostCount === 0,
    `Every acknowledged commit is there, row for row: ${formatCount(found.lostCount)} lost.`,
  )
  report.check(found.halfCount === 0, 'No commit is there by half.')
  report.check(hasAgreement, 'Rows and their indexes agree.')
  // This step's own directory, made by the child above.
  if (!isKept) await rm(killedDirectory, { recursive: true, force: true })
  return { title, outcome: `${found.lostCount} of ${acknowledged.size} commits lost` }
}

/** Starts the child, kills it after a random number of acknowledgements, and returns these. */
async function killLoadingChild(directory: string, seed: number): Promise<Set<number>> {
  const child = spawn(process.execPath, [CHILD_PATH, directory, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const killChild = (): void => {
    child.kill('SIGKILL')
  }
  process.once('exit', killChild)
  const killAfter = new Draw(seed, STREAM_KILL).between(80, 240)
  const acknowledged = new Set<number>()
  // Lines that were in the pipe when the child died count as well: they were said.
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.add(parseAck(line))
    if (acknowledged.size === killAfter) killChild()
  }
  process.off('exit', killChild)
  if (acknowledged.size < killAfter) {
    throw new Error(`the loading process ended by itself after ${acknowledged.size} commits`)
  }
  return acknowledged
}

interface Inventory {
  wholeCount: number
  rowCount: number
  unannouncedCount: number
  lostCount: number
  halfCount: number
}

async function takeInventory(
  db: Database,
  seed: number,
  acknowledged: ReadonlySet<number>,
): Promise<Inventory> {
  const found: Inventory = {
    wholeCount: 0,
    rowCount: 0,
    unannouncedCount: 0,
    lostCount: 0,
    halfCount: 0,
  }
  const last = Math.max(...acknowledged) + COMMITS_BEHIND
  for await (const { number, changes } of killedLoadCommits(seed)) {
    if (number > last) break
    let presentCount = 0
    for (const change of changes) {
      const row = readBack(db.tenant(change.tenant), change)
      if (isDeepStrictEqual(row, change.row)) presentCount++
    }
    const isWhole = presentCount === changes.length
    found.rowCount += presentCount
    if (isWhole) found.wholeCount++
    if (isWhole && !acknowledged.has(number)) found.unannouncedCount++
    if (!isWhole && acknowledged.has(number)) found.lostCount++
    if (!isWhole && presentCount > 0) found.halfCount++
  }
  return found
}

/** Reads the largest tenant's orders by primary key and by both indexes. */
async function indexesAgree(db: Database): Promise<boolean> {
  const shop = db.tenant('shop-0001')
  const byKey = await idsOf(shop.orders.scan())
  const byTime = await idsOf(shop.orders.scan({ index: 'byPurchasedAt' }))
  const byCustomer = await idsOf(shop.orders.scan({ index: 'byCustomer' }))
  return isDeepStrictEqual(byKey, byTime) && isDeepStrictEqual(byKey, byCustomer)
}

async function idsOf(orders: AsyncIterable<RowOf<'orders'>>): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of orders) ids.push(id)
  return ids.sort()
}
