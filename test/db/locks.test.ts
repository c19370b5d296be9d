// getForUpdate: those who would change a row take turns on it, and everybody who waits is let go again.

import { expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { open } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { someTurns } from '../turns.js'
import { counters, errorOf, expectCode, openShop, order, type Shop } from './db-kit.js'
import { HangingFileSystem } from './hanging-file-system.js'

type TenantOf = ReturnType<Shop['tenant']>
type Transaction = Parameters<Parameters<TenantOf['transact']>[0]>[0]

const ONCE = { retryMaxCount: 0 } as const

/** A transaction that has locked some rows, and waits to be told to end. */
async function holding(
  shop: TenantOf,
  ids: readonly string[],
  then?: (tx: Transaction) => unknown,
) {
  const hasLocked = new Deferred<void>()
  const mayEnd = new Deferred<void>()
  const done = shop.transact(async (tx) => {
    for (const id of ids) await tx.counters.getForUpdate(id)
    hasLocked.resolve()
    await mayEnd.promise
    await then?.(tx)
  }, ONCE)
  done.catch(() => undefined)
  await hasLocked.promise
  return {
    end: () => {
      mayEnd.resolve()
      return done
    },
    fail: (error: Error) => {
      mayEnd.reject(error)
      return done
    },
  }
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  await someTurns()
  let isSettled = false
  promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  )
  await someTurns()
  return !isSettled
}

async function shopWith(...ids: string[]): Promise<{ db: Shop; shop: TenantOf }> {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.counters.insert(ids.map((id) => ({ id, n: 0 })))
  return { db, shop }
}

const add = (shop: TenantOf, id: string, n: number) =>
  shop.transact(async (tx) => {
    const row = await tx.counters.getForUpdate(id)
    await tx.counters.update(id, { n: row!.n + n })
  }, ONCE)

