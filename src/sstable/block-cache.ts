// Keeps recently used blocks of all tables in memory, within a budget of bytes.
//
// There is no lookup here: an item lives in its home, an array of its reader indexed by position, and a read that finds
// it there marks it hot. The cache only knows all items in a ring and takes the oldest cold ones away when it needs room
// (the CLOCK algorithm). Taking away means forgetting: whoever holds the value keeps it alive.
//
// Invariant: item.ringIndex is the item's place in the ring, or -1, and then its home does not hold it.

/** What the books of one item cost beside its bytes, roughly. */
const ITEM_OVERHEAD_BYTES = 120

const NOWHERE: (CachedItem | undefined)[] = []

/** What can be kept: it carries what the cache knows of it, as another object would be one more place in memory to wait for. */
export class CachedItem {
  /** Set by every hit, cleared by the hand that passes. */
  isHot = false
  ringIndex = -1
  cachedBytes = 0
  home: (CachedItem | undefined)[] = NOWHERE
  position = 0
}

export interface BlockCacheStats {
  readonly capacityBytes: number
  readonly usedBytes: number
  readonly itemCount: number
  readonly hitCount: number
  readonly missCount: number
  readonly evictedCount: number
}

export class BlockCache {
  /** Counted by readers, which do the looking up. */
  hitCount = 0
  missCount = 0
  #evictedCount = 0
  #capacityBytes: number
  #usedBytes = 0
  #setAsideBytes = 0
  #hand = 0
  readonly #ring: CachedItem[] = []

  constructor(options: { readonly capacityBytes: number }) {
    this.#capacityBytes = options.capacityBytes
  }

  get capacityBytes(): number {
    return this.#capacityBytes
  }

  /** Gives the cache more room, or less: what does not fit any more goes at once. */
  resize(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes
    this.#makeRoom(0)
  }

  /** Leaves some of its room to something else. */
  setAside(bytes: number): void {
    this.#setAsideBytes += bytes
    this.#makeRoom(0)
  }

  get stats(): BlockCacheStats {
    return {
      capacityBytes: this.#capacityBytes,
      usedBytes: this.#usedBytes,
      itemCount: this.#ring.length,
      hitCount: this.hitCount,
      missCount: this.missCount,
      evictedCount: this.#evictedCount,
    }
  }

  /** Puts an item that is nowhere yet into home[position], making room first. What could never fit is not kept. */
  insert<Item extends CachedItem>(
    home: (Item | undefined)[],
    position: number,
    item: Item,
    itemBytes: number,
  ): void {
    const bytes = itemBytes + ITEM_OVERHEAD_BYTES
    if (bytes > this.#capacityBytes - this.#setAsideBytes) return
    this.#makeRoom(bytes)
    item.cachedBytes = bytes
    item.home = home
    item.position = position
    item.ringIndex = this.#ring.length
    this.#ring.push(item)
    this.#usedBytes += bytes
    home[position] = item
  }

  /** Forgets an item; nothing happens when it is gone already. */
  remove(item: CachedItem): void {
    const { ringIndex } = item
    if (ringIndex < 0) return
    const last = this.#ring.pop()!
    if (last !== item) {
      this.#ring[ringIndex] = last
      last.ringIndex = ringIndex
    }
    item.ringIndex = -1
    item.home[item.position] = undefined
    this.#usedBytes -= item.cachedBytes
  }

  #makeRoom(bytes: number): void {
    const wantedBytes = bytes + this.#setAsideBytes
    while (this.#usedBytes > 0 && this.#usedBytes + wantedBytes > this.#capacityBytes) {
      this.#evictOne()
    }
  }

  #evictOne(): void {
    for (;;) {
      if (this.#hand >= this.#ring.length) this.#hand = 0
      const item = this.#ring[this.#hand]!
      if (!item.isHot) {
        this.#evictedCount++
        // The last of the ring moves here; the hand goes on so that the newest item is not the next victim.
        this.remove(item)
        this.#hand++
        return
      }
      item.isHot = false
      this.#hand++
    }
  }
}
