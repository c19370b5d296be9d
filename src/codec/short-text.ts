// Short texts of ASCII from their bytes. Each call into the runtime that makes a string of bytes costs some 90 ns, however
// short it is; handing over that many character codes costs 20 to 50, but only with their number fixed in the code.

import { generate } from './generated.js'

/** Longer texts are for the runtime. */
const SHORT_TEXT_MAX_BYTES = 32

type MakeText = (bytes: Uint8Array, at: number) => string | undefined

/** By length, made when they are first needed: all of them take some milliseconds. */
const makers: (MakeText | undefined)[] = []

/** The text; undefined when it is not ASCII, not short, or the runtime forbids code made of text. */
export function shortText(bytes: Uint8Array, start: number, count: number): string | undefined {
  if (count > SHORT_TEXT_MAX_BYTES) return undefined
  const make = makers[count] ?? (makers[count] = makerOf(count))
  return make(bytes, start)
}

function makerOf(count: number): MakeText {
  if (count === 0) return () => ''
  const codes = Array.from({ length: count }, (_, i) => `c${i}`)
  const body = `return (bytes, at) => {
    const ${codes.map((code, i) => `${code} = bytes[at + ${i}]`).join(', ')}
    return (${codes.join(' | ')}) < 0x80 ? fromCharCode(${codes.join(', ')}) : undefined
  }`
  return generate<MakeText>(body, { fromCharCode: String.fromCharCode }) ?? (() => undefined)
}
