// @ts-check
// A database on disk under a steady mixed load for a chosen time: npm run test:soak -- --minutes 30
//
// Writers over many tenants, transactions that conflict, point reads, index scans, SQL, reads of the past, scans held open,
// new tenants, flush, compaction, verify, and closing and opening again; every answer is checked against a model. The run
// fails on a wrong answer, an error nobody caught, and on what verdict.mjs forbids: growth of the heap after collection,
// of RSS, of memory outside of the heap, of descriptors, threads or compaction debt; more disk than 1.5 times the model's
// (live rows and the versions that history must hold, as JSON; the log apart, which must not grow); a p99 of point reads
// of 1 ms in the median window; an event loop that stood for 50 ms. Time in which other processes had the processor does
// not count as ours, nor do slow reads of the disk. A run that is to fail: --plant leak, fd, stall or wrong.

// First, so that the engine's calls are timed.
import { slowCalls } from './slow-calls.mjs'
import { appendFileSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { open } from 'tabularium'

import { Histogram } from '../../dist/base/metrics.js'
import { bytesOnDisk, LoopProbe, openFileCount, ownMs, threadCount } from './probes.mjs'
import { DISK_FACTOR_MAX, judge, medianOf, riseOf } from './verdict.mjs'
import { soakTables, Workload } from './workload.mjs'

const MiB = 1 << 20
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    rate: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    path: { type: 'string' },
    tenants: { type: 'string', default: '40' },
    rows: { type: 'string', default: '2000' },
    results: { type: 'string' },
    plant: { type: 'string', default: 'none' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(`npm run test:soak -- [options]
  --minutes N    how long, 3 unless told
  --rate N       operations a second, 300; half of them point reads, a fifth writes of ten rows
  --seed N       of the load; printed, so that a run can be repeated
  --path DIR     where the database is made, below; a temporary folder
  --tenants N    40        --rows N   of each tenant, 2000
  --results FILE appends the summary as a line of JSON
  --plant WHAT   leak, fd, stall or wrong: the run must fail`)
  process.exit(0)
}

const WAL_FILE_BYTES = MiB
const REOPEN_EVERY_MS = 60_000
const VERIFY_EVERY_MS = 45_000
const COMPACT_EVERY_MS = 50_000
const IN_FLIGHT_MAX_COUNT = 64
const runMs = Number(values.minutes) * 60_000
/** Often enough for a line through the second half. */
const GC_EVERY_MS = Math.min(30_000, runMs / 16)
const settings = {
  memoryBudgetBytes: 16 * MiB,
  walFileBytes: WAL_FILE_BYTES,
  historyWindowMs: 30_000,
}

/** mulberry32 */
let state = Number(values.seed) >>> 0
function float() {
  state = (state + 0x6d2b79f5) | 0
  let x = Math.imul(state ^ (state >>> 15), 1 | state)
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
  return ((x ^ (x >>> 14)) >>> 0) / 4294967296
}
const random = {
  below: (/** @type {number} */ bound) => Math.floor(float() * bound),
  chance: (/** @type {number} */ probability) => float() < probability,
}

const directory = mkdtempSync(join(values.path ?? tmpdir(), 'tabularium-soak-'))
const path = join(directory, 'db')
const errors = /** @type {string[]} */ ([])
const loop = new LoopProbe()
slowCalls.onSlow = (name, durationMs) => {
  loop.nameStalls(`${name} of ${Math.round(durationMs)} ms`, durationMs)
}
const counts = { steps: 0, late: 0, flush: 0, compaction: 0, reopen: 0, verify: 0, stall: 0 }
const series = /** @type {Record<string, { atMs: number, value: number }[]>} */ ({
  heapBytes: [],
  rssBytes: [],
  externalBytes: [],
  openFileCount: [],
  threadCount: [],
  logBytes: [],
  debtBytes: [],
})
const disk = /** @type {{ bytes: number, modelBytes: number }[]} */ ([])
const readWindows = /** @type {ReturnType<Histogram['summary']>[]} */ ([])
let reads = new Histogram()
const inFlight = new Set()
const leaked = /** @type {number[][]} */ ([])

/** @param {unknown} error */
function fail(error) {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (errors.length < 20) errors.push(message)
  console.error(message)
}
process.on('unhandledRejection', fail)
process.on('uncaughtException', fail)

async function openSoaked() {
  const db = await loop.during('open', () => open({ path, tables: soakTables, ...settings }))
  db.on('flush', ({ durationMs }) => {
    counts.flush++
    loop.nameStalls('flush', durationMs)
  })
  db.on('compaction', ({ durationMs }) => {
    counts.compaction++
    loop.nameStalls('compaction', durationMs)
  })
  db.on('stall', () => counts.stall++)
  db.on('error', ({ where, error }) => fail(`${where}: ${String(error)}`))
  db.on('damage', ({ file, error }) => fail(`${file}: ${String(error)}`))
  db.on('jobFailure', ({ job, error }) => fail(`${job}: ${String(error)}`))
  return db
}

let db = await openSoaked()
const workload = new Workload({
  db: () => db,
  random,
  tenantCount: Number(values.tenants),
  rowsPerTenant: Number(values.rows),
  historyWindowMs: settings.historyWindowMs,
  onRead: (micros) => reads.record(micros),
  ownMicros: () => ownMs() * 1000,
})

/** @param {() => Promise<void>} work */
function start(work) {
  const running = work().catch(fail)
  inFlight.add(running)
  running.finally(() => inFlight.delete(running))
}

async function reopen() {
  await Promise.all(inFlight)
  await workload.release()
  await loop.during('close', () => db.close())
  db = await openSoaked()
  counts.reopen++
}

async function verify() {
  const { isSound, problems } = await loop.during('verify', () => db.verify())
  counts.verify++
  if (!isSound) fail(`verify found ${JSON.stringify(problems)}`)
}

function sample() {
  const atMs = performance.now()
  /** @param {string} name @param {number} value */
  const note = (name, value) => series[name]?.push({ atMs, value })
  const { rss, external, arrayBuffers } = process.memoryUsage()
  const { tablets } = db.stats()
  const debtBytes = tablets.reduce(
    (sum, { levels }) => sum + (levels.find(({ level }) => level === 0)?.bytes ?? 0),
    0,
  )
  note('rssBytes', rss)
  note('externalBytes', external + arrayBuffers)
  note('openFileCount', openFileCount())
  note('threadCount', threadCount())
  note('debtBytes', debtBytes)
  const { logBytes, otherBytes } = bytesOnDisk(path)
  note('logBytes', logBytes)
  disk.push({ bytes: otherBytes, modelBytes: workload.modelBytes })
  if (values.plant === 'leak') leaked.push(Array.from({ length: 200_000 }, () => random.below(9)))
  if (values.plant === 'fd') openSync(process.execPath, 'r')
  if (values.plant === 'stall') for (const end = atMs + 120; performance.now() < end; );
}

async function collect() {
  await loop.during('gc', async () => {
    globalThis.gc?.()
    const { heapUsed } = process.memoryUsage()
    series['heapBytes']?.push({ atMs: performance.now(), value: heapUsed })
  })
}

function report() {
  const window = reads.summary()
  reads = new Histogram()
  readWindows.push(window)
  const latest = (/** @type {string} */ name) => series[name]?.at(-1)?.value ?? 0
  const { bytes, modelBytes } = disk.at(-1) ?? { bytes: 0, modelBytes: 1 }
  console.log(
    `${Math.round((performance.now() - startMs) / 1000)} s: ${counts.steps} steps (${counts.late} late)` +
      `  heap ${Math.round(latest('heapBytes') / MiB)}  rss ${Math.round(latest('rssBytes') / MiB)}` +
      `  disk ${Math.round(bytes / MiB)} of ${Math.round(modelBytes / MiB)} MiB` +
      `  files ${latest('openFileCount')}  read p99 ${window.p99} us` +
      `  loop max ${Math.round(loop.delays.summary().max / 1000)} ms`,
  )
}

/** What is done now and then, with when it is due next. */
const chores = [
  { everyMs: 1000, nextMs: 0, run: async () => sample() },
  { everyMs: GC_EVERY_MS, nextMs: 0, run: collect },
  { everyMs: 10_000, nextMs: 0, run: async () => report() },
  { everyMs: VERIFY_EVERY_MS, nextMs: VERIFY_EVERY_MS, run: verify },
  { everyMs: COMPACT_EVERY_MS, nextMs: COMPACT_EVERY_MS, run: () => db.compact() },
]

console.log(`soak of ${values.minutes} min, ${values.rate}/s, seed ${values.seed}, ${path}`)
await workload.fill()
const startMs = performance.now()
let nextReopenMs = REOPEN_EVERY_MS
for (let due = 0; ; ) {
  const elapsedMs = performance.now() - startMs
  if (elapsedMs >= runMs || errors.length > 0) break
  for (const chore of chores) {
    if (elapsedMs < chore.nextMs) continue
    chore.nextMs = elapsedMs + chore.everyMs
    start(chore.run)
  }
  if (elapsedMs >= nextReopenMs) {
    nextReopenMs = elapsedMs + REOPEN_EVERY_MS
    await reopen()
    if (values.plant === 'wrong') workload.plantWrongAnswer()
    due = ((performance.now() - startMs) / 1000) * Number(values.rate)
  }
  for (; due < (elapsedMs / 1000) * Number(values.rate); due++) {
    if (inFlight.size >= IN_FLIGHT_MAX_COUNT) counts.late++
    else {
      start(() => workload.step())
      counts.steps++
    }
  }
  await sleep(10)
}
await Promise.all(inFlight)
loop.stop()
if (errors.length === 0) {
  await reopen()
  await workload.compareAll().catch(fail)
}
await db.close()

const complaints = judge({ series, readWindows, stalls: loop.stalls, disk, errors })
const middle = (/** @type {'p50' | 'p99' | 'p999'} */ name) =>
  medianOf(readWindows.map((window) => window[name]))
const summary = {
  bench: 'soak',
  minutes: Number(values.minutes),
  rate: Number(values.rate),
  seed: Number(values.seed),
  ...counts,
  rises: Object.fromEntries(
    Object.entries(series).map(([name, points]) => [name, Math.round(riseOf(points).rise)]),
  ),
  means: Object.fromEntries(
    Object.entries(series).map(([name, points]) => [name, Math.round(riseOf(points).mean)]),
  ),
  diskFactor: Number(medianOf(disk.map((at) => at.bytes / at.modelBytes)).toFixed(2)),
  diskFactorMax: DISK_FACTOR_MAX,
  readMicros: { p50: middle('p50'), p99: middle('p99'), p999: middle('p999') },
  loopMicros: loop.delays.summary(),
  stalls: loop.stalls
    .filter(({ ownMs: tookMs }) => tookMs > 50)
    .map(({ during, ownMs: tookMs }) => {
      return { ms: Math.round(tookMs), during }
    }),
  complaints,
  node: process.version,
}
console.log(JSON.stringify(summary, undefined, 2))
if (values.results !== undefined) {
  mkdirSync(join(values.results, '..'), { recursive: true })
  appendFileSync(values.results, `${JSON.stringify(summary)}\n`)
}
rmSync(directory, { recursive: true, force: true })
process.exitCode = complaints.length === 0 ? 0 : 1
