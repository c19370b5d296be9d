// One budget for what a store keeps in memory: memtables take what they need, the block cache has the rest of it.
//
// Memtables are bounded by themselves (store/admission.ts stops writers at twice what flushes begin at), so the cache never
// has to give up more than that. Blocks go as memtables grow, a step at a time; when a flush gives memory back the cache
// may fill up again.

import { MiB } from '../base/limits.js'
import type { OpenedFiles } from './open-files.js'

/** What is held in memory, and by whom. */
export interface MemoryStats {
  /** The setting `memoryBudgetBytes`. */
  readonly budgetBytes: number
  /** Memtables with what finds and orders their entries, those included that wait for their flush. */
  readonly memtableBytes: number
  /** Blocks, indexes and filters of sstables. */
  readonly cacheBytes: number
}

/** The cache is fitted when memtables have changed by this much. */
const STEP_BYTES = MiB

export interface MemoryBudgetOptions {
  readonly budgetBytes: number
  /** What the cache may have in any case. */
  readonly cacheLeastBytes: number
  readonly files: Pick<OpenedFiles, 'cache' | 'tablets'>
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
    const { budgetBytes, files } = this.#o
    const { usedBytes } = files.cache.stats
    return { budgetBytes, memtableBytes: this.#memtableBytes(), cacheBytes: usedBytes }
  }

  #fit(memtableBytes: number): void {
    const { budgetBytes, cacheLeastBytes, files } = this.#o
    // Memtables may grow by a step before the next look.
    files.cache.resize(Math.max(cacheLeastBytes, budgetBytes - memtableBytes - STEP_BYTES))
    this.#fittedBytes = memtableBytes
  }

  #memtableBytes(): number {
    let sum = 0
    for (const tablet of this.#o.files.tablets) sum += tablet.memoryBytes
    return sum
  }
}
