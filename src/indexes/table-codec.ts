import { engineError } from '../base/errors.js'
import { type TableDefinition, unknownIndex } from '../catalog/definition.js'
import { ByteReader, type ByteWriter, EndOfBytes } from '../codec/bytes.js'
import type { Cell } from '../codec/cell.js'
import { EntrySlot } from '../codec/entry.js'
import { RowCodec } from '../codec/row.js'
import { KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import { KeyTuple } from './key-tuple.js'
import { ObjectCodec } from './object-codec.js'
import { SecondaryIndex } from './secondary.js'
import { FrozenRows } from './frozen-rows.js'
import { StagedEntries } from './staged-entries.js'
import { StagedRows } from './staged-rows.js'

/** Kept for writes to come. */
const FREE_ROWS_MAX_COUNT = 4

/**
 * What all tenants' rows of a table share: the compiled codecs and the buffers that one operation at a time works in.
 * Row access is synchronous from its first byte to its last, so nobody else sees the buffers in between.
 */
export class TableCodec {
  readonly definition: TableDefinition
  readonly primary: KeyTuple
  readonly indexes: readonly SecondaryIndex[]
  readonly staged = new StagedEntries()
  readonly slot = new EntrySlot()
  readonly reader = new ByteReader(new Uint8Array(0))
  readonly #rowCodec: RowCodec
  readonly #blankRow: readonly Cell[]
  #objects: ObjectCodec | undefined
  #frozenRows: FrozenRows | undefined
  readonly #freeRows: StagedRows[] = []

  constructor(definition: TableDefinition) {
    const { columns, version } = definition
    this.definition = definition
    this.primary = new KeyTuple(definition, definition.primaryKey)
    this.indexes = definition.indexes.map((index) => new SecondaryIndex(definition, index))
    this.#rowCodec = new RowCodec(columns, version, new Set(this.primary.positions))
    this.#blankRow = columns.map(() => null)
  }

  /** @throws SCHEMA_UNKNOWN_INDEX */
  index(name: string): SecondaryIndex {
    const found = this.indexes.find(({ definition }) => definition.name === name)
    return found ?? unknownIndex(this.definition, name)
  }

  encodeValue(writer: ByteWriter, row: readonly Cell[]): void {
    this.#rowCodec.encode(writer, row)
  }

  get hasIndexes(): boolean {
    return this.indexes.length > 0
  }

  blankRow(): Cell[] {
    return this.#blankRow.slice()
  }

  /** For rows as users see them. */
  get objects(): ObjectCodec {
    this.#objects ??= new ObjectCodec(
      this.definition,
      this.primary,
      this.indexes.map(({ tuple }) => tuple),
    )
    return this.#objects
  }

  /** For rows that readers share. */
  get frozenRows(): FrozenRows {
    this.#frozenRows ??= new FrozenRows(this.definition)
    return this.#frozenRows
  }

  /** Room for rows of one write. Give it back when they are written: that saves making it anew. */
  takeRows(): StagedRows {
    return this.#freeRows.pop() ?? new StagedRows(this)
  }

  giveBack(rows: StagedRows): void {
    rows.reset()
    if (this.#freeRows.length < FREE_ROWS_MAX_COUNT) this.#freeRows.push(rows)
  }

  /** Decodes a row entry into a row as users see it. @throws ROW_CORRUPT */
  decodeObject(slot: EntrySlot, tenantId: number, key?: unknown): Record<string, unknown> {
    try {
      return this.objects.decode(slot, key)
    } catch (cause) {
      throw this.corrupt('a row cannot be decoded', tenantId, cause)
    }
  }

  /** Decodes a row entry into a fresh array. @throws ROW_CORRUPT */
  decodeEntry(slot: EntrySlot, tenantId: number): Cell[] {
    const row = this.blankRow()
    try {
      const { reader } = this
      reader.reset(slot.keyBytes, slot.keyStart + KEY_PREFIX_BYTES, slot.keyEnd)
      this.primary.readRow(reader, row)
      if (reader.remaining !== 0) throw new EndOfBytes('bytes behind the key')
      this.#rowCodec.decode(slot.valueBytes, slot.valueStart, slot.valueEnd, row)
    } catch (cause) {
      throw this.corrupt('a row cannot be decoded', tenantId, cause)
    }
    return row
  }

  /** Decodes the slot's value as a row with this primary key. @throws ROW_CORRUPT */
  decodeValue(keyCells: readonly Cell[], slot: EntrySlot, tenantId: number): Cell[] {
    const row = this.blankRow()
    const { positions } = this.primary
    for (let i = 0; i < positions.length; i++) row[positions[i]!] = asStored(keyCells[i]!)
    try {
      this.#rowCodec.decode(slot.valueBytes, slot.valueStart, slot.valueEnd, row)
    } catch (cause) {
      throw this.corrupt('a row cannot be decoded', tenantId, cause)
    }
    return row
  }

  corrupt(what: string, tenantId: number, cause?: unknown): Error {
    const { name } = this.definition
    return engineError('ROW_CORRUPT', `${what} in table ${name}`, {
      details: { table: name, tenantId },
      cause,
    })
  }
}

/** The key cell as decoding the key would give it: bytes of its own, and no -0. */
function asStored(cell: Cell): Cell {
  if (cell === 0) return 0
  return cell instanceof Uint8Array ? cell.slice() : cell
}

const codecs = new WeakMap<TableDefinition, TableCodec>()

/** The codec of a definition, compiled once. */
export function tableCodecOf(definition: TableDefinition): TableCodec {
  let codec = codecs.get(definition)
  if (codec === undefined) {
    codec = new TableCodec(definition)
    codecs.set(definition, codec)
  }
  return codec
}
