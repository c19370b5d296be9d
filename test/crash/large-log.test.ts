// A log that holds more than memtables may hold now is sorted into several memtables, which are flushed like any others;
// being killed between those flushes takes nothing away.
import { type Database, open, t, table } from 'tabularium'
import { MemoryFileSystem, memoryEnv } from 'tabularium/testing'
import { expect, it } from 'vitest'

const tables = {
  notes: table('notes', { id: t.int(), text: t.text() }, { primaryKey: ['id'] }),
}
const settings = { path: '/db', tables, walFileBytes: 8 << 20 }
const ID_COUNT = 300
const ROUND_COUNT = 20

const textOf = (id: number, round: number) => `${id} ${round} `.padEnd(1000, 'x')
const afterKill = (fs: MemoryFileSystem) => fs.crashImage({ float: () => 0.5 }, 'lost')

/** Every row was written in every round, and all of it is in the log alone. */
async function killed(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem()
  const db = await open(settings, { env: memoryEnv({ fs }) })
  for (let round = 0; round < ROUND_COUNT; round++) {
    const rows = Array.from({ length: ID_COUNT }, (_, id) => ({ id, text: textOf(id, round) }))
    for (const tenant of ['a', 'b']) await db.tenant(tenant).notes.upsert(rows.slice(0, 150))
    for (const tenant of ['a', 'b']) await db.tenant(tenant).notes.upsert(rows.slice(150))
  }
  return afterKill(fs)
}

async function expectLastRound(db: Database<typeof tables>): Promise<void> {
  const expected = Array.from({ length: ID_COUNT }, (_, id) => ({
    id,
    text: textOf(id, ROUND_COUNT - 1),
  }))
  for (const tenant of ['a', 'b']) {
    expect(await db.tenant(tenant).notes.scan().toArray()).toEqual(expected)
    expect(await db.tenant(tenant).notes.history(7)).toHaveLength(ROUND_COUNT)
  }
}

it('is brought into tables of the usual size, and survives kills between them', async () => {
  let fs = await killed()
  for (let killCount = 0; ; killCount++) {
    const db = await open({ ...settings, memoryBudgetBytes: 4 << 20 }, { env: memoryEnv({ fs }) })
    await expectLastRound(db)
    if (killCount === 3) break
    expect(db.stats().recovery.commitCount).toBeGreaterThan(0)
    const entryCounts: number[] = []
    let image: MemoryFileSystem | undefined
    db.on('flush', ({ entryCount }) => {
      entryCounts.push(entryCount)
      if (entryCounts.length === 2) image ??= afterKill(fs)
    })
    await db.flush()
    expect(entryCounts.length).toBeGreaterThan(4)
    // About a budget's worth of rows of 1,000 bytes, not the whole log at once.
    expect(Math.max(...entryCounts)).toBeLessThan(1400)
    await expectLastRound(db)
    await db.close()
    fs = killCount < 2 ? image! : fs
  }
})
