// Runs a scripted workload on a disk that fails, and keeps the books: what each commit was told, and what must be there.
import { expect } from 'vitest'
import { EngineError } from '../../dist/base/errors.js'
import { EventSource } from '../../dist/base/events.js'
import type { Env } from '../../dist/env/env.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { runJob } from '../../dist/lsm/jobs.js'
import type { Durability } from '../../dist/store/commit-log.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import type { WriteView } from '../../dist/store/view.js'
import type { Seeded } from '../model/seeded.js'
import { dump, rebalance, unhex } from '../model/store-driver.js'
import { type ModelState, sameState } from '../model/version-model.js'
import { WindowClock } from '../model/window-clock.js'
import type { FaultyFileSystem } from './faulty-file-system.js'

export type Writes = ReadonlyMap<string, string | undefined>

/** Long enough for several relaxed commits. */
const WINDOW_TURNS = 12
/** More turns of the event loop than any step needs, its retries included: what takes longer hangs. */
const STEP_MAX_TURNS = 5_000

export interface BookedCommit {
  readonly writes: Writes
  /** What the caller was told; `relaxed` is acknowledged, too, but a power failure may take it back. */
  outcome: 'acknowledged' | 'relaxed' | 'no' | 'unknown' | undefined
}

export class FaultDriver {
  readonly fs: FaultyFileSystem
  readonly options: StoreOptions
  readonly env: Env
  readonly commits: BookedCommit[]
  store: Store | undefined
  /** For values that tell commits apart, of equal length so that each run makes the same calls. */
  #label = 1000

  constructor(fs: FaultyFileSystem, options: StoreOptions, commits: BookedCommit[] = []) {
    this.fs = fs
    this.options = options
    this.commits = commits.map((commit) => ({ ...commit }))
    this.#label += commits.length
    const env = simulatedEnv({ seed: 1, fs, runJob: (job) => runJob(job as never, fs) })
    this.env = { ...env, clock: new WindowClock(env.clock, () => WINDOW_TURNS) }
  }

  nextLabel(): number {
    return this.#label++
  }

  /** Opens; false when that was refused. */
  async open(): Promise<boolean> {
    const store = await this.attempt(() => Store.open(this.options, this.env, new EventSource()))
    this.store = store
    if (store === undefined) return false
    const isOpen = ({ outcome }: BookedCommit) => outcome === 'unknown' || outcome === 'relaxed'
    // What begins by itself may have failed already.
    if (store.state !== 'poisoned' && this.commits.some(isOpen)) this.#resolve(store)
    return true
  }

