// What durability 'relaxed' promises, seen from outside: when a commit is acknowledged, who sees it, and what brings it to
// the disk. That nothing else can be lost is for test/crash and test/fault.

import { describe, expect, test } from 'vitest'

import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { open, type SeqNum } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { MemoryFileSystem } from '../../dist/testing.js'
import { someTurns } from '../turns.js'
import { counters, expectCode } from './db-kit.js'

const RELAXED = { durability: 'relaxed' } as const
const WINDOW_MS = 250
const settings = {
  path: '/data',
  tables: { counters },
  walFileBytes: 4 << 20,
  relaxedWindowMs: WINDOW_MS,
}

/** A database on a clock that stands still. */
async function openHeld(fs = new MemoryFileSystem({ isLogging: true })) {
  const runs = (job: unknown) => runJob(job as Job, fs)
  const env = simulatedEnv({ seed: 1, fs, runJob: runs, isClockHeld: true })
  const db = await open(settings, { env })
  // The tenant and the reserve are there.
  await db.tenant('a').counters.insert({ id: 'first', n: 0 })
  await someTurns()
  const syncCount = () =>
    fs.calls.filter(({ name, path }) => name.startsWith('sync') && path.endsWith('.wal')).length
  return { fs, env, db, rows: db.tenant('a').counters, syncCount }
}

/** The rows that the next opening finds. */
async function idsAfter(image: MemoryFileSystem): Promise<string[]> {
  const env = simulatedEnv({ seed: 2, fs: image, runJob: (job) => runJob(job as Job, image) })
  const db = await open(settings, { env })
  const rows = await db.tenant('a').counters.scan().toArray()
  await db.close()
  return rows.map(({ id }) => id)
}

const unplugged = (fs: MemoryFileSystem) => fs.crashImage({ float: () => 0 }, 'lost')

describe('a relaxed commit', () => {
  test('is acknowledged and read once it is written, and lost only with the power', async () => {
    const { fs, db, rows, syncCount } = await openHeld()
    const before = syncCount()
    const seqNum = await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    await rows.update('first', { n: 7 }, RELAXED)
    await db.transact((tx) => tx.tenant('b').counters.upsert({ id: 'x', n: 1 }), RELAXED)
    expect(syncCount()).toBe(before)
    expect(await rows.get('relaxed')).toEqual({ id: 'relaxed', n: 1 })
    expect(rows.getSync('first')).toEqual({ id: 'first', n: 7 })
    expect(db.tenant('b').counters.getSync('x')).toEqual({ id: 'x', n: 1 })
    const stats = db.stats()
    expect(stats.seqNum).toBeGreaterThan(seqNum)
    expect(stats.durableSeqNum).toBeLessThan(seqNum)
    expect(await idsAfter(fs.clone())).toEqual(['first', 'relaxed'])
    expect(await idsAfter(unplugged(fs))).toEqual(['first'])
    await db.close()
    expect(await idsAfter(unplugged(fs)), 'close() leaves nothing behind').toEqual([
      'first',
      'relaxed',
    ])
  })

  test('is durable when the window ends', async () => {
    const { fs, env, db, rows, syncCount } = await openHeld()
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    env.clock.advance(WINDOW_MS - 1)
    await someTurns()
    await rows.insert({ id: 'later', n: 1 }, RELAXED)
    const before = syncCount()
    env.clock.advance(1)
    await someTurns()
    expect(syncCount()).toBe(before + 1)
    expect(db.stats().durableSeqNum).toBe(db.stats().seqNum)
    expect(await idsAfter(unplugged(fs))).toEqual(['first', 'later', 'relaxed'])
    // Without further commits the log is left alone.
    env.clock.advance(10 * WINDOW_MS)
    await someTurns()
    expect(syncCount()).toBe(before + 1)
    await db.close()
  })

  test('becomes durable with the next sync commit', async () => {
    const { fs, db, rows, syncCount } = await openHeld()
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    const before = syncCount()
    await Promise.all([
      rows.insert({ id: 'late', n: 1 }, RELAXED),
      rows.insert({ id: 'sync', n: 1 }),
    ])
    expect(syncCount()).toBe(before + 1)
    expect(await idsAfter(unplugged(fs))).toEqual(['first', 'late', 'relaxed', 'sync'])
    await db.close()
  })

  test('becomes durable with the next sync commit of a client that is alone', async () => {
    const { fs, db, rows, syncCount } = await openHeld()
    for (let n = 0; n < 5; n++) await rows.upsert({ id: 'first', n })
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    const before = syncCount()
    await rows.insert({ id: 'sync', n: 1 })
    expect(syncCount()).toBe(before + 1)
    expect(await idsAfter(unplugged(fs))).toEqual(['first', 'relaxed', 'sync'])
    await db.close()
  })

  test('is durable after whenDurable(), with one sync for many', async () => {
    const { fs, db, rows, syncCount } = await openHeld()
    const seqNums: SeqNum[] = []
    for (let i = 0; i < 5; i++) seqNums.push(await rows.insert({ id: `r${i}`, n: i }, RELAXED))
    const before = syncCount()
    await db.whenDurable(seqNums[2])
    expect(syncCount()).toBe(before + 1)
    expect(db.stats().durableSeqNum).toBe(seqNums[4])
    await db.whenDurable()
    await db.whenDurable(seqNums[0])
    expect(syncCount()).toBe(before + 1)
    expect(await idsAfter(unplugged(fs))).toHaveLength(6)
    await expectCode('ARGUMENT_INVALID', () => db.whenDurable((seqNums[4]! + 1) as never))
    await expectCode('ARGUMENT_INVALID', () => db.whenDurable('now' as never))
    await expectCode('ARGUMENT_INVALID', () => db.whenDurable(null as never))
    await db.close()
    await expectCode('DB_CLOSED', () => db.whenDurable())
  })

  test('does not go into a table before it is durable', async () => {
    const { fs, db, rows, syncCount } = await openHeld()
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    const before = syncCount()
    await db.flush()
    expect(syncCount()).toBeGreaterThan(before)
    expect(await idsAfter(unplugged(fs))).toEqual(['first', 'relaxed'])
    await db.close()
  })

  test('lets nobody rest on it who asked for sync', async () => {
    const { fs, db, rows } = await openHeld()
    await rows.delete('first', RELAXED)
    expect(await rows.delete('first')).toBe(false)
    expect(await idsAfter(unplugged(fs))).toEqual([])
    await rows.insert({ id: 'again', n: 1 }, RELAXED)
    await expectCode('ROW_DUPLICATE_KEY', () => rows.insert({ id: 'again', n: 2 }))
    expect(await idsAfter(unplugged(fs))).toEqual(['again'])
    await db.close()
  })

  test('waits while a sync is under way, so that no more than one window can be lost', async () => {
    const { fs, env, db, rows } = await openHeld()
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    let turnsLeft = 30
    fs.syncTurns = () => turnsLeft
    env.clock.advance(WINDOW_MS)
    await new Promise((resolve) => setImmediate(resolve))
    let isAcknowledged = false
    const waiting = rows.insert({ id: 'waiting', n: 1 }, RELAXED).then(() => {
      isAcknowledged = true
    })
    await someTurns()
    expect(isAcknowledged).toBe(false)
    expect(await rows.get('waiting')).toBe(undefined)
    expect(await rows.get('relaxed')).toEqual({ id: 'relaxed', n: 1 })
    turnsLeft = 1
    await waiting
    await db.close()
  })
})

