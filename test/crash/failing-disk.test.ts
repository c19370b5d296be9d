// A disk that refuses: no room, or a failed sync. What was acknowledged stays, what was refused never shows, and what
// cannot be known is said to be unknown.
import { EngineError, open, t, table } from 'tabularium'
import { MemoryFileSystem, memoryEnv } from 'tabularium/testing'
import { describe, expect, it, vi } from 'vitest'
import { tenantHashOf } from '../../dist/codec/tenant-key.js'
import { fileError } from '../../dist/env/file-error.js'
import { FaultyFileSystem } from '../fault/faulty-file-system.js'

const tables = {
  notes: table('notes', { id: t.int(), text: t.text() }, { primaryKey: ['id'] }),
}
const settings = { path: '/db', tables, walFileBytes: 64 * 1024, memoryBudgetBytes: 4 << 20 }
const big = 'x'.repeat(2 << 20)

/** The log finds no space for more than it has. */
const refusesRoom: MemoryFileSystem['inject'] = ({ name, path, byteCount = 0 }) =>
  name === 'write' && path.endsWith('.wal') && byteCount >= settings.walFileBytes
    ? 'ENOSPC'
    : undefined

/** What does not get shorter by compression. */
function randomText(seed: number): string {
  let state = seed + 1
  const next = () => (state = (state * 48_271) % 2_147_483_647)
  return Array.from({ length: 4000 }, () => next().toString(36)).join('')
}

async function openOn(fs: MemoryFileSystem) {
  const env = memoryEnv({ fs })
  const db = await open(settings, { env })
  return { db, env, notes: db.tenant('a').notes }
}

