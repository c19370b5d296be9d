// Transactions that carry an idempotency token happen once: repeats, races, failures, crashes, and the end of the window.

import { describe, expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { type Database, open } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { counters, expectCode, onEnd, order, shopTables } from './db-kit.js'

type Counting = Database<{ counters: typeof counters }>

const DAY_MS = 86_400_000
const settings = { path: '/data', tables: { counters }, walFileBytes: 1 << 16 }

async function openOn(fs: MemoryFileSystem, isClockHeld = false) {
  const runs = (job: unknown) => runJob(job as Job, fs)
  const env = simulatedEnv({ seed: 1, fs, runJob: runs, isClockHeld })
  return { env, db: await open(settings, { env }) }
}

async function openMemory() {
  const db = await open({ ...settings, tables: shopTables }, { env: memoryEnv() })
  onEnd(() => db.close())
  return db
}

/** Adds one to a counter, once per token, and says what it came to. */
function count(db: Counting, token: string, durability: 'sync' | 'relaxed' = 'sync') {
  return db.tenant('a').transact(
    async (tx) => {
      const n = ((await tx.counters.get('c'))?.n ?? 0) + 1
      await tx.counters.upsert({ id: 'c', n })
      return { n }
    },
    { token, durability },
  )
}

describe('a token', () => {
  test('makes repeats return what the first one returned, without running', async () => {
    const db = await openMemory()
    const shop = db.tenant('shop')
    let runCount = 0
    const place = () =>
      shop.transact(
        async (tx) => {
          runCount++
          await tx.orders.insert(order(1))
          return { id: order(1).id, tags: ['new', null], total: 1.5 }
        },
        { token: 'order 1' },
      )
    const first = await place()
    expect(first).toEqual({ id: 'o-00001', tags: ['new', null], total: 1.5 })
    expect(await place()).toEqual(first)
    expect(runCount).toBe(1)
    const status = await shop.txnStatus('order 1')
    expect(status).toMatchObject({ committed: 'yes', committedAt: expect.any(Date) })
    const [version] = await shop.orders.history('o-00001')
    expect(status).toMatchObject({ seqNum: version!.seqNum, committedAt: version!.committedAt })
    expect(await shop.txnStatus('order 2')).toEqual({ committed: 'no' })
  })

  test('is stored although nothing was written or returned', async () => {
    const db = await openMemory()
    let runCount = 0
    const look = () =>
      db.tenant('new').transact(
        async (tx) => {
          runCount++
          await tx.counters.get('x')
        },
        { token: 't' },
      )
    expect(await look()).toBe(undefined)
    expect(await look()).toBe(undefined)
    expect(runCount).toBe(1)
    expect(await db.tenant('new').txnStatus('t')).toMatchObject({ committed: 'yes' })
  })

  test('belongs to its tenant, or to transactions over any', async () => {
    const db = await openMemory()
    const run = (name: string) => db.tenant(name).transact(() => name, { token: 't' })
    const overAll = (result: string) => db.transact(() => result, { token: 't' })
    expect(await run('a')).toBe('a')
    expect(await run('b')).toBe('b')
    expect(await overAll('all')).toBe('all')
    expect([await run('a'), await run('b'), await overAll('again')]).toEqual(['a', 'b', 'all'])
    expect(await db.txnStatus('t')).toMatchObject({ committed: 'yes' })
    expect(await db.txnStatus('u')).toEqual({ committed: 'no' })
    expect(db.tenants()).toEqual(['a', 'b'])
  })

  test('runs once for many who ask at once, while others conflict with it', async () => {
    const db = await openMemory()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'c', n: 0 })
    let endedCount = 0
    const add = (token: string) =>
      shop.transact(
        async (tx) => {
          const { n } = (await tx.counters.get('c'))!
          await tx.counters.update('c', { n: n + 1 })
          endedCount++
          return n + 1
        },
        { token, retryMaxCount: 100 },
      )
    const tokens = Array.from({ length: 60 }, (_, i) => `t${i % 6}`)
    const results = await Promise.all(tokens.map(add))
    expect((await shop.counters.get('c'))?.n).toBe(6)
    expect(new Set(results).size).toBe(6)
    tokens.forEach((token, i) => expect(results[i], token).toBe(results[i % 6]))
    expect(endedCount).toBeGreaterThanOrEqual(6)
  })

  test('keeps nothing of a transaction that failed, which may be tried again', async () => {
    const db = await openMemory()
    const shop = db.tenant('a')
    const fail = (error: Error) =>
      shop.transact(
        async (tx) => {
          await tx.counters.upsert({ id: 'c', n: 1 })
          throw error
        },
        { token: 't' },
      )
    await expect(fail(new Error('no stock'))).rejects.toThrow('no stock')
    expect(await shop.txnStatus('t')).toEqual({ committed: 'no' })
    for (const result of [1n, () => 1, Number.NaN, new Map(), 'lone \ud800']) {
      const call = () => shop.transact(() => result, { token: 't' })
      await expectCode('ARGUMENT_INVALID', call)
    }
    expect(await shop.counters.get('c')).toBe(undefined)
    expect(await shop.transact(() => 'done', { token: 't' })).toBe('done')
  })

  test('that is no text of 1 to 256 bytes is refused', async () => {
    const db = await openMemory()
    for (const token of ['', 'x'.repeat(257), 'é'.repeat(129), '\ud800', 7, null] as string[]) {
      await expectCode('ARGUMENT_INVALID', () => db.transact(() => 1, { token }))
      await expectCode('ARGUMENT_INVALID', () => db.txnStatus(token))
    }
    expect(await db.transact(() => 1, { token: 'é'.repeat(128) })).toBe(1)
  })

  test('stays with its result through flush, compaction and reopening', async () => {
    const fs = new MemoryFileSystem()
    const { db } = await openOn(fs)
    await count(db, 'one')
    await db.flush()
    await db.compact()
    await count(db, 'two')
    await db.close()
    const again = (await openOn(fs)).db
    expect([await count(again, 'one'), await count(again, 'two')]).toEqual([{ n: 1 }, { n: 2 }])
    expect(again.tenant('a').counters.getSync('c')?.n).toBe(2)
    await again.close()
  })

  test('stays in checkpoints, and through a rewind', async () => {
    const fs = new MemoryFileSystem()
    const { db, env } = await openOn(fs)
    const seqNum = await db.tenant('a').counters.insert({ id: 'c', n: 7 })
    expect(await count(db, 't')).toEqual({ n: 8 })
    await db.tenant('a').rewind({ to: seqNum })
    expect(await count(db, 't')).toEqual({ n: 8 })
    expect(db.tenant('a').counters.getSync('c')?.n).toBe(7)
    await db.checkpoint('/copy')
    await db.close()
    const copy = await open({ ...settings, path: '/copy' }, { env })
    expect(await count(copy, 't')).toEqual({ n: 8 })
    await copy.close()
  })
})

