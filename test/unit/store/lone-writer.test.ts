// Whose commits are written and synced on the thread: those of a client that commits again and again, on a disk that is quick.

import { beforeEach, expect, test } from 'vitest'

import { LoneWriter } from '../../../dist/store/lone-writer.js'

let lone: LoneWriter
let now: number

beforeEach(() => {
  lone = new LoneWriter()
  now = 1_000
})

interface CommitFacts {
  readonly pauseMicros?: number
  readonly syncMicros?: number
  /** The same, when it is the thread that syncs. */
  readonly onThreadMicros?: number
  readonly clientCount?: number
}

/** A commit that comes after a pause; whether it is synced on the thread. */
async function commit({
  pauseMicros = 50,
  syncMicros = 150,
  clientCount = 1,
  onThreadMicros,
}: CommitFacts = {}): Promise<boolean> {
  now += pauseMicros
  const isOnThread = lone.comes(now) && lone.isQuick(now)
  if (!isOnThread) lone.turned(now)
  const startMicros = now
  now += isOnThread ? (onThreadMicros ?? syncMicros) : syncMicros
  lone.synced({ startMicros, endMicros: now, isOnThread })
  lone.acknowledges(clientCount, now)
  // The client goes on.
  await Promise.resolve()
  return isOnThread
}

async function commits(count: number, facts: CommitFacts = {}): Promise<boolean[]> {
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

test('also after a hiccup now and then', async () => {
  await commits(10)
  for (let i = 0; i < 20; i++) {
    while (!(await commit({ onThreadMicros: 20_000 })));
    const ways = await commits(400)
    const turnCount = ways.filter((isOnThread) => !isOnThread).length
    expect(turnCount, 'one commit in five has a turn of the event loop').toBeLessThan(81)
  }
})

test('not while the event loop stood still in hiccups for more than a fifth of the time', async () => {
  await commits(10)
  const beginMicros = now
  let stoodMicros = 0
  while (now < beginMicros + 5_000_000) {
    if (await commit({ onThreadMicros: 50_000 })) stoodMicros += 50_000
  }
  const share = stoodMicros / (now - beginMicros)
  expect(share).toBeGreaterThan(0.19)
  expect(share, 'but for the last one, and what is borne at first').toBeLessThan(0.22)
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
