// What the past of rows costs those who read the present: rows that changed 1,000 times within the retained history beside
// rows that never did, in one database, read in turns. And the past itself: reads as of a moment half-way.
// node bench/history.mjs [--rows 500] [--versions 1000] [--rounds 15]     prints one JSON object per case
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from 'tabularium'
import { order, orderId, plainOrders, seeded } from './orders.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '500' },
    versions: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '15' },
  },
})
const rowCount = Number(values.rows)
const versionCount = Number(values.versions)
const roundCount = Number(values.rounds)
const SIDES = [
  { tenant: 'never-changed', versions: 1 },
  { tenant: 'often-changed', versions: versionCount },
]

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
  cwd: import.meta.dirname,
  encoding: 'utf8',
}).trim()
const [load] = loadavg()

async function fill(db) {
  let halfWay = 0
  for (const { tenant, versions } of SIDES) {
    const { orders } = db.tenant(tenant)
    for (let version = 0; version < versions; version++) {
      const rows = Array.from({ length: rowCount }, (_, i) => order(i, version))
      const seqNum = await orders.upsert(rows)
      if (version === versions >> 1) halfWay = seqNum
    }
  }
  await db.compact()
  return halfWay
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

/** Microseconds of processor time of one of `count` calls: what else the machine does costs none. */
async function time(count, call) {
  const start = process.cpuUsage()
  for (let i = 0; i < count; i++) await call(i)
  const { user, system } = process.cpuUsage(start)
  return (user + system) / count
}

/** Both sides in turns, so that what else the machine does meets them alike. */
async function compare(name, count, callOf) {
  const calls = SIDES.map(({ tenant }) => callOf(tenant))
  for (const call of calls) await time(count, call)
  const taken = SIDES.map(() => [])
  for (let round = 0; round < roundCount; round++) {
    for (const [i, call] of calls.entries()) taken[i].push(await time(count, call))
  }
  const [plain, busy] = taken.map(median)
  report(name, {
    neverChangedUs: Number(plain.toFixed(2)),
    oftenChangedUs: Number(busy.toFixed(2)),
    ratio: Number((busy / plain).toFixed(3)),
  })
}

function report(name, result) {
  const about = { rows: rowCount, versions: versionCount, rounds: roundCount }
  const node = process.version
  console.log(
    JSON.stringify({ bench: 'history', case: name, ...about, ...result, commit, load, node }),
  )
}

const directory = mkdtempSync(join(tmpdir(), 'tabularium-bench-'))
const settings = { path: directory, tables: { orders: plainOrders }, memoryBudgetBytes: 512 << 20 }
const db = await open(settings)
const halfWay = await fill(db)
const pick = seeded(11)
const id = () => orderId(Math.floor(pick() * rowCount))
let sink = 0

await compare('get', 5000, (tenant) => {
  const { orders } = db.tenant(tenant)
  return () => {
    sink += orders.getSync(id()).items.length
  }
})
await compare('get of a missing key', 5000, (tenant) => {
  const { orders } = db.tenant(tenant)
  return () => {
    sink += orders.getSync(`${id()}x`) === undefined ? 1 : 0
  }
})
await compare('scan of all rows', 10, (tenant) => {
  const { orders } = db.tenant(tenant)
  return async () => {
    sink += (await orders.scan().toArray()).length
  }
})
await compare('reverse scan of 100 rows', 50, (tenant) => {
  const { orders } = db.tenant(tenant)
  return async () => {
    sink += (await orders.scan({ reverse: true, limit: 100 }).toArray()).length
  }
})
const past = db.tenant('often-changed').at(halfWay)
const scanUs = await time(3, async () => {
  sink += (await past.orders.scan().toArray()).length
})
const getUs = await time(500, async () => {
  sink += (await past.orders.get(id())).items.length
})
report('as of a moment half-way', {
  scanOfAllRowsUs: Number(scanUs.toFixed(0)),
  getUs: Number(getUs.toFixed(2)),
})
if (sink === 0) throw new Error('nothing was read')
await db.close()
rmSync(directory, { recursive: true, force: true })
