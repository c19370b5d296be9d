// Short texts of ASCII from their bytes. Each call into the runtime that makes a string of bytes costs some 90 ns, however
// short it is; handing over that many character codes costs 20 to 50, but only with their number fixed in the code.

import { generate } from './generated.js'

/** Longer texts are for the runtime. */
const SHORT_TEXT_MAX_BYTES = 32

type MakeText = (bytes: Uint8Array, at: number) => string | undefined

/** What a function costs that makes texts of one length is what so many calls into the runtime do. */
const RUNTIME_COUNT = 200

/** By length, made when that many texts of it were asked for. */
const makers: (MakeText | undefined)[] = []
const askedCounts = new Uint32Array(SHORT_TEXT_MAX_BYTES + 1)

/** The text; undefined when it is not ASCII, not short, or is left to the runtime: so are the first of each length. */
export function shortText(bytes: Uint8Array, start: number, count: number): string | undefined {
  if (count > SHORT_TEXT_MAX_BYTES) return undefined
  const make = makers[count]
  if (make !== undefined) return make(bytes, start)
  if (++askedCounts[count]! > RUNTIME_COUNT) makers[count] = makerOf(count)
  return undefined
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
