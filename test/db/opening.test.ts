// Opening a database that is there: what it writes, and when.

import { expect, test } from 'vitest'

import { open } from '../../dist/index.js'
import { memoryEnv, MemoryFileSystem } from '../../dist/testing.js'
import { order, shopTables } from './db-kit.js'

const settings = { path: '/db', tables: shopTables, walFileBytes: 1 << 16 }

/** A database with rows in tables. */
async function closedDatabase(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem()
  const db = await open(settings, { env: memoryEnv({ fs }) })
  await db.tenant('a').orders.insert(Array.from({ length: 100 }, (_, n) => order(n)))
  await db.close()
  return fs
}

test('a database that was closed is opened, read, verified and closed without a write or a sync', async () => {
  const fs = await closedDatabase()
  const { callCount } = fs
  for (let opening = 0; opening < 3; opening++) {
    const db = await open(settings, { env: memoryEnv({ fs }) })
    expect(db.tenant('a').orders.getSync(order(7).id)).toMatchObject(order(7))
    expect((await db.verify()).isSound).toBe(true)
    await db.flush()
    await db.close()
    expect(fs.callCount).toBe(callCount)
  }
})

test('its log and its manifest go on in new files with the first commit and the first flush', async () => {
  const fs = await closedDatabase()
  const before = fs.list('/db')
  const db = await open(settings, { env: memoryEnv({ fs }) })
  await db.tenant('b').orders.insert(order(1))
  const newFiles = () => fs.list('/db').filter((name) => !before.includes(name))
  expect(newFiles()).toEqual([expect.stringMatching(/\.wal$/)])
  await db.flush()
  expect(newFiles().filter((name) => name.endsWith('.manifest'))).toHaveLength(1)
  expect((await db.verify()).isSound).toBe(true)
  await db.close()
  const again = await open(settings, { env: memoryEnv({ fs }) })
  expect(again.stats().recovery.commitCount).toBe(0)
  expect(again.tenant('a').orders.getSync(order(7).id)).toMatchObject(order(7))
  expect(again.tenant('b').orders.getSync(order(1).id)).toMatchObject(order(1))
  await again.close()
})

test('after a crash, what was read is made durable before leftovers are removed', async () => {
  const closed = await closedDatabase()
  const db = await open(settings, { env: memoryEnv({ fs: closed }) })
  await db.tenant('a').orders.insert(order(1000))
  const fs = new MemoryFileSystem({ isLogging: true })
  fs.makeDirectory('/db')
  const killed = closed.crashImage({ float: () => 0 }, 'kept')
  for (const name of [...killed.list('/db'), '900000.sst']) {
    const file = fs.open(`/db/${name}`, 'create')
    if (killed.exists(`/db/${name}`)) {
      const from = killed.open(`/db/${name}`, 'read')
      const bytes = new Uint8Array(from.sizeBytes())
      from.read(bytes, 0)
      file.write(bytes, 0)
    }
    file.close()
  }
  const start = fs.calls.length
  const again = await open(settings, { env: memoryEnv({ fs }) })
  const calls = fs.calls.slice(start)
  const removal = calls.findIndex(({ name }) => name === 'remove')
  expect(fs.exists('/db/900000.sst')).toBe(false)
  const synced = calls.slice(0, removal).filter(({ name }) => name.startsWith('sync'))
  const kinds = synced.map(({ path }) => path.replace(/.*[./]/, ''))
  expect(kinds).toEqual(expect.arrayContaining(['manifest', 'SUPERBLOCK', 'wal']))
  const written = calls.filter(({ name }) => name === 'write').map(({ path }) => path)
  expect(new Set(written)).toEqual(new Set(['/db/SUPERBLOCK']))
  expect(again.tenant('a').orders.getSync(order(1000).id)).toMatchObject(order(1000))
  await again.close()
  await db.close()
})
