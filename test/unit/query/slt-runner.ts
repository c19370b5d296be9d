// Runs sqllogictest files as the engine "sqlite". What SQL here does not have (CREATE, INSERT ... SELECT) is done to the
// tables directly; records that use other absent features are skipped and counted.

import { createHash } from 'node:crypto'
import { engineError } from '../../../dist/base/errors.js'
import type { Cell } from '../../../dist/codec/cell.js'
import { TableRows } from '../../../dist/indexes/table-rows.js'
import { QueryKit } from './query-kit.js'

/** Stands for SQLite's row number where a table declares no primary key; hidden from results. */
const ROW_ID = 'slt_row_id'

export interface SltReport {
  passedCount: number
  skippedCount: number
  readonly failures: string[]
}

interface Table {
  readonly columns: Record<string, string>
  readonly primaryKey: readonly string[]
  readonly indexes: Record<string, { on: readonly string[]; isUnique?: boolean }>
}

const TABLE_NAME = '(?:"?)(\\w+)(?:"?)'

export class SltRunner {
  readonly report: SltReport = { passedCount: 0, skippedCount: 0, failures: [] }
  readonly #kit = new QueryKit()
  readonly #tables = new Map<string, Table>()
  #rowId = 0
  /** A statement was skipped, so later records may expect what it would have done. */
  #isDerailed = false

  async run(text: string): Promise<SltReport> {
    const records = text.replaceAll('\r', '').split(/\n{2,}/)
    for (const record of records) {
      const lines = record.split('\n').filter((line) => !line.startsWith('#'))
      if (!(await this.#record(lines))) break
    }
    return this.report
  }

  /** False when the file wants to end here. */
  async #record(lines: string[]): Promise<boolean> {
    while (/^(skipif|onlyif)\b/.test(lines[0] ?? '')) {
      const [word, engine] = lines.shift()!.split(/\s+/)
      if ((word === 'onlyif') !== (engine === 'sqlite')) return true
    }
    const [head = '', ...body] = lines
    const [command, type, sort] = head.split(/\s+/)
    if (command === 'halt') return false
    if (command === 'statement') await this.#statement(body.join('\n'), type === 'ok')
    if (command === 'query') await this.#query(body, type!, sort ?? 'nosort')
    return true
  }

  async #statement(sql: string, isExpected: boolean): Promise<void> {
    try {
      if (!this.#define(sql)) await this.#kit.result(this.#withRowId(sql))
      if (isExpected) this.report.passedCount++
      else this.#fail(sql, 'no error')
    } catch (error) {
      this.#settle(sql, error, isExpected)
    }
  }

  #settle(sql: string, error: unknown, isExpected: boolean): void {
    const { code } = error as { code?: string }
    if (code === 'SQL_UNSUPPORTED') this.#skip(sql)
    else if (!isExpected && code !== undefined) this.report.passedCount++
    else this.#fail(sql, String(error))
  }