describe('a full disk', () => {
  it('refuses the commit, goes on reading and deleting, and has lost nothing after reopening', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert([
      { id: 1, text: 'kept' },
      { id: 4, text: 'to go' },
    ])
    fs.inject = refusesRoom
    await expect(notes.insert({ id: 2, text: big })).rejects.toMatchObject({
      code: 'DISK_FULL',
      committed: 'no',
    })
    await expect(notes.insert({ id: 3, text: 'late' })).rejects.toMatchObject({
      code: 'DISK_FULL',
      committed: 'no',
    })
    expect(db.state).toBe('readOnly')
    await notes.delete(4)
    expect(await notes.get(1)).toEqual({ id: 1, text: 'kept' })
    expect(await notes.get(2)).toBeUndefined()
    expect(await notes.scan().toArray()).toHaveLength(1)
    await db.close()

    fs.inject = undefined
    const again = await openOn(fs)
    expect(await again.notes.scan().toArray()).toEqual([{ id: 1, text: 'kept' }])
    await again.notes.insert({ id: 2, text: 'second try' })
    await again.db.close()
  })

  it('takes writes again once there is room, without those that it refused', async () => {
    const fs = new MemoryFileSystem()
    const { db, env, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    fs.inject = refusesRoom
    const refused = [2, 3, 4].map((id) => notes.insert({ id, text: big }))
    for (const insert of refused) await expect(insert).rejects.toMatchObject({ code: 'DISK_FULL' })
    fs.inject = undefined
    await db.flush()
    await env.clock.sleep(1000)
    await notes.insert({ id: 2, text: 'second try' })
    expect(db.state).toBe('open')
    expect(db.stats().reserveBytes).toBeGreaterThan(0)
    await db.compact()
    await db.close()

    const again = await openOn(fs)
    expect(await again.notes.scan().toArray()).toEqual([
      { id: 1, text: 'kept' },
      { id: 2, text: 'second try' },
    ])
    await again.db.close()
  })

  it('gives the reserve back to what makes room', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    expect(fs.list('/db')).toContain('RESERVE')
    const reserveBytes = fs.fileBytes('/db/RESERVE')
    const fullBytes = fs.totalBytes
    fs.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) => {
      if (name !== 'write') return undefined
      const growthBytes = Math.max(0, offsetBytes + byteCount - fs.fileBytes(path))
      return growthBytes > 0 && fs.totalBytes + growthBytes > fullBytes ? 'ENOSPC' : undefined
    }
    await expect(notes.insert({ id: 2, text: big })).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(fs.totalBytes).toBeLessThanOrEqual(fullBytes - reserveBytes + 8192)
    // More deletes than the space of the log that was there: each of them takes room of the reserve.
    for (let i = 0; i < 2000; i++) await notes.delete(1)
    await db.flush()
    await db.close()
  })

  it('flushes with the room of the reserve, and then refuses', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    const fullBytes = fs.totalBytes
    fs.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) => {
      if (name !== 'write') return undefined
      const growthBytes = Math.max(0, offsetBytes + byteCount - fs.fileBytes(path))
      return growthBytes > 0 && fs.totalBytes + growthBytes > fullBytes ? 'ENOSPC' : undefined
    }
    await db.flush()
    expect(db.state).toBe('readOnly')
    await expect(notes.insert({ id: 2, text: 'late' })).rejects.toMatchObject({
      code: 'DISK_FULL',
    })
    await db.close()
  })

  it('closes at once, whatever waits for room', async () => {
    const fs = new MemoryFileSystem()
    const { db, env, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    fs.inject = ({ name, path }) =>
      name === 'create' && path.endsWith('.sst') ? 'ENOSPC' : undefined
    await expect(db.flush()).rejects.toMatchObject({ code: 'DISK_FULL' })
    const startMicros = env.clock.monotonicMicros()
    await expect(db.flush()).rejects.toMatchObject({ code: 'DISK_FULL' })
    await expect(db.compact()).rejects.toMatchObject({ code: 'DISK_FULL' })
    await db.close()
    expect(env.clock.monotonicMicros() - startMicros).toBeLessThan(100_000)
  })

  it('is no reason not to open, and gives the room of the reserve to the first commit', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    await db.close()
    const fullBytes = fs.totalBytes
    fs.inject = ({ name }) =>
      name === 'write' && fs.totalBytes >= fullBytes ? 'ENOSPC' : undefined
    const again = await openOn(fs)
    expect(await again.notes.get(1)).toEqual({ id: 1, text: 'kept' })
    expect(fs.list('/db')).toContain('RESERVE')
    await expect(again.notes.insert({ id: 2, text: 'refused' })).rejects.toMatchObject({
      code: 'DISK_FULL',
    })
    expect(fs.list('/db')).not.toContain('RESERVE')
    fs.inject = undefined
    await again.db.close()
  })

  /** Those of a process that died behind a flush. */
  async function killedFiles(): Promise<MemoryFileSystem> {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    await db.flush()
    const left = fs.clone()
    await db.close()
    return left
  }

  it('is freed by an opening of what a killed flush left', async () => {
    const left = await killedFiles()
    const orphan = left.open('/db/000999.sst', 'create')
    orphan.write(new Uint8Array(1 << 20), 0)
    orphan.close()
    if (left.exists('/db/RESERVE')) left.remove('/db/RESERVE')
    const fullBytes = left.totalBytes
    left.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) => {
      if (name !== 'write') return undefined
      const growthBytes = Math.max(0, offsetBytes + byteCount - left.fileBytes(path))
      return growthBytes > 0 && left.totalBytes + growthBytes > fullBytes ? 'ENOSPC' : undefined
    }
    const again = await openOn(left)
    expect(left.list('/db')).not.toContain('000999.sst')
    expect((await again.db.verify()).orphans).toEqual([])
    await again.notes.insert({ id: 2, text: 'has room' })
    expect(await again.notes.scan().toArray()).toHaveLength(2)
    await again.db.close()
  })

  it('that has no room for what is written over, either, takes that of the reserve to open', async () => {
    const left = await killedFiles()
    left.open('/db/000999.sst', 'create').close()
    const fullBytes = left.totalBytes
    // As file systems have it that put changed blocks elsewhere: the superblock tells of what is removed.
    left.inject = ({ name }) =>
      name === 'write' && left.totalBytes >= fullBytes ? 'ENOSPC' : undefined
    const again = await openOn(left)
    expect(left.list('/db')).not.toContain('RESERVE')
    expect(left.list('/db')).not.toContain('000999.sst')
    expect(await again.notes.get(1)).toEqual({ id: 1, text: 'kept' })
    left.inject = undefined
    await again.db.close()
  })

  it('keeps what a flush could not write, and flushes it once there is room', async () => {
    const fs = new MemoryFileSystem()
    const { db, env, notes } = await openOn(fs)
    const failures: unknown[] = []
    db.on('jobFailure', ({ error }) => failures.push(error))
    await notes.insert({ id: 1, text: 'kept' })
    fs.inject = (call) =>
      call.name === 'write' && call.path.endsWith('.sst') ? 'ENOSPC' : undefined
    await expect(db.flush()).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(failures.length).toBeGreaterThan(0)
    expect(await notes.get(1)).toEqual({ id: 1, text: 'kept' })

    fs.inject = undefined
    await db.flush()
    await env.clock.sleep(1000)
    await notes.insert({ id: 2, text: 'after' })
    expect(db.stats().tableCount).toBeGreaterThan(0)
    expect(await notes.scan().toArray()).toHaveLength(2)
    await db.close()
  })
})

