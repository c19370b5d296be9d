// @ts-check
// Runs the whole suite twice: with the native kernels, and with everything off. `npm run test:kernels`, or with a filter for
// the files: `npm run test:kernels -- test/unit`. Without native kernels the first run is with those of WebAssembly.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { NativeKernels } from '../dist/kernels/native-kernels.js'
import { ROOT } from './registry-cache.mjs'

const best = NativeKernels.load() === undefined ? 'wasm' : 'native'
if (best === 'wasm') console.log('native kernels are not built (npm run build:native): WebAssembly')
for (const kernels of [best, 'typescript']) {
  console.log(`kernels: ${kernels}`)
  const { status } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...process.argv.slice(2)],
    {
      cwd: ROOT,
      env: { ...process.env, TABULARIUM_KERNELS: kernels },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  if (status !== 0) process.exit(1)
}
