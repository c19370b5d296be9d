// A file in memory, apart from its names: what the process sees, what the media hold, and the changes between the two.

import { MemoryContent } from './memory-content.js'

/** A change of a file's bytes, with the number of the call that made it. */
export type Mutation =
  | {
      readonly kind: 'write'
      readonly number: number
      readonly offsetBytes: number
      readonly data: Uint8Array
    }
  | { readonly kind: 'resize'; readonly number: number; readonly lengthBytes: number }

export class MemoryInode {
  /** What reads return: the page cache. */
  readonly live: MemoryContent
  /** What is certain to survive. */
  readonly media: MemoryContent
  /** Changes of `live` that `media` may lack, oldest first. */
  readonly #unsynced: Mutation[]

  constructor(
    live: MemoryContent = new MemoryContent(),
    media: MemoryContent = live.copy(),
    unsynced: Mutation[] = [],
  ) {
    this.live = live
    this.media = media
    this.#unsynced = unsynced
  }

  get unsynced(): readonly Mutation[] {
    return this.#unsynced
  }

  change(mutation: Mutation): void {
    applyMutation(this.live, mutation)
    this.#unsynced.push(mutation)
  }

  /** Makes every change up to the numbered call durable. */
  settle(callNumber: number): void {
    const unsynced = this.#unsynced
    let count = 0
    while (count < unsynced.length && unsynced[count]!.number <= callNumber) {
      applyMutation(this.media, unsynced[count]!)
      count++
    }
    unsynced.splice(0, count)
  }

  /** Makes the numbered change durable, whatever else is not. */
  settleOne(callNumber: number): void {
    const i = this.#unsynced.findIndex(({ number }) => number === callNumber)
    if (i < 0) return
    applyMutation(this.media, this.#unsynced[i]!)
    this.#unsynced.splice(i, 1)
  }

  clone(): MemoryInode {
    return new MemoryInode(this.live.copy(), this.media.copy(), this.#unsynced.slice())
  }
}

export function applyMutation(content: MemoryContent, mutation: Mutation): void {
  if (mutation.kind === 'write') content.write(mutation.data, mutation.offsetBytes)
  else content.resize(mutation.lengthBytes)
}
