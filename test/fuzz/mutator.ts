// Makes inputs out of good ones: bits, bytes, numbers at the edges, stretches cut, doubled, moved or taken from another.
import type { Seeded } from '../model/seeded.js'

const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
const INPUT_MAX_BYTES = 4096

/** One good input, changed in one to four places. */
export function mutated(random: Seeded, seeds: readonly Uint8Array[]): Uint8Array {
  let bytes: Buffer = Buffer.from(random.pick(seeds))
  for (let remaining = 1 + random.below(4); remaining > 0; remaining--) {
    bytes = mutateOnce(random, bytes, seeds)
  }
  return new Uint8Array(bytes.subarray(0, INPUT_MAX_BYTES))
}

function mutateOnce(random: Seeded, bytes: Buffer, seeds: readonly Uint8Array[]): Buffer {
  const at = random.below(bytes.length + 1)
  const count = 1 + random.below(random.chance(0.8) ? 8 : 200)
  switch (random.below(8)) {
    case 0:
    case 1:
      if (at < bytes.length) bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 2:
      if (at < bytes.length) bytes[at] = random.below(256)
      return bytes
    case 3: {
      const edge = random.pick(EDGES) + random.below(3) - 1
      if (at + 4 <= bytes.length) bytes.writeUInt32LE(edge >>> 0, at)
      return bytes
    }
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)])
    case 5: {
      const noise = Buffer.from(Array.from({ length: count }, () => random.below(256)))
      return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])
    }
    case 6:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at - Math.min(at, count))])
    default: {
      const other = random.pick(seeds)
      const from = random.below(other.length + 1)
      const taken = other.subarray(from, from + count)
      return Buffer.concat([bytes.subarray(0, at), taken, bytes.subarray(at + taken.length)])
    }
  }
}
