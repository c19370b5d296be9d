// Locks against what they promise: one holder a key, turns in the order of asking, and nobody who waits for ever.

import { describe, expect, test } from 'vitest'

import { SimulatedClock } from '../../../dist/env/clock.js'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import { KeyLocks, LockHolder, LONG_TURN_MS } from '../../../dist/store/key-locks.js'
import { WriteBatch } from '../../../dist/store/write-batch.js'
import { replayable, Seeded, seedsOf } from '../../model/seeded.js'
import { turns } from '../../turns.js'

const keyOf = (n: number) => new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, n])

class Locks {
  readonly clock = new SimulatedClock({ isHeld: true })
  readonly told: Uint8Array[] = []
  readonly locks = new KeyLocks({
    clock: this.clock,
    onLongTurn: (key) => void this.told.push(key),
  })

  /** All keys of one hash, so that those that collide are told apart. */
  acquire(holder: LockHolder, key: number, isKept = true): boolean | Promise<boolean> {
    return this.locks.acquire(holder, keyOf(key), 7, isKept)
  }
}

describe('locks of keys', () => {
  test('a lock that nobody has is granted at once, and again to its holder', () => {
    const { locks } = new Locks()
    const holder = new LockHolder()
    for (let i = 0; i < 2; i++) expect(locks.acquire(holder, keyOf(1), 1, true)).toBe(true)
    expect(locks.count).toBe(1)
    locks.release(holder)
    expect(locks.count).toBe(0)
  })

  test('writes of locked keys are found, others and one’s own are not', () => {
    const { locks } = new Locks()
    const holder = new LockHolder()
    const batch = new WriteBatch()
    batch.put(keyOf(1), new Uint8Array(1))
    batch.delete(keyOf(2))
    expect(locks.findOther(undefined, batch)).toBeUndefined()
    const lock = (n: number) => locks.acquire(holder, keyOf(n), hashBytes(keyOf(n), 0, 15), true)
    lock(3)
    expect(locks.findOther(undefined, batch)).toBeUndefined()
    lock(2)
    expect(locks.findOther(undefined, batch)).toEqual(keyOf(2))
    expect(locks.findOther(new LockHolder(), batch)).toEqual(keyOf(2))
    expect(locks.findOther(holder, batch)).toBeUndefined()
  })

  test('of a circle the one is refused who asks against the order of keys, be he asking or waiting', async () => {
    for (const isLateInOrder of [true, false]) {
      const locks = new Locks()
      const [a, b] = [new LockHolder(), new LockHolder()]
      locks.acquire(a, 1)
      locks.acquire(b, 2)
      if (isLateInOrder) {
        const refused = locks.acquire(b, 1)
        const granted = locks.acquire(a, 2)
        expect(await refused).toBe(false)
        locks.locks.release(b)
        expect(await granted).toBe(true)
      } else {
        const granted = locks.acquire(a, 2)
        expect(locks.acquire(b, 1)).toBe(false)
        locks.locks.release(b)
        expect(await granted).toBe(true)
      }
    }
  })

  test('who is let go while waiting leaves the queue; all can be refused', async () => {
    const locks = new Locks()
    const holders = Array.from({ length: 4 }, () => new LockHolder())
    const [first, second, third, fourth] = holders as [
      LockHolder,
      LockHolder,
      LockHolder,
      LockHolder,
    ]
    locks.acquire(first, 1)
    const granted = [second, third, fourth].map((holder) =>
      Promise.resolve(locks.acquire(holder, 1)),
    )
    locks.locks.release(second)
    await expect(granted[0]).rejects.toMatchObject({ code: 'TXN_FINISHED' })
    locks.locks.release(first)
    expect(await granted[1]).toBe(true)
    locks.locks.refuseAll(new Error('closed'))
    await expect(granted[2]).rejects.toThrow('closed')
    locks.locks.release(third)
    expect(locks.locks.count).toBe(0)
  })
})

