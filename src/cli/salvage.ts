import { join, relative, resolve } from 'node:path'
import { engineError } from '../base/errors.js'
import type { NamedTenant } from '../catalog/catalog.js'
import type { ColumnDefinition, TableDefinition } from '../catalog/definition.js'
import { openSalvaged } from '../db/open.js'
import {
  KEY_SPACE,
  type RowSalvage,
  type SalvagedDatabase,
  type SalvagedRow,
  type UnreadableRange,
} from '../db/salvaged-database.js'
import type { FileSystem } from '../env/file-system.js'
import { databaseAround } from '../lsm/superblock.js'
import {
  type Command,
  onlyArgument,
  type Problem,
  problemOfCode,
  type Report,
  type Surroundings,
  textOption,
  UsageError,
} from './command.js'
import { jsonText } from './json.js'
import { tableLines } from './layout.js'
import { LineFile } from './line-file.js'
import { bytesAsText, commit, counted, grouped, hex } from './printable.js'

const PROGRESS_ROW_COUNT = 10_000

export const SALVAGE: Command = {
  name: 'salvage',
  synopsis: 'DIR [--out OUT]',
  summary: 'saves what can be read of a damaged database',
  help: `Reads every row of a damaged database in DIR that can be read, past damaged and missing sstables and a damaged log, and
says what could not be read. Nothing in DIR is changed. Without --out it only counts. Superblock and manifest must be
readable: nothing else says which files count. The database must not be open elsewhere.

  --out OUT        writes the rows into OUT, a new or empty directory outside of DIR

For each table of each tenant OUT gets a file of JSON lines, one row each; the raw keys of a tenant are one more, the
table (key space) with columns key and value. OUT/index.json, written last, says which file
holds what: {files: [{file, tenant, table, rowCount, columns, uncertainFile, uncertainRowCount, unreadable}], ...}.
Rows that may have been changed or deleted by what cannot be read are not among them: they are in a file of their own,
uncertainFile. Ranges that cannot be read are listed with the sstable and the encoded keys that they lie between. Where
the log is damaged, rows are as of the last commit before the damage, unless sstables have newer ones.

Values as JSON: bigint, decimal and microseconds as text, timestamps ISO 8601, bytes hexadecimal, floats as numbers but
for "Infinity", "-Infinity" and "-0".

Exit code 0 when every row was saved, 1 when something could not be read.

Examples:
  tabularium salvage ./data
  tabularium salvage ./data --out ./saved
  tabularium salvage ./data --json | jq .problems`,
  options: { out: { type: 'string' } },
  run: async (given, surroundings) => {
    const directory = onlyArgument(given, 'DIR')
    const out = textOption(given, 'out')
    if (out !== undefined) prepare(surroundings.fs, directory, out)
    const database = await openSalvaged(directory)
    try {
      const saved: SavedTable[] = []
      for (const tenant of database.tenants) {
        for (const table of [...database.tables, KEY_SPACE]) {
          const place = { fs: surroundings.fs, out, number: saved.length + 1 }
          const rows = database.rows(tenant, table)
          const found = saveTable(rows, { tenant, table }, place, surroundings)
          // Few tenants have raw keys.
          if (table !== KEY_SPACE || !isNothing(found)) saved.push(found)
        }
      }
      const report = reportOf(database, saved)
      if (out !== undefined) writeIndex(surroundings.fs, out, report)
      return report
    } finally {
      await database.close()
    }
  },
}

interface SavedTable {
  readonly tenant: string
  readonly table: string
  readonly columns: readonly ColumnDefinition[]
  readonly file: string | undefined
  readonly rowCount: number
  readonly uncertainFile: string | undefined
  readonly uncertainRowCount: number
  readonly uncertainTombstoneCount: number
  readonly unreadable: readonly UnreadableRange[]
}

function isNothing({ rowCount, uncertainRowCount, unreadable }: SavedTable): boolean {
  return rowCount + uncertainRowCount + unreadable.length === 0
}

interface Place {
  readonly fs: FileSystem
  readonly out: string | undefined
  readonly number: number
}

/** @throws UsageError DB_NOT_FOUND */
function prepare(fs: FileSystem, directory: string, out: string): void {
  const way = relative(resolve(directory), resolve(out))
  if (way === '' || !(way.startsWith('..') || resolve(way) === way)) {
    throw new UsageError(`--out ${out}: what is saved must not go into the damaged directory`)
  }
  const around = databaseAround(fs, out)
  if (around !== undefined) throw new UsageError(`--out ${out} lies in the database ${around}`)
  if (fs.exists(out) && (!fs.isDirectory(out) || fs.list(out).length > 0)) {
    throw new UsageError(`--out ${out} is there and not an empty directory`)
  }
  if (!fs.isDirectory(directory)) {
    throw engineError('DB_NOT_FOUND', `${directory} is no directory`, { details: { directory } })
  }
  fs.makeDirectory(out)
}

