// The entry of this folder: a text is prepared once and executed any number of times. A plan depends on the text, on the
// types of its parameters and on the definitions of its tables, each as of its own moment; it is made when one of them is
// new. So a query of the past uses no index that was built later and shows no column that was added later.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { TableDefinition } from '../catalog/definition.js'
import type { TableRows } from '../indexes/table-rows.js'
import type { ReadView, WriteView } from '../store/view.js'
import type { Expression, ParsedStatement, Statement } from './ast.js'
import { bindFixed, type BindOptions, bindSelect } from './bind-select.js'
import { planWrite, type WritePlan } from './bind-write.js'
import { Compiler } from './compile.js'
import type { EvaluationScope } from './evaluation.js'
import { explainPlan, type PlanNode, planLines } from './explain.js'
import type { Operator } from './operators.js'
import { type BoundParameters, bindParameters, type SqlParameters } from './parameters.js'
import { parse } from './parser.js'
import type { SelectPlan } from './plan.js'
import { planSelect } from './planner.js'
import { rowMaker } from './result-rows.js'
import type { TableNames } from './scope.js'
import { buildSelect } from './select-execution.js'
import type { SqlKind } from './sql-types.js'
import { startWrite } from './write-execution.js'

export type { SqlParameters } from './parameters.js'

/** A moment as AS OF names it: a commit, a time, or a text such as '-10m'. */
export type AsOf = SeqNum | Date | string

/** Where a statement runs: one tenant, one state. */
export interface QueryContext {
  /** For INSERT, UPDATE and DELETE a WriteView. */
  readonly view: ReadView | WriteView
  /** The tables as a view sees them. */
  tablesOf(view: ReadView): TableNames
  /** The rows of a table; undefined when the tenant has none anywhere. */
  rows(table: TableDefinition): TableRows | undefined
  /** The state as of a moment; the context closes it after the statement. */
  viewAt(moment: AsOf): ReadView
  nowMicros(): number
  /** Lets other work run. Absent: the statement runs to its end before `execute` returns its promise. */
  yield?(): Promise<void>
}

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly kind: SqlKind }[]
  readonly rows: Record<string, unknown>[]
  /** Rows inserted, updated or deleted. */
  readonly affectedCount: number
  /** Of EXPLAIN: the plan as data; the rows hold its text. */
  readonly plan?: PlanNode
}

/** Calls of an operator, each of a batch at most, between two pauses. */
const STEPS_PER_PAUSE = 4
/** Plans kept per statement: one for each combination of parameter types and definitions in use. */
const PLAN_MAX_COUNT = 8

/** Where one table of a statement is read. */
interface Source {
  readonly view: ReadView
  readonly tables: TableNames
}

/**
 * Parses a statement; its plan is made when it is executed.
 *
 * @throws SQL_SYNTAX SQL_UNSUPPORTED SQL_PARAMETER
 */
export function prepare(text: string): PreparedStatement {
  return new PreparedStatement(parse(text))
}

export class PreparedStatement {
  readonly #parsed: ParsedStatement
  readonly #plans = new Map<string, SelectPlan | WritePlan>()

  constructor(parsed: ParsedStatement) {
    this.#parsed = parsed
  }

  /** Whether it changes rows, and so needs a WriteView. */
  get isWrite(): boolean {
    const { type } = this.#parsed.statement
    return type !== 'select' && type !== 'explain'
  }

  /** Whether it adds rows: `QueryContext.rows` must then give them for a tenant that is new, too. */
  get isInsert(): boolean {
    return this.#parsed.statement.type === 'insert'
  }

  /**
   * Runs the statement.
   *
   * @throws SQL_PARAMETER SQL_UNKNOWN_NAME SQL_AMBIGUOUS_NAME SQL_TYPE SQL_UNSUPPORTED, and what the tables throw
   */
  async execute(context: QueryContext, params: SqlParameters = []): Promise<QueryResult> {
    const { text, statement } = this.#parsed
    const parameters = bindParameters(this.#parsed, params)
    const nowMicros = context.nowMicros()
    const scope: EvaluationScope = { text, nowMicros, parameter: parameters.cell }
    const sources = this.#sources(context, scope, parameters)
    const plan = this.#plan(parameters, sources)
    if ('kind' in plan) return executeWrite(plan, scope, context)
    if (statement.type === 'explain') return explain(plan)
    return executeSelect(plan, scope, context, sources)
  }

  /** Where each table is read: what AS OF names is opened before the statement is planned. */
  #sources(context: QueryContext, scope: EvaluationScope, parameters: BoundParameters): Source[] {
    const { text, statement } = this.#parsed
    const own = { view: context.view, tables: context.tablesOf(context.view) }
    const compiler = new Compiler(scope, () => 0)
    return momentsOf(statement).map((asOf) => {
      if (asOf === undefined) return own
      const bound = bindFixed(asOf, 'in AS OF', { text, parameterTypes: parameters.type })
      const view = context.viewAt(momentOf(compiler.compile(bound)([]), bound.type.kind))
      return { view, tables: context.tablesOf(view) }
    })
  }

