// The end of a database handle: what was begun is finished, what comes later is refused, nothing stays alive.

import { spawnSync } from 'node:child_process'
import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { open } from '../../dist/index.js'
import { memoryEnv, MemoryFileSystem } from '../../dist/testing.js'
import { collect, expectCode, openShop, order, shopTables, temporaryDirectory } from './db-kit.js'

const ENTRY = new URL('../../dist/index.js', import.meta.url).href

test('close lets commits in flight finish and refuses what comes after the call', async () => {
  const path = temporaryDirectory()
  const db = await openShop({ path })
  const shop = db.tenant('a')
  const begun = Array.from({ length: 50 }, (_, n) => shop.orders.insert(order(n)))
  const closing = db.close()
  expect(db.close()).toBe(closing)
  const late = expectCode('DB_CLOSED', () => shop.orders.insert(order(1000)))
  await expectCode('DB_CLOSED', () => shop.orders.getSync('o-00001'))
  expect(await Promise.all(begun)).toHaveLength(50)
  await late
  await closing
  await db.close()
  const again = await openShop({ path })
  expect(await again.tenant('a').orders.scan().toArray()).toHaveLength(50)
})

test('close leaves nothing to replay, whichever tablet was written to last', async () => {
  const path = temporaryDirectory()
  for (const last of ['a', 'b', 'c', 'd', 'e']) {
    const db = await openShop({ path })
    expect(db.stats().recovery.commitCount).toBe(0)
    for (const tenant of ['a', 'b', 'c', 'd', 'e', last]) {
      await db.tenant(tenant).counters.upsert({ id: 'x', n: 1 })
    }
    await db.close()
  }
})

test('after close an opening reads nothing of the log; after a power cut it does', async () => {
  const fs = new MemoryFileSystem()
  const fill = async (from: number) => {
    const db = await open({ path: '/db', tables: shopTables }, { env: memoryEnv({ fs }) })
    const rows = Array.from({ length: 100 }, (_, n) => order(from + n))
    await db.tenant('a').orders.insert(rows)
    return db
  }
  const openedFrom = async (image: MemoryFileSystem) => {
    let readCount = 0
    image.inject = ({ name, path }) => {
      if (name === 'read' && path.endsWith('.wal')) readCount++
      return undefined
    }
    const db = await open({ path: '/db', tables: shopTables }, { env: memoryEnv({ fs: image }) })
    const rows = await db.tenant('a').orders.scan().toArray()
    await db.close()
    return { readCount, rowCount: rows.length }
  }
  await (await fill(0)).close()
  const closed = fs.crashImage({ float: () => 0 })
  expect(await openedFrom(closed)).toEqual({ readCount: 0, rowCount: 100 })
  await fill(100)
  const cut = await openedFrom(fs.crashImage({ float: () => 0 }))
  expect(cut).toMatchObject({ rowCount: 200 })
  expect(cut.readCount).toBeGreaterThan(0)
})

test('everything on a closed database is refused', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  const seqNum = await shop.orders.insert(Array.from({ length: 600 }, (_, n) => order(n)))
  const past = shop.at(seqNum)
  await db.close()
  for (const call of [
    () => shop.orders.insert(order(1)),
    () => shop.orders.upsert(order(1)),
    () => shop.orders.update('o-00001', { status: 'paid' }),
    () => shop.orders.delete('o-00001'),
    () => shop.orders.get('o-00001'),
    () => shop.orders.getSync('o-00001'),
    () => shop.orders.history('o-00001'),
    () => shop.orders.scan().toArray(),
    () => collect(shop.orders.scan()),
    () => shop.transact(async (tx) => tx.orders.get('o-00001')),
    () => db.transact(async () => 1),
    () => shop.sql`select * from orders`,
    () => shop.sql`delete from orders`,
    () => past.orders.get('o-00001'),
    () => past.sql`select * from orders`,
    () => db.tenant('b').orders.insert(order(1)),
    () => db.tenants(),
    () => db.stats(),
    () => db.flush(),
    () => db.compact(),
    () => db.verify(),
  ]) {
    await expectCode('DB_CLOSED', call)
  }
})

test('streams and transactions that outlive the database say so', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.orders.insert(Array.from({ length: 2000 }, (_, n) => order(n)))
  await db.flush()
  const streams = [
    shop.orders.scan(),
    shop.orders.scan({ reverse: true }),
    shop.orders.scan({ index: 'byCustomer' }),
    shop.at('-0s').orders.scan(),
  ].map((stream) => stream.batches(10))
  for (const stream of streams) expect((await stream.next()).done).toBe(false)
  let close!: () => void
  const closed = new Promise<void>((resolve) => {
    close = resolve
  })
  const transaction = shop.transact(async (tx) => {
    await tx.orders.insert(order(5000))
    await closed
    await tx.orders.insert(order(5001))
  })
  const committing = shop.transact(async (tx) => {
    await tx.orders.insert(order(6000))
    await closed
  })
  const refused = [transaction, committing].map((late) => expectCode('DB_CLOSED', () => late))
  await db.close()
  close()
  await Promise.all(refused)
  for (const stream of streams) await expectCode('DB_CLOSED', () => stream.next())
})

test('await using closes', async () => {
  const path = temporaryDirectory()
  {
    await using db = await open({ path, tables: shopTables })
    await db.tenant('a').counters.insert({ id: 'n', n: 1 })
  }
  const again = await openShop({ path })
  expect(again.tenant('a').counters.getSync('n')).toEqual({ id: 'n', n: 1 })
})

test('opening fails without holding on to the directory', async () => {
  const path = temporaryDirectory()
  const db = await openShop({ path, tabletCount: 2 })
  await db.close()
  const manifest = readdirSync(path).find((name) => name.endsWith('.manifest'))!
  renameSync(join(path, manifest), join(path, 'away'))
  await expectCode('FILE_MISSING', () => open({ path }))
  renameSync(join(path, 'away'), join(path, manifest))
  await (await openShop({ path, tabletCount: 3 })).close()
  await (await openShop({ path })).close()
})

test('opening and closing many times loses nothing', async () => {
  const path = temporaryDirectory()
  for (let n = 0; n < 15; n++) {
    const db = await open({ path, tables: shopTables })
    await db.tenant('a').counters.insert({ id: `${n}`, n })
    expect(await db.tenant('a').counters.scan().toArray()).toHaveLength(n + 1)
    expect(db.stats().recovery.tornBytes).toBe(0)
    await db.close()
  }
})

test.each([
  ['closes', 'await db.close()'],
  ['has flushed and closes', 'await db.flush(); await db.close()'],
  ['closes without waiting for it', 'void db.close()'],
  ['forgets to close', ''],
  ['has flushed and forgets to close', 'await db.flush()'],
  ['leaves a scan half read', 'await db.tenant("a").notes.scan().batches(1).next()'],
])('a process that %s exits by itself and keeps what was acknowledged', async (_, ending) => {
  const path = temporaryDirectory()
  const script = `
    const { open, t, table } = await import(${JSON.stringify(ENTRY)})
    const notes = table('notes', { id: t.int(), text: t.text() }, { primaryKey: ['id'] })
    const db = await open({ path: process.argv[1], tables: { notes } })
    const rows = Array.from({ length: 500 }, (_, id) => ({ id, text: 'x'.repeat(100) }))
    await db.tenant('a').notes.insert(rows)
    ${ending}
    console.log('end')`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect([child.stdout, child.stderr, child.status, child.signal]).toEqual(['end\n', '', 0, null])
  const db = await open({ path })
  const { length } = await db.tenant('a').sql`select id from notes`
  expect(length).toBe(500)
  await db.close()
})
