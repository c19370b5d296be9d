// Recovers from states of a crash and judges what comes back; counts what it did.
import { expect } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum } from '../../dist/base/ids.js'
import type { Env } from '../../dist/env/env.js'
import type { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { runJob } from '../../dist/lsm/jobs.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import type { Seeded } from '../model/seeded.js'
import { dump } from '../model/store-driver.js'
import { type ModelState, sameState, type VersionModel } from '../model/version-model.js'
import { crashStates } from './crash-states.js'

/** A checkpoint that was begun. */
export interface CrashCheckpoint {
  readonly path: string
  readonly isAcknowledged: boolean
  /** How many leading commits it holds: exactly, once acknowledged; before that at least. */
  readonly commitCount: number
}

/** A disk at a moment, and what the model knew then. */
export interface CrashPoint {
  readonly fs: MemoryFileSystem
  readonly callNumber: number
  /** For the failure message. */
  readonly at: string
  /** How many leading commits a power failure must leave, how many were acknowledged, and how many were begun. */
  readonly durableCount: number
  readonly acknowledgedCount: number
  readonly invokedCount: number
  readonly checkpoints: readonly CrashCheckpoint[]
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
const SECOND_LOOK_EVERY = 16
/** In one of so many states an acknowledged moment of the past is read. */
const PAST_EVERY = 4
/** An acknowledged checkpoint is opened in one of so many states, others in every state. */
const CHECKPOINT_EVERY = 8
/** What a directory may answer that holds no finished checkpoint. */
const UNFINISHED_CODES: readonly unknown[] = ['DB_NOT_FOUND', 'CHECKPOINT_UNFINISHED']

export class CrashCheck {
  stateCount = 0
  /** Images that had been recovered before, with the same commits to expect. */
  prunedCount = 0
  pointCount = 0
  /** States that crashes inside a recovery left. */
  secondStateCount = 0
  openedCheckpointCount = 0
  readonly #seen = new Set<string>()
  readonly #startMs = performance.now()
  readonly #startCpu = process.cpuUsage()
  #random!: Seeded
  #workload!: CrashWorkload
  /** File-system calls of the latest recovery. */
  #openCalls = 0
  /** The model's states by the number of commits. */
  #states: (ModelState | undefined)[] = []

  get report(): string {
    const seconds = (performance.now() - this.#startMs) / 1000
    const { user, system } = process.cpuUsage(this.#startCpu)
    const cpuSeconds = (user + system) / 1e6
    const all = this.stateCount + this.secondStateCount
    return (
      `${this.pointCount} crash points, ${all} states, ${this.secondStateCount} of them after a second crash ` +
      `(${this.prunedCount} equal ones pruned), ${this.openedCheckpointCount} checkpoints opened, ${Math.round(all / seconds)} states/s, ` +
      `${Math.round(all / cpuSeconds)} per second of processor time`
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
        const { name: state, isPowered, makeImage } = states.splice(pick, 1)[0]!
        const minCount = isPowered ? point.acknowledgedCount : point.durableCount
        try {
          await this.#checkState(makeImage(), point, minCount)
        } catch (error) {
          throw new Error(`crash ${point.at}; survived: ${state}`, { cause: error })
        }
      }
    }
  }

  /** @param minCount  commits that must be there */
  async #checkState(image: MemoryFileSystem, point: CrashPoint, minCount: number): Promise<void> {
    const key = `${image.digest()} ${minCount} ${point.acknowledgedCount} ${point.invokedCount}`
    if (this.#seen.has(key)) {
      this.prunedCount++
      return
    }
    this.#seen.add(key)
    this.stateCount++
    const isLookedAtTwice = this.stateCount % SECOND_LOOK_EVERY === 0
    const isCrashedAgain = this.stateCount % SECOND_CRASH_EVERY === 0
    const kept = isLookedAtTwice || isCrashedAgain ? image.clone() : undefined
    const found = await this.#recover(image, point, minCount)
    // What a first look found, a second look at the same files finds again.
    if (isLookedAtTwice) await this.#recover(kept!.clone(), point, minCount, found)
    if (isCrashedAgain) await this.#crashAgain(kept!, point, minCount, found)
  }

  /** Opens and judges; `must` is what another recovery of the same crash has found. */
  async #recover(
    fs: MemoryFileSystem,
    point: CrashPoint,
    minCount: number,
    must?: ModelState,
  ): Promise<ModelState> {
    const { options } = this.#workload
    const callsBefore = fs.callCount
    const store = await Store.open(options, mortalEnv(this.stateCount, fs), new EventSource())
    this.#openCalls = fs.callCount - callsBefore
    const names = fs.list(options.path)
    const tables = names.filter((name) => name.endsWith('.sst'))
    expect(tables.length, 'tables').toBe(store.stats().tableCount)
    expect(names.filter((name) => name.endsWith('.manifest')).length, 'manifests').toBe(1)
    const state = dump(store.latest())
    let count = minCount
    while (count <= point.invokedCount && !sameState(this.#stateAfter(count), state)) count++
    if (count > point.invokedCount) {
      expect(state, 'no prefix with every certain commit').toEqual(this.#stateAfter(minCount))
    }
    if (must !== undefined) expect(state, 'two recoveries differ').toEqual(must)
    if (this.stateCount % PAST_EVERY === 0) this.#checkPast(store, minCount)
    for (const [i, checkpoint] of point.checkpoints.entries()) {
      const isDue = (this.stateCount + i) % CHECKPOINT_EVERY === 0
      if (!checkpoint.isAcknowledged || isDue) await this.#checkCheckpoint(fs, point, checkpoint)
    }
    // The process dies: nothing of it is waited for, and its directory stays as it is.
    fs.cutPowerAt(fs.callCount)
    return state
  }

  /** Once acknowledged it is there and exact; before that it may also not be there, and says so. */
  async #checkCheckpoint(
    fs: MemoryFileSystem,
    point: CrashPoint,
    { path, isAcknowledged, commitCount }: CrashCheckpoint,
  ): Promise<void> {
    const options = { ...this.#workload.options, path, createIfMissing: false }
    let state: ModelState
    try {
      const env = mortalEnv(this.stateCount, fs)
      state = dump((await Store.open(options, env, new EventSource())).latest())
    } catch (error) {
      const { code } = error as { readonly code?: unknown }
      if (!isAcknowledged && UNFINISHED_CODES.includes(code)) return
      throw new Error(`the checkpoint ${path} does not open`, { cause: error })
    }
    this.openedCheckpointCount++
    const last = isAcknowledged ? commitCount : point.invokedCount
    for (let count = commitCount; count <= last; count++) {
      if (sameState(this.#stateAfter(count), state)) return
    }
    expect(state, `the checkpoint ${path}`).toEqual(this.#stateAfter(commitCount))
  }

  /** One of the last two certain commits reads as it was. */
  #checkPast(store: Store, minCount: number): void {
    const count = minCount - ((this.stateCount / PAST_EVERY) % 2)
    const seqNum = this.#workload.model.commits[count - 1]?.seqNum
    if (seqNum === undefined || seqNum < store.history.rest) return
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
  async #crashAgain(
    image: MemoryFileSystem,
    point: CrashPoint,
    minCount: number,
    found: ModelState,
  ): Promise<void> {
    const { options } = this.#workload
    const fs = image.clone()
    const lastCall = 1 + this.#random.below(this.#openCalls)
    fs.cutPowerAt(fs.callCount + lastCall)
    const open = Store.open(options, mortalEnv(this.stateCount + 1, fs), new EventSource())
    await open.catch(() => undefined)
    fs.cutPowerAt(fs.callCount)
    for (let i = 0; i < SECOND_CRASH_IMAGES; i++) {
      this.secondStateCount++
      await this.#recover(fs.crashImage(this.#random), point, minCount, found)
    }
  }
}

/** A world whose background jobs end with the power, without a word. */
function mortalEnv(seed: number, fs: MemoryFileSystem): Env {
  const never = new Promise(() => undefined)
  const run = (job: unknown) => (fs.isPowerCut ? never : runJob(job as never, fs))
  return simulatedEnv({ seed, fs, runJob: run })
}
