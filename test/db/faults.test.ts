// A disk without room, seen by everything but single-row writes (for those see test/crash).

import { expect, test } from 'vitest'

import { open, type SeqNum } from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { expectCode, onEnd, order, shopTables } from './db-kit.js'

test('a database without room still answers, and deletes', async () => {
  const fs = new MemoryFileSystem()
  const settings = { path: '/data', tables: shopTables, walFileBytes: 1 << 16 }
  const db = await open(settings, { env: memoryEnv({ fs }) })
  onEnd(() => db.close())
  const shop = db.tenant('a')
  const seqNum = await shop.orders.insert([order(1), order(2)])
  await shop.counters.insert({ id: 'n', n: 1 })
  fs.inject = ({ name, path, byteCount = 0 }) =>
    name === 'write' && path.endsWith('.wal') && byteCount >= 1 << 16 ? 'ENOSPC' : undefined
  const big = order(3, { note: 'x'.repeat(1500), customer: 'y'.repeat(1 << 10) })
  const many = Array.from({ length: 500 }, (_, n) => ({ ...big, id: `big-${n}`, note: null }))
  const refused = await expectCode('DISK_FULL', () => shop.transact((tx) => tx.orders.insert(many)))
  expect(refused.committed).toBe('no')
  for (const write of [
    () => shop.transact(async (tx) => tx.counters.update('n', { n: 2 })),
    () => db.tenant('new').counters.insert({ id: 'n', n: 1 }),
    () => shop.sql`update counters set n = 3`,
  ]) {
    const error = await expectCode('DISK_FULL', write)
    expect(error.committed).toBe('no')
    expect(error.isRetryable).toBe(true)
  }
  expect(db.state).toBe('readOnly')
  expect(await shop.sql`select n from counters`).toEqual([{ n: 1 }])
  expect(await shop.transact(async (tx) => (await tx.counters.get('n'))?.n)).toBe(1)
  expect(
    await shop
      .at(seqNum as SeqNum)
      .orders.scan()
      .toArray(),
  ).toHaveLength(2)
  expect(await shop.orders.scan({ index: 'byCustomer' }).toArray()).toHaveLength(2)
  expect(await shop.orders.history('o-00001')).toHaveLength(1)
  expect(db.tenants()).toEqual(['a'])
  expect(db.stats().openSnapshotCount).toBe(0)
  await shop.sql`delete from orders`
  await shop.transact(async (tx) => tx.counters.delete('n'))
  await db.compact()
  expect(await shop.orders.scan({ index: 'byCustomer' }).toArray()).toEqual([])
})
