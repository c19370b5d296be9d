import type { DatabaseStats } from '../db/database.js'
import { type Command, onlyArgument, type Report } from './command.js'
import { hashRange } from './hash-range.js'
import { factLines, tableLines } from './layout.js'
import { withDatabase } from './open-existing.js'
import { commit, counted, grouped, size } from './printable.js'

export const STATS: Command = {
  name: 'stats',
  synopsis: 'DIR',
  summary: 'sizes, levels, tenants',
  help: `Opens the database in DIR and says what it holds: tenants, tables, sstables by tablet and level, and what
opening found in the log. The database must not be open elsewhere.

Examples:
  tabularium stats ./data
  tabularium stats ./data --json | jq .tableBytes`,
  options: {},
  run: (given) =>
    withDatabase(onlyArgument(given, 'DIR'), (db) => reportOf(db.stats(), db.tenants().length)),
}

function reportOf(stats: DatabaseStats, tenantCount: number): Report {
  // The cache of a process that has just begun says nothing.
  const { recovery, cache: _cache, ...rest } = stats
  const tables = `${size(stats.tableBytes)} in ${counted(stats.tableCount, 'sstable')}`
  const torn = recovery.tornBytes === 0 ? '' : `; ${counted(recovery.tornBytes, 'byte')} torn off`
  const facts: [string, string][] = [
    ['tenants', grouped(tenantCount)],
    ['tables', stats.tableNames.join(', ') || 'none'],
    ['newest commit', commit(stats.seqNum)],
    ['history from', stats.historyFloor === 0 ? 'the beginning' : commit(stats.historyFloor)],
    ['stored', tables],
    ['in the log', `${counted(recovery.commitCount, 'commit')} not yet in sstables${torn}`],
  ]
  return {
    data: { ...rest, recovery, tenantCount },
    lines: [stats.path, ...factLines(facts), '', ...tabletLines(stats)],
  }
}

function tabletLines({ tablets }: DatabaseStats): string[] {
  const columns = [
    { title: 'tablet', isRight: true },
    { title: 'tenant hashes' },
    { title: 'where' },
    { title: 'sstables', isRight: true },
    { title: 'size', isRight: true },
    { title: 'entries', isRight: true },
    { title: 'superseded', isRight: true },
    { title: 'their size', isRight: true },
  ]
  const rows = tablets.flatMap((tablet) => {
    const name = [String(tablet.tabletId), hashRange(tablet.hashStart, tablet.hashEnd)]
    const levels = tablet.levels.map((level) => [
      `level ${level.level}`,
      grouped(level.tableCount),
      size(level.bytes),
      grouped(level.entryCount),
      grouped(level.historyEntryCount),
      size(level.historyBytes),
    ])
    const { memtableBytes, memtableEntryCount } = tablet
    const memtable = ['memory', '', size(memtableBytes), grouped(memtableEntryCount), '', '']
    return [memtable, ...levels].map((cells, i) => [...(i === 0 ? name : ['', '']), ...cells])
  })
  return tableLines(columns, rows)
}
