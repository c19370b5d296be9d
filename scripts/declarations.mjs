// @ts-check
// Reads what `tsc` writes into dist/**/*.d.ts, which is regular enough to be read by lines: a declaration begins where a line
// begins, a member of it four columns further in.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * @typedef {{ doc: string, code: string[] }} Chunk  a declaration or a member, with the text of its comment
 * @typedef {{ path: string, name: string, kind: string, chunks: readonly Chunk[] }} Declared
 */

/**
 * What a name stands for that a file declares, imports or exports; undefined when that is not in dist.
 *
 * @param {string} path
 * @param {string} name
 * @returns {Declared | undefined}
 */
export function findDeclaration(path, name) {
  if (!existsSync(path)) return undefined
  const text = readFileSync(path, 'utf8')
  const heads = new RegExp(
    `^(?:export )?(?:declare )?(?:abstract )?(const|function|class|interface|type) ${name}\\b`,
  )
  const chunks = chunksOf(text.split('\n')).filter(({ code }) => heads.test(code[0] ?? ''))
  const kind = heads.exec(chunks[0]?.code[0] ?? '')?.[1]
  if (kind !== undefined) return { path, name, kind, chunks }
  const found = exportedNames(text.replace(/^import /gm, 'export ')).find(
    (one) => one.name === name && one.from !== undefined,
  )
  if (found?.from === undefined) return undefined
  return findDeclaration(join(dirname(path), found.from.replace(/\.js$/, '.d.ts')), found.original)
}

/**
 * The public members of a class, an interface or an object.
 *
 * @param {Declared} declared
 * @returns {Chunk[]}
 */
export function membersOf({ chunks }) {
  const lines = chunks.flatMap(({ code }) =>
    code[0]?.endsWith('{') ? code.slice(1, -1).map((line) => line.slice(4)) : [],
  )
  return chunksOf(lines).filter(({ code }) => !HIDDEN.test(code[0] ?? ''))
}

/** What is private, for heirs, for the compiler only, or said by the getter. */
const HIDDEN = /^(?:#|protected |private |set |(?:readonly )?\[(?!Symbol))/

/** @param {readonly string[]} lines @returns {Chunk[]} */
function chunksOf(lines) {
  /** @type {{ doc: string[], code: string[] }[]} */
  const chunks = []
  let current = { doc: [''], code: [''] }
  let isDoc = false
  for (const line of lines) {
    if (!isDoc && /^\S/.test(line) && !/^[})\]]/.test(line) && current.code.length !== 0) {
      current = { doc: [], code: [] }
      chunks.push(current)
    }
    isDoc ||= line.startsWith('/**')
    if (isDoc) current.doc.push(line)
    else current.code.push(line)
    if (line.endsWith('*/')) isDoc = false
  }
  return chunks.map(({ doc, code }) => ({ doc: textOf(doc), code }))
}

/** @param {readonly string[]} comment */
function textOf(comment) {
  return comment
    .map((line) => line.replace(/^\s*(?:\/\*\*|\*\/|\*) ?/, '').replace(/ ?\*\/$/, ''))
    .join('\n')
    .trim()
}

/**
 * The names a file exports, in code point order.
 *
 * @param {string} text
 * @returns {{ name: string, original: string, from: string | undefined, isType: boolean }[]}
 */
export function exportedNames(text) {
  const names = []
  for (const [, type, list, from] of text.matchAll(
    /^export (type )?\{([^}]*)\}(?: from '([^']+)')?/gm,
  )) {
    for (const item of (list ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean)) {
      const [original = '', alias] = item.replace(/^type /, '').split(/\s+as\s+/)
      const isType = type !== undefined || item.startsWith('type ')
      names.push({ name: alias ?? original, original, from, isType })
    }
  }
  const declared = /^export (?:declare )?(?:async )?(const|function|class|interface|type) (\w+)/gm
  for (const [, kind = '', name = ''] of text.matchAll(declared)) {
    const isType = kind === 'interface' || kind === 'type'
    names.push({ name, original: name, from: undefined, isType })
  }
  return names.sort((a, b) => (a.name < b.name ? -1 : 1))
}
