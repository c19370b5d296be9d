// Makes inputs out of good ones: bits, bytes, numbers at the edges, stretches cut, doubled, moved or taken from another.
//
// Every input is made in the same array, which ends where the input ends: what lies behind it is out of reach, as if the
// input had memory of its own, and whoever takes the array for the input starts at a wrong byte. It is valid until the next
// one is made.
import type { Seeded } from '../model/seeded.js'

const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
const INPUT_MAX_BYTES = 4096
/** Room for a large file, and for what is put into it. */
const SPACE_BYTES = 128 * 1024
const NOTHING: Uint8Array = new Uint8Array(0)

const space = new Uint8Array(SPACE_BYTES)
/** Where the input that is being made begins. */
let start = SPACE_BYTES

/** One good input, changed in one to four places, behind a head that stays as it is. */
export function mutated(random: Seeded, seeds: readonly Uint8Array[], head = NOTHING): Uint8Array {
  const seed = random.pick(seeds)
  start = SPACE_BYTES - seed.length
  space.set(seed, start)
  for (let remaining = 1 + random.below(4); remaining > 0; remaining--) {
    mutateOnce(random, seeds)
  }
  if (SPACE_BYTES - start > INPUT_MAX_BYTES) cut(start + INPUT_MAX_BYTES, SPACE_BYTES)
  return behind(head)
}

/** A good input as it is, where the others are made. */
export function untouched(seed: Uint8Array, head = NOTHING): Uint8Array {
  start = SPACE_BYTES - seed.length
  space.set(seed, start)
  return behind(head)
}

function behind(head: Uint8Array): Uint8Array {
  space.set(head, start - head.length)
  return space.subarray(start - head.length)
}

function mutateOnce(random: Seeded, seeds: readonly Uint8Array[]): void {
  const at = start + random.below(SPACE_BYTES - start + 1)
  const count = 1 + random.below(random.chance(0.8) ? 8 : 200)
  switch (random.below(8)) {
    case 0:
    case 1:
      if (at < SPACE_BYTES) space[at]! ^= 1 << random.below(8)
      return
    case 2:
      if (at < SPACE_BYTES) space[at] = random.below(256)
      return
    case 3: {
      const edge = random.pick(EDGES) + random.below(3) - 1
      if (at + 4 <= SPACE_BYTES) for (let i = 0; i < 4; i++) space[at + i] = edge >>> (8 * i)
      return
    }
    case 4:
      return cut(at, Math.min(at + count, SPACE_BYTES))
    case 5:
      makeRoom(at, count)
      for (let i = at - count; i < at; i++) space[i] = random.below(256)
      return
    case 6: {
      const from = Math.max(start, at - count)
      // What lies before `at` moves to the front, and stays where it was as well.
      makeRoom(at, at - from)
      return
    }
    default: {
      const other = random.pick(seeds)
      const from = random.below(other.length + 1)
      overwrite(at, other.subarray(from, from + count))
    }
  }
}

/** Takes a stretch away: what lies before it moves towards it. */
function cut(from: number, to: number): void {
  space.copyWithin(start + to - from, start, from)
  start += to - from
}

/** Moves what lies before a place to the front; the bytes of the gap stay as they were. */
function makeRoom(at: number, count: number): void {
  space.copyWithin(start - count, start, at)
  start -= count
}

/** Puts bytes over those that begin at a place, and makes the input longer where it ends before them. */
function overwrite(at: number, bytes: Uint8Array): void {
  const excess = Math.max(0, at + bytes.length - SPACE_BYTES)
  if (excess > 0) makeRoom(SPACE_BYTES, excess)
  space.set(bytes, at - excess)
}
