// Carries out splits and merges of tablets while the database is in use; lsm/table-share.ts says what becomes of tables,
// rebalance-picker.ts when there is a reason.
//
// No flush and no compaction of any tablet runs meanwhile, so versions and sealed memtables stay as they are. Commits and
// reads go on: what is written until the manifest is durable lies in memtables, of which both halves take a share, and
// which become one when two tablets do. Only then, in one turn of the event loop, the tablets change in memory. Reads
// that began before keep the views that they have.

import type { EventSource } from '../base/events.js'
import type { SeqNum, TabletId } from '../base/ids.js'
import type { Env } from '../env/env.js'
import { type CompactionPlan, planInPlace } from '../lsm/picker.js'
import type { Tablet } from '../lsm/tablet.js'
import { divideTables, joinTables } from '../lsm/table-share.js'
import { totalBytes, Version } from '../lsm/version.js'
import type { VersionEdit } from '../lsm/version-edit.js'
import type { OpenedFiles } from './opened-files.js'
import type { StoreOptions } from './store-options.js'
import {
  BALANCE_LIMITS,
  type MergePlan,
  pickRebalance,
  type RebalancePlan,
  type SplitPlan,
} from './rebalance-picker.js'

export interface RebalanceOptions {
  readonly options: StoreOptions
  readonly env: Env
  readonly events: EventSource
  readonly files: OpenedFiles
  readonly onBroken: (error: unknown) => void
}

export class Rebalance {
  splitCount = 0
  mergeCount = 0
  readonly #o: RebalanceOptions

  constructor(options: RebalanceOptions) {
    this.#o = options
  }

  /** Splits and merges so far. */
  get count(): number {
    return this.splitCount + this.mergeCount
  }

  /** What there is a reason for now. */
  pick(now: SeqNum): RebalancePlan | undefined {
    const { files, options } = this.#o
    const limits = options.balance ?? BALANCE_LIMITS
    return pickRebalance({
      loads: files.tablets.map((tablet) => ({
        tabletId: tablet.id,
        hashStart: tablet.hashStart,
        hashEnd: tablet.hashEnd,
        tables: tablet.version.levels.flat(),
        newestSeqNum: newestSeqNumOf(tablet),
        hotHash: hotHashOf(tablet, limits.hotLevel0Count),
      })),
      damaged: files.quarantine.fileIds,
      minCount: options.defaultTabletCount,
      now,
      limits,
    })
  }

  /** Compactions that a merge waits for: they rewrite shares that cannot be joined. */
  pickApart(tablet: Tablet, next: Tablet): () => CompactionPlan | undefined {
    const damaged = this.#o.files.quarantine.fileIds
    return () => {
      const joined = joinTables(tablet.version, next.version, (meta) => next.readerOf(meta))
      const apart = joined.apart.find(({ meta }) => !damaged.has(meta.fileId))
      return apart && planInPlace(next.version, apart.level, apart.meta)
    }
  }

  /**
   * @returns the tablet with the hashes that were split off; undefined when there is nothing to split there
   * @throws DISK_FULL IO_FAILED SSTABLE_CORRUPT FILE_MISSING
   */
  async split(tablet: Tablet, { hash, reason }: SplitPlan): Promise<Tablet | undefined> {
    const { id: tabletId, hashStart, hashEnd, version } = tablet
    if (hash <= hashStart || hash >= hashEnd) return undefined
    const { files, env } = this.#o
    const start = env.clock.monotonicMicros()
    const { removed, kept, given } = divideTables(version, hash, (meta) => tablet.readerOf(meta))
    const id = this.#newTabletId()
    const edit = { tabletId, range: { hashStart, hashEnd: hash }, removed, added: kept }
    const rest: VersionEdit = {
      tabletId: id,
      created: { hashStart: hash, hashEnd },
      removed: [],
      added: given,
      flushedSeqNum: version.flushedSeqNum,
      historyMarks: version.historyMarks,
    }
    await this.#append([edit, rest])
    const other = tablet.split(hash, version.apply(edit), {
      id,
      version: Version.EMPTY.apply(rest),
      tables: files.tables.sourceOf(id),
    })
    files.map.insert(other)
    this.#tell({ kind: 'split', tabletId, otherTabletId: id, hash, reason }, [tablet, other], start)
    return other
  }

