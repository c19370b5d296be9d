// What the catalog keeps under the system tenant (hash 0, id 0), in ordinary entries: it is flushed, compacted, logged and
// seen at snapshots like every row. Keys are codec/tenant-key.ts and codec/key.ts; values start with a format byte.
//
//   table id  key          value
//          1  text name    01, table definition
//          2  text name    01, varint tenant id
//          3  int id       01, text tenant name
//          4  int id       01, retention of a table: varint window, u64 floor
//          5  int id       01, retention of a tenant
//
// A tenant has one entry in 2 and one in 3, written by the commit that writes its first row; its hash is that of its name.
// What has no entry in 4 or 5 has no retention of its own and never had.
//
// A table definition:
//
//   field         bytes   meaning
//   id            varint  table id of its keys, from 16; lower ones are reserved
//   version       varint  schema version, from 1
//   nextIndexId   varint  the id that the next new index gets
//   columns       list    see below, in row order
//   primaryKey    list    parts
//   indexes       list    varint id, text name, flags (1 unique), list of parts
//
//   A column is varint id, text name, kind, flags (1 nullable, 2 has a default), varint sinceVersion; then for a decimal
//   bytes of precision and scale, for a timestamp a byte 3 or 6, for an enum a list of texts; then the default as a cell of
//   codec/row.ts. A part is varint column id, flags (1 descending). A list is a varint count and its items.
//
// The retention of a tenant:
//
//   field       bytes   meaning
//   tenantHash  u32
//   window      varint  milliseconds and 1, that superseded versions stay; 0: as the table or the database says
//   floor       u64     the oldest snapshot at which the tables below are not could be read when this was written
//   tables      list    varint table id, varint window (0: as the tenant's), u64 floor
//   holds       list    text name, text reason, u64 SeqNum from which on all is held, u64 Unix microseconds of its placing
//
// Kinds: 1 text, 2 int, 3 float, 4 bigint, 5 decimal, 6 timestamp, 7 boolean, 8 bytes, 9 uuid, 10 enum, 11 json.
// Valid:  known format byte, kinds and flags, parts that name columns, and nothing behind the end.
// Crash:  entries are written by ordinary commits. An index whose building was interrupted is in no definition, and
//         nextIndexId is past its id: its entries stay unread.
// Compat: a value of a newer format byte is refused. Kinds, flags and table ids are never used again for something else.

import type { SeqNum, TenantId } from '../base/ids.js'
import { ByteReader, ByteWriter, EndOfBytes } from '../codec/bytes.js'
import type { ColumnKind } from '../codec/cell.js'
import { decodeKeyField, encodeKeyField, type KeyField } from '../codec/key.js'
import { cellReader, cellWriter } from '../codec/row.js'
import { KEY_PREFIX_BYTES, writeKeyPrefix } from '../codec/tenant-key.js'
import type { HistoryPolicy } from '../store/history-floors.js'
import type { ColumnDefinition, IndexDefinition, KeyPart, TableDefinition } from './definition.js'

/** Table ids under the system tenant. */
export const SYSTEM_TABLES = 1
export const SYSTEM_TENANTS = 2
export const SYSTEM_TENANT_NAMES = 3
export const SYSTEM_TABLE_RETENTIONS = 4
export const SYSTEM_TENANT_RETENTIONS = 5

/** What a legal hold says. */
export interface LegalHold {
  readonly name: string
  readonly reason: string
  /** All that a snapshot from here on sees is held. */
  readonly from: SeqNum
  readonly placedMicros: number
}

/** What is stored of a tenant. */
export interface TenantRetention extends HistoryPolicy {
  readonly tenantHash: number
  /** By table id. */
  readonly tables: ReadonlyMap<number, HistoryPolicy>
  readonly holds: readonly LegalHold[]
}

const FORMAT = 1
const COLUMN_NULLABLE = 1
const COLUMN_DEFAULT = 2
const INDEX_UNIQUE = 1
const PART_DESCENDING = 1

const NAME_FIELD: KeyField = { kind: 'text', isDescending: false, isNullable: false }
const ID_FIELD: KeyField = { kind: 'int', isDescending: false, isNullable: false }

