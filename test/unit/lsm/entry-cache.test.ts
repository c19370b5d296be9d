// The cache of entries against a model: what it gives is what was kept last of that key under that stamp, however many keys share
// a hash, however small it is.

import { describe, expect, it } from 'vitest'

import type { SeqNum } from '../../../dist/base/ids.js'
import { ENTRY_KIND_PUT, EntrySlot } from '../../../dist/codec/entry.js'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import { EntryCache } from '../../../dist/lsm/entry-cache.js'
import { replayable, Seeded, seedsOf } from '../../model/seeded.js'

const STEP_COUNT = 4000

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))
const textOf = ({ valueBytes, valueStart, valueEnd }: EntrySlot) =>
  Buffer.from(valueBytes.subarray(valueStart, valueEnd)).toString()

/** Thousands of times a second. */
function check(isSo: boolean, what: string): void {
  if (!isSo) expect.fail(what)
}

interface Newest {
  readonly stamp: number
  readonly seqNum: SeqNum
  readonly value: string
}

/** A cache beside what the newest versions in tables are. */
class Pair {
  takenBytes = 0
  readonly cache: EntryCache
  readonly capacityBytes: number
  readonly #random: Seeded
  readonly #isColliding: boolean
  readonly #newest = new Map<string, Newest>()
  readonly #held: { slot: EntrySlot; value: string }[] = []
  #stamps: number[]

  constructor(random: Seeded) {
    this.#random = random
    this.#isColliding = random.chance(0.3)
    this.capacityBytes = random.pick([2_048, 8_192, 65_536])
    this.cache = new EntryCache({
      capacityBytes: this.capacityBytes,
      onGrow: (bytes) => {
        this.takenBytes += bytes
      },
    })
    this.#stamps = [this.cache.newStamp(), this.cache.newStamp()]
  }

  step(): void {
    const random = this.#random
    const number = random.chance(0.5) ? random.below(10) : random.below(2_000)
    const name = `${'key of some length'.slice(0, number % 19)}:${number}`
    // A key lives in one tablet.
    const stamp = this.#stamps[number % 2]!
    const key = bytesOf(name)
    const hash = this.#hashOf(key)
    const at = random.chance(0.3) ? random.below(1 << 20) * 2 ** 30 : Number.MAX_SAFE_INTEGER
    const slot = new EntrySlot()
    const newest = this.#newestOf(name, stamp)
    if (this.cache.find(key, hash, stamp, at as SeqNum, slot)) {
      check(slot.seqNum === newest.seqNum && textOf(slot) === newest.value, 'the newest version')
      check(slot.kind === ENTRY_KIND_PUT && slot.keyBytes === key, 'a put of the key')
      check(slot.keyStart === 0 && slot.keyEnd === key.length, 'the whole key')
      check(slot.seqNum <= at, 'nothing that the snapshot does not see')
      if (random.chance(0.01)) this.#held.push({ slot, value: newest.value })
    } else this.#keep(key, hash, newest)
    if (random.chance(0.005)) this.#stamps[random.below(2)] = this.cache.newStamp()
    check(this.cache.stats.usedBytes === this.takenBytes, 'what it takes is told')
    check(this.takenBytes <= this.capacityBytes, 'no more than it may take')
  }

  /** What was given out stays as it was, whatever came later. */
  checkHeld(): void {
    for (const { slot, value } of this.#held) expect(textOf(slot)).toBe(value)
  }

  #newestOf(name: string, stamp: number): Newest {
    const known = this.#newest.get(name)
    if (known?.stamp === stamp) return known
    const seqNum = (this.#random.below(1 << 20) * 2 ** 30 + this.#random.below(1 << 30)) as SeqNum
    const newest = { stamp, seqNum, value: 'v'.repeat(this.#random.below(40)) + String(seqNum) }
    this.#newest.set(name, newest)
    return newest
  }

  #keep(key: Uint8Array, hash: number, { stamp, seqNum, value }: Newest): void {
    const slot = new EntrySlot()
    const bytes = bytesOf(`before${value}behind`)
    Object.assign(slot, { seqNum, kind: ENTRY_KIND_PUT, valueBytes: bytes })
    Object.assign(slot, { valueStart: 6, valueEnd: 6 + value.length })
    this.cache.keep(key, hash, stamp, slot)
  }

  #hashOf(key: Uint8Array): number {
    const hash = hashBytes(key, 0, key.length)
    // Sixteen hashes, half of them above 2^31.
    return this.#isColliding ? (hash & 0x8000_0007) >>> 0 : hash
  }
}

describe('the cache of entries', () => {
  for (const seed of seedsOf(20, 5100)) {
    it(`gives what was kept last, or nothing, seed ${seed}`, () =>
      replayable(seed, () => {
        const pair = new Pair(new Seeded(seed))
        for (let i = 0; i < STEP_COUNT; i++) pair.step()
        pair.checkHeld()
        expect(pair.cache.stats.hitCount).toBeGreaterThan(STEP_COUNT / 20)
      }))
  }

  it('keeps what is read twice, and lets go of what is read once first', () => {
    const cache = new EntryCache({ capacityBytes: 262_144, onGrow: () => undefined })
    const stamp = cache.newStamp()
    const slot = new EntrySlot()
    const value = new Uint8Array(100)
    const read = (name: string): boolean => {
      const key = bytesOf(name)
      const hash = hashBytes(key, 0, key.length)
      if (cache.find(key, hash, stamp, Number.MAX_SAFE_INTEGER as SeqNum, slot)) return true
      Object.assign(slot, { seqNum: 1, valueBytes: value, valueStart: 0, valueEnd: 100 })
      cache.keep(key, hash, stamp, slot)
      return false
    }
    let foundCount = 0
    for (let i = 0; i < 300; i++) if (read(`often ${i % 100}`)) foundCount++
    // A set may be full.
    expect(foundCount).toBeGreaterThan(90)
    expect(foundCount).toBeLessThanOrEqual(100)
    foundCount = 0
    for (let i = 0; i < 100_000; i++) {
      read(`once ${i}`)
      if (i % 50 === 0 && read(`often ${(i / 50) % 100}`)) foundCount++
    }
    expect(foundCount).toBeGreaterThan(1_800)
    foundCount = 0
    for (let i = 0; i < 5_000; i++) {
      // Twice, so that slabs fill and the oldest go.
      read(`twice ${i}`)
      read(`twice ${i}`)
      if (i % 2 === 0 && read(`often ${(i / 2) % 100}`)) foundCount++
    }
    expect(foundCount).toBeGreaterThan(2_000)
  })
})
