// @ts-check
// Proves that the package works for somebody who has nothing but Node: builds into an empty folder, packs, installs the
// tarball into another one without dev dependencies and without install scripts, and runs a program there that writes,
// closes, reopens and reads. What stands on an optional peer is tried without the peer, then with it. `npm run
// check:package`; with `-- --keep FOLDER` the tarball is kept there.

import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ROOT } from './registry-cache.mjs'

const PROGRAM = `import { open, t, table } from 'tabularium'

const orders = table('orders', { id: t.text(), amount: t.decimal(12, 2) }, { primaryKey: ['id'] })
for (const attempt of ['first', 'second']) {
  const db = await open({ path: './data', tables: { orders } })
  const shop = db.tenant('seller-1')
  await shop.orders.upsert({ id: attempt, amount: '12.50' })
  const first = await shop.orders.get('first')
  if (first?.amount !== '12.50') throw new Error('the row is not what was written: ' + first?.amount)
  await db.close()
}
console.log('written, closed, reopened, read back')
`

/** Without its peer it says which package is missing; all else works, as the program above shows. */
const WITHOUT_PEER = `const error = await import('tabularium/level').catch((reason) => reason)
if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes("'abstract-level'")) throw error
console.log('tabularium/level asks for abstract-level, which is not installed')
`

const WITH_PEER = `import { TabulariumLevel } from 'tabularium/level'

for (const attempt of ['first', 'second']) {
  const level = new TabulariumLevel('./level-data', { valueEncoding: 'json' })
  await level.put(attempt, { attempt })
  const first = await level.get('first')
  if (first?.attempt !== 'first') throw new Error('the value is not what was put: ' + first)
  await level.close()
}
console.log('tabularium/level: put, closed, reopened, got')
`

const folder = mkdtempSync(join(tmpdir(), 'tabularium-package-'))
try {
  const stage = join(folder, 'stage')
  mkdirSync(stage)
  for (const name of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'docs']) {
    if (existsSync(join(ROOT, name)))
      cpSync(join(ROOT, name), join(stage, name), { recursive: true })
  }
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const dist = join(stage, 'dist')
  run(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.json'), '--outDir', dist])
  run(process.execPath, [join(ROOT, 'scripts/join-modules.mjs'), dist])
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], stage)
  const { name, version } = JSON.parse(run('npm', ['pkg', 'get', 'name', 'version'], stage))
  const tarball = join(folder, `${name}-${version}.tgz`)

  const user = join(folder, 'user')
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }\n')
  writeFileSync(join(user, 'main.mjs'), PROGRAM)
  writeFileSync(join(user, 'without-peer.mjs'), WITHOUT_PEER)
  writeFileSync(join(user, 'with-peer.mjs'), WITH_PEER)
  const flags = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund']
  run('npm', ['install', ...flags, tarball], user)
  console.log(run('npm', ['ls', '--omit=dev', '--depth=1'], user))
  console.log(run(process.execPath, ['main.mjs'], user))
  console.log(run(process.execPath, ['without-peer.mjs'], user))
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  run('npm', ['install', ...flags, `abstract-level@${devDependencies['abstract-level']}`], user)
  console.log(run(process.execPath, ['with-peer.mjs'], user))
  console.log(run(process.execPath, [join(user, 'node_modules/.bin/tabularium'), '--help'], user))

  const keepFlag = process.argv.indexOf('--keep')
  const kept = keepFlag < 0 ? undefined : process.argv[keepFlag + 1]
  if (kept !== undefined) cpSync(tarball, join(kept, `${name}-${version}.tgz`))
  console.log(`check-package: ${name} ${version} packs, installs without scripts and runs`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [cwd]
 */
function run(command, args, cwd = ROOT) {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}
