// Cells: the values that every layer between stored rows and SQL works with, one per column.
//
//   column kind        cell
//   text, uuid, enum   string (a uuid in its canonical lower-case form)
//   int, float         number (an int is a safe integer)
//   bigint             bigint
//   decimal            bigint of scaled units; the scale is the column's: 12.30 with scale 2 is 1230n
//   timestamp          number, integer Unix microseconds
//   boolean            boolean
//   bytes              Uint8Array
//   json               any JSON value but null
//   any, SQL NULL      null

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

export type Cell = JsonValue | bigint | Uint8Array

/** What a column can hold. All but enum and json can be part of a key as they are; an enum is a text there. */
export type ColumnKind =
  | 'text'
  | 'int'
  | 'float'
  | 'bigint'
  | 'decimal'
  | 'timestamp'
  | 'boolean'
  | 'bytes'
  | 'uuid'
  | 'enum'
  | 'json'
