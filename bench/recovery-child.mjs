// One step of bench/recovery.mjs in a process of its own. Prints one JSON object, or dies as a crash would.
// node bench/recovery-child.mjs STEP ENGINE PATH [--rows N] [--batch N] [--wal-bytes N]
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ENGINES } from './compare/engines.mjs'
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
    yield { tenant, rows: Array.from({ length: batchRows }, (_, i) => order(first + i, random)) }
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
      else await db.load(tenant, rows)
    }
  }
  await Promise.all(Array.from({ length: CLIENT_COUNT }, client))
  return rowCount
}

/** Bytes of log files in the directory, without the zeros that one made ahead of its use ends with. */
function logBytes() {
  return readdirSync(path)
    .filter((file) => /\.(wal|log)$/.test(file))
    .reduce((sum, file) => sum + usedBytes(join(path, file)), 0)
}

function usedBytes(file) {
  const fd = openSync(file, 'r')
  const piece = Buffer.alloc(1 << 20)
  const zeros = Buffer.alloc(piece.length)
  let end = fstatSync(fd).size
  for (let isZero = true; isZero && end > 0; ) {
    const start = Math.max(0, end - piece.length)
    const read = piece.subarray(0, readSync(fd, piece, 0, end - start, start))
    const isEmpty = read.equals(zeros.subarray(0, read.length))
    const last = isEmpty ? -1 : read.findLastIndex((byte) => byte !== 0)
    isZero = last < 0
    end = start + last + 1
  }
  closeSync(fd)
  return end
}

const STEPS = {
  /** A database that was closed after all its rows were settled in tables. */
  async load() {
    const db = await ENGINES[name].open(path)
    const rows = await write(db, (count) => count >= Number(values.rows))
    await db.settle()
    await db.close()
    return { rows }
  },
  /** A log of that size with nothing of it in tables, and no close. */
  async fill() {
    const db = await ENGINES[name].open(path, { bufferBytes: BUFFER_BYTES })
    let next = 0
    const isEnough = (count) => {
      if (count < next) return false
      next = count + 20_000
      return logBytes() >= walBytes
    }
    const rows = await write(db, isEnough)
    console.log(JSON.stringify({ rows, commits: rows / batchRows, logBytes: logBytes() }))
    process.kill(process.pid, 'SIGKILL')
  },
  /** Opens as a service that starts would, with default memory, and reads one row. */
  async open() {
    // orders.mjs has imported ours.
    if (name !== 'tabularium') await import(`./compare/node_modules/${name}/index.js`)
    const beforeMib = mib(process.memoryUsage.rss())
    const cpu = process.cpuUsage()
    const start = performance.now()
    const db = await ENGINES[name].open(path)
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
