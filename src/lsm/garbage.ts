// How much of a table a rewrite would give back, by what its garbage block says and up to where old versions may go.

import { isHashIn, tenantHashOfKey } from '../codec/tenant-key.js'
import type { TableMeta } from '../sstable/format.js'
import type { GarbageRow } from '../sstable/garbage-block.js'
import { WatermarkFinder, type Watermarks } from './watermarks.js'

export interface Garbage {
  /** Something of the table would go. */
  readonly isAny: boolean
  /** Stored bytes that would go for certain, estimated from raw ones. */
  readonly bytes: number
}

export interface GarbageContents {
  readonly meta: TableMeta
  readonly rows: readonly GarbageRow[]
  /** Of all blocks before compression. */
  readonly rawDataBytes: number
}

/** @param isBottom  nothing older lies below the table, so its tombstones have nothing to hide */
export function garbageOf(
  { meta, rows, rawDataBytes }: GarbageContents,
  watermarks: Watermarks,
  isBottom: boolean,
): Garbage {
  const finder = new WatermarkFinder(watermarks)
  const history = meta.history?.bytes ?? 0
  let isAny = false
  let allHistoryBytes = 0
  let historyBytes = 0
  let tombstoneBytes = 0
  for (const row of rows) {
    const { prefix } = row
    allHistoryBytes += row.historyBytes
    if (meta.share !== undefined && !isHashIn(meta.share, tenantHashOfKey(prefix))) continue
    const watermark = finder.of({ keyBytes: prefix, keyStart: 0, keyEnd: prefix.length })
    if (row.historyBytes > 0 && row.firstEndSeqNum <= watermark) isAny = true
    if (row.lastEndSeqNum <= watermark) historyBytes += row.historyBytes
    if (!isBottom || row.tombstoneBytes === 0) continue
    if (row.firstTombstoneSeqNum <= watermark) isAny = true
    if (row.lastTombstoneSeqNum <= watermark) tombstoneBytes += row.tombstoneBytes
  }
  const mainBytes = rawDataBytes - allHistoryBytes
  const bytes =
    shareOf(historyBytes, allHistoryBytes) * history +
    shareOf(tombstoneBytes, mainBytes) * (meta.fileBytes - history)
  return { isAny, bytes }
}

function shareOf(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, part / whole) : 0
}
