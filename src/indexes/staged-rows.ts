import type { RowMapper } from '../catalog/row-values.js'
import type { ByteWriter } from '../codec/bytes.js'
import type { Cell } from '../codec/cell.js'
import { KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import type { KeyTuple } from './key-tuple.js'
import type { ObjectCodec } from './object-codec.js'
import { StagedEntries } from './staged-entries.js'

/** What a table brings to it. */
export interface RowEncoding {
  readonly primary: KeyTuple
  readonly objects: ObjectCodec
  readonly hasIndexes: boolean
  encodeValue(writer: ByteWriter, row: readonly Cell[]): void
  blankRow(): Cell[]
}

/**
 * Rows as users gave them, checked and encoded before the first is written: entry n is row n. Whose they are is not known
 * yet, so there is room for the prefixes of their keys.
 */
export class StagedRows {
  readonly entries = new StagedEntries()
  count = 0
  readonly #codec: RowEncoding
  /** Per row, where the table has indexes; at least those of the indexed columns. */
  readonly #cells: Cell[][] = []

  constructor(codec: RowEncoding) {
    this.#codec = codec
  }

  /** @throws as RowMapper.toCells; KEY_TOO_LARGE VALUE_TOO_LARGE */
  add(mapper: RowMapper, row: unknown): void {
    const codec = this.#codec
    const { entries } = this
    const { writer } = entries
    const start = writer.length
    writer.reserve(KEY_PREFIX_BYTES)
    writer.length = start + KEY_PREFIX_BYTES
    const cells = codec.hasIndexes ? codec.blankRow() : undefined
    const valueStart = codec.objects.encode(writer, row, cells)
    if (valueStart >= 0) {
      entries.endKey(start, valueStart)
      if (cells !== undefined) this.#cells[this.count] = cells
    } else {
      const slowCells = mapper.toCells(row)
      codec.primary.writeRow(writer, slowCells)
      entries.endKey(start)
      codec.encodeValue(writer, slowCells)
      if (cells !== undefined) this.#cells[this.count] = slowCells
    }
    entries.endPut()
    this.count++
  }

  cells(row: number): readonly Cell[] {
    return this.#cells[row] ?? []
  }

  reset(): void {
    this.entries.reset()
    if (this.#codec.hasIndexes) this.#cells.length = 0
    this.count = 0
  }
}
