// Whether a row costs the same however many there are: loads up to tens of millions of rows, and at each stop on the way
// measures what the rows since the last one cost to load, what a point read costs and what the last 100 rows of a tenant,
// and how many bytes flushes and compactions wrote for each byte flushed, until all was settled. A point read and a scan at one
// moment of a machine can cost twice what they do at another: what they cost in the database of the first stop is measured
// with them, in turns, and `readTimes` and `scanTimes` are to that.
// node bench/scale.mjs [--rows 50000000] [--stops 1000000,2000000,5000000,10000000,20000000,50000000] [--dir FOLDER]
//                      [--name scale]
// Can be cut off and started again: it goes on with the rows that FOLDER holds. Prints one JSON object per stop, and keeps
// them in bench/results.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { open } from 'tabularium'
import { diskBytes, machineFacts, systemLoad } from './machine.mjs'
import { median } from './numbers.mjs'
import {
  order,
  orderId,
  plainOrders,
  seeded,
  TENANT_COUNT,
  tenantName,
  tenantOf,
} from './orders.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '50000000' },
    stops: { type: 'string', default: '1000000,2000000,5000000,10000000,20000000,50000000' },
    dir: { type: 'string', default: join(tmpdir(), 'tabularium-scale') },
    name: { type: 'string', default: 'scale' },
  },
})
const BATCH_ROWS = 1000
/** Batches made before the clock starts, and commits under way at once. */
const STRETCH_BATCHES = 100
const CLIENT_COUNT = 4
const READ_COUNT = 20_000
const SCAN_COUNT = 500
/** Calls between two looks at the clock, and how long calls are made: bad moments of the machine fall into few of many slices. */
const READ_SLICE_COUNT = 1000
const SCAN_SLICE_COUNT = 25
const MEASURE_MS = 6000
/** Reads are of rows that lie in this many stretches, so that they are of cached blocks at every size. */
const HOT_BATCHES = 100

const rowMax = Number(values.rows)
const stops = values.stops
  .split(',')
  .map(Number)
  .filter((rows) => rows <= rowMax)
const output = fileURLToPath(new URL(`results/${values.name}.jsonl`, import.meta.url))
const statePath = join(values.dir, 'state.json')
const path = join(values.dir, 'database')
/** The database as it was at the first stop. */
const firstPath = join(values.dir, 'first')

/** A batch follows from its number alone: who goes on writes what was to come. */
function batchOf(number) {
  const random = seeded(number + 1)
  const tenant = tenantName(tenantOf(random))
  const first = number * BATCH_ROWS
  return { tenant, rows: Array.from({ length: BATCH_ROWS }, (_, i) => order(first + i, random)) }
}

const tenantOfBatch = (number) => tenantName(tenantOf(seeded(number + 1)))

/** Loads batches from `from` up to `to`; how long it took, in milliseconds of the clock and of the processor. */
async function load(db, from, to) {
  let wallMs = 0
  let cpuMs = 0
  for (let first = from; first < to; first += STRETCH_BATCHES) {
    const last = Math.min(first + STRETCH_BATCHES, to)
    const batches = Array.from({ length: last - first }, (_, i) => batchOf(first + i))
    const cpu = process.cpuUsage()
    const start = performance.now()
    const client = async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        await db.tenant(batch.tenant).orders.upsert(batch.rows)
      }
    }
    await Promise.all(Array.from({ length: CLIENT_COUNT }, client))
    wallMs += performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    cpuMs += (user + system) / 1000
  }
  return { wallMs, cpuMs }
}

/**
 * Two ways to call, in turns, once each of the `count` calls was made both ways: microseconds of one call of the first way, as
 * the median of slices, and how many times as much as of the second, as the median of slices side by side.
 */
async function time(count, sliceCount, ...ways) {
  const next = [0, 0]
  const slice = async (way, calls) => {
    const start = performance.now()
    for (let n = 0; n < calls; n++) {
      const made = ways[way](next[way]++ % count)
      if (made instanceof Promise) await made
    }
    return ((performance.now() - start) * 1000) / calls
  }
  for (const way of [0, 1]) await slice(way, count)
  const micros = []
  const times = []
  const end = performance.now() + MEASURE_MS
  while (performance.now() < end || micros.length < 3) {
    // Each goes first every other time.
    const turns = micros.length % 2 === 0 ? [0, 1] : [1, 0]
    const taken = []
    for (const way of turns) taken[way] = await slice(way, sliceCount)
    micros.push(taken[0])
    times.push(taken[0] / taken[1])
  }
  return { micros: median(micros), times: median(times) }
}

