// The public test suite of abstract-level, in a process of its own: it runs under tape.
import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'

const SUITE = new URL('./suite.mjs', import.meta.url).pathname

/** The long run takes all three. */
const KINDS = (process.env.LEVEL_SUITES ?? 'memory').split(',')

/**
 * As many assertions as classic-level 3.0.0 passes: none is skipped. A tenant has nothing to be created, hence no
 * createIfMissing and errorIfExists.
 */
const ASSERTION_COUNTS: Readonly<Record<string, number>> = {
  directory: 5168,
  memory: 5168,
  tenant: 5162,
}

function run(kind: string): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SUITE, kind], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, output }))
  })
}

it.each(KINDS)(
  'passes (%s)',
  async (kind) => {
    const { status, output } = await run(kind)
    const failures = output.split('\n').filter((line) => /^not ok|# (?:SKIP|TODO)/.test(line))
    expect(failures).toEqual([])
    expect(output).toContain(`# pass  ${ASSERTION_COUNTS[kind]}\n`)
    expect(status, output.slice(-2000)).toBe(0)
  },
  600_000,
)
