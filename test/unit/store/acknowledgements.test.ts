// How many clients are told in one turn of the event loop, and in which order.

import { beforeEach, expect, test } from 'vitest'

import type { SeqNum } from '../../../dist/base/ids.js'
import type { Clock } from '../../../dist/env/env.js'
import { Acknowledgements, type Waiter } from '../../../dist/store/acknowledgements.js'

let told: number[]
let turns: (() => void)[]
let syncMicros: number
let acknowledgements: Acknowledgements

beforeEach(() => {
  told = []
  turns = []
  const clock = { yield: () => new Promise<void>((resolve) => turns.push(resolve)) }
  syncMicros = 150
  acknowledgements = new Acknowledgements(clock as Clock, () => syncMicros)
})

function waiters(from: number, count: number, byteCount = 100): Waiter[] {
  return Array.from({ length: count }, (_, i) => ({
    seqNum: (from + i) as SeqNum,
    isSync: true,
    byteCount,
    resolve: (seqNum) => told.push(seqNum),
    reject: () => told.push(-1),
  }))
}

/** The next turn of the event loop; who was told in it. */
async function turn(): Promise<number[]> {
  const before = told.length
  for (const resolve of turns.splice(0)) resolve()
  await Promise.resolve()
  return told.slice(before)
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('sixteen in a turn, in the order of their commits, also of later groups', async () => {
  acknowledgements.add(waiters(1, 20))
  expect(told).toEqual([])
  acknowledgements.tell()
  expect(told).toEqual(numbers(1, 16))
  acknowledgements.add(waiters(21, 14))
  acknowledgements.tell()
  expect(told, 'the rest has a turn of its own').toEqual(numbers(1, 16))
  expect(await turn()).toEqual(numbers(17, 32))
  expect(await turn()).toEqual([33, 34])
  expect(turns).toEqual([])
  acknowledgements.add(waiters(35, 1))
  acknowledgements.tell()
  expect(told.at(-1)).toBe(35)
  expect(turns).toEqual([])
})

test('as many as can commit while the disk syncs', async () => {
  syncMicros = 400
  acknowledgements.add(waiters(1, 100))
  acknowledgements.tell()
  expect(told).toEqual(numbers(1, 40))
  syncMicros = 10_000
  expect(await turn()).toEqual(numbers(41, 100))
  acknowledgements.add(waiters(101, 300))
  acknowledgements.tell()
  expect(told.at(-1), 'and not more than the event loop bears').toBe(356)
})

test('one in a turn, where they have committed much', async () => {
  acknowledgements.add([...waiters(1, 2, 300_000), ...waiters(3, 3, 30_000), ...waiters(6, 2)])
  acknowledgements.tell()
  expect(told).toEqual([1])
  expect(await turn()).toEqual([2])
  expect(await turn()).toEqual([3, 4, 5])
  expect(await turn()).toEqual([6, 7])
  expect(turns).toEqual([])
})
