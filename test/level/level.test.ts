// What users of Level databases may meet: keys at the edges, errors, tenants side by side, sublevels, what stays open.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { levelOf, TabulariumLevel } from '../../dist/connect/level.js'
import { EngineError, open } from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { onEnd, openWith, temporaryDirectory } from '../db/db-kit.js'

const SMALL = { walFileBytes: 1 << 16 }
/** More than are read in one go. */
const MANY = 2000
/** As many as clear() is to delete; the long run asks for a million. */
const CLEAR_KEYS = Number(process.env.LEVEL_CLEAR_KEYS ?? 20_000)

async function openLevel(options = {}) {
  const level = new TabulariumLevel(temporaryDirectory(), { settings: SMALL, ...options })
  await level.open()
  onEnd(() => level.close())
  return level
}

async function openTenant(name = 'a') {
  const db = await openWith({})
  return { db, level: levelOf(db, name) }
}

/** The error that a call ends with, and the engine's that lies beneath. */
async function levelErrorOf(call: () => unknown): Promise<{ code: unknown; cause: unknown }> {
  try {
    await call()
  } catch (error) {
    const { code, cause } = error as Error & { code?: unknown }
    return { code, cause: cause instanceof EngineError ? cause.code : cause }
  }
  return { code: undefined, cause: undefined }
}

const numbered = (i: number) => String(i).padStart(8, '0')

async function fill(level: Awaited<ReturnType<typeof openLevel>>, count: number): Promise<void> {
  for (let from = 0; from < count; from += 10_000) {
    const keys = Array.from({ length: Math.min(10_000, count - from) }, (_, i) =>
      numbered(from + i),
    )
    await level.batch(keys.map((key) => ({ type: 'put', key, value: key })))
  }
}

describe('keys and values', () => {
  it('may be empty', async () => {
    const level = await openLevel()
    await level.batch([
      { type: 'put', key: '', value: 'of nothing' },
      { type: 'put', key: 'a', value: '' },
    ])
    expect(await level.getMany(['', 'a'])).toEqual(['of nothing', ''])
    expect(await level.keys().all()).toEqual(['', 'a'])
    expect(await level.keys({ gt: '' }).all()).toEqual(['a'])
    await level.del('')
    expect(await level.has('')).toBe(false)
  })

  it('may be as long as the engine takes them, and no longer', async () => {
    const level = await openLevel()
    await level.put('k'.repeat(2034), 'long')
    expect(await level.get('k'.repeat(2034))).toBe('long')
    const long = 'k'.repeat(2035)
    const refused = { code: 'LEVEL_INVALID_KEY', cause: 'KEY_TOO_LARGE' }
    expect(await levelErrorOf(() => level.put(long, 'v'))).toEqual(refused)
    expect(await levelErrorOf(() => level.del(long))).toEqual(refused)
    expect(await level.get(long)).toBeUndefined()
    expect(await level.has(long)).toBe(false)
    // Bounds are no keys.
    expect(await level.keys({ gte: long }).all()).toEqual([])
    expect(await level.keys({ lt: long }).all()).toEqual(['k'.repeat(2034)])
    const large = new Uint8Array((16 << 20) + 1)
    expect(
      await levelErrorOf(() => level.put('a', large as never, { valueEncoding: 'view' })),
    ).toEqual({ code: 'LEVEL_INVALID_VALUE', cause: 'VALUE_TOO_LARGE' })
  })

  it('are refused together: a batch is all or nothing', async () => {
    const level = await openLevel()
    const key = 'k'.repeat(3000)
    const batch = level.batch().put('a', '1').put(key, '2').put('c', '3')
    expect((await levelErrorOf(() => batch.write())).code).toBe('LEVEL_INVALID_KEY')
    const value = new Uint8Array(15 << 20)
    const operations = ['d', 'e', 'f', 'g', 'h'].map(
      (name) => ({ type: 'put', key: name, value }) as const,
    )
    const views = { valueEncoding: 'view' }
    expect(
      (await levelErrorOf(() => level.batch<string, Uint8Array>(operations, views))).code,
    ).toBe('TXN_TOO_LARGE')
    expect(await level.keys().all()).toEqual([])
  })

  it('are text in UTF-8, in the order of its bytes', async () => {
    const level = await openLevel()
    // As UTF-16 the last two are the other way round.
    const keys = ['\0', 'a', 'a\0', 'é', '€', '\uff5e', '😀']
    await level.batch(keys.toReversed().map((key) => ({ type: 'put', key, value: key })))
    expect(await level.keys().all()).toEqual(keys)
    expect(await level.values({ gte: 'é', lt: '😀' }).all()).toEqual(['é', '€', '\uff5e'])
    expect(
      await level.keys<Uint8Array>({ keyEncoding: 'view', gt: Buffer.from('€') }).all(),
    ).toEqual([new Uint8Array(Buffer.from('\uff5e')), new Uint8Array(Buffer.from('😀'))])
    await level.put('broken \ud800', 'x')
    expect(await level.get('broken \ufffd')).toBe('x')
  })

  it('are copied: what the caller does to the bytes later changes nothing', async () => {
    const level = await openLevel()
    const views = { keyEncoding: 'view', valueEncoding: 'view' }
    const key = Uint8Array.of(1)
    const value = Uint8Array.of(2)
    await level.put(key, value, views)
    key[0] = 7
    value[0] = 7
    const read = await level.get<Uint8Array, Uint8Array>(Uint8Array.of(1), views)
    expect(read).toEqual(Uint8Array.of(2))
    read![0] = 9
    expect(await level.get(Uint8Array.of(1), views)).toEqual(Uint8Array.of(2))
  })
})

