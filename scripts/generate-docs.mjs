// @ts-check
// Writes the pages that are made from code: docs/errors.md, docs/options.md, docs/cli.md, docs/api.md and
// docs/formats/*.md.
// Run after a build: `npm run docs`. test/tidy.test.ts fails when a page is stale.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { apiPage } from './api-page.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * @param {string} [root]
 * @returns {Promise<Map<string, string>>} page path -> text
 */
export async function generateDocs(root = ROOT) {
  /** @type {Map<string, string>} */
  const pages = new Map()
  const { ERROR_TABLE } = await load(root, 'base/error-table.js')
  pages.set('docs/errors.md', errorsPage(ERROR_TABLE))
  if (existsSync(join(root, 'dist/db/options.js'))) {
    const { SETTINGS } = await load(root, 'db/options.js')
    pages.set('docs/options.md', optionsPage(SETTINGS, await load(root, 'base/options.js')))
  }
  if (existsSync(join(root, 'dist/cli/commands.js'))) {
    const { COMMANDS } = await load(root, 'cli/commands.js')
    pages.set('docs/cli.md', cliPage(COMMANDS, await load(root, 'cli/usage.js')))
  }
  if (existsSync(join(root, 'dist/index.d.ts'))) {
    pages.set('docs/api.md', apiPage(join(root, 'dist'), NOTE))
  }
  for (const path of sourceFiles(join(root, 'src'), 'src')) {
    const head = headOf(readFileSync(join(root, path), 'utf8'))
    if (isSpecification(head)) pages.set(formatPagePath(path), formatPage(path, head))
  }
  return pages
}

const NOTE = 'This page is made from code by `npm run docs`; change it there.'

/** @param {Record<string, { kind: string, meaning: string, advice: string }>} table */
export function errorsPage(table) {
  const lines = [
    '# Errors',
    '',
    'Everything the engine throws is an `EngineError` with a stable `code`, the `kind` that says what you can do, `advice` in',
    'words, `details` for programs, `cause` when something lies beneath, and `committed`: whether the commit that failed',
    'happened all the same. `isRetryable` is true when nothing was written and the same call may succeed later. Codes are never',
    'renamed; messages may change.',
    '',
    NOTE,
  ]
  for (const [kind, what] of KINDS) {
    const rows = Object.entries(table).filter(([, row]) => row.kind === kind)
    if (rows.length === 0) continue
    lines.push(
      '',
      `## ${kind}: ${what}`,
      '',
      '| code | what happened | what to do |',
      '|---|---|---|',
    )
    for (const [code, row] of rows) lines.push(`| \`${code}\` | ${row.meaning} | ${row.advice} |`)
  }
  return `${lines.join('\n')}\n`
}

const KINDS = /** @type {const} */ ([
  ['invalid', 'fix the call'],
  ['conflict', 'retry the transaction'],
  ['denied', 'ask for a grant'],
  ['quota', 'wait, or raise the quota'],
  ['unavailable', 'retry with back-off'],
  ['corrupt', 'restore or repair; never retry'],
  ['closed', 'open the database again'],
  ['internal', 'report it'],
])

/**
 * @param {import('../dist/base/options.js').SettingsTable} table
 * @param {Pick<typeof import('../dist/base/options.js'), 'describeRange' | 'describeValue'>} words
 */
export function optionsPage(table, { describeRange, describeValue }) {
  const lines = [
    '# Options',
    '',
    'Settings of `open()`. An unknown name or a value outside its range is refused: `OPTION_UNKNOWN`, `OPTION_OUT_OF_RANGE`.',
    '',
    NOTE,
    '',
    '| setting | default | allowed | what it does |',
    '|---|---|---|---|',
  ]
  for (const [name, entry] of Object.entries(table)) {
    const value = describeValue(entry, entry.default)
    lines.push(`| \`${name}\` | ${value} | ${describeRange(entry)} | ${entry.doc} |`)
  }
  return `${lines.join('\n')}\n`
}

