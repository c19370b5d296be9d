// How long a point read takes, and how long the event loop stands, while a durable load goes on at full speed with its flushes
// and compaction: a service that imports goes on answering. One process per engine. The thousand orders of a batch are made in a
// round of the event loop of their own: that is work of the client, not of the engine, and takes it about a millisecond.
// node bench/tails.mjs [--seconds 20] [--rows 500000] [--engines tabularium,classic-level] [--name tails] [--directory FOLDER]
// Prints one JSON object per engine and keeps them in bench/results. `--rows` are loaded before; reads are of any row so far.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runChild } from './children.mjs'
import { ENGINES, openEngine, versionOf } from './compare/engines.mjs'
import { machineFacts, systemLoad } from './machine.mjs'
import { quantile, rounded } from './numbers.mjs'
import { order, orderId, seeded, tenantOfOrder } from './orders.mjs'

const BATCH_ROWS = 1000
const UNDER_WAY_COUNT = 2
const READS_PER_TURN = 16
const LOOP_RESOLUTION_MS = 1

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rows: { type: 'string', default: '500000' },
    engines: {
      type: 'string',
      default: Object.keys(ENGINES)
        .filter((name) => ENGINES[name].variantOf === undefined)
        .join(),
    },
    name: { type: 'string', default: 'tails' },
    directory: { type: 'string', default: tmpdir() },
    measure: { type: 'string' },
  },
})

/** Resolves in the next round of the event loop: others had their turns, and timers. */
async function nextRound() {
  await turn()
  // The first one may still come in the round that it was asked for.
  await turn()
}

/** Commits batch after batch until `isEnough`; `onCommitted` hears how many rows are readable. */
async function load(db, firstRow, isEnough, onCommitted) {
  const underWay = []
  for (let first = firstRow; !isEnough(first); first += BATCH_ROWS) {
    if (underWay.length === UNDER_WAY_COUNT) await underWay.shift()
    const numbers = Array.from({ length: BATCH_ROWS }, (_, i) => first + i)
    const tenants = numbers.map(tenantOfOrder)
    const rows = numbers.map((i) => order(i))
    await nextRound()
    const committed = db.load(tenants, rows)
    const note = () => onCommitted(first + BATCH_ROWS)
    if (committed instanceof Promise) {
      underWay.push(committed.then(note))
    } else {
      note()
      // Others have their turn.
      await turn()
    }
  }
  await Promise.all(underWay)
}

/** Reads any row so far, some in every turn of the event loop, until `isEnough`; how long each took in microseconds. */
async function read(db, rowsSoFar, isEnough) {
  const random = seeded(9)
  const latencies = []
  while (!isEnough()) {
    for (let n = 0; n < READS_PER_TURN; n++) {
      const i = Math.floor(random() * rowsSoFar())
      const [tenant, id] = [tenantOfOrder(i), orderId(i)]
      const start = performance.now()
      const row = db.get(tenant, id)
      latencies.push((performance.now() - start) * 1000)
      if (row === undefined) throw new Error('a committed row is not there')
    }
    await turn()
  }
  return latencies
}

async function measure(engine, path) {
  const db = await openEngine(engine, path)
  const startRow = Number(values.rows)
  let rowCount = 0
  // Commits of one engine are acknowledged in their order.
  const note = (rows) => (rowCount = rows)
  await load(db, 0, (row) => row >= startRow, note)
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  loop.enable()
  const start = performance.now()
  const isOver = () => performance.now() - start > Number(values.seconds) * 1000
  const [latencies] = await Promise.all([
    read(db, () => rowCount, isOver),
    load(db, startRow, isOver, note),
  ])
  const seconds = (performance.now() - start) / 1000
  loop.disable()
  const micros = (share) => rounded(quantile(latencies, share))
  const delayMs = (ns) => rounded(Math.max(0, ns / 1e6 - LOOP_RESOLUTION_MS))
  return {
    rowsPerSecond: Math.round((rowCount - startRow) / seconds),
    readsPerSecond: Math.round(latencies.length / seconds),
    readP50Us: micros(0.5),
    readP99Us: micros(0.99),
    readP999Us: micros(0.999),
    readMaxUs: micros(1),
    loopDelayP50Ms: delayMs(loop.percentile(50)),
    loopDelayP99Ms: delayMs(loop.percentile(99)),
    loopDelayMaxMs: delayMs(loop.max),
  }
}

/** The engine in a process of its own; undefined when it fails, as one that is not installed does. */
function measured(engine) {
  const options = Object.entries({ ...values, measure: engine })
  try {
    return runChild(
      fileURLToPath(import.meta.url),
      options.map(([name, value]) => `--${name}=${value}`),
      { flags: ['--max-old-space-size=8192'], env: ENGINES[engine].environment },
    )
  } catch {
    return undefined
  }
}

function measureAll() {
  const results = fileURLToPath(new URL('results', import.meta.url))
  const facts = machineFacts()
  const lines = []
  for (const engine of values.engines.split(',')) {
    const found = versionOf(engine) === undefined ? undefined : measured(engine)
    if (found === undefined) {
      console.error(`${engine}: SKIPPED`)
      continue
    }
    lines.push(
      JSON.stringify({
        bench: 'tails',
        case: engine,
        version: versionOf(engine),
        seconds: Number(values.seconds),
        batchRows: BATCH_ROWS,
        ...found,
        load: systemLoad(),
        ...facts,
      }),
    )
    console.log(lines.at(-1))
    mkdirSync(results, { recursive: true })
    writeFileSync(join(results, `${values.name}.jsonl`), `${lines.join('\n')}\n`)
  }
}

if (values.measure === undefined) {
  measureAll()
} else {
  const folder = mkdtempSync(join(values.directory, 'tails-'))
  const found = await measure(values.measure, join(folder, 'db'))
  rmSync(folder, { recursive: true, force: true })
  // Not closed: what it would bring to an end is gone.
  process.stdout.write(JSON.stringify(found), () => process.kill(process.pid, 'SIGKILL'))
}
