import { type Command, onlyArgument } from './command.js'
import { withDatabase } from './open-existing.js'
import { printable } from './printable.js'

export const TENANTS: Command = {
  name: 'tenants',
  synopsis: 'DIR',
  summary: 'the names of all tenants',
  help: `Opens the database in DIR and prints the name of every tenant that has written, one per line, in the order of
their bytes. The database must not be open elsewhere.

Examples:
  tabularium tenants ./data
  tabularium tenants ./data | wc -l`,
  options: {},
  run: (given) =>
    withDatabase(onlyArgument(given, 'DIR'), (db) => {
      const tenants = db.tenants()
      return { data: { tenants }, lines: tenants.map(printable) }
    }),
}
