// @ts-check
// Installs SQLite as the second opinion on SQL answers into test/oracle. It may compile for a minute; where it can neither be
// fetched nor compiled the tests that need it skip, and say so. Exits with 0 either way: `npm run test:oracle` goes on.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { npm, ROOT } from './registry-cache.mjs'

const folder = join(ROOT, 'test/oracle')

if (!loads()) install()
const isThere = loads()
console.log(
  isThere
    ? 'oracle: better-sqlite3 is installed'
    : 'oracle: SKIPPED, better-sqlite3 can neither be fetched nor compiled here',
)

function install() {
  // Where headers lie beside this Node, node-gyp need not download them.
  const prefix = dirname(dirname(process.execPath))
  const hasHeaders = existsSync(join(prefix, 'include/node/node.h'))
  const headers = hasHeaders ? { npm_config_nodedir: prefix } : undefined
  return npm(['ci', '--no-audit', '--no-fund'], folder, {
    npm_config_ignore_scripts: 'false',
    ...headers,
  })
}

function loads() {
  try {
    const Database = createRequire(join(folder, 'package.json'))('better-sqlite3')
    new Database(':memory:').close()
    return true
  } catch {
    return false
  }
}
