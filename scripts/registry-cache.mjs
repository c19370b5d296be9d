// @ts-check
// Fetches packages that development needs but the project must not depend on: other Node versions, compiled peers. Each goes
// into a folder of its own under node_modules/.cache or its own package folder; nothing at the root changes.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * Installs packages without running their scripts into a cache folder, once.
 *
 * @param {string} name  of the cache folder
 * @param {readonly string[]} specifiers
 * @returns {string | undefined} the folder, or undefined when the registry cannot be had
 */
export function cachePackages(name, specifiers) {
  const folder = join(ROOT, 'node_modules/.cache', name)
  const stamp = join(folder, 'installed.json')
  const wanted = JSON.stringify(specifiers)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  if (!npm(['install', ...flags, ...specifiers], folder)) return undefined
  writeFileSync(stamp, wanted)
  return folder
}

/**
 * Runs the install scripts of a package in `folder`, which may compile for a minute.
 *
 * @param {string} name
 * @param {string} folder
 */
export function buildPackage(name, folder) {
  // Where headers lie beside this Node, node-gyp need not download them.
  const prefix = dirname(dirname(process.execPath))
  const hasHeaders = existsSync(join(prefix, 'include/node/node.h'))
  const headers = hasHeaders ? { npm_config_nodedir: prefix } : undefined
  return npm(['rebuild', name], folder, { npm_config_ignore_scripts: 'false', ...headers })
}

/**
 * Whether SQLite can be used from `folder`: only opening a database shows whether its binary is there.
 *
 * @param {string} folder
 */
export function sqliteLoads(folder) {
  try {
    const Database = createRequire(join(folder, 'package.json'))('better-sqlite3')
    new Database(':memory:').close()
    return true
  } catch {
    return false
  }
}

/**
 * @param {readonly string[]} args
 * @param {string} folder
 * @param {Readonly<Record<string, string>>} [environment]
 * @returns {boolean} whether it went well
 */
export function npm(args, folder, environment = {}) {
  const command = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...environment },
    shell: process.platform === 'win32',
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return status === 0
}
