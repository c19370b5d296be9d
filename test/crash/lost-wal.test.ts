// The newest file of the log is all that holds the newest commits: losing it, or its contents, must not pass for a torn
// tail.
import { open, t, table } from 'tabularium'
import { MemoryFileSystem, memoryEnv } from 'tabularium/testing'
import { describe, expect, it } from 'vitest'

const tables = {
  notes: table('notes', { id: t.int(), text: t.text() }, { primaryKey: ['id'] }),
}
const settings = { path: '/db', tables, walFileBytes: 64 * 1024 }

/**
 * A database that was killed after acknowledged commits, some of them in a second file of the log; all of them where it was
 * closed before.
 */
async function killed(commitCount: number, wasClosed = false): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem()
  if (wasClosed) await (await open(settings, { env: memoryEnv({ fs }) })).close()
  const db = await open(settings, { env: memoryEnv({ fs }) })
  for (let id = 0; id < commitCount; id++) {
    await db.tenant('a').notes.insert({ id, text: 'x'.repeat(4000) })
  }
  // The hint about a new file is written beside the commits.
  await new Promise((resolve) => setTimeout(resolve, 20))
  return fs.crashImage({ float: () => 0.5 }, 'lost')
}

function newestLog(fs: MemoryFileSystem): string {
  const started = fs.list('/db').filter((name) => name.endsWith('.wal'))
  return `/db/${started.at(-1)}`
}

describe('the newest file of the log', () => {
  const cases = [3, 40].flatMap((count) => [false, true].map((wasClosed) => ({ count, wasClosed })))
  for (const { count: commitCount, wasClosed } of cases) {
    it(`is missed when it is gone (${commitCount} commits, closed before: ${wasClosed})`, async () => {
      const fs = await killed(commitCount, wasClosed)
      // Files made ahead of time hold nothing; the last one that does is the one to lose.
      for (const name of fs
        .list('/db')
        .filter((each) => each.endsWith('.wal'))
        .reverse()) {
        const without = fs.clone()
        without.remove(`/db/${name}`)
        const outcome = await open(settings, { env: memoryEnv({ fs: without }) }).then(
          async (db) => {
            const { length } = await db.tenant('a').notes.scan().toArray()
            await db.close()
            return length
          },
          (error: { code: string }) => error.code,
        )
        expect([commitCount, 'FILE_MISSING', 'WAL_CORRUPT'], name).toContain(outcome)
      }
    })
  }

  it('is damaged when it is empty', async () => {
    const fs = await killed(3)
    const file = fs.open(newestLog(fs), 'write')
    file.truncate(0)
    file.close()
    await expect(open(settings, { env: memoryEnv({ fs }) })).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
    })
  })

  it('is synced before it is believed: what was read of a killed process outlives a power cut', async () => {
    const fs = new MemoryFileSystem()
    const db = await open(settings, { env: memoryEnv({ fs }) })
    await db.tenant('a').notes.insert({ id: 0, text: 'durable' })
    let killedInSync: MemoryFileSystem | undefined
    fs.inject = ({ name, path }) => {
      if (name.startsWith('sync') && path.endsWith('.wal')) killedInSync ??= fs.clone()
      return undefined
    }
    await db.tenant('a').notes.insert({ id: 1, text: 'written, not synced' })

    const found = await open(settings, { env: memoryEnv({ fs: killedInSync! }) })
    expect(found.tenant('a').notes.getSync(1)).toEqual({ id: 1, text: 'written, not synced' })
    const cut = killedInSync!.crashImage({ float: () => 0.5 }, 'lost')
    const again = await open(settings, { env: memoryEnv({ fs: cut }) })
    expect(await again.tenant('a').notes.scan().toArray()).toHaveLength(2)
  })
})

describe('a log that one tablet still needs', () => {
  it('brings nothing back into the memory of the others, whose tables have it', async () => {
    const fs = new MemoryFileSystem()
    const two = { ...settings, tabletCount: 2, memoryBudgetBytes: 4 << 20, walFileBytes: 1 << 22 }
    const db = await open(two, { env: memoryEnv({ fs }) })
    const flushed = new Promise<number>((resolve) => {
      db.on('flush', ({ tabletId }) => resolve(tabletId))
    })
    for (let i = 0; i < 8; i++) await db.tenant(`small-${i}`).notes.insert({ id: 0, text: 'x' })
    for (let id = 0; id < 300; id++) {
      await db.tenant('large').notes.insert({ id, text: 'x'.repeat(4000) })
    }
    const flushedTabletId = await flushed
    const entryCounts = (of: typeof db) =>
      of.stats().tablets.map(({ tabletId, memtableEntryCount }) => [tabletId, memtableEntryCount])
    const before = entryCounts(db)
    expect(before.some(([id, count]) => id !== flushedTabletId && count! > 0)).toBe(true)

    const again = await open(two, { env: memoryEnv({ fs: fs.clone() }) })
    expect(entryCounts(again)).toEqual(before)
    expect(again.stats().recovery.commitCount).toBeGreaterThan(300)
    await again.close()
    await db.close()
  })
})
