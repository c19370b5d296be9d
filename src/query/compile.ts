// Bound expressions to closures. What no row can change is computed here, once.

import { engineError } from '../base/errors.js'
import type { Cell } from '../codec/cell.js'
import type { BoundExpression } from './bound.js'
import { OPERATOR_COMPILERS } from './compile-operators.js'
import type { CallSite, Evaluate, EvaluationScope, SlotOf } from './evaluation.js'
import { SCALAR_FUNCTIONS } from './functions.js'
import { isTrue, type Row } from './sql-values.js'

const NO_ROW: Row = []

export class Compiler {
  readonly #scope: EvaluationScope
  readonly #slotOf: SlotOf

  constructor(scope: EvaluationScope, slotOf: SlotOf) {
    this.#scope = scope
    this.#slotOf = slotOf
  }

  compile(expression: BoundExpression): Evaluate {
    return this.#compile(expression).evaluate
  }

  compileAll(expressions: readonly BoundExpression[]): Evaluate[] {
    return expressions.map((expression) => this.compile(expression))
  }

  /** True where all conditions are. */
  compileFilter(conditions: readonly BoundExpression[]): ((row: Row) => boolean) | undefined {
    if (conditions.length === 0) return undefined
    const tests = conditions.map((condition) => this.compile(condition))
    return (row) => {
      for (const test of tests) {
        const cell = test(row)
        if (cell === null || !isTrue(cell)) return false
      }
      return true
    }
  }

  #compile(expression: BoundExpression): Compiled {
    switch (expression.node) {
      case 'constant':
        return fixed(expression.value)
      case 'parameter':
        return fixed(this.#scope.parameter(expression.key))
      case 'column':
        return { evaluate: readSlot(this.#slotOf(expression.table, expression.column)) }
      case 'slot':
        return { evaluate: readSlot(expression.slot) }
      case 'aggregate':
        throw engineError('INTERNAL', 'an aggregate value outside of its group')
      default:
    }
    const args = expression.args.map((arg) => this.#compile(arg))
    const site: CallSite = {
      call: expression,
      args: args.map((arg) => arg.evaluate),
      scope: this.#scope,
      fixed: (index) => args[index]!.value,
    }
    const { name } = expression
    const compile = OPERATOR_COMPILERS[name] ?? SCALAR_FUNCTIONS.get(name)!.compile
    const evaluate = compile(site)
    return args.every((arg) => arg.value !== undefined) ? folded(evaluate) : { evaluate }
  }
}

interface Compiled {
  readonly evaluate: Evaluate
  /** The value, when no row can change it. */
  readonly value?: Cell
}

function fixed(value: Cell): Compiled {
  return { evaluate: () => value, value }
}

function readSlot(slot: number): Evaluate {
  return (row) => row[slot]!
}

/** An error of a fixed expression is kept for when it is needed: a CASE may never come to it. */
function folded(evaluate: Evaluate): Compiled {
  try {
    return fixed(evaluate(NO_ROW))
  } catch {
    return { evaluate }
  }
}
