// INSERT, UPDATE and DELETE as written to what they do.

import { engineError } from '../base/errors.js'
import type { ColumnDefinition, TableDefinition } from '../catalog/definition.js'
import { choosePath } from './access-choice.js'
import type { Delete, Expression, Insert, Update } from './ast.js'
import { ExpressionBinder } from './bind-expression.js'
import { type BindOptions, bindTables, conjunctsOf } from './bind-select.js'
import type { BoundExpression } from './bound.js'
import { keyConditionsOf } from './key-conditions.js'
import type { AccessPlan } from './plan.js'
import { resolveColumn, Scope } from './scope.js'
import { type SqlType, typeName } from './sql-types.js'
import { isAssignable } from './assignment.js'
import { placedError } from './syntax-error.js'

/** A value for a column; its type is not the column's yet. */
export interface BoundAssignment {
  readonly column: number
  readonly value: BoundExpression
}

export interface InsertPlan {
  readonly kind: 'insert'
  readonly definition: TableDefinition
  /** For each row a value per named column. */
  readonly rows: readonly (readonly BoundAssignment[])[]
}

export interface UpdatePlan {
  readonly kind: 'update'
  readonly definition: TableDefinition
  readonly access: AccessPlan
  readonly assignments: readonly BoundAssignment[]
}

export interface DeletePlan {
  readonly kind: 'delete'
  readonly definition: TableDefinition
  readonly access: AccessPlan
}

export type WritePlan = InsertPlan | UpdatePlan | DeletePlan

export function planWrite(statement: Insert | Update | Delete, options: BindOptions): WritePlan {
  if (statement.type === 'insert') return planInsert(statement, options)
  const { tables, scope } = bindTables([statement.table], options)
  const definition = tables[0]!
  const binder = new ExpressionBinder({ ...options, scope })
  const access = planAccess(definition, statement.where, binder)
  if (statement.type === 'delete') return { kind: 'delete', definition, access }
  const assignments = statement.assignments.map(({ column, at, value }) => {
    const index = resolveColumn(definition, column, options.text, at)
    const bound = binder.bindScalar(value, 'in SET')
    checkAssignment(definition.columns[index]!, bound.type, options.text, value.at)
    return { column: index, value: bound }
  })
  // A column that is named twice takes the last value; the others are not even computed.
  const lasting = new Map(assignments.map((assignment) => [assignment.column, assignment]))
  return { kind: 'update', definition, access, assignments: [...lasting.values()] }
}

function planAccess(
  definition: TableDefinition,
  where: Expression | undefined,
  binder: ExpressionBinder,
): AccessPlan {
  const conjuncts = where === undefined ? [] : conjunctsOf([binder.bindScalar(where, 'in WHERE')])
  const conditions = keyConditionsOf(0, conjuncts).filter(({ needs }) => needs.size === 0)
  const choice = choosePath({ definition, conditions, order: [], hasLimit: false })
  const filter = conjuncts.filter((conjunct) => !choice.answered.has(conjunct))
  return { table: 0, path: choice.path, filter, estimatedRows: Math.ceil(choice.rows) }
}

function planInsert(statement: Insert, options: BindOptions): InsertPlan {
  const { text, parameterTypes } = options
  const definition = bindTables([statement.table], options).tables[0]!
  const columns =
    statement.columns?.map(({ name, at }) => resolveColumn(definition, name, text, at)) ??
    definition.columns.map((_, i) => i)
  const twice = columns.findIndex((column, i) => columns.indexOf(column) !== i)
  if (twice >= 0) {
    const { name, at } = statement.columns![twice]!
    throw placedError('SQL_SYNTAX', `the column "${name}" is named twice`, text, at)
  }
  const binder = new ExpressionBinder({ text, parameterTypes, scope: new Scope([], text) })
  const rows = statement.rows.map(({ values, at }) => {
    if (values.length !== columns.length) {
      const message = `${columns.length} values expected, found ${values.length}`
      throw placedError('SQL_SYNTAX', message, text, at)
    }
    return values.map((expression, i) => {
      const value = binder.bindScalar(expression, 'in VALUES')
      checkAssignment(definition.columns[columns[i]!]!, value.type, text, expression.at)
      return { column: columns[i]!, value }
    })
  })
  checkMissing(definition, columns)
  return { kind: 'insert', definition, rows }
}

function checkAssignment(column: ColumnDefinition, from: SqlType, text: string, at: number): void {
  const { kind } = column
  if (isAssignable(from, kind)) return
  const message = `the column "${column.name}" of type ${kind} does not take a value of type ${typeName(from)}`
  throw placedError('SQL_TYPE', message, text, at)
}

function checkMissing(definition: TableDefinition, columns: readonly number[]): void {
  for (const [i, { name, isNullable, default: fallback }] of definition.columns.entries()) {
    if (columns.includes(i) || isNullable || fallback !== undefined) continue
    throw engineError('SCHEMA_MISSING_COLUMN', `the column "${name}" needs a value`, {
      details: { table: definition.name, column: name },
    })
  }
}
