// W2 with rows in memory: point reads of what was written just before and is in no table yet, where the engine has some.
import { order, tenantOfOrder } from '../../orders.mjs'
import { check, makeKeys, measurePoints } from './points.mjs'

const ROW_COUNT = 100_000
const BATCH_ROWS = 1000

export async function run({ open, path, rowCount: wanted }) {
  const rowCount = Math.min(wanted, ROW_COUNT)
  const db = await open(path, { isRelaxed: true })
  for (let first = 0; first < rowCount; first += BATCH_ROWS) {
    const numbers = Array.from({ length: BATCH_ROWS }, (_, i) => first + i)
    await db.load(
      numbers.map(tenantOfOrder),
      numbers.map((i) => order(i)),
    )
  }
  await check(db, rowCount)
  const keys = makeKeys(rowCount)
  const uniform = await measurePoints(db, keys.uniform)
  const missing = await measurePoints(db, keys.missing)
  if (uniform.found === 0 || missing.found > 0) throw new Error('reads found the wrong rows')
  await db.close()
  return {
    rows: rowCount,
    uniformPerSecond: uniform.perSecond,
    uniformP50Us: uniform.p50Us,
    uniformP99Us: uniform.p99Us,
    missingPerSecond: missing.perSecond,
  }
}
