// @ts-check
// Installs the engines that bench/compare measures beside ours, into that folder. Two come with binaries; SQLite may compile
// for a minute. What can neither be fetched nor compiled is left out of the comparison, which says so.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { buildPackage, npm, ROOT } from './registry-cache.mjs'

const folder = join(ROOT, 'bench/compare')

if (!existsSync(join(folder, 'node_modules'))) {
  npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder)
}
if (!sqliteLoads()) buildPackage('better-sqlite3', folder)
console.log(
  `compare: better-sqlite3 ${sqliteLoads() ? 'is installed' : 'SKIPPED, it cannot be built'}`,
)

function sqliteLoads() {
  try {
    const Database = createRequire(join(folder, 'package.json'))('better-sqlite3')
    new Database(':memory:').close()
    return true
  } catch {
    return false
  }
}
