import { ByteReader, ByteWriter } from '../codec/bytes.js'
import { EntrySlot } from '../codec/entry.js'
import { type KeyPrefix, writeKeyPrefix } from '../codec/tenant-key.js'
import type { EntryScan, ReadView } from '../store/view.js'
import type { RowScan } from './access-path.js'
import type { SecondaryIndex } from './secondary.js'
import type { TableCodec } from './table-codec.js'

/** Makes a row of its entry. @throws ROW_CORRUPT */
export type DecodeRow<Row> = (entry: EntrySlot) => Row

/** The path holds no key. */
export function emptyScan<Row>(): RowScan<Row> {
  return { row: undefined as Row, next: () => false, close: () => {} }
}

/** Rows in primary-key order. */
export class PrimaryScan<Row> implements RowScan<Row> {
  row: Row = undefined as Row
  readonly #entries: EntryScan
  readonly #decode: DecodeRow<Row>

  constructor(entries: EntryScan, decode: DecodeRow<Row>) {
    this.#entries = entries
    this.#decode = decode
  }

  /** @throws ROW_CORRUPT */
  next(): boolean {
    if (!this.#entries.next()) return false
    this.row = this.#decode(this.#entries.entry)
    return true
  }

  close(): void {
    this.#entries.close()
  }
}

export interface IndexScanOptions<Row> {
  readonly codec: TableCodec
  readonly index: SecondaryIndex
  readonly view: ReadView
  readonly entries: EntryScan
  /** Prefix of the rows that the entries lead to. */
  readonly rowPlace: KeyPrefix
  readonly decode: DecodeRow<Row>
}

/** Rows in the order of a secondary index; each is fetched by its primary key from the same view. */
export class IndexScan<Row> implements RowScan<Row> {
  row: Row = undefined as Row
  readonly #options: IndexScanOptions<Row>
  readonly #slot = new EntrySlot()
  readonly #reader = new ByteReader(new Uint8Array(0))
  readonly #key = new ByteWriter(64)

  constructor(options: IndexScanOptions<Row>) {
    this.#options = options
  }

  /** @throws ROW_CORRUPT also when an entry leads to no row */
  next(): boolean {
    const { view, entries, decode } = this.#options
    while (entries.next()) {
      this.#locateRow()
      const slot = this.#slot
      if (view.get(this.#key.view(), slot)) {
        // Views need not fill in the key that they were asked for.
        slot.keyBytes = this.#key.bytes
        slot.keyStart = 0
        slot.keyEnd = this.#key.length
        this.row = decode(slot)
        return true
      }
      this.#checkDeleted()
    }
    return false
  }

  close(): void {
    this.#options.entries.close()
  }

  /** Makes the key of the row that the entry leads to. */
  #locateRow(): void {
    const { codec, index, entries, rowPlace } = this.#options
    try {
      index.locateRow(entries.entry, this.#reader)
    } catch (cause) {
      throw codec.corrupt('an index entry cannot be decoded', rowPlace.tenantId, cause)
    }
    this.#key.reset()
    writeKeyPrefix(this.#key, rowPlace)
    this.#key.raw(this.#reader.bytes, this.#reader.position, this.#reader.end)
  }

  /** A transaction may delete a row behind the back of its own scan; then the entry is gone as well. */
  #checkDeleted(): void {
    const { codec, index, view, entries, rowPlace } = this.#options
    if (!view.get(entries.entry.copyKey(), this.#slot)) return
    throw codec.corrupt(
      `an entry of index ${index.definition.name} leads to no row`,
      rowPlace.tenantId,
    )
  }
}
