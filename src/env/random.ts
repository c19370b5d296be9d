// Chance: the machine's, and one that repeats itself from a seed.

import { randomBytes } from 'node:crypto'

import type { Random } from './env.js'

export class SystemRandom implements Random {
  bytes(count: number): Uint8Array {
    return new Uint8Array(randomBytes(count))
  }

  float(): number {
    return Math.random()
  }
}

/**
 * A small generator with 32 bits of state: good enough to choose test cases, never for secrets.
 *
 * @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c mulberry32 (public domain)
 */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = this.#next() >>> 24
    return bytes
  }

  float(): number {
    return this.#next() / 2 ** 32
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
