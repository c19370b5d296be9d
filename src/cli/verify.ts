import type { DatabaseStats } from '../db/database.js'
import type { VerifyProgress, VerifyReport } from '../store/verify.js'
import { type Command, onlyArgument, problemOfCode, type Report } from './command.js'
import { tableLines } from './layout.js'
import { withDatabase } from './open-existing.js'
import { counted, grouped, printable, size } from './printable.js'

export const VERIFY: Command = {
  name: 'verify',
  synopsis: 'DIR',
  summary: 'reads and checks every file',
  help: `Opens the database in DIR, then reads every file of it to the last byte: every copy of the superblock, the manifest,
the log, and of sstables checksums, order, counts, indexes and filters. Damage is named with file and offset; files that
belong to nobody are listed and are no damage; nothing is changed. Exit code 1 when something is damaged. The database
must not be open elsewhere: an application calls db.verify(), which works while it goes on.

Examples:
  tabularium verify ./data
  tabularium verify ./data --json | jq .problems`,
  options: {},
  run: (given, { progress }) =>
    withDatabase(
      onlyArgument(given, 'DIR'),
      async (db) => {
        const { recovery } = db.stats()
        return reportOf(await db.verify((state) => progress(stateText(state))), recovery)
      },
      { salvage: true },
    ),
}

function stateText({ file, doneFileCount, fileCount, doneBytes, bytes }: VerifyProgress): string {
  return `${file}: ${grouped(doneFileCount)} of ${counted(fileCount, 'file')}, ${size(doneBytes)} of ${size(bytes)}`
}

function reportOf(report: VerifyReport, recovery: DatabaseStats['recovery']): Report {
  const { isSound, files, orphans } = report
  const problems = report.problems.map(({ file, code, message, details }) => ({
    file,
    ...problemOfCode(code, message, details),
  }))
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const fileCount = files.length + problems.length
  const verdict = isSound
    ? `sound: ${counted(fileCount, 'file')}, ${size(bytes)}`
    : `damaged: ${grouped(problems.length)} of ${counted(fileCount, 'file')}`
  return {
    data: { isSound, files, problems, orphans, recovery },
    lines: [
      ...fileLines(files),
      ...orphans.map((name) => `${printable(name)} is needed by nobody`),
      '',
      verdict,
    ],
    problems,
  }
}

function fileLines(files: VerifyReport['files']): string[] {
  const columns = [
    { title: 'file' },
    { title: 'what it is' },
    { title: 'tablet', isRight: true },
    { title: 'level', isRight: true },
    { title: 'size', isRight: true },
    { title: 'blocks', isRight: true },
    { title: 'entries', isRight: true },
  ]
  const rows = files.map((found) => [
    found.file,
    found.role,
    String(found.tabletId ?? ''),
    String(found.level ?? ''),
    size(found.bytes),
    countText(found.blockCount),
    countText(found.entryCount ?? found.commitCount),
  ])
  return tableLines(columns, rows)
}

function countText(count: number | undefined): string {
  return count === undefined ? '' : grouped(count)
}
