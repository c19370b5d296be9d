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
 * The file with the bug; undefined when its text is not there exactly once.
 *
 * @param {string} root @param {import('./bug.mjs').Bug} bug @returns {string | undefined}
 */
export function planted(root, { file, text, replacement }) {
  const path = join(root, 'dist', file)
  if (!existsSync(path)) return undefined
  const parts = readFileSync(path, 'utf8').split(patternOf(text))
  return parts.length === 2 ? parts.join(replacement) : undefined
}
