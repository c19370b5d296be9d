// @ts-check
// Builds native/ (Rust) into native/npm/TARGET, a package for this platform as it could be published beside the engine;
// src/kernels/native-kernels.ts finds it there. `npm run build:native`; without a Rust toolchain it says so and fails, and
// everything else works without. CARGO_TARGET_DIR moves what the compiler leaves, as always.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from './registry-cache.mjs'

const NATIVE = join(ROOT, 'native')
const BUILT = { linux: 'libtabularium_kernels.so', darwin: 'libtabularium_kernels.dylib' }

const { platform, arch } = process
const header = /** @type {any} */ (process.report.getReport()).header
const library =
  platform === 'linux'
    ? header.glibcVersionRuntime
      ? '-gnu'
      : '-musl'
    : platform === 'win32'
      ? '-msvc'
      : ''
const target = `${platform}-${arch}${library}`

const { status, error } = spawnSync('cargo', ['build', '--release', '--locked'], {
  cwd: NATIVE,
  stdio: 'inherit',
})
if (error !== undefined) console.error(`no Rust toolchain: ${error.message}`)
if (status !== 0) process.exit(1)

const folder = join(NATIVE, 'npm', target)
mkdirSync(folder, { recursive: true })
const built = BUILT[/** @type {keyof typeof BUILT} */ (platform)] ?? 'tabularium_kernels.dll'
const place = join(process.env['CARGO_TARGET_DIR'] ?? join(NATIVE, 'target'), 'release', built)
// A library that is loaded must not be overwritten in place.
rmSync(join(folder, 'kernels.node'), { force: true })
copyFileSync(place, join(folder, 'kernels.node'))
const { version, license, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const description = {
  name: `tabularium-kernels-${target}`,
  version,
  license,
  engines,
  os: [platform],
  cpu: [arch],
  ...(platform === 'linux' ? { libc: [library === '-gnu' ? 'glibc' : 'musl'] } : {}),
  main: 'kernels.node',
  files: ['kernels.node'],
}
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(description, null, 2)}\n`)
console.log(`native kernels for ${target}`)
