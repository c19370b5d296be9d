// A database under load is still a good neighbour in its process.

import { expect, test } from 'vitest'

import { onEnd, openShop, order } from './db-kit.js'

test('a load that flushes and compacts lets timers and other tenants run', async () => {
  const db = await openShop({ memoryBudgetBytes: 4 << 20, walFileBytes: 1 << 18 })
  let tickCount = 0
  const timer = setInterval(() => tickCount++, 1)
  onEnd(() => clearInterval(timer))
  const errors: unknown[] = []
  db.on('error', (event) => errors.push(event))
  db.on('jobFailure', (event) => errors.push(event))
  const note = 'x'.repeat(200)
  const loading = new AbortController()
  const load = (async () => {
    for (let batch = 0; batch < 40; batch++) {
      const rows = Array.from({ length: 500 }, (_, n) => order(batch * 500 + n))
      for (const row of rows) Object.assign(row, { note: `${row.id} ${note}` })
      await db.tenant('loader').orders.insert(rows)
    }
    loading.abort()
  })()
  let readCount = 0
  await db.tenant('reader').counters.insert({ id: 'n', n: 1 })
  const read = (async () => {
    for (; !loading.signal.aborted; readCount++) {
      await db.tenant('reader').counters.update('n', { n: readCount })
      expect((await db.tenant('reader').counters.get('n'))?.n).toBe(readCount)
    }
  })()
  await Promise.all([load, read])
  await db.compact()
  expect(errors).toEqual([])
  expect(tickCount).toBeGreaterThan(10)
  expect(readCount).toBeGreaterThan(10)
  const [counted] = await db.tenant('loader').sql<{ n: number }>`select count(*) as n from orders`
  expect(counted!.n).toBe(20_000)
  expect(db.stats().tableCount).toBeGreaterThan(0)
  expect((await db.verify()).problems).toEqual([])
})
