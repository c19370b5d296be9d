// One planted bug. Text is what stands in the file exactly once, however it is spaced; replacement is the bug, harness is who
// must notice.

/**
 * @typedef {object} Bug
 * @property {string} name
 * @property {string} file  in dist
 * @property {string} text
 * @property {string} replacement
 * @property {keyof typeof import('./harnesses.mjs').HARNESSES} harness
 */

/** @type {(name: string, file: string, text: string, replacement: string, harness: string) => Bug} */
export const bug = (name, file, text, replacement, harness) => ({
  name,
  file,
  text,
  replacement,
  harness,
})
