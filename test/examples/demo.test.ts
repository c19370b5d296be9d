// The demo as a user runs it, made small: exit codes, the summary, and where the data lies.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../examples/demo/dist/main.js', import.meta.url))
const TIMEOUT_MS = 60_000

interface Outcome {
  readonly exitCode: number | string | null | undefined
  readonly stdout: string
  readonly stderr: string
}

const runDemo = (...words: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    const environment = { ...process.env, NO_COLOR: '1' }
    execFile(process.execPath, [MAIN, ...words], { env: environment }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : error.code, stdout, stderr })
    })
  })

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demo-test-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

const SMALL = ['--orders', '1500', '--tenants', '20', '--events', '20']

describe('the demo', () => {
  it(
    'tells its story, finds every check true, and leaves its data',
    async () => {
      const data = join(directory, 'new', 'data')
      const { exitCode, stdout, stderr } = await runDemo(...SMALL, '--dir', data)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toContain('none failed')
      expect(stdout).not.toContain('✗')
      expect(stdout).toContain(`The data lies in ${join(data, 'shops')}`)
      for (const line of stdout.split('\n')) {
        if (!line.includes(data)) expect(line.length).toBeLessThanOrEqual(100)
      }
      expect(await readdir(data)).toEqual(['shops'])
    },
    TIMEOUT_MS,
  )

  it(
    'keeps the killed database too when asked',
    async () => {
      const { exitCode } = await runDemo(...SMALL, '--seed', '2', '--keep', '--dir', directory)
      expect(exitCode).toBe(0)
      expect((await readdir(directory)).toSorted()).toEqual(['killed-load', 'shops'])
    },
    TIMEOUT_MS,
  )

  it('answers a wrong command line in one line and with exit code 2', async () => {
    await writeFile(join(directory, 'letter.txt'), 'keep me')
    await mkdir(join(directory, 'empty'))
    const wrong = [
      ['--orders', 'many'],
      ['--unknown'],
      ['--dir', directory],
      ['--olist', join(directory, 'empty')],
      ['--olist', join(directory, 'nowhere')],
    ]
    for (const words of wrong) {
      const { exitCode, stdout, stderr } = await runDemo(...words)
      expect({ words, exitCode, stdout }).toEqual({ words, exitCode: 2, stdout: '' })
      expect(stderr).toMatch(/^demo: [^\n]+\n$/)
    }
    expect(existsSync(join(directory, 'letter.txt'))).toBe(true)
  })

  it('prints its options', async () => {
    const { exitCode, stdout } = await runDemo('--help')
    expect(exitCode).toBe(0)
    expect(stdout).toContain('--olist DIR')
  })
})