  #plan(parameters: BoundParameters, sources: readonly Source[]): SelectPlan | WritePlan {
    const key = `${parameters.signature}@${sources.map(({ tables }) => tables.since).join()}`
    const known = this.#plans.get(key)
    if (known !== undefined) return known
    const plan = this.#makePlan({
      text: this.#parsed.text,
      names: sources.map(({ tables }) => tables),
      parameterTypes: parameters.type,
    })
    if (this.#plans.size >= PLAN_MAX_COUNT) this.#plans.clear()
    this.#plans.set(key, plan)
    return plan
  }

  #makePlan(options: BindOptions): SelectPlan | WritePlan {
    const { statement } = this.#parsed
    switch (statement.type) {
      case 'select':
        return planSelect(bindSelect(statement, options))
      case 'explain':
        return planSelect(bindSelect(statement.select, options))
      default:
        return planWrite(statement, options)
    }
  }
}

/** For each table of a statement its AS OF, if it has one. */
function momentsOf(statement: Statement): (Expression | undefined)[] {
  if (statement.type === 'explain') return momentsOf(statement.select)
  if (statement.type !== 'select') return [undefined]
  return statement.from.map(({ asOf }) => asOf ?? statement.asOf)
}

async function executeSelect(
  plan: SelectPlan,
  scope: EvaluationScope,
  context: QueryContext,
  sources: readonly Source[],
): Promise<QueryResult> {
  const { columns, tables } = plan.select
  const root = buildSelect(plan, scope, (table) => {
    const { definition } = tables[table]!
    return { definition, rows: context.rows(definition), view: sources[table]!.view }
  })
  const rows: Record<string, unknown>[] = []
  const makeRow = rowMaker(columns)
  await drive(root, context, (batch) => {
    for (const row of batch) rows.push(makeRow(row))
  })
  return {
    columns: columns.map(({ name, type }) => ({ name, kind: type.kind })),
    rows,
    affectedCount: 0,
  }
}

async function drive(
  root: Operator,
  context: QueryContext,
  receive: (batch: NonNullable<ReturnType<Operator['next']>>) => void,
): Promise<void> {
  try {
    for (let steps = 1; ; steps++) {
      const batch = root.next()
      if (batch === undefined) return
      receive(batch)
      if (context.yield !== undefined && steps % STEPS_PER_PAUSE === 0) await context.yield()
    }
  } finally {
    root.close()
  }
}

async function executeWrite(
  plan: WritePlan,
  scope: EvaluationScope,
  context: QueryContext,
): Promise<QueryResult> {
  const rows = context.rows(plan.definition)
  const steps = startWrite(plan, scope, { rows, view: context.view as WriteView })
  try {
    for (let count = 1; !steps.step(); count++) {
      if (context.yield !== undefined && count % STEPS_PER_PAUSE === 0) await context.yield()
    }
  } finally {
    steps.close()
  }
  return { columns: [], rows: [], affectedCount: steps.affectedCount }
}

function explain(plan: SelectPlan): QueryResult {
  const node = explainPlan(plan)
  return {
    columns: [{ name: 'plan', kind: 'text' }],
    rows: planLines(node).map((line) => ({ plan: line })),
    affectedCount: 0,
    plan: node,
  }
}

/** A timestamp without microseconds means its whole millisecond, as a Date does. */
function momentOf(cell: unknown, kind: SqlKind): AsOf {
  if (kind === 'timestamp') {
    const micros = cell as number
    return micros % 1000 === 0 ? new Date(micros / 1000) : (micros as SeqNum)
  }
  if (typeof cell === 'string') return cell
  const number = typeof cell === 'bigint' ? Number(cell) : cell
  if (typeof number === 'number') return number as SeqNum
  throw engineError('SQL_TYPE', "AS OF takes a timestamp, a SeqNum, or a text such as '-10m'")
}
