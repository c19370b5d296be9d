// The filter of a tenant: says of a key's hash "certainly not here" or "perhaps". A blocked Bloom filter: all bits of a
// key lie in one line of 64 bytes, so a probe touches one cache line. On disk and in memory it is the same bytes:
//
//   line of a hash  floor(hash * lineCount / 2^32)
//   bit i of 6      the top 9 bits of g(i): g(0) = fmix(hash), g(i+1) = g(i) * 0x9e3779b9 modulo 2^32
//   bit b of a line bit (b & 7) of byte (b >> 3)
//
// With about 10 bits a key about one absent key in a hundred passes.
//
// @see Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters (2007)

import { IS_LITTLE_ENDIAN, mixHash } from '../kernels/bytes.js'
import { kernels } from '../kernels/chosen-kernels.js'
import {
  addToFilter,
  FILTER_GOLDEN,
  FILTER_LINE_BYTES,
  FILTER_PROBE_COUNT,
} from '../kernels/filter.js'

const BITS_PER_KEY = 10
const LINE_BITS = FILTER_LINE_BYTES * 8
/** Up to here a loop beats a call into a kernel. */
const FEW_KEYS_COUNT = 32
const TWO_32 = 0x1_0000_0000
/** Turns the number of a bit among the bytes of a word into its number in the word. */
const BIT_ORDER = IS_LITTLE_ENDIAN ? 0 : 24

/** Gathers the hashes of a tenant's distinct keys. */
export class FilterBuilder {
  #hashes = new Uint32Array(1024)
  #count = 0

  add(hash: number): void {
    if (this.#count === this.#hashes.length) {
      const grown = new Uint32Array(this.#count * 2)
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    this.#hashes[this.#count++] = hash
  }

  /** The filter over what was added; starts over. */
  finish(): Uint8Array {
    const lineCount = Math.max(1, Math.ceil((this.#count * BITS_PER_KEY) / LINE_BITS))
    const filter = new Uint8Array(lineCount * FILTER_LINE_BYTES)
    const hashes = this.#hashes.subarray(0, this.#count)
    if (this.#count <= FEW_KEYS_COUNT) addToFilter(filter, hashes)
    else kernels().filterBuild(filter, hashes)
    this.#count = 0
    return filter
  }
}

/** A filter as its probes read it: word by word, in the byte order of the machine. */
export function wordsOfFilter(filter: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = wordAligned(filter)
  return new Uint32Array(buffer, byteOffset, length >>> 2)
}

/** False when no key with this hash was added. The filter has at least one whole line. */
export function filterMayContain(filter: Uint32Array, hash: number): boolean {
  const lineCount = filter.length >>> 4
  const line = Math.floor((hash * lineCount) / TWO_32) << 4
  let h = mixHash(hash)
  for (let i = 0; i < FILTER_PROBE_COUNT; i++) {
    const bit = h >>> 23
    if ((filter[line + (bit >>> 5)]! & (1 << (bit ^ BIT_ORDER))) === 0) return false
    h = Math.imul(h, FILTER_GOLDEN)
  }
  return true
}

function wordAligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
}
