// Whose commits are written and synced on the thread: those of a client that commits again and again, on a disk that is quick.

import { beforeEach, expect, test } from 'vitest'

import { LoneWriter } from '../../../dist/store/lone-writer.js'

let lone: LoneWriter
let now: number

beforeEach(() => {
  lone = new LoneWriter()
  now = 1_000
})

/** A commit that comes after a pause; whether it is synced on the thread. */
async function commit({ pauseMicros = 50, syncMicros = 150, clientCount = 1 } = {}) {
  now += pauseMicros
  const isOnThread = lone.comes(now) && lone.isQuick(now)
  if (!isOnThread) lone.turned(now)
  const startMicros = now
  now += syncMicros
  lone.synced({ startMicros, endMicros: now, isOnThread })
  lone.acknowledges(clientCount, now)
  // The client goes on.
  await Promise.resolve()
  return isOnThread
}

async function commits(count: number, facts = {}): Promise<boolean[]> {
  const ways: boolean[] = []
  for (let i = 0; i < count; i++) ways.push(await commit(facts))
  return ways
}

test('after two commits in a row, with a turn of the event loop after every millisecond', async () => {
  expect(await commits(2)).toEqual([false, false])
  const millisecond = [true, true, true, true, false]
  expect(await commits(15)).toEqual([...millisecond, ...millisecond, ...millisecond])
})

test('with a turn of the event loop after 32 commits that take no time', async () => {
  const instant = { pauseMicros: 0, syncMicros: 0 }
  await commits(2, instant)
  const ways = await commits(66, instant)
  expect(ways.flatMap((isOnThread, i) => (isOnThread ? [] : [i]))).toEqual([32, 65])
})

test('not after a pause, and not with others', async () => {
  await commits(3)
  expect(await commits(3, { pauseMicros: 201 })).toEqual([false, false, false])
  expect(await commits(3)).toEqual([false, true, true])
  expect(await commits(2, { clientCount: 2 })).toEqual([true, false])
  expect(await commits(4)).toEqual([false, false, true, true])
})

test('not while most syncs take long, whatever a few of them take', async () => {
  const ways = await commits(40, { syncMicros: 1_500 })
  expect(ways.lastIndexOf(true)).toBeLessThan(20)
  expect(await commits(2)).toEqual([false, false])
  await commits(20)
  let onThreadCount = 0
  for (let i = 0; i < 100; i++) {
    if (await commit({ syncMicros: i % 10 === 9 ? 4_000 : 150 })) onThreadCount++
  }
  expect(onThreadCount).toBeGreaterThan(60)
})

test('not for four times as long as the event loop had to stand still', async () => {
  await commits(2)
  for (let i = 0; i < 20; i++) {
    while (!(await commit({ syncMicros: 5_001 })));
    const until = now + 20_004
    while (now + 50 < until) expect(await commit()).toBe(false)
    expect(await commit()).toBe(true)
  }
})

test('a relaxed commit is written in its turn, whatever a sync takes', async () => {
  await commits(40, { syncMicros: 1_500 })
  expect(lone.comes(now)).toBe(false)
  lone.turned(now)
  expect(lone.comes(now + 1)).toBe(true)
  expect(lone.isQuick(now + 1)).toBe(false)
})

test('who commits before the acknowledgement got through does not wait for it: that is a group', async () => {
  await commits(4)
  expect(lone.comes(now)).toBe(true)
  lone.acknowledges(1, now)
  expect(lone.comes(now)).toBe(false)
  await Promise.resolve()
  expect(lone.comes(now)).toBe(true)
})
