import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

import { FORMAT_VERSION } from '../../dist/codec/file-header.js'
import {
  fileOf,
  flipByte,
  makeCrashed,
  makeDatabase,
  makeNewer,
  newFolder,
  run,
  runJson,
} from './command-line.js'

let closed: string
let crashed: string
beforeAll(async () => {
  const folder = newFolder()
  closed = join(folder, 'closed')
  crashed = join(folder, 'crashed')
  await makeDatabase(closed)
  await makeCrashed(crashed, 30)
})

/** A copy of a file alone in a folder, under its own name or another. */
function alone(path: string, name: string = basename(path)): string {
  const copied = join(newFolder(), name)
  copyFileSync(path, copied)
  return copied
}

describe('WAL file', () => {
  it('its frames, from the file alone and whatever it is called', () => {
    const file = alone(fileOf(crashed, '.wal'), 'renamed')
    const { status, stdout, stderr } = run('inspect', file, '--limit', '3')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/: WAL file, [\d.]+ \w+\n/)
    expect(stdout).toContain('it is the first file of the log')
    expect(stdout).toMatch(/ START +0 /)
    expect(stdout.match(/ COMMIT /g)).toHaveLength(2)
    expect(stdout).toMatch(/\.\.\. and \d+ more; see --limit\n$/)
    const wal = runJson(0, 'inspect', file, '--limit', '3')
    expect(wal).toMatchObject({
      type: 'wal',
      end: 'clean',
      tornBytes: 0,
      fileId: expect.any(Number),
    })
    expect(wal.frames).toHaveLength(3)
    expect(wal.frameCount).toBeGreaterThan(30)
    expect(wal.entries).toBeUndefined()
  })

  it('--entries lists writes', () => {
    const file = fileOf(crashed, '.wal')
    const { stdout } = run('inspect', file, '--entries', '--limit', '1000')
    expect(stdout).toMatch(/ put +1 +16 +0 +o-29\\x00\\x01 /)
    const { entries, writeCount } = runJson(0, 'inspect', file, '--entries', '--limit', '1000')
    expect(entries).toHaveLength(writeCount)
    const key = Buffer.from('o-29\0\x01').toString('hex')
    expect(entries).toContainEqual(
      expect.objectContaining({ kind: 'put', tenantId: 1, tableId: 16, indexId: 0, key }),
    )
  })

  it('a torn tail is no damage, a hole before the proven end is', () => {
    const file = alone(fileOf(crashed, '.wal'))
    const { endBytes } = runJson(0, 'inspect', file)
    writeFileSync(file, Buffer.from('torn'), { flag: 'r+' })
    copyFileSync(fileOf(crashed, '.wal'), file)
    const bytes = readFileSync(file)
    bytes.write('half a frame', endBytes)
    writeFileSync(file, bytes)
    expect(runJson(0, 'inspect', file)).toMatchObject({ end: 'torn', tornBytes: 12, endBytes })

    flipByte(file, 200)
    const { status, stdout, stderr } = run('inspect', file)
    expect(status).toBe(1)
    expect(stdout).toMatch(/damaged at [\d,]+ of /)
    expect(stdout).toContain(' START ')
    expect(stderr).toMatch(/^WAL_CORRUPT: .*durable up to \d+\n.*\n$/)
    expect(runJson(1, 'inspect', file)).toMatchObject({
      end: 'corrupt',
      error: { code: 'WAL_CORRUPT', details: { file } },
    })
  })
})

describe('sstable', () => {
  it('its properties and tenants', () => {
    const file = alone(fileOf(closed, '.sst'), 'renamed')
    const { status, stdout, stderr } = run('inspect', file)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/: sstable, [\d.]+ KiB\n/)
    expect(stdout).toMatch(/entries +\d+, 0 of them tombstones\n/)
    const table = runJson(0, 'inspect', file)
    expect(table).toMatchObject({ type: 'sstable', damages: [] })
    expect(table.tenants).toHaveLength(table.properties.tenantCount)
  })

  it('--entries lists keys and values', () => {
    const file = fileOf(closed, '.sst')
    const { stdout } = run('inspect', file, '--entries', '--limit', '500')
    expect(stdout).toMatch(/ 16 +0 +o-7\\x00\\x01 +\d{16} +main +put /)
    const { entries, properties } = runJson(0, 'inspect', file, '--entries', '--limit', '500')
    expect(entries).toHaveLength(properties.entryCount)
    expect(entries[0]).toMatchObject({ kind: 'put', value: expect.stringMatching(/^[0-9a-f]+$/) })
  })

  it('a damaged block is named, the rest is printed', () => {
    const file = alone(fileOf(closed, '.sst'))
    flipByte(file, 70)
    const { status, stdout, stderr } = run('inspect', file, '--entries')
    expect(status).toBe(1)
    expect(stdout).toMatch(/entries +\d+, 0 of them tombstones\n/)
    expect(stdout).toMatch(/ put /)
    expect(stderr).toMatch(/^SSTABLE_CORRUPT: .* at byte 64: the checksum does not match\n.*\n$/)
    const table = runJson(1, 'inspect', file)
    expect(table.error).toMatchObject({ code: 'SSTABLE_CORRUPT', details: { offsetBytes: 64 } })
    expect(table.damages).toHaveLength(1)
  })

  it('a file without its end still says who it is', () => {
    const file = alone(fileOf(closed, '.sst'))
    truncateSync(file, 1000)
    const { status, stdout, stderr } = run('inspect', file)
    expect(status).toBe(1)
    expect(stdout).toMatch(/database +[0-9a-f]{32}\n/)
    expect(stderr).toMatch(/^SSTABLE_CORRUPT: /)
  })
})