  /** Recovery has decided what became of commits of which nothing was known, and has synced the log. */
  #resolve(store: Store): void {
    this.fs.isPaused = true
    const present = new Set(this.expectLawful(dump(store.latest()), 'alive'))
    this.fs.isPaused = false
    for (const commit of this.commits) {
      if (commit.outcome === 'unknown') commit.outcome = present.has(commit) ? 'acknowledged' : 'no'
    }
    this.#settle()
  }

  /** Commits a few keys at once. */
  async write(writes: Writes, durability: Durability = 'sync'): Promise<void> {
    const { store } = this
    if (store === undefined) return
    await this.#book(writes, durability, (note) => {
      const put = (view: WriteView) => {
        putAll(view, writes)
        note()
      }
      return store.write(put, { durability })
    })
  }

  /** What was acknowledged before is durable once this is done. */
  whenDurable(): Promise<boolean> {
    return this.#attemptSettling(() => this.store?.whenDurable())
  }

  /** Reads some keys and commits others, in one transaction. */
  async transact(reads: readonly string[], writes: Writes): Promise<void> {
    const { store } = this
    if (store === undefined) return
    await this.#book(writes, 'sync', async (note) => {
      const transaction = store.begin()
      try {
        for (const key of reads) {
          const scan = transaction.scan({ lower: unhex(key), upper: unhex(`${key}ff`) })
          while (scan.next());
          scan.close()
        }
        putAll(transaction, writes)
      } catch (error) {
        transaction.abort()
        throw error
      }
      note()
      return transaction.commit()
    })
  }

  flush(): Promise<boolean> {
    return this.#attemptSettling(() => this.store?.flush())
  }

  compact(): Promise<boolean> {
    return this.#attemptSettling(() => this.store?.compact())
  }

  rebalance(random: Seeded): Promise<boolean> {
    return this.#attemptSettling(async () => {
      if (this.store !== undefined) await rebalance(this.store, random)
    })
  }

  /** Once acknowledged, a checkpoint opens and holds what was acknowledged before it. */
  async checkpoint(): Promise<void> {
    const { store } = this
    if (store === undefined) return
    const path = `/copies/${this.nextLabel()}`
    const isMade = await this.#attemptSettling(() => store.checkpoint(path))
    if (!isMade) return
    this.fs.isPaused = true
    const options = { ...this.options, path, createIfMissing: false }
    const copy = await Store.open(options, this.env, new EventSource())
    expect(dump(copy.latest())).toEqual(this.stateOf(this.#acknowledged))
    expect((await copy.verify()).problems).toEqual([])
    await copy.close()
    this.fs.isPaused = false
  }

  /** After these, whatever was acknowledged is durable. */
  async #attemptSettling(step: () => Promise<unknown> | undefined): Promise<boolean> {
    const acknowledged = this.#acknowledged
    const isDone = await this.attempt(async () => {
      await step()
      return true
    })
    if (isDone === true) this.#settle(acknowledged)
    return isDone === true
  }

  #settle(commits: readonly BookedCommit[] = this.commits): void {
    for (const commit of commits) if (commit.outcome === 'relaxed') commit.outcome = 'acknowledged'
  }

  /** What readers see is exactly what was acknowledged, or an error that says what is wrong. */
  async read(): Promise<void> {
    const { store } = this
    if (store === undefined) return
    const state = await this.attempt(() => dump(store.latest()))
    if (state !== undefined) expect(state).toEqual(this.stateOf(this.#acknowledged))
  }

  /** Whatever happened: closing ends, and lets go of the directory. */
  async close(): Promise<void> {
    const { store } = this
    this.store = undefined
    await this.attempt(() => store?.close())
  }

  /** Runs a step that may fail, but only with a typed error, and that must end; undefined when it failed. */
  async attempt<Result>(step: () => Result): Promise<Awaited<Result> | undefined> {
    try {
      return await withinTurns(step)
    } catch (error) {
      if (error instanceof EngineError && error.code !== 'INTERNAL') return undefined
      throw error
    }
  }

  stateOf(commits: readonly BookedCommit[]): ModelState {
    const state: ModelState = new Map()
    for (const { writes } of commits) {
      for (const [key, value] of writes) {
        if (value === undefined) state.delete(key)
        else state.set(key, value)
      }
    }
    return state
  }

  /**
   * Asks whether the state is one that the commits may have left: without those that were told `no`, with everything
   * acknowledged, and of the rest a first part. A power failure may have taken relaxed commits; a disk that lied may lose
   * the end, but only the end.
   *
   * @returns the commits that are there
   */
  expectLawful(state: ModelState, disk: 'alive' | 'cut' | 'liar'): BookedCommit[] {
    const possible = this.commits.filter(({ outcome }) => outcome !== 'no')
    const isCertain = ({ outcome }: BookedCommit) =>
      outcome === 'acknowledged' || (outcome === 'relaxed' && disk === 'alive')
    const certain = possible.findLastIndex(isCertain) + 1
    for (let count = disk === 'liar' ? 0 : certain; count <= possible.length; count++) {
      if (sameState(this.stateOf(possible.slice(0, count)), state)) return possible.slice(0, count)
    }
    expect(state, 'no lawful state').toEqual(this.stateOf(possible.slice(0, certain)))
    return possible
  }

  get #acknowledged(): BookedCommit[] {
    return this.commits.filter(({ outcome }) => outcome === 'acknowledged' || outcome === 'relaxed')
  }

  async #book(
    writes: Writes,
    durability: Durability,
    commit: (note: () => void) => Promise<unknown> | undefined,
  ): Promise<void> {
    let booked: BookedCommit | undefined
    const note = () => {
      booked = { writes, outcome: undefined }
      this.commits.push(booked)
    }
    try {
      await withinTurns(() => commit(note))
      booked!.outcome = durability === 'sync' ? 'acknowledged' : 'relaxed'
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'INTERNAL') throw error
      expect(error.committed).not.toBe('yes')
      if (booked !== undefined) booked.outcome = error.committed === 'no' ? 'no' : 'unknown'
      else expect(error.committed).toBe('no')
    }
  }
}

function putAll(view: WriteView, writes: Writes): void {
  for (const [key, value] of writes) {
    if (value === undefined) view.delete(unhex(key))
    else view.put(unhex(key), Buffer.from(value))
  }
}

/** The outcome of a step that must end within a bound of turns. */
async function withinTurns<Result>(step: () => Result): Promise<Awaited<Result>> {
  const outcome = (async () => await step())()
  const answered = outcome.then(
    () => true,
    () => true,
  )
  for (let turn = 0; turn < STEP_MAX_TURNS; turn++) {
    const isOver = await Promise.race([answered, oneTurn()])
    if (isOver) return await outcome
  }
  throw new Error(`a step hangs: ${STEP_MAX_TURNS} turns and no answer`)
}

function oneTurn(): Promise<boolean> {
  return new Promise((resolve) => setImmediate(() => resolve(false)))
}