const KIND_NUMBERS: Readonly<Record<ColumnKind, number>> = {
  text: 1,
  int: 2,
  float: 3,
  bigint: 4,
  decimal: 5,
  timestamp: 6,
  boolean: 7,
  bytes: 8,
  uuid: 9,
  enum: 10,
  json: 11,
}
const KINDS = new Map(
  Object.entries(KIND_NUMBERS).map(([kind, number]) => [number, kind as ColumnKind]),
)

/** The key of a system entry; without `part` the prefix of all of its table. */
export function systemKey(tableId: number, part?: string | number): Uint8Array {
  const writer = new ByteWriter(64)
  writeKeyPrefix(writer, { tenantHash: 0, tenantId: 0 as TenantId, tableId, indexId: 0 })
  if (part !== undefined) {
    encodeKeyField(writer, typeof part === 'string' ? NAME_FIELD : ID_FIELD, part)
  }
  return writer.finish()
}

/** @throws EndOfBytes */
export function decodeNameKey(key: Uint8Array): string {
  return decodeKeyField(new ByteReader(key, KEY_PREFIX_BYTES), NAME_FIELD) as string
}

/** @throws EndOfBytes */
export function decodeIdKey(key: Uint8Array): number {
  return decodeKeyField(new ByteReader(key, KEY_PREFIX_BYTES), ID_FIELD) as number
}

export function encodeTenantId(id: TenantId): Uint8Array {
  return encodeValue((writer) => writer.varint(id))
}

/** @throws EndOfBytes */
export function decodeTenantId(value: Uint8Array): TenantId {
  return decodeValue(value, (reader) => reader.varint() as TenantId)
}

export function encodeTenantName(name: string): Uint8Array {
  return encodeValue((writer) => writer.text(name))
}

/** @throws EndOfBytes */
export function decodeTenantName(value: Uint8Array): string {
  return decodeValue(value, (reader) => reader.text())
}

export function encodeTableRetention(policy: HistoryPolicy): Uint8Array {
  return encodeValue((writer) => writePolicy(writer, policy))
}

/** @throws EndOfBytes */
export function decodeTableRetention(value: Uint8Array): HistoryPolicy {
  return decodeValue(value, readPolicy)
}

export function encodeTenantRetention(retention: TenantRetention): Uint8Array {
  return encodeValue((writer) => {
    writer.u32(retention.tenantHash)
    writePolicy(writer, retention)
    writer.varint(retention.tables.size)
    for (const [tableId, policy] of retention.tables) {
      writer.varint(tableId)
      writePolicy(writer, policy)
    }
    writer.varint(retention.holds.length)
    for (const { name, reason, from, placedMicros } of retention.holds) {
      writer.text(name)
      writer.text(reason)
      writer.u64(from)
      writer.u64(placedMicros)
    }
  })
}

/** @throws EndOfBytes */
export function decodeTenantRetention(value: Uint8Array): TenantRetention {
  return decodeValue(value, (reader) => ({
    tenantHash: reader.u32(),
    ...readPolicy(reader),
    tables: new Map(readList(reader, () => [reader.varint(), readPolicy(reader)] as const)),
    holds: readList(reader, () => ({
      name: reader.text(),
      reason: reader.text(),
      from: reader.u64() as SeqNum,
      placedMicros: reader.u64(),
    })),
  }))
}

export function encodeTable(table: TableDefinition): Uint8Array {
  const columnIds = new Map(table.columns.map(({ name, id }) => [name, id]))
  return encodeValue((writer) => {
    writer.varint(table.id)
    writer.varint(table.version)
    writer.varint(table.nextIndexId)
    writer.varint(table.columns.length)
    for (const column of table.columns) writeColumn(writer, column)
    writeParts(writer, table.primaryKey, columnIds)
    writer.varint(table.indexes.length)
    for (const index of table.indexes) {
      writer.varint(index.id)
      writer.text(index.name)
      writer.u8(index.isUnique ? INDEX_UNIQUE : 0)
      writeParts(writer, index.parts, columnIds)
    }
  })
}

