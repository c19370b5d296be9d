// Clients, crashes and reopenings against the checker: at each level, histories show nothing that it forbids.

import { describe, expect, it } from 'vitest'

import { replayable, Seeded } from '../model/seeded.js'
import { anomaliesOf, describeAnomalies, writeSkewCount } from './checker.js'
import type { Level } from './history.js'
import { playRound, type RoundResult } from './list-round.js'

/** Transactions at each level; the long run asks for a million. */
const TRANSACTION_COUNT = Number(process.env.ISOLATION_TXNS ?? 3_000)
const FIRST_SEED = Number(process.env.SEED ?? 1)
/** Of one database, which starts empty. */
const ROUND_TRANSACTION_COUNT = 2_000
/** Long runs say how far they are. */
const REPORT_EVERY = 25

class Sums {
  transactionCount = 0
  writeSkewCount = 0
  readonly #level: Level
  readonly #counts = {
    committed: 0,
    aborted: 0,
    unknown: 0,
    conflicts: 0,
    crashes: 0,
    reopenings: 0,
  }
  readonly #startMs = performance.now()

  constructor(level: Level) {
    this.#level = level
  }

  add({ history, takenBackCount, conflictCount, crashCount, reopenCount }: RoundResult): void {
    this.transactionCount += history.length - takenBackCount
    for (const { outcome } of history) this.#counts[outcome]++
    this.#counts.aborted -= takenBackCount
    this.#counts.conflicts += conflictCount
    this.#counts.crashes += crashCount
    this.#counts.reopenings += reopenCount
    if (this.#level === 'snapshot') this.writeSkewCount += writeSkewCount(history)
  }

  report(seed: number): void {
    const counts = Object.entries(this.#counts).map(([name, count]) => `${count} ${name}`)
    if (this.#level === 'snapshot') counts.push(`${this.writeSkewCount} knots of write skew`)
    const seconds = Math.round((performance.now() - this.#startMs) / 1000)
    console.info(
      `${this.#level}: ${this.transactionCount} transactions in ${seconds} s, up to seed ${seed}: ${counts.join(', ')}`,
    )
  }
}

describe('clients that append to lists and read them', () => {
  it.each<Level>(['serializable', 'snapshot'])(
    `see nothing in ${TRANSACTION_COUNT} transactions that the level forbids: %s (from seed ${FIRST_SEED})`,
    async (level) => {
      const sums = new Sums(level)
      let seed = FIRST_SEED
      while (sums.transactionCount < TRANSACTION_COUNT) {
        await replayable(seed, async () => {
          const round = await playRound(new Seeded(seed), level, ROUND_TRANSACTION_COUNT)
          const anomalies = anomaliesOf(round.history, level)
          if (anomalies.length > 0) expect.fail(describeAnomalies(round.history, anomalies))
          sums.add(round)
        })
        if (seed % REPORT_EVERY === 0) sums.report(seed)
        seed++
      }
      sums.report(seed - 1)
      // Otherwise the clients would not have met.
      if (level === 'snapshot') expect(sums.writeSkewCount).toBeGreaterThan(0)
    },
    4 * 60 * 60_000,
  )
})
