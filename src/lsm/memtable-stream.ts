import { invariant } from '../base/assert.js'
import { EntrySlot } from '../codec/entry.js'
import { type HashRange, isHashIn, tenantHashOfKey } from '../codec/tenant-key.js'
import type { EntryStream } from '../sstable/entry-stream.js'
import { EntryArena } from './entry-arena.js'
import type { MemtableImage } from './memtable.js'
import { LazyRefSort } from './sort-refs.js'

/** The entries of a memtable in the thread that received its image. */
export class MemtableStream implements EntryStream {
  isValid = false
  readonly entry: EntrySlot = new EntrySlot()
  sharedBytes = 0
  readonly #arena: EntryArena
  readonly #refs: Uint32Array
  readonly #sort: LazyRefSort
  /** Refs are in order up to here. */
  #sortedEnd = 0
  #index = -1

  /** @param hashes  only of tenants with these; default: all */
  constructor(image: MemtableImage, hashes?: HashRange) {
    const arena = new EntryArena(image)
    this.#arena = arena
    const refs = arena.collectRefs(image.entryCount)
    const hashOf = (ref: number) => tenantHashOfKey(arena.bytes, arena.keyStartOf(ref))
    this.#refs = hashes ? refs.filter((ref) => isHashIn(hashes, hashOf(ref))) : refs
    this.#sort = new LazyRefSort(arena, this.#refs)
    this.next()
  }

  /** How many there are in all. */
  get entryCount(): number {
    return this.#refs.length
  }

  wholeBlock(): undefined {
    return undefined
  }

  toLastOfBlock(): void {
    invariant(false, 'a memtable has no blocks')
  }

  next(): void {
    const refs = this.#refs
    const index = ++this.#index
    this.isValid = index < refs.length
    if (!this.isValid) return
    if (index === this.#sortedEnd) this.#sortedEnd = this.#sort.sortFrom(index)
    const ref = refs[index]!
    this.#arena.load(ref, this.entry)
    this.sharedBytes = index === 0 ? 0 : this.#arena.sharedBytes(refs[index - 1]!, ref)
  }
}
