// Checkpoints as a user makes them, on real files.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { open, type SeqNum } from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import {
  expectCode,
  onEnd,
  openShop,
  order,
  type Shop,
  shopTables,
  temporaryDirectory,
} from './db-kit.js'

const sstablesOf = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith('.sst'))

const idsOf = async (db: Shop, tenant: string): Promise<string[]> =>
  (await db.tenant(tenant).orders.scan().toArray()).map(({ id }) => id)

test('a checkpoint is a database of its own, past included; both go on', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  const first = await shop.orders.insert(order(1))
  await db.flush()
  await shop.orders.update('o-00001', { status: 'paid' })
  const path = join(temporaryDirectory(), 'deep', 'copy')
  const { seqNum, tableCount, linkedTableCount, tableBytes } = await db.checkpoint(path)
  await shop.orders.insert(order(2))
  await db.compact()
  expect(seqNum).toBeGreaterThan(first)
  expect(sstablesOf(path)).toHaveLength(tableCount)
  expect(linkedTableCount).toBeGreaterThan(0)
  expect(linkedTableCount).toBeLessThan(tableCount)
  expect(tableBytes).toBeGreaterThan(0)

  const copy = await openShop({ path })
  expect(copy.tenants()).toEqual(['a'])
  expect(await idsOf(copy, 'a')).toEqual(['o-00001'])
  expect(await copy.tenant('a').orders.get('o-00001')).toMatchObject({ status: 'paid' })
  const past = await copy
    .tenant('a')
    .at(first as SeqNum)
    .orders.get('o-00001')
  expect(past).toMatchObject({ status: 'placed' })
  await copy.tenant('b').orders.insert(order(3))
  await copy.compact()
  await shop.orders.delete('o-00001')
  await db.compact()
  expect(await idsOf(copy, 'a')).toEqual(['o-00001'])
  expect(await idsOf(db, 'a')).toEqual(['o-00002'])
  expect(db.tenants()).toEqual(['a'])
  expect((await copy.verify()).isSound && (await db.verify()).isSound).toBe(true)
})

test('an empty database, and one that is a checkpoint itself, can be copied', async () => {
  const root = temporaryDirectory()
  const db = await open({ path: join(root, 'db') })
  onEnd(() => db.close())
  expect(await db.checkpoint(join(root, 'one'))).toMatchObject({ seqNum: 0, tableCount: 0 })
  const one = await openShop({ path: join(root, 'one'), createIfMissing: false })
  await one.tenant('a').orders.insert(order(1))
  mkdirSync(join(root, 'two'))
  await one.checkpoint(join(root, 'two'))
  const two = await openShop({ path: join(root, 'two'), createIfMissing: false })
  expect(await idsOf(two, 'a')).toEqual(['o-00001'])
})

