// Names of types in CAST: our own column kinds, and the spellings of other databases by SQLite's affinity rules.

import {
  BIGINT,
  BOOLEAN,
  BYTES,
  DECIMAL_SCALE_MAX,
  decimalType,
  FLOAT,
  INT,
  JSON_TYPE,
  type SqlType,
  TEXT,
  TIMESTAMP,
} from './sql-types.js'

const OWN: ReadonlyMap<string, SqlType> = new Map([
  ['int', INT],
  ['float', FLOAT],
  ['bigint', BIGINT],
  ['text', TEXT],
  ['bytes', BYTES],
  ['boolean', BOOLEAN],
  ['bool', BOOLEAN],
  ['timestamp', TIMESTAMP],
  ['datetime', TIMESTAMP],
  ['json', JSON_TYPE],
  ['uuid', { kind: 'uuid' }],
])

/** The type of a name with its numbers in brackets; undefined when it means none. */
export function namedType(name: string, numbers: readonly number[]): SqlType | undefined {
  if (name === 'decimal' || name === 'numeric') {
    const scale = numbers[1] ?? 0
    return scale <= DECIMAL_SCALE_MAX ? decimalType(scale) : undefined
  }
  const own = OWN.get(name)
  if (own !== undefined) return own
  if (name.includes('int')) return INT
  if (/char|clob|text/.test(name)) return TEXT
  if (name.includes('blob') || name.includes('binary')) return BYTES
  return /real|floa|doub/.test(name) ? FLOAT : undefined
}
