// Damage: what it covers throws, the rest reads, compaction leaves it alone, and salvaging changes nothing.

import { expect, test } from 'vitest'

import { open } from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { counters, expectCode, onEnd } from './db-kit.js'

const settings = { path: '/data', tables: { counters }, tabletCount: 1 }

async function openOn(fs: MemoryFileSystem, salvage = false) {
  const db = await open({ ...settings, walFileBytes: 1 << 16, salvage }, { env: memoryEnv({ fs }) })
  onEnd(() => db.close())
  return db
}

function fileOf(fs: MemoryFileSystem, ending: string): string {
  return `/data/${fs.list('/data').findLast((name) => name.endsWith(ending))}`
}

function flip(fs: MemoryFileSystem, path: string, offsetBytes: number): void {
  const file = fs.open(path, 'write')
  const byte = new Uint8Array(1)
  file.read(byte, offsetBytes)
  file.write(Uint8Array.of(byte[0]! ^ 255), offsetBytes)
  file.close()
}

test('a damaged sstable is set apart: it keeps its place, and what is newer is still compacted', async () => {
  const fs = new MemoryFileSystem()
  const first = await openOn(fs)
  await first.tenant('a').counters.insert({ id: 'old', n: 1 })
  await first.flush()
  // Rows of one tenant only, not the catalog's.
  await first.tenant('a').counters.upsert({ id: 'old', n: 2 })
  await first.flush()
  const damaged = fileOf(fs, '.sst')
  await first.close()
  flip(fs, damaged, 70)

  const db = await openOn(fs)
  const events: unknown[] = []
  db.on('damage', ({ file }) => events.push(file))
  const { problems } = await db.verify()
  expect(problems).toHaveLength(1)
  expect(db.stats().quarantine).toMatchObject([{ code: 'SSTABLE_CORRUPT', tabletId: 1 }])
  expect(events).toHaveLength(1)
  for (const name of ['b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    await db.tenant(name).counters.insert({ id: 'n', n: 1 })
    await db.flush()
  }
  await db.compact()
  expect(fs.exists(damaged)).toBe(true)
  expect(db.stats().tableCount).toBeLessThan(9)
  await expectCode('SSTABLE_CORRUPT', () => db.tenant('a').counters.get('old'))
  expect(await db.tenant('b').counters.get('n')).toEqual({ id: 'n', n: 1 })
})

test('a missing sstable: its keys throw, the log still reads, and nothing on the disk changes', async () => {
  const fs = new MemoryFileSystem()
  const first = await openOn(fs)
  await first.tenant('a').counters.insert({ id: 'x', n: 1 })
  await first.flush()
  await first.tenant('a').counters.upsert([
    { id: 'x', n: 2 },
    { id: 'y', n: 2 },
  ])
  await first.flush()
  await first.tenant('a').counters.upsert({ id: 'y', n: 3 })
  const crashed = fs.crashImage({ float: () => 0.5 }, 'lost')
  crashed.remove(fileOf(crashed, '.sst'))
  await expectCode('FILE_MISSING', () => openOn(crashed))
  const before = crashed.digest()

  const db = await openOn(crashed, true)
  expect(db.state).toBe('readOnly')
  expect(db.salvageReport()).toMatchObject({
    lostLog: undefined,
    lostTables: [{ code: 'FILE_MISSING', level: 0 }],
  })
  await expectCode('FILE_MISSING', () => db.tenant('a').counters.get('x'))
  expect(await db.tenant('a').counters.get('y')).toEqual({ id: 'y', n: 3 })
  await expectCode('DB_READ_ONLY', () => db.tenant('a').counters.upsert({ id: 'x', n: 9 }))
  await db.close()
  expect(crashed.digest()).toBe(before)
})

test('a damaged log is replayed up to the damage', async () => {
  const fs = new MemoryFileSystem()
  const first = await openOn(fs)
  const seqNums = []
  for (let n = 0; n < 10; n++) {
    seqNums.push(await first.tenant('a').counters.upsert({ id: 'x', n }))
  }
  const crashed = fs.crashImage({ float: () => 0.5 }, 'lost')
  flip(crashed, fileOf(crashed, '.wal'), 900)
  await expectCode('WAL_CORRUPT', () => openOn(crashed))

  const db = await openOn(crashed, true)
  const { lostLog } = db.salvageReport()!
  expect(lostLog?.code).toBe('WAL_CORRUPT')
  const last = seqNums.findLastIndex((seqNum) => seqNum <= lostLog!.afterSeqNum)
  expect(last).toBeGreaterThanOrEqual(0)
  expect(last).toBeLessThan(9)
  expect(await db.tenant('a').counters.get('x')).toEqual({ id: 'x', n: last })
})
