// Entries and their order, shared by memtables, sstables and the store above them.
//
// An entry is one version of one key: (key, seqNum, kind, value). Entries are ordered by key ascending (memcmp), then by
// seqNum descending, so the newest version of a key comes first. One commit writes a key at most once, hence
// (key, seqNum) is unique. In files the version is an 8-byte suffix of the key: 7 bytes of inverted SeqNum, big-endian
// (2^56-1 minus seqNum), then the kind.

import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_ZERO } from '../base/ids.js'
import { compareBytes } from '../kernels/bytes.js'

/** The key has this value from this commit on. */
export const ENTRY_KIND_PUT = 1
/** A tombstone: the key has no value from this commit on. */
export const ENTRY_KIND_DELETE = 2
// 3 is reserved for range tombstones.

const NO_BYTES = new Uint8Array(0)

/**
 * Where one entry lies: views into bytes that somebody else owns, valid until the owner moves on. Filled in place, so a
 * read allocates nothing.
 */
export class EntrySlot {
  keyBytes: Uint8Array = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum: SeqNum = SEQ_NUM_ZERO
  kind = 0
  valueBytes: Uint8Array = NO_BYTES
  valueStart = 0
  valueEnd = 0

  /** A copy of the key that outlives the cursor. */
  copyKey(): Uint8Array {
    return this.keyBytes.slice(this.keyStart, this.keyEnd)
  }

  /** A copy of the value that outlives the cursor. */
  copyValue(): Uint8Array {
    return this.valueBytes.slice(this.valueStart, this.valueEnd)
  }
}

/**
 * An ordered position over entries. The last seek chooses the direction: after `seek` only `next` may follow, after
 * `seekLast` only `prev`. `entry` is meaningful while `isValid`, and only until the next move.
 */
export interface Cursor {
  readonly isValid: boolean
  readonly entry: EntrySlot
  /** Goes to the first entry at or after (key, seqNum); with SEQ_NUM_MAX to the newest version of key or what follows. */
  seek(key: Uint8Array, seqNum: SeqNum): void
  /** Goes to the last entry whose key is below `key`; without a key to the last entry of all. */
  seekLast(key?: Uint8Array): void
  next(): void
  prev(): void
  close(): void
  /**
   * At least how many of the entries that follow come before one of another cursor, which the current entry comes before;
   * as far as can be told of what lies in memory. Absent where nothing can.
   *
   * @param direction  1 on the way forward, -1 backwards
   */
  countBefore?(other: EntrySlot, direction: number): number
}

/** Whether the entry's key is not below the upper bound of a range. */
export function isBehind(entry: EntrySlot, upper: Uint8Array | undefined): boolean {
  if (upper === undefined) return false
  const { keyBytes, keyStart, keyEnd } = entry
  return compareBytes(keyBytes, keyStart, keyEnd, upper, 0, upper.length) >= 0
}

/** A half-open range of keys; an absent bound is open. */
export interface KeyRange {
  readonly lower?: Uint8Array | undefined
  readonly upper?: Uint8Array | undefined
}
