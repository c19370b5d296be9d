// Point reads and scans over a loaded database, rows decoded to objects.
// node bench/reads.mjs [--rows 1000000]     prints one JSON object per case
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Bench } from 'tinybench'
import { open } from 'tabularium'
import { order, orderId, plainOrders, seeded, TENANT_COUNT, tenantName } from './orders.mjs'

const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' } } })
const rowCount = Number(values.rows)
const directory = mkdtempSync(join(tmpdir(), 'tabularium-bench-'))
const settings = { path: directory, tables: { orders: plainOrders }, blockCacheBytes: 512 << 20 }

/** Row i belongs to tenant i mod 1,000: every tenant is the same size, every read is as likely. */
async function load() {
  const db = await open(settings)
  const random = seeded(7)
  for (let tenant = 0; tenant < TENANT_COUNT; tenant++) {
    const rows = []
    for (let i = tenant; i < rowCount; i += TENANT_COUNT) rows.push(order(i, random))
    await db.tenant(tenantName(tenant)).orders.insert(rows)
  }
  await db.compact()
  await db.close()
}

function report(task, extra = {}) {
  const { latency, throughput } = task.result
  console.log(
    JSON.stringify({
      bench: 'reads',
      case: task.name,
      rows: rowCount,
      perSecond: Math.round(throughput.mean),
      p50Us: Number((latency.p50 * 1000).toFixed(2)),
      p99Us: Number((latency.p99 * 1000).toFixed(2)),
      node: process.version,
      ...extra,
    }),
  )
}

async function measure() {
  const db = await open(settings)
  const tenants = Array.from({ length: TENANT_COUNT }, (_, i) => db.tenant(tenantName(i)).orders)
  const random = seeded(11)
  const pick = () => Math.floor(random() * rowCount)
  let sink = 0
  const bench = new Bench({ time: 3000, warmupTime: 2000 })
  bench
    .add('point read, getSync', () => {
      const i = pick()
      sink += tenants[i % TENANT_COUNT].getSync(orderId(i)).items.length
    })
    .add('point read, get', async () => {
      const i = pick()
      sink += (await tenants[i % TENANT_COUNT].get(orderId(i))).items.length
    })
    .add('point read of a missing key, getSync', () => {
      const i = pick()
      sink += tenants[i % TENANT_COUNT].getSync(`${orderId(i)}x`) === undefined ? 0 : 1
    })
    .add('last 100 rows of a tenant', async () => {
      const i = pick()
      const rows = await tenants[i % TENANT_COUNT].scan({ reverse: true, limit: 100 }).toArray()
      sink += rows.length
    })
  await bench.run()
  for (const task of bench.tasks) report(task)
  if (sink === 0) throw new Error('nothing was read')
  await db.close()
}

await load()
await measure()
rmSync(directory, { recursive: true, force: true })
