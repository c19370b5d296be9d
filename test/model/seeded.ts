/** A small seeded generator (mulberry32), so that every failure replays from the printed seed. */
export class Seeded {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 <= x < 1 */
  float(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  /** 0 <= n < bound */
  below(bound: number): number {
    return Math.floor(this.float() * bound)
  }

  chance(probability: number): boolean {
    return this.float() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}

/** Seeds of a test run: `count` from BASE_SEED, or the one given by the environment variable SEED. */
export function seedsOf(count: number, base: number): number[] {
  const given = process.env.SEED
  if (given !== undefined) return [Number(given)]
  return Array.from({ length: count }, (_, i) => base + i)
}

/** Runs one seeded case and names the seed when it fails. */
export async function replayable(seed: number, run: () => Promise<void> | void): Promise<void> {
  try {
    await run()
  } catch (error) {
    throw new Error(`seed ${seed} failed (replay: SEED=${seed})`, { cause: error })
  }
}
