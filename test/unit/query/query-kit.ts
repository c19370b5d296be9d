// Tables of one tenant over a sorted array, and SQL on them.

import type { SeqNum } from '../../../dist/base/ids.js'
import type { TableDeclaration, TableDefinition } from '../../../dist/catalog/definition.js'
import { defineTable } from '../../../dist/catalog/definition.js'
import type { Cell } from '../../../dist/codec/cell.js'
import { TableRows } from '../../../dist/indexes/table-rows.js'
import { prepare, type QueryContext, type QueryResult } from '../../../dist/query/execute.js'
import { SortedStore } from '../indexes/sorted-store.js'

type Columns = Record<string, string>

/** 'decimal(12,2)?' is a nullable decimal. */
function columnOf(name: string, text: string): TableDeclaration['columns'][number] {
  const [, kind, numbers, nullable] = /^(\w+)(?:\(([^)]*)\))?(\?)?$/.exec(text)!
  const base = { name, kind: kind as 'text', isNullable: nullable === '?' }
  if (kind === 'decimal') {
    const [precision, scale] = numbers!.split(',').map(Number)
    return { ...base, precision: precision!, scale: scale! }
  }
  if (kind === 'enum') return { ...base, values: numbers!.split(',') }
  return kind === 'timestamp' ? { ...base, precision: Number(numbers ?? 3) } : base
}

/** 'a desc' is a descending part. */
function partsOf(parts: readonly string[]) {
  return parts.map((part) => {
    const [column, direction] = part.split(' ')
    return { column: column!, isDescending: direction === 'desc' }
  })
}

export class QueryKit {
  store = new SortedStore()
  readonly definitions = new Map<string, TableDefinition>()
  readonly #rows = new Map<string, TableRows>()
  /** States by the moment that AS OF names. */
  readonly past = new Map<unknown, SortedStore>()
  #nextTableId = 16
  #definedCount = 0
  pauseCount = 0
  mayYield = false

  table(
    name: string,
    columns: Columns,
    primaryKey: readonly string[],
    indexes: Record<string, { on: readonly string[]; isUnique?: boolean }> = {},
  ): this {
    const declaration: TableDeclaration = {
      name,
      columns: Object.entries(columns).map(([column, text]) => columnOf(column, text)),
      primaryKey: partsOf(primaryKey),
      indexes: Object.entries(indexes).map(([index, { on, isUnique = false }]) => ({
        name: index,
        isUnique,
        parts: partsOf(on),
      })),
    }
    const id = this.definitions.get(name)?.id ?? this.#nextTableId++
    const definition = defineTable(declaration, id)
    this.#definedCount++
    this.definitions.set(name, definition)
    this.#rows.set(name, new TableRows(definition, { id: 1, hash: 7 } as never))
    return this
  }

  insert(table: string, ...rows: readonly (readonly Cell[])[]): this {
    for (const row of rows) this.#rows.get(table)!.insert(this.store, row)
    return this
  }

  tableRows(name: string): TableRows {
    return this.#rows.get(name)!
  }

  prepare(text: string) {
    return prepare(text)
  }

  context(): QueryContext {
    return {
      view: this.store,
      tablesOf: () => ({
        since: this.#definedCount as SeqNum,
        names: [...this.definitions.keys()],
        isPast: false,
        definitionOf: (name) => this.definitions.get(name),
      }),
      rows: ({ name }) => this.#rows.get(name),
      viewAt: (moment) => this.past.get(moment instanceof Date ? moment.getTime() : moment)!,
      nowMicros: () => Date.UTC(2024, 1, 29, 12, 30) * 1000,
      ...(this.mayYield && {
        yield: async () => {
          this.pauseCount++
        },
      }),
    }
  }

  async result(text: string, params?: unknown): Promise<QueryResult> {
    return this.prepare(text).execute(this.context(), params as readonly unknown[])
  }

  /** Result rows as arrays of values. */
  async rows(text: string, params?: unknown): Promise<unknown[][]> {
    const { columns, rows } = await this.result(text, params)
    return rows.map((row) => columns.map(({ name }) => row[name]))
  }

  /** The only value of the only row. */
  async value(expression: string, params?: unknown): Promise<unknown> {
    const rows = await this.rows(`select ${expression}`, params)
    return rows[0]![0]
  }

  async explain(text: string, params?: unknown): Promise<string[]> {
    return (await this.rows(`explain ${text}`, params)).map(([line]) => String(line))
  }

  async refusal(text: string, params?: unknown): Promise<{ code: string; message: string }> {
    try {
      await this.result(text, params)
    } catch (error) {
      return error as { code: string; message: string }
    }
    throw new Error(`ran: ${text}`)
  }
}
