// The oracle of past reads: every state of every row that there ever was, and the tables as they were declared over time.

/** Columns of a table in their order, with what older rows show for them. */
export type ModelColumns = Readonly<Record<string, unknown>>
export type ModelRow = Readonly<Record<string, unknown>>

export interface ModelVersion {
  readonly seqNum: number
  /** Undefined: deleted. */
  readonly row: ModelRow | undefined
}

/** What is declared from one moment on. */
export interface ModelSchema {
  readonly since: number
  readonly tables: Readonly<Record<string, { columns: ModelColumns; indexes: readonly string[] }>>
}

export class PastModel {
  readonly #versions = new Map<string, Map<string, ModelVersion[]>>()
  readonly #schemas: ModelSchema[] = []

  declare(schema: ModelSchema): void {
    this.#schemas.push(schema)
  }

  /** What was declared at a moment; the first declaration is the oldest moment that may be asked for. */
  schemaAt(moment: number): ModelSchema {
    return this.#schemas.findLast(({ since }) => since <= moment)!
  }

  get newestSchema(): ModelSchema {
    return this.#schemas.at(-1)!
  }

  write(place: string, key: string, version: ModelVersion): void {
    let keys = this.#versions.get(place)
    if (keys === undefined) this.#versions.set(place, (keys = new Map()))
    const versions = keys.get(key)
    if (versions === undefined) keys.set(key, [version])
    else versions.push(version)
  }

  /** Keys that were ever written, in order. */
  keys(place: string): string[] {
    return [...(this.#versions.get(place)?.keys() ?? [])].toSorted()
  }

  /** Versions up to a moment, newest first. */
  versions(place: string, key: string, moment: number): ModelVersion[] {
    const all = this.#versions.get(place)?.get(key) ?? []
    return all.filter(({ seqNum }) => seqNum <= moment).toReversed()
  }

  /** A row as its table was at a moment; undefined columns are what older rows show. */
  rowAt(place: string, key: string, moment: number): ModelRow | undefined {
    return this.shown(place, this.versions(place, key, moment)[0]?.row, moment)
  }

  /** Rows of a moment in key order. */
  rowsAt(place: string, moment: number): ModelRow[] {
    const rows = this.keys(place).map((key) => this.rowAt(place, key, moment))
    return rows.filter((row) => row !== undefined)
  }

  shown(place: string, row: ModelRow | undefined, moment: number): ModelRow | undefined {
    if (row === undefined) return undefined
    const { columns } = this.schemaAt(moment).tables[tableOf(place)]!
    return Object.fromEntries(
      Object.entries(columns).map(([name, older]) => [name, name in row ? row[name] : older]),
    )
  }
}

/** Rows of one table of one tenant. */
export function placeOf(tenant: string, table: string): string {
  return `${tenant}/${table}`
}

function tableOf(place: string): string {
  return place.slice(place.indexOf('/') + 1)
}
