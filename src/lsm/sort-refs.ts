// Sorts the entries of an arena. Comparing whole keys is slow, so refs are sorted by the four key bytes that follow their
// common prefix, as plain 64-bit numbers in the runtime's own sort; entries that agree in them are sorted again by
// the bytes behind. Two rows of a tenant differ early once the shared prefix is skipped, so two passes are the rule.
// Where there are far fewer words than entries, as those of tenants are, entries are dealt out to their words instead.
//
// Entries that agree stay in the order in which they were added, which is that of their keys for tenants whose rows come in
// order: those are done with one look. The versions of one key are turned round at the end.

import type { EntryArena } from './entry-arena.js'

/** Up to this many entries insertion is the fastest sort. */
const INSERTION_MAX_COUNT = 16
/** From this many entries on it is worth trying to deal them out, to at most the second figure of words. */
const DEAL_MIN_COUNT = 256
const DEAL_MAX_WORDS = 4096
/** So many entries a word has at least, on average. */
const DEAL_MIN_PER_WORD = 8
/** Passes before whole keys are compared after all: bounds the recursion whatever the keys are. */
const PASS_MAX_COUNT = 24

/** Sorts ascending refs in place by key, the newer version of a key first. */
export function sortRefs(arena: EntryArena, refs: Uint32Array): void {
  if (isSorted(arena, refs, 0, refs.length)) return
  if (refs.length <= INSERTION_MAX_COUNT) insertionSort(arena, refs, 0, refs.length)
  else new RefSort(arena, refs).sort(0, refs.length, 0, 0)
}

/**
 * The same, a stretch at a time as somebody gets there: what a sort has looked at is still near the processor when the entries
 * are read. The refs belong to it until it has come to their end.
 */
export class LazyRefSort {
  readonly #refs: Uint32Array
  #sort: RefSort | undefined
  #skip = 0

  constructor(arena: EntryArena, refs: Uint32Array) {
    this.#refs = refs
    const skip = refs.length > INSERTION_MAX_COUNT ? commonBytes(arena, refs, 0) : 0
    if (refs.length <= INSERTION_MAX_COUNT || skip >= arena.keyLengthOf(refs[0]!)) {
      sortRefs(arena, refs)
      return
    }
    this.#skip = skip
    this.#sort = new RefSort(arena, refs)
    this.#sort.divide(0, refs.length, skip)
  }

  /** Sorts on from where the order ends, the next ref being `start`; returns where it ends now. */
  sortFrom(start: number): number {
    const { length } = this.#refs
    return this.#sort === undefined ? length : this.#sort.sortGroup(start, length, this.#skip, 0)
  }
}

class RefSort {
  readonly #arena: EntryArena
  readonly #refs: Uint32Array
  /** One per ref: four bytes of its key above the ref, so that of equal bytes the older entry comes first. */
  readonly #pairs: BigUint64Array<ArrayBuffer>
  readonly #pairWords: Uint32Array
  #deck: WordDeck | undefined

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
      const sharedBytes = commonBytes(this.#arena, refs, skip, start, end)
      if (this.#areVersions(start, end, sharedBytes)) refs.subarray(start, end).reverse()
      else this.#sortByWord(start, end, sharedBytes, passCount)
    }
  }

