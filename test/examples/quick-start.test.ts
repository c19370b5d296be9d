// The quick start of the README, type-checked and run as it stands there.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { PROJECT_ROOT } from '../tidy/project.js'

// Inside the project, so that `tabularium` means this package; ignored by git.
const FOLDER = join(PROJECT_ROOT, '.vitest/quick-start')

const TSCONFIG = {
  extends: '../../tsconfig.json',
  compilerOptions: { rootDir: '.', outDir: 'dist', declaration: false, sourceMap: false },
  include: ['main.ts'],
}

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
})

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

function run(args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: FOLDER,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

it('the quick start of the README compiles and runs', () => {
  const readme = readFileSync(join(PROJECT_ROOT, 'README.md'), 'utf8')
  const program = /## Quick start\n+```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  expect(program).toBeDefined()
  writeFileSync(join(FOLDER, 'main.ts'), program!)
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(TSCONFIG))

  const compiled = run([join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'])
  expect(compiled).toEqual({ status: 0, output: '' })

  const first = run(['dist/main.js'])
  expect(first.output).toContain('o-1 19.90')
  expect(first.output).toContain("status: 'paid'")
  expect(first.status).toBe(0)
})
