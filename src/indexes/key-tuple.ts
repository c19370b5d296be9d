import type { KeyPart, TableDefinition } from '../catalog/definition.js'
import type { ByteReader, ByteWriter } from '../codec/bytes.js'
import type { Cell } from '../codec/cell.js'
import { decodeKeyField, encodeKeyField, type KeyCell, type KeyField } from '../codec/key.js'

/** The columns of a primary key or index, between rows and key bytes. */
export class KeyTuple {
  readonly fields: readonly KeyField[]
  /** Where the columns are in a row. */
  readonly positions: readonly number[]

  constructor(definition: TableDefinition, parts: readonly KeyPart[]) {
    const { columns } = definition
    this.positions = parts.map((part) => columns.findIndex(({ name }) => name === part.column))
    this.fields = parts.map((part, i) => {
      const { kind, isNullable } = columns[this.positions[i]!]!
      // An enum orders by its text, like everything that SQL compares with it; its list may then grow.
      const keyKind = kind === 'enum' ? 'text' : (kind as KeyField['kind'])
      return { kind: keyKind, isDescending: part.isDescending, isNullable }
    })
  }

  writeRow(writer: ByteWriter, row: readonly Cell[]): void {
    const { fields, positions } = this
    for (let i = 0; i < fields.length; i++) {
      encodeKeyField(writer, fields[i]!, row[positions[i]!] as KeyCell)
    }
  }

  /** Writes cells in the order of the tuple. */
  writeCells(writer: ByteWriter, cells: readonly Cell[]): void {
    for (let i = 0; i < cells.length; i++) {
      encodeKeyField(writer, this.fields[i]!, cells[i] as KeyCell)
    }
  }

  /** Fills in the columns of a row. @throws EndOfBytes */
  readRow(reader: ByteReader, row: Cell[]): void {
    const { fields, positions } = this
    for (let i = 0; i < fields.length; i++) row[positions[i]!] = decodeKeyField(reader, fields[i]!)
  }

  hasNull(row: readonly Cell[]): boolean {
    const { positions } = this
    for (let i = 0; i < positions.length; i++) if (row[positions[i]!] === null) return true
    return false
  }
}
