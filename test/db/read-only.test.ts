// Transactions that only read: nothing they do can hold anybody back, and nobody holds them back.

import { expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { open } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { counters, expectCode, openShop, order } from './db-kit.js'
import { HangingFileSystem, pause } from './hanging-file-system.js'

const READ_ONLY = { readOnly: true, retryMaxCount: 0 } as const

test('every write is refused, also one that would change nothing', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.orders.insert(order(1))
  for (const tenant of ['a', 'new']) {
    await db.transact(async (tx) => {
      const { orders } = tx.tenant(tenant)
      await expectCode('TXN_READ_ONLY', () => orders.insert(order(2)))
      await expectCode('TXN_READ_ONLY', () => orders.upsert(order(1)))
      await expectCode('TXN_READ_ONLY', () => orders.update('none', { note: 'x' }))
      await expectCode('TXN_READ_ONLY', () => orders.delete('none'))
      await expectCode('TXN_READ_ONLY', () => orders.getForUpdate('o-00001'))
      await expectCode('TXN_READ_ONLY', () => tx.tenant(tenant).sql`delete from orders`)
      await tx.savepoint(async (inner) => {
        const { orders: rows } = inner.tenant(tenant)
        await expectCode('TXN_READ_ONLY', () => rows.delete('o-00001'))
      })
      expect(await tx.tenant(tenant).sql`select count(*) as n from orders`).toHaveLength(1)
    }, READ_ONLY)
  }
  expect(await shop.orders.scan().toArray()).toHaveLength(1)
  expect(db.tenants()).toEqual(['a'])
})

test('what it reads is one state, whatever is committed meanwhile', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.counters.insert(Array.from({ length: 600 }, (_, n) => ({ id: `r-${n}`, n: 1 })))
  await shop.transact(async (tx) => {
    let sum = 0
    for await (const { id, n } of tx.counters.scan()) {
      sum += n
      if (id.endsWith('0')) await shop.sql`update counters set n = n + 1`
    }
    expect(sum).toBe(600)
    expect(await tx.sql`select sum(n) as n from counters`).toEqual([{ n: 600 }])
  }, READ_ONLY)
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('it neither waits for a disk that hangs nor for a lock', async () => {
  const fs = new HangingFileSystem()
  const env = simulatedEnv({ seed: 1, fs, runJob: (job) => runJob(job as Job, fs) })
  const db = await open({ path: '/data', tables: { counters }, walFileBytes: 1 << 16 }, { env })
  const shop = db.tenant('a')
  await shop.counters.insert({ id: 'n', n: 1 })
  pause(env.clock)
  const hanging = new Deferred<void>()
  fs.answer = hanging.promise
  const commits = [
    shop.transact(async (tx) => {
      const row = await tx.counters.getForUpdate('n')
      await tx.counters.update('n', { n: row!.n + 1 })
    }),
    shop.counters.update('n', { n: 3 }),
    shop.counters.insert({ id: 'm', n: 1 }),
  ]
  await env.clock.sleep(1)
  const seen = await shop.transact(async (tx) => tx.counters.scan().toArray(), READ_ONLY)
  expect(seen).toEqual([{ id: 'n', n: 1 }])
  hanging.resolve()
  await Promise.all(commits)
  expect(await shop.counters.scan().toArray()).toEqual([
    { id: 'm', n: 1 },
    { id: 'n', n: 3 },
  ])
  await db.close()
})
