// Tells from a history which anomalies a level forbids and the database showed nevertheless.
//
// Serializable: no cycle of ww, wr, rw and realtime edges. The order must be that of the clock where it has one (strict
// serializability).
//
// Snapshot: each transaction has a start and a commit behind it. ww, wr and realtime lead from a commit to a start: what
// comes before is in the snapshot. rw leads from a start to a commit: what was not in the snapshot came later. A cycle of
// these means that there are no snapshots which explain the reads, or two transactions that wrote the same list at once. It is
// exactly a cycle without two rw edges in a row (Cerone and Gotsman 2018), so write skew passes.

import { cyclicComponents } from './components.js'
import { classify, type CycleAnomaly } from './cycles.js'
import { addRealtime, dependenciesOf, EDGE_RW, EDGE_WW, EdgeTable } from './dependencies.js'
import { describeTransaction, type Level, type Transaction } from './history.js'
import { type DirectAnomaly, ListOrders } from './list-orders.js'

export type Anomaly = DirectAnomaly | CycleAnomaly

/** What the level forbids and the history shows: each direct anomaly, and the worst cycle of each knot of transactions. */
export function anomaliesOf(history: readonly Transaction[], level: Level): Anomaly[] {
  const { lists, anomalies } = new ListOrders(history)
  const edges = dependenciesOf(history, lists.values())
  const knots =
    level === 'serializable' ? orderKnots(history, edges) : snapshotKnots(history, edges)
  return [...anomalies, ...knots.map((members) => classify(history, members, edges, level))]
}

/** How many knots of transactions no serial order explains: at the snapshot level, where write skew shows. */
export function writeSkewCount(history: readonly Transaction[]): number {
  return orderKnots(history, dependenciesOf(history, new ListOrders(history).lists.values())).length
}

/** For a failure: the anomalies with the transactions that they name. */
export function describeAnomalies(
  history: readonly Transaction[],
  anomalies: readonly Anomaly[],
): string {
  const lines = anomalies.slice(0, 5).map(({ kind, message }) => {
    const named = history.filter(({ name }) => message.split(/[ ,]/).includes(name))
    return [`${kind}: ${message}`, ...named.map((of) => `  ${describeTransaction(of)}`)].join('\n')
  })
  return `${anomalies.length} anomalies\n${lines.join('\n')}`
}

function orderKnots(history: readonly Transaction[], edges: EdgeTable): number[][] {
  const count = history.length
  const graph = new EdgeTable()
  for (let i = 0; i < edges.count; i++) graph.add(edges.from[i]!, edges.to[i]!, edges.kind[i]!)
  addRealtime(history, graph, { firstMoment: count, into: (t) => t, outOf: (t) => t })
  return cyclicComponents(2 * count, graph).map((nodes) => nodes.filter((node) => node < count))
}

function snapshotKnots(history: readonly Transaction[], edges: EdgeTable): number[][] {
  const count = history.length
  const start = (t: number) => 2 * t
  const commit = (t: number) => 2 * t + 1
  const graph = new EdgeTable()
  for (let t = 0; t < count; t++) graph.add(start(t), commit(t), EDGE_WW)
  for (let i = 0; i < edges.count; i++) {
    const [from, to, kind] = [edges.from[i]!, edges.to[i]!, edges.kind[i]!]
    if (kind === EDGE_RW) graph.add(start(from), commit(to), kind)
    else graph.add(commit(from), start(to), kind)
  }
  addRealtime(history, graph, { firstMoment: 2 * count, into: start, outOf: commit })
  return cyclicComponents(3 * count, graph).map((nodes) => [
    ...new Set(nodes.filter((node) => node < 2 * count).map((node) => node >> 1)),
  ])
}
