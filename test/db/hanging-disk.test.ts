// A disk that stops answering, without an error: commits wait, reads of what is durable go on, and it can be seen why.

import { expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { open } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { someTurns } from '../turns.js'
import { counters, expectCode } from './db-kit.js'
import { HangingFileSystem, pause } from './hanging-file-system.js'

test('commits wait for a disk that hangs, and everybody can see why', async () => {
  const fs = new HangingFileSystem()
  const env = simulatedEnv({
    seed: 1,
    fs,
    runJob: (job) => runJob(job as Job, fs),
    isClockHeld: true,
  })
  const settings = { path: '/data', tables: { counters }, walFileBytes: 1 << 16 }
  const db = await open(settings, { env })
  const stalls: { waitMs: number; cause: string; tabletId?: number }[] = []
  db.on('stall', (stall) => stalls.push(stall))
  const rows = db.tenant('a').counters
  await rows.insert({ id: 'durable', n: 1 })
  expect(db.stats().commits.underWayMs).toBe(0)

  const hanging = new Deferred<void>()
  fs.answer = hanging.promise
  pause(env.clock)
  const first = rows.insert({ id: 'first', n: 1 })
  await someTurns()
  env.clock.advance(5_000)
  expect(db.stats().commits.underWayMs).toBe(5_000)
  const second = rows.insert({ id: 'second', n: 1 })
  const third = rows.insert({ id: 'third', n: 1 })
  await someTurns()
  expect(stalls).toMatchObject([{ waitMs: 5_000, cause: expect.stringContaining('disk') }])
  expect(stalls[0]).not.toHaveProperty('tabletId')
  expect(db.state).toBe('open')
  expect(await rows.get('durable')).toEqual({ id: 'durable', n: 1 })
  expect(await rows.get('first')).toBe(undefined)
  expect(rows.getSync('first'), 'nobody sees what is not durable').toBe(undefined)

  let isClosed = false
  const closing = db.close().then(() => {
    isClosed = true
  })
  await someTurns()
  expect(isClosed, 'close() waits for the disk, too').toBe(false)
  await expectCode('DB_CLOSED', () => rows.insert({ id: 'late', n: 1 }))
  env.clock.advance(1_000)
  hanging.resolve()
  await Promise.all([first, second, third, closing])
  expect(stalls.map(({ waitMs }) => waitMs)).toEqual([5_000, 6_000])

  const again = await open(settings, { env })
  const found = await again.tenant('a').counters.scan().toArray()
  expect(found.map(({ id }) => id)).toEqual(['durable', 'first', 'second', 'third'])
  await again.close()
})
