// SQL of one tenant: text and values to rows. Values are always bound, never spliced into the text.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { QueryContext, QueryResult } from '../query/execute.js'
import type { Snapshot } from '../store/store.js'
import type { ReadView, WriteView } from '../store/view.js'
import type { Engine, TenantName } from './engine.js'
import type { ReadScope, WriteScope } from './table-session.js'
import { type Moment, resolveMoment } from './time.js'

/** Rows by column name. Decimals are texts, timestamps Dates, NULL is null. */
export type SqlRow = Record<string, unknown>

/** The rows of a statement, with what is known about them. */
export interface SqlResult<R = SqlRow> extends Array<R> {
  readonly columns: QueryResult['columns']
  /** Rows inserted, updated or deleted. */
  readonly affectedCount: number
  /** The commit whose state the answer shows. */
  readonly seqNum: SeqNum
}

/** Parameters: one per `?` or `$1`, or by name for `:name`. */
export type SqlParameters = readonly unknown[] | Readonly<Record<string, unknown>>

/** Turns a tagged template into text with placeholders and the values to bind. */
export function textOf(
  strings: TemplateStringsArray,
  values: readonly unknown[],
): { text: string; parameters: unknown[] } {
  if (!Array.isArray(strings) || !Array.isArray(strings.raw)) {
    throw engineError(
      'ARGUMENT_INVALID',
      'sql is a template tag: write sql`select ...`; for text in a variable use query(text, parameters)',
    )
  }
  return { text: strings.join('?'), parameters: [...values] }
}

interface Execution {
  readonly engine: Engine
  readonly tenant: TenantName
  readonly view: ReadView | WriteView
  /** Whether the statement may stop for other work: not inside a view that lives for one stretch only. */
  readonly mayYield: boolean
}

/** Runs a statement that only reads. */
export async function runQuery(
  scope: ReadScope,
  text: string,
  parameters: SqlParameters,
): Promise<SqlResult> {
  const held = await scope.hold()
  try {
    const { engine, tenant } = scope
    return await execute({ engine, tenant, view: held.view, mayYield: true }, text, parameters)
  } finally {
    held.release()
  }
}

/** Runs any statement inside a transaction. */
export async function runInTransaction(
  scope: WriteScope,
  text: string,
  parameters: SqlParameters,
): Promise<SqlResult> {
  const { engine, tenant } = scope
  if (engine.prepare(text).isWrite) await engine.internTenant(tenant)
  return execute({ engine, tenant, view: scope.viewNow(), mayYield: true }, text, parameters)
}

async function execute(
  execution: Execution,
  text: string,
  parameters: SqlParameters,
): Promise<SqlResult> {
  const { engine, tenant, view } = execution
  const ref = engine.tenantRef(tenant)
  const snapshots: Snapshot[] = []
  const context: QueryContext = {
    view,
    rows: (table) => (ref === undefined ? undefined : engine.rows(table, ref)),
    viewAt: (moment: Moment) => {
      const snapshot = engine.store.at(resolveMoment(moment, engine.nowMicros()))
      snapshots.push(snapshot)
      return snapshot
    },
    nowMicros: () => engine.nowMicros(),
    yield: () => engine.env.clock.yield(),
  }
  try {
    const result = await engine.prepare(text).execute(context, parameters)
    return Object.assign(result.rows, {
      columns: result.columns,
      affectedCount: result.affectedCount,
      seqNum: view.snapshot,
    }) as SqlResult
  } finally {
    for (const snapshot of snapshots) snapshot.close()
  }
}
