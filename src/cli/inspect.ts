// Which of our files it is, from its first bytes or else from its name; each kind is put into words in a file of its own.

import { basename } from 'node:path'
import { type EngineError, engineError } from '../base/errors.js'
import {
  FILE_HEADER_BYTES,
  FILE_TYPE_MANIFEST,
  FILE_TYPE_SSTABLE,
  FILE_TYPE_SUPERBLOCK,
  FILE_TYPE_WAL,
  fileTypeOf,
} from '../codec/file-header.js'
import { LOCK_NAME } from '../env/lock-file.js'
import { type FileSystem, readFile } from '../env/file-system.js'
import { parseHolder } from '../env/lock-holder.js'
import { SUPERBLOCK_NAME } from '../lsm/superblock.js'
import { RESERVE_NAME } from '../store/reserve.js'
import {
  type Arguments,
  type Command,
  onlyArgument,
  type Report,
  textOption,
  UsageError,
} from './command.js'
import { inspectManifest } from './inspect-manifest.js'
import { inspectSuperblock } from './inspect-superblock.js'
import { inspectTable } from './inspect-table.js'
import { inspectWal } from './inspect-wal.js'
import type { InspectOptions } from './inspection.js'
import { factLines } from './layout.js'

const LIMIT_DEFAULT = 20

type Inspector = (fs: FileSystem, path: string, options: InspectOptions) => Report

export const INSPECT: Command = {
  name: 'inspect',
  synopsis: 'FILE [--entries] [--limit N]',
  summary: 'prints any of our files in words',
  help: `Prints a WAL file, sstable, manifest, SUPERBLOCK or LOCK in words, from that file alone: it needs no database around it,
opens it for reading only and works while the database is open. The whole file is checked. A damaged one is printed
as far as it can be read, then the error; exit code 1.

  --entries        also what the file holds: entries of sstables, writes of commits, edits of manifests
  --limit N        at most N lines of each list; ${LIMIT_DEFAULT} unless given

Keys are printed without the names of their tenants and tables, which are in the catalog: tenant and table are numbers,
tenant 0 is the system, index 0 holds the rows. Bytes that are not ASCII are printed as \\x00.

Examples:
  tabularium inspect ./data/SUPERBLOCK
  tabularium inspect ./data/000012.sst --entries --limit 100
  tabularium inspect ./data/000011.wal --json | jq .end`,
  options: { entries: { type: 'boolean' }, limit: { type: 'string' } },
  run: (given, { fs }) => {
    const path = onlyArgument(given, 'FILE')
    const options = { withEntries: given.options['entries'] === true, limit: limitOf(given) }
    if (fs.isDirectory(path)) {
      throw notOurs(path, 'it is a directory; inspect takes a file, stats and verify a database')
    }
    if (basename(path) === RESERVE_NAME) {
      throw notOurs(path, 'it is room set apart for a full disk and holds nothing')
    }
    return inspectorOf(fs, path)(fs, path, options)
  },
}

function limitOf(given: Arguments): number {
  const text = textOption(given, 'limit')
  if (text === undefined) return LIMIT_DEFAULT
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new UsageError(`--limit takes a whole number from 1 on, not ${text}`)
  }
  return Number(text)
}

function inspectorOf(fs: FileSystem, path: string): Inspector {
  const inspector = INSPECTORS.get(fileTypeAt(fs, path) ?? -1) ?? inspectorOfName(basename(path))
  if (inspector !== undefined) return inspector
  throw notOurs(path, 'it is none of the files of a database')
}

const INSPECTORS: ReadonlyMap<number, Inspector> = new Map([
  [FILE_TYPE_WAL, inspectWal],
  [FILE_TYPE_SSTABLE, inspectTable],
  [FILE_TYPE_MANIFEST, inspectManifest],
  [FILE_TYPE_SUPERBLOCK, inspectSuperblock],
])

/** The type that the first bytes state, damaged or not; undefined when they are not ours. */
function fileTypeAt(fs: FileSystem, path: string): number | undefined {
  const file = fs.open(path, 'read')
  try {
    const header = new Uint8Array(FILE_HEADER_BYTES)
    return fileTypeOf(header.subarray(0, file.read(header, 0)))
  } finally {
    file.close()
  }
}

/** A file whose first bytes are gone, or were never written, is still known by its name. */
function inspectorOfName(name: string): Inspector | undefined {
  if (name === LOCK_NAME) return inspectLock
  if (name.startsWith(SUPERBLOCK_NAME)) return inspectSuperblock
  switch (/^\d+\.(\w+)$/.exec(name)?.[1]) {
    case 'wal':
      return inspectWal
    case 'sst':
      return inspectTable
    case 'manifest':
      return inspectManifest
    default:
      return undefined
  }
}

function inspectLock(fs: FileSystem, path: string): Report {
  const text = new TextDecoder().decode(readFile(fs, path))
  const holder = parseHolder(text)
  const facts = Object.entries(holder ?? { text }).map(
    ([name, value]) => [name, String(value)] as const,
  )
  return {
    data: { file: path, type: 'lock', ...(holder === undefined ? { text } : { holder }) },
    lines: [`${path}: lock of a database`, ...factLines(facts)],
  }
}

function notOurs(path: string, why: string): EngineError {
  return engineError('ARGUMENT_INVALID', `${path}: ${why}`, { details: { path } })
}
