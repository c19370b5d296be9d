// The oracle of the store: every commit that was ever invoked, in commit order, in plain maps.

export interface ModelCommit {
  /** Known once acknowledged. */
  seqNum: number | undefined
  /** Key in hex to value text; undefined is a delete. */
  readonly writes: ReadonlyMap<string, string | undefined>
  /** A power failure may take it back although it is acknowledged. */
  readonly isRelaxed: boolean
}

export type ModelState = Map<string, string>

export class VersionModel {
  readonly commits: ModelCommit[] = []
  /** Commits that a recovery has shown, or that are known to be durable: they may not vanish later. */
  #certainCount = 0

  invoke(writes: ReadonlyMap<string, string | undefined>, isRelaxed = false): ModelCommit {
    const commit = { seqNum: undefined, writes, isRelaxed }
    this.commits.push(commit)
    return commit
  }

  /** The state after the first `count` commits. */
  stateAfter(count: number): ModelState {
    const state: ModelState = new Map()
    for (let i = 0; i < count; i++) apply(state, this.commits[i]!)
    return state
  }

  /** The state that a snapshot sees; every commit must be acknowledged. */
  stateAt(seqNum: number): ModelState {
    const state: ModelState = new Map()
    for (const commit of this.commits) {
      if (commit.seqNum === undefined || commit.seqNum > seqNum) break
      apply(state, commit)
    }
    return state
  }

  /** How many leading commits a snapshot sees; those must be acknowledged. */
  countAt(seqNum: number): number {
    return this.commits.findLastIndex((commit) => (commit.seqNum ?? Infinity) <= seqNum) + 1
  }

  /** Versions of a key, newest first. */
  versionsOf(key: string): { seqNum: number; value: string | undefined }[] {
    const found = []
    for (const { seqNum, writes } of this.commits) {
      if (seqNum !== undefined && writes.has(key)) found.push({ seqNum, value: writes.get(key) })
    }
    return found.toReversed()
  }

  /** How many leading commits readers see: up to the last acknowledged one. */
  get acknowledgedCount(): number {
    const last = this.commits.findLastIndex(({ seqNum }) => seqNum !== undefined)
    return Math.max(last + 1, this.#certainCount)
  }

  /** How many leading commits a power failure leaves: up to the last acknowledged one that asked for it. */
  get durableCount(): number {
    const last = this.commits.findLastIndex(
      ({ seqNum, isRelaxed }) => seqNum !== undefined && !isRelaxed,
    )
    return Math.max(last + 1, this.#certainCount)
  }

  /** So many leading commits have become durable. */
  settle(count: number): void {
    this.#certainCount = Math.max(this.#certainCount, count)
  }

  /** Forgets commits that a crash took; those that are left are certain from now on. */
  truncate(count: number): void {
    this.commits.length = count
    this.#certainCount = count
  }
}

function apply(state: ModelState, commit: ModelCommit): void {
  for (const [key, value] of commit.writes) {
    if (value === undefined) state.delete(key)
    else state.set(key, value)
  }
}

/** Entries of a state in key order within [lower, upper). */
export function rangeOf(
  state: ModelState,
  lower: string,
  upper: string,
  reverse: boolean,
): [string, string][] {
  const inside = [...state].filter(([key]) => key >= lower && key < upper)
  inside.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return reverse ? inside.reverse() : inside
}

export function sameState(a: ModelState, b: ModelState): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}
