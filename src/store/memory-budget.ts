// One budget for what a store keeps in memory: the row cache has its share, memtables take what they need, the block cache has
// the rest of it, and leaves a part of that to the cache of entries as this fills.
//
// Memtables are bounded by themselves (store/admission.ts stops writers at twice what flushes begin at), so the cache never
// has to give up more than that. Blocks go as memtables grow, a step at a time; when a flush gives memory back the cache
// may fill up again.

import { MiB } from '../base/limits.js'
import type { ObjectCache } from './object-cache.js'
import type { OpenedFiles } from './opened-files.js'

/** What is held in memory, and by whom. */
export interface MemoryStats {
  /** The setting `memoryBudgetBytes`. */
  readonly budgetBytes: number
  /** Memtables with what finds and orders their entries, those included that wait for their flush. */
  readonly memtableBytes: number
  /** Blocks, indexes and filters of sstables. */
  readonly cacheBytes: number
  /** Copies of entries that were read more than once, and what finds them. */
  readonly entryCacheBytes: number
  /** Rows that the row cache keeps, and its books. */
  readonly rowCacheBytes: number
}

/** The cache is fitted when memtables have changed by this much. */
const STEP_BYTES = MiB

export interface MemoryBudgetOptions {
  readonly budgetBytes: number
  /** What the cache may have in any case. */
  readonly cacheLeastBytes: number
  readonly objects: ObjectCache | undefined
  readonly files: Pick<OpenedFiles, 'cache' | 'entries' | 'tablets'>
}

export class MemoryBudget {
  readonly #o: MemoryBudgetOptions
  #fittedBytes = 0

  constructor(options: MemoryBudgetOptions) {
    this.#o = options
    this.#fit(this.#memtableBytes())
  }

  /** Looks how much memtables take; called after every commit. */
  notice(): void {
    const memtableBytes = this.#memtableBytes()
    if (Math.abs(memtableBytes - this.#fittedBytes) >= STEP_BYTES) this.#fit(memtableBytes)
  }

  get stats(): MemoryStats {
    const { budgetBytes, files, objects } = this.#o
    return {
      budgetBytes,
      memtableBytes: this.#memtableBytes(),
      cacheBytes: files.cache.stats.usedBytes,
      entryCacheBytes: files.entries.stats.usedBytes,
      rowCacheBytes: objects?.usedBytes ?? 0,
    }
  }

  #fit(memtableBytes: number): void {
    const { budgetBytes, cacheLeastBytes, files, objects } = this.#o
    // Memtables may grow by a step before the next look.
    const takenBytes = memtableBytes + STEP_BYTES + (objects?.capacityBytes ?? 0)
    files.cache.resize(Math.max(cacheLeastBytes, budgetBytes - takenBytes))
    this.#fittedBytes = memtableBytes
  }

  #memtableBytes(): number {
    let sum = 0
    for (const tablet of this.#o.files.tablets) sum += tablet.memoryBytes
    return sum
  }
}
