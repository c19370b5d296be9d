// Which compactions a tablet needs so that what nobody may read any more goes, besides those that its levels ask for.

import type { EventSource } from '../base/events.js'
import type { FileId, SeqNum } from '../base/ids.js'
import { type Garbage, garbageOf } from '../lsm/garbage.js'
import { type GarbageSource, pickCollection, pickEverything } from '../lsm/garbage-picker.js'
import type { CompactionPlan, PickerLimits } from '../lsm/picker.js'
import type { Tablet } from '../lsm/tablet.js'
import { newestWatermark, type Watermarks } from '../lsm/watermarks.js'
import { tableBytes, type TableMeta } from '../sstable/format.js'
import type { OpenedFiles } from './open-files.js'
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
    const abandonedBytes = this.#abandonedBytesOf(meta)
    const own = this.#measureOwn(meta, isBottom)
    return abandonedBytes === 0 ? own : { isAny: true, bytes: own.bytes + abandonedBytes }
  }

  /** What the file holds of tenants that no tablet reads there any more; it goes when the last share of it does. */
  #abandonedBytesOf(meta: TableMeta): number {
    if (meta.share === undefined) return 0
    const others = this.#files.tablets.filter((tablet) => tablet !== this.#tablet)
    const isShared = others.some(({ version }) => version.has(meta.fileId))
    return isShared ? 0 : meta.fileBytes - tableBytes(meta)
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
