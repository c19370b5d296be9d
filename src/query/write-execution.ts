// INSERT, UPDATE and DELETE. UPDATE and DELETE collect their rows before they change the first one, so a statement never
// meets its own writes (the Halloween problem).

import { invariant } from '../base/assert.js'
import type { TableDefinition } from '../catalog/definition.js'
import type { Cell } from '../codec/cell.js'
import { defaultOf } from '../codec/row.js'
import type { TableRows } from '../indexes/table-rows.js'
import type { WriteView } from '../store/view.js'
import { assignmentOf } from './assignment.js'
import type {
  BoundAssignment,
  DeletePlan,
  InsertPlan,
  UpdatePlan,
  WritePlan,
} from './bind-write.js'
import { Compiler } from './compile.js'
import type { EvaluationScope } from './evaluation.js'
import { BATCH_ROW_COUNT, type Operator } from './operators.js'
import { buildScan } from './select-execution.js'
import type { Row } from './sql-values.js'

export interface WriteTarget {
  readonly rows: TableRows | undefined
  readonly view: WriteView
}

/** Work in steps of bounded size: call `step` until it is true. */
export interface WriteSteps {
  readonly affectedCount: number
  step(): boolean
  close(): void
}

export function startWrite(
  plan: WritePlan,
  scope: EvaluationScope,
  target: WriteTarget,
): WriteSteps {
  if (plan.kind === 'insert') return new InsertSteps(plan, scope, target)
  return new ChangeSteps(plan, scope, target)
}

/** Fills the assigned columns of a row from another row. */
function compileAssignments(
  definition: TableDefinition,
  assignments: readonly BoundAssignment[],
  scope: EvaluationScope,
): (from: Row, into: Cell[]) => void {
  const compiler = new Compiler(scope, (_, column) => column)
  const steps = assignments.map(({ column, value }) => ({
    column,
    evaluate: compiler.compile(value),
    convert: assignmentOf(definition.name, definition.columns[column]!, value.type),
  }))
  return (from, into) => {
    for (const { column, evaluate, convert } of steps) into[column] = convert(evaluate(from))
  }
}

class InsertSteps implements WriteSteps {
  readonly #plan: InsertPlan
  readonly #scope: EvaluationScope
  readonly #target: WriteTarget
  readonly #defaults: readonly (() => Cell)[]
  affectedCount = 0

  constructor(plan: InsertPlan, scope: EvaluationScope, target: WriteTarget) {
    invariant(target.rows !== undefined, 'a tenant has its number before its first write')
    this.#plan = plan
    this.#scope = scope
    this.#target = target
    this.#defaults = plan.definition.columns.map(defaultOf)
  }

  step(): boolean {
    const { definition, rows } = this.#plan
    const end = Math.min(rows.length, this.affectedCount + BATCH_ROW_COUNT)
    while (this.affectedCount < end) {
      const row = this.#defaults.map((makeDefault) => makeDefault())
      const assign = compileAssignments(definition, rows[this.affectedCount]!, this.#scope)
      assign([], row)
      this.#target.rows!.insert(this.#target.view, row)
      this.affectedCount++
    }
    return this.affectedCount === rows.length
  }

  close(): void {}
}

class ChangeSteps implements WriteSteps {
  readonly #target: WriteTarget
  readonly #scan: Operator
  readonly #assign: ((from: Row, into: Cell[]) => void) | undefined
  readonly #collected: Row[] = []
  #isCollected = false
  affectedCount = 0

  constructor(plan: UpdatePlan | DeletePlan, scope: EvaluationScope, target: WriteTarget) {
    const { definition, access } = plan
    this.#target = target
    this.#scan = buildScan(access, scope, { definition, ...target })
    this.#assign =
      plan.kind === 'delete' ? undefined : compileAssignments(definition, plan.assignments, scope)
  }

  step(): boolean {
    if (this.#isCollected) return this.#change()
    const batch = this.#scan.next()
    if (batch === undefined) {
      this.#isCollected = true
      this.#scan.close()
    } else {
      for (const row of batch) this.#collected.push(row)
    }
    return this.#isCollected && this.#collected.length === 0
  }

  close(): void {
    this.#scan.close()
  }

  #change(): boolean {
    const { rows, view } = this.#target
    const end = Math.min(this.#collected.length, this.affectedCount + BATCH_ROW_COUNT)
    while (this.affectedCount < end) {
      const row = this.#collected[this.affectedCount]!
      if (this.#assign === undefined) {
        rows!.delete(view, row)
      } else {
        const changed = row.slice()
        this.#assign(row, changed)
        rows!.update(view, row, changed)
      }
      this.affectedCount++
    }
    return this.affectedCount === this.#collected.length
  }
}