function saveTable(
  rows: RowSalvage,
  { tenant, table }: { readonly tenant: NamedTenant; readonly table: TableDefinition },
  { fs, out, number }: Place,
  { progress }: Surroundings,
): SavedTable {
  const name = fileNameOf(number, tenant.name, table.name)
  const fileOf = (ending: string) =>
    out === undefined ? undefined : new LineFile(fs, join(out, `${name}${ending}`))
  const certain = { file: fileOf('.jsonl'), rowCount: 0 }
  const uncertain = { file: fileOf('.uncertain.jsonl'), rowCount: 0 }
  for (const { row, isCertain } of rows) {
    const target = isCertain ? certain : uncertain
    target.file?.add(lineOf(row, table.columns))
    target.rowCount++
    if (target.rowCount % PROGRESS_ROW_COUNT === 1) {
      progress(`${tenant.name} ${table.name}: ${counted(target.rowCount, 'row')}`)
    }
  }
  certain.file?.close()
  uncertain.file?.close()
  const isWritten = ({ file, rowCount }: typeof certain) => file !== undefined && rowCount > 0
  return {
    tenant: tenant.name,
    table: table.name,
    columns: table.columns,
    file: isWritten(certain) ? `${name}.jsonl` : undefined,
    rowCount: certain.rowCount,
    uncertainFile: isWritten(uncertain) ? `${name}.uncertain.jsonl` : undefined,
    uncertainRowCount: uncertain.rowCount,
    uncertainTombstoneCount: rows.uncertainTombstoneCount,
    unreadable: rows.unreadable,
  }
}

/** The number keeps names apart, whatever tenants are called; the rest is for people. */
function fileNameOf(number: number, tenant: string, table: string): string {
  const safe = (text: string) => text.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 40)
  return `${String(number).padStart(6, '0')}-${safe(tenant)}-${safe(table)}`
}

/** One row, with the values that JSON does not have as the help says. */
function lineOf(row: SalvagedRow['row'], columns: readonly ColumnDefinition[]): string {
  return JSON.stringify(
    Object.fromEntries(columns.map(({ name, kind }) => [name, jsonValueOf(kind, row[name])])),
  )
}

function jsonValueOf(kind: ColumnDefinition['kind'], value: unknown): unknown {
  if (kind === 'bytes' && value instanceof Uint8Array) return hex(value)
  if (typeof value === 'bigint') return value.toString()
  if (kind !== 'float' || typeof value !== 'number') return value
  if (Object.is(value, -0)) return '-0'
  return Number.isFinite(value) ? value : String(value)
}

function writeIndex(fs: FileSystem, out: string, { data }: Report): void {
  const index = new LineFile(fs, join(out, 'index.json'))
  index.add(jsonText(data))
  index.close()
  fs.syncDirectory(out)
}

function reportOf(database: SalvagedDatabase, saved: readonly SavedTable[]): Report {
  const { lostLog, lostTables } = database.report
  const { unreadableCatalog } = database
  const problems: Problem[] = []
  if (lostLog !== undefined) {
    const { code, message, details, afterSeqNum, throughSeqNum } = lostLog
    const lost = `commits behind ${commit(afterSeqNum)} may be lost`
    const isMoreKnown = throughSeqNum > afterSeqNum
    const known = isMoreKnown ? `; the log still speaks of ${commit(throughSeqNum)}` : ''
    problems.push(problemOfCode(code, `${message}; ${lost}${known}`, details))
  }
  for (const range of unreadableCatalog) {
    const message = `${range.message}; tables and tenants may be missing`
    problems.push(problemOfCode(range.code, message, range.details))
  }
  for (const { tenant, table, unreadable } of saved) {
    for (const range of unreadable) {
      const message = `${range.message}; rows of ${table} of ${tenant} ${rangeText(range)}`
      problems.push(problemOfCode(range.code, message, range.details))
    }
  }
  const rowCount = saved.reduce((sum, file) => sum + file.rowCount, 0)
  const uncertainCount = saved.reduce((sum, file) => sum + file.uncertainRowCount, 0)
  const isComplete = problems.length === 0
  return {
    data: { isComplete, files: saved, unreadableCatalog, lostLog, lostTables, problems },
    lines: [
      ...savedLines(saved),
      '',
      `${counted(rowCount, 'row')} can be read; ${grouped(uncertainCount)} more may be outdated`,
      isComplete ? 'complete' : `incomplete: ${counted(problems.length, 'place')} cannot be read`,
    ],
    problems,
  }
}

function rangeText({ from, to }: UnreadableRange): string {
  const text = (key: Uint8Array | undefined, end: string) =>
    key === undefined ? end : bytesAsText(key)
  return `from ${text(from, 'the first')} to ${text(to, 'the last')}`
}

function savedLines(saved: readonly SavedTable[]): string[] {
  const columns = [
    { title: 'tenant' },
    { title: 'table' },
    { title: 'rows', isRight: true },
    { title: 'may be outdated', isRight: true },
    { title: 'unreadable places', isRight: true },
    { title: 'file' },
  ]
  const rows = saved.map((found) => [
    found.tenant,
    found.table,
    grouped(found.rowCount),
    grouped(found.uncertainRowCount),
    grouped(found.unreadable.length),
    found.file ?? '',
  ])
  return tableLines(columns, rows)
}
