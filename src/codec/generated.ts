// The one place where code is made from text. What goes in is the structure of a schema, made by our own functions; names
// that a user chose stand in it as JSON string literals only, values never. Where the runtime forbids it
// (--disallow-code-generation-from-strings), or a feature cannot be had this way, callers have an interpreter of equal
// results: see docs/decisions/0016-rows-straight-to-bytes.md.

/** Whether the runtime allows it; asked once. */
let isAllowed: boolean | undefined

/**
 * Makes a function of `body` that sees `scope` under its names.
 *
 * @returns undefined where the runtime forbids it
 */
export function generate<F>(body: string, scope: Readonly<Record<string, unknown>>): F | undefined {
  isAllowed ??= canGenerate()
  if (!isAllowed) return undefined
  // oxlint-disable-next-line no-new-func
  return new Function(...Object.keys(scope), `'use strict'\n${body}`)(...Object.values(scope)) as F
}

/** A name as it may stand in generated code: as a string literal. */
export function literal(name: string): string {
  // JSON allows two line ends in strings that no older JavaScript does.
  return JSON.stringify(name).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

function canGenerate(): boolean {
  try {
    // oxlint-disable-next-line no-new-func
    return new Function('return true')() === true
  } catch (error) {
    if (error instanceof EvalError) return false
    throw error
  }
}