describe('tenants and sublevels', () => {
  it('tenants of one database never see one another', async () => {
    const db = await openWith({})
    const [a, b] = ['a', 'b'].map((name) => levelOf(db, name)) as [never, never] as [
      TabulariumLevel,
      TabulariumLevel,
    ]
    await a.batch([...'xyz'].map((key) => ({ type: 'put', key, value: 'of a' })))
    expect(await b.keys().all()).toEqual([])
    expect(db.tenants()).toEqual(['a'])
    await b.put('y', 'of b')
    await a.del('z')
    await b.clear()
    expect(await a.iterator().all()).toEqual([
      ['x', 'of a'],
      ['y', 'of a'],
    ])
    const snapshot = b.snapshot()
    await expect(a.get('x', { snapshot })).rejects.toThrow(TypeError)
    expect(() => a.getSync('x', { snapshot })).toThrow(TypeError)
    expect(() => a.iterator({ snapshot })).toThrow(TypeError)
    await expect(a.clear({ snapshot })).rejects.toThrow(TypeError)
    await snapshot.close()
    const sublevel = b.sublevel('side')
    const foreign = { type: 'put', key: 'x', value: 'of b', sublevel } as const
    await expect(a.batch([{ type: 'del', key: 'x' }, foreign])).rejects.toThrow(TypeError)
    expect(await a.get('x')).toBe('of a')
  })

  it('deleting from a tenant that nobody knows does not make it known', async () => {
    const { db, level } = await openTenant()
    await level.del('a')
    await level.clear()
    expect(db.tenants()).toEqual([])
  })

  it('sublevels are apart, and one batch may write to all of them', async () => {
    const level = await openLevel()
    const names = Array.from({ length: 500 }, (_, i) => `s${i.toString(36)}`)
    const sublevels = names.map((name) => level.sublevel(name))
    await level.batch(
      sublevels.flatMap((sublevel, i) => [
        { type: 'put', key: 'a', value: names[i]!, sublevel },
        { type: 'put', key: 'b', value: 'x', sublevel },
      ]),
    )
    await sublevels[3]!.clear()
    expect(await sublevels[3]!.keys().all()).toEqual([])
    for (const i of [2, 4, 0, 499]) {
      expect(await sublevels[i]!.iterator().all()).toEqual([
        ['a', names[i]],
        ['b', 'x'],
      ])
    }
    const nested = sublevels[3]!.sublevel('deep').sublevel('deeper', { valueEncoding: 'json' })
    await nested.put('k', { n: 1 } as never)
    expect(await nested.get('k')).toEqual({ n: 1 })
    expect((await level.keys().all()).length).toBe(2 * 499 + 1)
  })

  it('a directory of its own is a database with one tenant', async () => {
    const level = await openLevel()
    await level.put('a', 'b')
    await level.close()
    const db = await openWith({}, { path: level.location })
    expect(db.tenants()).toEqual(['level'])
    expect(await levelOf(db, 'level').get('a')).toBe('b')
  })
})

