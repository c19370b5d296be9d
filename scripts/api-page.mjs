// @ts-check
// docs/api.md: every public name with its members, from the comments and types in dist/**/*.d.ts.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportedNames, findDeclaration, membersOf } from './declarations.mjs'

/**
 * @typedef {import('./declarations.mjs').Declared} Declared
 * @typedef {import('./declarations.mjs').Chunk} Chunk
 * @typedef {{ chunk: Chunk, owner: Declared }} Member  with the declaration that it stands in
 */

const ENTRIES = /** @type {const} */ ([
  ['tabularium', 'index.d.ts'],
  ['tabularium/level', 'connect/level.d.ts'],
  ['tabularium/testing', 'testing.d.ts'],
])

/** Types that take more are for the compiler. */
const DEFINITION_MAX_CHARACTERS = 100

/**
 * @param {string} dist
 * @param {string} note
 */
export function apiPage(dist, note) {
  const lines = [
    '# Public names',
    '',
    'What is not listed here is private and may change. With a call stand the [codes](errors.md) that are its own; nearly every',
    'call can fail with `DB_CLOSED`, `DB_POISONED` and, where it reads files, the codes of damage, too.',
    '',
    note,
  ]
  for (const [subpath, file] of ENTRIES) {
    const path = join(dist, file)
    if (existsSync(path)) lines.push('', `## ${subpath}`, '', ...entryLines(path))
  }
  return `${lines.join('\n')}\n`
}

/** @param {string} path */
function entryLines(path) {
  const exported = exportedNames(readFileSync(path, 'utf8'))
  const names = new Set(exported.map(({ name }) => name))
  const rows = ['| name | what it is |', '|---|---|']
  /** @type {string[]} */
  const sections = []
  /** @type {Set<string>} */
  const anchors = new Set()
  for (const { name, isType } of exported) {
    const declared = findDeclaration(path, name)
    if (declared === undefined) continue
    const items = itemsOf(declared, names, isType)
    let shown = `\`${name}\``
    if (items.length > 0) {
      const anchor = anchors.has(name.toLowerCase()) ? `${name}-1` : name
      anchors.add(anchor.toLowerCase())
      shown = `[${shown}](#${anchor.toLowerCase()})`
      sections.push('', `### ${name}`, '', ...aboutLines(declared), ...items)
    }
    rows.push(`| ${shown} | ${summaryOf(declared).replaceAll('|', '\\|')} |`)
  }
  return [...rows, ...sections]
}

/** Kind, or definition where it is a short type, and the first sentence. @param {Declared} declared */
function summaryOf({ kind, chunks }) {
  const { doc = '', code = [] } = chunks[0] ?? {}
  const [sentence = ''] = tagsOf(doc).text.split(/(?<=[.?])\s/)
  const [, definition = ''] = /^[^=]* = (.*);$/.exec(oneLine(code)) ?? []
  const isShown = kind === 'type' && definition.length <= DEFINITION_MAX_CHARACTERS
  return [isShown ? `type \`${definition}\`` : kind, sentence].filter(Boolean).join('. ')
}

