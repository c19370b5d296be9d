// Directories that cannot be opened: what is wrong is said, nothing in them is touched, and what was there opens again.

import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'

import { FORMAT_VERSION } from '../../dist/codec/file-header.js'
import { open, type SeqNum } from '../../dist/index.js'
import { expectCode, onEnd, openShop, order, shopTables, temporaryDirectory } from './db-kit.js'

const ENTRY = new URL('../../dist/index.js', import.meta.url).href

/** Names and contents of the files in a directory, the lock aside. */
function contents(directory: string): Map<string, string> {
  const names = fs.readdirSync(directory).filter((name) => name !== 'LOCK')
  return new Map(
    names.toSorted().map((name) => {
      const path = join(directory, name)
      return [name, fs.statSync(path).isFile() ? fs.readFileSync(path, 'base64') : 'directory']
    }),
  )
}

/** A closed database with rows in tables, and with rows in its log when it was left open. */
async function shopDirectory(state: 'closed' | 'left open'): Promise<string> {
  const path = temporaryDirectory()
  const db = await open({ path, tables: shopTables, walFileBytes: 1 << 17 })
  await db.tenant('a').orders.insert(Array.from({ length: 500 }, (_, n) => order(n)))
  await db.flush()
  await db.tenant('a').counters.insert({ id: 'n', n: 1 })
  if (state === 'closed') {
    await db.close()
    return path
  }
  const copy = temporaryDirectory()
  fs.cpSync(path, copy, { recursive: true, filter: (from) => !from.endsWith('/LOCK') })
  await db.close()
  return copy
}

async function expectShopIn(path: string): Promise<void> {
  const db = await openShop({ path })
  expect(await db.tenant('a').orders.scan().toArray()).toHaveLength(500)
  expect(db.tenant('a').counters.getSync('n')).toEqual({ id: 'n', n: 1 })
  expect((await db.verify()).problems).toEqual([])
  await db.close()
}

