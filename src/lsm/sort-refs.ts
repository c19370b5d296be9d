// Sorts the entries of an arena. Comparing whole keys is slow, so refs are sorted by the four key bytes that follow their
// common prefix, as plain 64-bit numbers in the runtime's own sort; entries that agree in them are sorted again by
// the bytes behind. Two rows of a tenant differ early once the shared prefix is skipped, so two passes are the rule.
//
// Entries that agree stay in the order in which they were added, which is that of their keys for tenants whose rows come in
// order: those are done with one look. The versions of one key are turned round at the end.

import type { EntryArena } from './entry-arena.js'

/** Up to this many entries insertion is the fastest sort. */
const INSERTION_MAX_COUNT = 16
/** Passes before whole keys are compared after all: bounds the recursion whatever the keys are. */
const PASS_MAX_COUNT = 24

/** Sorts ascending refs in place by key, the newer version of a key first. */
export function sortRefs(arena: EntryArena, refs: Uint32Array): void {
  if (isSorted(arena, refs, 0, refs.length)) return
  if (refs.length <= INSERTION_MAX_COUNT) insertionSort(arena, refs, 0, refs.length)
  else new RefSort(arena, refs).sort(0, refs.length, 0, 0)
}

class RefSort {
  readonly #arena: EntryArena
  readonly #refs: Uint32Array
  /** One per ref: four bytes of its key above the ref, so that of equal bytes the older entry comes first. */
  readonly #pairs: BigUint64Array<ArrayBuffer>
  readonly #pairWords: Uint32Array

  constructor(arena: EntryArena, refs: Uint32Array) {
    this.#arena = arena
    this.#refs = refs
    this.#pairs = new BigUint64Array(refs.length)
    this.#pairWords = new Uint32Array(this.#pairs.buffer)
  }

  /** @param skip  key bytes that all entries of the range have in common */
  sort(start: number, end: number, skip: number, passCount: number): void {
    const refs = this.#refs
    if (isSorted(this.#arena, refs, start, end)) return
    if (end - start <= INSERTION_MAX_COUNT) {
      insertionSort(this.#arena, refs, start, end)
    } else if (passCount === PASS_MAX_COUNT) {
      refs.subarray(start, end).sort((a, b) => this.#arena.compare(a, b))
    } else {
      const commonBytes = this.#commonBytes(start, end, skip)
      if (this.#areVersions(start, end, commonBytes)) refs.subarray(start, end).reverse()
      else this.#sortByWord(start, end, commonBytes, passCount)
    }
  }

  #sortByWord(start: number, end: number, skip: number, passCount: number): void {
    const refs = this.#refs
    const words = this.#pairWords
    const [low, high] = WORD_ORDER
    for (let i = start; i < end; i++) {
      words[2 * i + low] = refs[i]!
      words[2 * i + high] = this.#keyWord(refs[i]!, skip)
    }
    this.#pairs.subarray(start, end).sort()
    for (let i = start; i < end; i++) refs[i] = words[2 * i + low]!
    // The words of a range are read before the recursion into it overwrites them.
    let from = start
    while (from < end) {
      const word = words[2 * from + high]!
      let to = from + 1
      while (to < end && words[2 * to + high] === word) to++
      if (to - from > 1) this.sort(from, to, skip + 4, passCount + 1)
      from = to
    }
  }

  /** Whether all entries of the range have one key. */
  #areVersions(start: number, end: number, commonBytes: number): boolean {
    for (let i = start; i < end; i++) {
      if (this.#arena.keyLengthOf(this.#refs[i]!) !== commonBytes) return false
    }
    return true
  }

  /** Four bytes of the key as a number; zeros where it is shorter, which sorts it no later than it belongs. */
  #keyWord(ref: number, skip: number): number {
    const { bytes } = this.#arena
    const length = this.#arena.keyLengthOf(ref)
    const at = this.#arena.keyStartOf(ref) + skip
    if (skip + 4 <= length) {
      return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
    }
    let word = 0
    for (let i = 0; i < 4; i++) word = (word << 8) | (skip + i < length ? bytes[at + i]! : 0)
    return word
  }

  /** How many bytes all keys of the range share, at least `skip` or the length of the shortest. */
  #commonBytes(start: number, end: number, skip: number): number {
    const arena = this.#arena
    const { bytes } = arena
    const first = this.#refs[start]!
    const firstAt = arena.keyStartOf(first)
    let common = arena.keyLengthOf(first)
    for (let i = start + 1; i < end && common > skip; i++) {
      const ref = this.#refs[i]!
      const at = arena.keyStartOf(ref)
      const length = arena.keyLengthOf(ref)
      if (length < common) common = length
      let same = skip
      while (same < common && bytes[at + same] === bytes[firstAt + same]) same++
      common = same
    }
    return common > skip ? common : skip
  }
}

/** Where the low and the high half of a 64-bit number lie on this machine. */
const WORD_ORDER: readonly [number, number] =
  new Uint32Array(new BigUint64Array([1n]).buffer)[0] === 1 ? [0, 1] : [1, 0]

function isSorted(arena: EntryArena, refs: Uint32Array, start: number, end: number): boolean {
  for (let i = start + 1; i < end; i++) {
    if (arena.compare(refs[i - 1]!, refs[i]!) > 0) return false
  }
  return true
}

function insertionSort(arena: EntryArena, refs: Uint32Array, start: number, end: number): void {
  for (let i = start + 1; i < end; i++) {
    const ref = refs[i]!
    let at = i
    while (at > start && arena.compare(refs[at - 1]!, ref) > 0) {
      refs[at] = refs[at - 1]!
      at--
    }
    refs[at] = ref
  }
}