  #sortByWord(start: number, end: number, skip: number, passCount: number): void {
    this.divide(start, end, skip)
    for (let from = start; from < end; ) from = this.sortGroup(from, end, skip, passCount)
  }

  /** Puts the entries of a range in the order of their words behind what all have in common. */
  divide(start: number, end: number, skip: number): void {
    const refs = this.#refs
    const words = this.#pairWords
    const [low, high] = WORD_ORDER
    for (let i = start; i < end; i++) {
      words[2 * i + low] = refs[i]!
      words[2 * i + high] = this.#keyWord(refs[i]!, skip)
    }
    if (!this.#deal(start, end)) this.#pairs.subarray(start, end).sort()
    for (let i = start; i < end; i++) refs[i] = words[2 * i + low]!
  }

  /**
   * Sorts those entries of a divided range that have their word in common with the one at `from`; returns where they end. The
   * words of what follows stay as they are.
   */
  sortGroup(from: number, end: number, skip: number, passCount: number): number {
    const words = this.#pairWords
    const [, high] = WORD_ORDER
    const word = words[2 * from + high]!
    let to = from + 1
    while (to < end && words[2 * to + high] === word) to++
    if (to - from > 1) this.sort(from, to, skip + 4, passCount + 1)
    return to
  }

  /** Sorts the pairs of a range by dealing them out to the words that they have; false when there are too many. */
  #deal(start: number, end: number): boolean {
    const count = end - start
    if (count < DEAL_MIN_COUNT) return false
    const words = this.#pairWords
    const [low, high] = WORD_ORDER
    this.#deck ??= new WordDeck()
    const deck = this.#deck
    deck.begin(Math.min(DEAL_MAX_WORDS, Math.floor(count / DEAL_MIN_PER_WORD)))
    for (let i = start; i < end; i++) if (!deck.count(words[2 * i + high]!)) return false
    deck.order(start)
    const dealt = words.slice(2 * start, 2 * end)
    for (let i = 0; i < count; i++) {
      const word = dealt[2 * i + high]!
      const place = deck.nextPlace(word)
      words[2 * place + low] = dealt[2 * i + low]!
      words[2 * place + high] = word
    }
    return true
  }

  /** Whether all entries of the range have one key. */
  #areVersions(start: number, end: number, sharedBytes: number): boolean {
    for (let i = start; i < end; i++) {
      if (this.#arena.keyLengthOf(this.#refs[i]!) !== sharedBytes) return false
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
}

/** How many bytes all keys of a range share, at least `skip` or the length of the shortest. */
function commonBytes(
  arena: EntryArena,
  refs: Uint32Array,
  skip: number,
  start = 0,
  end: number = refs.length,
): number {
  const { bytes } = arena
  const first = refs[start]!
  const firstAt = arena.keyStartOf(first)
  let common = arena.keyLengthOf(first)
  for (let i = start + 1; i < end && common > skip; i++) {
    const ref = refs[i]!
    const at = arena.keyStartOf(ref)
    const length = arena.keyLengthOf(ref)
    if (length < common) common = length
    let same = skip
    while (same < common && bytes[at + same] === bytes[firstAt + same]) same++
    common = same
  }
  return common > skip ? common : skip
}

/** Counts how often each of a few words occurs, then says where the entries with each belong. */
class WordDeck {
  readonly #words = new Uint32Array(DEAL_MAX_WORDS)
  /** How often a word occurs; afterwards, where its next entry belongs. */
  readonly #counts = new Uint32Array(DEAL_MAX_WORDS)
  /** Open addressing at most half full: 1 + the number of a word. */
  readonly #slots = new Uint16Array(2 * DEAL_MAX_WORDS)
  #wordCount = 0
  #maxCount = 0

  begin(maxCount: number): void {
    this.#slots.fill(0)
    this.#wordCount = 0
    this.#maxCount = maxCount
  }

  /** False when that would be one word too many. */
  count(word: number): boolean {
    const slot = this.#slotOf(word)
    const number = this.#slots[slot]!
    if (number > 0) {
      this.#counts[number - 1]!++
      return true
    }
    if (this.#wordCount === this.#maxCount) return false
    this.#words[this.#wordCount] = word
    this.#counts[this.#wordCount++] = 1
    this.#slots[slot] = this.#wordCount
    return true
  }

  /** Turns counts into places, in the order of the words. */
  order(start: number): void {
    const numbers = Uint16Array.from({ length: this.#wordCount }, (_, i) => i)
    numbers.sort((a, b) => this.#words[a]! - this.#words[b]!)
    let place = start
    for (const number of numbers) {
      const count = this.#counts[number]!
      this.#counts[number] = place
      place += count
    }
  }

  nextPlace(word: number): number {
    return this.#counts[this.#slots[this.#slotOf(word)]! - 1]!++
  }

  #slotOf(word: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = (Math.imul(word, 0x9e3779b1) >>> 16) & mask
    for (let number = slots[slot]!; number > 0; number = slots[slot]!) {
      if (this.#words[number - 1] === word) break
      slot = (slot + 1) & mask
    }
    return slot
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