/** @throws EndOfBytes */
export function decodeTable(name: string, value: Uint8Array): TableDefinition {
  return decodeValue(value, (reader) => {
    const id = reader.varint()
    const version = reader.varint()
    const nextIndexId = reader.varint()
    const columns = readList(reader, () => readColumn(reader))
    const columnNames = new Map(columns.map((column) => [column.id, column.name]))
    const primaryKey = readParts(reader, columnNames)
    const indexes = readList(reader, (): IndexDefinition => {
      const indexId = reader.varint()
      const indexName = reader.text()
      const isUnique = (readFlags(reader, INDEX_UNIQUE) & INDEX_UNIQUE) !== 0
      return { id: indexId, name: indexName, isUnique, parts: readParts(reader, columnNames) }
    })
    return { id, name, version, nextIndexId, columns, primaryKey, indexes }
  })
}

function writePolicy(writer: ByteWriter, { windowMs, floor }: HistoryPolicy): void {
  writer.varint(windowMs === undefined ? 0 : windowMs + 1)
  writer.u64(floor)
}

function readPolicy(reader: ByteReader): HistoryPolicy {
  const window = reader.varint()
  return { windowMs: window === 0 ? undefined : window - 1, floor: reader.u64() as SeqNum }
}

function writeColumn(writer: ByteWriter, column: ColumnDefinition): void {
  const { kind, default: cell } = column
  writer.varint(column.id)
  writer.text(column.name)
  writer.u8(KIND_NUMBERS[kind])
  writer.u8((column.isNullable ? COLUMN_NULLABLE : 0) | (cell === undefined ? 0 : COLUMN_DEFAULT))
  writer.varint(column.sinceVersion)
  if (kind === 'decimal' || kind === 'timestamp') writer.u8(column.precision!)
  if (kind === 'decimal') writer.u8(column.scale!)
  if (kind === 'enum') {
    writer.varint(column.values!.length)
    for (const value of column.values!) writer.text(value)
  }
  if (cell !== undefined) cellWriter(column)(writer, cell)
}

function readColumn(reader: ByteReader): ColumnDefinition {
  const id = reader.varint()
  const name = reader.text()
  const kind = KINDS.get(reader.u8())
  if (kind === undefined) throw new EndOfBytes('unknown kind of column')
  const flags = readFlags(reader, COLUMN_NULLABLE | COLUMN_DEFAULT)
  const column: ColumnDefinition = {
    id,
    name,
    kind,
    isNullable: (flags & COLUMN_NULLABLE) !== 0,
    sinceVersion: reader.varint(),
    ...(kind === 'decimal' ? { precision: reader.u8(), scale: reader.u8() } : {}),
    ...(kind === 'timestamp' ? { precision: reader.u8() } : {}),
    ...(kind === 'enum' ? { values: readList(reader, () => reader.text()) } : {}),
  }
  return flags & COLUMN_DEFAULT ? { ...column, default: cellReader(column)(reader) } : column
}

function writeParts(
  writer: ByteWriter,
  parts: readonly KeyPart[],
  columnIds: ReadonlyMap<string, number>,
): void {
  writer.varint(parts.length)
  for (const part of parts) {
    writer.varint(columnIds.get(part.column)!)
    writer.u8(part.isDescending ? PART_DESCENDING : 0)
  }
}

function readParts(reader: ByteReader, columnNames: ReadonlyMap<number, string>): KeyPart[] {
  return readList(reader, () => {
    const column = columnNames.get(reader.varint())
    if (column === undefined) throw new EndOfBytes('a key part names no column')
    return { column, isDescending: readFlags(reader, PART_DESCENDING) !== 0 }
  })
}

function readList<Item>(reader: ByteReader, readItem: () => Item): Item[] {
  const count = reader.varint()
  const items: Item[] = []
  for (let i = 0; i < count; i++) items.push(readItem())
  return items
}

function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8()
  if ((flags & ~known) !== 0) throw new EndOfBytes(`unknown flags ${flags}`)
  return flags
}

function encodeValue(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(64)
  writer.u8(FORMAT)
  write(writer)
  return writer.finish()
}

function decodeValue<Value>(value: Uint8Array, read: (reader: ByteReader) => Value): Value {
  const reader = new ByteReader(value)
  const format = reader.u8()
  if (format !== FORMAT) throw new EndOfBytes(`unknown format ${format} of a catalog entry`)
  const decoded = read(reader)
  if (reader.remaining !== 0) throw new EndOfBytes('bytes behind the end of a catalog entry')
  return decoded
}
