// Strongly connected components (Tarjan 1972), without recursion: a history has more transactions than a stack has frames.

import type { EdgeTable } from './dependencies.js'

/** The components of more than one node: where there is none, there is no cycle. */
export function cyclicComponents(nodeCount: number, edges: EdgeTable): number[][] {
  const { starts, targets } = outgoing(nodeCount, edges)
  const components: number[][] = []
  /** 0: not met yet. */
  const number = new Int32Array(nodeCount)
  const low = new Int32Array(nodeCount)
  const isOpen = new Uint8Array(nodeCount)
  const nextEdge = starts.slice(0, nodeCount)
  const open: number[] = []
  const path: number[] = []
  let metCount = 0
  const meet = (node: number) => {
    number[node] = low[node] = ++metCount
    isOpen[node] = 1
    open.push(node)
    path.push(node)
  }
  for (let root = 0; root < nodeCount; root++) {
    if (number[root] !== 0) continue
    meet(root)
    while (path.length > 0) {
      const node = path[path.length - 1]!
      if (nextEdge[node]! < starts[node + 1]!) {
        const target = targets[nextEdge[node]!++]!
        if (number[target] === 0) meet(target)
        else if (isOpen[target] === 1) low[node] = Math.min(low[node]!, number[target]!)
        continue
      }
      path.pop()
      const parent = path.at(-1)
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!)
      if (low[node] !== number[node]) continue
      const component = open.splice(open.lastIndexOf(node))
      for (const member of component) isOpen[member] = 0
      if (component.length > 1) components.push(component)
    }
  }
  return components
}

/** Edges by the node that they leave. */
function outgoing(nodeCount: number, { count, from, to }: EdgeTable) {
  const starts = new Int32Array(nodeCount + 1)
  for (let i = 0; i < count; i++) starts[from[i]! + 1]!++
  for (let i = 0; i < nodeCount; i++) starts[i + 1]! += starts[i]!
  const next = starts.slice()
  const targets = new Int32Array(count)
  for (let i = 0; i < count; i++) targets[next[from[i]!]!++] = to[i]!
  return { starts, targets }
}
