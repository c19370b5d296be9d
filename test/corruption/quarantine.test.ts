// Damages random tables of a store at work and lets it go on: flushes, compactions, deletes. A key that can be read has
// its newest value, the others throw, and no commit is refused. Once the bytes are as they were everything is there
// again: nothing that lies beside damage is dropped, and nothing deleted comes back.
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../dist/base/errors.js'
import { EventSource } from '../../dist/base/events.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { Store } from '../../dist/store/store.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import {
  dump,
  randomWrites,
  rebalance,
  simulation,
  storeOptions,
  unhex,
} from '../model/store-driver.js'

/** The long run asks for more. */
const RUN_COUNT = Number(process.env.QUARANTINE_RUNS ?? 30)
const STEP_COUNT = 120
/** Header and footer are left alone: a table without them does not open again. */
const HEADER_BYTES = 64
const FOOTER_BYTES = 64

interface Wound {
  readonly path: string
  readonly offsetBytes: number
  readonly byte: number
}

class WoundedStore {
  readonly counts = { damages: 0, quarantined: 0, compactions: 0, answers: 0, refusals: 0 }
  readonly #random: Seeded
  readonly #fs = new MemoryFileSystem()
  readonly #events = new EventSource()
  readonly #expected = new Map<string, string>()
  readonly #slot = new EntrySlot()
  readonly #wounds: Wound[] = []
  #store!: Store
  #label = 0

  constructor(random: Seeded) {
    this.#random = random
    this.#events.on('damage', () => this.counts.quarantined++)
    this.#events.on('compaction', () => this.counts.compactions++)
  }

  async run(): Promise<void> {
    const options = { ...storeOptions(this.#random), historyWindowMs: 0 }
    this.#store = await Store.open(options, simulation(1, this.#fs), this.#events)
    for (let step = 0; step < STEP_COUNT; step++) await this.#step()
    this.#read([...this.#expected.keys()])
    await this.#store.close()
    this.#heal()
    const healed = await Store.open(options, simulation(2, this.#fs), new EventSource())
    expect(dump(healed.latest())).toEqual(this.#expected)
    await healed.compact()
    expect(dump(healed.latest())).toEqual(this.#expected)
    expect((await healed.verify()).problems).toEqual([])
    await healed.close()
  }

  async #step(): Promise<void> {
    const roll = this.#random.below(100)
    if (roll < 60) await this.#write()
    else if (roll < 75) await this.#store.flush()
    else if (roll < 85) await this.#store.compact()
    else if (roll < 88) await this.#rebalance()
    else if (roll < 95) this.#read([...this.#expected.keys()].slice(0, 10))
    else await this.#wound()
  }

  async #write(): Promise<void> {
    const writes = randomWrites(this.#random, this.#label++)
    await this.#store.write((view) => {
      for (const [key, value] of writes) {
        if (value === undefined) view.delete(unhex(key))
        else view.put(unhex(key), Buffer.from(value))
      }
    })
    for (const [key, value] of writes) {
      if (value === undefined) this.#expected.delete(key)
      else this.#expected.set(key, value)
    }
  }

  /** What it has to look at may be damaged. */
  async #rebalance(): Promise<void> {
    await rebalance(this.#store, this.#random).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'SSTABLE_CORRUPT' })
    })
  }

  #read(keys: readonly string[]): void {
    const view = this.#store.latest()
    for (const key of keys) {
      try {
        const isFound = view.get(unhex(key), this.#slot)
        const value = isFound ? Buffer.from(this.#slot.copyValue()).toString() : undefined
        expect(value, key).toBe(this.#expected.get(key))
        this.counts.answers++
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        expect(error.code).toBe('SSTABLE_CORRUPT')
        this.counts.refusals++
      }
    }
  }

  /** Flips a bit of a table; every other time it is noticed at once, else by whoever reads the place next. */
  async #wound(): Promise<void> {
    const names = this.#fs.list('/db').filter((name) => name.endsWith('.sst'))
    if (names.length === 0) return
    const path = `/db/${this.#random.pick(names)}`
    const span = this.#fs.fileBytes(path) - HEADER_BYTES - FOOTER_BYTES
    const offsetBytes = HEADER_BYTES + this.#random.below(span)
    const byte = this.#flip(path, offsetBytes)
    this.#wounds.push({ path, offsetBytes, byte })
    this.counts.damages++
    if (this.#random.chance(0.5)) await this.#store.verify()
  }

  #flip(path: string, offsetBytes: number): number {
    const file = this.#fs.open(path, 'write')
    const cell = new Uint8Array(1)
    file.read(cell, offsetBytes)
    const byte = cell[0]!
    file.write(Uint8Array.of(byte ^ (1 << this.#random.below(8))), offsetBytes)
    file.close()
    return byte
  }

  #heal(): void {
    for (const { path, offsetBytes, byte } of this.#wounds.toReversed()) {
      if (!this.#fs.exists(path)) continue
      const file = this.#fs.open(path, 'write')
      file.write(Uint8Array.of(byte), offsetBytes)
      file.close()
    }
  }
}

describe('a store with damaged tables', () => {
  it(
    `goes on beside them: ${RUN_COUNT} runs of ${STEP_COUNT} steps`,
    async () => {
      const totals = { damages: 0, quarantined: 0, compactions: 0, answers: 0, refusals: 0 }
      for (const seed of seedsOf(RUN_COUNT, 1)) {
        await replayable(seed, async () => {
          const store = new WoundedStore(new Seeded(seed))
          await store.run()
          for (const name of Object.keys(totals) as (keyof typeof totals)[]) {
            totals[name] += store.counts[name]
          }
        })
      }
      const { damages, quarantined, compactions, answers, refusals } = totals
      console.info(
        `${RUN_COUNT} runs: ${damages} bits flipped, ${quarantined} places quarantined, ${compactions} compactions beside them, ${answers} right answers, ${refusals} refused, 0 wrong`,
      )
      if (process.env.SEED === undefined) expect(Math.min(quarantined, refusals)).toBeGreaterThan(0)
    },
    60 * 60_000,
  )
})
