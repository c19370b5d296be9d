// Where the entries of each key prefix (one index of one table of one tenant) begin: a hash table from the prefix to its
// newest entry, behind which the older ones hang in the arena. That is all that adding an entry has to keep: an order is
// made of the chain for who wants one (lsm/key-run.ts).
//
// Invariants:
// 1. A power of two of slots, at most half of them taken; a slot is free when its newest ref is 0.
// 2. A prefix is never taken out, and its newest ref only rises.

import { indexIdOfKey, tableIdOfKey, tenantHashOfKey, tenantIdOfKey } from '../codec/tenant-key.js'

const INITIAL_SLOT_COUNT = 16
/** A run takes what was added after so many entries, so that nobody who asks for its order waits for more of them. */
const TAKE_ENTRY_COUNT = 4096
// The words of a slot: the fields of the prefix, the newest ref, how many entries there are, and how many prefixes came
// before. It lies within one line of the processor's cache.
const SLOT_WORDS = 8
const TENANT_HASH = 0
const TENANT_ID = 1
const TABLE_ID = 2
const INDEX_ID = 3
const NEWEST_REF = 4
const ENTRY_COUNT = 5
const PREFIX_NUMBER = 6

export class RunHeads {
  #slots = new Uint32Array(INITIAL_SLOT_COUNT * SLOT_WORDS)
  #count = 0
  #isTakeDue = false
  #latestNumber = 0

  /** Whether the run of the entry that came last is to take what was added. */
  get isTakeDue(): boolean {
    return this.#isTakeDue
  }

  /** Of the prefix of the entry that came last: prefixes are numbered from 0 on as they come. */
  get latestNumber(): number {
    return this.#latestNumber
  }

  /** How many prefixes there are. */
  get count(): number {
    return this.#count
  }

  /** The newest entry with the prefix of a key; 0 when there is none. */
  newestOf(key: Uint8Array, keyStart: number): number {
    return this.#slots[this.#slotOf(key, keyStart) + NEWEST_REF]!
  }

  /** Puts an entry in front of those with its key's prefix; returns the one that was the newest, 0 when it is the first. */
  replace(key: Uint8Array, keyStart: number, ref: number): number {
    const at = this.#slotOf(key, keyStart)
    const slots = this.#slots
    const before = slots[at + NEWEST_REF]!
    slots[at + NEWEST_REF] = ref
    this.#isTakeDue = ++slots[at + ENTRY_COUNT]! % TAKE_ENTRY_COUNT === 0
    if (before !== 0) {
      this.#latestNumber = slots[at + PREFIX_NUMBER]!
      return before
    }
    this.#latestNumber = this.#count
    slots[at + PREFIX_NUMBER] = this.#count
    slots[at + TENANT_HASH] = tenantHashOfKey(key, keyStart)
    slots[at + TENANT_ID] = tenantIdOfKey(key, keyStart)
    slots[at + TABLE_ID] = tableIdOfKey(key, keyStart)
    slots[at + INDEX_ID] = indexIdOfKey(key, keyStart)
    if (++this.#count * 2 * SLOT_WORDS > slots.length) this.#grow()
    return 0
  }

  #slotOf(key: Uint8Array, keyStart: number): number {
    const slots = this.#slots
    const tenantHash = tenantHashOfKey(key, keyStart)
    const tenantId = tenantIdOfKey(key, keyStart)
    const tableId = tableIdOfKey(key, keyStart)
    const indexId = indexIdOfKey(key, keyStart)
    let at = startOf(tenantHash, tableId, indexId, slots.length)
    while (slots[at + NEWEST_REF] !== 0) {
      if (
        slots[at] === tenantHash &&
        slots[at + TENANT_ID] === tenantId &&
        slots[at + TABLE_ID] === tableId &&
        slots[at + INDEX_ID] === indexId
      ) {
        return at
      }
      at = (at + SLOT_WORDS) & (slots.length - 1)
    }
    return at
  }

  #grow(): void {
    const old = this.#slots
    const slots = new Uint32Array(old.length * 2)
    for (let from = 0; from < old.length; from += SLOT_WORDS) {
      if (old[from + NEWEST_REF] === 0) continue
      const [tableId, indexId] = [old[from + TABLE_ID]!, old[from + INDEX_ID]!]
      let at = startOf(old[from]!, tableId, indexId, slots.length)
      while (slots[at + NEWEST_REF] !== 0) at = (at + SLOT_WORDS) & (slots.length - 1)
      for (let i = 0; i <= PREFIX_NUMBER; i++) slots[at + i] = old[from + i]!
    }
    this.#slots = slots
  }
}

/** Where the search for a prefix begins. Hashes of tenants are spread well; the tables of one come side by side. */
function startOf(tenantHash: number, tableId: number, indexId: number, wordCount: number): number {
  const hash = tenantHash + Math.imul(tableId, 0x9e3779b1) + Math.imul(indexId, 0x85ebca6b)
  return ((Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35) >>> 13) * SLOT_WORDS) & (wordCount - 1)
}
