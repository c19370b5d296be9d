// What the floors above see of the store: reads at one snapshot, and writes that join one commit. Keys and values are
// bytes; nothing here knows tables.

import type { SeqNum } from '../base/ids.js'
import type { EntrySlot, KeyRange } from '../codec/entry.js'
import type { Durability } from './commit-log.js'

export interface ScanOptions {
  /** Descending key order. */
  readonly reverse?: boolean
}

/** Reads at one fixed snapshot. */
export interface ReadView {
  readonly snapshot: SeqNum
  /** Fills the slot with the visible version; false when there is none, or a tombstone. Does not keep the key. */
  get(key: Uint8Array, slot: EntrySlot): boolean
  /** Visible entries of the range, tombstones skipped, each key once. Keeps the bounds. */
  scan(range: KeyRange, options?: ScanOptions): EntryScan
}

/** A scan before its first entry. `entry` is valid after `next()` returned true and until it is called again. */
export interface EntryScan {
  readonly entry: EntrySlot
  next(): boolean
  /** Idempotent; a scan that ran to its end is closed. */
  close(): void
}

/** A ReadView that also sees the writes made through it. */
export interface WriteView extends ReadView {
  /** Copies both; the arrays may be reused by the caller. */
  put(key: Uint8Array, value: Uint8Array): void
  /** As put, of a key and the value right behind it. */
  putEntry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueEnd: number): void
  delete(key: Uint8Array): void
  /** Runs several writes as one: when `fn` throws, those that it made are taken back. */
  atomically<R>(fn: () => R): R
}

export interface WriteOptions {
  /** Of the tenant that it writes to, so that it waits for no other tenant's tablet. */
  readonly tenantHash?: number | undefined
  /** Default `sync`. */
  readonly durability?: Durability | undefined
  /** Runs once the function will not be run again, before it is known whether its commit is safe. */
  readonly onRun?: (() => void) | undefined
}

/** One version of a key. */
export interface KeyVersion {
  readonly seqNum: SeqNum
  /** Undefined: the key was deleted at seqNum. */
  readonly value: Uint8Array | undefined
}
