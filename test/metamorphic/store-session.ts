// One run of a command list on a store with given settings. Every command gives an answer as text; between commands the
// run may flush, compact, reopen, or lose its power.
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import type { Env } from '../../dist/env/env.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { BALANCE_LIMITS } from '../../dist/store/rebalance-picker.js'
import { Store } from '../../dist/store/store.js'
import type { ReadView, WriteView } from '../../dist/store/view.js'
import { Seeded } from '../model/seeded.js'
import { dump, hex, rebalance, storeOptions, unhex } from '../model/store-driver.js'
import type { Command, Writes } from './commands.js'

/** Settings that must make no difference to any answer. */
export interface Configuration {
  readonly seed: number
  readonly options: StoreOptions
  readonly jobDelayMaxTurns: number
  /** Chances before each command. */
  readonly flush: number
  readonly compact: number
  readonly rebalance: number
  readonly reopen: number
  readonly crash: number
}

/** Number 0 is the plain one; every other number gives another. */
export function configurationOf(number: number): Configuration {
  const random = new Seeded(number)
  const options = { ...storeOptions(random), historyWindowMs: 3650 * 86_400_000 }
  const jobDelayMaxTurns = random.pick([0, 1, 6])
  const disturbances = {
    flush: random.pick([0, 0.02, 0.2]),
    compact: random.pick([0, 0.02]),
    rebalance: random.pick([0, 0.05, 0.3]),
    reopen: random.pick([0, 0.01, 0.1]),
    crash: random.pick([0, 0.01, 0.1]),
  }
  if (number > 0) return { seed: number, options, jobDelayMaxTurns, ...disturbances }
  const plain = {
    ...options,
    defaultTabletCount: 1,
    memtableBudgetBytes: 1 << 26,
    blockBytes: 16_384,
    balance: BALANCE_LIMITS,
  }
  const undisturbed = { flush: 0, compact: 0, rebalance: 0, reopen: 0, crash: 0 }
  return { seed: 0, options: plain, jobDelayMaxTurns: 0, ...undisturbed }
}

export class StoreSession {
  readonly #configuration: Configuration
  readonly #random: Seeded
  readonly #slot = new EntrySlot()
  readonly #seqNums: SeqNum[] = []
  #fs = new MemoryFileSystem()
  #store!: Store
  #openCount = 0

  private constructor(configuration: Configuration) {
    this.#configuration = configuration
    this.#random = new Seeded(configuration.seed ^ 0xd15)
  }

  /** The answers to all commands. */
  static async run(configuration: Configuration, commands: readonly Command[]): Promise<string[]> {
    const session = new StoreSession(configuration)
    await session.#open()
    const answers: string[] = []
    for (const command of commands) {
      await session.#disturb()
      answers.push(await session.#answer(command))
    }
    answers.push(text([...dump(session.#store.latest())]))
    await session.#store.close()
    return answers
  }

  async #open(): Promise<void> {
    const fs = this.#fs
    const env: Env = simulatedEnv({
      seed: this.#configuration.seed * 1000 + this.#openCount++,
      fs,
      runJob: (job) => runJob(job as Job, fs),
      jobDelayMaxTurns: this.#configuration.jobDelayMaxTurns,
    })
    this.#store = await Store.open(this.#configuration.options, env, new EventSource())
  }

  async #disturb(): Promise<void> {
    const { flush, compact, reopen, crash } = this.#configuration
    if (this.#random.chance(flush)) await this.#store.flush()
    if (this.#random.chance(compact)) await this.#store.compact()
    if (this.#random.chance(this.#configuration.rebalance)) {
      await rebalance(this.#store, this.#random)
    }
    if (this.#random.chance(reopen)) {
      await this.#store.close()
      await this.#open()
    }
    if (this.#random.chance(crash)) {
      const image = this.#fs.crashImage(this.#random)
      this.#fs.cutPowerAt(this.#fs.callCount)
      await this.#store.close().catch(() => undefined)
      this.#fs = image
      await this.#open()
    }
  }

  async #answer(command: Command): Promise<string> {
    try {
      return await this.#run(command)
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      return `${code ?? 'error'}: ${code === undefined ? message : ''}`
    }
  }

  async #run(command: Command): Promise<string> {
    const store = this.#store
    if (command.kind === 'write') return this.#write((view) => putAll(view, command.writes))
    if (command.kind === 'writes') {
      const commits = command.commits.map((writes) => store.write((view) => putAll(view, writes)))
      this.#seqNums.push(...(await Promise.all(commits)))
      return 'committed'
    }
    if (command.kind === 'failedWrite') return this.#failWrite(command)
    if (command.kind === 'deleteRange') {
      return this.#write((view) => {
        const found = scan(view, command)
        for (const [key] of found) view.delete(unhex(key))
        return text(found)
      })
    }
    if (command.kind === 'transactions') return this.#interleave(command)
    if (command.kind === 'get') return this.#get(store.latest(), command.key)
    if (command.kind === 'scan') return text(scan(store.latest(), command))
    if (command.kind === 'past') return this.#readPast(command)
    return text(
      store
        .versions(unhex(command.key))
        .map(({ seqNum, value }) => [
          this.#seqNums.indexOf(seqNum),
          value === undefined ? null : Buffer.from(value).toString(),
        ]),
    )
  }

  async #write(fn: (view: WriteView) => string): Promise<string> {
    let answer = ''
    const seqNum = await this.#store.write((view) => {
      answer = fn(view)
    })
    if (seqNum !== this.#seqNums.at(-1)) this.#seqNums.push(seqNum)
    return answer
  }

