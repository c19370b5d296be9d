// Verification of an open database: every file counts, and what goes on meanwhile raises no alarm.

import { expect, test } from 'vitest'

import { EventSource } from '../../dist/base/events.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { type Database, open, type VerifyProgress } from '../../dist/index.js'
import { Store } from '../../dist/store/store.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { Seeded, seedsOf } from '../model/seeded.js'
import { counters, expectCode, onEnd } from './db-kit.js'

const tables = { counters }
const STORE_OPTIONS = {
  path: '/data',
  createIfMissing: true,
  defaultTabletCount: 1,
  memtableBudgetBytes: 1 << 20,
  blockCacheBytes: 1 << 20,
  walFileBytes: 1 << 14,
  relaxedWindowMs: 100,
  historyWindowMs: 0,
  blockBytes: 4096,
  outputTableBytes: 1 << 20,
  transform: IDENTITY_TRANSFORM,
}
type Counters = Database<typeof tables>

async function openOn(fs: MemoryFileSystem): Promise<Counters> {
  const options = { path: '/data', tables, tabletCount: 2, walFileBytes: 1 << 16 }
  const db = await open(options, { env: memoryEnv({ fs }) })
  onEnd(() => db.close().catch(() => undefined))
  return db
}

/** Rows of three tenants, in two sstables and two log files; as a closed database that was opened again. */
async function openFilled(fs: MemoryFileSystem): Promise<Counters> {
  const first = await openOn(fs)
  for (const name of ['a', 'b', 'c']) await first.tenant(name).counters.insert(rows(0, 200))
  await first.close()
  const db = await openOn(fs)
  while (names(fs, '.wal').length < 3) await db.tenant('a').counters.upsert(rows(0, 200))
  return db
}

function rows(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => ({ id: `id-${from + i}`, n: i }))
}

const names = (fs: MemoryFileSystem, ending: string): string[] =>
  fs.list('/data').filter((name) => name.endsWith(ending))

function flip(fs: MemoryFileSystem, name: string, offsetBytes: number): void {
  const file = fs.open(`/data/${name}`, 'write')
  const byte = new Uint8Array(1)
  file.read(byte, offsetBytes)
  file.write(Uint8Array.of(byte[0]! ^ 255), offsetBytes)
  file.close()
}

test('names every file that it checked', async () => {
  const fs = new MemoryFileSystem()
  const db = await openFilled(fs)
  const seen: VerifyProgress[] = []
  const report = await db.verify((progress) => seen.push(progress))
  expect(report.problems).toEqual([])
  expect(report).toMatchObject({ isSound: true, orphans: [] })
  const files = report.files.map(({ file }) => file)
  // The last log file is made ahead of time and RESERVE is only room; LOCK is not a file of a simulated machine.
  const isNothing = new Set([names(fs, '.wal').at(-1)!, 'RESERVE'])
  const expected = [...fs.list('/data').filter((name) => !isNothing.has(name)), 'LOCK']
  expect(files.toSorted()).toEqual(expected.toSorted())
  expect(new Set(seen.map(({ file }) => file))).toEqual(new Set(files))
  for (const { doneBytes, bytes, doneFileCount, fileCount } of seen) {
    expect(doneBytes).toBeLessThanOrEqual(bytes)
    expect(doneFileCount).toBeLessThan(fileCount)
  }
})

// Where the content lies of each: copies of the superblock, frames of manifest and log, blocks of an sstable.
const PLACES = {
  SUPERBLOCK: [70, 4200, 8300, 12_400],
  '.manifest': [10, 70, 120],
  '.wal': [10, 70, 200, 5000],
  '.sst': [10, 70],
}

test.each(Object.keys(PLACES) as (keyof typeof PLACES)[])(
  'damage of %s is found while the database is open',
  async (ending) => {
    for (const offsetBytes of [...PLACES[ending], 'cut', 'removed']) {
      const fs = new MemoryFileSystem()
      const db = await openFilled(fs)
      // Of the log the oldest, which the later ones go on from.
      const [name] = names(fs, ending)
      if (typeof offsetBytes === 'number') flip(fs, name!, offsetBytes)
      else if (offsetBytes === 'removed') fs.remove(`/data/${name}`)
      else {
        const file = fs.open(`/data/${name}`, 'write')
        file.truncate(100)
        file.close()
      }
      const { isSound, problems } = await db.verify()
      expect(isSound, `${name} ${offsetBytes}`).toBe(false)
      expect(problems).toMatchObject([{ file: name }])
      const code = {
        SUPERBLOCK: 'MANIFEST',
        '.manifest': 'MANIFEST',
        '.wal': 'WAL',
        '.sst': 'SSTABLE',
      }
      const expected = offsetBytes === 'removed' ? 'FILE_MISSING' : `${code[ending]}_CORRUPT`
      expect(problems[0], `${name} ${offsetBytes}`).toMatchObject({ code: expected })
      expect(problems[0]!.message).toContain(name!)
    }
  },
)

