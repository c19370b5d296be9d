import type { BlockTransform } from '../codec/block-transform.js'
import type { PickerLimits } from '../lsm/picker.js'
import type { ObjectCache } from './object-cache.js'
import type { BalanceLimits } from './rebalance-picker.js'

/** How a store is opened. What users may set of it, and the defaults, are in db/options.ts. */
export interface StoreOptions {
  readonly path: string
  readonly createIfMissing: boolean
  /** So many tablets a new database begins with, and they do not become fewer. */
  readonly defaultTabletCount: number
  readonly memtableBudgetBytes: number
  /** What the block cache may have in any case. */
  readonly blockCacheBytes: number
  /** It may also have what memtables leave of this; absent: no more. */
  readonly memoryBudgetBytes?: number | undefined
  /** What the floors above keep of entries that they read. Its bytes are a part of the budget. */
  readonly objects?: ObjectCache | undefined
  readonly walFileBytes: number
  /** Space that a manifest starts with; absent: the default. */
  readonly manifestFileBytes?: number | undefined
  /** How long a relaxed commit may wait for a sync. */
  readonly relaxedWindowMs: number
  /** How long superseded versions stay where no policy says anything else. */
  readonly historyWindowMs: number
  /** Every version stays until Store.usePolicies() was called. Absent: there are no policies. */
  readonly hasPolicies?: boolean
  /** How long a scan, query or transaction may hold history back; absent: for ever. */
  readonly snapshotMaxAgeMs?: number
  /** Raw bytes of an sstable block. */
  readonly blockBytes: number
  /** Stored bytes of an sstable that a compaction writes. */
  readonly outputTableBytes: number
  readonly transform: BlockTransform
  /** Open what can be read, read-only, without changing anything; see salvage.ts. */
  readonly isSalvage?: boolean
  /** When levels are due for compaction; absent: the measured defaults. */
  readonly picker?: PickerLimits
  /** When tablets split and merge; absent: the measured defaults. */
  readonly balance?: BalanceLimits
}
