// One engine, one repetition, in a process of its own: loads, reopens, reads, commits. Prints one JSON object.
// node bench/compare/measure.mjs ENGINE --rows 400000 --directory FOLDER
import { deepStrictEqual } from 'node:assert'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { order, orderId, seeded, TENANT_COUNT, tenantName, tenantOf } from '../orders.mjs'
import { ENGINES } from './engines.mjs'

const BATCH_ROWS = 1000
const WARM_MS = 500
const READ_MS = 2000
const COMMIT_MS = 2000
const CLIENT_COUNT = 64
const LAST_COUNT = 100

const { values, positionals } = parseArgs({
  options: { rows: { type: 'string' }, directory: { type: 'string' } },
  allowPositionals: true,
})
const name = positionals[0]
const path = join(values.directory, name)
const batchCount = Math.floor(Number(values.rows) / BATCH_ROWS)

/** Batches are made before the clock starts; each is of one tenant, of zipf-like size. */
function makeBatches() {
  const random = seeded(7)
  return Array.from({ length: batchCount }, (_unused, b) => ({
    tenant: tenantName(tenantOf(random)),
    rows: Array.from({ length: BATCH_ROWS }, (_, i) => order(b * BATCH_ROWS + i, random)),
  }))
}

async function load(batches) {
  const db = await ENGINES[name].open(path)
  const latencies = []
  const start = performance.now()
  for (const { tenant, rows } of batches) {
    const begin = performance.now()
    await db.load(tenant, rows)
    latencies.push(performance.now() - begin)
  }
  const loadMs = performance.now() - start
  await db.settle()
  const settledMs = performance.now() - start
  await db.close()
  const rowCount = batchCount * BATCH_ROWS
  return {
    loadRowsPerSecond: Math.round((rowCount * 1000) / loadMs),
    settledRowsPerSecond: Math.round((rowCount * 1000) / settledMs),
    loadBatchP50Ms: quantile(latencies, 0.5),
    loadBatchP99Ms: quantile(latencies, 0.99),
  }
}

/** How often a call is done in a second; warm. Calls are counted in groups, so that the clock costs nothing. */
async function rate(call, groupCount, forMs) {
  const warmEnd = performance.now() + WARM_MS
  while (performance.now() < warmEnd) await call(groupCount)
  const start = performance.now()
  let count = 0
  while (performance.now() - start < forMs) {
    await call(groupCount)
    count += groupCount
  }
  return Math.round((count * 1000) / (performance.now() - start))
}

async function read(db, tenants) {
  const random = seeded(11)
  const pick = () => Math.floor(random() * batchCount * BATCH_ROWS)
  let sink = 0
  const points = (suffix) => (count) => {
    for (let n = 0; n < count; n++) {
      const i = pick()
      const row = db.get(tenants[Math.floor(i / BATCH_ROWS)], orderId(i) + suffix)
      if (row !== undefined) sink += row.items.length
    }
  }
  const ranges = async (count) => {
    for (let n = 0; n < count; n++) {
      const rows = await db.last(tenants[Math.floor(pick() / BATCH_ROWS)], LAST_COUNT)
      sink += rows.length
    }
  }
  const hits = await rate(points(''), 100, READ_MS)
  const misses = await rate(points('x'), 100, READ_MS)
  const lasts = await rate(ranges, 10, READ_MS)
  if (sink === 0) throw new Error('nothing was read')
  return { hitsPerSecond: hits, missesPerSecond: misses, lastsPerSecond: lasts }
}

async function commit(db) {
  const random = seeded(3)
  let next = batchCount * BATCH_ROWS
  const args = () => [tenantName(Math.floor(random() * TENANT_COUNT)), order(next++, random)]
  const alone = db.commitAlone ?? db.commit
  const one = async (count) => {
    for (let n = 0; n < count; n++) await alone(...args())
  }
  // Clients that each wait for their own commit before the next; where commits cannot share a sync they queue.
  const client = async (count) => {
    for (let n = 0; n < count; n++) await db.commit(...args())
  }
  const many = (count) =>
    Promise.all(Array.from({ length: CLIENT_COUNT }, () => client(count / CLIENT_COUNT)))
  return {
    commitsPerSecond: await rate(one, 10, COMMIT_MS),
    sharedCommitsPerSecond: await rate(many, CLIENT_COUNT * 10, COMMIT_MS),
  }
}

/** Rows come back as they went in, in the order that was asked for. */
async function check(db, batches) {
  for (const b of [0, batchCount >> 1, batchCount - 1]) {
    const { tenant, rows } = batches[b]
    for (const row of [rows[0], rows.at(-1)]) deepStrictEqual(plain(db.get(tenant, row.id)), row)
    const all = batches.filter((batch) => batch.tenant === tenant).flatMap((batch) => batch.rows)
    const expected = all.toSorted((x, y) => (x.id < y.id ? 1 : -1)).slice(0, LAST_COUNT)
    deepStrictEqual((await db.last(tenant, LAST_COUNT)).map(plain), expected)
    if (db.get(tenant, `${rows[0].id}x`) !== undefined) throw new Error('found what is not there')
  }
}

function plain(row) {
  return row === undefined ? undefined : { ...row, items: row.items.map((item) => ({ ...item })) }
}

function quantile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return Number(sorted[Math.floor((sorted.length - 1) * share)].toFixed(2))
}

const batches = makeBatches()
const loaded = await load(batches)
const db = await ENGINES[name].open(path)
await check(db, batches)
const tenants = batches.map(({ tenant }) => tenant)
batches.length = 0
const found = await read(db, tenants)
const committed = await commit(db)
await db.close()
rmSync(path, { recursive: true, force: true })
console.log(JSON.stringify({ ...loaded, ...found, ...committed }))
