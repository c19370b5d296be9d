// Text in columns.

import { grouped, printable, shortened } from './printable.js'

export interface Column {
  readonly title: string
  readonly isRight?: boolean
}

const GAP = '  '
const CELL_MAX_LENGTH = 80

/** A table: titles, a rule, rows. Cells are made safe to print and cut at 80 characters. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const titles = columns.map(({ title }) => shortened(printable(title), CELL_MAX_LENGTH))
  const cells = rows.map((row) => row.map((cell) => shortened(printable(cell), CELL_MAX_LENGTH)))
  const widths = titles.map((title, i) =>
    cells.reduce((width, row) => Math.max(width, lengthOf(row[i]!)), lengthOf(title)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => aligned(cell, widths[i]!, columns[i]!.isRight === true))
      .join(GAP)
      .trimEnd()
  return [line(titles), widths.map((width) => '-'.repeat(width)).join(GAP), ...cells.map(line)]
}

/** Names and what they are, one per line. */
export function factLines(facts: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, value]) => `  ${name.padEnd(width)}  ${printable(value)}`)
}

/** What is said behind a list that was cut. */
export function restLines(shownCount: number, count: number): string[] {
  if (count <= shownCount) return []
  return [`... and ${grouped(count - shownCount)} more; see --limit`]
}

function aligned(cell: string, width: number, isRight: boolean): string {
  const gap = ' '.repeat(width - lengthOf(cell))
  return isRight ? gap + cell : cell + gap
}

/** Characters, not UTF-16 units. */
function lengthOf(text: string): number {
  return [...text].length
}
