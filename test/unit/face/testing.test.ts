import { open, t, table } from 'tabularium'
import { MemoryFileSystem, memoryEnv } from 'tabularium/testing'
import { describe, expect, it } from 'vitest'

const tables = {
  notes: table('notes', { id: t.int(), text: t.text() }, { primaryKey: ['id'] }),
}

describe('a database in memory', () => {
  it('keeps what was acknowledged when the power is cut', async () => {
    const fs = new MemoryFileSystem()
    const db = await open({ path: '/db', tables }, { env: memoryEnv({ fs }) })
    await db.tenant('a').notes.insert({ id: 1, text: 'synced' })
    const after = fs.crashImage({ float: () => 0.5 }, 'lost')

    const again = await open({ path: '/db', tables }, { env: memoryEnv({ fs: after }) })
    expect(again.tenant('a').notes.getSync(1)).toEqual({ id: 1, text: 'synced' })
    await again.close()
    await db.close()
  })

  it('lives on a clock that the test moves', async () => {
    const env = memoryEnv()
    const db = await open({ path: '/db', tables }, { env })
    const { notes } = db.tenant('a')
    await notes.insert({ id: 1, text: 'old' })
    env.clock.advance(60_000)
    await notes.upsert({ id: 1, text: 'new' })
    expect(db.tenant('a').at('-30s').notes.getSync(1)).toEqual({ id: 1, text: 'old' })
    expect(notes.getSync(1)).toEqual({ id: 1, text: 'new' })
    await db.close()
  })
})
