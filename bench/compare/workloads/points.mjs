// Reads that several workloads make: points by key, and the last rows of a tenant. Rates are of slices of some thousand calls,
// so that the clock costs nothing; keys are made before, as texts of their own.
import { deepStrictEqual } from 'node:assert'
import { median, quantile, rounded } from '../../numbers.mjs'
import { order, orderId, seeded, tenantName, tenantOfOrder, zipfOf } from '../../orders.mjs'

const KEY_COUNT = 100_000
const WARM_MS = 300
/** Of reading every key once before the clock starts; slow engines get no further. */
const FIRST_READS_MAX_MS = 5000
const FIRST_READS_SLICE = 1000
const MEASURE_MS = 1000
const SAMPLE_COUNT = 10_000
const LAST_COUNT = 100

const keyOf = (i) => ({ tenant: tenantOfOrder(i), id: orderId(i) })

/** Keys of orders below rowCount: all as likely, some much more likely than others, and none that is there. */
export function makeKeys(rowCount) {
  const random = seeded(77)
  const make = (draw) => Array.from({ length: KEY_COUNT }, () => keyOf(draw()))
  // Which orders are the popular ones has nothing to do with their age.
  const scattered = (rank) => (Math.imul(rank + 1, 0x9e3779b1) >>> 0) % rowCount
  const any = () => Math.floor(random() * rowCount)
  return {
    uniform: make(any),
    zipf: make(() => scattered(zipfOf(random, rowCount))),
    missing: make(any).map(({ tenant, id }) => ({
      tenant,
      id: Buffer.from(`${id.slice(0, -1)}z`).latin1Slice(),
    })),
  }
}

/** Calls per second: the median of slices. `call(n)` makes call n. */
export async function rateOf(call, sliceCount) {
  let next = 0
  const slice = async () => {
    const start = performance.now()
    for (let n = 0; n < sliceCount; n++) {
      const made = call(next++)
      if (made instanceof Promise) await made
    }
    return performance.now() - start
  }
  const warmEnd = performance.now() + WARM_MS
  while (performance.now() < warmEnd) await slice()
  const sliceMs = []
  const end = performance.now() + MEASURE_MS
  while (performance.now() < end || sliceMs.length < 3) sliceMs.push(await slice())
  return Math.round((sliceCount * 1000) / median(sliceMs))
}

/** How long single calls take, in microseconds. */
export async function latenciesOf(call, count = SAMPLE_COUNT) {
  const latencies = new Float64Array(count)
  for (let n = 0; n < count; n++) {
    const start = performance.now()
    const made = call(n)
    if (made instanceof Promise) await made
    latencies[n] = (performance.now() - start) * 1000
  }
  return {
    p50Us: rounded(quantile(latencies, 0.5)),
    p99Us: rounded(quantile(latencies, 0.99)),
  }
}

/** Reads every key once, so that what can be cached is. */
function readFirst(call) {
  const end = performance.now() + FIRST_READS_MAX_MS
  for (let n = 0; n < KEY_COUNT && performance.now() < end; n += FIRST_READS_SLICE) {
    for (let i = n; i < n + FIRST_READS_SLICE; i++) call(i)
  }
}

/** Point reads by keys of one kind. */
export async function measurePoints(db, keys) {
  let found = 0
  const call = (n) => {
    const { tenant, id } = keys[n % KEY_COUNT]
    if (db.get(tenant, id) !== undefined) found++
  }
  readFirst(call)
  const perSecond = await rateOf(call, 2000)
  return { perSecond, found, ...(await latenciesOf(call)) }
}

/** The last rows of tenants, small ones as often as large ones. */
export async function measureLasts(db, tenants) {
  const random = seeded(5)
  const picked = Array.from({ length: 4096 }, () => tenants[Math.floor(random() * tenants.length)])
  const call = (n) => db.last(picked[n & 4095], LAST_COUNT)
  const perSecond = await rateOf(call, 100)
  return { perSecond, ...(await latenciesOf(call, 1000)) }
}

/** Rows of the first tenants that have `LAST_COUNT` of them; all tenants where the load was small. */
export function tenantsOf(rowCount) {
  const counts = new Map()
  for (let i = 0; i < rowCount; i++) {
    const tenant = tenantOfOrder(i)
    counts.set(tenant, (counts.get(tenant) ?? 0) + 1)
  }
  const full = [...counts].filter(([, count]) => count >= LAST_COUNT).map(([tenant]) => tenant)
  return full.length > 0 ? full : [...counts.keys()]
}

/** Rows come back as they went in, in the order that was asked for. */
export async function check(db, rowCount) {
  for (const i of [0, rowCount >> 1, rowCount - 1]) {
    const { tenant, id } = keyOf(i)
    deepStrictEqual(plain(db.get(tenant, id)), order(i))
    if (db.get(tenant, `${id.slice(0, -1)}z`) !== undefined) throw new Error('found what is not')
  }
  for (const tenant of [tenantName(0), tenantOfOrder(rowCount - 1)]) {
    const expected = []
    for (let i = rowCount - 1; i >= 0 && expected.length < LAST_COUNT; i--) {
      if (tenantOfOrder(i) === tenant) expected.push(order(i))
    }
    deepStrictEqual((await db.last(tenant, LAST_COUNT)).map(plain), expected)
  }
}

/** Records of msgpackr and rows of SQLite have prototypes of their own. */
const plain = (row) => JSON.parse(JSON.stringify(row))
