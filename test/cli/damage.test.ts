// doctor and salvage on directories of all sorts.

import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

import { open, t, table } from '../../dist/index.js'
import { PROJECT_ROOT } from '../tidy/project.js'
import {
  fileOf,
  flipByte,
  makeCrashed,
  makeDatabase,
  makeNewer,
  newFolder,
  orderOf,
  ROW_COUNT,
  run,
  runJson,
  TABLES,
} from './command-line.js'

let folder: string
let sound: string
beforeAll(async () => {
  folder = newFolder()
  sound = join(folder, 'sound')
  await makeDatabase(sound)
})

function copy(name: string): string {
  const target = join(folder, name)
  cpSync(sound, target, { recursive: true })
  return target
}

/** Every file with its bytes. */
function contentOf(directory: string): Map<string, string> {
  const names = readdirSync(directory).toSorted()
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), 'base64')]))
}

const codesOf = (report: { readonly findings: readonly { readonly code: string }[] }): string[] =>
  report.findings.map(({ code }) => code)

describe('doctor', () => {
  it('finds nothing about a sound database', () => {
    const before = contentOf(sound)
    const report = runJson(0, 'doctor', sound)
    expect(report).toMatchObject({ isHealthy: true, isDatabase: true, lockState: 'free' })
    expect(report.forecast).toMatchObject({ isClean: true, commitCount: 0, tornBytes: 0 })
    expect(report.freeBytes).toBeGreaterThan(0)
    const roles = report.files.map(({ role, state }: Record<string, string>) => `${state} ${role}`)
    expect(new Set(roles)).toEqual(
      new Set(['live superblock', 'live manifest', 'live log', 'live reserve', 'live sstable']),
    )
    expect(contentOf(sound)).toEqual(before)
  })

  it('works beside an application, and knows a lock that was left behind', async () => {
    const path = copy('held')
    {
      await using db = await open({ path, tables: TABLES })
      await db.tenant('shop-1').orders.upsert(orderOf(1))
      const report = runJson(0, 'doctor', path)
      expect(report).toMatchObject({ isHealthy: true, lockState: 'open' })
      expect(report.lock.holder.pid).toBe(process.pid)
      cpSync(join(path, 'LOCK'), join(folder, 'left'))
      if (process.platform === 'linux') {
        cpSync(path, join(folder, 'held-copy'), { recursive: true })
        expect(runJson(0, 'doctor', join(folder, 'held-copy')).lockState).toBe('left behind')
        rmSync(join(path, 'LOCK'))
        expect(runJson(0, 'doctor', path).lockState).toBe('open')
        expect(run('doctor', path).stdout).toContain(
          'open in a process that did not leave its name',
        )
        cpSync(join(folder, 'left'), join(path, 'LOCK'))
      }
    }
    const holder = JSON.parse(readFileSync(join(folder, 'left'), 'utf8'))
    writeFileSync(join(path, 'LOCK'), JSON.stringify({ ...holder, pid: 2 ** 22 + 1 }))
    const report = runJson(0, 'doctor', path)
    expect(report).toMatchObject({ isHealthy: true, lockState: 'left behind' })
    writeFileSync(join(path, 'LOCK'), '\u0000\u001b[2J')
    expect(runJson(0, 'doctor', path)).toMatchObject({ lockState: 'unknown' })
    expect(run('doctor', path).stdout).not.toContain('\u001b')
    rmSync(join(path, 'LOCK'))
    mkdirSync(join(path, 'LOCK'))
    expect(codesOf(runJson(1, 'doctor', path))).toEqual(['DB_NOT_A_DATABASE'])
  })

  it('names leftovers and files of others', () => {
    const path = copy('littered')
    writeFileSync(join(path, '000000.sst'), 'x')
    writeFileSync(join(path, 'notes.txt'), 'x')
    const { files } = runJson(0, 'doctor', path)
    expect(files).toContainEqual({
      file: '000000.sst',
      role: 'sstable',
      bytes: 1,
      state: 'leftover',
    })
    expect(files).toContainEqual({ file: 'notes.txt', bytes: 1, state: 'unknown' })
  })

  it.each([
    ['missing.sst', 'FILE_MISSING', (path: string) => rmSync(fileOf(path, '.sst'))],
    ['missing-superblock', 'FILE_MISSING', (path: string) => rmSync(join(path, 'SUPERBLOCK'))],
    ['footer', 'SSTABLE_CORRUPT', (path: string) => flipEnd(fileOf(path, '.sst'))],
    ['manifest', 'MANIFEST_CORRUPT', (path: string) => flipByte(fileOf(path, '.manifest'), 70)],
    ['copy', 'MANIFEST_CORRUPT', (path: string) => flipByte(join(path, 'SUPERBLOCK'), 80)],
    ['log', 'WAL_CORRUPT', (path: string) => flipByte(fileOf(path, '.wal'), 10)],
    ['newer', 'FORMAT_UNSUPPORTED', (path: string) => makeNewer(join(path, 'SUPERBLOCK'), 0, 4096)],
    [
      'unfinished',
      'CHECKPOINT_UNFINISHED',
      (path: string) =>
        writeFileSync(join(path, 'SUPERBLOCK'), 'tabularium: unfinished checkpoint\n'),
    ],
  ])('%s: %s, with what to do', (name, code, damage) => {
    const path = copy(`doctor-${name}`)
    damage(path)
    const before = contentOf(path)
    const { status, stdout, stderr } = run('doctor', path)
    expect(status).toBe(1)
    expect(stdout).toMatch(/\n\d findings?\n$/)
    expect(stderr).toMatch(new RegExp(`^${code}: .*\n[A-Z].*\\.\n`))
    expect(codesOf(runJson(1, 'doctor', path))).toContain(code)
    expect(contentOf(path)).toEqual(before)
  })

  it('looks at directories of others and at none', () => {
    const foreign = join(folder, 'foreign')
    mkdirSync(foreign)
    expect(codesOf(runJson(1, 'doctor', foreign))).toEqual(['DB_NOT_FOUND'])
    for (const name of ['CURRENT', 'LOCK', '000012.sst', 'MANIFEST-000004']) {
      writeFileSync(join(foreign, name), 'of another program')
    }
    expect(codesOf(runJson(1, 'doctor', foreign))).toEqual(['DB_NOT_A_DATABASE'])
    const others = [PROJECT_ROOT, join(PROJECT_ROOT, 'package.json')]
    for (const path of others) {
      expect(codesOf(runJson(1, 'doctor', path))).toEqual(['DB_NOT_A_DATABASE'])
    }
    expect(codesOf(runJson(1, 'doctor', join(folder, 'nowhere')))).toEqual(['DB_NOT_FOUND'])
  })
})

