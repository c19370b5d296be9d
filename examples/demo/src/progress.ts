// Says how far a load is: a bar that redraws itself for a person, a plain line now and then for a log.

import { formatCount, formatDuration, formatRate } from './figures.js'
import { type Palette, paletteOf, type Terminal } from './terminal.js'

const REDRAW_EVERY_MS = 100
const LINE_EVERY_MS = 1_000
/** Indent and figures of a large load, so that the bar keeps its width while they grow. */
const FIGURES_MAX_WIDTH = 60

export interface ProgressState {
  /** 0 to 1. */
  readonly fraction: number
  readonly rowCount: number
}

export class Progress {
  readonly #terminal: Terminal
  readonly #palette: Palette
  readonly #nowMs: () => number
  readonly #startedMs: number
  #shownMs: number

  constructor(terminal: Terminal, nowMs: () => number = () => performance.now()) {
    this.#terminal = terminal
    this.#palette = paletteOf(terminal)
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
    this.#shownMs = terminal.isInteractive ? Number.NEGATIVE_INFINITY : this.#startedMs
  }

  /** Call it as often as you like: it shows something only when it is time to. */
  update(state: ProgressState): void {
    const nowMs = this.#nowMs()
    const everyMs = this.#terminal.isInteractive ? REDRAW_EVERY_MS : LINE_EVERY_MS
    if (nowMs - this.#shownMs < everyMs) return
    this.#shownMs = nowMs
    const figures = progressFigures(state, nowMs - this.#startedMs)
    if (this.#terminal.isInteractive) this.#redraw(state.fraction, figures)
    else this.#terminal.write(`    ${figures}\n`)
  }

  /** Takes the bar away, so that what comes next starts on a clean line. */
  finish(): void {
    if (this.#terminal.isInteractive) this.#terminal.write('\r\x1b[2K')
  }

  #redraw(fraction: number, figures: string): void {
    const width = Math.max(10, this.#terminal.columns - FIGURES_MAX_WIDTH)
    const bar = progressBar(fraction, width, this.#terminal.hasUnicode)
    this.#terminal.write(`\r\x1b[2K    ${this.#palette.cyan(bar)}  ${figures}`)
  }
}

/** ' 42 %  210,000 rows  105,000/s  2.8 s left'. */
export function progressFigures({ fraction, rowCount }: ProgressState, elapsedMs: number): string {
  const percent = String(Math.floor(fraction * 100)).padStart(3)
  const parts = [`${percent} %`, `${formatCount(rowCount)} rows`, formatRate(rowCount, elapsedMs)]
  const leftMs = (elapsedMs * (1 - fraction)) / fraction
  if (fraction > 0 && fraction < 1) parts.push(`${formatDuration(leftMs)} left`)
  return parts.join('  ')
}

export function progressBar(fraction: number, width: number, hasUnicode: boolean): string {
  const full = Math.round(Math.max(0, Math.min(1, fraction)) * width)
  const [done, open] = hasUnicode ? ['█', '░'] : ['#', '.']
  return `${done}`.repeat(full) + `${open}`.repeat(width - full)
}