test('who locks a row second waits, and reads what the first one wrote', async () => {
  const { db, shop } = await shopWith('x')
  const first = await holding(shop, ['x'], (tx) => tx.counters.update('x', { n: 5 }))
  const second = add(shop, 'x', 1)
  expect(await isPending(second)).toBe(true)
  expect(shop.counters.getSync('x')).toEqual({ id: 'x', n: 0 })
  await first.end()
  await second
  expect(shop.counters.getSync('x')).toEqual({ id: 'x', n: 6 })
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('turns are granted in the order of asking, also when somebody gives up his place', async () => {
  const { shop } = await shopWith('x')
  const first = await holding(shop, ['x'])
  const granted: number[] = []
  const leaving = new AbortController()
  const runs = Array.from({ length: 8 }, (_, n) =>
    shop.transact(
      async (tx) => {
        await tx.counters.getForUpdate('x')
        granted.push(n)
      },
      n === 3 ? { ...ONCE, signal: leaving.signal } : ONCE,
    ),
  )
  await someTurns()
  leaving.abort(new Error('enough'))
  await expect(runs[3]).rejects.toThrow('enough')
  await first.fail(new Error('no')).catch(() => undefined)
  await Promise.allSettled(runs)
  expect(granted).toEqual([0, 1, 2, 4, 5, 6, 7])
})

test('a transaction that writes a locked row without waiting conflicts, and is told where', async () => {
  const { shop } = await shopWith('x', 'y')
  const first = await holding(shop, ['x'])
  const blind = () => shop.transact((tx) => tx.counters.upsert({ id: 'x', n: 7 }), ONCE)
  const error = await expectCode('TXN_CONFLICT', blind)
  expect(error.details).toEqual({ retryCount: 0, tenant: 'a', table: 'counters' })
  expect(error.message).toContain('counters of tenant a')
  await shop.transact((tx) => tx.counters.upsert({ id: 'y', n: 7 }), ONCE)
  let runCount = 0
  const retrying = shop.transact(async (tx) => {
    runCount++
    await tx.counters.upsert({ id: 'x', n: 8 })
  })
  expect(await isPending(retrying)).toBe(true)
  await first.end()
  await retrying
  expect(runCount).toBe(2)
  expect(shop.counters.getSync('x')?.n).toBe(8)
})

test('single-call writes of a locked row wait their turn, others do not', async () => {
  const { db, shop } = await shopWith('x', 'y', 'z')
  const first = await holding(shop, ['x', 'z'], (tx) => tx.counters.update('x', { n: 10 }))
  const waiting = [
    shop.counters.update('x', { n: 11 }),
    shop.counters.delete('z'),
    shop.counters.upsert([
      { id: 'y', n: 12 },
      { id: 'x', n: 12 },
    ]),
    shop.sql`update counters set n = n + 1 where id = 'x'`,
  ]
  await shop.counters.update('y', { n: 1 })
  await shop.counters.insert({ id: 'new', n: 1 })
  await db.tenant('b').counters.insert({ id: 'x', n: 1 })
  for (const write of waiting) expect(await isPending(write)).toBe(true)
  await first.end()
  await Promise.all(waiting)
  expect(await shop.counters.scan().toArray()).toEqual([
    { id: 'new', n: 1 },
    { id: 'x', n: 13 },
    { id: 'y', n: 12 },
  ])
})

test('many single-call writes behind one lock all come through', async () => {
  const { db, shop } = await shopWith('x')
  const first = await holding(shop, ['x'])
  const writes = Array.from({ length: 200 }, (_, n) => shop.counters.update('x', { n }))
  await someTurns()
  await first.end()
  await Promise.all(writes)
  expect(shop.counters.getSync('x')?.n).toBe(199)
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('a row that is not there can be locked: two who would add it take turns', async () => {
  const db = await openShop()
  const shop = db.tenant('a')
  await shop.counters.insert({ id: 'other', n: 0 })
  const addOrInsert = () =>
    shop.transact(async (tx) => {
      const row = await tx.counters.getForUpdate('x')
      await tx.counters.upsert({ id: 'x', n: (row?.n ?? 0) + 1 })
    }, ONCE)
  await Promise.all(Array.from({ length: 20 }, addOrInsert))
  expect(shop.counters.getSync('x')?.n).toBe(20)
  const unknown = db.tenant('unknown').transact((tx) => tx.counters.getForUpdate('x'), ONCE)
  expect(await unknown).toBeUndefined()
})

/** What a transaction sees whose turn on `x` comes when another one has committed. */
async function afterWait(
  before: (tx: Transaction) => unknown,
  meanwhile: (tx: Transaction) => unknown,
  isolation: 'serializable' | 'snapshot' = 'serializable',
): Promise<number | undefined> {
  const { db, shop } = await shopWith('m', 'x', 'z')
  const first = await holding(shop, ['x'], meanwhile)
  const run = shop.transact(
    async (tx) => {
      const seen = await before(tx)
      const row = await tx.counters.getForUpdate('x')
      // Reads repeat, on the newer snapshot as well.
      expect(await before(tx)).toEqual(seen)
      await tx.counters.update('x', { n: row!.n + 1 })
      return row!.n
    },
    { ...ONCE, isolation },
  )
  run.catch(() => undefined)
  await someTurns()
  await first.end()
  const [result] = await Promise.allSettled([run])
  expect(db.stats().openSnapshotCount).toBe(0)
  if (result.status === 'fulfilled') return result.value
  expect((await errorOf(() => run)).code).toBe('TXN_CONFLICT')
  return undefined
}

test('when its turn comes, a transaction goes on with the newest state if all it read is still so', async () => {
  const reads = async (tx: Transaction) => [
    await tx.counters.get('z'),
    await tx.counters.get('none'),
    await tx.counters.scan({ lt: 'p' }).toArray(),
    await tx.sql`select count(*) as n from orders`,
  ]
  const change = (tx: Transaction) => tx.counters.update('x', { n: 5 })
  const changeAnd = (more: (tx: Transaction) => unknown) => async (tx: Transaction) => {
    await change(tx)
    await more(tx)
  }
  expect(await afterWait(() => undefined, change)).toBe(5)
  expect(await afterWait(reads, change)).toBe(5)
  expect(await afterWait(reads, () => undefined)).toBe(0)
  expect(
    await afterWait(
      reads,
      changeAnd((tx) => tx.counters.insert({ id: 'q', n: 1 })),
    ),
  ).toBe(5)
  const tooLate = [
    changeAnd((tx) => tx.counters.update('z', { n: 1 })),
    changeAnd((tx) => tx.counters.insert({ id: 'none', n: 1 })),
    changeAnd((tx) => tx.counters.delete('m')),
    changeAnd((tx) => tx.orders.insert(order(1))),
  ]
  for (const meanwhile of tooLate) expect(await afterWait(reads, meanwhile)).toBeUndefined()
  // Nobody knows what one who read under snapshot isolation has read.
  expect(await afterWait(() => undefined, change, 'snapshot')).toBe(5)
  expect(await afterWait(reads, () => undefined, 'snapshot')).toBe(0)
  expect(await afterWait(reads, change, 'snapshot')).toBeUndefined()
})

test('a scan stays on its snapshot: a row that changed behind it cannot be locked any more', async () => {
  const { shop } = await shopWith(...Array.from({ length: 600 }, (_, n) => `r-${1000 + n}`))
  const incrementAll = (changed: string | undefined) =>
    shop.transact(async (tx) => {
      for await (const { id } of tx.counters.scan()) {
        if (id === 'r-1300' && changed) await shop.counters.update(changed, { n: 100 })
        const row = await tx.counters.getForUpdate(id)
        await tx.counters.update(id, { n: row!.n + 1 })
      }
    }, ONCE)
  await incrementAll(undefined)
  await expectCode('TXN_CONFLICT', () => incrementAll('r-1400'))
  const sum = await shop.sql<{ n: number }>`select sum(n) as n from counters`
  expect(sum[0]!.n).toBe(599 + 100)
})

test('locks outlive a savepoint that failed', async () => {
  const { shop } = await shopWith('x')
  const isLocked = new Deferred<void>()
  const mayEnd = new Deferred<void>()
  const first = shop.transact(async (tx) => {
    const failing = tx.savepoint(async (inner) => {
      await inner.counters.getForUpdate('x')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    isLocked.resolve()
    await mayEnd.promise
  })
  await isLocked.promise
  const second = add(shop, 'x', 1)
  expect(await isPending(second)).toBe(true)
  mayEnd.resolve()
  await Promise.all([first, second])
})

test('two that lock the same rows in opposite order: one conflicts at once, and both get through', async () => {
  const { shop } = await shopWith('x', 'y')
  const haveLocked = [new Deferred<void>(), new Deferred<void>()] as const
  let conflictCount = 0
  let runCount = 0
  const run = (self: 0 | 1) => async (tx: Transaction) => {
    runCount++
    const ids = self === 0 ? ['x', 'y'] : ['y', 'x']
    const row = await tx.counters.getForUpdate(ids[0]!)
    haveLocked[self].resolve()
    await haveLocked[1 - self]!.promise
    const other = await tx.counters.getForUpdate(ids[1]!).catch((error: unknown) => {
      conflictCount++
      throw error
    })
    await tx.counters.update(ids[0]!, { n: row!.n + 1 })
    await tx.counters.update(ids[1]!, { n: other!.n + 1 })
  }
  await Promise.all([shop.transact(run(0)), shop.transact(run(1))])
  expect([conflictCount, runCount]).toEqual([1, 3])
  expect((await shop.counters.scan().toArray()).map(({ n }) => n)).toEqual([2, 2])
})

test('a ring of transactions that wait for each other loses one of them', async () => {
  const { db, shop } = await shopWith('0', '1', '2', '3', '4')
  let lockedCount = 0
  const all = new Deferred<void>()
  const run = (self: number) =>
    shop.transact(async (tx) => {
      await tx.counters.getForUpdate(`${self}`)
      if (++lockedCount === 5) all.resolve()
      await all.promise
      await tx.counters.getForUpdate(`${(self + 1) % 5}`)
    }, ONCE)
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map(run))
  const failed = results.filter((result) => result.status === 'rejected')
  expect(failed).toHaveLength(1)
  expect(failed[0]!.reason.message).toContain('wait for each other')
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('whoever locks n rows in any order gets through in n runs', async () => {
  const ids = ['0', '1', '2', '3', '4']
  const { db, shop } = await shopWith(...ids)
  let mostRuns = 0
  await Promise.all(
    Array.from({ length: 60 }, async (_, n) => {
      // Every third goes up, the others down from different rows on.
      const turned = ids.map((_id, i) => ids[(i + n) % 5]!)
      const inOrder = n % 3 === 0 ? ids : turned.toReversed()
      let runCount = 0
      await shop.transact(async (tx) => {
        runCount++
        for (const id of inOrder) {
          const row = await tx.counters.getForUpdate(id)
          await tx.counters.update(id, { n: row!.n + 1 })
          await new Promise((resolve) => setImmediate(resolve))
        }
      })
      mostRuns = Math.max(mostRuns, runCount)
    }),
  )
  expect((await shop.counters.scan().toArray()).map(({ n }) => n)).toEqual([60, 60, 60, 60, 60])
  expect(mostRuns).toBeGreaterThan(1)
  expect(mostRuns).toBeLessThanOrEqual(ids.length)
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('waiting ends with the database', async () => {
  for (const end of ['close', 'poison'] as const) {
    const fs = new HangingFileSystem()
    const env = simulatedEnv({ seed: 1, fs, runJob: (job) => runJob(job as Job, fs) })
    const db = await open({ path: '/data', tables: { counters }, walFileBytes: 1 << 16 }, { env })
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'x', n: 0 })
    const hasLocked = new Deferred<void>()
    const never = shop.transact(async (tx) => {
      await tx.counters.getForUpdate('x')
      hasLocked.resolve()
      await new Promise(() => undefined)
    })
    void never
    await hasLocked.promise
    const waiting = [
      shop.transact((tx) => tx.counters.getForUpdate('x')),
      shop.counters.update('x', { n: 1 }),
      shop.transact((tx) => tx.counters.update('x', { n: 2 })),
    ]
    for (const wait of waiting) expect(await isPending(wait)).toBe(true)
    if (end === 'poison') {
      fs.answer = Promise.reject(new Error('the disk is gone'))
      fs.answer.catch(() => undefined)
      await expectCode('COMMIT_UNKNOWN', () => shop.counters.insert({ id: 'y', n: 0 }))
    } else {
      await db.close()
    }
    const code = end === 'poison' ? 'DB_POISONED' : 'DB_CLOSED'
    for (const wait of waiting) await expectCode(code, () => wait)
    await expectCode(code, () => shop.transact((tx) => tx.counters.getForUpdate('x')))
    await db.close()
  }
})

test('writers of one tenant wait for no lock of another one', async () => {
  const db = await openShop()
  for (const tenant of ['a', 'b', 'c']) await db.tenant(tenant).counters.insert({ id: 'x', n: 0 })
  const first = await holding(db.tenant('a'), ['x'])
  let runCount = 0
  await Promise.all(
    ['b', 'c', 'new'].map((tenant) =>
      db.transact(async (tx) => {
        runCount++
        await tx.tenant(tenant).counters.getForUpdate('x')
        await tx.tenant(tenant).counters.upsert({ id: 'x', n: 1 })
      }, ONCE),
    ),
  )
  await db.tenant('b').counters.update('x', { n: 2 })
  expect(runCount).toBe(3)
  await first.end()
})

test('a transaction locks no more rows than the limit', async () => {
  const { db, shop } = await shopWith('x')
  const tooMany = () =>
    shop.transact(async (tx) => {
      for (let n = 0; n <= 65_536; n++) await tx.counters.getForUpdate(`n-${n}`)
    })
  const error = await expectCode('TXN_TOO_LARGE', tooMany)
  expect(error.details).toEqual({ maxCount: 65_536 })
  await shop.counters.insert({ id: 'n-1', n: 1 })
  expect(db.stats().openSnapshotCount).toBe(0)
})
