// Transactions that are ended from outside: nothing of them stays, unless their commit had begun.

import { expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { someTurns } from '../turns.js'
import { expectCode } from './db-kit.js'
import { openHanging } from './hanging-file-system.js'

const NEVER = new Promise<void>(() => undefined)

test('a function that never ends is cut off, and its transaction is over', async () => {
  const { clock, db, shop } = await openHanging()
  const sleeperCount = clock.sleeperCount
  let leaked: (() => Promise<unknown>) | undefined
  const run = shop.transact(
    async (tx) => {
      await tx.counters.update('x', { n: 1 })
      await tx.counters.getForUpdate('x')
      leaked = () => tx.counters.get('x')
      await NEVER
    },
    { timeoutMs: 500 },
  )
  const next = shop.counters.update('x', { n: 2 })
  await someTurns()
  clock.advance(499)
  await someTurns()
  expect(await leaked!()).toEqual({ id: 'x', n: 1 })
  clock.advance(1)
  const error = await expectCode('TXN_TIMEOUT', () => run)
  expect(error).toMatchObject({ committed: 'no', isRetryable: true, details: { timeoutMs: 500 } })
  await expectCode('TXN_FINISHED', leaked!)
  expect(await next).toBe(true)
  expect(shop.counters.getSync('x')?.n).toBe(2)
  expect(db.stats().openSnapshotCount).toBe(0)
  // Whoever looks after those who wait goes as well.
  clock.advance(10_000)
  await someTurns()
  expect(clock.sleeperCount).toBe(sleeperCount)
})

test('the time counts waits for locks, and all runs together', async () => {
  const { clock, db, shop } = await openHanging()
  const mayEnd = new Deferred<void>()
  const holder = shop.transact(async (tx) => {
    await tx.counters.getForUpdate('x')
    await mayEnd.promise
  })
  await someTurns()
  let runCount = 0
  const waiting = [
    shop.transact((tx) => tx.counters.getForUpdate('x'), { timeoutMs: 100 }),
    shop.transact(
      (tx) => {
        runCount++
        return tx.counters.upsert({ id: 'x', n: 5 })
      },
      { timeoutMs: 100 },
    ),
  ]
  await someTurns()
  expect(runCount).toBe(1)
  clock.advance(100)
  for (const wait of waiting) {
    const error = await expectCode('TXN_TIMEOUT', () => wait)
    expect(error.committed).toBe('no')
  }
  // Their places in the queue are free.
  const next = shop.counters.update('x', { n: 6 })
  mayEnd.resolve()
  await holder
  await next
  expect(shop.counters.getSync('x')?.n).toBe(6)
  expect(runCount).toBe(1)
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('a conflict that waits for a disk that hangs is cut off, too: nothing was written', async () => {
  const { fs, clock, shop } = await openHanging()
  const hanging = new Deferred<void>()
  const run = shop.transact(
    async (tx) => {
      const row = await tx.counters.get('x')
      fs.answer = hanging.promise
      void shop.counters.update('x', { n: 7 })
      await tx.counters.update('x', { n: row!.n + 1 })
    },
    { timeoutMs: 100 },
  )
  await someTurns()
  clock.advance(100)
  expect((await expectCode('TXN_TIMEOUT', () => run)).committed).toBe('no')
  hanging.resolve()
  await someTurns()
  expect(shop.counters.getSync('x')?.n).toBe(7)
})

test('when the commit has begun nobody knows yet whether it happened, and its locks stay', async () => {
  const { fs, clock, db, shop } = await openHanging()
  const hanging = new Deferred<void>()
  fs.answer = hanging.promise
  const run = shop.transact(
    async (tx) => {
      await tx.counters.getForUpdate('x')
      await tx.counters.update('x', { n: 1 })
    },
    { timeoutMs: 100 },
  )
  await someTurns()
  clock.advance(100)
  const error = await expectCode('TXN_TIMEOUT', () => run)
  expect(error).toMatchObject({ committed: 'unknown', isRetryable: false })
  const overwrite = () =>
    shop.transact((tx) => tx.counters.upsert({ id: 'x', n: 9 }), { retryMaxCount: 0 })
  await expectCode('TXN_CONFLICT', overwrite)
  let isWaiting = true
  const next = shop.transact(async (tx) => {
    const row = await tx.counters.getForUpdate('x')
    isWaiting = false
    await tx.counters.update('x', { n: row!.n + 1 })
  })
  await someTurns()
  expect(isWaiting).toBe(true)
  hanging.resolve()
  await next
  expect(shop.counters.getSync('x')?.n).toBe(2)
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('a signal ends a function that never does, and comes too late for a commit', async () => {
  const { fs, db, shop } = await openHanging()
  const controller = new AbortController()
  const options = { signal: controller.signal, timeoutMs: 1_000 }
  const run = shop.transact(async (tx) => {
    await tx.counters.update('x', { n: 1 })
    await NEVER
  }, options)
  await someTurns()
  controller.abort(new Error('stop'))
  await expect(run).rejects.toThrow('stop')
  expect(shop.counters.getSync('x')?.n).toBe(0)

  const late = new AbortController()
  const hanging = new Deferred<void>()
  fs.answer = hanging.promise
  const commit = shop.transact((tx) => tx.counters.update('x', { n: 2 }), { signal: late.signal })
  await someTurns()
  late.abort(new Error('stop'))
  hanging.resolve()
  expect(await commit).toBe(true)
  expect(shop.counters.getSync('x')?.n).toBe(2)
  expect(db.stats().openSnapshotCount).toBe(0)
})

test('a token tells what became of a transaction that nobody waited for to the end', async () => {
  const { fs, clock, shop } = await openHanging()
  const hanging = new Deferred<void>()
  fs.answer = hanging.promise
  let runCount = 0
  const pay = (timeoutMs: number) =>
    shop.transact(
      async (tx) => {
        const { n } = (await tx.counters.get('x'))!
        await tx.counters.update('x', { n: n + 1 })
        return ++runCount
      },
      { token: 'payment-1', timeoutMs },
    )
  const first = pay(100)
  await someTurns()
  const second = pay(100)
  await someTurns()
  clock.advance(100)
  expect((await expectCode('TXN_TIMEOUT', () => first)).committed).toBe('unknown')
  expect((await expectCode('TXN_TIMEOUT', () => second)).committed).toBe('no')
  expect(await shop.txnStatus('payment-1')).toEqual({ committed: 'unknown' })
  const third = pay(1_000)
  await someTurns()
  hanging.resolve()
  expect(await third).toBe(1)
  expect(await shop.txnStatus('payment-1')).toMatchObject({ committed: 'yes' })
  expect(shop.counters.getSync('x')?.n).toBe(1)
})