describe('paths', () => {
  test('of no database, or of something else', async () => {
    const directory = temporaryDirectory()
    const missing = join(directory, 'missing')
    await expectCode('DB_NOT_FOUND', () => open({ path: missing, createIfMissing: false }))
    await expectCode('DB_NOT_FOUND', () => open({ path: directory, createIfMissing: false }))
    expect(fs.readdirSync(directory)).toEqual([])

    const file = join(directory, 'file')
    fs.writeFileSync(file, 'something')
    await expectCode('DB_NOT_A_DATABASE', () => open({ path: file }))
    const other = await expectCode('DB_NOT_A_DATABASE', () => open({ path: directory }))
    expect(other.message).toContain('file')
    await expectCode('DB_NOT_A_DATABASE', () => open({ path: directory, createIfMissing: false }))
    expect(contents(directory)).toEqual(new Map([['file', fs.readFileSync(file, 'base64')]]))
    await expectCode('IO_FAILED', () => open({ path: join(file, 'below') }))

    const nested = join(directory, 'x', 'y')
    const db = await open({ path: nested, tables: shopTables })
    await db.close()
    expect(fs.existsSync(join(nested, 'SUPERBLOCK'))).toBe(true)
  })

  test('where LOCK or SUPERBLOCK is a directory', async () => {
    for (const name of ['LOCK', 'SUPERBLOCK']) {
      const path = temporaryDirectory()
      fs.mkdirSync(join(path, name))
      const error = await expectCode('DB_NOT_A_DATABASE', () => open({ path }))
      expect(error.message).toContain(name)
      expect(fs.readdirSync(path).filter((other) => other !== 'LOCK')).toEqual(
        name === 'LOCK' ? [] : [name],
      )
    }
    const path = await shopDirectory('closed')
    fs.mkdirSync(join(path, 'LOCK'))
    for (const salvage of [false, true]) {
      const error = await expectCode('DB_NOT_A_DATABASE', () => open({ path, salvage }))
      expect(error.message).toContain(`${join(path, 'LOCK')} is a directory`)
    }
    fs.rmdirSync(join(path, 'LOCK'))
    fs.renameSync(join(path, 'SUPERBLOCK'), join(path, 'moved'))
    fs.mkdirSync(join(path, 'SUPERBLOCK'))
    await expectCode('FILE_MISSING', () => open({ path }))
    fs.rmdirSync(join(path, 'SUPERBLOCK'))
    fs.renameSync(join(path, 'moved'), join(path, 'SUPERBLOCK'))
    await expectShopIn(path)
  })

  test('that are not paths', async () => {
    for (const path of ['', 'a\0b', undefined, null, 7, {}]) {
      await expectCode('ARGUMENT_INVALID', () => open({ path: path as string }))
    }
    await expectCode('ARGUMENT_INVALID', () => open(undefined as never))
    await expectCode('ARGUMENT_INVALID', () => open({ path: 'x', tables: null as never }))
    const path = temporaryDirectory()
    await expectCode('OPTION_UNKNOWN', () => open({ path, memtableBudgetByte: 1 } as never))
    await expectCode('OPTION_UNKNOWN', () => open({ path }, { tables: {} } as never))
    for (const components of [null, 7, { env: null }, { env: {} }, { env: 'memory' }]) {
      await expectCode('ARGUMENT_INVALID', () => open({ path }, components as never))
    }
    await expectCode('OPTION_OUT_OF_RANGE', () => open({ path, tabletCount: 0 }))
    await expectCode('OPTION_OUT_OF_RANGE', () => open({ path, createIfMissing: 'no' } as never))
    expect(fs.readdirSync(path)).toEqual([])
  })

  test('on a disk that has no room even for LOCK: the reserve gives it', async () => {
    const path = await shopDirectory('closed')
    expect(fs.existsSync(join(path, 'RESERVE'))).toBe(true)
    const script = `
      const { default: fs } = await import('node:fs')
      const { syncBuiltinESMExports } = await import('node:module')
      const [path] = process.argv.slice(1)
      const { writeFileSync } = fs
      fs.writeFileSync = (...call) => {
        if (!fs.existsSync(path + '/RESERVE')) return writeFileSync(...call)
        throw Object.assign(new Error('full'), { code: 'ENOSPC', syscall: 'write' })
      }
      syncBuiltinESMExports()
      await open({ path, salvage: true }).catch((error) => console.log(error.code))
      const db = await open({ path })
      console.log(db.state)
      await db.close()`
    const { stdout, stderr } = runScript(script, [path])
    expect(stdout, stderr).toBe('DISK_FULL\nopen\n')
    await expectShopIn(path)
  })

  test('that the permission model of the runtime keeps the process from writing to', async () => {
    const path = await shopDirectory('closed')
    const before = contents(path)
    const isStable = process.allowedNodeEnvironmentFlags.has('--permission')
    const flags = [isStable ? '--permission' : '--experimental-permission', '--allow-fs-read=*']
    // The model keeps out native libraries, too, so nobody may insist on them.
    const script = `
      delete process.env.TABULARIUM_KERNELS
      await open({ path: process.argv[1] }).catch((error) => console.log(error.code))`
    const { stdout, stderr } = runScript(script, [path], [...flags, '--no-warnings'])
    expect(stdout, stderr).toBe('IO_FAILED\n')
    expect(contents(path)).toEqual(before)
  })

  test.skipIf(process.getuid === undefined || process.getuid() !== 0)(
    'that may not be written (needs root, to become somebody else)',
    async () => {
      const path = await shopDirectory('closed')
      const before = contents(path)
      fs.chmodSync(path, 0o755)
      const script = `
        process.setgid(65534); process.setuid(65534)
        for (const path of process.argv.slice(1)) {
          await open({ path }).then(() => console.log('opened'), (error) => console.log(error.code))
        }`
      const { stdout, stderr } = runScript(script, [path, join(path, 'below')])
      expect(stdout, stderr).toBe('IO_FAILED\nIO_FAILED\n')
      expect(contents(path)).toEqual(before)
      await expectShopIn(path)
    },
  )
})

