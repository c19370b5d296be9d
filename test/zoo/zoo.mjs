// @ts-check
// Plants each bug of the table into a copy of the tree and lets its harness look: `npm run test:zoo [name part ...]`. A
// bug whose text is not there exactly once, and one that nobody notices, is a failure. Needs a build.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { BUGS, HARNESSES } from './bugs-table.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** A harness that does not come to an end has noticed something, too: a sound engine takes a fraction of this. */
const TIMEOUT_MS = 10 * 60_000

const filters = process.argv.slice(2)
const bugs = BUGS.filter(({ name }) => filters.every((part) => name.includes(part)))
const copy = mkdtempSync(join(tmpdir(), 'tabularium-zoo-'))

for (const name of ['dist', 'src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
  cpSync(join(ROOT, name), join(copy, name), { recursive: true })
}
symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))

/** @param {string} name @returns {{ isSound: boolean, seconds: number, output: string }} */
function look(name) {
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

let failureCount = 0
let killedCount = 0
/** @param {string} text */
function fail(text) {
  failureCount++
  console.error(`FAILED  ${text}`)
}

try {
  // A harness that finds fault with the sound engine would kill everything.
  for (const name of new Set(bugs.map(({ harness }) => harness))) {
    const { isSound, seconds, output } = look(name)
    if (isSound) console.log(`sound   ${name}: nothing found in the engine as it is, ${seconds} s`)
    else fail(`${name} finds fault with the engine as it is\n${output.slice(-4000)}`)
  }
  for (const { name, file, text, replacement, harness } of failureCount > 0 ? [] : bugs) {
    const path = join(copy, 'dist', file)
    const sound = readFileSync(path, 'utf8')
    const places = sound.split(text)
    if (places.length !== 2) {
      fail(`${name}: its text is in ${file} ${places.length - 1} times`)
      continue
    }
    writeFileSync(path, places.join(replacement))
    const { isSound, seconds } = look(harness)
    writeFileSync(path, sound)
    if (isSound) fail(`${name}: survived ${harness}, ${seconds} s`)
    else console.log(`killed  ${name}: by ${harness}, ${seconds} s`)
    if (!isSound) killedCount++
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${killedCount} of ${bugs.length} killed`)
process.exitCode = failureCount === 0 ? 0 : 1
