import { EntrySlot } from '../codec/entry.js'
import type { EntryStream } from '../sstable/entry-stream.js'
import { EntryArena } from './entry-arena.js'
import type { MemtableImage } from './memtable.js'
import { sortRefs } from './sort-refs.js'

/** The entries of a memtable in the thread that received its image. */
export class MemtableStream implements EntryStream {
  isValid = false
  readonly entry: EntrySlot = new EntrySlot()
  sharedBytes = 0
  readonly block = undefined
  readonly #arena: EntryArena
  readonly #refs: Uint32Array
  #index = -1

  constructor(image: MemtableImage) {
    this.#arena = new EntryArena(image)
    this.#refs = this.#arena.collectRefs(image.entryCount)
    sortRefs(this.#arena, this.#refs)
    this.next()
  }

  wholeBlock(): undefined {
    return undefined
  }

  next(): void {
    const refs = this.#refs
    const index = ++this.#index
    this.isValid = index < refs.length
    if (!this.isValid) return
    const ref = refs[index]!
    this.#arena.load(ref, this.entry)
    this.sharedBytes = index === 0 ? 0 : this.#arena.sharedBytes(refs[index - 1]!, ref)
  }
}
