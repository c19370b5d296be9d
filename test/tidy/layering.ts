// Who may import whom: floors, cycles, dead files.

import { posix } from 'node:path'

import type { Project } from './project.js'
import { importsOf } from './source.js'

/** From the ground up; on one floor, left to right. Files that lie in src/ itself stand as their names. */
const FLOORS: readonly (readonly string[])[] = [
  ['base', 'kernels'],
  ['codec', 'env'],
  ['wal', 'sstable', 'columnar'],
  ['lsm', 'store'],
  ['catalog', 'indexes', 'security'],
  ['query'],
  ['changes', 'backup', 'tenants', 'cluster'],
  ['db', 'index.ts', 'testing.ts'],
  ['connect', 'cli'],
]

interface Place {
  readonly floor: number
  readonly column: number
}

const PLACES = new Map<string, Place>(
  FLOORS.flatMap((rooms, floor) => rooms.map((room, column) => [room, { floor, column }] as const)),
)

export interface Edge {
  readonly from: string
  readonly to: string
  readonly line: number
}

/** Every import of one source file by another; targets are .ts paths, whether or not they exist. */
export function sourceEdges(project: Project): Edge[] {
  const edges: Edge[] = []
  for (const from of project.paths('src', '.ts')) {
    for (const { specifier, line } of importsOf(project.text(from), project.code(from))) {
      if (!specifier.startsWith('.')) continue
      const to = posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts')
      edges.push({ from, to, line })
    }
  }
  return edges
}

export function floorComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const path of project.paths('src', '.ts')) {
    if (!PLACES.has(roomOf(path))) {
      complaints.push(`${path}: no room '${roomOf(path)}' in the house; see docs/architecture.md`)
    }
  }
  for (const { from, to, line } of sourceEdges(project)) {
    const fromPlace = PLACES.get(roomOf(from))
    const toPlace = PLACES.get(roomOf(to))
    if (!to.startsWith('src/') || toPlace === undefined) {
      complaints.push(`${from}:${line} imports ${to}, which is outside the house`)
    } else if (fromPlace !== undefined && roomOf(from) !== roomOf(to)) {
      if (roomOf(from) === 'connect' && to !== 'src/index.ts') {
        complaints.push(`${from}:${line} imports ${to}: connect/ may use src/index.ts only`)
      } else if (isAbove(toPlace, fromPlace)) {
        complaints.push(`${from}:${line} imports ${to}: imports go down, or left on one floor`)
      }
    }
  }
  return complaints
}

function isAbove(a: Place, b: Place): boolean {
  return a.floor > b.floor || (a.floor === b.floor && a.column > b.column)
}

/** `src/lsm/tablet.ts` -> `lsm`, `src/index.ts` -> `index.ts`. */
function roomOf(path: string): string {
  return path.split('/')[1] ?? path
}

export function cycleComplaints(project: Project): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of sourceEdges(project)) {
    targets.set(from, [...(targets.get(from) ?? []), to])
  }
  const complaints: string[] = []
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const visit = (path: string) => {
    state.set(path, 'open')
    trail.push(path)
    for (const next of targets.get(path) ?? []) {
      if (state.get(next) === 'open') {
        const loop = [...trail.slice(trail.indexOf(next)), next]
        complaints.push(`import cycle: ${loop.join(' -> ')}; move what both need below both`)
      } else if (!state.has(next)) {
        visit(next)
      }
    }
    trail.pop()
    state.set(path, 'done')
  }
  for (const path of targets.keys()) if (!state.has(path)) visit(path)
  return complaints
}

export function deadFileComplaints(project: Project, entries: readonly string[]): string[] {
  const edges = sourceEdges(project)
  const alive = new Set(entries)
  for (const path of alive) {
    for (const { from, to } of edges) if (from === path) alive.add(to)
  }
  return project
    .paths('src', '.ts')
    .filter((path) => !alive.has(path))
    .map((path) => `${path} is not reachable from ${entries.join(', ')}: use it or delete it`)
}
