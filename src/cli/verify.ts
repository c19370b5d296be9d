import { engineError } from '../base/errors.js'
import type { DatabaseStats } from '../db/database.js'
import type { VerifyProgress, VerifyReport } from '../store/verify.js'
import { type Command, onlyArgument, problemOfCode, type Report } from './command.js'
import { tableLines } from './layout.js'
import { withDatabase } from './open-existing.js'
import { counted, grouped, size } from './printable.js'

export const VERIFY: Command = {
  name: 'verify',
  synopsis: 'DIR',
  summary: 'reads and checks every file',
  help: `Opens the database in DIR, which checks superblock, manifest and log, then reads every sstable to the last byte and
checks checksums, order, counts and filters. Damage is named with file and offset; nothing is changed. Exit code 1
when something is damaged. The database must not be open elsewhere.

Examples:
  tabularium verify ./data
  tabularium verify ./data --json | jq .problems`,
  options: {},
  run: (given, { progress }) =>
    withDatabase(
      onlyArgument(given, 'DIR'),
      async (db) => {
        const lost = db.salvageReport()?.lostLog
        if (lost !== undefined)
          throw engineError(lost.code, lost.message, { details: lost.details })
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
  const { isSound, files } = report
  const problems = report.problems.map(({ file, code, message, details }) => ({
    file,
    ...problemOfCode(code, message, details),
  }))
  const columns = [
    { title: 'file' },
    { title: 'tablet', isRight: true },
    { title: 'level', isRight: true },
    { title: 'size', isRight: true },
    { title: 'blocks', isRight: true },
    { title: 'entries', isRight: true },
  ]
  const rows = files.map(({ file, tabletId, level, bytes, blockCount, entryCount }) => [
    file,
    String(tabletId),
    String(level),
    size(bytes),
    grouped(blockCount),
    grouped(entryCount),
  ])
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const fileCount = files.length + problems.length
  const log = `${counted(recovery.commitCount, 'commit')} in ${counted(recovery.walFileCount, 'WAL file')}`
  const verdict = isSound
    ? `sound: ${counted(fileCount, 'sstable')}, ${size(bytes)}`
    : `damaged: ${grouped(problems.length)} of ${counted(fileCount, 'sstable')}`
  return {
    data: { isSound, files, problems, recovery },
    lines: [
      ...(rows.length > 0 ? [...tableLines(columns, rows), ''] : []),
      `superblock, manifest and log are sound: ${log}`,
      verdict,
    ],
    problems,
  }
}
