// Locked rows while the disk hangs, is full, or somebody keeps them for long.

import { expect, test } from 'vitest'

import { Deferred } from '../../dist/base/async.js'
import { someTurns } from '../turns.js'
import { expectCode } from './db-kit.js'
import { HangingFileSystem, openHanging } from './hanging-file-system.js'

const ONCE = { retryMaxCount: 0 } as const

/** A database whose disk can hang, and be full. */
async function openFragile() {
  const fs = new HangingFileSystem()
  const state = { isFull: false }
  fs.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) => {
    const isGrowing = name === 'write' && offsetBytes + byteCount > fs.fileBytes(path)
    return state.isFull && isGrowing ? 'ENOSPC' : undefined
  }
  return { ...(await openHanging(fs)), state }
}

/** More than fits into the present file of the log. */
const MANY = Array.from({ length: 200 }, (_, n) => ({ id: `${n}`.padEnd(500, '-'), n }))

test('a row that is on its way to the disk is read when it is there, or was refused', async () => {
  for (const isRefused of [false, true]) {
    const { fs, state, db, shop } = await openFragile()
    const hanging = new Deferred<void>()
    fs.answer = hanging.promise
    const first = shop.counters.insert({ id: 'y', n: 0 })
    await someTurns()
    const write = shop.counters.upsert([{ id: 'x', n: 1 }, ...MANY])
    write.catch(() => undefined)
    let seen: number | undefined
    const run = shop.transact(async (tx) => {
      seen = (await tx.counters.getForUpdate('x'))?.n
      await tx.counters.getForUpdate('y')
    }, ONCE)
    await someTurns()
    expect(seen).toBeUndefined()
    state.isFull = isRefused
    hanging.resolve()
    await first
    await run
    expect(seen).toBe(isRefused ? 0 : 1)
    if (isRefused) await expectCode('DISK_FULL', () => write)
    else await write
    state.isFull = false
    expect(db.stats().openSnapshotCount).toBe(0)
  }
})

test('a row that is locked for long while others wait is told of', async () => {
  const { clock, db, shop } = await openFragile()
  const stalls: unknown[] = []
  db.on('stall', (stall) => stalls.push(stall))
  const hasLocked = new Deferred<void>()
  const mayEnd = new Deferred<void>()
  const holder = shop.transact(async (tx) => {
    await tx.counters.getForUpdate('x')
    hasLocked.resolve()
    await mayEnd.promise
  })
  await hasLocked.promise
  const pass = async () => {
    for (let ms = 0; ms < 3_000; ms += 50) {
      clock.advance(50)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await pass()
  expect(stalls).toEqual([])
  const write = shop.counters.update('x', { n: 1 })
  await pass()
  expect(stalls).toMatchObject([
    { waitMs: 1_000, tenantId: 1, cause: expect.stringContaining('keeps a row locked') },
  ])
  mayEnd.resolve()
  await Promise.all([holder, write])
})

test('a commit that is refused lets go of its rows', async () => {
  const { state, shop } = await openFragile()
  state.isFull = true
  const first = shop.transact(async (tx) => {
    await tx.counters.getForUpdate('x')
    await tx.counters.upsert([{ id: 'x', n: 1 }, ...MANY])
  }, ONCE)
  const second = shop.transact((tx) => tx.counters.getForUpdate('x'), ONCE)
  await expectCode('DISK_FULL', () => first)
  expect(await second).toEqual({ id: 'x', n: 0 })
  state.isFull = false
})
