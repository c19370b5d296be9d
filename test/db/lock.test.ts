// One directory, one writer: processes that fight for it, and a lock that is lost while the database is open.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

import { counters, errorOf, expectCode, openWith, temporaryDirectory } from './db-kit.js'

const CHILD = fileURLToPath(new URL('lock-child.mjs', import.meta.url))
const CHILD_COUNT = 3
const TURN_COUNT = 5

test('processes that fight for a directory take turns', async () => {
  const path = temporaryDirectory()
  const children = Array.from({ length: CHILD_COUNT }, () =>
    spawn(process.execPath, [CHILD, path, String(TURN_COUNT)], { stdio: 'inherit' }),
  )
  const exits = await Promise.all(children.map((child) => once(child, 'exit')))
  expect(exits.map(([code]) => code)).toEqual(children.map(() => 0))
  const db = await openWith({ counters }, { path })
  expect(await db.tenant('a').counters.get('c')).toEqual({ id: 'c', n: CHILD_COUNT * TURN_COUNT })
})

const LOSSES = {
  removed: (lock: string) => rmSync(lock),
  taken: (lock: string) => {
    const holder = JSON.parse(readFileSync(lock, 'utf8'))
    writeFileSync(lock, JSON.stringify({ ...holder, token: 'of another' }))
  },
  spoilt: (lock: string) => writeFileSync(lock, 'nonsense'),
}

test.each(Object.keys(LOSSES) as (keyof typeof LOSSES)[])(
  'a lock that was %s poisons before the superblock is written again',
  async (loss) => {
    const path = temporaryDirectory()
    const db = await openWith({ counters }, { path })
    await db.tenant('a').counters.insert({ id: 'x', n: 1 })
    const superblock = readFileSync(join(path, 'SUPERBLOCK'))
    LOSSES[loss](join(path, 'LOCK'))
    const found = await db.verify().then(
      ({ problems }) => problems[0]?.code,
      (error: { readonly code: string }) => error.code,
    )
    // The heartbeat may have been faster.
    expect([loss === 'removed' ? 'FILE_MISSING' : 'DB_LOCKED', 'DB_POISONED']).toContain(found)
    await expectCode('DB_POISONED', () => db.flush())
    expect(db.state).toBe('poisoned')
    await expectCode('DB_POISONED', () => db.tenant('a').counters.insert({ id: 'y', n: 1 }))
    await expectCode('DB_POISONED', () => db.tenant('a').counters.get('x'))
    await db.close()
    expect(readFileSync(join(path, 'SUPERBLOCK'))).toEqual(superblock)
    rmSync(join(path, 'LOCK'), { force: true })
    const again = await openWith({ counters }, { path })
    expect(await again.tenant('a').counters.get('x')).toEqual({ id: 'x', n: 1 })
  },
)

test('a lost lock is noticed when the log goes on in a new file', async () => {
  const path = temporaryDirectory()
  const db = await openWith({ counters }, { path, walFileBytes: 65_536 })
  const superblock = readFileSync(join(path, 'SUPERBLOCK'))
  rmSync(join(path, 'LOCK'))
  const error = await errorOf(async () => {
    for (;;) {
      const rows = Array.from({ length: 500 }, (_, i) => ({ id: `id-${i}`, n: i }))
      await db.tenant('a').counters.upsert(rows)
    }
  })
  expect(error.code).toBe('DB_POISONED')
  await db.close()
  expect(readFileSync(join(path, 'SUPERBLOCK'))).toEqual(superblock)
})

test('a lock that is lost before closing leaves the superblock to whoever has the directory now', async () => {
  const path = temporaryDirectory()
  const db = await openWith({ counters }, { path })
  await db.tenant('a').counters.insert({ id: 'x', n: 1 })
  const superblock = readFileSync(join(path, 'SUPERBLOCK'))
  rmSync(join(path, 'LOCK'))
  await db
    .close()
    .catch((error: { readonly code: string }) => expect(error.code).toBe('DB_POISONED'))
  expect(readFileSync(join(path, 'SUPERBLOCK'))).toEqual(superblock)
})

test('a directory that is moved away takes no more commits after a few seconds', async () => {
  const path = temporaryDirectory()
  const db = await openWith({ counters }, { path: join(path, 'db') })
  await db.tenant('a').counters.insert({ id: 'x', n: 1 })
  renameSync(join(path, 'db'), join(path, 'away'))
  while (db.state === 'open') await delay(100)
  expect(db.state).toBe('poisoned')
  await expectCode('DB_POISONED', () => db.tenant('a').counters.insert({ id: 'y', n: 1 }))
  await db.close()
})
