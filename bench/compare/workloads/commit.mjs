// W1b: one row per durable commit, by a client that waits for each, and by 64 such clients at once.
import { quantile, rounded } from '../../numbers.mjs'
import { order, tenantOfOrder } from '../../orders.mjs'

const WARM_MS = 300
const MEASURE_MS = 1500
const CLIENT_COUNT = 64
/** More than any engine commits in that time. */
const ROW_COUNT = 400_000

/** Clients that each wait for their own commit before the next. Where commits cannot share a sync they queue. */
async function measureClients(clientCount, commitNext) {
  const latencies = []
  const warmEnd = performance.now() + WARM_MS
  const end = warmEnd + MEASURE_MS
  const client = async () => {
    for (let begin = performance.now(); begin < end; begin = performance.now()) {
      const committed = commitNext()
      // Also where it is done already: others would never have their turn.
      await committed
      if (begin >= warmEnd) latencies.push(performance.now() - begin)
    }
  }
  await Promise.all(Array.from({ length: clientCount }, client))
  return {
    perSecond: Math.round((latencies.length * 1000) / MEASURE_MS),
    p50Us: rounded(quantile(latencies, 0.5) * 1000),
    p99Us: rounded(quantile(latencies, 0.99) * 1000),
  }
}

export async function run({ open, path }) {
  const db = await open(path)
  const tenants = Array.from({ length: ROW_COUNT }, (_, i) => tenantOfOrder(i))
  const rows = Array.from({ length: ROW_COUNT }, (_, i) => order(i))
  let next = 0
  const commitBy = (commit) => () => {
    const i = next++ % ROW_COUNT
    return commit(tenants[i], rows[i])
  }
  const alone = await measureClients(1, commitBy(db.commitAlone ?? db.commit))
  const shared = await measureClients(CLIENT_COUNT, commitBy(db.commit))
  for (const i of [0, Math.min(next, ROW_COUNT) - 1]) {
    if (db.get(tenants[i], rows[i].id)?.amount !== rows[i].amount) throw new Error('a row is lost')
  }
  await db.close()
  return {
    alonePerSecond: alone.perSecond,
    aloneP50Us: alone.p50Us,
    aloneP99Us: alone.p99Us,
    sharedPerSecond: shared.perSecond,
    sharedP50Us: shared.p50Us,
    sharedP99Us: shared.p99Us,
  }
}