/** More than the space that the log begins with. */
const many = Array.from({ length: 1000 }, (_, n) => ({ id: `${n} ${'x'.repeat(1500)}`, n }))

/** The log gets no more room than it has. */
function failsToGrow(fs: MemoryFileSystem, errno: 'ENOSPC' | 'EIO'): MemoryFileSystem['inject'] {
  return ({ name, path, offsetBytes = 0, byteCount = 0 }) =>
    name === 'write' && path.endsWith('.wal') && offsetBytes + byteCount > fs.fileBytes(path)
      ? errno
      : undefined
}

describe('when the disk fails', () => {
  test('relaxed commits that were acknowledged stay when later ones find no room', async () => {
    const { fs, env, db, rows } = await openHeld()
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    fs.inject = failsToGrow(fs, 'ENOSPC')
    const refused = [rows.insert(many, RELAXED), rows.insert({ id: 'behind', n: 1 })]
    for (const insert of refused) {
      await expect(insert).rejects.toMatchObject({ code: 'DISK_FULL', committed: 'no' })
    }
    expect((await rows.scan().toArray()).map(({ id }) => id)).toEqual(['first', 'relaxed'])
    fs.inject = undefined
    env.clock.advance(WINDOW_MS)
    await someTurns()
    expect(await idsAfter(unplugged(fs))).toEqual(['first', 'relaxed'])
    await db.close()
  })

  test('closing waits until they are durable, although others were refused', async () => {
    const { fs, db, rows } = await openHeld()
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    fs.inject = failsToGrow(fs, 'EIO')
    fs.syncTurns = (path) => (path.endsWith('.wal') ? 500 : 1)
    const refused = rows.insert(many, RELAXED)
    const closing = db.close()
    await expect(refused).rejects.toMatchObject({ code: 'IO_FAILED', committed: 'no' })
    await closing
    fs.inject = undefined
    expect(await idsAfter(unplugged(fs))).toEqual(['first', 'relaxed'])
  })

  test('a failed sync of the window poisons, and whenDurable() says that it is not known', async () => {
    const { fs, env, db, rows } = await openHeld()
    await rows.insert({ id: 'relaxed', n: 1 }, RELAXED)
    fs.inject = ({ name, path }) => (name === 'sync' && path.endsWith('.wal') ? 'EIO' : undefined)
    env.clock.advance(WINDOW_MS)
    await expectCode('COMMIT_UNKNOWN', () => db.whenDurable())
    expect(db.state).toBe('poisoned')
    await expectCode('DB_POISONED', () => rows.get('relaxed'))
    await expectCode('DB_POISONED', () => db.whenDurable())
    await db.close()
    fs.inject = undefined
    expect(await idsAfter(fs.clone())).toEqual(['first', 'relaxed'])
  })
})

test('a durability that does not exist is refused', async () => {
  const { db, rows } = await openHeld()
  const wrong = { durability: 'none' } as never
  await expectCode('ARGUMENT_INVALID', () => rows.insert({ id: 'x', n: 1 }, wrong))
  await expectCode('ARGUMENT_INVALID', () => rows.delete('x', 'relaxed' as never))
  await expectCode('ARGUMENT_INVALID', () => db.transact(() => 1, wrong))
  await db.close()
})
