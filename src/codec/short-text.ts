// Short texts of ASCII from their bytes. Each call into the runtime that makes a string of bytes costs some 90 ns, however
// short it is; handing over that many character codes costs 20 to 50, but only with their number fixed in the code.

import { generate } from './generated.js'

/** Longer texts are for the runtime. */
const SHORT_TEXT_MAX_BYTES = 32

type MakeText = (bytes: Uint8Array, start: number) => string | undefined

/** What a function costs that makes texts of one length is what so many calls into the runtime do. */
const RUNTIME_COUNT = 200

/** By length. */
const makers = Array.from({ length: SHORT_TEXT_MAX_BYTES + 1 }, (_, count) => counterOf(count))

/** The text; undefined when it is not ASCII, not short, or is left to the runtime: so are the first of each length. */
export function shortText(bytes: Uint8Array, start: number, count: number): string | undefined {
  return count <= SHORT_TEXT_MAX_BYTES ? makers[count]!(bytes, start) : undefined
}

/** Leaves texts to the runtime until it is worth making a function for them. */
function counterOf(count: number): MakeText {
  let askedCount = 0
  return () => {
    if (++askedCount > RUNTIME_COUNT) makers[count] = makerOf(count)
    return undefined
  }
}

function makerOf(count: number): MakeText {
  if (count === 0) return () => ''
  const codes = Array.from({ length: count }, (_, i) => `c${i}`)
  const body = `return (bytes, start) => {
    const ${codes.map((code, i) => `${code} = bytes[start + ${i}]`).join(', ')}
    return (${codes.join(' | ')}) < 0x80 ? fromCharCode(${codes.join(', ')}) : undefined
  }`
  return generate<MakeText>(body, { fromCharCode: String.fromCharCode }) ?? (() => undefined)
}
