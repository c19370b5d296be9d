// @ts-check
// The public test suite of abstract-level, as every implementation runs it. Run by suite.test.ts, or by hand:
// node test/level/suite.mjs directory     each database is a directory of its own
// node test/level/suite.mjs memory        the same, in memory
// node test/level/suite.mjs tenant        each database is a tenant of one that is open
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'tabularium'
import { levelOf, TabulariumLevel } from 'tabularium/level'
import { memoryEnv } from 'tabularium/testing'

const load = createRequire(import.meta.url)
const test = load('tape')
const suite = load('abstract-level/test')

const [kind] = process.argv.slice(2)
const root = mkdtempSync(join(tmpdir(), 'tabularium-level-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))
// Hundreds of databases are made: each small.
const settings = { walFileBytes: 64 * 1024 }

if (kind === 'tenant') {
  const db = await open({ path: join(root, 'db'), ...settings })
  let tenantCount = 0
  suite({
    test,
    factory: (/** @type {object} */ options) => levelOf(db, `tenant-${++tenantCount}`, options),
  })
  test('closes the database that all of them were in', () => db.close())
} else {
  suite({
    test,
    factory: (/** @type {object} */ options) =>
      kind === 'memory'
        ? new TabulariumLevel('/db', { ...options, settings }, { env: memoryEnv() })
        : new TabulariumLevel(mkdtempSync(join(root, 'db-')), { ...options, settings }),
  })
}
