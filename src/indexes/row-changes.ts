// Rows of one table that differ between two states of it.

import { isDeepStrictEqual } from 'node:util'

import type { Cell } from '../codec/cell.js'
import { ENTRY_KIND_PUT, EntrySlot } from '../codec/entry.js'
import { compareBytes } from '../kernels/bytes.js'
import type { ChangeScan } from '../store/change-scan.js'
import type { ReadView } from '../store/view.js'
import type { TableCodec } from './table-codec.js'

export interface RowChangesOptions {
  readonly codec: TableCodec
  readonly tenantId: number
  /** The state before. */
  readonly view: ReadView
  readonly scan: ChangeScan
}

/** A row that is new has no `before`, one that is gone no `after`. */
export class RowChanges {
  before: Cell[] | undefined
  after: Cell[] | undefined
  readonly #options: RowChangesOptions
  readonly #slot = new EntrySlot()

  constructor(options: RowChangesOptions) {
    this.#options = options
  }

  /** Goes to the next row, in key order. `paused`: not there yet. @throws ROW_CORRUPT */
  next(): 'changed' | 'paused' | 'end' {
    const { scan } = this.#options
    for (;;) {
      const state = scan.next()
      if (state !== 'changed' || this.#compare(scan.entry)) return state
    }
  }

  close(): void {
    this.#options.scan.close()
  }

  /** Reads both states of a key; false when they are the same. */
  #compare(entry: EntrySlot): boolean {
    const { codec, tenantId, view } = this.#options
    const slot = this.#slot
    const key = entry.copyKey()
    const isThere = entry.kind === ENTRY_KIND_PUT
    const wasThere = view.get(key, slot)
    if (wasThere && isThere && isSameValue(slot, entry)) return false
    if (wasThere) {
      // Views need not fill in the key that they were asked for.
      slot.keyBytes = key
      slot.keyStart = 0
      slot.keyEnd = key.length
    }
    this.before = wasThere ? codec.decodeEntry(slot, tenantId) : undefined
    this.after = isThere ? codec.decodeEntry(entry, tenantId) : undefined
    // Values of two schema versions differ in their bytes even where the rows are the same.
    return !isDeepStrictEqual(this.before, this.after)
  }
}

function isSameValue(a: EntrySlot, b: EntrySlot): boolean {
  const { valueBytes, valueStart, valueEnd } = a
  return (
    compareBytes(valueBytes, valueStart, valueEnd, b.valueBytes, b.valueStart, b.valueEnd) === 0
  )
}
