import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX } from '../base/ids.js'
import { type Cursor, EntrySlot } from '../codec/entry.js'
import type { EntryArena } from './entry-arena.js'
import { firstRunFrom, type KeyRun, type RefChunk } from './key-run.js'

const NO_CHUNKS: readonly RefChunk[] = []
const NO_REFS = new Uint32Array(0)

/** An ordered position over key runs, themselves in order. A run is brought into order when the cursor enters it. */
export class MemtableCursor implements Cursor {
  isValid = false
  readonly entry: EntrySlot = new EntrySlot()
  readonly #arena: EntryArena
  readonly #runs: readonly KeyRun[]
  #runIndex = 0
  #chunks = NO_CHUNKS
  #chunkIndex = 0
  #refs: Uint32Array = NO_REFS
  #count = 0
  #index = 0

  constructor(arena: EntryArena, runs: readonly KeyRun[]) {
    this.#arena = arena
    this.#runs = runs
  }

  seek(key: Uint8Array, seqNum: SeqNum): void {
    this.#place(key, seqNum)
    this.#settleForward()
  }

  seekLast(key?: Uint8Array): void {
    if (key === undefined) {
      this.#runIndex = this.#runs.length
      this.#enterChunk(NO_CHUNKS, 0)
    } else {
      this.#place(key, SEQ_NUM_MAX)
    }
    this.#index--
    this.#settleBackward()
  }

  next(): void {
    this.#index++
    if (this.#index < this.#count) this.#arena.load(this.#refs[this.#index]!, this.entry)
    else this.#settleForward()
  }

  prev(): void {
    this.#index--
    if (this.#index >= 0) this.#arena.load(this.#refs[this.#index]!, this.entry)
    else this.#settleBackward()
  }

  close(): void {
    this.isValid = false
  }

  /** Stands where the first entry at or after (key, seqNum) is, or behind the end of the chunk before it. */
  #place(key: Uint8Array, seqNum: SeqNum): void {
    const runIndex = firstRunFrom(this.#runs, key)
    this.#runIndex = runIndex
    const run = this.#runs[runIndex]
    const chunks = run === undefined ? NO_CHUNKS : run.inOrder()
    const arena = this.#arena
    let low = 0
    let high = chunks.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      const { refs, count } = chunks[middle]!
      if (arena.compareTo(refs[count - 1]!, key, seqNum) < 0) low = middle + 1
      else high = middle
    }
    this.#enterChunk(chunks, low)
    const refs = this.#refs
    low = 0
    high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (arena.compareTo(refs[middle]!, key, seqNum) < 0) low = middle + 1
      else high = middle
    }
    this.#index = low
  }

  #enterChunk(chunks: readonly RefChunk[], chunkIndex: number): void {
    const chunk = chunks[chunkIndex]
    this.#chunks = chunks
    this.#chunkIndex = chunkIndex
    this.#refs = chunk?.refs ?? NO_REFS
    this.#count = chunk?.count ?? 0
    this.#index = 0
  }

  #settleForward(): void {
    while (this.#index >= this.#count) {
      if (this.#chunkIndex + 1 < this.#chunks.length) {
        this.#enterChunk(this.#chunks, this.#chunkIndex + 1)
      } else if (this.#runIndex + 1 < this.#runs.length) {
        this.#enterChunk(this.#runs[++this.#runIndex]!.inOrder(), 0)
      } else {
        this.isValid = false
        return
      }
    }
    this.isValid = true
    this.#arena.load(this.#refs[this.#index]!, this.entry)
  }

  #settleBackward(): void {
    while (this.#index < 0) {
      if (this.#chunkIndex > 0) {
        this.#enterChunk(this.#chunks, this.#chunkIndex - 1)
      } else if (this.#runIndex > 0) {
        const chunks = this.#runs[--this.#runIndex]!.inOrder()
        this.#enterChunk(chunks, chunks.length - 1)
      } else {
        this.isValid = false
        return
      }
      this.#index = this.#count - 1
    }
    this.isValid = true
    this.#arena.load(this.#refs[this.#index]!, this.entry)
  }
}