/** Reads and scans of a database, by their numbers. */
function readsOf(db, batchCount) {
  const random = seeded(11)
  const hot = Array.from({ length: HOT_BATCHES }, () => Math.floor(random() * batchCount))
  const sessions = Array.from({ length: TENANT_COUNT }, (_, i) => db.tenant(tenantName(i)).orders)
  const byName = new Map(sessions.map((session, i) => [tenantName(i), session]))
  const places = Array.from({ length: READ_COUNT }, () => {
    const batch = hot[Math.floor(random() * HOT_BATCHES)]
    const id = orderId(batch * BATCH_ROWS + Math.floor(random() * BATCH_ROWS))
    return { orders: byName.get(tenantOfBatch(batch)), id }
  })
  return {
    read(i) {
      const { orders, id } = places[i]
      if (orders.getSync(id) === undefined) throw new Error(`${id} is not there`)
    },
    async scan(i) {
      const rows = await places[i].orders.scan({ reverse: true, limit: 100 }).toArray()
      if (rows.length !== 100) throw new Error('a tenant has fewer rows than were written')
    },
  }
}

async function measureReads(db, batchCount, firstBatchCount) {
  const first = await open({ path: firstPath, tables: { orders: plainOrders }, historyWindowMs: 0 })
  const ours = readsOf(db, batchCount)
  const theirs = readsOf(first, firstBatchCount)
  const reads = await time(READ_COUNT, READ_SLICE_COUNT, ours.read, theirs.read)
  const scans = await time(SCAN_COUNT, SCAN_SLICE_COUNT, ours.scan, theirs.scan)
  await first.close()
  return { reads, scans }
}

/** Counts what flushes and compactions of a database write. */
function countWritten(db) {
  const written = { flushed: 0, compacted: 0 }
  db.on('flush', ({ outputBytes }) => (written.flushed += outputBytes))
  db.on('compaction', ({ outputBytes, inputFileIds, outputFileIds }) => {
    // Tables that move are not written.
    if (!outputFileIds.every((id) => inputFileIds.includes(id))) written.compacted += outputBytes
  })
  return written
}

mkdirSync(values.dir, { recursive: true })
const state = existsSync(statePath)
  ? JSON.parse(readFileSync(statePath, 'utf8'))
  : { batchCount: 0, lines: [] }

for (const rows of stops) {
  const batchCount = rows / BATCH_ROWS
  if (batchCount <= state.batchCount) continue
  // Without history: rows that are loaded again take the place of those before.
  const db = await open({ path, tables: { orders: plainOrders }, historyWindowMs: 0 })
  const written = countWritten(db)
  const { wallMs, cpuMs } = await load(db, state.batchCount, batchCount)
  const settleStart = performance.now()
  await db.compact()
  const settleMs = performance.now() - settleStart
  const loadedRows = rows - state.batchCount * BATCH_ROWS
  if (state.batchCount === 0) {
    rmSync(firstPath, { recursive: true, force: true })
    await db.checkpoint(firstPath)
  }
  const firstRows = state.lines[0]?.rows ?? rows
  const { reads, scans } = await measureReads(db, batchCount, firstRows / BATCH_ROWS)
  const { tableBytes, tableCount } = db.stats()
  await db.close()
  const micros = (ms) => Number(((ms * 1000) / loadedRows).toFixed(2))
  state.lines.push({
    bench: 'scale',
    rows,
    loadMicrosPerRow: micros(wallMs),
    loadCpuMicrosPerRow: micros(cpuMs),
    settledMicrosPerRow: micros(wallMs + settleMs),
    readMicros: Number(reads.micros.toFixed(2)),
    readTimes: Number(reads.times.toFixed(2)),
    scanMicros: Number(scans.micros.toFixed(1)),
    scanTimes: Number(scans.times.toFixed(2)),
    writtenPerFlushedByte: Number((1 + written.compacted / written.flushed).toFixed(2)),
    tableCount,
    tableBytesPerRow: Number((tableBytes / rows).toFixed(1)),
    diskBytesPerRow: Number((diskBytes(path) / rows).toFixed(1)),
    load: systemLoad(),
    ...machineFacts(),
  })
  state.batchCount = batchCount
  // Only now: a stop that was cut off is loaded again, which changes nothing but its figures.
  writeFileSync(statePath, JSON.stringify(state))
  console.log(JSON.stringify(state.lines.at(-1)))
}
writeFileSync(output, state.lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
