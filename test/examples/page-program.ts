// Programs on the pages of the documentation, type-checked and run as they stand there.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

import { PROJECT_ROOT } from '../tidy/project.js'

const TSCONFIG = {
  extends: '../../tsconfig.json',
  compilerOptions: { rootDir: '.', outDir: 'dist', declaration: false, sourceMap: false },
  include: ['main.ts'],
}

/** Runs the first TypeScript program behind a heading, and gives what it prints. */
export function runPageProgram(page: string, heading: string): string {
  const text = readPage(page)
  const program = /```ts\n([\s\S]*?)```/.exec(text.slice(text.indexOf(`${heading}\n`)))?.[1]
  expect(program, `${heading} of ${page}`).toBeDefined()
  return runProgram(page, program!)
}

/** Runs all TypeScript of a page as one program: what each part prints, and what the page shows under it. */
export function runPage(page: string): { readonly printed: string; readonly shown: string }[] {
  const parts = [...readPage(page).matchAll(/```ts\n([\s\S]*?)```\n(?:\n```text\n([\s\S]*?)```)?/g)]
  const program = parts.map(([, code]) => `${code}console.log('${END_OF_PART}')\n`).join('')
  const printed = runProgram(page, program).split(`${END_OF_PART}\n`)
  return parts.map(([, , shown = ''], i) => ({ printed: printed[i]!, shown }))
}

const END_OF_PART = '-- end of part --'

function readPage(page: string): string {
  return readFileSync(join(PROJECT_ROOT, page), 'utf8')
}

/** Compiles a program strictly and runs it in a folder of its own. */
function runProgram(page: string, program: string): string {
  // Inside the project, so that `tabularium` means this package; ignored by git.
  const folder = join(PROJECT_ROOT, '.vitest', page.replace(/\W/g, '-'))
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, 'main.ts'), program)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    const compiler = join(PROJECT_ROOT, 'node_modules/typescript/bin/tsc')
    expect(run(folder, [compiler, '-p', '.'])).toEqual({ status: 0, output: '' })
    const { status, output } = run(folder, ['dist/main.js'])
    expect(status, output).toBe(0)
    return output
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(folder: string, args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}
