// @ts-check
// Puts a bug of the table into a file of the built engine.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** @param {string} text  which may be spaced differently */
function patternOf(text) {
  const words = text.split(/\s+/).map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(words.join('\\s+'), 'g')
}

/**
 * Where the built module of a file lies: in that file, or joined with others. @see scripts/join-modules.mjs
 *
 * @param {string} root @param {string} file
 */
function moduleOf(root, file) {
  const path = join(root, 'dist', file)
  const text = readFileSync(path, 'utf8')
  const joined =
    /^import \{ \$\w+ \} from '([^']+)';\n(?:export const \{[^}]*\} = \$\w+;\n)?$/.exec(text)
  if (joined === null) return { path, text, start: 0, end: text.length }
  const home = join(path, '..', /** @type {string} */ (joined[1]))
  const whole = readFileSync(home, 'utf8')
  const start = whole.indexOf(`(() => { // ${file}\n`)
  return { path: home, text: whole, start, end: whole.indexOf('\n})();\n', start) }
}

/**
 * The file to write and its text with the bug; undefined when the bug's text is not there exactly once.
 *
 * @param {string} root @param {import('./bug.mjs').Bug} bug
 * @returns {{ path: string, text: string } | undefined}
 */
export function planted(root, { file, text, replacement }) {
  if (!existsSync(join(root, 'dist', file))) return undefined
  const module = moduleOf(root, file)
  const parts = module.text.slice(module.start, module.end).split(patternOf(text))
  if (parts.length !== 2) return undefined
  const [before, after] = [module.text.slice(0, module.start), module.text.slice(module.end)]
  return { path: module.path, text: before + parts.join(replacement) + after }
}