describe('what became of a transaction', () => {
  test('is unknown while it is under way, and durable when the answer is yes', async () => {
    const fs = new MemoryFileSystem()
    const { db } = await openOn(fs, true)
    const shop = db.tenant('a')
    const hold = new Deferred<void>()
    const running = shop.transact(() => hold.promise, { token: 't', durability: 'relaxed' })
    expect(await shop.txnStatus('t')).toEqual({ committed: 'unknown' })
    expect(await db.txnStatus('t')).toEqual({ committed: 'no' })
    hold.resolve()
    await running
    expect(db.stats().durableSeqNum).toBeLessThan(db.stats().seqNum)
    const status = await shop.txnStatus('t')
    expect(status).toMatchObject({ committed: 'yes', seqNum: db.stats().durableSeqNum })
    await db.close()
    await expectCode('DB_CLOSED', () => shop.txnStatus('t'))
  })

  test('is unknown when a sync has failed, until the next opening decides', async () => {
    const fs = new MemoryFileSystem()
    const { db } = await openOn(fs)
    await count(db, 'before')
    fs.inject = ({ name, path }) =>
      name.startsWith('sync') && path.endsWith('.wal') ? 'EIO' : undefined
    await expect(count(db, 't')).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
    for (const token of ['t', 'before', 'never']) {
      expect(await db.tenant('a').txnStatus(token)).toEqual({ committed: 'unknown' })
    }
    await db.close()
    fs.inject = undefined
    const { db: again } = await openOn(fs.clone())
    expect(await again.tenant('a').txnStatus('t')).toMatchObject({ committed: 'yes' })
    await again.close()
  })

  test('is durable for a repeat that asks for it, whatever the first one asked for', async () => {
    const fs = new MemoryFileSystem()
    const { db } = await openOn(fs, true)
    await count(db, 't', 'relaxed')
    await count(db, 't', 'relaxed')
    expect(db.stats().durableSeqNum).toBeLessThan(db.stats().seqNum)
    await count(db, 't')
    expect(db.stats().durableSeqNum).toBe(db.stats().seqNum)
    await db.close()
  })
})

