// @ts-check
// Installs the engines that bench/compare measures beside ours, into that folder. Most come with binaries; SQLite may compile
// for a minute. What can neither be fetched nor compiled is left out of the comparison, which says so.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { buildPackage, npm, ROOT, sqliteLoads } from './registry-cache.mjs'

const folder = join(ROOT, 'bench/compare')
const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

if (Object.entries(dependencies).some(([name, version]) => installedVersion(name) !== version)) {
  // `npm ci` would throw away what was compiled.
  const command = existsSync(join(folder, 'node_modules')) ? 'install' : 'ci'
  npm([command, '--ignore-scripts', '--no-audit', '--no-fund'], folder)
}
if (!sqliteLoads(folder)) buildPackage('better-sqlite3', folder)
for (const name of Object.keys(dependencies)) {
  const isUsable =
    name === 'better-sqlite3' ? sqliteLoads(folder) : installedVersion(name) !== undefined
  console.log(`compare: ${name} ${isUsable ? 'is installed' : 'SKIPPED, it cannot be had'}`)
}

/** @param {string} name */
function installedVersion(name) {
  try {
    const path = join(folder, 'node_modules', name, 'package.json')
    return JSON.parse(readFileSync(path, 'utf8')).version
  } catch {
    return undefined
  }
}
