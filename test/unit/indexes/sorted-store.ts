// The store as the rows above it see it, on a sorted array: no versions, every write at once.

import type { SeqNum } from '../../../dist/base/ids.js'
import { EntrySlot, type KeyRange } from '../../../dist/codec/entry.js'
import { compareKeys } from '../../../dist/kernels/bytes.js'
import type { EntryScan, ReadView, ScanOptions, WriteView } from '../../../dist/store/view.js'

interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export class SortedStore implements WriteView {
  entries: readonly Entry[] = []
  getCount = 0
  writeCount = 0

  get snapshot(): SeqNum {
    return this.writeCount as SeqNum
  }

  latest(): ReadView {
    return this
  }

  versions(): never[] {
    return []
  }

  /** All or nothing, like a commit. */
  async write(fn: (view: WriteView) => void): Promise<SeqNum> {
    this.atomically(() => fn(this))
    return this.snapshot
  }

  atomically<R>(fn: () => R): R {
    const before = this.entries
    try {
      return fn()
    } catch (error) {
      this.entries = before
      throw error
    }
  }

  get(key: Uint8Array, slot: EntrySlot): boolean {
    this.getCount++
    const entry = this.entries[this.#find(key)]
    if (entry === undefined || compareKeys(entry.key, key) !== 0) return false
    // Views owe their callers the value only.
    slot.valueBytes = within(entry.value, 3)
    slot.valueStart = 3
    slot.valueEnd = 3 + entry.value.length
    return true
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#replace(key, [{ key: key.slice(), value: value.slice() }])
  }

  putEntry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueEnd: number): void {
    this.put(bytes.subarray(keyStart, keyEnd), bytes.subarray(keyEnd, valueEnd))
  }

  delete(key: Uint8Array): void {
    this.#replace(key, [])
  }

  /** Walks the entries as they are now, whatever is written meanwhile. */
  scan(range: KeyRange, options: ScanOptions = {}): EntryScan {
    const start = range.lower === undefined ? 0 : this.#find(range.lower)
    const end = range.upper === undefined ? this.entries.length : this.#find(range.upper)
    const found = this.entries.slice(start, Math.max(start, end))
    if (options.reverse === true) found.reverse()
    const entry = new EntrySlot()
    let next = 0
    return {
      entry,
      next: () => {
        const { key, value } = found[next] ?? {}
        if (key === undefined || value === undefined) return false
        next++
        entry.keyBytes = within(key, 1)
        entry.keyStart = 1
        entry.keyEnd = 1 + key.length
        entry.valueBytes = within(value, 2)
        entry.valueStart = 2
        entry.valueEnd = 2 + value.length
        return true
      },
      close: () => {
        next = found.length
      },
    }
  }

  #find(key: Uint8Array): number {
    let low = 0
    let high = this.entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.entries[middle]!.key, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #replace(key: Uint8Array, by: readonly Entry[]): void {
    this.writeCount++
    const at = this.#find(key)
    const found = this.entries[at]
    const isThere = found !== undefined && compareKeys(found.key, key) === 0
    this.entries = [
      ...this.entries.slice(0, at),
      ...by,
      ...this.entries.slice(isThere ? at + 1 : at),
    ]
  }
}

/** The bytes among others: who takes the array for them reads something else. */
function within(bytes: Uint8Array, start: number): Uint8Array {
  const array = new Uint8Array(start + bytes.length + 1).fill(9)
  array.set(bytes, start)
  return array
}
