import type { SeqNum } from '../base/ids.js'
import type { KeyRange } from '../codec/entry.js'
import { tenantHashOfKey } from '../codec/tenant-key.js'
import type { Tablet } from '../lsm/tablet.js'
import type { ObjectCache } from './object-cache.js'
import type { WriteBatch } from './write-batch.js'

/** Which tablet holds a key: tablets are contiguous ranges of tenant hashes, which are the first bytes of keys. */
export class TabletMap {
  #all: readonly Tablet[]
  readonly #objects: ObjectCache | undefined

  /**
   * @param tablets  in the order of their hashes
   * @param objects  of which batches take away what they overwrite
   */
  constructor(tablets: readonly Tablet[], objects?: ObjectCache) {
    this.#all = tablets
    this.#objects = objects
  }

  /** In the order of their hashes. A list that was given out never changes. */
  get all(): readonly Tablet[] {
    return this.#all
  }

  /** A tablet has split: the other half stands behind it. */
  insert(tablet: Tablet): void {
    this.#all = [...this.#all, tablet].sort((a, b) => a.hashStart - b.hashStart)
  }

  /** A tablet has been merged into another one. */
  remove(tablet: Tablet): void {
    this.#all = this.#all.filter((one) => one !== tablet)
  }

  of(key: Uint8Array): Tablet {
    return this.ofHash(tenantHashOfKey(key, 0))
  }

  /** A range lies in one tablet: that of its lower bound. */
  ofRange({ lower, upper }: KeyRange): Tablet {
    const key = lower ?? upper
    return key === undefined ? this.all[0]! : this.of(key)
  }

  ofHash(hash: number): Tablet {
    const tablets = this.all
    let low = 0
    let high = tablets.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (tablets[middle]!.hashStart <= hash) low = middle
      else high = middle - 1
    }
    return tablets[low]!
  }

  /** The tablets that a batch writes to. */
  ofBatch(batch: WriteBatch): readonly Tablet[] {
    const tablets = new Set<Tablet>()
    batch.forEach((bytes, keyStart) => {
      tablets.add(this.ofHash(tenantHashOfKey(bytes, keyStart)))
    })
    return [...tablets]
  }

  /** The tablets that a write can reach: that of a batch, of the tenant with this hash, or of anybody. */
  ofWrite(write: WriteBatch | number | undefined): readonly Tablet[] {
    if (write === undefined) return this.all
    return typeof write === 'number' ? [this.ofHash(write)] : this.ofBatch(write)
  }

  /** Puts a batch into the memtables under its number. */
  apply(batch: WriteBatch, seqNum: SeqNum): void {
    let hash = -1
    let memtable = this.all[0]!.active
    const objects = this.#objects
    batch.forEach((bytes, keyStart, keyEnd, keyHash, kind, valueStart, valueEnd) => {
      if (objects !== undefined) objects.forget(keyHash, seqNum)
      const tenantHash = tenantHashOfKey(bytes, keyStart)
      if (tenantHash !== hash) {
        hash = tenantHash
        memtable = this.ofHash(tenantHash).active
      }
      memtable.add(bytes, keyStart, keyEnd, keyHash, seqNum, kind, bytes, valueStart, valueEnd)
    })
  }
}
