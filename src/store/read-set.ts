// What a serializable transaction has read: keys, and ranges as far as they were consumed.
//
// Invariants:
// 1. All that was read lies in a key or a range of the set. It may cover more, never less: what it covers too much can only
//    cause a conflict that was not necessary.
// 2. It takes about READ_SET_MAX_BYTES at most: beyond them, what was read of one table's rows, or of one of its indexes,
//    becomes one range.
// 3. A range lies in the tablet of its lower bound.

import type { SeqNum } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import type { KeyRange } from '../codec/entry.js'
import { KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareKeys, successorOf } from '../kernels/bytes.js'

/** Some ten thousands of keys. */
export const READ_SET_MAX_BYTES: number = 4 * MiB
/** What an array takes beside its bytes. */
const ITEM_BYTES = 100

/** Whether anything has a version that is newer than `since`, durable or not. */
export interface NewerVersions {
  isKeyNewer(key: Uint8Array, keyHash: number, since: SeqNum): boolean
  isRangeNewer(range: KeyRange, since: SeqNum): boolean
}

export class ReadSet {
  #keys: Uint8Array[] = []
  #keyHashes: number[] = []
  #ranges: KeyRange[] = []
  #byteCount = 0
  #maxBytes = READ_SET_MAX_BYTES

  /** What it takes in memory, roughly. */
  get byteCount(): number {
    return this.#byteCount
  }

  /** Copies the key. */
  addKey(key: Uint8Array, keyHash: number): void {
    this.#keys.push(key.slice())
    this.#keyHashes.push(keyHash)
    this.#grow(key.length)
  }

  /** Keeps the bounds. */
  addRange(range: KeyRange): void {
    this.#ranges.push(range)
    this.#grow(sizeOf(range))
  }

  /** A key that was read and has a newer version, or the range in which there is one. */
  findNewer(versions: NewerVersions, since: SeqNum): Uint8Array | KeyRange | undefined {
    for (let i = 0; i < this.#keys.length; i++) {
      const key = this.#keys[i]!
      if (versions.isKeyNewer(key, this.#keyHashes[i]!, since)) return key
    }
    return this.#ranges.find((range) => versions.isRangeNewer(range, since))
  }

  #grow(bytes: number): void {
    this.#byteCount += bytes + ITEM_BYTES
    if (this.#byteCount <= this.#maxBytes) return
    this.#coarsen()
    // There are as many ranges now as tables and indexes that were read.
    this.#maxBytes = Math.max(READ_SET_MAX_BYTES, 2 * this.#byteCount)
  }

  /** Makes one range of all keys and ranges that begin with the same prefix. */
  #coarsen(): void {
    const hulls = new Map<string, KeyRange>()
    const add = (range: KeyRange) => {
      const prefix = Buffer.from(range.lower ?? []).toString('latin1', 0, KEY_PREFIX_BYTES)
      const hull = hulls.get(prefix)
      hulls.set(prefix, hull === undefined ? range : hullOf(hull, range))
    }
    for (const range of this.#ranges) add(range)
    for (const key of this.#keys) add({ lower: key, upper: successorOf(key) })
    this.#keys = []
    this.#keyHashes = []
    this.#ranges = [...hulls.values()]
    this.#byteCount = 0
    for (const range of this.#ranges) this.#byteCount += sizeOf(range) + ITEM_BYTES
  }
}

function hullOf(a: KeyRange, b: KeyRange): KeyRange {
  const isLower = a.lower === undefined || (b.lower && compareKeys(a.lower, b.lower) < 0)
  const isUpper = a.upper === undefined || (b.upper && compareKeys(a.upper, b.upper) > 0)
  return { lower: isLower ? a.lower : b.lower, upper: isUpper ? a.upper : b.upper }
}

function sizeOf({ lower, upper }: KeyRange): number {
  return (lower?.length ?? 0) + (upper?.length ?? 0)
}
