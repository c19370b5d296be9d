import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

import { PROJECT_ROOT } from '../tidy/project.js'
import { newFolder, run, runJson } from './command-line.js'

const COMMANDS = ['stats', 'doctor', 'verify', 'salvage', 'inspect', 'sql', 'tenants']

let folder: string
beforeAll(() => {
  folder = newFolder()
})

describe('help', () => {
  it('lists every command, the exit codes and how to learn more', () => {
    const { status, stdout, stderr } = run('--help')
    expect([status, stderr]).toEqual([0, ''])
    for (const command of COMMANDS) expect(stdout).toContain(`tabularium ${command} `)
    expect(stdout).toMatch(/Exit codes: 0 .*, 1 .*, 2 /)
  })

  it.each(COMMANDS)('%s --help shows usage, examples and exit codes', (command) => {
    const { status, stdout, stderr } = run(command, '-h')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`Usage: tabularium ${command} `)
    expect(stdout).toContain('Examples:\n')
    expect(stdout).toContain('--json')
    expect(stdout).toContain('Exit codes:')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  })

  it('--version is that of the package', () => {
    const { version } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(run('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
    expect(runJson(0, '--version')).toEqual({ version })
  })
})

describe('a wrong command line exits with 2 and says how it should be', () => {
  it.each([
    [[], 'a command is missing'],
    [['frobnicate'], 'there is no command frobnicate'],
    [['stat', 'd'], 'did you mean stats?'],
    [['--frobnicate'], "Unknown option '--frobnicate'"],
    [['stats'], 'DIR is missing'],
    [['stats', ''], 'DIR is missing'],
    [['stats', 'a', 'b'], 'too many arguments: b'],
    [['stats', 'a', '--entries'], "Unknown option '--entries'"],
    [['stats', 'a', '--json=yes'], "'--json' does not take an argument"],
    [['verify'], 'DIR is missing'],
    [['tenants', 'a', 'b'], 'too many arguments: b'],
    [['inspect'], 'FILE is missing'],
    [['inspect', 'a', '--limit'], "'--limit <value>' argument missing"],
    [['inspect', 'a', '--limit', '0'], '--limit takes a whole number from 1 on, not 0'],
    [['inspect', 'a', '--limit', 'ten'], '--limit takes a whole number from 1 on, not ten'],
    [['sql'], 'DIR is missing'],
    [['sql', 'd', '--tenant', 'a'], 'STATEMENT is missing'],
    [['sql', 'd', 'select 1'], '--tenant is missing'],
    [['sql', 'd', '--tenant', 'a', 'select', '1'], 'quote the statement, "select 1"'],
    [['sql', 'd', '--tenant', 'a', 'select ?', '--param', '-5'], '--param=-'],
    [['sql', 'd', '--tenant', 'a', 'select 1', '--at', 'yesterday'], '--at yesterday is no SeqNum'],
    [['sql', 'd', '--tenant', 'a', 'select 1', '--at', '5'], '--at 5 is no SeqNum'],
  ])('%j', (args: string[], message) => {
    const { status, stdout, stderr } = run(...args)
    expect([status, stdout]).toEqual([2, ''])
    const [problem, advice] = stderr.split('\n')
    expect(problem).toMatch(/^ARGUMENT_INVALID: /)
    expect(problem).toContain(message)
    expect(advice).toContain('--help')
    expect(stderr.trimEnd().split('\n')).toHaveLength(2)
  })

  it('as JSON when it was asked for', () => {
    const { error } = runJson(2, 'stats')
    expect(Object.keys(error)).toEqual(['code', 'message', 'advice', 'details'])
    expect(error).toMatchObject({ code: 'ARGUMENT_INVALID', message: 'DIR is missing' })
  })
})

describe('a path that is no database exits with 1 and stays as it is', () => {
  const OPENING = [['stats'], ['verify'], ['tenants'], ['sql', '--tenant', 'a', 'select 1']]

  it.each(OPENING)('%s of nothing, of another directory', (command, ...rest) => {
    const path = join(folder, 'nowhere')
    const { status, stdout, stderr } = run(command!, path, ...rest)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^DB_NOT_FOUND: .*\n.*\n$/)
    expect(existsSync(path)).toBe(false)

    const other = newFolder()
    writeFileSync(join(other, 'letter.txt'), 'dear')
    expect(runJson(1, command!, other, ...rest).error.code).toBe('DB_NOT_A_DATABASE')
    expect(readdirSync(other)).toEqual(['letter.txt'])
  })

  it('an empty directory stays empty', () => {
    const path = newFolder()
    expect(runJson(1, 'stats', path).error).toMatchObject({
      code: 'DB_NOT_FOUND',
      details: { path },
    })
    expect(readdirSync(path)).toEqual([])
  })

  it('a file stays as it is', () => {
    const file = join(folder, 'letter.txt')
    writeFileSync(file, 'dear')
    expect(runJson(1, 'stats', file).error.code).toBe('DB_NOT_A_DATABASE')
    expect(readFileSync(file, 'utf8')).toBe('dear')
  })
})
