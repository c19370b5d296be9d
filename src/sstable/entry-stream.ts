import type { EntrySlot } from '../codec/entry.js'
import type { Block } from './block.js'

/** A block on its way into a file or out of one: compressed, or as it is where that does not pay. */
export interface PackedBlock {
  readonly codecId: number
  readonly bytes: Uint8Array
  readonly rawBytes: number
}

/** So many blocks that can be taken over one after the other are worth a small one before them. */
export const WORTHWHILE_RUN_COUNT = 4

/** A block that a merge may take over as it is stored: what it holds are the next entries, and all of them stay. */
export interface WholeBlock {
  readonly packed: PackedBlock
  readonly content: Block
  /** How many blocks of the tenant, this one included, can be taken over one after the other; counted up to WORTHWHILE_RUN_COUNT. */
  readonly runCount: number
  /** No entry of the tenant follows. */
  readonly isLastOfTenant: boolean
}

/**
 * Entries in order from front to back, for jobs. A stream stands at its first entry when it is made. Of each key it says how
 * much it has in common with the key before: merging and writing would otherwise find that out by comparing.
 */
export interface EntryStream {
  readonly isValid: boolean
  /** Valid until the next move. */
  readonly entry: EntrySlot
  /**
   * How many leading bytes the key shares with the key before it, all of them; 0 for the first. In order, a key that is
   * shared as a whole is the same key again.
   */
  readonly sharedBytes: number
  /**
   * The block that begins with the entry, when every entry of it is the newest version of a key, no tombstone, and before
   * another entry.
   */
  wholeBlock(before?: EntrySlot): WholeBlock | undefined
  /** Moves to the last entry of that block. What is said of shared bytes counts again after the next move. */
  toLastOfBlock(): void
  next(): void
}
