// Commits of one row: one client that waits for each, and 64 clients that share writes and syncs; durable, and relaxed.
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

/** @param {'sync' | 'relaxed'} durability */
function commit(durability) {
  const i = next++
  const { orders } = db.tenant(tenantName(tenantOf(random)))
  return orders.insert(order(i, random), { durability })
}

const cases = /** @type {const} */ (['sync', 'relaxed']).flatMap((durability) =>
  [1, clientCount].map((clients) => ({ durability, clients })),
)
const bench = new Bench({ time: 3000, warmupTime: 1000 })
for (const { durability, clients } of cases) {
  bench.add(`${clients} ${durability}`, async () => {
    await Promise.all(Array.from({ length: clients }, () => commit(durability)))
  })
}
await bench.run()
for (const [i, { clients, durability }] of cases.entries()) {
  const { latency } = bench.tasks[i].result
  console.log(
    JSON.stringify({
      bench: 'commits',
      case: clients === 1 ? 'one client' : `${clients} clients`,
      commitsPerSecond: Math.round((clients * 1000) / latency.mean),
      p50Us: Math.round(latency.p50 * 1000),
      p99Us: Math.round(latency.p99 * 1000),
      durability,
      node: process.version,
    }),
  )
}
await db.close()
rmSync(directory, { recursive: true, force: true })
