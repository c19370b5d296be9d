// A cursor that goes on behind damage. What it cannot read it names as a hole before it moves past it, so that whoever
// merges it with others knows about older versions that come up there.

import { EngineError } from '../base/errors.js'
import { invariant } from '../base/assert.js'
import type { Cursor, EntrySlot, KeyRange } from '../codec/entry.js'
import { successorOfPrefix, tenantHashOfKey, tenantIdOfKey } from '../codec/tenant-key.js'
import { compareKeys } from '../kernels/bytes.js'
import { BlockEntries } from './block.js'
import type { TableMeta, TablePart } from './format.js'
import type { TableIndex } from './index-block.js'
import type { TableFile } from './table-file.js'

/** Keys whose entries in one sstable cannot be read, both bounds included. */
export interface Hole {
  readonly meta: TableMeta
  readonly lower: Uint8Array
  readonly upper: Uint8Array
  readonly error: EngineError
}

export interface SalvageSource {
  readonly meta: TableMeta
  readonly part: TablePart
  /** Opens the file, which the cursor closes. */
  readonly open: () => TableFile
  readonly onHole: (hole: Hole) => void
}

/** Forward only, within bounds; reads past the cache. */
export class SalvageCursor implements Cursor {
  isValid = false
  readonly #entries = new BlockEntries()
  readonly #source: SalvageSource
  readonly #bounds: Required<KeyRange>
  #steps: Generator<void, void, undefined> | undefined

  constructor(source: SalvageSource, bounds: Required<KeyRange>) {
    this.#source = source
    this.#bounds = bounds
  }

  get entry(): EntrySlot {
    return this.#entries.entry
  }

  /** Goes to the first entry within the bounds. */
  seek(): void {
    this.close()
    this.#steps = this.#walk()
    this.next()
  }

  seekLast(): void {
    this.#refuse()
  }

  next(): void {
    this.isValid = this.#steps?.next().done === false
  }

  prev(): void {
    this.#refuse()
  }

  close(): void {
    this.#steps?.return()
    this.#steps = undefined
    this.isValid = false
  }

  *#walk(): Generator<void, void, undefined> {
    const { meta, open } = this.#source
    const file = this.#orHole(meta.smallestKey, meta.largestKey, open)
    if (file === undefined) return
    try {
      const { directory } = file
      const { lower, upper } = this.#bounds
      let tenant = directory.lowerBound(tenantHashOfKey(lower!), tenantIdOfKey(lower!))
      for (; tenant < directory.tenantCount; tenant++) {
        const prefix = directory.prefixOf(tenant)
        if (compareKeys(prefix, upper!) >= 0) return
        const last = successorOfPrefix(prefix) ?? meta.largestKey
        const index = this.#orHole(prefix, last, () =>
          this.#source.part === 'main' ? file.readIndex(tenant) : file.readHistoryIndex(tenant),
        )
        if (index !== undefined) yield* this.#walkTenant(file, tenant, index)
      }
    } finally {
      file.close()
    }
  }

  *#walkTenant(
    file: TableFile,
    tenant: number,
    index: TableIndex,
  ): Generator<void, void, undefined> {
    const { lower, upper } = this.#bounds
    const prefix = file.directory.prefixOf(tenant)
    const entries = this.#entries
    const { entry } = entries
    entries.setTenantPrefix(prefix)
    for (let i = 0; i < index.blockCount; i++) {
      const start = index.copyKey(i, prefix)
      const end = index.copyKey(i + 1, prefix)
      if (compareKeys(start, upper!) >= 0) return
      if (compareKeys(end, lower!) < 0) continue
      const block = this.#orHole(start, end, () => file.readBlock(tenant, index, i))
      if (block === undefined) continue
      entries.setBlock(block)
      for (let entryIndex = 0; entryIndex < block.entryCount; entryIndex++) {
        entries.load(entryIndex)
        if (compareKeys(entry.keyBytes.subarray(0, entry.keyEnd), lower!) >= 0) yield
      }
    }
  }

  #orHole<Part>(lower: Uint8Array, upper: Uint8Array, read: () => Part): Part | undefined {
    try {
      return read()
    } catch (error) {
      if (!isUnreadable(error)) throw error
      const { meta, onHole } = this.#source
      onHole({ meta, lower, upper, error })
      return undefined
    }
  }

  #refuse(): never {
    invariant(false, 'what is salvaged is read forward')
    throw new Error()
  }
}

/** The file is not what it was, or the disk does not give it. */
function isUnreadable(error: unknown): error is EngineError {
  if (!(error instanceof EngineError)) return false
  return ['SSTABLE_CORRUPT', 'FILE_MISSING', 'IO_FAILED'].includes(error.code)
}
