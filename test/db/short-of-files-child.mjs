// Opens a database, takes every file descriptor of the process but a few, and asks for what needs some: jobs, and modules
// that are loaded late. Then lets go of them, asks again, and prints how it went. Arguments: the directory, how many it leaves.
import { closeSync, openSync } from 'node:fs'

import { open, t, table } from '../../dist/index.js'

const [path, spareCount] = process.argv.slice(2)
const rows = table('rows', { id: t.int() }, { primaryKey: ['id'] })
const db = await open({ path, tables: { rows } })
const other = `${path}-other`
await (await open({ path: other })).close()
const shop = db.tenant('shop')
const failures = []
db.on('jobFailure', ({ error }) => failures.push(`${error.code} ${error.details.errno}`))
await shop.rows.insert({ id: 1 })
const outcomeOf = (asked) =>
  asked.then(
    () => 'done',
    ({ code, details }) => `${code} ${details?.errno}`,
  )
const ask = async (name) => [
  await outcomeOf(shop.sql`select * from rows`),
  await outcomeOf(db.verify()),
  await outcomeOf(db.checkpoint(`${path}-${name}`)),
  await outcomeOf(open({ path: other, salvage: true }).then((salvaged) => salvaged.close())),
]

const files = []
try {
  for (;;) files.push(openSync('/dev/null'))
} catch {
  // There are no more.
}
for (const file of files.splice(0, Number(spareCount))) closeSync(file)
const flushing = db.flush()
const short = await ask('short')
// Longer than three attempts take.
await new Promise((resolve) => setTimeout(resolve, 4000))
for (const file of files) closeSync(file)
const flushed = await outcomeOf(flushing)
const again = await ask('again')
await shop.rows.insert({ id: 2 })
await db.flush()
const { tableCount, tablets } = db.stats()
const readOnlyCount = tablets.filter(({ isReadOnly }) => isReadOnly).length
await db.close()
const kinds = [...new Set(failures)]
process.stdout.write(JSON.stringify({ short, flushed, again, kinds, tableCount, readOnlyCount }))
