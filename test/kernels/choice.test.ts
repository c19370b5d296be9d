// TABULARIUM_KERNELS says which kernels run, and stats() which do.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

import { KERNEL_KINDS, chooseKernels } from '../../dist/kernels/chosen-kernels.js'
import { NativeKernels } from '../../dist/kernels/native-kernels.js'

const ENTRY = new URL('../../dist/index.js', import.meta.url).href
const CHOICE = new URL('../../dist/kernels/chosen-kernels.js', import.meta.url).href
const UNPACKING = `const { kernels, unpackingKernels } = await import(${JSON.stringify(CHOICE)})
const kinds = Array.from({ length: 100 }, () => unpackingKernels().kind)
console.log([kinds[0], kinds[99] === kernels().kind, unpackingKernels() === kernels()].join())`
const PROGRAM = `const { open } = await import(${JSON.stringify(ENTRY)})
const db = await open({ path: process.argv[1] }).catch((error) => error)
if (db instanceof Error) console.log(db.message)
else {
  console.log(db.stats().kernels)
  await db.close()
}`

function openWith(kind: string | undefined, ...flags: readonly string[]): string {
  return run(PROGRAM, kind, flags)
}

function run(program: string, kind: string | undefined, flags: readonly string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), 'tabularium-kernels-'))
  const { TABULARIUM_KERNELS: _, ...env } = process.env
  if (kind !== undefined) env['TABULARIUM_KERNELS'] = kind
  try {
    const args = [...flags, '--input-type=module', '-e', program, '--', folder]
    return execFileSync(process.execPath, args, {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

it('by default the best that is there', () => {
  const best = chooseKernels(undefined).kind
  expect(KERNEL_KINDS.indexOf(best)).toBeLessThanOrEqual(KERNEL_KINDS.indexOf('wasm'))
  expect(chooseKernels('').kind).toBe(best)
  expect(openWith(undefined)).toBe(best)
})

it('another when that is asked for', () => {
  expect(openWith('typescript')).toBe('typescript')
  expect(chooseKernels('wasm').kind).toBe('wasm')
})

it('those of WebAssembly are missed by nobody where it is forbidden', () => {
  const native = NativeKernels.load()
  expect(openWith(undefined, '--jitless')).toBe(native?.kind ?? 'typescript')
  expect(openWith('wasm', '--jitless')).toMatch(
    /^OPTION_OUT_OF_RANGE: .* is 'wasm', .* not to be had here/,
  )
})

it('opening fails when there is no such kind', () => {
  expect(openWith('fast')).toBe(
    "OPTION_OUT_OF_RANGE: TABULARIUM_KERNELS is 'fast', which is none of typescript, wasm, native",
  )
})

it('the first blocks are unpacked without looking for a native library, but for kernels that are asked for', () => {
  expect(run(UNPACKING, undefined)).toBe('wasm,true,true')
  expect(run(UNPACKING, 'typescript')).toBe('typescript,true,true')
  expect(run(UNPACKING, undefined, ['--jitless'])).toMatch(/^(native|typescript),true,true$/)
})
