// The order of a memtable's entries that share one key prefix (one index of one table of one tenant), made of what was added
// since the last time: what arrived in order is appended, the rest waits unsorted until somebody reads in order.
//
// It is a list of chunks. Invariants:
// 1. Within a chunk and from chunk to chunk, refs ascend in entry order; no chunk is empty.
// 2. Refs in place never move: the last chunk only gains refs behind its `count`, and a merge makes new chunks and a new
//    list. So a cursor that holds a list goes on in order whatever is added, and a merge costs the chunks it
//    touches, not the run.

import { KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareBytes } from '../kernels/bytes.js'
import type { EntryArena } from './entry-arena.js'
import type { RunHeads } from './run-heads.js'
import { sortRefs } from './sort-refs.js'

const CHUNK_MAX_COUNT = 512
const INITIAL_COUNT = 8
const NO_REFS = new Uint32Array(0)

/** A stretch of the order: the first `count` of `refs`. */
export interface RefChunk {
  refs: Uint32Array
  count: number
}

export class KeyRun {
  /** What all keys of the run start with. */
  readonly prefix: Uint8Array
  readonly #arena: EntryArena
  readonly #heads: RunHeads
  #chunks: RefChunk[] = []
  /** What came out of order since somebody read in order, the oldest first. */
  #tail: Uint32Array = NO_REFS
  #tailCount = 0
  /** The newest entry that was taken. */
  #newestRef = 0

  /** @param ref  any entry of the run */
  constructor(arena: EntryArena, heads: RunHeads, ref: number) {
    const start = arena.keyStartOf(ref)
    this.prefix = arena.bytes.slice(start, start + KEY_PREFIX_BYTES)
    this.#arena = arena
    this.#heads = heads
  }

  /** All refs added so far, in order. The list may gain refs at its end, and is otherwise never changed. */
  inOrder(): readonly RefChunk[] {
    this.takeAdded()
    if (this.#tailCount > 0) {
      const tail = this.#tail.subarray(0, this.#tailCount)
      sortRefs(this.#arena, tail)
      this.#chunks = this.#merge(this.#chunks, tail)
      this.#tail = NO_REFS
      this.#tailCount = 0
    }
    return this.#chunks
  }

  /** Appends what was added in order, and puts the rest aside. */
  takeAdded(): void {
    const newest = this.#heads.newestOf(this.prefix, 0)
    const added: number[] = []
    for (let ref = newest; ref !== this.#newestRef; ref = this.#arena.earlierOf(ref))
      added.push(ref)
    this.#newestRef = newest
    for (let i = added.length - 1; i >= 0; i--) this.#add(added[i]!)
  }

  /** The same at the beginning, with all refs that were added, the oldest first: nobody has to look for them. */
  takeFirst(refs: Uint32Array): void {
    this.#newestRef = refs[refs.length - 1]!
    for (const ref of refs) this.#add(ref)
  }

  #add(ref: number): void {
    const last = this.#chunks[this.#chunks.length - 1]
    if (last === undefined) {
      this.#chunks.push(chunkOf(ref))
    } else if (this.#arena.compare(last.refs[last.count - 1]!, ref) > 0) {
      if (this.#tailCount === this.#tail.length) this.#tail = grown(this.#tail, this.#tailCount * 2)
      this.#tail[this.#tailCount++] = ref
    } else if (last.count >= CHUNK_MAX_COUNT) {
      this.#chunks.push(chunkOf(ref))
    } else {
      if (last.count === last.refs.length) last.refs = grown(last.refs, last.count * 2)
      last.refs[last.count++] = ref
    }
  }

  #merge(chunks: readonly RefChunk[], tail: Uint32Array): RefChunk[] {
    const merged = chunks.slice()
    let target = 0
    let from = 0
    while (from < tail.length) {
      target = this.#chunkFor(chunks, target, tail[from]!)
      const next = chunks[target + 1]?.refs[0]
      let to = from + 1
      if (next === undefined) to = tail.length
      else while (to < tail.length && this.#arena.compare(tail[to]!, next) < 0) to++
      const pieces = piecesOf(this.#mergeChunk(chunks[target]!, tail, from, to))
      const place = target + merged.length - chunks.length
      if (pieces.length === 1) merged[place] = pieces[0]!
      else merged.splice(place, 1, ...pieces)
      target++
      from = to
    }
    return merged
  }

  /** The last chunk from `at` on that starts at or before the ref; `at` itself when none does. */
  #chunkFor(chunks: readonly RefChunk[], at: number, ref: number): number {
    let low = at
    let high = chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#arena.compare(chunks[middle]!.refs[0]!, ref) <= 0) low = middle
      else high = middle - 1
    }
    return low
  }

  #mergeChunk(chunk: RefChunk, tail: Uint32Array, from: number, to: number): Uint32Array {
    const { refs, count } = chunk
    const merged = new Uint32Array(count + to - from)
    let read = 0
    let write = 0
    for (let i = from; i < to; i++) {
      const ref = tail[i]!
      const end = this.#placeIn(refs, read, count, ref)
      while (read < end) merged[write++] = refs[read++]!
      merged[write++] = ref
    }
    while (read < count) merged[write++] = refs[read++]!
    return merged
  }

  /** The first index whose ref belongs behind the given one. */
  #placeIn(refs: Uint32Array, start: number, end: number, ref: number): number {
    let low = start
    let high = end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#arena.compare(refs[middle]!, ref) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The index of the first run that can hold keys at or above `key`. Runs are in the order of their prefixes. */
export function firstRunFrom(runs: readonly KeyRun[], key: Uint8Array): number {
  let low = 0
  let high = runs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { prefix } = runs[middle]!
    const keyEnd = Math.min(key.length, prefix.length)
    if (compareBytes(prefix, 0, prefix.length, key, 0, keyEnd) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function chunkOf(ref: number): RefChunk {
  const refs = new Uint32Array(INITIAL_COUNT)
  refs[0] = ref
  return { refs, count: 1 }
}

function piecesOf(refs: Uint32Array): RefChunk[] {
  if (refs.length <= CHUNK_MAX_COUNT) return [{ refs, count: refs.length }]
  // Pieces are left three quarters full: the next merge into one should not have to cut it.
  const pieceCount = Math.ceil(refs.length / (CHUNK_MAX_COUNT * 0.75))
  return Array.from({ length: pieceCount }, (_, i) => {
    const start = Math.floor((i * refs.length) / pieceCount)
    const end = Math.floor(((i + 1) * refs.length) / pieceCount)
    return { refs: refs.slice(start, end), count: end - start }
  })
}

function grown(refs: Uint32Array, count: number): Uint32Array {
  const larger = new Uint32Array(Math.max(count, INITIAL_COUNT))
  larger.set(refs)
  return larger
}