/**
 * @param {readonly { name: string }[]} commands
 * @param {{ commandHelp(command: object): string }} usage
 */
function cliPage(commands, { commandHelp }) {
  const lines = [
    '# The command line',
    '',
    '`npx tabularium COMMAND` looks into databases and runs SQL on them. It is part of the package and uses nothing but it.',
    '',
    '- **It never creates a database** and never asks a question: a wrong path is `DB_NOT_FOUND`, a directory of something else',
    '  `DB_NOT_A_DATABASE`, and nothing is touched.',
    '- **`stats`, `verify`, `salvage`, `sql` and `tenants` open the database** as an application does: they recover what the log',
    '  proves, take the lock (an open database is refused with `DB_LOCKED`, which names the holder) and close cleanly. They drop no',
    '  history, whatever window the application uses.',
    '- **`doctor` looks at a directory from outside**, damaged or not, a database or not, and changes nothing. Start with it',
    '  [when something broke](reliability.md#when-something-broke).',
    '- **`inspect` reads one file**, for reading only, and works beside an application that has the database open. A file that is',
    '  being written may then look as if its last write were cut off.',
    '- **Answers go to stdout**, errors, remarks and progress to stderr. An error is its code and message, then a line with what',
    '  to do; see [errors](errors.md).',
    '- **`--json`** prints one object instead. An error is `{"error": {"code", "message", "advice", "details"}}`, on stdout, too;',
    '  a damaged file that `inspect` could read in part has the `error` beside what was read. Names are those of the API;',
    '  bytes are hexadecimal, bigints and decimals texts.',
    '- **Exit codes**: 0 all is well; 1 damage was found, or the command failed; 2 the command line is wrong.',
    '- **Text from the database** is printed on one line with control and format characters as escapes (`\\x1b`, `\\u{202e}`): no',
    '  name and no value can steer a terminal. `--json` has the text as it is.',
    '',
    NOTE,
    '',
  ]
  for (const command of commands) {
    lines.push(`## ${command.name}`, '', '```text', commandHelp(command), '```', '')
  }
  return lines.join('\n')
}

/**
 * The comment a file starts with, without its slashes.
 *
 * @param {string} text
 */
export function headOf(text) {
  const lines = []
  for (const line of text.split('\n')) {
    if (!line.startsWith('//')) break
    lines.push(line.replace(/^\/\/ ?/, ''))
  }
  return lines.join('\n')
}

/** A head that says when bytes are valid and what compatibility means is the specification of a format. @param {string} head */
export function isSpecification(head) {
  return /^Valid:/m.test(head) && /^Compat:/m.test(head)
}

/** @param {string} path  `src/wal/format.ts` -> `docs/formats/wal.md` */
export function formatPagePath(path) {
  const name = path
    .replace(/^src\//, '')
    .replace(/\.ts$/, '')
    .replaceAll('/', '-')
    .replace(/-format$/, '')
  return `docs/formats/${name}.md`
}

/**
 * @param {string} path
 * @param {string} head
 */
function formatPage(path, head) {
  return `# Format: \`${path}\`\n\n${NOTE}\n\n\`\`\`text\n${head}\n\`\`\`\n`
}

/**
 * @param {string} folder
 * @param {string} prefix
 * @returns {string[]}
 */
function sourceFiles(folder, prefix) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${prefix}/${entry.name}`
      if (entry.isDirectory()) return sourceFiles(join(folder, entry.name), path)
      return entry.name.endsWith('.ts') ? [path] : []
    })
    .sort()
}

/**
 * @param {string} root
 * @param {string} path
 */
async function load(root, path) {
  return import(pathToFileURL(join(root, 'dist', path)).href)
}

async function main() {
  const pages = await generateDocs()
  rmSync(join(ROOT, 'docs/formats'), { recursive: true, force: true })
  for (const [path, text] of pages) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true })
    writeFileSync(join(ROOT, path), text)
    console.log(path)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
