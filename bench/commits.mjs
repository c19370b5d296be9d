// Durable commits of one row: one client that waits for each, and 64 clients that share syncs.
// node bench/commits.mjs [--clients 64]     prints one JSON object per case
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from 'tabularium'
import { Bench } from 'tinybench'
import { order, plainOrders, seeded, tenantName, tenantOf } from './orders.mjs'

const { values } = parseArgs({ options: { clients: { type: 'string', default: '64' } } })
const clientCount = Number(values.clients)
const directory = mkdtempSync(join(tmpdir(), 'tabularium-bench-'))
const db = await open({ path: directory, tables: { orders: plainOrders } })
const random = seeded(3)
let next = 0

function commit() {
  const i = next++
  return db.tenant(tenantName(tenantOf(random))).orders.insert(order(i, random))
}

const bench = new Bench({ time: 3000, warmupTime: 1000 })
bench
  .add('one client', commit)
  .add(`${clientCount} clients`, () => Promise.all(Array.from({ length: clientCount }, commit)))
await bench.run()
for (const [i, task] of bench.tasks.entries()) {
  const commits = i === 0 ? 1 : clientCount
  const { latency } = task.result
  console.log(
    JSON.stringify({
      bench: 'commits',
      case: task.name,
      commitsPerSecond: Math.round((commits * 1000) / latency.mean),
      p50Us: Math.round(latency.p50 * 1000),
      p99Us: Math.round(latency.p99 * 1000),
      durability: 'sync',
      node: process.version,
    }),
  )
}
await db.close()
rmSync(directory, { recursive: true, force: true })
