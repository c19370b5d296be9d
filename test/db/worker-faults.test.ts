// Flushes and compactions whose worker throws, dies or answers late: they cost nothing but time, and the third failure in a
// row costs one tablet its writes.

import { expect, test } from 'vitest'

import { engineError } from '../../dist/base/errors.js'
import { tenantHashOf } from '../../dist/codec/tenant-key.js'
import type { Env } from '../../dist/env/env.js'
import { open } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { counters, expectCode, onEnd } from './db-kit.js'

type RunJob = (job: Job) => unknown

/** Tenants of the lower and of the upper half of all hashes; the system tenant is in the lower one. */
const names = Array.from({ length: 40 }, (_, i) => `tenant-${i}`)
const low = names.find((name) => tenantHashOf(name) < 2 ** 31)!
const high = names.find((name) => tenantHashOf(name) >= 2 ** 31)!

class World {
  readonly fs = new MemoryFileSystem()
  /** What jobs do; the real thing unless a test says otherwise. */
  run: RunJob = (job) => runJob(job, this.fs)

  async open() {
    const inner = memoryEnv({ fs: this.fs })
    const jobs = {
      // oxlint-disable-next-line typescript/require-await -- what it throws is a rejection
      run: async (job: unknown) => this.run(job as Job),
      close: () => Promise.resolve(),
    }
    const env: Env = { fs: this.fs, clock: inner.clock, random: inner.random, jobs }
    const settings = { path: '/data', tables: { counters }, tabletCount: 2 }
    const db = await open({ ...settings, walFileBytes: 1 << 16 }, { env })
    onEnd(() => db.close())
    return db
  }

  get tableCount(): number {
    return this.fs.list('/data').filter((name) => name.endsWith('.sst')).length
  }
}

function dies(): never {
  throw engineError('INTERNAL', 'a background job was lost with its thread')
}

test('a worker that dies twice costs nothing but time, and leaves no files', async () => {
  const world = new World()
  const db = await world.open()
  const failures: unknown[] = []
  db.on('jobFailure', ({ job, attemptCount }) => failures.push([job, attemptCount]))
  const sound = world.run
  let left = 2
  world.run = (job) => {
    const result = sound(job)
    return left-- > 0 ? dies() : result
  }
  await db.tenant(low).counters.insert({ id: 'n', n: 1 })
  await db.flush()
  expect(failures).toEqual([
    ['flush', 1],
    ['flush', 2],
  ])
  expect(world.tableCount).toBe(1)
  expect(await db.tenant(low).counters.get('n')).toEqual({ id: 'n', n: 1 })
  expect(db.state).toBe('open')
})

test('the answer of an attempt that was given up does not count', async () => {
  const world = new World()
  const db = await world.open()
  const sound = world.run
  const answers: unknown[] = []
  world.run = (job) => {
    answers.push(sound(job))
    // The first attempt is given up; its answer comes when the second one is waited for.
    return answers.length === 1 ? dies() : answers[answers.length === 2 ? 0 : 2]
  }
  await db.tenant(low).counters.insert({ id: 'n', n: 1 })
  await db.flush()
  expect(answers).toHaveLength(3)
  expect(await db.tenant(low).counters.get('n')).toEqual({ id: 'n', n: 1 })
  expect((await db.verify()).isSound).toBe(true)
})

test('the third failure makes the tablet read-only, and only that one', async () => {
  const world = new World()
  const db = await world.open()
  await db.tenant(low).counters.insert({ id: 'n', n: 1 })
  await db.tenant(high).counters.insert({ id: 'n', n: 1 })
  await db.flush()
  const sound = world.run
  await db.tenant(high).counters.upsert({ id: 'n', n: 2 })
  world.run = dies
  const failed = await expectCode('TABLET_READ_ONLY', () => db.flush())
  expect(failed).toMatchObject({ kind: 'unavailable', details: { tablet: 2, cause: 'INTERNAL' } })
  world.run = sound

  const refused = await expectCode('TABLET_READ_ONLY', () =>
    db.tenant(high).counters.upsert({ id: 'n', n: 3 }),
  )
  expect(refused.committed).toBe('no')
  await expectCode('TABLET_READ_ONLY', () =>
    db.transact(async (tx) => {
      await tx.tenant(low).counters.update('n', { n: 9 })
      await tx.tenant(high).counters.update('n', { n: 9 })
    }),
  )
  expect(await db.tenant(high).counters.get('n')).toEqual({ id: 'n', n: 2 })
  await db.tenant(low).counters.update('n', { n: 4 })
  expect(await db.tenant(low).counters.get('n')).toEqual({ id: 'n', n: 4 })
  expect(db.stats().tablets.map(({ isReadOnly }) => isReadOnly)).toEqual([false, true])
  expect(db.state).toBe('open')
  await db.close()

  const again = await world.open()
  expect(await again.tenant(high).counters.get('n')).toEqual({ id: 'n', n: 2 })
  await again.tenant(high).counters.update('n', { n: 5 })
  await again.flush()
  expect((await again.verify()).isSound).toBe(true)
})

test('compactions that fail three times leave flushes and other tablets alone', async () => {
  const world = new World()
  const db = await world.open()
  const sound = world.run
  world.run = (job) => (job.kind === 'compaction' ? dies() : sound(job))
  for (let n = 0; n < 4; n++) {
    await db.tenant(high).counters.upsert({ id: 'n', n })
    await db.flush()
  }
  await expectCode('TABLET_READ_ONLY', () => db.compact())
  await expectCode('TABLET_READ_ONLY', () => db.tenant(high).counters.upsert({ id: 'n', n: 9 }))
  await db.tenant(low).counters.insert({ id: 'n', n: 1 })
  await db.flush()
  expect(await db.tenant(high).counters.get('n')).toEqual({ id: 'n', n: 3 })
})

test('a full disk is no strike: flushes go on once there is room', async () => {
  const world = new World()
  const db = await world.open()
  const sound = world.run
  world.run = () => {
    throw engineError('DISK_FULL', 'no room')
  }
  await db.tenant(low).counters.insert({ id: 'n', n: 1 })
  for (let i = 0; i < 5; i++) await expectCode('DISK_FULL', () => db.flush())
  await expectCode('DISK_FULL', () => db.tenant(low).counters.update('n', { n: 2 }))
  expect(db.stats().tablets.some(({ isReadOnly }) => isReadOnly)).toBe(false)
  world.run = sound
  await db.flush()
  expect(db.stats().tableCount).toBe(1)
})
