// Decides which tablets split and which merge. Pure: tablets in, a plan out; store/rebalance.ts carries it out.
//
// A tablet of more than splitBytes splits where its bytes halve. Tenants never spread over two tablets, so one that is most
// of its tablet comes to have it to itself, and then nothing is left to split. Neighbours merge when both together have
// less than mergeBytes and nobody has written to either for a while. As mergeBytes is far below splitBytes, what was split
// does not merge at once, and the other way round.
//
// Writes of one tenant may be more than compaction keeps up with. Then all tenants of its tablet are held back with it, and
// the tenant gets a tablet to itself: a tablet whose level 0 has grown to hotLevel0Count tables, most of which is one
// tenant's, is split on both sides of that tenant.
//
// Each tablet has levels of its own, so what lies in several small ones is rewritten less often than in a large one
// (decision 0015). But each costs memory, and the more there are the smaller are the tables that one budget of memtables
// becomes: there are few without a reason, and never more than maxCount.

import type { FileId, SeqNum, TabletId } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import { type HashRange, tenantHashOfKey } from '../codec/tenant-key.js'
import { totalBytes } from '../lsm/version.js'
import { tableBytes, type TableMeta } from '../sstable/format.js'

export interface BalanceLimits {
  /** A tablet with more in its tables splits. */
  readonly splitBytes: number
  /** Two with less in theirs merge ... */
  readonly mergeBytes: number
  /** ... when nobody has written to them for so long. */
  readonly restMs: number
  readonly maxCount: number
  /** So many tables in level 0 say that compaction does not keep up. */
  readonly hotLevel0Count: number
}

export const BALANCE_LIMITS: BalanceLimits = {
  splitBytes: 512 * MiB,
  mergeBytes: 64 * MiB,
  restMs: 3_600_000,
  maxCount: 64,
  hotLevel0Count: 8,
}

/** Less than this share of a tablet is not split off. */
const SPLIT_MIN_SHARE = 1 / 32

/** Why: too large, held back by one tenant, too small and at rest, or somebody asked for it. */
export type BalanceReason = 'large' | 'hot' | 'idle' | 'asked'

export interface SplitPlan {
  readonly kind: 'split'
  readonly tabletId: TabletId
  /** The first tenant hash that is given away. */
  readonly hash: number
  readonly reason: BalanceReason
}

export interface MergePlan {
  readonly kind: 'merge'
  readonly tabletId: TabletId
  /** Its neighbour, whose tenants it takes over. */
  readonly nextTabletId: TabletId
  readonly reason: BalanceReason
}

export type RebalancePlan = SplitPlan | MergePlan

/** A tablet as far as it matters here. */
export interface TabletLoad extends HashRange {
  readonly tabletId: TabletId
  readonly tables: readonly TableMeta[]
  /** The newest write; a SeqNum is a time in Unix microseconds. */
  readonly newestSeqNum: SeqNum
  /** Of the tenant that most of level 0 is of, when there is more of it than should be. */
  readonly hotHash?: number | undefined
}

export interface BalanceQuestion {
  /** In the order of their hashes. */
  readonly loads: readonly TabletLoad[]
  /** Tables that must stay as they are: their tablets do, too. */
  readonly damaged: ReadonlySet<FileId>
  /** Fewer tablets are not wanted. */
  readonly minCount: number
  readonly now: SeqNum
  readonly limits: BalanceLimits
}

/** What to do next; undefined when all is well. */
export function pickRebalance(question: BalanceQuestion): RebalancePlan | undefined {
  return pickSplit(question) ?? pickMerge(question)
}

function pickSplit({ loads, damaged, limits }: BalanceQuestion): SplitPlan | undefined {
  if (loads.length >= limits.maxCount) return undefined
  for (const load of loads) {
    if (!isSound(load, damaged)) continue
    const { tabletId } = load
    const hotEdge = edgeOfHot(load)
    if (hotEdge !== undefined) return { kind: 'split', tabletId, hash: hotEdge, reason: 'hot' }
    if (totalBytes(load.tables) <= limits.splitBytes) continue
    const middle = middleOf(load)
    if (middle !== undefined) return { kind: 'split', tabletId, hash: middle, reason: 'large' }
  }
  return undefined
}

/** Where to split so that the hot tenant has fewer neighbours; undefined when it has none. */
function edgeOfHot({ hashStart, hashEnd, hotHash }: TabletLoad): number | undefined {
  if (hotHash === undefined) return undefined
  if (hotHash > hashStart) return hotHash
  return hotHash + 1 < hashEnd ? hotHash + 1 : undefined
}

function pickMerge(question: BalanceQuestion): MergePlan | undefined {
  const { loads, damaged, minCount, now, limits } = question
  if (loads.length <= minCount) return undefined
  const isIdle = (load: TabletLoad) =>
    now - load.newestSeqNum > limits.restMs * 1000 && isSound(load, damaged)
  for (let i = 1; i < loads.length; i++) {
    const [load, next] = [loads[i - 1]!, loads[i]!]
    const bytes = totalBytes([...load.tables, ...next.tables])
    if (bytes >= limits.mergeBytes || !isIdle(load) || !isIdle(next)) continue
    const { tabletId } = load
    return { kind: 'merge', tabletId, nextTabletId: next.tabletId, reason: 'idle' }
  }
  return undefined
}

function isSound({ tables }: TabletLoad, damaged: ReadonlySet<FileId>): boolean {
  return damaged.size === 0 || !tables.some(({ fileId }) => damaged.has(fileId))
}

/** The hash that parts the bytes best; undefined when nearly all are on one side whatever the hash. */
export function middleOf({ hashStart, hashEnd, tables }: Omit<TabletLoad, 'newestSeqNum'>) {
  const bytes = totalBytes(tables)
  let low = hashStart + 1
  let high = hashEnd - 1
  if (low > high) return undefined
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (bytesBelow(tables, middle) * 2 < bytes) low = middle + 1
    else high = middle
  }
  const distanceOf = (hash: number) => Math.abs(bytesBelow(tables, hash) * 2 - bytes)
  const isBetterBefore = low - 1 > hashStart && distanceOf(low - 1) < distanceOf(low)
  const hash = isBetterBefore ? low - 1 : low
  return distanceOf(hash) <= bytes * (1 - 2 * SPLIT_MIN_SHARE) ? hash : undefined
}

/** Estimated: tenants are spread evenly over the hashes of a table. */
function bytesBelow(tables: readonly TableMeta[], hash: number): number {
  let bytes = 0
  for (const meta of tables) {
    const first = tenantHashOfKey(meta.smallestKey)
    const end = tenantHashOfKey(meta.largestKey) + 1
    const share = Math.min(1, Math.max(0, (hash - first) / (end - first)))
    bytes += share * tableBytes(meta)
  }
  return bytes
}
