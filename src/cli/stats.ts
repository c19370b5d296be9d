import type { Database, DatabaseStats } from '../db/database.js'
import { hasOwn } from './retention.js'
import { type Command, onlyArgument, type Report } from './command.js'
import { hashRange } from './hash-range.js'
import { factLines, tableLines } from './layout.js'
import { withDatabase } from './open-existing.js'
import { commit, counted, duration, grouped, size } from './printable.js'

export const STATS: Command = {
  name: 'stats',
  synopsis: 'DIR',
  summary: 'sizes, levels, tenants',
  help: `Opens the database in DIR and says what it holds: tenants, tables, sstables by tablet and level, and what
opening found in the log. 'history from' is for tenants and tables that say nothing else; those that do are counted, and
'tabularium tenants --retention' lists them. The database must not be open elsewhere.

Examples:
  tabularium stats ./data
  tabularium stats ./data --json | jq .tableBytes`,
  options: {},
  run: (given) =>
    withDatabase(onlyArgument(given, 'DIR'), (db) => reportOf(db.stats(), retentionOf(db))),
}

/** How many tenants there are, and who keeps history otherwise than the rest. */
function retentionOf(db: Database<{}>) {
  const tenants = db.tenants().map((name) => db.tenant(name))
  const holdCounts = tenants.map((tenant) => tenant.holds().length)
  return {
    tenantCount: tenants.length,
    tableWindowsMs: Object.fromEntries(
      db
        .tables()
        .flatMap(({ name, historyWindowMs: ms }) => (ms === undefined ? [] : [[name, ms]])),
    ) as Record<string, number>,
    ownRetentionCount: tenants.filter((tenant) => hasOwn(tenant.retention())).length,
    holdCount: holdCounts.reduce((sum, count) => sum + count, 0),
    heldTenantCount: holdCounts.filter((count) => count > 0).length,
  }
}

function reportOf(stats: DatabaseStats, retention: ReturnType<typeof retentionOf>): Report {
  // The cache of a process that has just begun says nothing.
  const { recovery, cache: _cache, ...rest } = stats
  const tables = `${size(stats.tableBytes)} in ${counted(stats.tableCount, 'sstable')}`
  const torn = recovery.tornBytes === 0 ? '' : `; ${counted(recovery.tornBytes, 'byte')} torn off`
  const facts: [string, string][] = [
    ['tenants', grouped(retention.tenantCount)],
    ['tables', stats.tableNames.join(', ') || 'none'],
    ['newest commit', commit(stats.seqNum)],
    ['history from', stats.historyFloor === 0 ? 'the beginning' : commit(stats.historyFloor)],
    ...retentionFacts(retention),
    ['stored', tables],
    ['in the log', `${counted(recovery.commitCount, 'commit')} not yet in sstables${torn}`],
  ]
  return {
    data: { ...rest, recovery, ...retention },
    lines: [stats.path, ...factLines(facts), '', ...tabletLines(stats)],
  }
}

/** Nothing where nobody says anything. */
function retentionFacts(retention: ReturnType<typeof retentionOf>): [string, string][] {
  const { tableWindowsMs, ownRetentionCount, holdCount, heldTenantCount } = retention
  const windows = Object.entries(tableWindowsMs).map(([name, ms]) => `${name} ${duration(ms)}`)
  const facts: [string, string][] = []
  if (windows.length > 0) facts.push(['windows of tables', windows.join(', ')])
  if (ownRetentionCount > 0) facts.push(['own windows', counted(ownRetentionCount, 'tenant')])
  if (holdCount > 0) {
    const held = `${counted(holdCount, 'legal hold')} of ${counted(heldTenantCount, 'tenant')}`
    facts.push(['held', held])
  }
  return facts
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
      `level ${level.level}${level.sharedTableCount > 0 ? `, ${level.sharedTableCount} shared` : ''}`,
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
