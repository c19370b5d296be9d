// What a memtable remembers of entries that are replayed from the log, until all of them are there. Nobody reads meanwhile:
// its hash table is made in one go at the end, in the size that it needs, and so is the order of large runs. Tight loops
// wait for memory much less than the same work between any two entries does, and nothing is moved from table to table.

import { invariant } from '../base/assert.js'
import type { EntryArena } from './entry-arena.js'

const INITIAL_COUNT = 256
const ENTRY_WORDS = 3
/** Who asks first for the order of a smaller run waits for some milliseconds, once. */
const LARGE_COUNT = 16 * 1024

/** As lsm/memtable.ts has it: a ref and a hash per slot, at most half full. */
export interface KeyTable {
  readonly slots: Uint32Array<ArrayBuffer>
  readonly keyCount: number
}

export class ReplayedEntries {
  /** A ref, the hash of its key and the number of its prefix, one behind the other, in the order of the log. */
  #words = new Uint32Array(INITIAL_COUNT * ENTRY_WORDS)
  #length = 0

  add(ref: number, keyHash: number, prefixNumber: number): void {
    const at = this.#length
    if (at === this.#words.length) this.#grow()
    this.#words[at] = ref
    this.#words[at + 1] = keyHash
    this.#words[at + 2] = prefixNumber
    this.#length = at + ENTRY_WORDS
  }

  /** Makes the table, and puts the versions of each key behind each other in the arena. */
  intoTable(arena: EntryArena): KeyTable {
    const words = this.#words
    const length = this.#length
    let slotWords = INITIAL_COUNT * 2
    while (slotWords < (length / ENTRY_WORDS) * 4) slotWords *= 2
    const slots = new Uint32Array(slotWords)
    const mask = slotWords - 1
    let keyCount = 0
    for (let i = 0; i < length; i += ENTRY_WORDS) {
      const ref = words[i]!
      const hash = words[i + 1]!
      let slot = (hash << 1) & mask
      let older = slots[slot]!
      while (older !== 0 && (slots[slot + 1] !== hash || !arena.isSameKey(older, ref))) {
        slot = (slot + 2) & mask
        older = slots[slot]!
      }
      if (older === 0) keyCount++
      else {
        invariant(arena.seqNumOf(older) < arena.seqNumOf(ref), 'versions are replayed in order')
        arena.setPrevious(ref, older)
      }
      slots[slot] = ref
      slots[slot + 1] = hash
    }
    return { slots, keyCount }
  }

  /** The refs of each prefix that has too many entries to be ordered when somebody asks, the oldest first. */
  refsOfLarge(prefixCount: number): Uint32Array[] {
    const words = this.#words
    const length = this.#length
    const counts = new Uint32Array(prefixCount)
    for (let i = 2; i < length; i += ENTRY_WORDS) counts[words[i]!]!++
    const refsOf: (Uint32Array | undefined)[] = []
    for (const count of counts) {
      refsOf.push(count < LARGE_COUNT ? undefined : new Uint32Array(count))
    }
    counts.fill(0)
    for (let i = 2; i < length; i += ENTRY_WORDS) {
      const number = words[i]!
      const refs = refsOf[number]
      if (refs !== undefined) refs[counts[number]!++] = words[i - 2]!
    }
    return refsOf.filter((refs) => refs !== undefined)
  }

  #grow(): void {
    const grown = new Uint32Array(this.#words.length * 2)
    grown.set(this.#words)
    this.#words = grown
  }
}
