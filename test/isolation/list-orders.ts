// The order of appends to each list, as the reads tell it, and what is wrong already before any graph is drawn: reads that
// fit into no order, or show what was never committed.
//
// All reads count, also those of transactions that were aborted or whose fate is unknown: what they saw must have been
// there. Of appends those count that were committed, and those of unknown fate that somebody saw.

import type { Transaction } from './history.js'

export interface DirectAnomaly {
  readonly kind: 'internal' | 'duplicate' | 'garbage' | 'incompatible-order' | 'G1a' | 'G1b'
  readonly message: string
}

/** All that is known of one list. Transactions are numbers: their places in the history. */
export interface ListOrder {
  readonly list: string
  /** Which transaction appended an item. */
  readonly writers: ReadonlyMap<number, number>
  /** Items in the order of their appends: the longest read. */
  order: readonly number[]
  /** Who read a state of the list, and how long it was, without what the reader itself had appended. */
  readonly readers: number[]
  readonly readLengths: number[]
  /** The reads contradict one another, or an item comes twice: there is no order. */
  isContradictory: boolean
}

interface Recorded extends ListOrder {
  readonly writers: Map<number, number>
  /** Items behind which their transaction appended more to the list. */
  readonly intermediate: Set<number>
}

export class ListOrders {
  readonly lists = new Map<string, Recorded>()
  readonly anomalies: DirectAnomaly[] = []
  readonly #history: readonly Transaction[]

  /** @throws Error when an item was appended twice: then reads do not tell the order */
  constructor(history: readonly Transaction[]) {
    this.#history = history
    for (let t = 0; t < history.length; t++) this.#noteAppends(t)
    for (let t = 0; t < history.length; t++) this.#noteReads(t)
    for (const list of this.lists.values()) {
      if (!list.isContradictory) this.#checkOrder(list)
    }
  }

  #noteAppends(t: number): void {
    const { operations } = this.#history[t]!
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i]!
      if (operation.kind !== 'append') continue
      const list = this.#listOf(operation.list)
      if (list.writers.has(operation.item)) {
        throw new Error(`item ${operation.item} was appended to ${list.list} twice`)
      }
      list.writers.set(operation.item, t)
      const isLast = !operations
        .slice(i + 1)
        .some((later) => later.kind === 'append' && later.list === operation.list)
      if (!isLast) list.intermediate.add(operation.item)
    }
  }

  /** Takes from each read what others appended; the transaction's own appends must be behind it. */
  #noteReads(t: number): void {
    const { operations } = this.#history[t]!
    for (let i = 0; i < operations.length; i++) {
      const read = operations[i]!
      if (read.kind !== 'read') continue
      const { items } = read
      let ownCount = 0
      let earlierLength = -1
      for (let j = i - 1; j >= 0; j--) {
        const before = operations[j]!
        if (before.list !== read.list) continue
        if (before.kind === 'append') {
          ownCount++
          if (items[items.length - ownCount] !== before.item) return this.#tellInternal(t, i)
        } else {
          // What was read before, and then what the transaction appended since.
          earlierLength = before.items.length
          const isSame = earlierLength === items.length - ownCount
          if (!isSame || !isPrefix(before.items, items)) return this.#tellInternal(t, i)
          break
        }
      }
      if (earlierLength < 0) this.#noteState(t, read.list, items, items.length - ownCount)
    }
  }

  #noteState(t: number, name: string, items: readonly number[], length: number): void {
    const list = this.#listOf(name)
    const seen = length === items.length ? items : items.slice(0, length)
    const isLonger = length > list.order.length
    const isConsistent = isLonger ? isPrefix(list.order, seen) : isPrefix(seen, list.order)
    if (!isConsistent && !list.isContradictory) {
      list.isContradictory = true
      const message = `${name} was [${list.order.join()}] and, for ${this.#nameOf(t)}, [${seen.join()}]`
      this.anomalies.push({ kind: 'incompatible-order', message })
    }
    if (isLonger && isConsistent) list.order = seen
    list.readers.push(t)
    list.readLengths.push(length)
    const last = seen[length - 1]
    if (last === undefined || !list.intermediate.has(last)) return
    const writer = this.#nameOf(list.writers.get(last)!)
    const message = `${this.#nameOf(t)} read ${name} up to ${last}, behind which ${writer} appended more`
    this.anomalies.push({ kind: 'G1b', message })
  }

  #checkOrder(recorded: Recorded): void {
    const { list, order, writers } = recorded
    if (new Set(order).size < order.length) {
      recorded.isContradictory = true
      const message = `${list} has an item twice: [${order.join()}]`
      this.anomalies.push({ kind: 'duplicate', message })
    }
    for (const item of order) {
      const writer = writers.get(item)
      if (writer === undefined) {
        const message = `${list} has the item ${item}, which nobody appended`
        this.anomalies.push({ kind: 'garbage', message })
      } else if (this.#history[writer]!.outcome === 'aborted') {
        const message = `${list} has the item ${item} of ${this.#nameOf(writer)}, which was aborted`
        this.anomalies.push({ kind: 'G1a', message })
      }
    }
  }

  #tellInternal(t: number, operation: number): void {
    const { list } = this.#history[t]!.operations[operation]!
    const message = `${this.#nameOf(t)} read ${list} and did not find what it had read and appended before`
    this.anomalies.push({ kind: 'internal', message })
  }

  #listOf(list: string): Recorded {
    let found = this.lists.get(list)
    if (found === undefined) {
      found = {
        list,
        writers: new Map(),
        intermediate: new Set(),
        order: [],
        readers: [],
        readLengths: [],
        isContradictory: false,
      }
      this.lists.set(list, found)
    }
    return found
  }

  #nameOf(t: number): string {
    return this.#history[t]!.name
  }
}

function isPrefix(short: readonly number[], long: readonly number[]): boolean {
  if (short.length > long.length) return false
  for (let i = 0; i < short.length; i++) if (short[i] !== long[i]) return false
  return true
}