/** How a class or an interface is declared, and all that is said of it. @param {Declared} declared */
function aboutLines({ kind, chunks: [chunk] }) {
  if (chunk === undefined || kind === 'function') return []
  const text = oneLine(chunk.code).replace(/^(?:export )?(?:declare )?/, '')
  const head = kind === 'type' ? text.replace(/;$/, '') : text.replace(/:? \{.*/, '')
  return [`\`${head}\`. ${describe(chunk.doc)}`.trim(), '']
}

/**
 * A line for each call or value, with inner ones below it.
 *
 * @param {Declared} declared
 * @param {ReadonlySet<string>} names  that have sections of their own
 * @param {boolean} isType  whether nobody constructs it
 * @returns {string[]}
 */
function itemsOf(declared, names, isType) {
  const { kind, chunks } = declared
  if (kind === 'function') return chunks.map((chunk) => itemOf({ chunk, owner: declared }))
  return allMembers(declared, names)
    .filter(({ chunk }) => !isType || !chunk.code[0]?.startsWith('constructor'))
    .flatMap((member) => {
      const inner = innerOf(member, names)
      if (inner === undefined) return itemOf(member)
      const { doc } = member.chunk
      const chunk = { ...member.chunk, doc: doc === '' ? (inner.chunks[0]?.doc ?? '') : doc }
      const items = itemsOf(inner, names, true).map((line) => `  ${line}`)
      return [itemOf({ ...member, chunk }), ...items]
    })
}

/**
 * The members of a declaration, and of those that it stands on and that have no section of their own.
 *
 * @param {Declared} declared
 * @param {ReadonlySet<string>} names
 * @returns {Member[]}
 */
function allMembers(declared, names) {
  /** @type {Member[]} */
  const members =
    declared.kind === 'type' ? [] : membersOf(declared).map((chunk) => ({ chunk, owner: declared }))
  for (const base of basesOf(declared)) {
    if (names.has(base.name)) continue
    const known = new Set(members.map(({ chunk }) => nameOf(chunk)))
    members.push(...allMembers(base, names).filter(({ chunk }) => !known.has(nameOf(chunk))))
  }
  return members
}

/** @param {Chunk} member */
function nameOf({ code }) {
  return /\w+/.exec((code[0] ?? '').replace(/^(?:readonly |get |abstract )+/, ''))?.[0]
}

/** What a class or an interface extends, or a type begins with. @param {Declared} declared */
function basesOf({ path, name, kind, chunks }) {
  let head = oneLine(chunks[0]?.code ?? []).replaceAll('=>', '')
  while (/<[^<>]*>/.test(head)) head = head.replace(/<[^<>]*>/g, '')
  const bases = (kind === 'type' ? /= (\w+)/ : /^[^{]* extends ([\w, ]+?) (?:\{|implements)/).exec(
    head,
  )
  return (bases?.[1]?.split(', ') ?? [])
    .filter((base) => base !== name)
    .flatMap((base) => findDeclaration(path, base) ?? [])
}

/**
 * The interface that is the type of a member, when it has no section of its own and is data, without calls.
 *
 * @param {Member} member
 * @param {ReadonlySet<string>} names
 */
function innerOf({ chunk, owner }, names) {
  const type = /^[^(]*: (?:readonly )?(\w+)(?:\[\])?;$/.exec(oneLine(chunk.code))?.[1]
  if (type === undefined || names.has(type)) return undefined
  const found = findDeclaration(owner.path, type)
  if (found?.kind !== 'interface') return undefined
  const hasCalls = membersOf(found).some(({ code }) => /^[\w\s]+[(<]/.test(code[0] ?? ''))
  return hasCalls ? undefined : found
}

/** @param {Member} member */
function itemOf({ chunk: { doc, code }, owner }) {
  const signature = oneLine(code)
    .replace(/^(?:export )?(?:declare )?(?:function |readonly )?/, '')
    .replace(/^get (\w+)\(\)/, '$1')
    .replace(/;$/, '')
    .replace(/^(\w+): typeof (\w+)$/, (whole, name, of) => {
      const found = findDeclaration(owner.path, of)?.chunks[0]?.code ?? []
      const [, call] = /function \w+(.*);$/.exec(oneLine(found)) ?? []
      return call === undefined ? whole : `${name}${call}`
    })
  const about = describe(doc)
  return `- \`${signature}\`${about === '' ? '' : `: ${about}`}`
}

/** @param {readonly string[]} code */
function oneLine(code) {
  return code
    .join(' ')
    .replace(/\/\*\*.*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replaceAll('; }', ' }')
    .trim()
}

/** All that a comment says but examples, as sentences. @param {string} doc */
function describe(doc) {
  const { text, tags } = tagsOf(doc)
  const parameters = tags.param?.map((one) => one.replace(/^([\w.]+)\s+/, '`$1`: ')) ?? []
  const returns = tags.returns?.map((one) => `Returns ${one}`) ?? []
  const throws = tags.throws?.join('; ').replace(/\b[A-Z]+(?:_[A-Z]+)+\b/g, '`$&`')
  return [text, ...parameters, ...returns, throws === undefined ? '' : `Throws ${throws}`]
    .filter(Boolean)
    .map((part) => part.replace(/[^.?]$/, '$&.'))
    .join(' ')
}

/** @param {string} doc @returns {{ text: string, tags: Partial<Record<string, string[]>> }} */
function tagsOf(doc) {
  const [text = '', ...rest] = doc.split(/(?:^|\s)@(?=(?:param|returns|throws|example|see)\s)/)
  /** @type {Partial<Record<string, string[]>>} */
  const tags = {}
  for (const part of rest) {
    const [, tag = '', about = ''] = /^(\w+)\s+([\s\S]*)$/.exec(part) ?? []
    ;(tags[tag] ??= []).push(about.replace(/\s+/g, ' ').trim())
  }
  return { text: text.replace(/\s+/g, ' ').trim(), tags }
}
