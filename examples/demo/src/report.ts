// The demo's voice: headings, sentences, tables, and checks that are counted.

import { type Palette, paletteOf, type Terminal } from './terminal.js'

export interface Column {
  readonly title: string
  /** Figures stand to the right, words to the left. */
  readonly align?: 'left' | 'right'
}

const INDENT = '    '

export class Report {
  readonly terminal: Terminal
  readonly #palette: Palette
  readonly #failures: string[] = []
  #stepCount = 0
  #isLastLineEmpty = false
  #checkCount = 0

  constructor(terminal: Terminal) {
    this.terminal = terminal
    this.#palette = paletteOf(terminal)
  }

  get checkCount(): number {
    return this.#checkCount
  }

  /** The claims that turned out wrong. */
  get failures(): readonly string[] {
    return this.#failures
  }

  title(text: string, subtitle: string): void {
    this.gap()
    this.#line(`${this.#palette.bold(text)}  ${this.#palette.dim(subtitle)}`)
  }

  /** Opens the next step: what happens and why it matters. */
  step(title: string, intro: string): void {
    this.#stepCount++
    this.heading(`${this.#stepCount}  ${title}`)
    this.text(intro)
  }

  heading(title: string): void {
    const rule = this.terminal.hasUnicode ? '─' : '-'
    const rest = rule.repeat(Math.max(0, this.terminal.columns - title.length - 2))
    this.gap()
    this.#line(` ${this.#palette.bold(title)} ${this.#palette.dim(rest)}`)
  }

  /** An empty line, but never two. */
  gap(): void {
    if (!this.#isLastLineEmpty) this.#line('')
  }

  /** A paragraph, broken to the width of the terminal. */
  text(text: string): void {
    for (const line of wrapText(text, this.terminal.columns - INDENT.length)) {
      this.#line(INDENT + line)
    }
  }

  /** The call that is being made, as a user would write it. */
  code(text: string): void {
    this.gap()
    for (const line of text.split('\n')) this.#line(this.#palette.cyan(`${INDENT}  ${line}`))
    this.gap()
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const [head, ...lines] = alignTable(columns, rows)
    this.gap()
    this.#line(INDENT + this.#palette.dim(head ?? ''))
    for (const line of lines) this.#line(INDENT + line)
    this.gap()
  }

  /** States a claim that was tested just now, and remembers when it does not hold. */
  check(isTrue: boolean, claim: string): void {
    this.#checkCount++
    const marks = this.terminal.hasUnicode ? ['✓', '✗'] : ['ok:', 'WRONG:']
    const mark = isTrue ? this.#palette.green(`${marks[0]}`) : this.#palette.red(`${marks[1]}`)
    if (!isTrue) this.#failures.push(claim)
    const [first = '', ...rest] = wrapText(claim, this.terminal.columns - INDENT.length - 3)
    this.#line(`${INDENT}${mark} ${isTrue ? first : this.#palette.red(first)}`)
    for (const line of rest) this.#line(`${INDENT}  ${line}`)
  }

  #line(text: string): void {
    this.terminal.write(`${text}\n`)
    this.#isLastLineEmpty = text === ''
  }
}

/** Lays rows out in columns; the first line is the head. */
export function alignTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[i] ?? ''))),
  )
  const layOut = (cells: readonly string[]): string => {
    const padded = columns.map(({ align }, i) => {
      const cell = cells[i] ?? ''
      const gap = ' '.repeat((widths[i] ?? 0) - displayWidth(cell))
      return align === 'right' ? gap + cell : cell + gap
    })
    return padded.join('  ').trimEnd()
  }
  return [layOut(columns.map(({ title }) => title)), ...rows.map(layOut)]
}

/** Breaks text at spaces; a word longer than a line keeps a line of its own. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  if (line !== '') lines.push(line)
  return lines
}

/** Columns that a text takes: one for each code point, which is right for all that the demo prints. */
const displayWidth = (text: string): number => Array.from(text).length
