// Hot loops over bytes in portable TypeScript. Positions are indexes into the array: start inclusive, end exclusive.

/** Whether typed arrays have the byte order of the files. */
export const IS_LITTLE_ENDIAN: boolean = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** Up to this many bytes a loop beats a view and a call into the runtime. */
const SHORT_COPY_BYTES = 64

/**
 * From this many bytes on, copies from and to shared memory take a detour. The runtime copies them byte by byte, four times as
 * long, unless both ranges begin at the same place within a word: memory between them begins where the shared one does.
 */
const DETOUR_MIN_BYTES = 512
const WORD_BYTES = 8
const DETOUR_BYTES = 16 * 1024
const detour = new Uint8Array(WORD_BYTES + DETOUR_BYTES)

/** Copies a byte range to `at` of the target. The ranges must not overlap. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start <= SHORT_COPY_BYTES) {
    for (let i = start; i < end; i++) target[at++] = source[i]!
  } else if (end - start >= DETOUR_MIN_BYTES && isShared(source)) {
    copyByDetour(target, at, source, start, end, source.byteOffset + start)
  } else if (end - start >= DETOUR_MIN_BYTES && isShared(target)) {
    copyByDetour(target, at, source, start, end, target.byteOffset + at)
  } else {
    target.set(start === 0 && end === source.length ? source : source.subarray(start, end), at)
  }
}

function isShared(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer
}

/** @param sharedAt  where the shared range begins in its buffer */
function copyByDetour(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
  sharedAt: number,
): void {
  const from = sharedAt % WORD_BYTES
  for (let next = start; next < end; next += DETOUR_BYTES) {
    const count = Math.min(DETOUR_BYTES, end - next)
    detour.set(source.subarray(next, next + count), from)
    target.set(detour.subarray(from, from + count), at + next - start)
  }
}

/** Orders two byte ranges like memcmp, a shorter prefix first. Negative, zero or positive. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const aLength = aEnd - aStart
  const bLength = bEnd - bStart
  const length = aLength < bLength ? aLength : bLength
  for (let i = 0; i < length; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/** Orders two whole keys like memcmp. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length)
}

/** Whether two byte ranges are the same. From their ends, where keys differ. */
export function equalBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  const length = aEnd - aStart
  if (length !== bEnd - bStart) return false
  for (let i = length - 1; i >= 0; i--) {
    if (a[aStart + i] !== b[bStart + i]) return false
  }
  return true
}

/**
 * Hashes a byte range to 32 unsigned bits: FNV-1a over the bytes, then the murmur3 finaliser, so that low bits are
 * usable for tables and filters alike. On disk in filters and tenant hashes: never change it.
 * @see http://www.isthe.com/chongo/tech/comp/fnv/ and MurmurHash3 fmix32 (public domain)
 */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  return finishHash(mixBytes(bytes, start, end))
}

/** Goes on hashing with more bytes, so that keys which begin alike share that part of the work. */
export function mixBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  state: number = FNV_OFFSET,
): number {
  let h = state
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i]!, FNV_PRIME)
  return h
}

/** hashBytes of one key after the other, which looks at those bytes only that differ from the key before. */
export class KeyHasher {
  /** The state of the hash behind so many bytes of the key hashed last. */
  #states = Int32Array.of(FNV_OFFSET)

  /** @param sharedBytes  how many bytes the key has in common with the key hashed last; 0 for the first */
  hash(bytes: Uint8Array, start: number, end: number, sharedBytes: number): number {
    if (end - start >= this.#states.length) this.#grow(end - start)
    const states = this.#states
    let h = states[sharedBytes]!
    for (let i = sharedBytes, count = end - start; i < count; ) {
      h = Math.imul(h ^ bytes[start + i]!, FNV_PRIME)
      states[++i] = h
    }
    return finishHash(h)
  }

  #grow(keyBytes: number): void {
    const grown = new Int32Array(keyBytes * 2 + 1)
    grown.set(this.#states)
    this.#states = grown
  }
}

/** The hash of all bytes that were mixed in. */
export function finishHash(state: number): number {
  return mixHash(state) >>> 0
}

/** murmur3 fmix32: each bit of 32 tells on all others. */
export function mixHash(hash: number): number {
  let h = hash
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** The smallest key above this one. */
export function successorOf(key: Uint8Array): Uint8Array {
  const successor = new Uint8Array(key.length + 1)
  successor.set(key)
  return successor
}
