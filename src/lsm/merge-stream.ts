// One order over many streams. They stand in the order of their entries, the current one first, and of each it is known how
// many bytes its key shares with the key of the one before it; of the first, with the key that was current last. That much
// usually decides where a stream goes when it has moved on, so that most steps compare two numbers and no keys:
//
//   Let a < b and a < c, and let c share s bytes with a, and b share t bytes with a.
//   s > t: c goes on like a where b does not, so c < b, and they share t bytes.
//   s < t: b goes on like a where c does not, so b < c, and they share s bytes.
//   s = t: the bytes from there on decide.
//
// @see Do, Graefe: Robust and Efficient Sorting with Offset-Value Coding (2022)

import { EntrySlot } from '../codec/entry.js'
import type { EntryStream, WholeBlock } from '../sstable/entry-stream.js'

const NO_ENTRY = new EntrySlot()

/** Merges streams that have no (key, seqNum) in common. */
export class MergeStream implements EntryStream {
  /** Those that still have an entry. */
  readonly #order: EntryStream[] = []
  readonly #shared: number[] = []

  constructor(streams: readonly EntryStream[]) {
    for (const stream of streams) {
      if (!stream.isValid) continue
      // All share nothing with what was before the first entry.
      this.#order.unshift(stream)
      this.#shared.unshift(0)
      this.#place(stream, 0)
    }
  }

  get isValid(): boolean {
    return this.#order.length > 0
  }

  get entry(): EntrySlot {
    return this.#order.length > 0 ? this.#order[0]!.entry : NO_ENTRY
  }

  get sharedBytes(): number {
    return this.#order.length > 0 ? this.#shared[0]! : 0
  }

  wholeBlock(): WholeBlock | undefined {
    return this.#order[0]?.wholeBlock(this.#order[1]?.entry)
  }

  toLastOfBlock(): void {
    const [first, next] = this.#order
    first!.toLastOfBlock()
    // It was known of a key that was passed over.
    if (next !== undefined) this.#shared[1] = sharedFrom(first!.entry, next.entry, 0)
  }

  next(): void {
    const first = this.#order[0]!
    first.next()
    if (first.isValid) {
      this.#place(first, first.sharedBytes)
    } else {
      this.#order.shift()
      this.#shared.shift()
    }
  }

  /** Moves the first stream to where it belongs, whose key shares so many bytes with the one before all others. */
  #place(stream: EntryStream, sharedBytes: number): void {
    const order = this.#order
    const shared = this.#shared
    let at = 0
    while (at + 1 < order.length) {
      const sharedOfNext = shared[at + 1]!
      if (sharedBytes > sharedOfNext) break
      const next = order[at + 1]!
      if (sharedBytes === sharedOfNext) {
        const both = sharedFrom(stream.entry, next.entry, sharedBytes)
        if (isBefore(stream.entry, next.entry, both)) {
          shared[at + 1] = both
          break
        }
        sharedBytes = both
      }
      order[at] = next
      shared[at] = sharedOfNext
      at++
    }
    order[at] = stream
    shared[at] = sharedBytes
  }
}

/** How many bytes two keys share, being equal up to some. */
function sharedFrom(a: EntrySlot, b: EntrySlot, from: number): number {
  const { keyBytes: aBytes, keyStart: aStart } = a
  const { keyBytes: bBytes, keyStart: bStart } = b
  const limit = Math.min(a.keyEnd - aStart, b.keyEnd - bStart)
  let shared = from
  while (shared < limit && aBytes[aStart + shared] === bBytes[bStart + shared]) shared++
  return shared
}

/** Orders entries by key, then the newer first. */
function isBefore(a: EntrySlot, b: EntrySlot, sharedBytes: number): boolean {
  const aAt = a.keyStart + sharedBytes
  const bAt = b.keyStart + sharedBytes
  if (aAt === a.keyEnd) return bAt < b.keyEnd || a.seqNum > b.seqNum
  return bAt < b.keyEnd && a.keyBytes[aAt]! < b.keyBytes[bAt]!
}