describe('manifest', () => {
  it('tablets, live sstables and, with --entries, the edits', () => {
    const file = alone(fileOf(closed, '.manifest'), 'renamed')
    const { status, stdout, stderr } = run('inspect', file, '--entries')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/: manifest, /)
    expect(stdout).toContain('00000000..7fffffff')
    expect(stdout).toMatch(/\d{6}\.sst +\d +0 /)
    expect(stdout).toMatch(/ SNAPSHOT +\d+ +1 +created: /)
    expect(stdout).toMatch(/\+ \d{6}\.sst, level 0/)
    const manifest = runJson(0, 'inspect', file, '--entries')
    expect(manifest).toMatchObject({ type: 'manifest', end: 'clean' })
    expect(manifest.tablets).toHaveLength(2)
    expect(manifest.tables).toHaveLength(manifest.tableCount)
    expect(manifest.entries[0]).toMatchObject({ type: 'SNAPSHOT' })
  })

  it('a damaged frame ends the listing', () => {
    const file = alone(fileOf(closed, '.manifest'))
    flipByte(file, 100)
    const { status, stdout, stderr } = run('inspect', file)
    expect(status).toBe(1)
    expect(stdout).toMatch(/frames +0\n/)
    expect(stderr).toMatch(/^MANIFEST_CORRUPT: /)
  })
})

describe('superblock and lock', () => {
  it('the copy that counts, and all copies', () => {
    const file = join(crashed, 'SUPERBLOCK')
    const { status, stdout, stderr } = run('inspect', file)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/manifest +\d{6}\.manifest, durable up to \d+\n/)
    expect(stdout).toMatch(/B1 +8,192 +1 +valid\n/)
    const { current, sectors } = runJson(0, 'inspect', file)
    expect(current).toMatchObject({ generation: 2, isClean: false })
    expect(sectors.map(({ state }: { state: string }) => state)).toEqual([
      'valid',
      'valid',
      'valid',
      'valid',
    ])
  })

  it('a damaged copy is named, the other still counts', () => {
    const file = alone(join(crashed, 'SUPERBLOCK'))
    flipByte(file, 2 * 4096 + 70)
    const { status, stdout, stderr } = run('inspect', file)
    expect(status).toBe(1)
    expect(stdout).toMatch(/generation +2\n/)
    expect(stdout).toMatch(/B1 +8,192 +damaged\n/)
    expect(stderr).toMatch(/^MANIFEST_CORRUPT: /)
    writeFileSync(file, '')
    expect(runJson(1, 'inspect', file).error.code).toBe('MANIFEST_CORRUPT')
  })

  it('a lock that nobody could read is printed as it is', () => {
    const file = join(newFolder(), 'LOCK')
    writeFileSync(file, 'half a \u001b')
    expect(run('inspect', file).stdout).toMatch(/text +half a \\x1b\n/)
    expect(runJson(0, 'inspect', file)).toMatchObject({ type: 'lock', text: 'half a \u001b' })
  })
})

describe('what is none of our files', () => {
  it.each([
    ['000001.wal', 'WAL_CORRUPT'],
    ['000001.sst', 'SSTABLE_CORRUPT'],
    ['000001.manifest', 'MANIFEST_CORRUPT'],
    ['SUPERBLOCK', 'MANIFEST_CORRUPT'],
    ['letter.txt', 'ARGUMENT_INVALID'],
  ])('zeros called %s', (name, code) => {
    const file = join(newFolder(), name)
    writeFileSync(file, new Uint8Array(16_384))
    expect(runJson(1, 'inspect', file).error.code).toBe(code)
    writeFileSync(file, '')
    expect(runJson(1, 'inspect', file).error.code).toBe(code)
  })

  it('the reserve, which holds nothing', () => {
    const { error } = runJson(1, 'inspect', join(closed, 'RESERVE'))
    expect(error.message).toContain('room set apart for a full disk')
  })

  it('a newer format, a directory, nothing', () => {
    const file = alone(fileOf(closed, '.sst'))
    makeNewer(file, 0)
    expect(runJson(1, 'inspect', file).error).toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      details: { need: FORMAT_VERSION + 1, have: FORMAT_VERSION },
    })
    const { error } = runJson(1, 'inspect', closed)
    expect(error).toMatchObject({ code: 'ARGUMENT_INVALID' })
    expect(error.message).toContain('it is a directory')
    expect(runJson(1, 'inspect', join(closed, 'nothing')).error.code).toBe('FILE_MISSING')
  })
})