describe('a disk without room for a compaction', () => {
  it('refuses what adds, lets deletes through, and goes on by itself once there is room', async () => {
    const fs = new MemoryFileSystem()
    const { db, env, notes } = await openOn(fs)
    // Compactions read what flushes wrote, and write as much anew: a flush is small.
    let outputBytes = 0
    fs.inject = ({ name, path, byteCount = 0 }) => {
      if (!path.endsWith('.sst')) return undefined
      if (name === 'create') outputBytes = 0
      if (name === 'write') outputBytes += byteCount
      return name === 'write' && outputBytes > 100_000 ? 'ENOSPC' : undefined
    }
    const written: number[] = []
    let refusal: unknown
    for (let id = 0; id < 60 && refusal === undefined; id++) {
      try {
        await notes.insert({ id, text: randomText(id) })
        written.push(id)
        await db.flush()
      } catch (error) {
        refusal = error
      }
    }
    expect(refusal).toMatchObject({ code: 'DISK_FULL', committed: 'no' })
    expect(written.length).toBeGreaterThan(20)
    expect(db.state).toBe('readOnly')
    expect(fs.list('/db').filter((name) => name.endsWith('.spare'))).toEqual([])
    for (const id of written.splice(0, 5)) await notes.delete(id)
    await expect(notes.insert({ id: 99, text: 'x' })).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect((await notes.scan().toArray()).map(({ id }) => id)).toEqual(written)

    fs.inject = undefined
    for (let tries = 0; db.state !== 'open' && tries < 50; tries++) {
      await env.clock.sleep(1000)
      await notes.delete(-1)
      await db.flush()
    }
    await notes.insert({ id: 99, text: 'has room' })
    await db.close()
    const again = await openOn(fs)
    expect((await again.notes.scan().toArray()).map(({ id }) => id)).toEqual([...written, 99])
    await again.db.close()
  })
})

describe('a bad sector', () => {
  it('makes its block unreadable, and compaction leaves the file alone', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'lost' })
    await db.tenant('b').notes.insert({ id: 1, text: 'kept' })
    await db.flush()
    await db.close()
    const again = await openOn(fs)
    const failing = fs.list('/db').findLast((name) => name.endsWith('.sst'))
    let isBad = false
    fs.inject = ({ name, path, offsetBytes }) =>
      isBad && name === 'read' && path === `/db/${failing}` && offsetBytes === 64
        ? 'EIO'
        : undefined
    const owners = new Map<string, unknown>()
    isBad = true
    for (const name of ['a', 'b']) {
      const { notes: read } = again.db.tenant(name)
      owners.set(name, await read.get(1).catch(({ code }: { code: string }) => code))
    }
    expect([...owners.values()].filter((answer) => answer === 'SSTABLE_CORRUPT')).toHaveLength(1)
    expect(again.db.stats().quarantine).toMatchObject([{ file: failing, offsetBytes: 64 }])
    for (let id = 10; id < 16; id++) {
      await again.notes.insert({ id, text: 'more' })
      await again.db.flush()
    }
    await again.db.compact()
    expect(fs.list('/db')).toContain(failing)
    isBad = false
    await again.db.close()
    const healed = await openOn(fs)
    expect(await healed.notes.get(1)).toEqual({ id: 1, text: 'lost' })
    await healed.db.close()
  })
})

describe('a file that cannot be removed', () => {
  it('is no failed flush and no failed compaction', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    const failures: unknown[] = []
    const errors: string[] = []
    db.on('jobFailure', ({ error }) => failures.push(error))
    db.on('error', ({ where }) => errors.push(where))
    // A file of the log is kept under another name, if it can be.
    fs.inject = ({ name, path }) =>
      /^(remove|rename)$/.test(name) && /\.(wal|sst)$/.test(path) ? 'EACCES' : undefined
    for (let id = 0; id < 12; id++) {
      await notes.insert({ id, text: 'x'.repeat(40_000) })
      await db.flush()
    }
    await db.compact()
    expect(failures).toEqual([])
    expect(new Set(errors)).toEqual(new Set(['removal of WAL files', 'removal of an sstable']))
    const walCount = db.stats().walFileCount
    expect(walCount).toBeGreaterThan(2)
    fs.inject = undefined
    await notes.insert({ id: 20, text: 'after' })
    await db.flush()
    expect(db.stats().walFileCount).toBeLessThan(walCount)
    await db.close()
    const again = await openOn(fs)
    expect(fs.list('/db').filter((name) => name.endsWith('.sst'))).toHaveLength(
      again.db.stats().tableCount,
    )
    expect(await again.notes.scan().toArray()).toHaveLength(13)
    await again.db.close()
  })
})

