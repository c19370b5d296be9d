// W5: durable load of events of some 8 KB of JSON, 200 a commit, and what they take of the disk. Of slow disks no more than
// LOAD_MAX_MS are waited for.
import { deepStrictEqual } from 'node:assert'
import { event, eventId, tenantOfEvent } from '../../events.mjs'
import { logAndReserveDiskBytes } from '../../log-files.mjs'
import { diskBytes, processorMicros } from '../../machine.mjs'
import { quantile, rounded, sum } from '../../numbers.mjs'

const BATCH_EVENTS = 200
const PIECE_BATCHES = 10
const UNDER_WAY_COUNT = 2
const READ_COUNT = 2000
const LOAD_MAX_MS = 90_000

async function loadEvents(db, wantedCount) {
  const pieceMs = []
  const latencies = []
  const end = performance.now() + LOAD_MAX_MS
  let first = 0
  for (; first < wantedCount && performance.now() < end; first += PIECE_BATCHES * BATCH_EVENTS) {
    const batches = Array.from({ length: PIECE_BATCHES }, (_unused, b) =>
      Array.from({ length: BATCH_EVENTS }, (_, i) => event(first + b * BATCH_EVENTS + i)),
    )
    const start = performance.now()
    const underWay = []
    for (const batch of batches) {
      if (underWay.length === UNDER_WAY_COUNT) await underWay.shift()
      const begin = performance.now()
      const note = () => latencies.push(performance.now() - begin)
      const committed = db.loadEvents(batch)
      if (committed instanceof Promise) underWay.push(committed.then(note))
      else note()
    }
    await Promise.all(underWay)
    pieceMs.push(performance.now() - start)
  }
  return { eventCount: first, loadMs: sum(pieceMs), latencies }
}

async function readEvents(db, eventCount) {
  const latencies = []
  for (let n = 0; n < READ_COUNT; n++) {
    const i = (n * 7919) % eventCount
    const [tenant, id] = [tenantOfEvent(i), eventId(i)]
    const start = performance.now()
    const found = db.getEvent(tenant, id)
    latencies.push((performance.now() - start) * 1000)
    if (n < 10) deepStrictEqual(JSON.parse(JSON.stringify(found)), event(i))
  }
  return latencies
}

export async function run({ open, path, rowCount }) {
  const db = await open(path)
  event(0)
  const micros = processorMicros()
  const { eventCount, loadMs, latencies } = await loadEvents(db, rowCount)
  const start = performance.now()
  await db.settle()
  const settleMs = performance.now() - start
  const takenMicros = processorMicros() - micros
  const [takenBytes, logBytes] = [diskBytes(path), logAndReserveDiskBytes(path)]
  const reads = await readEvents(db, eventCount)
  await db.close()
  return {
    events: eventCount,
    jsonBytesPerEvent: JSON.stringify(event(1)).length,
    eventsPerSecond: Math.round((eventCount * 1000) / loadMs),
    settledEventsPerSecond: Math.round((eventCount * 1000) / (loadMs + settleMs)),
    batchP50Ms: rounded(quantile(latencies, 0.5)),
    batchP99Ms: rounded(quantile(latencies, 0.99)),
    processorMicrosPerEvent: rounded(takenMicros / eventCount),
    diskBytesPerEvent: Math.round(takenBytes / eventCount),
    logAndReserveBytesPerEvent: Math.round(logBytes / eventCount),
    getP50Us: rounded(quantile(reads, 0.5)),
  }
}