  #skip(sql: string): void {
    this.report.skippedCount++
    if (!/^\s*select/i.test(sql)) this.#isDerailed = true
  }

  #fail(sql: string, problem: string): void {
    if (this.#isDerailed) {
      this.report.skippedCount++
      return
    }
    this.report.failures.push(`${sql}\n-> ${problem}`)
  }

  /** Does what SQL has no statement for; false for everything else. */
  #define(sql: string): boolean {
    const drop = new RegExp(`^drop table ${TABLE_NAME}\\s*;?$`, 'i').exec(sql)
    if (drop !== null) return this.#dropTable(drop[1]!)
    const create = new RegExp(`^create table ${TABLE_NAME}\\s*\\((.*)\\)\\s*;?$`, 'is').exec(sql)
    if (create !== null) return this.#createTable(create[1]!, create[2]!)
    const index = new RegExp(
      `^create (unique )?index (\\w+) on ${TABLE_NAME}\\s*\\(([^)]*)\\)\\s*;?$`,
      'is',
    ).exec(sql)
    if (index !== null) {
      const [, unique, name, table, columns] = index
      const old = this.#tables.get(table!)!
      const on = columns!.split(',').map((column) => column.trim().toLowerCase())
      this.#replace(table!, {
        ...old,
        indexes: { ...old.indexes, [name!]: { on, isUnique: unique !== undefined } },
      })
      return true
    }
    const copy = new RegExp(
      `^insert into ${TABLE_NAME} select \\* from ${TABLE_NAME}\\s*;?$`,
      'is',
    ).exec(sql)
    if (copy === null) return false
    for (const row of this.#allRows(copy[2]!)) this.#kit.insert(copy[1]!, row)
    return true
  }

  #createTable(name: string, body: string): boolean {
    const columns: Record<string, string> = {}
    let primaryKey: string[] = []
    for (const part of body.split(/,(?![^(]*\))/)) {
      const [column, type = ''] = part.trim().toLowerCase().split(/\s+/)
      if (column === undefined || column === 'unique' || column.startsWith('primary')) continue
      const isKey = /primary key/i.test(part)
      const kind = /int/.test(type) ? 'int' : /float|real/.test(type) ? 'float' : 'text'
      columns[column] = isKey ? kind : `${kind}?`
      if (isKey) primaryKey = [column]
    }
    if (primaryKey.length === 0) {
      columns[ROW_ID] = 'int'
      primaryKey = [ROW_ID]
    }
    if (this.#tables.has(name)) throw engineError('SCHEMA_INVALID', name)
    this.#tables.set(name, { columns, primaryKey, indexes: {} })
    this.#kit.table(name, columns, primaryKey)
    return true
  }

  #dropTable(name: string): boolean {
    if (!this.#tables.has(name)) throw engineError('SQL_UNKNOWN_NAME', name)
    const rows = this.#kit.tableRows(name)
    for (const row of this.#allRows(name)) rows.delete(this.#kit.store, row)
    this.#tables.delete(name)
    this.#kit.definitions.delete(name)
    return true
  }

  /** Rebuilds a table under another definition. */
  #replace(name: string, table: Table): void {
    const rows = this.#allRows(name)
    const old = this.#kit.tableRows(name)
    for (const row of rows) old.delete(this.#kit.store, row)
    this.#tables.set(name, table)
    this.#kit.table(name, table.columns, table.primaryKey, table.indexes)
    this.#kit.insert(name, ...rows)
  }

  #allRows(name: string): Cell[][] {
    const scan = (this.#kit.tableRows(name) as TableRows).scan(this.#kit.store, {})
    const rows: Cell[][] = []
    while (scan.next()) rows.push(scan.row)
    return rows
  }

  #withRowId(sql: string): string {
    const insert = new RegExp(
      `^insert into ${TABLE_NAME}\\s*(?:\\(([^)]*)\\))?\\s*values\\s*\\(`,
      'is',
    ).exec(sql)
    const columns = insert === null ? undefined : this.#tables.get(insert[1]!)?.columns
    if (insert === null || columns === undefined || !(ROW_ID in columns)) return sql
    const named = insert[2] ?? Object.keys(columns).slice(0, -1).join(',')
    const rest = sql.slice(insert[0].length)
    return `insert into ${insert[1]} (${ROW_ID}, ${named}) values (${++this.#rowId}, ${rest}`
  }

  async #query(body: string[], types: string, sort: string): Promise<void> {
    const end = body.indexOf('----')
    const sql = (end < 0 ? body : body.slice(0, end)).join('\n')
    const expected = end < 0 ? [] : body.slice(end + 1).filter((line) => line !== '')
    try {
      const { columns, rows } = await this.#kit.result(sql)
      const shown = columns.filter(({ name }) => !name.startsWith(ROW_ID))
      const width = shown.length
      if (width !== types.length) return this.#fail(sql, `${width} columns`)
      const lines = rows.map((row) => shown.map(({ name }, i) => format(row[name], types[i]!)))
      const found = valuesOf(lines, sort)
      const hashed = `${found.length} values hashing to ${md5(found)}`
      const isSame = /values hashing to/.test(expected[0] ?? '')
        ? hashed === expected[0]
        : found.join('\n') === expected.join('\n')
      if (isSame) this.report.passedCount++
      else this.#fail(sql, `${found.slice(0, 20).join(' ')}\n   ${expected.slice(0, 20).join(' ')}`)
    } catch (error) {
      this.#settle(sql, error, true)
    }
  }
}

function valuesOf(rows: string[][], sort: string): string[] {
  if (sort === 'rowsort') {
    const keyed = rows.map((row) => ({ row, key: row.join('\n') }))
    return keyed
      .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
      .flatMap(({ row }) => row)
  }
  return sort === 'valuesort' ? rows.flat().toSorted() : rows.flat()
}

function md5(values: readonly string[]): string {
  return createHash('md5')
    .update(values.map((value) => `${value}\n`).join(''))
    .digest('hex')
}

function format(value: unknown, type: string): string {
  if (value === null) return 'NULL'
  if (type === 'I') {
    if (typeof value === 'bigint') return value.toString()
    return String(
      Math.trunc(typeof value === 'string' ? Number.parseInt(value, 10) || 0 : Number(value)) + 0,
    )
  }
  if (type === 'R') return Number(value).toFixed(3)
  return String(value) === '' ? '(empty)' : String(value)
}