describe('a left-over file that cannot be removed', () => {
  it.each(['wal', 'spare', 'sst', 'manifest'])('is no reason not to open (%s)', async (kind) => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    await db.flush()
    await notes.insert({ id: 2, text: 'in the log' })
    const left = fs.clone()
    await db.close()
    const leftover = `000999.${kind}`
    left.open(`/db/${leftover}`, 'create').close()
    left.inject = ({ name, path }) =>
      name === 'remove' && path.endsWith(leftover) ? 'EACCES' : undefined
    for (let round = 0; round < 3; round++) {
      const again = await openOn(left)
      expect(await again.notes.scan().toArray()).toHaveLength(2 + round)
      expect(left.list('/db')).toContain(leftover)
      expect((await again.db.verify()).isSound).toBe(true)
      await again.notes.insert({ id: 3 + round, text: 'more' })
      if (round === 1) await again.db.flush()
      await again.db.close()
    }
    left.inject = undefined
    const healed = await openOn(left)
    expect(left.list('/db')).not.toContain(leftover)
    expect(await healed.notes.scan().toArray()).toHaveLength(5)
    await healed.db.close()
  })
})

describe('a want of descriptors', () => {
  it('is tried again and makes nothing read-only', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    let refusalCount = 0
    fs.inject = ({ name, path }) =>
      name === 'create' && path.endsWith('.sst') && ++refusalCount <= 4 ? 'EMFILE' : undefined
    await db.flush()
    expect(refusalCount).toBe(5)
    refusalCount = Number.NEGATIVE_INFINITY
    await notes.insert({ id: 2, text: 'more' })
    await expect(db.flush()).rejects.toMatchObject({ code: 'IO_FAILED', isRetryable: true })
    fs.inject = undefined
    await notes.insert({ id: 3, text: 'after' })
    await db.flush()
    expect(db.stats().tablets.filter(({ isReadOnly }) => isReadOnly)).toEqual([])
    await db.close()
  })
})

describe('a failed sync', () => {
  // The second is that of a client which commits again and again, see store/lone-writer.ts.
  it.each(['sync', 'syncNow'])('leaves the outcome unknown for good (%s)', async (method) => {
    const fs = new MemoryFileSystem()
    const { db, env, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    if (method === 'sync') await env.clock.sleep(1)
    fs.inject = (call) => (call.name === method && call.path.endsWith('.wal') ? 'EIO' : undefined)
    await expect(notes.insert({ id: 2, text: 'unknown' })).rejects.toMatchObject({
      code: 'COMMIT_UNKNOWN',
      committed: 'unknown',
    })
    fs.inject = undefined
    await expect(notes.insert({ id: 3, text: 'late' })).rejects.toMatchObject({
      code: 'DB_POISONED',
    })
    await expect(notes.get(1)).rejects.toMatchObject({ code: 'DB_POISONED' })
    await db.close()

    const again = await openOn(fs.crashImage({ float: () => 0.5 }, 'lost'))
    expect(await again.notes.scan().toArray()).toEqual([{ id: 1, text: 'kept' }])
    await again.db.close()
  })

  it('lets no flush make the part of a commit durable that lies in its tablet', async () => {
    const disk = new MemoryFileSystem()
    const fs = new FaultyFileSystem(disk)
    const two = { ...settings, tabletCount: 2 }
    const db = await open(two, { env: { ...memoryEnv({ fs: disk }), fs } })
    const names = Array.from({ length: 20 }, (_, i) => `tenant-${i}`)
    const isLow = (name: string) => tenantHashOf(name) < 2 ** 31
    const [low, high] = [names.find(isLow)!, names.find((name) => !isLow(name))!]
    for (const name of [low, high]) await db.tenant(name).notes.insert({ id: 1, text: 'kept' })

    const isSyncing = new Promise<void>((resolve) => {
      vi.spyOn(fs, 'pass').mockImplementation((name, path) => {
        if (name !== 'sync' || !path.endsWith('.wal')) return undefined
        resolve()
        throw fileError('EIO', { path, syscall: 'fdatasync' })
      })
    })
    const commit = db.transact(async (tx) => {
      for (const name of [low, high]) await tx.tenant(name).notes.insert({ id: 2, text: 'unknown' })
    })
    const outcome = commit.catch((error: unknown) => error)
    await isSyncing
    await expect(db.flush()).rejects.toBeInstanceOf(EngineError)
    expect(await outcome).toMatchObject({ code: 'COMMIT_UNKNOWN' })
    await db.close()

    for (const left of [disk.clone(), disk.crashImage({ float: () => 0.5 }, 'lost')]) {
      const again = await open(two, { env: memoryEnv({ fs: left }) })
      const [inLow, inHigh] = [low, high].map((name) => again.tenant(name).notes.get(2))
      expect(await inLow).toEqual(await inHigh)
      await again.close()
    }
  })
})
