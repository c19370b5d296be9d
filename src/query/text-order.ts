// Text is ordered by code point, as its keys are (UTF-8 byte order). JavaScript's own < orders UTF-16 units, which puts
// surrogate pairs before U+E000..U+FFFF.

const SURROGATE_START = 0xd800

export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Moves surrogates above every other unit. */
function rank(unit: number): number {
  if (unit < SURROGATE_START) return unit
  return unit >= 0xe000 ? unit - 0x2000 : unit + 0x2000
}
