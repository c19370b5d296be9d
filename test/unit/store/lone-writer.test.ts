// Whose syncs are done on the thread: those of a client that commits again and again, on a disk that is quick.

import { beforeEach, expect, test } from 'vitest'

import { LoneWriter } from '../../../dist/store/lone-writer.js'

let lone: LoneWriter
let now: number

beforeEach(() => {
  lone = new LoneWriter()
  now = 1_000
})

/** A commit that comes after a pause; whether it is synced on the thread. */
async function commit({ pauseMicros = 50, syncMicros = 100, clientCount = 1 } = {}) {
  now += pauseMicros
  const isOnThread = lone.comes(now)
  if (!isOnThread) lone.turned()
  const startMicros = now
  now += syncMicros
  lone.synced(clientCount, { startMicros, endMicros: now, isOnThread })
  return isOnThread
}

async function commits(count: number, facts = {}): Promise<boolean[]> {
  const ways: boolean[] = []
  for (let i = 0; i < count; i++) ways.push(await commit(facts))
  return ways
}

test('after two commits in a row, with a turn of the event loop after every four', async () => {
  expect(await commits(2)).toEqual([false, false])
  const four = [true, true, true, true]
  expect(await commits(10)).toEqual([...four, false, ...four, false])
})

test('not after a pause, and not with others', async () => {
  await commits(3)
  expect(await commits(3, { pauseMicros: 201 })).toEqual([false, false, false])
  expect(await commits(3)).toEqual([false, true, true])
  expect(await commits(2, { clientCount: 2 })).toEqual([true, false])
  expect(await commits(4)).toEqual([false, false, true, true])
})

test('not while syncs take long, and for a second after a hiccup', async () => {
  expect(await commits(4, { syncMicros: 1_000 })).toEqual([false, false, false, false])
  expect(await commits(2)).toEqual([false, true])
  expect(await commit({ syncMicros: 5_001 })).toBe(true)
  const until = now + 1_000_000
  while (now + 50 < until) expect(await commit()).toBe(false)
  expect(await commit()).toBe(true)
})

test('who commits before the acknowledgement got through does not wait for it: that is a group', async () => {
  await commits(3)
  expect(lone.comes(now)).toBe(true)
  lone.synced(1, { startMicros: now, endMicros: now + 100, isOnThread: true })
  expect(lone.comes(now + 100)).toBe(false)
  await Promise.resolve()
  expect(lone.comes(now + 100)).toBe(true)
})
