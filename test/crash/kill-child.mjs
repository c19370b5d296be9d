// The victim of kill.test.ts and syscall-kill.test.ts: workers commit batches over two tenants, each batch whole or not at
// all, and every acknowledged batch is named on standard output before the next begins. It says `start` before it opens
// and `open` after.
//
// Arguments: directory, run, script. `endless` has eight workers and no end; the others have one worker, make the same
// system calls each time, and end.
import { writeSync } from 'node:fs'
import { open } from 'tabularium'
import { killTables, ROWS_PER_BATCH, TENANTS } from './kill-tables.mjs'

const [directory, run, script = 'endless'] = process.argv.slice(2)

writeSync(1, 'start\n')
let db = await openAgain()
writeSync(1, 'open\n')

function openAgain() {
  return open({
    path: directory,
    tables: killTables,
    memoryBudgetBytes: 4 << 20,
    walFileBytes: script === 'endless' ? 256 * 1024 : 64 * 1024,
    historyWindowMs: 0,
  })
}

async function commitBatch(worker, i, noteBytes = (i * 37) % 300) {
  const batch = `${run}-${worker}-${i}`
  // The death of a process takes no commit back, whatever it asked for.
  const durability = (worker + i) % 2 === 0 ? 'sync' : 'relaxed'
  const commit = async (tx) => {
    for (const name of TENANTS) {
      const tenant = tx.tenant(name)
      for (let row = 0; row < ROWS_PER_BATCH; row++) {
        await tenant.entries.insert({ id: `${batch}-${row}`, batch, note: 'x'.repeat(noteBytes) })
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
  }
  await db.transact(commit, { durability })
  writeSync(1, `${batch}\n`)
}

async function work(worker) {
  for (let i = 0; ; i++) await commitBatch(worker, i)
}

const SCRIPTS = {
  endless: () => Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker))),

  async commits() {
    for (let i = 0; i < 16; i++) await commitBatch(0, i, 1500)
  },

  async tables() {
    for (let i = 0; i < 10; i++) {
      await commitBatch(0, i)
      await db.flush()
    }
    await db.compact()
    await commitBatch(0, 10)
  },

  async reopen() {
    for (let i = 0; i < 4; i++) {
      await commitBatch(0, i)
      await db.close()
      db = await openAgain()
    }
  },
}

await SCRIPTS[script]()
await db.close()
