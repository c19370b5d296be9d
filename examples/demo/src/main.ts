// npm run demo: loads the orders of a thousand shops and tells, step by step, what the engine does with them. Each step
// checks what it shows. Exit code 0: all true; 1: something was not; 2: the command line was wrong.

import { mkdir, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { EngineError } from 'tabularium'
import { type DemoArguments, parseDemoArguments, USAGE, UsageError } from './arguments.js'
import { openDatabase } from './database.js'
import { formatCount, formatDuration } from './figures.js'
import { CommerceSource } from './generator/commerce.js'
import { Ledger } from './ledger.js'
import { OlistSource } from './olist.js'
import { OlistDirectory } from './olist-files.js'
import { Report } from './report.js'
import type { Source } from './source.js'
import { asOfBefore } from './story/as-of-before.js'
import { checkoutRace } from './story/checkout-race.js'
import type { Step, StoryContext } from './story/context.js'
import { durableLoad } from './story/durable-load.js'
import { killedInMidLoad } from './story/killed-in-mid-load.js'
import { lastOrders } from './story/last-orders.js'
import { pointReads } from './story/point-reads.js'
import { priceChange } from './story/price-change.js'
import { revenueByCategory } from './story/revenue-by-category.js'
import { rowHistory } from './story/row-history.js'
import { terminalOf } from './terminal.js'

const STORY: readonly Step[] = [
  durableLoad,
  pointReads,
  lastOrders,
  checkoutRace,
  revenueByCategory,
  priceChange,
  asOfBefore,
  rowHistory,
  killedInMidLoad,
]

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parseDemoArguments(words)
    if (options.isHelp) {
      process.stdout.write(USAGE)
      return 0
    }
    const source = await openSource(options)
    const directory = await makeDirectory(options.directory)
    return await tellStory(options, source, directory)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    process.stderr.write(`demo: ${problem}\n`)
    if (error instanceof UsageError) return 2
    if (error instanceof EngineError) process.stderr.write(`${error.advice}\n`)
    return 1
  }
}

async function openSource(options: DemoArguments): Promise<Source> {
  if (options.olist === undefined) return new CommerceSource(options)
  return OlistSource.open(findOlistFiles(options.olist))
}

function findOlistFiles(directory: string): OlistDirectory {
  try {
    return new OlistDirectory(directory)
  } catch (cause) {
    throw new UsageError(`--olist: ${(cause as Error).message}`, { cause })
  }
}

/** An empty directory of our own, or the empty one that was asked for. */
async function makeDirectory(wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return mkdtemp(join(tmpdir(), 'tabularium-demo-'))
  const directory = resolve(wanted)
  await mkdir(directory, { recursive: true })
  if ((await readdir(directory)).length > 0) {
    throw new UsageError(
      `--dir must be an empty or new directory, and ${directory} has files in it`,
    )
  }
  return directory
}

async function tellStory(
  options: DemoArguments,
  source: Source,
  directory: string,
): Promise<number> {
  const startedMs = performance.now()
  const report = new Report(terminalOf(process.stdout, process.env))
  report.title('Tabularium', `one database, many tenants  ·  Node ${process.versions.node}`)
  const shopsDirectory = join(directory, 'shops')
  const db = await openDatabase(shopsDirectory)
  const summary: string[][] = []
  try {
    const context: StoryContext = {
      db,
      source,
      shop: db.tenant(source.focusTenant),
      ledger: new Ledger(source.focusTenant),
      report,
      seed: options.seed,
      shopsDirectory,
      killedDirectory: join(directory, 'killed-load'),
      isKept: options.isKept,
      memory: {},
    }
    for (const step of STORY) {
      const stepStartedMs = performance.now()
      const { title, outcome } = await step(context)
      const duration = formatDuration(performance.now() - stepStartedMs)
      summary.push([String(summary.length + 1), title, outcome, duration])
    }
  } finally {
    await db.close()
  }
  const durationMs = performance.now() - startedMs
  showSummary(report, summary, durationMs)
  report.text(`The data lies in ${shopsDirectory}`)
  report.text(`Look at it: npx tabularium stats ${shopsDirectory}`)
  if (options.isKept) report.text(`The killed load's: ${join(directory, 'killed-load')}`)
  report.gap()
  return report.failures.length === 0 ? 0 : 1
}

function showSummary(report: Report, rows: string[][], durationMs: number): void {
  report.heading('Summary')
  report.table(
    [
      { title: '#', align: 'right' },
      { title: 'step' },
      { title: 'what came of it' },
      { title: 'time', align: 'right' },
    ],
    rows,
  )
  const checked = `${formatCount(report.checkCount)} checks in ${formatDuration(durationMs)}`
  if (report.failures.length === 0) report.text(`All well: ${checked}, none failed.`)
  for (const failure of report.failures) report.text(`WRONG: ${failure}`)
}

process.exitCode = await main(process.argv.slice(2))
