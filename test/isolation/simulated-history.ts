// Histories of a database that is a few lines long, so that it is known what they show: a sound one at either level, and
// one with a flaw.

import type { Seeded } from '../model/seeded.js'
import type { Level, Operation, Outcome, Transaction } from './history.js'

export const FLAWS = [
  'reads are not validated',
  'writes are not validated',
  'reads see what is committed meanwhile',
  'reads see what is not committed',
  'an aborted transaction leaves something behind',
  'a snapshot is older than the last commit',
  'a commit is lost',
] as const
export type Flaw = (typeof FLAWS)[number]

export interface SimulationOptions {
  readonly level: Level
  readonly clientCount: number
  readonly transactionCount: number
  readonly listCount: number
  readonly operationMaxCount: number
  readonly flaw?: Flaw
}

interface Running {
  readonly name: string
  readonly operations: Operation[]
  readonly beganAt: number
  /** Lengths of the lists that it sees. */
  readonly snapshot: number[]
  readonly written: Set<number>
  readonly read: Set<number>
  operationCount: number
}

class Simulation {
  readonly history: Transaction[] = []
  readonly #random: Seeded
  readonly #options: SimulationOptions
  readonly #lists: number[][]
  #running: (Running | undefined)[]
  #tick = 0
  #item = 0
  #begunCount = 0

  constructor(random: Seeded, options: SimulationOptions) {
    this.#random = random
    this.#options = options
    this.#lists = Array.from({ length: options.listCount }, () => [])
    this.#running = Array.from({ length: options.clientCount }, () => undefined)
  }

  run(): Transaction[] {
    const random = this.#random
    while (this.#begunCount < this.#options.transactionCount || this.#running.some(Boolean)) {
      if (random.chance(0.002)) this.#crash()
      this.#step(random.below(this.#running.length))
    }
    // The last one reads everything, so that every append has its place.
    const operations = this.#lists.map((items, i) => read(i, items))
    const beganAt = ++this.#tick
    this.history.push({
      name: 'last',
      operations,
      outcome: 'committed',
      beganAt,
      endedAt: ++this.#tick,
    })
    return this.history
  }

  #step(client: number): void {
    const running = this.#running[client]
    if (running === undefined) {
      if (this.#begunCount < this.#options.transactionCount) this.#running[client] = this.#begin()
    } else if (running.operations.length < running.operationCount) this.#operate(running)
    else {
      this.#running[client] = undefined
      this.#end(running)
    }
  }

  #begin(): Running {
    const isStale = this.#has('a snapshot is older than the last commit')
    const snapshot = this.#lists.map(({ length }) => Math.max(0, isStale ? length - 1 : length))
    return {
      name: `T${++this.#begunCount}`,
      operations: [],
      beganAt: ++this.#tick,
      snapshot,
      written: new Set(),
      read: new Set(),
      operationCount: 1 + this.#random.below(this.#options.operationMaxCount),
    }
  }

  #operate(running: Running): void {
    const random = this.#random
    const list = random.below(this.#lists.length)
    if (random.chance(0.5)) {
      running.written.add(list)
      running.operations.push({ kind: 'append', list: nameOf(list), item: ++this.#item })
      return
    }
    running.read.add(list)
    const items = this.#lists[list]!
    const isNewest = this.#has('reads see what is committed meanwhile')
    const seen = isNewest ? [...items] : items.slice(0, running.snapshot[list])
    if (this.#has('reads see what is not committed')) {
      for (const other of this.#running) {
        if (other !== undefined && other !== running) seen.push(...itemsFor(other, list))
      }
    }
    running.operations.push(read(list, [...seen, ...itemsFor(running, list)]))
  }

  #end(running: Running): void {
    const isValid = this.#isValid(running) && !this.#random.chance(0.05)
    if (isValid && !this.#has('a commit is lost')) this.#apply(running)
    if (!isValid && this.#has('an aborted transaction leaves something behind'))
      this.#apply(running)
    this.#record(running, isValid ? 'committed' : 'aborted')
  }

  #isValid({ snapshot, written, read: seen }: Running): boolean {
    const isUnchanged = (list: number) => this.#lists[list]!.length === snapshot[list]
    const { level } = this.#options
    if (level === 'snapshot' || this.#has('reads are not validated')) {
      return this.#has('writes are not validated') || [...written].every(isUnchanged)
    }
    return this.#has('reads see what is committed meanwhile') || [...seen].every(isUnchanged)
  }

  #apply(running: Running): void {
    for (const list of running.written) this.#lists[list]!.push(...itemsFor(running, list))
  }

  /** Some of what was under way has been committed. */
  #crash(): void {
    for (const running of this.#running) {
      if (running === undefined) continue
      if (this.#random.chance(0.5) && this.#isValid(running)) this.#apply(running)
      this.#record(running, 'unknown')
    }
    this.#running = this.#running.map(() => undefined)
  }

  #record({ name, operations, beganAt }: Running, outcome: Outcome): void {
    this.history.push({ name, operations, outcome, beganAt, endedAt: ++this.#tick })
  }

  /** Whether the flaw is there, this time. */
  #has(flaw: Flaw): boolean {
    return this.#options.flaw === flaw && this.#random.chance(0.3)
  }
}

/** A history of random transactions; the last transaction reads all lists. */
export function simulateHistory(random: Seeded, options: SimulationOptions): Transaction[] {
  return new Simulation(random, options).run()
}

function nameOf(list: number): string {
  return `l${list}`
}

function read(list: number, items: readonly number[]): Operation {
  return { kind: 'read', list: nameOf(list), items: [...items] }
}

function itemsFor({ operations }: Running, list: number): number[] {
  const name = nameOf(list)
  return operations.flatMap((of) => (of.kind === 'append' && of.list === name ? [of.item] : []))
}
