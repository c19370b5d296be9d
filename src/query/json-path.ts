// Paths into JSON documents: '$.a.b[0]', '$."odd name"', and the short forms of -> and ->>: 'a' and 0.

import type { Cell, JsonValue } from '../codec/cell.js'

type Step = string | number
const STEP = /\.(?:"([^"]*)"|([^.[\]"]+))|\[(#-)?(\d{1,9})\]/y

/** The steps of a path; undefined when it is malformed. A negative number counts from the end. */
export function parseJsonPath(path: string): readonly Step[] | undefined {
  if (path[0] !== '$') return undefined
  const steps: Step[] = []
  STEP.lastIndex = 1
  while (STEP.lastIndex < path.length) {
    const match = STEP.exec(path)
    if (match === null) return undefined
    const [, quoted, plain, fromEnd, index] = match
    if (index === undefined) steps.push(quoted ?? plain!)
    else steps.push(fromEnd === undefined ? Number(index) : -Number(index))
  }
  return steps
}

/** The steps of the right side of -> and ->>: a path, a field name or an array position. */
export function stepsOfOperand(operand: Cell): readonly Step[] | undefined {
  if (typeof operand === 'number') return Number.isInteger(operand) ? [operand] : undefined
  if (typeof operand !== 'string') return undefined
  return operand[0] === '$' ? parseJsonPath(operand) : [operand]
}

/** What lies at the end of the path; undefined when nothing does. Only own properties are looked at. */
export function followJsonPath(document: JsonValue, steps: readonly Step[]): JsonValue | undefined {
  let value: JsonValue | undefined = document
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined
    if (Array.isArray(value)) {
      value = typeof step === 'number' ? (value as readonly JsonValue[]).at(step) : undefined
    } else {
      const fields = value as { readonly [key: string]: JsonValue }
      value = typeof step === 'string' && Object.hasOwn(fields, step) ? fields[step] : undefined
    }
  }
  return value
}
