import { type Command, onlyArgument, type Report } from './command.js'
import { tableLines } from './layout.js'
import { withDatabase } from './open-existing.js'
import { printable } from './printable.js'
import { hasOwn, holdText, ownText } from './retention.js'
import type { Database } from '../db/database.js'

export const TENANTS: Command = {
  name: 'tenants',
  synopsis: '[--retention] DIR',
  summary: 'the names of all tenants',
  help: `Opens the database in DIR and prints the name of every tenant that has written, one per line, in the order of
their bytes. The database must not be open elsewhere.

  --retention  instead, those with a retention of their own or legal holds: how long superseded rows stay, what is held

Examples:
  tabularium tenants ./data
  tabularium tenants ./data | wc -l
  tabularium tenants --retention ./data`,
  options: { retention: { type: 'boolean' } },
  run: (given) =>
    withDatabase(onlyArgument(given, 'DIR'), (db) => {
      if (given.options['retention'] === true) return retentionReport(db)
      const tenants = db.tenants()
      return { data: { tenants }, lines: tenants.map(printable) }
    }),
}

function retentionReport(db: Database<{}>): Report {
  const tenants = db
    .tenants()
    .map((name) => ({
      name,
      retention: db.tenant(name).retention(),
      holds: db.tenant(name).holds(),
    }))
    .filter(({ retention, holds }) => hasOwn(retention) || holds.length > 0)
  const columns = [{ title: 'tenant' }, { title: 'superseded rows stay' }, { title: 'held' }]
  const rows = tenants.flatMap(({ name, retention, holds }) => {
    const own = hasOwn(retention) ? ownText(retention) : 'as the tables and the database say'
    const [first = '', ...more] = holds.map(holdText)
    return [[printable(name), own, first], ...more.map((text) => ['', '', text])]
  })
  const none = 'no tenant has a retention of its own or a legal hold'
  return {
    data: {
      // What is in force depends on the settings of the application.
      tenants: tenants.map(({ name, retention, holds }) => ({ name, ...retention.own, holds })),
    },
    lines: rows.length === 0 ? [none] : tableLines(columns, rows),
  }
}
