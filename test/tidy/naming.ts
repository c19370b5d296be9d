// Names and sizes: of files, of identifiers; and what only env/ may touch.

import { posix } from 'node:path'

import type { Project } from './project.js'
import { importsOf, lineOf } from './source.js'

const LINES_MAX = 500
const CODE_FOLDERS = ['src', 'test', 'bench', 'examples', 'scripts']

export function sizeComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const folder of CODE_FOLDERS) {
    for (const path of project.paths(folder, '.ts', '.mjs')) {
      const lineCount = project.text(path).replace(/\n$/, '').split('\n').length
      if (lineCount <= LINES_MAX || path.endsWith('-table.ts')) continue
      complaints.push(`${path} has ${lineCount} lines of ${LINES_MAX}: split it by nouns`)
    }
  }
  return complaints
}

const VAGUE_WORDS = new Set('util utils helper helpers common misc shared stuff v2'.split(' '))

export function fileNameComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const folder of CODE_FOLDERS) {
    for (const path of project.paths(folder, '.ts', '.mjs')) {
      for (const part of path.split('/').slice(1)) {
        const words = part.split(/[-_.]/)
        const vague = words.find((word) => VAGUE_WORDS.has(word))
        if (vague !== undefined) complaints.push(`${path}: '${vague}' says nothing; name the noun`)
        if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/.test(part)) {
          complaints.push(`${path}: '${part}' is not kebab-case`)
        }
      }
    }
  }
  for (const path of project.paths('src', '/index.ts')) {
    if (path !== 'src/index.ts') complaints.push(`${path}: import from the defining file instead`)
  }
  return complaints
}

/** What the glossary does not say, with what it says. */
const BANNED_WORDS: ReadonlyMap<string, string> = new Map([
  ['partition', 'tablet'],
  ['shard', 'tablet'],
  ['region', 'tablet'],
  ['page', 'block'],
  ['bloom', 'filter'],
  ['whiteout', 'tombstone'],
  ['horizon', 'watermark'],
  ['dump', 'archive (backups) or inspect'],
  ['lsn', 'seqNum'],
])
/** `segment` is one immutable Arrow file and nothing else, and where there are some nothing else names them. */
const SEGMENT_ROOMS = ['src/columnar/', 'src/indexes/', 'src/query/', 'src/backup/']
const SEGMENT_NAMES = new Set(['FILE_TYPE_SEGMENT'])

export function wordComplaints(project: Project): string[] {
  const complaints = new Set<string>()
  for (const path of project.paths('src', '.ts')) {
    const name = posix.basename(path, '.ts')
    const found = [...project.code(path).matchAll(/#?[A-Za-z_$][\w$]*/g)]
    for (const [identifier] of [[name], ...found]) {
      for (const word of wordsOf(identifier!)) {
        const say = BANNED_WORDS.get(word) ?? BANNED_WORDS.get(word.replace(/s$/, ''))
        if (say !== undefined) complaints.add(`${path}: '${identifier}': say ${say}`)
        const isAboutSegments = SEGMENT_ROOMS.some((room) => path.startsWith(room))
        if (/^chunks?$/.test(word) && isAboutSegments) {
          complaints.add(`${path}: '${identifier}': say segment or row group`)
        } else if (
          /^segments?$/.test(word) &&
          !isAboutSegments &&
          !SEGMENT_NAMES.has(identifier!)
        ) {
          complaints.add(`${path}: '${identifier}': a segment is an Arrow file; say WAL file`)
        }
      }
    }
  }
  return [...complaints]
}

const CLASS_SUFFIX =
  /\bclass\s+(\w*(?:Manager|Handler|Processor|Helpers?|Utils?|Impl))\b|\binterface\s+(I[A-Z][a-z]\w*)/g

export function typeNameComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const path of project.paths('src', '.ts')) {
    for (const [, className, interfaceName] of project.code(path).matchAll(CLASS_SUFFIX)) {
      const found = className ?? interfaceName
      complaints.push(`${path}: '${found}': name the noun (Writer, Builder, Reader, Picker, Job)`)
    }
  }
  return complaints
}

/** Word parts of an identifier, lower case: `maxPageBytes` -> max, page, bytes. */
function wordsOf(identifier: string): string[] {
  return identifier
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase())
}

const BANNED_GLOBALS: readonly (readonly [RegExp, string])[] = [
  [/\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|(?![\s(\w$]))/g, 'the clock'],
  [/\bperformance\s*\.\s*now\b|\bprocess\s*\.\s*hrtime\b/g, 'the clock'],
  [/\b(?:setTimeout|setInterval|setImmediate)\b/g, 'a timer'],
  [/\bMath\s*\.\s*random\b/g, 'chance'],
  [/\b(?:randomBytes|randomUUID|randomInt|randomFill(?:Sync)?|getRandomValues)\b/g, 'chance'],
]
const BANNED_MODULES: ReadonlyMap<string, string> = new Map([
  ['node:fs', 'files'],
  ['node:fs/promises', 'files'],
  ['node:timers', 'a timer'],
  ['node:timers/promises', 'a timer'],
  ['node:perf_hooks', 'the clock'],
  ['node:worker_threads', 'threads'],
  ['node:child_process', 'processes'],
  ['piscina', 'threads'],
])

/** Outside env/ nothing touches time, chance, files or threads: then a failure replays from a seed. */
export function outsideWorldComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const path of project.paths('src', '.ts')) {
    if (path.startsWith('src/env/')) continue
    const code = project.code(path)
    for (const [pattern, what] of BANNED_GLOBALS) {
      for (const match of code.matchAll(pattern)) {
        const place = `${path}:${lineOf(code, match.index)}`
        complaints.push(`${place} '${match[0]}': ${what} comes through env/env.ts`)
      }
    }
    for (const { specifier, line } of importsOf(project.text(path), code)) {
      const what = BANNED_MODULES.get(specifier)
      if (what === undefined) continue
      complaints.push(`${path}:${line} imports ${specifier}: ${what} come(s) through env/env.ts`)
    }
  }
  return complaints
}

const MACHINE_PATH = /(?<![\w.])\/(?:work|home|root|Users)\/\w+/

/** Nothing in the repository knows the machine it was written on. */
export function machinePathComplaints(project: Project): string[] {
  const complaints: string[] = []
  for (const [path, text] of project.files) {
    if (path.startsWith('test/tidy/')) continue
    const found = MACHINE_PATH.exec(text)
    if (found !== null) complaints.push(`${path}:${lineOf(text, found.index)}: '${found[0]}'`)
    const shared = path.startsWith('test/') ? -1 : text.indexOf('../shared')
    if (shared >= 0) complaints.push(`${path}:${lineOf(text, shared)}: only tests look outside`)
  }
  return complaints
}
