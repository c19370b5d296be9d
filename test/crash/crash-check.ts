// Recovers from states of a crash and judges what comes back; counts what it did.
import { expect } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum } from '../../dist/base/ids.js'
import type { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import type { StoreOptions } from '../../dist/store/open-files.js'
import { Store } from '../../dist/store/store.js'
import type { Seeded } from '../model/seeded.js'
import { dump, simulation } from '../model/store-driver.js'
import { type ModelState, sameState, type VersionModel } from '../model/version-model.js'
import { crashStates } from './crash-states.js'

/** A disk at a moment, and what the model knew then. */
export interface CrashPoint {
  readonly fs: MemoryFileSystem
  readonly callNumber: number
  /** For the failure message. */
  readonly at: string
  /** How many leading commits were acknowledged, and how many were begun. */
  readonly acknowledgedCount: number
  readonly invokedCount: number
}

/** A workload that has run. */
export interface CrashWorkload {
  readonly options: StoreOptions
  readonly model: VersionModel
  readonly points: readonly CrashPoint[]
}

/** One of so many states meets more crashes, inside its recovery. */
const SECOND_CRASH_EVERY = 10
const SECOND_CRASH_IMAGES = 2
/** One of so many states is recovered twice. */
const SECOND_LOOK_EVERY = 4

export class CrashCheck {
  stateCount = 0
  /** Images that had been recovered before, with the same commits to expect. */
  prunedCount = 0
  pointCount = 0
  /** States that crashes inside a recovery left. */
  secondStateCount = 0
  readonly #seen = new Set<string>()
  readonly #startMs = performance.now()
  #random!: Seeded
  #workload!: CrashWorkload
  /** File-system calls of the latest recovery. */
  #openCalls = 0
  /** The model's states by the number of commits. */
  #states: (ModelState | undefined)[] = []

  get report(): string {
    const seconds = (performance.now() - this.#startMs) / 1000
    const all = this.stateCount + this.secondStateCount
    return (
      `${this.pointCount} crash points, ${all} states, ${this.secondStateCount} of them after a second crash ` +
      `(${this.prunedCount} equal ones pruned), ${Math.round(all / seconds)} states/s`
    )
  }

  /** Every state of every crash point, or of each point `statesPerPoint` random ones. */
  async run(workload: CrashWorkload, random: Seeded, statesPerPoint = Infinity): Promise<void> {
    this.#random = random
    this.#workload = workload
    this.#states = []
    for (const point of workload.points) {
      this.pointCount++
      const states = [...crashStates(point.fs, this.#random)]
      for (let i = 0; i < statesPerPoint && states.length > 0; i++) {
        const pick = statesPerPoint === Infinity ? 0 : this.#random.below(states.length)
        const { name: state, makeImage } = states.splice(pick, 1)[0]!
        try {
          await this.#checkState(makeImage(), point)
        } catch (error) {
          throw new Error(`crash ${point.at}; survived: ${state}`, { cause: error })
        }
      }
    }
  }

  async #checkState(image: MemoryFileSystem, point: CrashPoint): Promise<void> {
    const key = `${image.digest()} ${point.acknowledgedCount} ${point.invokedCount}`
    if (this.#seen.has(key)) {
      this.prunedCount++
      return
    }
    this.#seen.add(key)
    this.stateCount++
    const found = await this.#recover(image.clone(), point)
    // What a first look found, a second look at the same files finds again.
    if (this.stateCount % SECOND_LOOK_EVERY === 0) await this.#recover(image.clone(), point, found)
    if (this.stateCount % SECOND_CRASH_EVERY === 0) await this.#crashAgain(image, point, found)
  }

  /** Opens and judges; `must` is what another recovery of the same crash has found. */
  async #recover(fs: MemoryFileSystem, point: CrashPoint, must?: ModelState): Promise<ModelState> {
    const { options } = this.#workload
    const callsBefore = fs.callCount
    const store = await Store.open(options, simulation(this.stateCount, fs), new EventSource())
    this.#openCalls = fs.callCount - callsBefore
    const names = fs.list(options.path)
    const tables = names.filter((name) => name.endsWith('.sst'))
    expect(tables.length, 'tables').toBe(store.stats().tableCount)
    expect(names.filter((name) => name.endsWith('.manifest')).length, 'manifests').toBe(1)
    const state = dump(store.latest())
    let count = point.acknowledgedCount
    while (count <= point.invokedCount && !sameState(this.#stateAfter(count), state)) count++
    if (count > point.invokedCount) {
      const certain = this.#stateAfter(point.acknowledgedCount)
      expect(state, 'no prefix with every acknowledged commit').toEqual(certain)
    }
    if (must !== undefined) expect(state, 'two recoveries differ').toEqual(must)
    this.#checkPast(store, point)
    await kill(store, fs)
    return state
  }

  /** One of the last two acknowledged commits reads as it was. */
  #checkPast(store: Store, { acknowledgedCount }: CrashPoint): void {
    const count = acknowledgedCount - (this.stateCount % 2)
    const seqNum = this.#workload.model.commits[count - 1]?.seqNum
    if (seqNum === undefined || seqNum < store.historyFloor) return
    const snapshot = store.at(seqNum as SeqNum)
    const past = dump(snapshot)
    if (!sameState(past, this.#stateAfter(count))) {
      expect(past, `the state as of commit ${count}`).toEqual(this.#stateAfter(count))
    }
    snapshot.close()
  }

  #stateAfter(count: number): ModelState {
    return (this.#states[count] ??= this.#workload.model.stateAfter(count))
  }

  /** Any call of the recovery is its last one; the next recovery must find the same state. */
  async #crashAgain(image: MemoryFileSystem, point: CrashPoint, found: ModelState): Promise<void> {
    const { options } = this.#workload
    const fs = image.clone()
    const lastCall = 1 + this.#random.below(this.#openCalls)
    fs.cutPowerAt(fs.callCount + lastCall)
    const open = Store.open(options, simulation(this.stateCount + 1, fs), new EventSource())
    const store = await open.catch(() => undefined)
    if (store !== undefined) await kill(store, fs)
    for (let i = 0; i < SECOND_CRASH_IMAGES; i++) {
      this.secondStateCount++
      await this.#recover(fs.crashImage(this.#random), point, found)
    }
  }
}

/** The process dies: its jobs end, its directory stays as it is. */
async function kill(store: Store, fs: MemoryFileSystem): Promise<void> {
  fs.cutPowerAt(fs.callCount)
  await store.close().catch(() => undefined)
}