  async #failWrite(command: Command & { kind: 'failedWrite' }): Promise<string> {
    let kept: WriteView | undefined
    await this.#write((view) => {
      kept = view
      if (command.fault === 'viewAfterEnd') return ''
      putAll(view, command.writes)
      if (command.fault === 'keyTooLarge') view.put(new Uint8Array(5000), new Uint8Array(1))
      throw new Error('on purpose')
    })
    kept!.delete(unhex([...command.writes.keys()][0]!))
    return 'not refused'
  }

  async #interleave(command: Command & { kind: 'transactions' }): Promise<string> {
    const first = this.#store.begin()
    const second = this.#store.begin()
    const seen = [this.#get(second, command.key), text(scan(second, command))]
    putAll(first, command.first)
    putAll(second, command.second)
    seen.push(text(scan(second, command)))
    this.#seqNums.push((await first.commit())!)
    this.#seqNums.push((await second.commit())!)
    return seen.join('\n')
  }

  #readPast(command: Command & { kind: 'past' }): string {
    if (this.#seqNums.length === 0) return 'no past yet'
    const index = Math.floor(command.moment * this.#seqNums.length)
    // A commit of nothing on an empty database is that of 1970, which leaves the history window with the first flush.
    if (this.#seqNums[index] === 0) return 'no past yet'
    const snapshot = this.#store.at(this.#seqNums[index]!)
    try {
      return `${this.#get(snapshot, command.key)}\n${text(scan(snapshot, command))}`
    } finally {
      snapshot.close()
    }
  }

  #get(view: ReadView, key: string): string {
    if (!view.get(unhex(key), this.#slot)) return 'nothing'
    return Buffer.from(this.#slot.copyValue()).toString()
  }
}

function putAll(view: WriteView, writes: Writes): string {
  for (const [key, value] of writes) {
    if (value === undefined) view.delete(unhex(key))
    else view.put(unhex(key), Buffer.from(value))
  }
  return 'written'
}

function scan(
  view: ReadView,
  { range, reverse, limit }: { range: readonly [string, string]; reverse: boolean; limit: number },
): [string, string][] {
  const found: [string, string][] = []
  const cursor = view.scan({ lower: unhex(range[0]), upper: unhex(range[1]) }, { reverse })
  while (found.length < limit && cursor.next()) {
    found.push([hex(cursor.entry.copyKey()), Buffer.from(cursor.entry.copyValue()).toString()])
  }
  cursor.close()
  return found
}

function text(value: unknown): string {
  return JSON.stringify(value)
}