function runScript(script: string, args: readonly string[], flags: readonly string[] = []) {
  const source = `const { open } = await import(${JSON.stringify(ENTRY)})\n${script}`
  const options = { encoding: 'utf8', timeout: 20_000 } as const
  const allFlags = [...flags, '--input-type=module', '-e', source, ...args]
  return spawnSync(process.execPath, allFlags, options)
}

describe('a directory that is open', () => {
  test('in this process lets no second handle in, and the first goes on', async () => {
    const path = temporaryDirectory()
    const db = await openShop({ path })
    await db.tenant('a').counters.insert({ id: 'n', n: 1 })
    const link = join(temporaryDirectory(), 'link')
    fs.symlinkSync(path, link)
    for (const other of [path, `${path}/.`, link]) {
      const error = await expectCode('DB_LOCKED', () => open({ path: other }))
      expect(error.details).toMatchObject({ pid: process.pid })
      expect(error.message).toContain('this process')
    }
    await db.tenant('a').counters.update('n', { n: 2 })
    await db.close()
    const again = await openShop({ path })
    expect(again.tenant('a').counters.getSync('n')).toEqual({ id: 'n', n: 2 })
  })

  test('leaves a copy of hard links that was made while it was closed as it was', async () => {
    const path = await shopDirectory('closed')
    const copy = temporaryDirectory()
    for (const name of fs.readdirSync(path)) fs.linkSync(join(path, name), join(copy, name))
    const before = contents(copy)
    for (let round = 0; round < 2; round++) {
      const db = await open({ path, tables: shopTables, walFileBytes: 1 << 17 })
      for (let i = 0; i < 10; i++) {
        await db.tenant('a').orders.upsert(Array.from({ length: 500 }, (_, n) => order(n)))
        await db.flush()
      }
      await db.compact()
      await db.close()
    }
    expect(contents(copy)).toEqual(before)
    await expectShopIn(copy)
  })

  test('in another process names the holder, and opens when that one is killed', async () => {
    const path = await shopDirectory('closed')
    const script = `const { open } = await import(${JSON.stringify(ENTRY)})
      const db = await open({ path: process.argv[1] })
      console.log('open')
      setInterval(() => db, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onEnd(() => child.kill('SIGKILL'))
    for await (const line of createInterface({ input: child.stdout })) if (line === 'open') break
    const error = await expectCode('DB_LOCKED', () => open({ path }))
    expect(error.details).toMatchObject({ pid: child.pid })
    expect(error.message).toContain(`process ${child.pid}`)
    expect(error.isRetryable).toBe(true)
    const exit = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exit
    await expectShopIn(path)
  })
})

describe('damaged and foreign files', () => {
  /** Makes every header of a file say that a newer version wrote it. */
  function makeNewer(path: string): void {
    const bytes = fs.readFileSync(path)
    const step = path.endsWith('SUPERBLOCK') ? 4096 : bytes.length
    for (let at = 0; at < bytes.length; at += step) {
      if (bytes.toString('latin1', at, at + 7) !== 'TABULAR') continue
      bytes.writeUInt16LE(FORMAT_VERSION + 1, at + 8)
      bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 60)), at + 60)
    }
    fs.writeFileSync(path, bytes)
  }

  const filesOf = (path: string, ending: string) =>
    fs
      .readdirSync(path)
      .filter((name) => name.endsWith(ending))
      .map((name) => join(path, name))

  test('directories that are named like our files are left alone', async () => {
    const names = ['000099.wal', '000098.sst', '000097.manifest', '000096.spare']
    const makeThem = (path: string) => {
      for (const name of names) {
        fs.mkdirSync(join(path, name))
        fs.writeFileSync(join(path, name, 'notes'), 'something')
      }
    }
    for (const state of ['closed', 'left open'] as const) {
      const path = await shopDirectory(state)
      makeThem(path)
      const db = await openShop({ path })
      const { orphans } = await db.verify()
      expect(orphans).toEqual(expect.arrayContaining(names.slice(1, 3)))
      await db.close()
      await expectShopIn(path)
      for (const name of names) expect(fs.existsSync(join(path, name, 'notes'))).toBe(true)
    }
    const empty = temporaryDirectory()
    makeThem(empty)
    const error = await expectCode('DB_NOT_A_DATABASE', () => open({ path: empty }))
    expect(error.message).toContain('000096.spare')
  })

  /** Opens a database with changed files: refused, untouched, and as before when the files are back. */
  async function expectRefusal(
    code: 'FORMAT_UNSUPPORTED' | 'MANIFEST_CORRUPT' | 'WAL_CORRUPT' | 'FILE_MISSING',
    path: string,
  ) {
    const before = contents(path)
    const error = await expectCode(code, () => open({ path }))
    await expectCode(code, () => open({ path, createIfMissing: false }))
    expect(contents(path)).toEqual(before)
    return error
  }

  test('of a newer format are left alone', async () => {
    for (const ending of ['SUPERBLOCK', '.manifest', '.wal']) {
      const path = await shopDirectory('left open')
      const file = filesOf(path, ending).at(-1)!
      const original = fs.readFileSync(file)
      makeNewer(file)
      const error = await expectRefusal('FORMAT_UNSUPPORTED', path)
      expect(error.details, ending).toMatchObject({
        need: FORMAT_VERSION + 1,
        have: FORMAT_VERSION,
      })
      fs.writeFileSync(file, original)
      await expectShopIn(path)
    }
  })

  test('of a manifest or a log refuse to open', async () => {
    for (const [ending, code] of [
      ['SUPERBLOCK', 'MANIFEST_CORRUPT'],
      ['.manifest', 'MANIFEST_CORRUPT'],
      ['.wal', 'WAL_CORRUPT'],
    ] as const) {
      const path = await shopDirectory('left open')
      const file = filesOf(path, ending)[0]!
      const original = fs.readFileSync(file)
      const damaged = Buffer.from(original)
      for (let at = 0; at < damaged.length; at += 4096) damaged[at + 100]! ^= 0x40
      fs.writeFileSync(file, damaged)
      const error = await expectRefusal(code, path)
      expect(error.kind).toBe('corrupt')
      fs.writeFileSync(file, original)
      await expectShopIn(path)
    }
  })

  test('that are gone are missed', async () => {
    for (const ending of ['SUPERBLOCK', '.manifest', '.sst']) {
      const path = await shopDirectory('left open')
      const file = filesOf(path, ending)[0]!
      const original = fs.readFileSync(file)
      fs.rmSync(file)
      await expectRefusal('FILE_MISSING', path)
      fs.writeFileSync(file, original)
      await expectShopIn(path)
    }
  })

  test('of a table hurt the keys in them only', async () => {
    const path = await shopDirectory('closed')
    const file = filesOf(path, '.sst').toSorted(
      (a, b) => fs.statSync(b).size - fs.statSync(a).size,
    )[0]!
    const bytes = fs.readFileSync(file)
    bytes[bytes.length >> 1]! ^= 1
    fs.writeFileSync(file, bytes)
    const db = await openShop({ path })
    const shop = db.tenant('a')
    const error = await expectCode('SSTABLE_CORRUPT', () => shop.orders.scan().toArray())
    expect(error.details['file']).toBeDefined()
    await expectCode('SSTABLE_CORRUPT', () => shop.sql`select count(*) from orders`)
    expect((await db.verify()).problems.length).toBeGreaterThan(0)
    await db.tenant('b').orders.insert(order(1))
    expect(await db.tenant('b').orders.get('o-00001')).toBeDefined()
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('leave the moment of the last commit in place', async () => {
    const path = temporaryDirectory()
    const db = await openShop({ path })
    let last = 0 as SeqNum
    for (let n = 0; n < 20; n++) last = await db.tenant('a').counters.upsert({ id: 'n', n })
    await db.close()
    const again = await openShop({ path })
    expect(again.stats().seqNum).toBe(last)
    expect(await again.tenant('a').counters.upsert({ id: 'n', n: 20 })).toBeGreaterThan(last)
  })
})
