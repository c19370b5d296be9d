// W2, W3 and W4 on the settled, reopened database of load.mjs: point reads, the last rows of a tenant, and nine reads to one
// write. Reads meet warm caches: the block cache holds what it can, the rest is in the file system's.
import { deepStrictEqual } from 'node:assert'
import { median, rounded } from '../../numbers.mjs'
import { order, tenantOfOrder } from '../../orders.mjs'
import { check, makeKeys, measureLasts, measurePoints, tenantsOf } from './points.mjs'

const MIXED_MS = 1500
const MIXED_WARM_MS = 300
const READS_PER_ROUND = 90
const WRITES_PER_ROUND = 10
const ROUNDS_PER_SLICE = 20

/** Ninety reads of popular keys, then ten new rows in one relaxed commit, over and over. */
async function measureMixed(db, keys, rowCount) {
  let nextKey = 0
  let nextRow = rowCount
  const makeBatch = () => {
    const numbers = Array.from({ length: WRITES_PER_ROUND }, () => nextRow++)
    return { tenants: numbers.map(tenantOfOrder), rows: numbers.map((i) => order(i)) }
  }
  const slice = async () => {
    const batches = Array.from({ length: ROUNDS_PER_SLICE }, makeBatch)
    const start = performance.now()
    for (const { tenants, rows } of batches) {
      for (let n = 0; n < READS_PER_ROUND; n++) {
        const { tenant, id } = keys[nextKey++ % keys.length]
        db.get(tenant, id)
      }
      const committed = db.load(tenants, rows)
      if (committed instanceof Promise) await committed
    }
    return performance.now() - start
  }
  const begin = performance.now()
  while (performance.now() < begin + MIXED_WARM_MS) await slice()
  const sliceMs = []
  while (performance.now() < begin + MIXED_WARM_MS + MIXED_MS) sliceMs.push(await slice())
  const last = order(nextRow - 1)
  deepStrictEqual(JSON.parse(JSON.stringify(db.get(tenantOfOrder(nextRow - 1), last.id))), last)
  const opCount = ROUNDS_PER_SLICE * (READS_PER_ROUND + WRITES_PER_ROUND)
  return {
    perSecond: Math.round((opCount * 1000) / median(sliceMs)),
    rowsAdded: nextRow - rowCount,
  }
}

export async function run({ open, path, rowCount }) {
  const db = await open(path, { isRelaxed: true })
  await check(db, rowCount)
  const keys = makeKeys(rowCount)
  const uniform = await measurePoints(db, keys.uniform)
  const zipf = await measurePoints(db, keys.zipf)
  const missing = await measurePoints(db, keys.missing)
  if (uniform.found === 0 || missing.found > 0) throw new Error('reads found the wrong rows')
  const lasts = await measureLasts(db, tenantsOf(rowCount))
  const mixed = await measureMixed(db, keys.zipf, rowCount)
  await db.close()
  return {
    uniformPerSecond: uniform.perSecond,
    uniformP50Us: uniform.p50Us,
    uniformP99Us: uniform.p99Us,
    zipfPerSecond: zipf.perSecond,
    missingPerSecond: missing.perSecond,
    lastsPerSecond: lasts.perSecond,
    lastsP50Us: rounded(lasts.p50Us),
    lastsP99Us: rounded(lasts.p99Us),
    mixedPerSecond: mixed.perSecond,
    mixedRowsAdded: mixed.rowsAdded,
  }
}
