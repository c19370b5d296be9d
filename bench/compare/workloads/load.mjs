// W1: durable load in batches of 1,000 orders over all tenants, each batch a commit. Where the engine takes a commit without
// blocking, the next batch is put together meanwhile. Rows are made in pieces beside the clock.
import { diskBytes, processorMicros, residentMib, writtenBytes } from '../../machine.mjs'
import { quantile, rounded, sum } from '../../numbers.mjs'
import { order, tenantOfOrder } from '../../orders.mjs'

const BATCH_ROWS = 1000
const PIECE_BATCHES = 50
const UNDER_WAY_COUNT = 2
const PARTS = 10

function batchesOf(first, count) {
  return Array.from({ length: count }, (_unused, b) => {
    const start = first + b * BATCH_ROWS
    const tenants = Array.from({ length: BATCH_ROWS }, (_, i) => tenantOfOrder(start + i))
    return { tenants, rows: Array.from({ length: BATCH_ROWS }, (_, i) => order(start + i)) }
  })
}

/** Commits batches, `UNDER_WAY_COUNT` at a time; how long each took in milliseconds. */
async function commitBatches(db, batches) {
  const latencies = []
  const underWay = []
  for (const { tenants, rows } of batches) {
    if (underWay.length === UNDER_WAY_COUNT) await underWay.shift()
    const begin = performance.now()
    const note = () => latencies.push(performance.now() - begin)
    const committed = db.load(tenants, rows)
    if (committed instanceof Promise) underWay.push(committed.then(note))
    else note()
  }
  await Promise.all(underWay)
  return latencies
}

async function loadRows(db, rowCount) {
  const batchCount = Math.floor(rowCount / BATCH_ROWS)
  const latencies = []
  const pieceMs = []
  let madeMicros = 0
  for (let b = 0; b < batchCount; b += PIECE_BATCHES) {
    const cpu = processorMicros()
    const batches = batchesOf(b * BATCH_ROWS, Math.min(PIECE_BATCHES, batchCount - b))
    madeMicros += processorMicros() - cpu
    const start = performance.now()
    latencies.push(...(await commitBatches(db, batches)))
    pieceMs.push(performance.now() - start)
  }
  return { latencies, pieceMs, madeMicros }
}

/** Rows per second in each tenth of the load. */
function ratesOf(pieceMs) {
  const pieces = Math.floor(pieceMs.length / PARTS)
  if (pieces === 0) return undefined
  return Array.from({ length: PARTS }, (_, part) => {
    const ms = sum(pieceMs.slice(part * pieces, (part + 1) * pieces))
    return Math.round((pieces * PIECE_BATCHES * BATCH_ROWS * 1000) / ms)
  })
}

/** Loads orders 0 to rowCount into an empty directory and leaves them there, settled and closed. */
export async function run({ open, path, rowCount, isRelaxed = false }) {
  const db = await open(path, { isRelaxed })
  const before = { micros: processorMicros(), bytes: writtenBytes() }
  const { latencies, pieceMs, madeMicros } = await loadRows(db, rowCount)
  const loadMs = sum(pieceMs)
  const loadedBytes = diskBytes(path)
  const start = performance.now()
  await db.settle()
  const settleMs = performance.now() - start
  const micros = processorMicros() - before.micros - madeMicros
  const rssMib = residentMib()
  await db.close()
  const written = writtenBytes()
  const perRow = (bytes) => Math.round(bytes / rowCount)
  return {
    rowsPerSecond: Math.round((rowCount * 1000) / loadMs),
    settledRowsPerSecond: Math.round((rowCount * 1000) / (loadMs + settleMs)),
    rowsPerSecondByTenth: ratesOf(pieceMs),
    batchP50Ms: rounded(quantile(latencies, 0.5)),
    batchP99Ms: rounded(quantile(latencies, 0.99)),
    batchMaxMs: rounded(quantile(latencies, 1)),
    processorMicrosPerRow: rounded(micros / rowCount),
    loadedBytesPerRow: perRow(loadedBytes),
    diskBytesPerRow: perRow(diskBytes(path)),
    ...(written !== undefined && { writtenBytesPerRow: perRow(written - before.bytes) }),
    rssMib,
  }
}
