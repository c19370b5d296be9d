// Which compactions a tablet needs so that what nobody may read any more goes, besides those that its levels ask for.

import type { EventSource } from '../base/events.js'
import type { FileId, SeqNum } from '../base/ids.js'
import { ALL_HASHES } from '../codec/tenant-key.js'
import { type Garbage, garbageOf } from '../lsm/garbage.js'
import { type GarbageSource, pickCollection, pickEverything } from '../lsm/garbage-picker.js'
import type { CompactionPlan, PickerLimits } from '../lsm/picker.js'
import type { Tablet } from '../lsm/tablet.js'
import { totalBytes } from '../lsm/version.js'
import { newestWatermark, type Watermarks } from '../lsm/watermarks.js'
import { tableBytes, type TableMeta } from '../sstable/format.js'
import type { OpenedFiles } from './opened-files.js'
import { isDamage } from './quarantine.js'

/** Younger tables are left to the levels, however short the history is: they may soon be merged anyway. */
const REST_MIN_MS = 600_000

/** Says what to do next, until there is nothing to do. */
export type PickCompaction = () => CompactionPlan | undefined

/** The garbage of one tablet, by the floors of one moment: what becomes garbage later is left to the next collection. */
export class GarbageCollection {
  readonly #tablet: Tablet
  readonly #files: OpenedFiles
  readonly #events: EventSource
  readonly #watermarks: Watermarks
  readonly #newestWatermark: SeqNum
  readonly #limits: PickerLimits | undefined
  readonly #endFileId: FileId

  constructor(options: {
    readonly tablet: Tablet
    readonly files: OpenedFiles
    readonly events: EventSource
    readonly watermarks: Watermarks
    readonly limits: PickerLimits | undefined
  }) {
    this.#tablet = options.tablet
    this.#files = options.files
    this.#events = options.events
    this.#watermarks = options.watermarks
    this.#newestWatermark = newestWatermark(options.watermarks)
    this.#limits = options.limits
    this.#endFileId = options.files.manifest.nextFileId
  }

  /** What is worth its while although nobody asked. */
  pickWorthwhile(now: SeqNum): PickCompaction {
    const rested = (now - REST_MIN_MS * 1000) as SeqNum
    const { rest } = this.#watermarks
    return () => pickCollection(this.#source, rest < rested ? rest : rested)
  }

  /** All garbage of tables with entries up to a SeqNum. */
  pickUpTo(seqNum: SeqNum): PickCompaction {
    return () => pickEverything(this.#source, seqNum)
  }

  get #source(): GarbageSource {
    return {
      version: this.#tablet.version,
      damaged: this.#files.quarantine.fileIds,
      endFileId: this.#endFileId,
      measure: (meta, isBottom) => this.#measure(meta, isBottom),
      limits: this.#limits,
    }
  }

  #measure(meta: TableMeta, isBottom: boolean): Garbage {
    const own = this.#measureOwn(meta, isBottom)
    if (meta.share === undefined) return own
    const shares = this.#sharesOf(meta)
    // The whole file goes with the last share of it; until then a rewrite gives nothing back.
    const bytes = shares.length === 1 ? meta.fileBytes - tableBytes(meta) : 0
    return { isAny: own.isAny || this.#isPartAbandoned(meta, shares), bytes: own.bytes + bytes }
  }

  /** What tablets have of the file. */
  #sharesOf({ fileId }: TableMeta): readonly TableMeta[] {
    const metas = this.#files.tablets.flatMap(({ version }) => version.levels.flat())
    return metas.filter((meta) => meta.fileId === fileId)
  }

  /** Whether the file holds tenants that no tablet reads there any more. */
  #isPartAbandoned(meta: TableMeta, shares: readonly TableMeta[]): boolean {
    try {
      const whole = this.#tablet.readerOf(meta).pieceOf(ALL_HASHES)
      return whole !== undefined && totalBytes(shares) < whole.bytes
    } catch {
      // As below.
      return false
    }
  }

  #measureOwn(meta: TableMeta, isBottom: boolean): Garbage {
    const { history } = meta
    // It can tell only by being rewritten.
    if (history === undefined) return { isAny: true, bytes: 0 }
    const newest = this.#newestWatermark
    // Most tables are done with here, without a read.
    const hasEnds = history.entryCount > 0 && history.firstEndSeqNum <= newest
    const hasTombstones = isBottom && meta.tombstoneCount > 0 && meta.minSeqNum <= newest
    if (!hasEnds && !hasTombstones) return NO_GARBAGE
    try {
      const reader = this.#tablet.readerOf(meta)
      const contents = { meta, rows: reader.garbage(), ...reader.properties() }
      return garbageOf(contents, this.#watermarks, isBottom)
    } catch (error) {
      // A table that cannot say stays as it is. Damage was reported by the reader.
      if (!isDamage(error)) this.#events.emit('error', { where: 'collection of garbage', error })
      return NO_GARBAGE
    }
  }
}

const NO_GARBAGE: Garbage = { isAny: false, bytes: 0 }
