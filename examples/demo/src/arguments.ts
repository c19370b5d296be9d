// The demo's command line.

import { parseArgs } from 'node:util'

export interface DemoArguments {
  readonly olist: string | undefined
  readonly orderCount: number
  readonly shopCount: number
  readonly eventCount: number
  readonly seed: number
  readonly directory: string | undefined
  readonly isKept: boolean
  readonly isHelp: boolean
}

/** A wrong command line; the message is one line that says what to change. */
export class UsageError extends Error {}

export const USAGE = `Usage: npm run demo -- [options]

  --olist DIR    load the eight Olist files (.csv or .csv.gz) instead of generated data
  --orders N     how many orders to generate (100,000)
  --tenants N    for how many shops (1,000)
  --events N     how many large nested events (3,000)
  --seed N       another seed gives other data; the same seed the same (1)
  --dir DIR      where to put the data: an empty or new directory (a new one for temporary files)
  --keep         keep the database of the killed load too, to look at it
  --help         this text
`

const OPTIONS = {
  olist: { type: 'string' },
  orders: { type: 'string' },
  tenants: { type: 'string' },
  events: { type: 'string' },
  seed: { type: 'string' },
  dir: { type: 'string' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** @throws UsageError */
export function parseDemoArguments(words: readonly string[]): DemoArguments {
  const values = parseWords(words)
  for (const name of ['orders', 'tenants', 'events'] as const) {
    if (values.olist !== undefined && values[name] !== undefined) {
      throw new UsageError(`--${name} is for generated data and does not go with --olist`)
    }
  }
  for (const name of ['olist', 'dir'] as const) {
    if (values[name] === '') throw new UsageError(`--${name} needs a directory`)
  }
  return {
    olist: values.olist,
    orderCount: wholeNumber('orders', values.orders ?? '100000', 100, 100_000_000),
    shopCount: wholeNumber('tenants', values.tenants ?? '1000', 1, 100_000),
    eventCount: wholeNumber('events', values.events ?? '3000', 0, 10_000_000),
    seed: wholeNumber('seed', values.seed ?? '1', 0, 0xffffffff),
    directory: values.dir,
    isKept: values.keep,
    isHelp: values.help,
  }
}

function parseWords(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, strict: true }).values
  } catch (cause) {
    const [firstLine = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
    const [problem = firstLine] = firstLine.split('. To specify')
    throw new UsageError(problem, { cause })
  }
}

function wholeNumber(name: string, text: string, low: number, high: number): number {
  const value = /^\d[\d,_]*$/.test(text) ? Number(text.replace(/[,_]/g, '')) : Number.NaN
  if (value >= low && value <= high) return value
  const range = `${low.toLocaleString('en-US')} to ${high.toLocaleString('en-US')}`
  throw new UsageError(`--${name} must be a whole number from ${range}, not "${text}"`)
}
