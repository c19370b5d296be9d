// @ts-check
// Installs SQLite as the second opinion on SQL answers into test/oracle. It may compile for a minute; where it can neither be
// fetched nor compiled the tests that need it skip, and say so. Exits with 0 either way: `npm run test:oracle` goes on.

import { join } from 'node:path'

import { buildPackage, npm, ROOT, sqliteLoads } from './registry-cache.mjs'

const folder = join(ROOT, 'test/oracle')

if (!sqliteLoads(folder) && npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder)) {
  buildPackage('better-sqlite3', folder)
}
const isThere = sqliteLoads(folder)
console.log(
  isThere
    ? 'oracle: better-sqlite3 is installed'
    : 'oracle: SKIPPED, better-sqlite3 can neither be fetched nor compiled here',
)