test('a turn that takes long is taken away if others wait, a lock that is kept is told of', async () => {
  const locks = new Locks()
  const holders = Array.from({ length: 4 }, () => new LockHolder())
  const [first, second, third, fourth] = holders as [LockHolder, LockHolder, LockHolder, LockHolder]
  const pass = async (delayMs: number) => {
    for (let ms = 0; ms < delayMs; ms += 50) {
      locks.clock.advance(50)
      await turns(3)
    }
  }
  locks.acquire(first, 1, false)
  locks.acquire(first, 2, false)
  await pass(10 * LONG_TURN_MS)
  const waiting = [second, third, fourth].map((holder, i) => locks.acquire(holder, 1, i > 0))
  await pass(LONG_TURN_MS - 100)
  locks.clock.advance(10 * LONG_TURN_MS)
  await turns(1)
  expect(first.held.size, 'time in which nothing ran').toBe(2)
  await pass(50)
  expect(await waiting[0]).toBe(true)
  expect([first.held.size, first.hasLost]).toEqual([1, true])
  locks.locks.release(first)
  await pass(LONG_TURN_MS + 50)
  expect(await waiting[1]).toBe(true)
  await pass(3 * LONG_TURN_MS)
  expect(third.held.size).toBe(1)
  expect(locks.told).toEqual([keyOf(1)])
  locks.locks.release(third)
  expect(await waiting[2]).toBe(true)
  await pass(100)
  expect(locks.clock.sleeperCount).toBe(0)
})

test('who waits in line himself keeps his turn meanwhile', async () => {
  const locks = new Locks()
  const [first, second, third] = [new LockHolder(), new LockHolder(), new LockHolder()]
  locks.acquire(first, 2)
  locks.acquire(second, 1, false)
  const waiting = [locks.acquire(second, 2, false), locks.acquire(third, 1)]
  for (let ms = 0; ms < 3 * LONG_TURN_MS; ms += 50) {
    locks.clock.advance(50)
    await turns(3)
  }
  expect([second.hasLost, second.held.size]).toEqual([false, 1])
  locks.locks.release(first)
  expect(await waiting[0]).toBe(true)
  locks.locks.release(second)
  expect(await waiting[1]).toBe(true)
})

test('who lost a turn writes past the turn of another, not past a lock that is kept', () => {
  const locks = new KeyLocks({ clock: new SimulatedClock({ isHeld: true }), onLongTurn: () => {} })
  const [loser, holder] = [new LockHolder(), new LockHolder()]
  loser.hasLost = true
  const key = keyOf(1)
  const batch = new WriteBatch()
  batch.delete(key)
  locks.acquire(holder, key, hashBytes(key, 0, key.length), false)
  expect(locks.findOther(loser, batch)).toBeUndefined()
  expect(locks.findOther(undefined, batch)).toEqual(key)
  locks.acquire(holder, key, hashBytes(key, 0, key.length), true)
  expect(locks.findOther(loser, batch)).toEqual(key)
})

/** Holders that lock keys at random, hold them for a while and let go; whoever is refused begins again, in order. */
async function stampede(seed: number): Promise<void> {
  const random = new Seeded(seed)
  const locks = new Locks()
  const keyCount = 2 + random.below(6)
  const holderOf = new Map<number, LockHolder>()
  const asked = new Map<number, LockHolder[]>()
  const client = async () => {
    const wanted = new Set(
      Array.from({ length: 1 + random.below(4) }, () => random.below(keyCount)),
    )
    let known: number[] = []
    for (let attempt = 0; ; attempt++) {
      expect(attempt, 'each refusal adds a key to those asked for in order').toBeLessThan(5)
      const holder = new LockHolder()
      let refused: number | undefined
      for (const key of [...known.toSorted((x, y) => x - y), ...wanted]) {
        if (holderOf.get(key) === holder) continue
        const queue = asked.get(key) ?? []
        asked.set(key, queue)
        const asking = locks.acquire(holder, key)
        queue.push(holder)
        if (await asking) {
          expect(holderOf.has(key), 'one holder a key').toBe(false)
          expect(queue[0], 'first come, first served').toBe(holder)
          holderOf.set(key, holder)
        } else refused = key
        queue.splice(queue.indexOf(holder), 1)
        if (refused !== undefined) break
        if (random.chance(0.5)) await turns(1)
      }
      const held = [...holderOf].filter(([, each]) => each === holder).map(([key]) => key)
      for (const key of held) holderOf.delete(key)
      locks.locks.release(holder)
      if (refused === undefined) return
      expect(known).not.toContain(refused)
      known = [...held, refused]
    }
  }
  await Promise.all(Array.from({ length: 30 }, client))
  expect(locks.locks.count).toBe(0)
}

test('in a stampede everybody gets all he wants, in turn, and is refused once per key at most', async () => {
  for (const seed of seedsOf(40, 1)) await replayable(seed, () => stampede(seed))
})
