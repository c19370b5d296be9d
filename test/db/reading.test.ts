// How new what a read sees has to be: strong, as of a commit, or at most so old.

import { expect, test } from 'vitest'

import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { open } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { MemoryFileSystem } from '../../dist/testing.js'
import { counters, expectCode, onEnd } from './db-kit.js'

async function openHeld(historyWindowMs = 60_000) {
  const fs = new MemoryFileSystem()
  const runs = (job: unknown) => runJob(job as Job, fs)
  const env = simulatedEnv({ seed: 1, fs, runJob: runs, isClockHeld: true })
  const db = await open({ path: '/data', tables: { counters }, historyWindowMs }, { env })
  onEnd(() => db.close())
  const shop = db.tenant('a')
  await shop.counters.insert({ id: 'c', n: 0 })
  return { db, env, shop, set: (n: number) => shop.counters.upsert({ id: 'c', n }) }
}

test('a strong read sees everything that was committed when it began', async () => {
  const { shop, set } = await openHeld()
  const strong = shop.reading('strong')
  for (let n = 1; n <= 3; n++) {
    const seqNum = await set(n)
    expect(strong.seqNum).toBe(seqNum)
    expect(strong.counters.getSync('c')?.n).toBe(n)
    expect([...(await strong.query('select n from counters'))]).toEqual([{ n }])
  }
})

test('a read of a snapshot sees it for ever', async () => {
  const { db, shop, set } = await openHeld()
  const seqNum = await set(1)
  const fixed = shop.reading({ snapshot: seqNum })
  await set(2)
  await db.flush()
  expect(fixed.seqNum).toBe(seqNum)
  expect((await fixed.counters.get('c'))?.n).toBe(1)
})

test('reads of at most an age share a snapshot while it suits them', async () => {
  const { db, env, shop, set } = await openHeld()
  const old = shop.reading({ maxAgeMs: 1000 })
  const young = shop.reading({ maxAgeMs: 100 })
  const n = (face = old) => face.counters.getSync('c')?.n
  expect(n()).toBe(0)
  await set(1)
  env.clock.advance(100)
  expect([n(old), n(young), shop.counters.getSync('c')?.n]).toEqual([0, 0, 1])
  env.clock.advance(1)
  // The young one takes a new one, which the old one then shares, and other tenants.
  expect([n(young), n(old)]).toEqual([1, 1])
  expect(db.tenant('b').reading({ maxAgeMs: 1000 }).seqNum).toBe(old.seqNum)
  await set(2)
  env.clock.advance(1000)
  expect(n(old)).toBe(1)
  env.clock.advance(1)
  expect(n(old)).toBe(2)
  await set(3)
  expect(n(shop.reading({ maxAgeMs: 0 }))).toBe(2)
  env.clock.advance(1)
  expect(n(shop.reading({ maxAgeMs: 0 }))).toBe(3)
})

test('a shared snapshot whose history is gone is replaced before its time', async () => {
  const { db, env, shop, set } = await openHeld(0)
  const reading = shop.reading({ maxAgeMs: 10_000 })
  expect(reading.counters.getSync('c')?.n).toBe(0)
  for (let n = 1; n <= 3; n++) {
    env.clock.advance(1)
    await set(n)
    await db.flush()
    await db.compact()
    expect(reading.counters.getSync('c')?.n).toBe(n)
  }
})

test('what is no consistency is refused', async () => {
  const { shop } = await openHeld()
  const wrong = [
    'weak',
    undefined,
    null,
    {},
    { maxAgeMs: -1 },
    { maxAgeMs: '1' },
    { snapshot: 12 },
    { snapshot: '2024-01-01' },
    { maxAgeMs: 1, snapshot: 2e15 },
    { maxAgeMs: 1, isolation: 'snapshot' },
  ]
  for (const consistency of wrong) {
    await expectCode('ARGUMENT_INVALID', () => shop.reading(consistency as never))
  }
})