test('a log file that was replaced by another of the same log is found', async () => {
  const fs = new MemoryFileSystem()
  const db = await openFilled(fs)
  const [first, second] = names(fs, '.wal')
  fs.rename(`/data/${first}`, `/data/${second}`)
  const { problems } = await db.verify()
  expect(problems.map(({ file }) => file).toSorted()).toEqual([first, second])
})

test('an sstable that was replaced is found although its old self is still open', async () => {
  const fs = new MemoryFileSystem()
  const db = await openFilled(fs)
  await db.tenant('b').counters.get('id-1')
  const [first, second] = names(fs, '.sst')
  fs.rename(`/data/${first}`, `/data/${second}`)
  const { problems } = await db.verify()
  expect(problems.map(({ file }) => file).toSorted()).toEqual([first, second])
})

test('files of nobody are listed and are no damage', async () => {
  const fs = new MemoryFileSystem()
  const db = await openFilled(fs)
  for (const name of [
    'notes.txt',
    '000000.sst',
    '000000.wal',
    '900000.manifest',
    'SUPERBLOCK.new',
  ]) {
    fs.open(`/data/${name}`, 'create').close()
  }
  const { isSound, orphans } = await db.verify()
  expect(isSound).toBe(true)
  expect(orphans).toEqual([
    '000000.sst',
    '000000.wal',
    '900000.manifest',
    'SUPERBLOCK.new',
    'notes.txt',
  ])
})

test('raises no alarm while the manifest is written and rewritten', async () => {
  const fs = new MemoryFileSystem()
  const options = { ...STORE_OPTIONS, manifestFileBytes: 1024 }
  const store = await Store.open(options, memoryEnv({ fs }), new EventSource())
  onEnd(() => store.close())
  const manifests = new Set<string>()
  const progress = { isDone: false }
  const work = async () => {
    for (let n = 0; !progress.isDone; n++) {
      await store.write((view) => view.put(new Uint8Array(20).fill(n), new Uint8Array(500)))
      await store.flush()
    }
  }
  const working = work()
  try {
    for (let count = 0; count < 30; count++) {
      const { problems, orphans } = await store.verify()
      expect({ problems, orphans }).toEqual({ problems: [], orphans: [] })
      manifests.add(names(fs, '.manifest').join())
    }
  } finally {
    progress.isDone = true
    await working
  }
  expect(manifests.size).toBeGreaterThan(3)
})

test('stops when the database is closed meanwhile', async () => {
  const fs = new MemoryFileSystem()
  const db = await openFilled(fs)
  await expectCode('DB_CLOSED', async () => {
    await Promise.all([db.verify(), db.close()])
  })
})

test.each(seedsOf(2, 1))(
  'raises no alarm while others write, flush and compact (SEED=%i)',
  async (seed) => {
    const random = new Seeded(seed)
    const fs = new MemoryFileSystem()
    const db = await openFilled(fs)
    const progress = { isDone: false }
    const work = async () => {
      while (!progress.isDone) {
        const tenant = db.tenant(['a', 'b', 'c'][random.below(3)]!)
        await tenant.counters.upsert(rows(random.below(2000), 1 + random.below(300)))
        const choice = random.below(12)
        if (choice === 0) await db.flush()
        if (choice === 1) await db.compact()
        if (choice === 2) await tenant.counters.scan().first()
      }
    }
    const workers = [work(), work(), work()]
    const fileNames = new Set<string>()
    try {
      for (let count = 0; count < 40; count++) {
        const { problems, orphans, files } = await db.verify()
        expect({ problems, orphans }).toEqual({ problems: [], orphans: [] })
        for (const { file } of files) fileNames.add(file)
      }
    } finally {
      progress.isDone = true
      await Promise.all(workers)
    }
    const changedCount = (ending: string) =>
      [...fileNames].filter((name) => name.endsWith(ending)).length
    // Otherwise nothing went on that could have raised an alarm.
    expect(changedCount('.sst')).toBeGreaterThan(5)
    expect(changedCount('.wal')).toBeGreaterThan(5)
  },
)
