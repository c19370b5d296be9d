// @ts-check
// Plants each bug of the table into a copy of the tree and lets its harness look: `npm run test:zoo [name part ...]`. A
// bug whose text is not there exactly once, and one that nobody notices, is a failure. Needs a build.
//
// ZOO_RECORD=file keeps the names of those that were killed there and does not run them again: to go on after a break.

import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { BUGS } from './bugs-table.mjs'
import { HARNESSES } from './harnesses.mjs'
import { planted } from './planted.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** A harness that does not come to an end has noticed something, too: a sound engine takes a fraction of this. */
const TIMEOUT_MS = 10 * 60_000
const { ZOO_RECORD } = process.env

const filters = process.argv.slice(2)
const bugs = BUGS.filter(({ name }) => filters.every((part) => name.includes(part)))

/** @param {string} copy @param {string} name @returns {{ isSound: boolean, seconds: number, output: string }} */
function look(copy, name) {
  const { path, env } = /** @type {{ path: string, env?: Record<string, string> }} */ (
    HARNESSES[name]
  )
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', path],
    { cwd: copy, env: { ...env, ...process.env }, timeout: TIMEOUT_MS, encoding: 'utf8' },
  )
  const seconds = Math.round((performance.now() - start) / 1000)
  return { isSound: status === 0, seconds, output: stdout + stderr }
}

/** @param {string} copy @param {readonly import('./bug.mjs').Bug[]} due */
function hunt(copy, due) {
  const failures = []
  // A harness that finds fault with the sound engine would kill everything.
  for (const name of new Set(due.map(({ harness }) => harness))) {
    const { isSound, seconds, output } = look(copy, name)
    if (isSound) console.log(`sound   ${name}: nothing found in the engine as it is, ${seconds} s`)
    else failures.push(`${name} finds fault with the engine as it is\n${output.slice(-4000)}`)
  }
  for (const bug of failures.length > 0 ? [] : due) {
    const { name, harness } = bug
    const { path, text } = /** @type {{ path: string, text: string }} */ (planted(copy, bug))
    const sound = readFileSync(path, 'utf8')
    writeFileSync(path, text)
    const { isSound, seconds } = look(copy, harness)
    writeFileSync(path, sound)
    if (isSound) failures.push(`${name}: survived ${harness}, ${seconds} s`)
    console.log(`${isSound ? 'ALIVE ' : 'killed'}  ${name}: by ${harness}, ${seconds} s`)
    if (isSound) continue
    killedCount++
    if (ZOO_RECORD !== undefined) appendFileSync(ZOO_RECORD, `${name}\n`)
  }
  return failures
}

const stale = bugs.filter((bug) => planted(ROOT, bug) === undefined)
const record = ZOO_RECORD !== undefined && existsSync(ZOO_RECORD) ? ZOO_RECORD : undefined
const done = new Set(record === undefined ? [] : readFileSync(record, 'utf8').split('\n'))
const due = bugs.filter(({ name }) => !done.has(name))
/** Those of the record among them. */
let killedCount = bugs.length - due.length
const failures = stale.map(({ name, file }) => `${name}: its text is not in ${file} exactly once`)
if (failures.length === 0) {
  const copy = mkdtempSync(join(tmpdir(), 'tabularium-zoo-'))
  try {
    for (const name of [
      'dist',
      'scripts',
      'src',
      'test',
      'package.json',
      'tsconfig.json',
      'vitest.config.ts',
    ]) {
      cpSync(join(ROOT, name), join(copy, name), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    failures.push(...hunt(copy, due))
    console.log(`${killedCount} of ${bugs.length} killed`)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
for (const failure of failures) console.error(`FAILED  ${failure}`)
process.exitCode = failures.length === 0 ? 0 : 1
