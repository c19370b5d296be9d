import { SEQ_NUM_ZERO } from '../base/ids.js'
import { ENTRY_KIND_DELETE } from '../codec/entry.js'
import type { EntryStream } from '../sstable/entry-stream.js'
import type { OutputTables } from './output-tables.js'
import { WatermarkFinder, type Watermarks } from './watermarks.js'

export interface RetentionRule {
  readonly watermarks: Watermarks
  /** Tombstones that a watermark sees have nothing to hide. */
  readonly isBottom: boolean
}

/** Nothing was added since the last entry. */
const ALL_SHARED = 0x3fff_ffff

/**
 * Copies the entries that must stay, from where the stream stands to its end; lsm/jobs.ts has the rule. Blocks that stay as
 * a whole are taken over as they are stored.
 */
export function copyLiveEntries(
  stream: EntryStream,
  outputs: OutputTables,
  rule: RetentionRule,
): { entriesRead: number; entriesDropped: number } {
  const { isBottom } = rule
  const finder = new WatermarkFinder(rule.watermarks)
  /** Of the key. */
  let watermark = SEQ_NUM_ZERO
  // The version that the watermark sees has been met: older ones of the key are not needed.
  let isSettled = false
  /** How much of its key the entry has in common with the entry that was added last. */
  let sharedBytes = ALL_SHARED
  let entriesRead = 0
  let entriesDropped = 0
  while (stream.isValid) {
    const { entry } = stream
    if (stream.sharedBytes < sharedBytes) sharedBytes = stream.sharedBytes
    if (stream.sharedBytes !== entry.keyEnd - entry.keyStart) {
      isSettled = false
      watermark = finder.of(entry)
      outputs.beginKey()
      const takenCount = takeBlock(stream, outputs, sharedBytes)
      if (takenCount > 0) {
        entriesRead += takenCount
        sharedBytes = ALL_SHARED
        continue
      }
    }
    entriesRead++
    const isSeen = entry.seqNum <= watermark
    if (isSeen && (isSettled || (isBottom && entry.kind === ENTRY_KIND_DELETE))) {
      entriesDropped++
    } else {
      outputs.add(entry, sharedBytes)
      sharedBytes = ALL_SHARED
    }
    if (isSeen) isSettled = true
    stream.next()
  }
  return { entriesRead, entriesDropped }
}

/** Takes over the block that begins with the entry, a new key, if that may be; returns how many entries that were. */
function takeBlock(stream: EntryStream, outputs: OutputTables, sharedBytes: number): number {
  const whole = stream.wholeBlock()
  if (whole === undefined || !outputs.takeBlock(whole, stream.entry, sharedBytes)) return 0
  stream.toLastOfBlock()
  outputs.addTaken(whole.content, stream.entry)
  stream.next()
  return whole.content.entryCount
}
