// One step of bench/recovery.mjs in a process of its own. Prints one JSON object, or dies as a crash would.
// node bench/recovery-child.mjs STEP ENGINE PATH [--rows N] [--batch N] [--wal-bytes N]
import { parseArgs } from 'node:util'
import { importEngine, openEngine } from './compare/engines.mjs'
import { logBytes } from './log-files.mjs'
import { order, orderId, seeded, tenantName, tenantOf } from './orders.mjs'

const { values, positionals } = parseArgs({
  options: {
    rows: { type: 'string', default: '0' },
    batch: { type: 'string', default: '1000' },
    'wal-bytes': { type: 'string', default: '0' },
  },
  allowPositionals: true,
})
const [step, name, path] = positionals
const batchRows = Number(values.batch)
const walBytes = Number(values['wal-bytes'])
/** Commits in flight: enough that syncs are shared, as long as the commits are small. */
const CLIENT_COUNT = batchRows === 1 ? 2000 : 4
/** More than the log is filled to. */
const BUFFER_BYTES = 2 ** 31
/** Behind the first row of the first batch, which every opening reads. */
const FIRST_TENANT = tenantName(tenantOf(seeded(7)))

const mib = (bytes) => Math.round(bytes / 2 ** 20)

/** Batches of one tenant each, of zipf-like size. */
function* batches() {
  const random = seeded(7)
  for (let first = 0; ; first += batchRows) {
    const tenant = tenantName(tenantOf(random))
    yield { tenant, rows: Array.from({ length: batchRows }, (_, i) => order(first + i)) }
  }
}

/** Commits batches, some at a time, until `isEnough` of the rows so far says so; how many rows that were. */
async function write(db, isEnough) {
  const source = batches()
  let rowCount = 0
  const client = async () => {
    while (!isEnough(rowCount)) {
      const { tenant, rows } = source.next().value
      rowCount += rows.length
      if (rows.length === 1) await db.commit(tenant, rows[0])
      else await db.load(Array(rows.length).fill(tenant), rows)
    }
  }
  await Promise.all(Array.from({ length: CLIENT_COUNT }, client))
  return rowCount
}

const STEPS = {
  /** A database that was closed after all its rows were settled in tables. */
  async load() {
    const db = await openEngine(name, path)
    const rows = await write(db, (count) => count >= Number(values.rows))
    await db.settle()
    await db.close()
    return { rows }
  },
  /** A log of that size with nothing of it in tables, and no close. */
  async fill() {
    const db = await openEngine(name, path, { bufferBytes: BUFFER_BYTES })
    let next = 0
    let isFull = false
    // Asked by each client: once it is enough, it is enough for all of them.
    const isEnough = (count) => {
      if (count >= next) {
        next = count + 20_000
        isFull ||= logBytes(path) >= walBytes
      }
      return isFull
    }
    const rows = await write(db, isEnough)
    console.log(JSON.stringify({ rows, commits: rows / batchRows, logBytes: logBytes(path) }))
    process.kill(process.pid, 'SIGKILL')
  },
  /** Opens as a service that starts would, with default memory, and reads one row. */
  async open() {
    await importEngine(name)
    const beforeMib = mib(process.memoryUsage.rss())
    const cpu = process.cpuUsage()
    const start = performance.now()
    const db = await openEngine(name, path)
    const openMs = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    const openCpuMs = (user + system) / 1000
    const row = await db.get(FIRST_TENANT, orderId(0))
    const firstReadMs = performance.now() - start - openMs
    if (row?.id !== orderId(0)) throw new Error('the first row is not there')
    const rssMib = mib(process.memoryUsage.rss())
    const peakMib = mib(process.resourceUsage().maxRSS * 1024)
    console.log(JSON.stringify({ openMs, openCpuMs, firstReadMs, beforeMib, rssMib, peakMib }))
    // Not closed: that would bring a replayed log into tables, and the next opening would find nothing to replay.
    process.kill(process.pid, 'SIGKILL')
  },
}

console.log(JSON.stringify(await STEPS[step]()))
