import { SEQ_NUM_ZERO } from '../base/ids.js'
import { type Cursor, ENTRY_KIND_DELETE } from '../codec/entry.js'
import type { OutputTables } from './output-tables.js'
import { WatermarkFinder, type Watermarks } from './watermarks.js'

export interface RetentionRule {
  readonly watermarks: Watermarks
  /** Tombstones that a watermark sees have nothing to hide. */
  readonly isBottom: boolean
}

/** Copies the entries that must stay, from where the cursor stands to its end; lsm/jobs.ts has the rule. */
export function copyLiveEntries(
  cursor: Cursor,
  outputs: OutputTables,
  rule: RetentionRule,
): { entriesRead: number; entriesDropped: number } {
  const { isBottom } = rule
  const finder = new WatermarkFinder(rule.watermarks)
  let key = new Uint8Array(256)
  let keyBytes = -1
  /** Of the key. */
  let watermark = SEQ_NUM_ZERO
  // The version that the watermark sees has been met: older ones of the key are not needed.
  let isSettled = false
  let entriesRead = 0
  let entriesDropped = 0
  for (; cursor.isValid; cursor.next()) {
    const { entry } = cursor
    const { keyBytes: bytes, keyStart, keyEnd } = entry
    entriesRead++
    if (keyEnd - keyStart !== keyBytes || !isSame(key, bytes, keyStart, keyBytes)) {
      keyBytes = keyEnd - keyStart
      if (keyBytes > key.length) key = new Uint8Array(keyBytes * 2)
      for (let i = 0; i < keyBytes; i++) key[i] = bytes[keyStart + i]!
      isSettled = false
      watermark = finder.of(entry)
      outputs.beginKey()
    }
    if (entry.seqNum <= watermark) {
      const isNeeded = !isSettled && !(isBottom && entry.kind === ENTRY_KIND_DELETE)
      isSettled = true
      if (!isNeeded) {
        entriesDropped++
        continue
      }
    }
    outputs.add(entry)
  }
  return { entriesRead, entriesDropped }
}

function isSame(key: Uint8Array, bytes: Uint8Array, start: number, count: number): boolean {
  // Neighbours in order differ towards their end.
  for (let i = count - 1; i >= 0; i--) if (key[i] !== bytes[start + i]) return false
  return true
}
