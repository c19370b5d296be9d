// Entries of secondary indexes. The key starts with the index's own prefix (codec/tenant-key.ts):
//
//   index                        key behind the prefix                    value
//   plain                        index tuple, primary-key tuple           varint: bytes of the primary-key tuple
//   unique, no part null         index tuple                              primary-key tuple
//   unique, with a part null     index tuple, primary-key tuple           primary-key tuple
//
// Nulls never collide: rows with one among the parts of a unique index have the primary key to tell them apart. The
// primary-key tuple is what follows the prefix in the row's own key, so an entry leads to its row without decoding.
//
// Valid:  the primary-key tuple lies within the entry, and the row it leads to exists at the same snapshot.
// Crash:  entries are written by the commit that writes their row, so both survive or neither.
// Compat: index ids are never reused, so entries of an index that is gone are never read as those of another.

import type { IndexDefinition, TableDefinition } from '../catalog/definition.js'
import { type ByteReader, EndOfBytes } from '../codec/bytes.js'
import type { Cell } from '../codec/cell.js'
import type { EntrySlot } from '../codec/entry.js'
import { KEY_PREFIX_BYTES, type KeyPrefix, writeKeyPrefix } from '../codec/tenant-key.js'
import { KeyTuple } from './key-tuple.js'
import type { StagedEntries } from './staged-entries.js'

export class SecondaryIndex {
  readonly definition: IndexDefinition
  readonly tuple: KeyTuple

  constructor(table: TableDefinition, definition: IndexDefinition) {
    this.definition = definition
    this.tuple = new KeyTuple(table, definition.parts)
  }

  /** Whether the row's entry excludes entries of other rows. */
  isExclusive(row: readonly Cell[]): boolean {
    return this.definition.isUnique && !this.tuple.hasNull(row)
  }

  /**
   * Stages the entry of a row.
   *
   * @param rowEntry  a staged entry with the row's own key
   * @throws KEY_TOO_LARGE
   */
  stagePut(
    staged: StagedEntries,
    place: KeyPrefix,
    row: readonly Cell[],
    rowEntry: number,
  ): number {
    this.#stageKey(staged, place, row, rowEntry)
    if (this.definition.isUnique) staged.appendKeyTail(rowEntry, KEY_PREFIX_BYTES)
    else staged.writer.varint(staged.keyBytes(rowEntry) - KEY_PREFIX_BYTES)
    return staged.endPut()
  }

  /** Stages the end of a row's entry. */
  stageDelete(
    staged: StagedEntries,
    place: KeyPrefix,
    row: readonly Cell[],
    rowEntry: number,
  ): number {
    this.#stageKey(staged, place, row, rowEntry)
    return staged.endDelete()
  }

  /** Sets the reader to the primary-key tuple of an entry. @throws EndOfBytes when there is none */
  locateRow(entry: EntrySlot, reader: ByteReader): void {
    reader.reset(entry.valueBytes, entry.valueStart, entry.valueEnd)
    if (this.definition.isUnique) return
    const primaryBytes = reader.varint()
    const start = entry.keyEnd - primaryBytes
    if (reader.remaining !== 0 || start < entry.keyStart + KEY_PREFIX_BYTES) {
      throw new EndOfBytes('an index entry says a wrong length of its primary key')
    }
    reader.reset(entry.keyBytes, start, entry.keyEnd)
  }

  #stageKey(staged: StagedEntries, place: KeyPrefix, row: readonly Cell[], rowEntry: number): void {
    const { writer } = staged
    const start = writer.length
    writeKeyPrefix(writer, place)
    this.tuple.writeRow(writer, row)
    if (!this.isExclusive(row)) staged.appendKeyTail(rowEntry, KEY_PREFIX_BYTES)
    staged.endKey(start)
  }
}
