import type { SeqNum } from '../base/ids.js'
import { nearestName } from '../base/spelling.js'
import type { Database } from '../db/database.js'
import type { SqlResult } from '../db/sql.js'
import { type Moment, resolveMoment } from '../db/time.js'
import {
  type Arguments,
  type Command,
  type Report,
  type Surroundings,
  textOption,
  UsageError,
} from './command.js'
import { tableLines } from './layout.js'
import { withDatabase } from './open-existing.js'
import { counted, hex } from './printable.js'

export const SQL: Command = {
  name: 'sql',
  synopsis: 'DIR --tenant T STATEMENT [--at MOMENT] [--param VALUE ...]',
  summary: 'runs one SQL statement of a tenant',
  help: `Opens the database in DIR and runs one statement as tenant T: select, insert, update, delete or explain. Rows are
printed as a table, long values cut at 80 characters; --json prints everything. Statements that write say how many
rows they changed once the change is durable. The database must not be open elsewhere.

  --tenant T       whose rows; required
  --at MOMENT      reads the state of a moment: a SeqNum, a time such as 2026-03-01T12:00:00Z, or a duration back from
                   now such as -10m (written --at=-10m). Only select and explain can be run then
  --param VALUE    binds a value to the next ? of the statement (or $1, $2, ...). What reads as JSON is bound as that,
                   everything else as text: 42 is a number, '"42"' a text, null is NULL, '{"a":1}' a document

With --json: {columns: [{name, kind}], rows: [{column: value}], affectedCount, seqNum}. Decimals and bigints are texts,
timestamps ISO 8601, bytes hexadecimal.

Examples:
  tabularium sql ./data --tenant shop-1 "select status, count(*) as n from orders group by status"
  tabularium sql ./data --tenant shop-1 "select * from orders where id = ?" --param o-1
  tabularium sql ./data --tenant shop-1 "update orders set status = 'paid' where id = ?" --param o-1
  tabularium sql ./data --tenant shop-1 "select * from orders as of '-10m' limit 3" --json
  tabularium sql ./data --tenant shop-1 --at=-10m "select * from orders where id = ?" --param o-1`,
  options: {
    tenant: { type: 'string' },
    at: { type: 'string' },
    param: { type: 'string', multiple: true },
  },
  run: (given, surroundings) => {
    const { directory, tenant, at, text, parameters } = readArguments(given)
    return withDatabase(directory, async (db) => {
      const session = db.tenant(tenant)
      noteUnknown(db, tenant, surroundings)
      const face = at === undefined ? session : session.at(at)
      return reportOf(await face.query(text, parameters))
    })
  },
}

function readArguments(given: Arguments) {
  const [directory, text, ...rest] = given.positionals
  const tenant = textOption(given, 'tenant')
  if (directory === undefined || directory === '') throw new UsageError('DIR is missing')
  if (text === undefined) throw new UsageError('STATEMENT is missing')
  if (rest.length > 0) {
    throw new UsageError(`too many arguments: quote the statement, "${text} ${rest.join(' ')}"`)
  }
  if (tenant === undefined) throw new UsageError('--tenant is missing')
  const parameters = ((given.options['param'] ?? []) as readonly string[]).map(valueOfText)
  return { directory, tenant, at: momentOfText(textOption(given, 'at')), text, parameters }
}

function momentOfText(text: string | undefined): Moment | undefined {
  if (text === undefined) return undefined
  const moment = /^\d+$/.test(text) ? (Number(text) as SeqNum) : text
  try {
    resolveMoment(moment, 0)
  } catch {
    throw new UsageError(
      `--at ${text} is no SeqNum of a commit, no time and no duration back from now`,
    )
  }
  return moment
}

/** A tenant is made known by its first write, so a name with a slip in it gives no error but no rows either. */
function noteUnknown(db: Database<{}>, tenant: string, { note }: Surroundings): void {
  const tenants = db.tenants()
  if (tenants.includes(tenant)) return
  const nearest = nearestName(tenant, tenants)
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
  note(`tenant ${tenant} has never written to this database${hint}`)
}

/** A value as it is bound. Only numbers that are written back the same way are numbers: 007 and 1.50 stay texts. */
function valueOfText(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text
  }
  return typeof value === 'number' && String(value) !== text ? text : value
}

function reportOf(result: SqlResult): Report {
  const { columns, affectedCount, seqNum } = result
  const rows = [...result]
  return {
    data: { columns, rows, affectedCount, seqNum },
    lines:
      columns.length === 0
        ? [`${counted(affectedCount, 'row')} affected`]
        : [...rowLines(columns, rows), `(${counted(rows.length, 'row')})`],
  }
}

const NUMBER_KINDS = new Set(['int', 'float', 'bigint', 'decimal'])

function rowLines(columns: SqlResult['columns'], rows: SqlResult[number][]): string[] {
  return tableLines(
    columns.map(({ name, kind }) => ({ title: name, isRight: NUMBER_KINDS.has(kind) })),
    rows.map((row) => columns.map(({ name }) => textOfValue(row[name]))),
  )
}

function textOfValue(value: unknown): string {
  if (value === null) return 'NULL'
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return hex(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
