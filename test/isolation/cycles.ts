// What kind of anomaly a cycle is, after Adya (1999) and Elle: the most serious kind that a set of transactions shows, and
// its shortest cycle.
//
//   G0             ww edges only: writes are mixed up
//   G1c            ww and wr: somebody saw what depends on himself
//   G-single       exactly one rw: read skew, lost update
//   G-nonadjacent  several rw, no two in a row: long fork
//   G2-item        two rw in a row: write skew
//
// With -realtime behind it, the cycle holds only because one transaction had ended before another one began.

import {
  EDGE_NAMES,
  EDGE_REALTIME,
  EDGE_RW,
  EDGE_WR,
  EDGE_WW,
  type EdgeTable,
} from './dependencies.js'
import type { Level, Transaction } from './history.js'

const CYCLE_KINDS = ['G0', 'G1c', 'G-single', 'G-nonadjacent', 'G2-item'] as const
type CycleKind = (typeof CYCLE_KINDS)[number]

export interface CycleAnomaly {
  readonly kind: CycleKind | `${CycleKind}-realtime`
  readonly message: string
}

interface Step {
  readonly to: number
  readonly kind: number
}

interface Shape {
  readonly kind: CycleKind
  /** The edge that makes it what it is; the way back to its start has only `others`. */
  readonly mark: number
  readonly others: readonly number[]
  /** Two rw edges never meet. */
  readonly isSpaced?: true
}

/** The most serious one first. */
const SHAPES: readonly Shape[] = [
  { kind: 'G0', mark: EDGE_WW, others: [EDGE_WW] },
  { kind: 'G1c', mark: EDGE_WR, others: [EDGE_WW, EDGE_WR] },
  { kind: 'G-single', mark: EDGE_RW, others: [EDGE_WW, EDGE_WR] },
  { kind: 'G-nonadjacent', mark: EDGE_RW, others: [EDGE_WW, EDGE_WR, EDGE_RW], isSpaced: true },
  { kind: 'G2-item', mark: EDGE_RW, others: [EDGE_WW, EDGE_WR, EDGE_RW] },
]

/** From so many edges on a cycle is looked for; the shortest of those counts. */
const TRIED_EDGE_MAX_COUNT = 300

/** Classifies the cycles among transactions that are known to have one which the level forbids. */
export function classify(
  history: readonly Transaction[],
  members: readonly number[],
  edges: EdgeTable,
  level: Level,
): CycleAnomaly {
  const shapes = level === 'snapshot' ? SHAPES.filter(({ kind }) => kind !== 'G2-item') : SHAPES
  const graph = new Map<number, Step[]>(members.map((member) => [member, []]))
  for (let i = 0; i < edges.count; i++) {
    const [from, to, kind] = [edges.from[i]!, edges.to[i]!, edges.kind[i]!]
    if (graph.has(to)) graph.get(from)?.push({ to, kind })
  }
  for (const isRealtime of [false, true]) {
    if (isRealtime) addPairs(history, graph)
    for (const shape of shapes) {
      const cycle = shortestCycle(graph, shape, isRealtime)
      if (cycle === undefined) continue
      const kind = isRealtime ? (`${shape.kind}-realtime` as const) : shape.kind
      return { kind, message: describeCycle(history, cycle) }
    }
  }
  throw new Error(`no cycle among ${members.map((t) => history[t]!.name).join(' ')}`)
}

/** The transactions are few now: an edge for each pair that the clock orders. */
function addPairs(history: readonly Transaction[], graph: Map<number, Step[]>): void {
  for (const [from, steps] of graph) {
    const { endedAt } = history[from]!
    for (const to of graph.keys()) {
      if (endedAt < history[to]!.beganAt) steps.push({ to, kind: EDGE_REALTIME })
    }
  }
}

type Graph = ReadonlyMap<number, readonly Step[]>
type Cycle = readonly { readonly from: number; readonly kind: number }[]

function shortestCycle(graph: Graph, shape: Shape, isRealtime: boolean): Cycle | undefined {
  const kinds = new Set(isRealtime ? [...shape.others, EDGE_REALTIME] : shape.others)
  let shortest: Cycle | undefined
  let triedCount = 0
  for (const [from, steps] of graph) {
    for (const { to, kind } of steps) {
      if (kind !== shape.mark) continue
      if (triedCount++ > TRIED_EDGE_MAX_COUNT && shortest !== undefined) return shortest
      const back = shortestPath(graph, to, from, kinds, shape.isSpaced === true)
      if (back === undefined) continue
      const cycle = [{ from, kind }, ...back]
      if (shortest === undefined || cycle.length < shortest.length) shortest = cycle
    }
  }
  return shortest
}

/** Breadth first. `isSpaced`: it comes from an rw edge and leads to one, and no two of them may meet. */
function shortestPath(
  graph: Graph,
  start: number,
  goal: number,
  kinds: ReadonlySet<number>,
  isSpaced: boolean,
): Cycle | undefined {
  interface Place {
    readonly node: number
    readonly kind: number
    readonly before: Place | undefined
  }
  const met = new Set<number>()
  let wave: Place[] = [{ node: start, kind: EDGE_RW, before: undefined }]
  while (wave.length > 0) {
    const next: Place[] = []
    for (const place of wave) {
      for (const { to, kind } of graph.get(place.node)!) {
        if (!kinds.has(kind)) continue
        if (isSpaced && kind === EDGE_RW && (place.kind === EDGE_RW || to === goal)) continue
        const isGoal = to === goal
        const key = isSpaced && kind === EDGE_RW ? -1 - to : to
        if (!isGoal && met.has(key)) continue
        met.add(key)
        const reached = { node: to, kind, before: place }
        if (isGoal) return pathTo(reached)
        next.push(reached)
      }
    }
    wave = next
  }
  return undefined

  function pathTo(end: Place): Cycle {
    const path: { from: number; kind: number }[] = []
    for (let place = end; place.before !== undefined; place = place.before) {
      path.unshift({ from: place.before.node, kind: place.kind })
    }
    return path
  }
}

function describeCycle(history: readonly Transaction[], cycle: Cycle): string {
  const steps = cycle.map(({ from, kind }) => `${history[from]!.name} -${EDGE_NAMES[kind]}->`)
  return `${steps.join(' ')} ${history[cycle[0]!.from]!.name}`
}
