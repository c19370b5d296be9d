// Reads TypeScript just well enough for the rules: where code ends and comments, strings and regular expressions begin,
// and what a file imports. Everything that is blanked keeps its place, so offsets and lines stay true.

/** The text with comments gone and the insides of strings, templates and regular expressions blanked. */
export function codeOnly(text: string): string {
  const out = [...text]
  const blank = (start: number, end: number) => {
    for (let i = start; i < end; i++) if (out[i] !== '\n') out[i] = ' '
  }
  // One entry per open template expression: how many braces are open inside it.
  const templates: number[] = []
  let i = 0
  while (i < text.length) {
    const two = text.slice(i, i + 2)
    const c = text[i]!
    let end = i + 1
    if (two === '//') {
      end = endOf(text, '\n', i)
      blank(i, end)
    } else if (two === '/*') {
      end = endOf(text, '*/', i + 2) + 2
      blank(i, end)
    } else if (c === "'" || c === '"') {
      end = literalEnd(text, i + 1, c)
      blank(i + 1, end - 1)
    } else if (c === '/' && startsRegExp(out, i)) {
      end = regExpEnd(text, i + 1)
      blank(i + 1, end - 1)
    } else if (c === '`' || (c === '}' && templates.at(-1) === 0)) {
      if (c === '}') templates.pop()
      const [stop, opensExpression] = templateEnd(text, i + 1)
      end = stop
      blank(i + 1, opensExpression ? end - 2 : end - 1)
      if (opensExpression) templates.push(0)
    } else if (templates.length > 0 && (c === '{' || c === '}')) {
      templates[templates.length - 1]! += c === '{' ? 1 : -1
    }
    i = end
  }
  return out.join('')
}

export interface Import {
  readonly specifier: string
  readonly line: number
}

const IMPORT =
  /\bfrom\s*(['"])|\bimport\s*(['"])|\bimport\s*\(\s*(['"])|\bnew\s+URL\s*\(\s*(['"])(?=[^'"]*['"]\s*,\s*import\.meta\.url)/g

/** Everything a file names as another module: static and dynamic imports, re-exports, and files started by URL. */
export function importsOf(text: string, code: string = codeOnly(text)): Import[] {
  const imports: Import[] = []
  for (const match of code.matchAll(IMPORT)) {
    const start = match.index + match[0].length
    const end = code.indexOf(text[start - 1]!, start)
    imports.push({ specifier: text.slice(start, end), line: lineOf(text, start) })
  }
  return imports
}

export function lineOf(text: string, offset: number): number {
  let line = 1
  for (let i = 0; i < offset; i++) if (text[i] === '\n') line++
  return line
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found
}

function literalEnd(text: string, from: number, quote: string): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === quote || text[i] === '\n') return i + 1
  }
  return text.length
}

/** Where the literal part of a template ends, and whether an expression begins there. */
function templateEnd(text: string, from: number): [number, boolean] {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') return [i + 1, false]
    else if (text[i] === '$' && text[i + 1] === '{') return [i + 2, true]
  }
  return [text.length, false]
}

function regExpEnd(text: string, from: number): number {
  let isInClass = false
  for (let i = from; i < text.length; i++) {
    const c = text[i]
    if (c === '\\') i++
    else if (c === '\n') return i
    else if (c === '[') isInClass = true
    else if (c === ']') isInClass = false
    else if (c === '/' && !isInClass) return i + 1
  }
  return text.length
}

/** A slash divides behind a value and begins a regular expression elsewhere. */
function startsRegExp(before: readonly string[], at: number): boolean {
  let i = at - 1
  while (i >= 0 && /\s/.test(before[i]!)) i--
  if (i < 0) return true
  if (!/[\w$)\]'"`]/.test(before[i]!)) return true
  let word = ''
  for (; i >= 0 && /[\w$]/.test(before[i]!); i--) word = before[i]! + word
  return /^(return|case|typeof|in|of|do|else|throw|await|yield)$/.test(word)
}
