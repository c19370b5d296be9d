// A database that is crashed, reopened, flushed and compacted while clients work on it. Files, clock and chance are simulated.

import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import {
  type Database,
  EngineError,
  open,
  type OpenSettings,
  type Tables,
} from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import type { Seeded } from '../model/seeded.js'

/** A power cut in so many calls from now at most. */
const CUT_CALL_MAX_COUNT = 12
/** And if nobody calls in so many turns of the event loop, at once. */
const CUT_TURN_MAX_COUNT = 50
/** So many file-system calls of an opening, in the middle of which the power is cut again. */
const OPEN_CALL_MAX_COUNT = 20

/** One opening of the database, until it is closed or the power is cut. */
export interface Life<T extends Tables> {
  readonly db: Database<T>
  readonly isOver: () => boolean
  /** Resolves at its end: nothing that was under way will be answered. */
  readonly over: Promise<typeof OVER>
}

export const OVER = Symbol('over')

const END_CODES: ReadonlySet<string> = new Set([
  'TXN_CONFLICT',
  'TXN_SNAPSHOT_TOO_OLD',
  'ROW_DUPLICATE_KEY',
  'DB_CLOSED',
  'DB_POISONED',
  'COMMIT_UNKNOWN',
])

/** How work may end on such a database: others were first, or the database, or its history, went away. */
export function isExpectedEnd(error: unknown): error is EngineError {
  return error instanceof EngineError && END_CODES.has(error.code)
}

export class MortalDatabase<T extends Tables> {
  crashCount = 0
  reopenCount = 0
  readonly #random: Seeded
  readonly #tables: T
  readonly #settings: OpenSettings
  #fs = new MemoryFileSystem()
  #life: Promise<Life<T>>
  #end: () => void = () => undefined
  #isBusy = false

  constructor(random: Seeded, tables: T) {
    this.#random = random
    this.#tables = tables
    this.#settings = {
      tabletCount: random.pick([1, 2, 4, 16]),
      walFileBytes: random.pick([65_536, 1 << 18]),
      memoryBudgetBytes: random.pick([4 << 20, 5 << 20]),
      historyWindowMs: random.pick([0, 5, 86_400_000]),
    }
    this.#life = this.#open()
  }

  /** The life of now; while there is none, the next one. */
  get life(): Promise<Life<T>> {
    return this.#life
  }

  /** What may befall a database, one thing at a time. */
  async disturb(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      const { db } = await this.#life
      const roll = this.#random.below(10)
      if (roll < 4) await this.#crash()
      else if (roll < 6) await this.#reopen()
      else if (roll < 8) await db.flush()
      else await db.compact()
    } finally {
      this.#isBusy = false
    }
  }

  async close(): Promise<void> {
    await (await this.#life).db.close()
  }

  /** Whoever is in the middle of something is told by its calls that the database is closed. */
  async #reopen(): Promise<void> {
    const { db } = await this.#life
    this.reopenCount++
    this.#life = db.close().then(() => this.#open())
    await this.#life
  }

  async #crash(): Promise<void> {
    const fs = this.#fs
    fs.cutPowerAt(fs.callCount + 1 + this.#random.below(CUT_CALL_MAX_COUNT))
    for (let turn = 0; turn < CUT_TURN_MAX_COUNT && !fs.isPowerCut; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    fs.cutPowerAt(fs.callCount)
    this.crashCount++
    this.#end()
    this.#fs = fs.crashImage(this.#random)
    this.#life = this.#recover()
    await this.#life
  }

  /** Sometimes the power is cut again before the database is open. */
  async #recover(): Promise<Life<T>> {
    while (this.#random.chance(0.2)) {
      const fs = this.#fs
      fs.cutPowerAt(fs.callCount + 1 + this.#random.below(OPEN_CALL_MAX_COUNT))
      await this.#open().catch(() => undefined)
      fs.cutPowerAt(fs.callCount)
      this.crashCount++
      this.#end()
      this.#fs = fs.crashImage(this.#random)
    }
    return this.#open()
  }

  async #open(): Promise<Life<T>> {
    const fs = this.#fs
    // A slow log keeps many commits between written and durable.
    const isLogSlow = this.#random.chance(0.3)
    if (isLogSlow) fs.syncTurns = (path) => (path.endsWith('.wal') ? 1 + this.#random.below(9) : 1)
    const env = memoryEnv({ seed: this.#random.below(1 << 30), fs })
    const db = await open({ path: '/db', tables: this.#tables, ...this.#settings }, { env })
    let isOver = false
    const over = new Promise<typeof OVER>((resolve) => {
      this.#end = () => {
        isOver = true
        resolve(OVER)
      }
    })
    return { db, over, isOver: () => isOver }
  }
}