  /**
   * @param next  is not used any more when true is returned
   * @returns false when they are no neighbours (any more), or have writes that no table holds
   * @throws DISK_FULL IO_FAILED SSTABLE_CORRUPT FILE_MISSING
   */
  async merge(tablet: Tablet, next: Tablet, { reason }: MergePlan): Promise<boolean> {
    const { files, env } = this.#o
    const { id: tabletId, hashStart, hashEnd, version } = tablet
    const isFlushed = [tablet, next].every(({ oldestUnflushed }) => oldestUnflushed === undefined)
    if (hashEnd !== next.hashStart || !isFlushed) return false
    const start = env.clock.monotonicMicros()
    const readerOf = next.readerOf.bind(next)
    const { removed, added, apart } = joinTables(version, next.version, readerOf)
    if (apart.length > 0) return false
    const { flushedSeqNum, historyMarks } = next.version
    const range = { hashStart, hashEnd: next.hashEnd }
    const edit: VersionEdit = { tabletId, range, removed, added, flushedSeqNum, historyMarks }
    const end: VersionEdit = { tabletId: next.id, removed: [], added: [], isEnded: true }
    await this.#append([edit, end])
    tablet.absorb(next, version.apply(edit))
    files.map.remove(next)
    const about = { tabletId, otherTabletId: next.id, hash: next.hashStart, reason }
    this.#tell({ kind: 'merge', ...about }, [tablet], start)
    return true
  }

  async #append(edits: readonly VersionEdit[]): Promise<void> {
    const { manifest } = this.#o.files
    try {
      await manifest.append(edits)
    } catch (error) {
      if (manifest.isBroken) this.#o.onBroken(error)
      throw error
    }
  }

  /** Never used before: from the same counter as file ids, but above the ids of the first tablets. */
  #newTabletId(): TabletId {
    const { tablets, manifest } = this.#o.files
    const highest = Math.max(...tablets.map(({ id }) => id))
    for (;;) {
      const id = manifest.allocateFileId() as number
      if (id > highest) return id as TabletId
    }
  }

  #tell(
    about: Pick<RebalancePlan, 'kind' | 'tabletId' | 'reason'> & {
      readonly otherTabletId: TabletId
      readonly hash: number
    },
    tablets: readonly Tablet[],
    startMicros: number,
  ): void {
    if (about.kind === 'split') this.splitCount++
    else this.mergeCount++
    const { env, events } = this.#o
    const tables = tablets.flatMap(({ version }) => version.levels.flat())
    events.emit('rebalance', {
      ...about,
      tabletBytes: tablets.map(({ version }) => totalBytes(version.levels.flat())),
      sharedTableCount: tables.filter(({ share }) => share !== undefined).length,
      durationMs: (env.clock.monotonicMicros() - startMicros) / 1000,
    })
  }
}

function newestSeqNumOf({ version, view }: Tablet): SeqNum {
  let newest = version.flushedSeqNum as number
  for (const { maxSeqNum } of [...version.levels.flat(), ...view.memtables]) {
    newest = Math.max(newest, maxSeqNum)
  }
  return newest as SeqNum
}

/** The tenant that has at least half of a level 0 that is too long; undefined when there is none. */
function hotHashOf(tablet: Tablet, minCount: number): number | undefined {
  const level0 = tablet.version.levels[0]!
  if (level0.length < minCount) return undefined
  const bytesOfHash = new Map<number, number>()
  let bytes = 0
  try {
    for (const meta of level0) {
      for (const [hash, size] of tablet.readerOf(meta).tenantSizes(tablet)) {
        bytes += size
        bytesOfHash.set(hash, (bytesOfHash.get(hash) ?? 0) + size)
      }
    }
  } catch {
    // The reader has reported it. A damaged tablet stays as it is.
    return undefined
  }
  for (const [hash, size] of bytesOfHash) if (size * 2 >= bytes) return hash
  return undefined
}
