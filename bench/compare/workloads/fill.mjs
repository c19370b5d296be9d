// What the replay of W8 opens: a database whose process was killed before its log was brought into tables.
import { order, tenantOfOrder } from '../../orders.mjs'

const BATCH_ROWS = 1000

export async function run({ open, path, rowCount, bufferBytes }) {
  const db = await open(path, { bufferBytes })
  for (let first = 0; first < rowCount; first += BATCH_ROWS) {
    const numbers = Array.from({ length: BATCH_ROWS }, (_, i) => first + i)
    await db.load(
      numbers.map(tenantOfOrder),
      numbers.map((i) => order(i)),
    )
  }
  return { rows: rowCount }
}
