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
const settings = { path: '/db', tables, walFileBytes: 64 * 1024, memtableBudgetBytes: 1 << 20 }
const big = 'x'.repeat(2 << 20)

async function openOn(fs: MemoryFileSystem) {
  const db = await open(settings, { env: memoryEnv({ fs }) })
  return { db, notes: db.tenant('a').notes }
}

describe('a full disk', () => {
  it('refuses the commit, goes on reading, and has lost nothing after reopening', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    fs.inject = (call) =>
      call.name === 'write' && call.path.endsWith('.wal') ? 'ENOSPC' : undefined
    await expect(notes.insert({ id: 2, text: big })).rejects.toMatchObject({
      code: 'DISK_FULL',
      committed: 'no',
    })
    await expect(notes.insert({ id: 3, text: 'late' })).rejects.toMatchObject({
      code: 'DB_READ_ONLY',
    })
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

  it('keeps what a flush could not write, and flushes it once there is room', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    const failures: unknown[] = []
    db.on('jobFailure', ({ error }) => failures.push(error))
    await notes.insert({ id: 1, text: 'kept' })
    fs.inject = (call) =>
      call.name === 'write' && call.path.endsWith('.sst') ? 'ENOSPC' : undefined
    await expect(db.flush()).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(failures.length).toBeGreaterThan(0)
    expect(await notes.get(1)).toEqual({ id: 1, text: 'kept' })

    fs.inject = undefined
    await notes.insert({ id: 2, text: 'after' })
    await db.flush()
    expect(db.stats().tableCount).toBeGreaterThan(0)
    expect(await notes.scan().toArray()).toHaveLength(2)
    await db.close()
  })
})

describe('a failed sync', () => {
  it('leaves the outcome unknown and acknowledges nothing any more', async () => {
    const fs = new MemoryFileSystem()
    const { db, notes } = await openOn(fs)
    await notes.insert({ id: 1, text: 'kept' })
    fs.inject = (call) => (call.name === 'sync' && call.path.endsWith('.wal') ? 'EIO' : undefined)
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
