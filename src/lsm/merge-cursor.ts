// One order over many cursors. A binary heap of the children that still have an entry; the root holds the current one.
// With a few children that is one or two comparisons a step, with many their logarithm. A child that stays the first is asked
// how far it will, which its block tells with one search, and goes so far without any: runs that follow each other, as those
// of keys in the order of time do, cost a scan little more than one run.

import type { SeqNum } from '../base/ids.js'
import { type Cursor, EntrySlot } from '../codec/entry.js'
import { compareBytes } from '../kernels/bytes.js'

const NO_ENTRY = new EntrySlot()
/** Steps in a row after which a child that is still the first is asked for how long. */
const ASK_AFTER_COUNT = 2

/**
 * Merges cursors that have no (key, seqNum) in common. Owns them: closing it closes them. `entry` is the slot of the child
 * whose turn it is, so it may be another object after each move.
 */
export class MergeCursor implements Cursor {
  readonly #children: readonly Cursor[]
  readonly #heap: Cursor[]
  #heapCount = 0
  /** 1 when the smallest entry comes first, -1 when the largest does. */
  #direction = 1
  /** Steps of the root since it is the root, or was asked. */
  #stepCount = 0
  /** Steps of the root that lead to another entry before those of all others. */
  #freeCount = 0

  constructor(children: readonly Cursor[]) {
    this.#children = children
    this.#heap = [...children]
  }

  get isValid(): boolean {
    return this.#heapCount > 0
  }

  get entry(): EntrySlot {
    return this.#heapCount > 0 ? this.#heap[0]!.entry : NO_ENTRY
  }

  seek(key: Uint8Array, seqNum: SeqNum): void {
    // On the way forward a child that is past the target already is where it would be sent.
    const isOnTheWay =
      this.#direction === 1 && this.#heapCount > 0 && isBefore(this.entry, key, seqNum)
    for (const child of this.#children) {
      const isThere = isOnTheWay && !(child.isValid && isBefore(child.entry, key, seqNum))
      if (!isThere) child.seek(key, seqNum)
    }
    this.#build(1)
  }

  seekLast(key?: Uint8Array): void {
    for (const child of this.#children) child.seekLast(key)
    this.#build(-1)
  }

  next(): void {
    const first = this.#heap[0]!
    first.next()
    if (this.#freeCount > 0) this.#freeCount--
    else this.#restoreFirst(first)
  }

  prev(): void {
    const first = this.#heap[0]!
    first.prev()
    if (this.#freeCount > 0) this.#freeCount--
    else this.#restoreFirst(first)
  }

  close(): void {
    this.#heapCount = 0
    for (const child of this.#children) child.close()
  }

  #build(direction: number): void {
    this.#direction = direction
    let count = 0
    for (const child of this.#children) if (child.isValid) this.#heap[count++] = child
    this.#heapCount = count
    this.#stepCount = 0
    this.#freeCount = 0
    for (let i = (count >>> 1) - 1; i >= 0; i--) this.#sink(i, this.#heap[i]!)
  }

  #restoreFirst(first: Cursor): void {
    const heap = this.#heap
    if (!first.isValid) {
      this.#stepCount = 0
      const count = --this.#heapCount
      if (count > 0) this.#sink(0, heap[count]!)
    } else if (this.#heapCount > 1) {
      this.#sink(0, first)
      if (heap[0] !== first) this.#stepCount = 0
      else if (++this.#stepCount === ASK_AFTER_COUNT) this.#askFirst(first)
    }
  }

  /** Has the root say how many more of its entries come before those of all others, of which there is one at least. */
  #askFirst(first: Cursor): void {
    const heap = this.#heap
    const direction = this.#direction
    const isRight =
      this.#heapCount > 2 && compareEntries(heap[2]!.entry, heap[1]!.entry) * direction < 0
    const second = heap[isRight ? 2 : 1]!
    this.#stepCount = 0
    this.#freeCount = first.countBefore?.(second.entry, direction) ?? 0
  }

  /** Puts a child at `index` or below, where it belongs. */
  #sink(index: number, child: Cursor): void {
    const heap = this.#heap
    const count = this.#heapCount
    const direction = this.#direction
    for (;;) {
      let below = 2 * index + 1
      if (below >= count) break
      if (
        below + 1 < count &&
        compareEntries(heap[below + 1]!.entry, heap[below]!.entry) * direction < 0
      ) {
        below++
      }
      if (compareEntries(child.entry, heap[below]!.entry) * direction <= 0) break
      heap[index] = heap[below]!
      index = below
    }
    heap[index] = child
  }
}

function isBefore(entry: EntrySlot, key: Uint8Array, seqNum: SeqNum): boolean {
  const { keyBytes, keyStart, keyEnd } = entry
  const order = compareBytes(keyBytes, keyStart, keyEnd, key, 0, key.length)
  return order < 0 || (order === 0 && entry.seqNum > seqNum)
}

/** Orders two entries: by key, then the newer first. */
function compareEntries(a: EntrySlot, b: EntrySlot): number {
  const order = compareBytes(a.keyBytes, a.keyStart, a.keyEnd, b.keyBytes, b.keyStart, b.keyEnd)
  return order !== 0 ? order : b.seqNum - a.seqNum
}
