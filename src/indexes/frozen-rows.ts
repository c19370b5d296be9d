// Rows that the row cache gives to everybody who asks for them: frozen, JSON values through and through. What cannot be
// frozen, dates and bytes, each reader gets a copy of.

import type { TableDefinition } from '../catalog/definition.js'

type UserRow = Record<string, unknown>

/** What a row takes in memory beside its values, and what a byte of its entry becomes; both measured, roughly. */
const ROW_BYTES = 100
const BYTES_PER_BYTE = 4

export class FrozenRows {
  /** Of the primary key. */
  readonly #keyNames: readonly string[]
  readonly #jsonNames: readonly string[]
  /** Of columns whose values cannot be frozen. */
  readonly #copiedNames: readonly string[]

  constructor({ columns, primaryKey }: TableDefinition) {
    const namesOf = (isIn: (column: (typeof columns)[number]) => boolean) =>
      columns.filter(isIn).map(({ name }) => name)
    this.#keyNames = primaryKey.map(({ column }) => column)
    this.#jsonNames = namesOf(({ kind }) => kind === 'json')
    this.#copiedNames = namesOf(({ kind }) => kind === 'bytes' || kind === 'timestamp')
  }

  /** Whether a row has this primary key; false, too, where it is written in another way. */
  hasKey(row: UserRow, key: unknown): boolean {
    const names = this.#keyNames
    if (!Array.isArray(key)) return names.length === 1 && row[names[0]!] === key
    for (let i = 0; i < names.length; i++) if (row[names[i]!] !== key[i]) return false
    return key.length === names.length
  }

  /** Freezes a row that nobody else has. */
  freeze(row: UserRow): UserRow {
    const names = this.#jsonNames
    for (let i = 0; i < names.length; i++) freezeJson(row[names[i]!])
    return Object.freeze(row)
  }

  /** A frozen row for one reader. */
  forReader(row: UserRow): UserRow {
    if (this.#copiedNames.length === 0) return row
    const copy = { ...row }
    for (const name of this.#copiedNames) copy[name] = copyOf(row[name])
    return Object.freeze(copy)
  }
}

/** What a row takes in memory, whose entry has so many bytes. */
export function rowMemoryBytes(entryBytes: number): number {
  return ROW_BYTES + BYTES_PER_BYTE * entryBytes
}

/** Not deeper than JSON_DEPTH_MAX, as no stored value is. */
function freezeJson(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) freezeJson(value[i])
  else for (const name in value) freezeJson((value as UserRow)[name])
  Object.freeze(value)
}

function copyOf(value: unknown): unknown {
  if (value instanceof Date) return new Date(value.getTime())
  return value instanceof Uint8Array ? value.slice() : value
}
