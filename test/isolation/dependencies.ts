// Who must come before whom: one edge for each pair of neighbours in the order of a list (ww), for each read of what
// another one appended last (wr), and for each read that the next append overtook (rw).

import type { Transaction } from './history.js'
import type { ListOrder } from './list-orders.js'

export const EDGE_WW = 0
export const EDGE_WR = 1
export const EDGE_RW = 2
export const EDGE_REALTIME = 3
export const EDGE_NAMES = ['ww', 'wr', 'rw', 'realtime'] as const

/** Edges in columns, since there are a dozen for each transaction. */
export class EdgeTable {
  count = 0
  from = new Int32Array(1024)
  to = new Int32Array(1024)
  kind = new Uint8Array(1024)

  add(from: number, to: number, kind: number): void {
    if (from === to) return
    if (this.count === this.from.length) {
      this.from = grown(this.from)
      this.to = grown(this.to)
      const kinds = new Uint8Array(this.count * 2)
      kinds.set(this.kind)
      this.kind = kinds
    }
    this.from[this.count] = from
    this.to[this.count] = to
    this.kind[this.count] = kind
    this.count++
  }
}

function grown(column: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(column.length * 2)
  larger.set(column)
  return larger
}

/** The edges that the lists tell; nodes are places in the history. */
export function dependenciesOf(
  history: readonly Transaction[],
  lists: Iterable<ListOrder>,
): EdgeTable {
  const edges = new EdgeTable()
  for (const list of lists) {
    if (!list.isContradictory) addDependencies(history, list, edges)
  }
  return edges
}

function addDependencies(history: readonly Transaction[], list: ListOrder, edges: EdgeTable): void {
  const { order, writers, readers, readLengths } = list
  const writer: number[] = []
  for (const item of order) {
    const found = writers.get(item)
    // Garbage is told of elsewhere; the order goes on behind it.
    if (found !== undefined) writer.push(found)
  }
  if (writer.length < order.length) return
  // What was committed and never seen lies behind all that was.
  const unseen: number[] = []
  if (writers.size > order.length) {
    const seen = new Set(order)
    for (const [item, t] of writers) {
      if (!seen.has(item) && history[t]!.outcome === 'committed') unseen.push(t)
    }
  }
  for (let i = 1; i < writer.length; i++) edges.add(writer[i - 1]!, writer[i]!, EDGE_WW)
  const last = writer.at(-1)
  for (const t of unseen) if (last !== undefined) edges.add(last, t, EDGE_WW)
  for (let i = 0; i < readers.length; i++) {
    const reader = readers[i]!
    const length = readLengths[i]!
    if (length > 0) edges.add(writer[length - 1]!, reader, EDGE_WR)
    if (length < writer.length) edges.add(reader, writer[length]!, EDGE_RW)
    else for (const t of unseen) edges.add(reader, t, EDGE_RW)
  }
}

/**
 * The order of the clock: who had ended before another one began. An edge for each pair would be too many, so moments
 * stand between them: a transaction leads to the moment of its end, each moment to the next, and the last moment before
 * a transaction began leads to it. Moments are nodes from `firstMoment` on.
 *
 * @param into  the node that an edge to a transaction leads to
 * @param outOf  the node that an edge from a transaction comes from
 */
export function addRealtime(
  history: readonly Transaction[],
  edges: EdgeTable,
  nodes: {
    readonly firstMoment: number
    readonly into: (t: number) => number
    readonly outOf: (t: number) => number
  },
): void {
  const { firstMoment, into, outOf } = nodes
  const byEnd = Int32Array.from(history.keys())
  byEnd.sort((a, b) => history[a]!.endedAt - history[b]!.endedAt)
  const byBegin = Int32Array.from(history.keys())
  byBegin.sort((a, b) => history[a]!.beganAt - history[b]!.beganAt)
  for (let i = 0; i < byEnd.length; i++) {
    edges.add(outOf(byEnd[i]!), firstMoment + i, EDGE_REALTIME)
    if (i > 0) edges.add(firstMoment + i - 1, firstMoment + i, EDGE_REALTIME)
  }
  let endedCount = 0
  for (const t of byBegin) {
    while (history[byEnd[endedCount]!]!.endedAt < history[t]!.beganAt) endedCount++
    if (endedCount > 0) edges.add(firstMoment + endedCount - 1, into(t), EDGE_REALTIME)
  }
}
