// What the output may use: colour, box characters, redrawing of a line.

export interface Terminal {
  readonly write: (text: string) => void
  /** A person watches: lines may be redrawn. */
  readonly isInteractive: boolean
  readonly hasColor: boolean
  readonly hasUnicode: boolean
  readonly columns: number
}

interface OutputStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** Looks at the stream and at NO_COLOR and TERM, as https://no-color.org has it. */
export function terminalOf(
  stream: OutputStream,
  environment: Readonly<Record<string, string | undefined>>,
): Terminal {
  const isDumb = environment['TERM'] === 'dumb'
  const isInteractive = stream.isTTY === true && !isDumb
  return {
    write: (text) => {
      stream.write(text)
    },
    isInteractive,
    hasColor: isInteractive && (environment['NO_COLOR'] ?? '') === '',
    hasUnicode: !isDumb,
    columns: Math.max(60, Math.min(100, stream.columns ?? 88)),
  }
}

export type Paint = (text: string) => string

export interface Palette {
  readonly bold: Paint
  readonly dim: Paint
  readonly green: Paint
  readonly red: Paint
  readonly cyan: Paint
}

const PLAIN: Paint = (text) => text
const paint =
  (open: number, close: number): Paint =>
  (text) =>
    `\x1b[${open}m${text}\x1b[${close}m`

export function paletteOf(terminal: Terminal): Palette {
  if (!terminal.hasColor) {
    return { bold: PLAIN, dim: PLAIN, green: PLAIN, red: PLAIN, cyan: PLAIN }
  }
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    green: paint(32, 39),
    red: paint(31, 39),
    cyan: paint(36, 39),
  }
}
