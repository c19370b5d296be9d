// What was made of entries is found until a commit writes their key, and never where an older one was seen.

import { describe, expect, it } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import { ObjectCache } from '../../../dist/store/object-cache.js'
import { replayable, Seeded, seedsOf } from '../../model/seeded.js'

const KIB = 1024
const OBJECT_BYTES = 200
const owner = { is: 'owner' }
const seq = (n: number) => n as SeqNum

describe('what is kept', () => {
  it('is found by its hash and owner until a commit writes it', () => {
    const cache = new ObjectCache(64 * KIB)
    const row = { id: 'a' }
    cache.keep(7, seq(5), owner, row, OBJECT_BYTES)
    expect(cache.find(7, owner)).toBe(row)
    expect(cache.find(7, { is: 'another' })).toBeUndefined()
    expect(cache.find(8, owner)).toBeUndefined()
    cache.forget(7, seq(6))
    expect(cache.find(7, owner)).toBeUndefined()
  })

  it('was not seen by a snapshot below the commit that wrote it last', () => {
    const cache = new ObjectCache(64 * KIB)
    cache.forget(7, seq(6))
    cache.keep(7, seq(5), owner, { id: 'old' }, OBJECT_BYTES)
    expect(cache.find(7, owner)).toBeUndefined()
    const row = { id: 'new' }
    cache.keep(7, seq(6), owner, row, OBJECT_BYTES)
    expect(cache.find(7, owner)).toBe(row)
  })

  it('has room, and is not pushed out by what is read once', () => {
    const cache = new ObjectCache(64 * KIB)
    for (let i = 0; i < 20; i++) cache.keep(i, seq(1), owner, { i }, OBJECT_BYTES)
    for (let i = 100; i < 2000; i++) {
      for (let hot = 0; hot < 20; hot++) cache.find(hot, owner)
      cache.keep(i, seq(1), owner, { i }, OBJECT_BYTES)
      expect(cache.usedBytes).toBeLessThanOrEqual(cache.capacityBytes)
    }
    for (let hot = 0; hot < 20; hot++) expect(cache.find(hot, owner)).toEqual({ i: hot })
  })

  it('is nothing that could never fit', () => {
    const cache = new ObjectCache(4 * KIB)
    cache.keep(1, seq(1), owner, { id: 'huge' }, 4 * KIB)
    expect(cache.find(1, owner)).toBeUndefined()
    new ObjectCache(1).keep(1, seq(1), owner, { id: 'any' }, 1)
  })
})

it('agrees with a map of what every key says now, in any order of commits and reads', async () => {
  for (const seed of seedsOf(10, 1)) {
    await replayable(seed, () => {
      const random = new Seeded(seed)
      const cache = new ObjectCache(random.pick([2 * KIB, 8 * KIB, 64 * KIB]))
      /** The newest version of each key; commits become readable later, in their order. */
      const newest = new Map<number, number>()
      let last = 1
      let readable = 1
      let foundCount = 0
      for (let step = 0; step < 2000; step++) {
        const key = Math.imul(random.below(60), 0x9e3779b1) >>> 0
        const roll = random.below(10)
        if (roll < 2) {
          newest.set(key, ++last)
          cache.forget(key, seq(last))
        } else if (roll < 4) {
          readable += random.below(last - readable + 1)
        } else {
          const found = cache.find(key, owner) as { version: number } | undefined
          const version = newest.get(key) ?? 0
          if (found !== undefined) {
            foundCount++
            if (found.version !== version) expect(found.version).toBe(version)
            if (version > readable) expect(version).toBeLessThanOrEqual(readable)
          } else {
            // A snapshot below the newest version sees an older one.
            const object = { version: version <= readable ? version : -1 }
            cache.keep(key, seq(readable), owner, object, OBJECT_BYTES + random.below(200))
          }
        }
        if (cache.usedBytes > cache.capacityBytes) expect.fail('it takes more than it may')
      }
      expect(foundCount).toBeGreaterThan(0)
    })
  }
})
