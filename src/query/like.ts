// LIKE as in SQLite: `%` any text, `_` one character, letters of ASCII in either case.

/** Matches in time text x pattern at worst: only the last `%` is ever retried. An escape with nothing behind it matches nothing. */
export function isLike(text: string, pattern: string, escape = ''): boolean {
  let t = 0
  let p = 0
  let retryText = -1
  let retryPattern = -1
  while (t < text.length) {
    const symbol = pattern[p]
    const isEscape = symbol === escape
    const expected = isEscape ? pattern[p + 1] : symbol
    if (!isEscape && symbol === '%') {
      retryPattern = ++p
      retryText = t
    } else if (!isEscape && symbol === '_') {
      t += text.codePointAt(t)! > 0xffff ? 2 : 1
      p++
    } else if (expected !== undefined && fold(expected) === fold(text[t]!)) {
      p += isEscape ? 2 : 1
      t++
    } else if (retryPattern >= 0) {
      p = retryPattern
      t = ++retryText
    } else {
      return false
    }
  }
  return p === pattern.length || (escape !== '%' && /^%+$/.test(pattern.slice(p)))
}

function fold(character: string): string {
  return character >= 'A' && character <= 'Z' ? character.toLowerCase() : character
}
