// A long random workload under random settings, with a copy of the disk at every file-system call.
import { EventSource } from '../../dist/base/events.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import type { Seeded } from '../model/seeded.js'
import {
  commitWrites,
  randomWrites,
  rebalance,
  simulation,
  storeOptions,
} from '../model/store-driver.js'
import { VersionModel } from '../model/version-model.js'
import { WindowClock } from '../model/window-clock.js'
import type { CrashCheckpoint, CrashPoint, CrashWorkload } from './crash-check.js'

export class RandomWorkload implements CrashWorkload {
  readonly options: StoreOptions
  readonly model = new VersionModel()
  readonly points: CrashPoint[] = []
  /** The newest one: a check of all would take longer than everything else. */
  #checkpoint: CrashCheckpoint | undefined
  readonly #random: Seeded
  readonly #fs = new MemoryFileSystem()
  #store!: Store
  #label = 0

  constructor(random: Seeded) {
    this.#random = random
    this.options = storeOptions(random)
  }

  /** Commits, flushes, compactions, checkpoints and reopenings, often several at once, from the creation of the database on. */
  async run(operationCount: number): Promise<void> {
    this.#fs.inject = (call) => {
      if (call.number !== this.points.at(-1)?.callNumber) this.#note(call.number, call.name)
      return undefined
    }
    await this.#open()
    const running: Promise<unknown>[] = []
    for (let i = 0; i < operationCount; i++) {
      const roll = this.#random.below(50)
      if (roll === 0) {
        await Promise.all(running.splice(0))
        await this.#settle(() => this.#store.close())
        await this.#open()
      } else if (roll < 3) running.push(this.#settle(() => this.#store.flush()))
      else if (roll < 5) running.push(this.#settle(() => this.#store.compact()))
      else if (roll === 5) running.push(this.#settle(() => this.#makeCheckpoint()))
      else if (roll < 8) running.push(this.#rebalance())
      else if (roll === 8) running.push(this.#settle(() => this.#store.whenDurable()))
      else running.push(this.#write())
      if (this.#random.chance(0.4)) {
        await Promise.all(running.splice(0))
        this.#note(this.#fs.callCount, 'everything acknowledged')
      }
    }
    await Promise.all(running)
    await this.#store.close()
    this.#fs.inject = undefined
    this.#note(this.#fs.callCount, 'closed')
  }

  /** After each of these, what was acknowledged before is durable. */
  async #settle(run: () => Promise<void>): Promise<void> {
    const count = this.model.acknowledgedCount
    await run()
    this.model.settle(count)
  }

  #note(callNumber: number, name: string): void {
    this.points.push({
      fs: this.#fs.clone(),
      callNumber,
      at: `at call ${callNumber}, ${name}`,
      durableCount: this.model.durableCount,
      acknowledgedCount: this.model.acknowledgedCount,
      invokedCount: this.model.commits.length,
      checkpoints: this.#checkpoint === undefined ? [] : [this.#checkpoint],
    })
  }

  async #open(): Promise<void> {
    const env = simulation(this.#label, this.#fs)
    const clock = new WindowClock(env.clock, () => this.#random.below(60))
    this.#store = await Store.open(this.options, { ...env, clock }, new EventSource())
  }

  async #rebalance(): Promise<void> {
    await rebalance(this.#store, this.#random)
  }

  async #makeCheckpoint(): Promise<void> {
    const path = `/copies/${this.#label++}`
    const begun = { path, isAcknowledged: false, commitCount: this.model.acknowledgedCount }
    this.#checkpoint = begun
    const { seqNum } = await this.#store.checkpoint(path)
    if (this.#checkpoint !== begun) return
    this.#checkpoint = { ...begun, isAcknowledged: true, commitCount: this.model.countAt(seqNum) }
    this.#note(this.#fs.callCount, 'a checkpoint is acknowledged')
  }

  async #write(): Promise<void> {
    const writes = randomWrites(this.#random, this.#label++)
    const durability = this.#random.chance(0.4) ? 'relaxed' : 'sync'
    await commitWrites(this.#store, this.model, writes, durability)
  }
}
