// The programs that the documentation begins with.

import { expect, it } from 'vitest'

import { runPageProgram } from './page-program.js'

it('the quick start of the README compiles and runs', () => {
  const output = runPageProgram('README.md', '## Quick start')
  expect(output).toContain('o-1 19.90')
  expect(output).toContain("status: 'paid'")
})

it('the example of docs/level.md compiles and runs', () => {
  expect(runPageProgram('docs/level.md', '# Level')).toBe('b 2\nundefined hello\n')
})
