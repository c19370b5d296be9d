// The committed bytes are what the sources give.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

import { compileModule, sourcesDigest, WASM_MODULE_PATH } from '../../scripts/build-kernels.mjs'

const committed = readFileSync(WASM_MODULE_PATH, 'utf8')

it('the module was made of these sources', () => {
  const isOfSources = committed.includes(sourcesDigest())
  expect(isOfSources, 'run npm run build:kernels').toBe(true)
})

it('the compiler gives the same bytes', async ({ skip }) => {
  const compiled = await compileModule()
  skip(compiled === undefined, 'assemblyscript is not installed: npm ci')
  expect(compiled === committed, 'run npm run build:kernels').toBe(true)
})
