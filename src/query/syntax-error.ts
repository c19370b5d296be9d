// Where in the text a statement is wrong, shown the way compilers do: the line, and a caret under the place.

import { type EngineError, engineError } from '../base/errors.js'

type PlacedCode =
  | 'SQL_SYNTAX'
  | 'SQL_UNSUPPORTED'
  | 'SQL_UNKNOWN_NAME'
  | 'SQL_AMBIGUOUS_NAME'
  | 'SQL_TYPE'
  | 'SQL_PARAMETER'

/** Characters of a long line that are shown on each side of the place. */
const EXCERPT_SIDE_LENGTH = 60

/** Makes an error that points at an offset of the statement text; details carry line and column, both from 1. */
export function placedError(
  code: PlacedCode,
  message: string,
  text: string,
  offset: number,
  cause?: unknown,
): EngineError {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  const nextBreak = text.indexOf('\n', offset)
  const lineEnd = nextBreak === -1 ? text.length : nextBreak
  const excerptStart = Math.max(lineStart, offset - EXCERPT_SIDE_LENGTH)
  const excerptEnd = Math.min(lineEnd, offset + EXCERPT_SIDE_LENGTH)
  const excerpt = printable(text.slice(excerptStart, excerptEnd))
  const caret = `${' '.repeat(offset - excerptStart)}^`
  const line = countLines(text, lineStart)
  const column = offset - lineStart + 1
  return engineError(
    code,
    `${message} (line ${line}, column ${column})\n  ${excerpt}\n  ${caret}`,
    cause === undefined ? { details: { line, column } } : { details: { line, column }, cause },
  )
}

/** Keeps one column per UTF-16 unit, so that the caret stays under its place. */
function printable(text: string): string {
  let shown = ''
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    shown += code < 0x20 || code === 0x7f ? ' ' : text[i]
  }
  return shown
}

function countLines(text: string, lineStart: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < lineStart; at = text.indexOf('\n', at + 1)) {
    line++
  }
  return line
}
