// Durable load: batches of 1,000 rows, one synced commit per batch, flush and compaction included.
// node bench/load.mjs [--rows 1000000] [--batch 1000]     prints one JSON object per case
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Bench } from 'tinybench'
import { open } from 'tabularium'
import {
  indexedOrders,
  order,
  plainOrders,
  seeded,
  TENANT_COUNT,
  tenantName,
  tenantOf,
} from './orders.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    batch: { type: 'string', default: '1000' },
  },
})
const rowCount = Number(values.rows)
const batchRows = Number(values.batch)
const batchCount = Math.floor(rowCount / batchRows)

/** Batches are made before the clock starts; each goes to one tenant, as a service that imports would do. */
function makeBatches() {
  const random = seeded(7)
  return Array.from({ length: batchCount }, (_unused, b) => ({
    tenant: tenantName(tenantOf(random)),
    rows: Array.from({ length: batchRows }, (_, i) => order(b * batchRows + i, random)),
  }))
}

async function run(name, orders) {
  const directory = mkdtempSync(join(tmpdir(), 'tabularium-bench-'))
  const batches = makeBatches()
  const jsonBytes = JSON.stringify(batches[0].rows).length / batchRows
  const db = await open({ path: directory, tables: { orders } })
  for (let i = 0; i < TENANT_COUNT; i++) db.tenant(tenantName(i))
  let next = 0
  const bench = new Bench({ time: 0, iterations: batchCount, warmup: false })
  bench.add(name, async () => {
    const { tenant, rows } = batches[next++]
    await db.tenant(tenant).orders.insert(rows)
  })
  const start = performance.now()
  await bench.run()
  const loadMs = performance.now() - start
  await db.close()
  const totalMs = performance.now() - start
  const { latency } = bench.tasks[0].result
  console.log(
    JSON.stringify({
      bench: 'load',
      case: name,
      rows: batchCount * batchRows,
      batchRows,
      jsonBytesPerRow: Math.round(jsonBytes),
      rowsPerSecond: Math.round((batchCount * batchRows) / (loadMs / 1000)),
      rowsPerSecondWithClose: Math.round((batchCount * batchRows) / (totalMs / 1000)),
      batchP50Ms: Number(latency.p50.toFixed(2)),
      batchP99Ms: Number(latency.p99.toFixed(2)),
      durability: 'sync',
      node: process.version,
    }),
  )
  rmSync(directory, { recursive: true, force: true })
}

await run('two indexes off', plainOrders)
await run('two indexes on', indexedOrders)
