// Databases that the format versions wrote, with every file type and commits that only their logs hold, must open for ever
// and answer as they did then.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { FORMAT_VERSION } from '../../dist/codec/file-header.js'
import { open } from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import { answersOf } from '../../scripts/make-golden.mjs'
import { encodeHeaderAgain } from './later-header.js'

const YEARS_MS = 3600 * 86_400_000
const directories: string[] = []

/** What a format version left behind. */
class Golden {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly moments: number[]
  readonly answers: Record<string, unknown>

  constructor(formatVersion: number) {
    const directory = fileURLToPath(new URL(`format-${formatVersion}`, import.meta.url))
    const files = new Map(
      readdirSync(directory).map((name): [string, Uint8Array] => [
        name.slice(0, -'.gz'.length),
        gunzipSync(readFileSync(join(directory, name))),
      ]),
    )
    const answers = files.get('answers.json')!
    files.delete('answers.json')
    this.files = files
    const json = JSON.parse(Buffer.from(answers).toString())
    this.moments = json.moments
    this.answers = json.answers
  }

  inMemory(): MemoryFileSystem {
    const fs = new MemoryFileSystem()
    fs.makeDirectory('/golden')
    for (const [name, bytes] of this.files) {
      const file = fs.open(`/golden/${name}`, 'create')
      file.write(bytes, 0)
      file.close()
    }
    return fs
  }
}

function openCopy(fs: MemoryFileSystem) {
  const settings = { createIfMissing: false, walFileBytes: 65_536, historyWindowMs: YEARS_MS }
  return open({ path: '/golden', ...settings }, { env: memoryEnv({ seed: 5, fs }) })
}

afterEach(() => {
  for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true })
})

const VERSIONS = Array.from({ length: FORMAT_VERSION }, (_, i) => i + 1)

describe.each(VERSIONS)('a database of format version %i', (formatVersion) => {
  const golden = new Golden(formatVersion)
  const { files, moments, answers } = golden

  it('holds every file type, and tables on more than one level', async () => {
    const types = new Set([...files.keys()].map((name) => name.split('.').at(-1)))
    expect([...types].sort()).toEqual(['SUPERBLOCK', 'manifest', 'sst', 'wal'])
    const db = await openCopy(golden.inMemory())
    const levels = db.stats().tablets.flatMap((tablet) => tablet.levels.map(({ level }) => level))
    expect(new Set(levels).size).toBeGreaterThan(1)
    expect(db.stats().recovery.commitCount).toBeGreaterThan(10)
    await db.close()
  })

  it('answers as it did: rows, indexes, sums, histories, the past', async () => {
    const fs = golden.inMemory()
    // As found, after a clean close, and after everything was rewritten.
    for (let i = 0; i < 3; i++) {
      const db = await openCopy(fs)
      expect(await answersOf(db, moments)).toEqual(answers)
      expect(await db.verify()).toMatchObject({ isSound: true })
      if (i === 1) await db.compact()
      await db.close()
    }
  })

  it('goes on: what is written now is there beside what was', async () => {
    const fs = golden.inMemory()
    let db = (await openCopy(fs)) as never as Awaited<
      ReturnType<typeof open<Record<string, never>>>
    >
    const tenant = () => db.tenant('acme') as never as { query(text: string): Promise<unknown[]> }
    const [{ n }] = (await tenant().query('select count(*) as n from kinds')) as [{ n: number }]
    await tenant().query("insert into kinds (id, part, choice) values ('new', 1, 'blue')")
    await db.close()
    db = (await openCopy(fs)) as never
    expect(await tenant().query('select count(*) as n from kinds')).toEqual([{ n: n + 1 }])
    await db.close()
  })

  it('opens from a real directory', async () => {
    const path = mkdtempSync(join(tmpdir(), 'tabularium-golden-'))
    directories.push(path)
    for (const [name, bytes] of files) writeFileSync(join(path, name), bytes)
    const db = await open({ path, createIfMissing: false, historyWindowMs: 3650 * 86_400_000 })
    const now = Object.fromEntries(Object.entries(answers).filter(([key]) => !/ at /.test(key)))
    expect(await answersOf(db, [])).toEqual(now)
    expect(await db.verify()).toMatchObject({ isSound: true })
    await db.close()
  })

  it('refuses, before any change, what a later version marks as unknown', async () => {
    for (const [name, bytes] of files) {
      if (name.endsWith('.sst') || bytes.length < 64) continue
      const fs = golden.inMemory()
      const file = fs.open(`/golden/${name}`, 'write')
      const step = name === 'SUPERBLOCK' ? 4096 : bytes.length
      for (let at = 0; at < bytes.length; at += step) {
        if (bytes[at] !== 0) file.write(encodeHeaderAgain(bytes.subarray(at, at + 64)), at)
      }
      file.close()
      const calls = fs.callCount
      const found = await openCopy(fs).catch((error: unknown) => error)
      expect(found, name).toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
      expect(fs.list('/golden')).toEqual([...files.keys()].sort())
      expect(fs.callCount - calls).toBeLessThan(20)
    }
  })
})
