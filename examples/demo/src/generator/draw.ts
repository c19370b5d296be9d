// Chance from a seed: the same seeds give the same draws on every machine.

/**
 * A small random generator (mulberry32: 32 bits of state), with the draws that the demo's data need.
 *
 * Several seeds make one stream, so `new Draw(seed, shop, product)` can be made again wherever a product is needed,
 * and nothing has to be remembered.
 */
export class Draw {
  #state: number

  constructor(...seeds: readonly number[]) {
    let state = 0x9e3779b9
    for (const seed of seeds) state = scramble(state ^ Math.imul(seed + 1, 0x85ebca6b))
    this.#state = state
  }

  /** 0 <= x < 1. */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296
  }

  /** A whole number, 0 <= x < count. */
  below(count: number): number {
    return Math.floor(this.unit() * count)
  }

  /** A whole number, low <= x <= high. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.unit() < probability
  }

  pick<Item>(list: readonly Item[]): Item {
    const item = list[this.below(list.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  /** This many different items of the list, in its order. */
  sample<Item>(list: readonly Item[], count: number): Item[] {
    const chosen: Item[] = []
    for (const [i, item] of list.entries()) {
      if (this.chance((count - chosen.length) / (list.length - i))) chosen.push(item)
    }
    return chosen
  }

  /** A number between low and high with this many decimals. */
  decimal(low: number, high: number, decimals: number): number {
    return Number((low + this.unit() * (high - low)).toFixed(decimals))
  }

  /** Lower-case hexadecimal digits. */
  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.below(0x10000000).toString(16).padStart(7, '0')
    return text.slice(0, digits)
  }

  /** A random UUID (version 4). */
  uuid(): string {
    const bits = this.hex(30)
    return formatUuid(`${bits.slice(0, 12)}4${bits.slice(12, 15)}a${bits.slice(15)}`)
  }

  /** A UUID that sorts by time (version 7): milliseconds, then a counter, then chance. */
  uuidAt(unixMs: number, counter: number): string {
    const time = unixMs.toString(16).padStart(12, '0')
    const count = (counter & 0xfff).toString(16).padStart(3, '0')
    return formatUuid(`${time}7${count}a${this.hex(15)}`)
  }
}

/** Draws ranks by Zipf's law: rank 0 is the commonest, rank r has 1/(r+1) of its weight. */
export class ZipfRanks {
  readonly #cumulative: Float64Array

  constructor(count: number) {
    this.#cumulative = new Float64Array(count)
    let sum = 0
    for (let rank = 0; rank < count; rank++) {
      sum += 1 / (rank + 1)
      this.#cumulative[rank] = sum
    }
  }

  /** The part of all draws that falls on this rank. */
  share(rank: number): number {
    const total = this.#cumulative.at(-1) ?? 1
    return 1 / (rank + 1) / total
  }

  draw(chance: Draw): number {
    const target = chance.unit() * (this.#cumulative.at(-1) ?? 0)
    let low = 0
    let high = this.#cumulative.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#cumulative[middle] ?? 0) > target) high = middle
      else low = middle + 1
    }
    return low
  }
}

function formatUuid(digits: string): string {
  const parts = [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16)]
  return `${parts.join('-')}-${digits.slice(16, 20)}-${digits.slice(20)}`
}

/** Mixes all bits of a 32-bit number (the finalizer of MurmurHash3, public domain). */
function scramble(value: number): number {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