function flipEnd(path: string): void {
  flipByte(path, statSync(path).size - 20)
}

describe('salvage', () => {
  const linesOf = (out: string, file: string) =>
    readFileSync(join(out, file), 'utf8').trimEnd().split('\n')

  it('saves all of a sound database, and what only its log holds', async () => {
    const crashed = join(folder, 'crashed')
    await makeCrashed(crashed, 20)
    const before = contentOf(crashed)
    const out = join(folder, 'all')
    expect(run('salvage', crashed, '--out', out).status).toBe(0)
    const { files, isComplete } = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8'))
    expect(isComplete).toBe(true)
    expect(files).toMatchObject([{ tenant: 'shop-1', table: 'orders', rowCount: 20 }])
    const rows = linesOf(out, files[0].file).map((line) => JSON.parse(line))
    const expected = { id: 'o-1', cents: String(2n ** 60n + 1n), mark: '01ff', amount: '1.50' }
    expect(rows.find(({ id }) => id === 'o-1')).toMatchObject(expected)
    expect(contentOf(crashed)).toEqual(before)
  })

  it('saves the raw keys of those tenants that have some', async () => {
    const path = copy('raw-keys')
    {
      await using db = await open({ path, tables: TABLES })
      await db.keySpace('shop-1').write((batch) => {
        batch.put('', 'of no key')
        batch.put(Uint8Array.of(0, 255), '')
      })
    }
    const out = join(folder, 'raw-keys-saved')
    const { files } = runJson(0, 'salvage', path, '--out', out)
    const spaces = files.filter(({ table: name }: { table: string }) => name === '(key space)')
    expect(spaces).toMatchObject([{ tenant: 'shop-1', rowCount: 2, unreadable: [] }])
    expect(linesOf(out, spaces[0].file).map((line) => JSON.parse(line))).toEqual([
      { key: '', value: Buffer.from('of no key').toString('hex') },
      { key: '00ff', value: '' },
    ])
  })

  it('says from which commit on a damaged log may have lost them', async () => {
    const path = join(folder, 'lost-log')
    await makeCrashed(path, 200)
    const { frames } = runJson(0, 'inspect', fileOf(path, '.wal'), '--limit', '1000')
    flipByte(fileOf(path, '.wal'), frames.at(-10).offsetBytes + 20)
    const { lostLog, problems } = runJson(1, 'salvage', path)
    expect(lostLog.throughSeqNum).toBe(lostLog.afterSeqNum)
    const { message } = problems[0]
    expect(message).toMatch(/; commits behind \d+ \(.*\) may be lost$/)
  })

  it('sets apart what a missing sstable may have made outdated', async () => {
    const path = copy('outdated')
    {
      await using db = await open({ path, tables: TABLES })
      await db.tenant('shop-1').orders.update('o-1', { note: 'newer' })
      await db.flush()
      await db.tenant('shop-1').orders.update('o-2', { note: 'newest' })
      await db.flush()
    }
    const tables = readdirSync(path).filter((name) => name.endsWith('.sst'))
    renameSync(join(path, tables.at(-2)!), join(folder, 'taken'))
    const out = join(folder, 'outdated-saved')
    const report = runJson(1, 'salvage', path, '--out', out)
    expect(report.problems[0]).toMatchObject({ code: 'FILE_MISSING' })
    const of = report.files.find(({ tenant }: { tenant: string }) => tenant === 'shop-1')
    expect(of).toMatchObject({ rowCount: ROW_COUNT - 1, uncertainRowCount: 1 })
    expect(linesOf(out, of.uncertainFile).map((line) => JSON.parse(line).id)).toEqual(['o-1'])
    const newest = linesOf(out, of.file).map((line) => JSON.parse(line))
    expect(newest.find(({ id }) => id === 'o-2').note).toBe('newest')
  })

  it('reports rows that only a lost version of their table could decode', async () => {
    const path = join(folder, 'evolved')
    const columns = { id: t.text() }
    const before = table('notes', columns, { primaryKey: ['id'] })
    const after = table('notes', { ...columns, text: t.text().nullable() }, { primaryKey: ['id'] })
    {
      await using db = await open({ path, tables: { notes: before } })
      await db.tenant('a').notes.insert({ id: 'old' })
    }
    const known = new Set(readdirSync(path))
    {
      await using db = await open({ path, tables: { notes: after } })
      await db.flush()
      const [lost] = readdirSync(path).filter((name) => name.endsWith('.sst') && !known.has(name))
      await db.tenant('a').notes.insert({ id: 'new', text: 'x' })
      await db.close()
      rmSync(join(path, lost!))
    }
    const { files, problems } = runJson(1, 'salvage', path)
    expect(files).toMatchObject([{ table: 'notes', rowCount: 1 }])
    const codes = problems.map(({ code }: { code: string }) => code)
    expect(codes).toEqual(['FILE_MISSING', 'ROW_CORRUPT'])
    expect(problems[1].message).toContain('rows of notes of a from new')
  })

  it('says that tables and tenants may be missing when the catalog cannot be read', () => {
    const path = copy('no-catalog')
    for (const name of readdirSync(path)) if (name.endsWith('.sst')) rmSync(join(path, name))
    const { problems, files } = runJson(1, 'salvage', path)
    expect(files).toEqual([])
    expect(problems[0].message).toContain('tables and tenants may be missing')
  })

  it('writes only where nothing is, and never into the damaged directory', () => {
    const link = join(folder, 'link')
    symlinkSync(sound, link)
    const inside = [join(sound, 'out'), join(sound, '..', 'sound', 'x'), join(link, 'x')]
    for (const out of [sound, ...inside, folder]) {
      expect(runJson(2, 'salvage', sound, '--out', out).error.code).toBe('ARGUMENT_INVALID')
    }
    expect(
      runJson(1, 'salvage', join(folder, 'nowhere'), '--out', join(folder, 'new')).error.code,
    ).toBe('DB_NOT_FOUND')
    expect(readdirSync(folder)).not.toContain('new')
    rmSync(link)
  })
})
