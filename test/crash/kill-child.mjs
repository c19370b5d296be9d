// The victim of kill.test.ts: eight workers commit batches over two tenants, each batch whole or not at all, and every
// acknowledged batch is named on standard output before the next begins.
import { writeSync } from 'node:fs'
import { open } from 'tabularium'
import { killTables, ROWS_PER_BATCH, TENANTS } from './kill-tables.mjs'

const [directory, run] = process.argv.slice(2)
const db = await open({
  path: directory,
  tables: killTables,
  memtableBudgetBytes: 1 << 20,
  walFileBytes: 256 * 1024,
  historyWindowMs: 0,
})
writeSync(1, 'open\n')

async function work(worker) {
  for (let i = 0; ; i++) {
    const batch = `${run}-${worker}-${i}`
    await db.transact(async (tx) => {
      for (const name of TENANTS) {
        const tenant = tx.tenant(name)
        for (let row = 0; row < ROWS_PER_BATCH; row++) {
          await tenant.entries.insert({
            id: `${batch}-${row}`,
            batch,
            note: 'x'.repeat((i * 37) % 300),
          })
        }
        const key = `worker-${worker}`
        const counter = await tenant.counters.get(key)
        await tenant.counters.upsert({ id: key, count: (counter?.count ?? 0) + 1, last: batch })
        // Every third batch takes back the one before, so that deletes and index removals are under fire too.
        if (i % 3 === 2) {
          for (let row = 0; row < ROWS_PER_BATCH; row++) {
            await tenant.entries.delete(`${run}-${worker}-${i - 1}-${row}`)
          }
        }
      }
    })
    writeSync(1, `${batch}\n`)
  }
}

await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)))
