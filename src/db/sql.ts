// SQL of one tenant: text and values to rows. Values are always bound, never spliced into the text.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { TableRows } from '../indexes/table-rows.js'
import type { PreparedStatement, QueryContext, QueryResult } from '../query/execute.js'
import type { Snapshot } from '../store/store-views.js'
import type { ReadView, WriteView } from '../store/view.js'
import type { ReadScope, WriteScope } from './table-session.js'
import { type Moment, resolveMoment } from './time.js'

/** Rows by column name. Decimals are texts, timestamps Dates, NULL is null. */
export type SqlRow = Record<string, unknown>

/** The rows of a statement, with what is known about them. */
export interface SqlResult<R = SqlRow> extends Array<R> {
  readonly columns: QueryResult['columns']
  /** Rows inserted, updated or deleted. */
  readonly affectedCount: number
  /** The commit whose state the answer shows; of a write outside transactions the commit that it became. */
  readonly seqNum: SeqNum
}

/** Parameters: one per `?` or `$1`, or by name for `:name`. */
export type SqlParameters = readonly unknown[] | Readonly<Record<string, unknown>>

/** A tenant that takes SQL: newest, past, or inside of a transaction. */
export abstract class SqlSession {
  abstract query<R = SqlRow>(text: string, parameters?: SqlParameters): Promise<SqlResult<R>>

  /** The same as query() with its values bound: tenant.sql`select * from orders where id = ${id}`. */
  sql<R = SqlRow>(strings: TemplateStringsArray, ...values: unknown[]): Promise<SqlResult<R>> {
    if (!Array.isArray(strings) || !Array.isArray(strings.raw)) {
      throw engineError(
        'ARGUMENT_INVALID',
        'sql is a template tag: write sql`select ...`; for text in a variable use query(text, parameters)',
      )
    }
    return this.query<R>(strings.join('?'), values)
  }
}

/** Runs a statement that only reads. */
export async function runQuery<R>(
  scope: ReadScope,
  text: string,
  parameters: SqlParameters,
): Promise<SqlResult<R>> {
  const statement = await scope.engine.prepare(text)
  if (statement.isWrite) {
    throw engineError('SQL_UNSUPPORTED', 'a tenant as of a moment can only be read: use select')
  }
  const held = await scope.hold()
  try {
    return await execute<R>(scope, held.view, statement, parameters)
  } finally {
    held.close()
  }
}

/** Runs any statement inside a transaction: when it fails, what it wrote so far is taken back. */
export async function runInTransaction<R>(
  scope: WriteScope,
  text: string,
  parameters: SqlParameters,
): Promise<SqlResult<R>> {
  return scope.inTurn(async () => {
    const statement = await scope.engine.prepare(text)
    const transaction = scope.viewNow()
    const run = () => execute<R>(scope, transaction, statement, parameters)
    if (!statement.isWrite) return run()
    transaction.assertMayWrite()
    return transaction.atomically(run)
  })
}

/** The rows with the rest beside them: printed or compared, the result is its rows. */
function sqlResult<R>(result: QueryResult, seqNum: SeqNum): SqlResult<R> {
  const { rows, columns, affectedCount } = result
  return Object.defineProperties(rows, {
    columns: { value: columns },
    affectedCount: { value: affectedCount },
    seqNum: { value: seqNum, writable: true },
  }) as SqlResult<R>
}

async function execute<R>(
  scope: ReadScope,
  view: ReadView | WriteView,
  statement: PreparedStatement,
  parameters: SqlParameters,
): Promise<SqlResult<R>> {
  const { engine, tenant } = scope
  if (typeof parameters !== 'object' || parameters === null) {
    throw engineError('SQL_PARAMETER', 'parameters are an array, or an object of values by name')
  }
  // One moment per statement: everything in it that counts from now means the same state.
  const nowMicros = engine.nowMicros()
  const snapshots: Snapshot[] = []
  const context: QueryContext = {
    view,
    tablesOf: ({ snapshot }) => engine.catalog.schemaAt(snapshot),
    rows: (table) => {
      const ref = statement.isInsert
        ? engine.internTenant(view as WriteView, tenant)
        : engine.findTenant(view, tenant)
      return ref && new TableRows(table, ref)
    },
    viewAt: (moment: Moment) => {
      const asked = resolveMoment(moment, nowMicros)
      // No later than what the rest of the statement sees.
      const snapshot = engine.store.at(asked < view.snapshot ? asked : view.snapshot, tenant.name)
      snapshots.push(snapshot)
      return snapshot
    },
    nowMicros: () => nowMicros,
    yield: () => engine.env.clock.yield(),
  }
  try {
    const result = await statement.execute(context, parameters)
    return sqlResult(result, view.snapshot)
  } finally {
    for (const snapshot of snapshots) snapshot.close()
  }
}
