// Objects that were made of entries in their newest state, kept for those who read them again.
//
// A commit takes away what was made of the keys it writes as it enters the memtables: before anybody may read it. From then on
// until it is readable, readers see older versions, of which no object must stay. So
//
// 1. an object is what the newest version of its key says, of all that are in memtables and tables;
// 2. nothing is kept that a snapshot saw below the newest commit that wrote a key of the same set.
//
// Hence what is found is what every snapshot sees that is at least as new as the one it was read at, and only such may ask:
// the newest readable state. Commits that are refused leave nothing behind here: it was never kept.
//
// Keys are not kept. Who asks is known by an owner, and knows from the object itself whether it has the right key; with the
// whole hash and the owner the same it has, but for one in billions.
//
// Slots are in sets of four, which the hash chooses. When there is no room left a hand goes round over all slots and takes
// those away that were not found since it came by last (the CLOCK algorithm): what is read once does not push out what is read
// often, and scans keep nothing here.

import type { SeqNum } from '../base/ids.js'

const WAYS = 4
/** One slot for so many bytes: rows take more, and sets are to be half full. */
const BYTES_PER_SLOT = 512
/** What a slot takes: hash, reference, and a fourth of what is known of its set. */
const SLOT_BYTES = 4 + 8 + 8 / WAYS
/** What the books of an object take, roughly. */
const ITEM_OVERHEAD_BYTES = 64

interface CachedObject {
  readonly object: object
  readonly owner: object
  readonly bytes: number
  /** Set when it is found, cleared by the hand that passes. */
  isHot: boolean
}

export class ObjectCache {
  readonly #capacityBytes: number
  readonly #hashes: Uint32Array
  readonly #items: (CachedObject | undefined)[]
  /** Of each set, the newest commit that wrote one of its keys. */
  readonly #writtenSeqNums: Float64Array
  #usedBytes: number
  #hand = 0

  constructor(capacityBytes: number) {
    let slotCount = WAYS
    while (slotCount * 2 * BYTES_PER_SLOT <= capacityBytes) slotCount *= 2
    this.#capacityBytes = capacityBytes
    this.#hashes = new Uint32Array(slotCount)
    this.#items = Array.from({ length: slotCount }, () => undefined)
    this.#writtenSeqNums = new Float64Array(slotCount / WAYS)
    this.#usedBytes = slotCount * SLOT_BYTES
  }

  /** Bytes that are set aside for it. */
  get capacityBytes(): number {
    return this.#capacityBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** What is kept for a key of this hash; the owner sees to it that it is its key. */
  find(keyHash: number, owner: object): object | undefined {
    const hashes = this.#hashes
    const first = this.#firstOf(keyHash)
    for (let slot = first; slot < first + WAYS; slot++) {
      if (hashes[slot] !== keyHash) continue
      const item = this.#items[slot]
      if (item === undefined || item.owner !== owner) continue
      if (!item.isHot) item.isHot = true
      return item.object
    }
    return undefined
  }

  /**
   * Keeps what was made of an entry, in place of what was kept for the key.
   *
   * @param snapshot  that saw the entry
   * @param bytes  what the object takes, roughly
   */
  keep(keyHash: number, snapshot: SeqNum, owner: object, object: object, bytes: number): void {
    const itemBytes = bytes + ITEM_OVERHEAD_BYTES
    const first = this.#firstOf(keyHash)
    if (this.#writtenSeqNums[first / WAYS]! > snapshot) return
    if (this.#items.length * SLOT_BYTES + itemBytes > this.#capacityBytes) return
    this.#clear(first, keyHash)
    const slot = this.#slotIn(first)
    this.#remove(slot)
    while (this.#usedBytes + itemBytes > this.#capacityBytes) this.#evictOne()
    this.#hashes[slot] = keyHash
    this.#items[slot] = { object, owner, bytes: itemBytes, isHot: false }
    this.#usedBytes += itemBytes
  }

  /** A commit has written a key of this hash. */
  forget(keyHash: number, seqNum: SeqNum): void {
    const first = this.#firstOf(keyHash)
    this.#writtenSeqNums[first / WAYS] = seqNum
    this.#clear(first, keyHash)
  }

  #firstOf(keyHash: number): number {
    return (keyHash & (this.#items.length / WAYS - 1)) * WAYS
  }

  #clear(first: number, keyHash: number): void {
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#hashes[slot] === keyHash) this.#remove(slot)
    }
  }

  /** A slot of the set that is free, or else one whose object was not found lately. */
  #slotIn(first: number): number {
    const items = this.#items
    for (let slot = first; slot < first + WAYS; slot++) {
      if (items[slot] === undefined) return slot
    }
    for (let slot = first; slot < first + WAYS; slot++) {
      const item = items[slot]!
      if (!item.isHot) return slot
      item.isHot = false
    }
    return first
  }

  #remove(slot: number): void {
    const item = this.#items[slot]
    if (item === undefined) return
    this.#items[slot] = undefined
    this.#usedBytes -= item.bytes
  }

  #evictOne(): void {
    const items = this.#items
    for (;;) {
      const slot = this.#hand
      this.#hand = (slot + 1) % items.length
      const item = items[slot]
      if (item === undefined) continue
      if (!item.isHot) return this.#remove(slot)
      item.isHot = false
    }
  }
}