test('a directory that is in use, holds something or lies in the database is refused, untouched', async () => {
  const root = temporaryDirectory()
  const db = await openShop({ path: join(root, 'db') })
  await db.tenant('a').orders.insert(order(1))
  await db.flush()
  mkdirSync(join(root, 'used'))
  writeFileSync(join(root, 'used', 'notes.txt'), 'mine')
  writeFileSync(join(root, 'file'), 'mine')
  symlinkSync(join(root, 'db'), join(root, 'alias'))
  for (const target of [
    'used',
    'file',
    'db',
    'db/copy',
    'alias',
    'alias/copy',
    '../' + root.split('/').at(-1),
  ]) {
    await expectCode('CHECKPOINT_TARGET_INVALID', () => db.checkpoint(join(root, target)))
  }
  expect(readdirSync(join(root, 'used'))).toEqual(['notes.txt'])
  expect(existsSync(join(root, 'db', 'copy'))).toBe(false)
  for (const name of ['', 'a\0b', 7 as never]) {
    await expectCode('ARGUMENT_INVALID', () => db.checkpoint(name))
  }
  const other = await openShop({ path: join(root, 'other') })
  await expectCode('CHECKPOINT_TARGET_INVALID', () => db.checkpoint(join(root, 'other')))
  expect(await idsOf(other, 'a')).toEqual([])
  // Two at once into one directory: the second finds the first one's.
  const both = await Promise.allSettled([db, other].map((each) => each.checkpoint(join(root, 'c'))))
  expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('a table that is shorter than it was is not copied: the copy would not open', async () => {
  const db = await openShop()
  await db.tenant('a').orders.insert(order(1))
  await db.flush()
  truncateSync(join(db.path, sstablesOf(db.path)[0]!), 100)
  const path = join(temporaryDirectory(), 'copy')
  await expectCode('SSTABLE_CORRUPT', () => db.checkpoint(path))
  expect(readdirSync(path)).toEqual([])
})

test('on another device sstables are copied', async ({ skip }) => {
  const db = await openShop()
  const shm = '/dev/shm'
  const isThere = existsSync(shm) && statSync(shm).dev !== statSync(db.path).dev
  skip(!isThere, 'there is no second device')
  await db.tenant('a').orders.insert([order(1), order(2)])
  await db.flush()
  const path = join(shm, `tabularium-${process.pid}`)
  onEnd(() => rmSync(path, { recursive: true, force: true }))
  const { tableCount, linkedTableCount } = await db.checkpoint(path)
  expect([tableCount > 0, linkedTableCount]).toEqual([true, 0])
  const copy = await openShop({ path })
  expect(await idsOf(copy, 'a')).toHaveLength(2)
  expect((await copy.verify()).isSound).toBe(true)
  await copy.close()
})

test('a full disk half-way leaves an empty directory, and the database goes on', async () => {
  const fs = new MemoryFileSystem()
  const settings = { path: '/db', tables: shopTables, walFileBytes: 1 << 16 }
  const db = await open(settings, { env: memoryEnv({ fs }) })
  onEnd(() => db.close())
  const shop = db.tenant('a')
  await shop.orders.insert(order(1))
  await db.flush()
  await shop.orders.insert(order(2))
  fs.inject = ({ name, path }) =>
    name === 'write' && path.startsWith('/copy/') && path.endsWith('.sst') ? 'ENOSPC' : undefined
  await expectCode('DISK_FULL', () => db.checkpoint('/copy'))
  expect(fs.list('/copy')).toEqual([])
  expect(db.state).toBe('open')
  await shop.orders.insert(order(3))
  fs.inject = undefined
  await db.checkpoint('/copy')
  const copy = await open({ ...settings, path: '/copy' }, { env: memoryEnv({ fs }) })
  expect(await idsOf(copy, 'a')).toHaveLength(3)
  await copy.close()
})

test('closing ends a checkpoint; read-only, salvaged and closed databases make none', async () => {
  const fs = new MemoryFileSystem()
  const settings = { path: '/db', tables: shopTables, walFileBytes: 1 << 16 }
  const db = await open(settings, { env: memoryEnv({ fs }) })
  await db.tenant('a').orders.insert(order(1))
  await db.flush()
  const cut = expectCode('DB_CLOSED', () => db.checkpoint('/copy'))
  while (!fs.exists('/copy/SUPERBLOCK')) await new Promise((resolve) => setImmediate(resolve))
  await db.close()
  await cut
  expect(fs.list('/copy')).toEqual([])
  await expectCode('DB_CLOSED', () => db.checkpoint('/copy'))
  const salvaged = await open({ ...settings, salvage: true }, { env: memoryEnv({ fs }) })
  await expectCode('DB_READ_ONLY', () => salvaged.checkpoint('/copy'))
  await salvaged.close()
  const full = await open(settings, { env: memoryEnv({ fs }) })
  onEnd(() => full.close())
  // The log goes on with the first commit.
  await full.tenant('a').orders.insert(order(2))
  fs.inject = ({ name, path }) => (name === 'write' && path.endsWith('.wal') ? 'EIO' : undefined)
  await full
    .tenant('a')
    .orders.insert(order(3))
    .catch(() => undefined)
  fs.inject = undefined
  const code = full.state === 'poisoned' ? 'DB_POISONED' : 'DB_READ_ONLY'
  await expectCode(code, () => full.checkpoint('/copy'))
})

test('what was cut off says so, and does not become a database', async () => {
  const fs = new MemoryFileSystem()
  const settings = { path: '/db', tables: shopTables, walFileBytes: 1 << 16 }
  const db = await open(settings, { env: memoryEnv({ fs }) })
  await db.tenant('a').orders.insert(order(1))
  fs.inject = (call) => {
    if (call.path.endsWith('.manifest')) fs.cutPowerAt(fs.callCount)
    return undefined
  }
  await expect(db.checkpoint('/copy')).rejects.toThrow('power')
  await db.close().catch(() => undefined)
  const left = fs.clone()
  const target = { ...settings, path: '/copy' }
  await expectCode('CHECKPOINT_UNFINISHED', () => open(target, { env: memoryEnv({ fs: left }) }))
  const again = await open(settings, { env: memoryEnv({ fs: left }) })
  await expectCode('CHECKPOINT_TARGET_INVALID', () => again.checkpoint('/copy'))
  for (const name of left.list('/copy')) left.remove(`/copy/${name}`)
  await again.checkpoint('/copy')
  await again.close()
})
