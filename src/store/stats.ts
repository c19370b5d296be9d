// A plain picture of the store for people and monitors. Counting costs a walk over the files of every tablet.

import type { SeqNum, TabletId } from '../base/ids.js'
import { kernels } from '../kernels/chosen-kernels.js'
import type { KernelKind } from '../kernels/kernels.js'
import type { EntryCacheStats } from '../lsm/entry-cache.js'
import { totalBytes } from '../lsm/version.js'
import type { BlockCacheStats } from '../sstable/block-cache.js'
import { shareOfCount, type TableMeta } from '../sstable/format.js'
import type { CommitStats } from './commit-log.js'
import type { MemoryStats } from './memory-budget.js'
import type { OpenedFiles } from './opened-files.js'
import type { Damage } from './quarantine.js'
import type { RecoveryReport } from './recovery-report.js'

/**
 * `open`: reads and writes. `readOnly`: reads go on; there is no room for writes but deletes, until there is again, or the
 * store was opened to be salvaged. `poisoned`: everything is refused but close(), and to open again is the way back.
 */
export type StoreState = 'open' | 'readOnly' | 'poisoned' | 'closed'

export interface LevelStats {
  readonly level: number
  readonly tableCount: number
  /** Tables that other tablets have a part of, too: what follows counts the tablet's part, estimated but for the bytes. */
  readonly sharedTableCount: number
  readonly bytes: number
  readonly entryCount: number
  /** Of the entries, those that newer ones of their tables supersede, and what they take of the bytes. */
  readonly historyEntryCount: number
  readonly historyBytes: number
}

export interface TabletStats {
  readonly tabletId: TabletId
  readonly hashStart: number
  readonly hashEnd: number
  readonly memtableBytes: number
  readonly memtableEntryCount: number
  /** Every commit up to this one is in tables. */
  readonly flushedSeqNum: SeqNum
  /** Whether its flushes or compactions were given up: writes to its tenants are refused. */
  readonly isReadOnly: boolean
  /** Levels that hold tables. */
  readonly levels: readonly LevelStats[]
}

export interface StoreStats {
  readonly state: StoreState
  /** The newest commit that readers see. */
  readonly seqNum: SeqNum
  /** The newest commit that is durable; relaxed commits above it wait for a sync of the log. */
  readonly durableSeqNum: SeqNum
  /** The oldest snapshot at which tenants and tables without a retention of their own can be read. */
  readonly historyFloor: SeqNum
  readonly openSnapshotCount: number
  readonly walFileCount: number
  readonly tableCount: number
  readonly tableBytes: number
  readonly tablets: readonly TabletStats[]
  /** How often tablets have split and merged since the database was opened. */
  readonly rebalances: { readonly splitCount: number; readonly mergeCount: number }
  readonly cache: BlockCacheStats
  readonly entryCache: EntryCacheStats
  readonly memory: MemoryStats
  readonly commits: CommitStats
  /** Room set apart for a full disk; 0 before the first commit and while there is none. */
  readonly reserveBytes: number
  /** In what form the loops over whole blocks run: the same bytes in all of them, at different speeds. */
  readonly kernels: KernelKind
  /** What opening found in the log. */
  readonly recovery: RecoveryReport
  /** Damage found in sstables since the database was opened. */
  readonly quarantine: readonly Damage[]
}

type Moments = Pick<
  StoreStats,
  | 'historyFloor'
  | 'openSnapshotCount'
  | 'rebalances'
  | 'commits'
  | 'memory'
  | 'reserveBytes'
  | 'state'
> & {
  readonly readOnlyTabletIds: readonly TabletId[]
  readonly readable: SeqNum
  readonly durable: SeqNum
}

export function describeStore(files: OpenedFiles, moments: Moments): StoreStats {
  const tablets = files.tablets.map((tablet) => ({
    tabletId: tablet.id,
    hashStart: tablet.hashStart,
    hashEnd: tablet.hashEnd,
    memtableBytes: tablet.memtableBytes,
    memtableEntryCount: tablet.view.memtables.reduce((sum, { entryCount }) => sum + entryCount, 0),
    flushedSeqNum: tablet.version.flushedSeqNum,
    isReadOnly: moments.readOnlyTabletIds.includes(tablet.id),
    levels: tablet.version.levels
      .map((tables, level) => ({
        level,
        tableCount: tables.length,
        sharedTableCount: tables.filter(({ share }) => share !== undefined).length,
        bytes: totalBytes(tables),
        entryCount: sumOf(tables, ({ entryCount }) => entryCount),
        historyEntryCount: sumOf(tables, ({ history }) => history?.entryCount ?? 0),
        historyBytes: sumOf(tables, ({ history }) => history?.bytes ?? 0),
      }))
      .filter(({ tableCount }) => tableCount > 0),
  }))
  const metas = files.tablets.flatMap(({ version }) => version.levels.flat())
  // Each file once, however many tablets share it.
  const fileBytes = [...new Map(metas.map((meta) => [meta.fileId, meta.fileBytes])).values()]
  return {
    state: moments.state,
    seqNum: moments.readable,
    durableSeqNum: moments.durable,
    historyFloor: moments.historyFloor,
    openSnapshotCount: moments.openSnapshotCount,
    walFileCount: files.wal.files.length,
    tableCount: fileBytes.length,
    tableBytes: fileBytes.reduce((sum, bytes) => sum + bytes, 0),
    tablets,
    rebalances: moments.rebalances,
    cache: files.cache.stats,
    entryCache: files.entries.stats,
    memory: moments.memory,
    commits: moments.commits,
    reserveBytes: moments.reserveBytes,
    kernels: kernels().kind,
    recovery: files.recovery,
    quarantine: files.quarantine.damages,
  }
}

/** Adds up a number of each table, of shared ones in proportion. */
function sumOf(tables: readonly TableMeta[], numberOf: (meta: TableMeta) => number): number {
  return tables.reduce((sum, meta) => sum + shareOfCount(numberOf(meta), meta), 0)
}