describe('states that stay', () => {
  it('snapshots and iterators see theirs through clear, flush and compaction', async () => {
    const db = await openWith({}, { historyWindowMs: 0 })
    const level = levelOf(db, 'a')
    await level.batch([...'abc'].map((key) => ({ type: 'put', key, value: 'old' })))
    const snapshot = level.snapshot()
    const iterator = level.iterator()
    const begun = level.keys({ reverse: true })
    expect(await begun.next()).toBe('c')
    await level.put('b', 'new')
    await level.clear({ gte: 'c' })
    await db.compact()
    await level.put('d', 'new')
    await db.compact()
    const old = [...'abc'].map((key) => [key, 'old'])
    expect(await iterator.all()).toEqual(old)
    expect(await begun.all()).toEqual(['b', 'a'])
    expect(await level.getMany([...'abcd'], { snapshot })).toEqual(['old', 'old', 'old', undefined])
    const late = level.iterator({ snapshot })
    expect(await late.next()).toEqual(old[0])
    await snapshot.close()
    expect(await level.keys().all()).toEqual(['a', 'b', 'd'])
    expect((await levelErrorOf(() => late.next())).code).toBe('LEVEL_SNAPSHOT_NOT_OPEN')
    await late.close()
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  it('but not for ever: one past its age makes way for what is newer', async () => {
    const env = memoryEnv()
    const db = await open({ path: '/db', ...SMALL, historyWindowMs: 0 }, { env })
    const level = levelOf(db, 'a')
    await level.put('a', 'old')
    const snapshot = level.snapshot()
    const iterator = level.iterator()
    env.clock.advance(2 * 3_600_000)
    await level.put('a', 'new')
    await db.compact()
    const revoked = { code: 'LEVEL_SNAPSHOT_NOT_OPEN', cause: 'TXN_SNAPSHOT_TOO_OLD' }
    expect(await levelErrorOf(() => level.get('a', { snapshot }))).toEqual(revoked)
    expect(await levelErrorOf(() => iterator.next())).toEqual(revoked)
    expect(await level.get('a')).toBe('new')
    await db.close()
  })

  it('closing lets go of all of them, and the next opening begins anew', async () => {
    const level = await openLevel()
    await level.put('a', '1')
    const iterator = level.iterator()
    const snapshot = level.snapshot()
    await level.close()
    expect((await levelErrorOf(() => iterator.next())).code).toBe('LEVEL_ITERATOR_NOT_OPEN')
    await level.open()
    expect((await levelErrorOf(() => level.get('a', { snapshot }))).code).toBe(
      'LEVEL_SNAPSHOT_NOT_OPEN',
    )
    expect(await level.get('a')).toBe('1')
  })

  it('a level may be closed without its database, and outlive it', async () => {
    const { db, level } = await openTenant()
    await level.put('a', '1')
    await level.close()
    await level.open()
    const iterator = level.iterator()
    expect(await iterator.next()).toEqual(['a', '1'])
    iterator.seek('a')
    const snapshot = level.snapshot()
    await db.close()
    const closed = { code: 'LEVEL_DATABASE_NOT_OPEN', cause: 'DB_CLOSED' }
    expect(await levelErrorOf(() => iterator.next())).toEqual(closed)
    expect(await levelErrorOf(() => level.get('a'))).toEqual(closed)
    expect(await levelErrorOf(() => level.getSync('a'))).toEqual(closed)
    expect(await levelErrorOf(() => level.getMany(['a']))).toEqual(closed)
    expect(await levelErrorOf(() => level.has('a'))).toEqual(closed)
    expect(await levelErrorOf(() => level.hasMany(['a']))).toEqual(closed)
    expect(await levelErrorOf(() => level.put('a', 'b'))).toEqual(closed)
    expect(await levelErrorOf(() => level.clear())).toEqual(closed)
    expect(await levelErrorOf(() => level.snapshot())).toEqual(closed)
    expect(await levelErrorOf(() => level.iterator())).toEqual(closed)
    expect(await levelErrorOf(() => level.get('a', { snapshot }))).toEqual(closed)
    await iterator.close()
    await level.close()
    expect((await levelErrorOf(() => level.open())).code).toBe('LEVEL_DATABASE_NOT_OPEN')
  })
})

describe('work in pieces', () => {
  it('reads of many entries let others have their turn, at one state', async () => {
    const level = await openLevel()
    await fill(level, MANY)
    const keys = Array.from({ length: MANY }, (_, i) => numbered(i))
    const entries = keys.map((key) => [key, key])
    for (const read of [
      () => level.iterator().all(),
      () => level.iterator().nextv(MANY),
      async () => {
        const found = []
        for await (const entry of level.iterator()) found.push(entry)
        return found
      },
    ]) {
      const turn = setImmediate('turn')
      const reading = read()
      expect(await Promise.race([turn, reading])).toBe('turn')
      expect(await reading).toEqual(entries)
    }
    const reading = level.getMany(keys)
    await level.put(keys.at(-1)!, 'new')
    expect(await reading).toEqual(keys)
    expect(await level.hasMany(keys)).toEqual(keys.map(() => true))
  })

  it('a signal ends a read that is under way', async () => {
    const level = await openLevel()
    await fill(level, MANY)
    const controller = new AbortController()
    const reading = level.keys({ signal: controller.signal }).all()
    await setImmediate()
    controller.abort('enough')
    await expect(reading).rejects.toMatchObject({ code: 'LEVEL_ABORTED', name: 'AbortError' })
    expect((await level.keys({ limit: 1 }).all()).length).toBe(1)
  })

  it(`clear() of ${CLEAR_KEYS} keys makes many commits of a few`, async () => {
    const { db, level } = await openTenant()
    await fill(level as never, CLEAR_KEYS)
    let deletedCount = 0
    level.on('clear', () => deletedCount++)
    await db.whenDurable()
    const before = db.stats().commits.groupCommits.sum
    await level.clear({ gte: numbered(10) })
    await db.whenDurable()
    const commitCount = db.stats().commits.groupCommits.sum - before
    expect(commitCount).toBeGreaterThanOrEqual((CLEAR_KEYS - 10) / 512)
    expect(deletedCount).toBe(1)
    expect(await level.keys().all()).toEqual(Array.from({ length: 10 }, (_, i) => numbered(i)))
    await level.clear({ reverse: true, limit: 3 })
    expect((await level.keys().all()).length).toBe(7)
    expect(db.stats().openSnapshotCount).toBe(0)
  })
})

describe('errors', () => {
  it('a directory that is open elsewhere', async () => {
    const level = await openLevel()
    const second = new TabulariumLevel(level.location)
    const error: unknown = await second.open().catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'LEVEL_DATABASE_NOT_OPEN',
      cause: { code: 'LEVEL_LOCKED', cause: { code: 'DB_LOCKED' } },
    })
  })

  it('a directory that is not there, there already, or of something else', async () => {
    const location = join(temporaryDirectory(), 'none')
    const absent = new TabulariumLevel(location, { createIfMissing: false })
    await expect(absent.open()).rejects.toMatchObject({ cause: { code: 'DB_NOT_FOUND' } })
    const fresh = new TabulariumLevel(location, { errorIfExists: true, settings: SMALL })
    await fresh.put('a', 'b')
    await fresh.close()
    await expect(fresh.open()).rejects.toMatchObject({ cause: { code: 'LEVEL_EXISTS' } })
    const foreign = temporaryDirectory()
    writeFileSync(join(foreign, 'notes.txt'), 'mine')
    for (const errorIfExists of [false, true]) {
      const other = new TabulariumLevel(foreign, { errorIfExists })
      await expect(other.open()).rejects.toMatchObject({ cause: { code: 'DB_NOT_A_DATABASE' } })
    }
    expect(readdirSync(foreign)).toEqual(['notes.txt'])
  })

  it('a setting that does not exist, a tenant that cannot be, an option of other Level databases', async () => {
    const wrong = new TabulariumLevel(temporaryDirectory(), { settings: { cacheSize: 1 } as never })
    await expect(wrong.open()).rejects.toMatchObject({ cause: { code: 'OPTION_UNKNOWN' } })
    const db = await openWith({})
    expect(() => levelOf(db, '')).toThrow('TENANT_NAME_INVALID')
    const level = await openLevel({ cacheSize: 1 })
    await level.put('a', 'b', { sync: true })
    await level.batch([{ type: 'del', key: 'a' }], { sync: false })
    expect(await level.get('a', { fillCache: false } as never)).toBeUndefined()
  })

  it('damage', async () => {
    const db = await openWith({}, { memoryBudgetBytes: 4 << 20 })
    const level = levelOf(db, 'a')
    await fill(level as never, 1000)
    await db.flush()
    const name = readdirSync(db.path).find((file) => file.endsWith('.sst'))!
    const bytes = readFileSync(join(db.path, name))
    bytes[100]! ^= 0xff
    writeFileSync(join(db.path, name), bytes)
    const damaged = { code: 'LEVEL_CORRUPTION', cause: 'SSTABLE_CORRUPT' }
    expect(await levelErrorOf(() => level.get(numbered(0)))).toEqual(damaged)
    expect(await levelErrorOf(() => level.iterator().all())).toEqual(damaged)
    expect(await levelErrorOf(() => level.clear())).toEqual(damaged)
  })

  it('a full disk, on which clear() goes on', async () => {
    const fs = new MemoryFileSystem()
    let capacityBytes = Infinity
    fs.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) => {
      if (name !== 'write') return undefined
      const growthBytes = Math.max(0, offsetBytes + byteCount - fs.fileBytes(path))
      return growthBytes > 0 && fs.totalBytes + growthBytes > capacityBytes ? 'ENOSPC' : undefined
    }
    const env = memoryEnv({ fs })
    const level = new TabulariumLevel('/db', { settings: SMALL }, { env })
    await fill(level, 1000)
    capacityBytes = fs.totalBytes
    const full = { code: 'LEVEL_IO_ERROR', cause: 'DISK_FULL' }
    const value = 'x'.repeat(100_000)
    let putCount = 0
    const refused = await levelErrorOf(async () => {
      for (; putCount < 100; putCount++) await level.put(numbered(putCount), value)
    })
    expect(refused).toEqual(full)
    expect((await level.keys().all()).length).toBe(1000)
    await level.clear()
    expect(await level.keys().all()).toEqual([])
    capacityBytes = Infinity
    await env.clock.sleep(20_000)
    await level.put('room', 'again')
    expect(await level.iterator().all()).toEqual([['room', 'again']])
    await level.close()
  })
})