test('after a crash at any moment repeating everything does everything once', async () => {
  const tokens = ['one', 'two', 'three', 'four']
  const fs = new MemoryFileSystem()
  const images: MemoryFileSystem[] = []
  const { db } = await openOn(fs)
  const chance = { float: () => 0.5 }
  fs.inject = () => {
    images.push(fs.clone(), fs.crashImage(chance, 'lost'), fs.crashImage(chance, 'torn'))
    return undefined
  }
  for (const [i, token] of tokens.entries()) {
    await count(db, token, i % 2 === 0 ? 'sync' : 'relaxed')
    if (i === 1) await db.flush()
  }
  fs.inject = undefined
  await db.close()
  expect(images.length).toBeGreaterThan(30)
  for (const image of images) {
    const { db: found } = await openOn(image)
    const shop = found.tenant('a')
    const statuses = await Promise.all(tokens.map((token) => shop.txnStatus(token)))
    const doneCount = statuses.filter(({ committed }) => committed === 'yes').length
    expect(statuses.every(({ committed }) => committed !== 'unknown')).toBe(true)
    expect(shop.counters.getSync('c')?.n ?? 0).toBe(doneCount)
    const results = []
    for (const token of tokens) results.push((await count(found, token)).n)
    expect(results).toEqual([1, 2, 3, 4])
    expect(shop.counters.getSync('c')?.n).toBe(4)
    await found.close()
  }
})

test('tokens are removed after the window, a few with each new one', async () => {
  const fs = new MemoryFileSystem()
  const { db, env } = await openOn(fs, true)
  for (let i = 0; i < 20; i++) await count(db, `old ${i}`)
  env.clock.advance(6 * DAY_MS)
  await count(db, 'middle')
  expect(await count(db, 'old 3')).toEqual({ n: 4 })
  env.clock.advance(1.5 * DAY_MS)
  for (let i = 0; i < 5; i++) await count(db, `new ${i}`)
  await db.close()
  const { db: again } = await openOn(fs)
  const statusOf = async (token: string) => (await again.tenant('a').txnStatus(token)).committed
  for (let i = 0; i < 20; i++) expect(await statusOf(`old ${i}`)).toBe('no')
  for (const token of ['middle', 'new 0', 'new 4']) expect(await statusOf(token)).toBe('yes')
  await again.close()
})

test('what is removed leaves the disk, those of the database, too', async () => {
  const fs = new MemoryFileSystem()
  const runs = (job: unknown) => runJob(job as Job, fs)
  const env = simulatedEnv({ seed: 1, fs, runJob: runs, isClockHeld: true })
  const db = await open({ ...settings, historyWindowMs: 60_000 }, { env })
  onEnd(() => db.close())
  const tenant = db.tenant('a')
  const use = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      await tenant.transact(() => i, { token: `t${i}`, durability: 'relaxed' })
      await db.transact(() => i, { token: `t${i}`, durability: 'relaxed' })
    }
  }
  const storedCount = async () => {
    await db.compact()
    const levels = db.stats().tablets.flatMap((tablet) => tablet.levels)
    return levels.reduce((sum, { entryCount }) => sum + entryCount, 0)
  }
  await use(0, 40)
  const before = await storedCount()
  env.clock.advance(8 * DAY_MS)
  await use(40, 50)
  env.clock.advance(2 * 60_000)
  // Enough tables for a compaction.
  for (let i = 50; i < 58; i++) {
    await use(i, i + 1)
    await db.flush()
  }
  // Forty of each were there with two entries each, and eighteen are.
  expect(await storedCount()).toBe(before - 2 * 2 * (40 - 18))
})
