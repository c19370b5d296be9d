import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import type { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { Manifest } from '../../../dist/lsm/manifest.js'
import { manifestFileName } from '../../../dist/lsm/manifest-format.js'
import { readManifest, type TabletState } from '../../../dist/lsm/manifest-state.js'
import { hasSuperblock } from '../../../dist/lsm/superblock.js'
import type { VersionEdit } from '../../../dist/lsm/version-edit.js'
import { chanceOf, DIRECTORY, newFileSystem, optionsOf, TABLETS } from './manifest-driver.js'
import { fileIdOf, metaOf, tabletIdOf } from './table-metas.js'

/** Edit number n of a fixed history: table n appears, and now and then an older one goes. */
function editOf(n: number): VersionEdit {
  const goes = n % 3 === 0 ? n - 2 : undefined
  return {
    tabletId: tabletIdOf(1 + (n % 2)),
    added: [{ level: 0, meta: metaOf(n, 'a', 'b') }],
    removed: goes === undefined ? [] : [{ level: 0, fileId: fileIdOf(goes) }],
    flushedSeqNum: n as SeqNum,
  }
}

/** Both tablets get every edit's flushedSeqNum, so a half-applied frame would show. */
function editsOf(n: number): VersionEdit[] {
  const edit = editOf(n)
  const other = tabletIdOf(3 - edit.tabletId)
  return [edit, { tabletId: other, added: [], removed: [], flushedSeqNum: n as SeqNum }]
}

function summaryOf(tablets: readonly TabletState[]): unknown {
  return tablets.map(({ tabletId, hashStart, hashEnd, version }) => ({
    tabletId,
    hashStart,
    hashEnd,
    tables: version.levels.flat().map(({ fileId }) => fileId),
    flushed: version.flushedSeqNum,
  }))
}

function currentPath(fs: MemoryFileSystem): string {
  const { superblock } = readManifest(fs, DIRECTORY)
  return `${DIRECTORY}/${manifestFileName(superblock.manifestFileId)}`
}

function flip(fs: MemoryFileSystem, path: string, offsetBytes: number): void {
  const file = fs.open(path, 'write')
  const byte = new Uint8Array(1)
  file.read(byte, offsetBytes)
  file.write(Uint8Array.of(byte[0]! ^ 0x40), offsetBytes)
  file.close()
}

async function withEdits(fs: MemoryFileSystem, count: number): Promise<Manifest> {
  const manifest = await Manifest.create(optionsOf(fs), TABLETS)
  for (let n = 1; n <= count; n++) await manifest.append(editsOf(n))
  return manifest
}

describe('Manifest', () => {
  test('a new database has its tablets and no tables', async () => {
    const fs = newFileSystem()
    expect(hasSuperblock(fs, DIRECTORY)).toBe(false)
    await Manifest.create(optionsOf(fs), TABLETS)
    expect(hasSuperblock(fs, DIRECTORY)).toBe(true)
    const state = readManifest(fs, DIRECTORY)
    expect(state.tablets.map(({ tabletId }) => tabletId)).toEqual([1, 2])
    expect(state.tablets.every(({ version }) => version.isEmpty)).toBe(true)
    expect(fs.list(DIRECTORY)).toEqual(['000001.manifest', 'SUPERBLOCK'])
  })

  test('what was appended is read back, over several openings', async () => {
    const fs = newFileSystem()
    let manifest = await withEdits(fs, 5)
    for (let opening = 2; opening < 6; opening++) {
      const before = summaryOf(manifest.tablets)
      await manifest.close()
      const state = readManifest(fs, DIRECTORY)
      expect(summaryOf(state.tablets)).toEqual(before)
      expect(state.editNumber).toBe(3 + opening)
      manifest = Manifest.resume(optionsOf(fs, opening), state)
      expect(fs.list(DIRECTORY).length).toBe(2)
      await manifest.append(editsOf(4 + opening))
    }
  })

  test('file ids go on above everything that was ever named', async () => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 1)
    const ids = Array.from({ length: 9 }, () => manifest.allocateFileId())
    expect(ids).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10])
    await manifest.append(editsOf(2))
    expect(readManifest(fs, DIRECTORY).nextFileId).toBe(11)
    fs.open(`${DIRECTORY}/000020.sst`, 'create').close()
    expect(readManifest(fs, DIRECTORY).nextFileId).toBe(21)
  })

  test('a clean close says so, and how far the log is durable', async () => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 2)
    await manifest.closeCleanly({ fileId: 4 as FileId, endBytes: 640 })
    const { superblock, tablets } = readManifest(fs, DIRECTORY)
    expect(superblock).toMatchObject({ isClean: true, wal: { fileId: 4, endBytes: 640 } })
    expect(superblock.manifestProvenBytes).toBeGreaterThan(64)
    expect(summaryOf(tablets)).toEqual(summaryOf(manifest.tablets))
    await expect(manifest.append(editsOf(3))).rejects.toMatchObject({ code: 'DB_CLOSED' })
    const { callCount } = fs
    const unused = Manifest.resume(optionsOf(fs, 2), readManifest(fs, DIRECTORY))
    await unused.closeCleanly({ fileId: 4 as FileId, endBytes: 640 })
    expect(fs.callCount).toBe(callCount)
    const resumed = Manifest.resume(optionsOf(fs, 2), readManifest(fs, DIRECTORY))
    expect(fs.callCount).toBe(callCount)
    await resumed.append(editsOf(3))
    expect(readManifest(fs, DIRECTORY).superblock).toMatchObject({
      isClean: false,
      wal: { fileId: 4, endBytes: 640 },
    })
    await resumed.close()
  })

  test('is rewritten as a snapshot when it has grown', async () => {
    const fs = newFileSystem()
    const manifest = await Manifest.create(optionsOf(fs), TABLETS)
    const long = 'k'.repeat(2000)
    for (let n = 1; n <= 200; n++) {
      const removed = n === 1 ? [] : [{ level: 0, fileId: fileIdOf(n - 1) }]
      const added = [{ level: 0, meta: metaOf(n, long, long) }]
      await manifest.append([{ tabletId: tabletIdOf(1), added, removed }])
    }
    expect(fs.list(DIRECTORY)).toEqual([manifestFileName(manifest.fileId), 'SUPERBLOCK'])
    expect(manifest.fileId).toBeGreaterThan(1)
    const state = readManifest(fs, DIRECTORY)
    expect(state.editNumber).toBe(200)
    expect(summaryOf(state.tablets)).toEqual(summaryOf(manifest.tablets))
  })

  test('appends that are asked for at once go in turn', async () => {
    const fs = newFileSystem()
    const manifest = await Manifest.create(optionsOf(fs), TABLETS)
    await Promise.all([1, 2, 3, 4].map((n) => manifest.append(editsOf(n))))
    expect(summaryOf(readManifest(fs, DIRECTORY).tablets)).toEqual(summaryOf(manifest.tablets))
  })

  test('an edit that does not fit is refused and changes nothing', async () => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 2)
    const before = summaryOf(manifest.tablets)
    const wrong = { ...editOf(3), tabletId: tabletIdOf(9) }
    await expect(manifest.append([wrong])).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(summaryOf(manifest.tablets)).toEqual(before)
    await manifest.append(editsOf(3))
  })

  test.each(['write', 'sync'] as const)('a failed %s poisons', async (name) => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 2)
    fs.inject = (call) => (call.name === name ? 'EIO' : undefined)
    await expect(manifest.append(editsOf(3))).rejects.toMatchObject({ code: 'IO_FAILED' })
    fs.inject = undefined
    await expect(manifest.append(editsOf(3))).rejects.toMatchObject({ code: 'DB_POISONED' })
    await manifest.closeCleanly({ fileId: 1 as FileId, endBytes: 64 })
    expect(readManifest(fs, DIRECTORY).superblock.isClean).toBe(false)
  })

  test('a torn append behind the proven end is cut', async () => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 4)
    await manifest.close()
    const path = currentPath(fs)
    const { superblock } = readManifest(fs, DIRECTORY)
    // The last frame: behind what any frame or the superblock calls durable.
    let lastByte = superblock.manifestProvenBytes
    const bytes = new Uint8Array(fs.fileBytes(path))
    fs.open(path, 'read').read(bytes, 0)
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) lastByte = i
    flip(fs, path, lastByte)
    const state = readManifest(fs, DIRECTORY)
    expect(state.editNumber).toBe(3)
    expect(state.tornBytes).toBeGreaterThan(0)
  })

  test('damage below the proven end is refused, wherever it is', async () => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 4)
    const path = currentPath(fs)
    await manifest.closeCleanly({ fileId: 1 as FileId, endBytes: 64 })
    const proven = readManifest(fs, DIRECTORY).superblock.manifestProvenBytes
    for (let at = 0; at < proven; at++) {
      flip(fs, path, at)
      expect(() => readManifest(fs, DIRECTORY)).toThrow(/MANIFEST_CORRUPT/)
      flip(fs, path, at)
    }
    fs.remove(path)
    expect(() => readManifest(fs, DIRECTORY)).toThrow(/FILE_MISSING/)
  })

  test('an older copy of the manifest in its place is refused', async () => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 2)
    const older = fs.clone()
    await manifest.append(editsOf(3))
    const path = currentPath(fs)
    await manifest.closeCleanly({ fileId: 1 as FileId, endBytes: 64 })
    const bytes = new Uint8Array(older.fileBytes(path))
    older.open(path, 'read').read(bytes, 0)
    fs.open(path, 'write').write(bytes, 0)
    expect(() => readManifest(fs, DIRECTORY)).toThrow(/MANIFEST_CORRUPT/)
  })

  test('another manifest that fits in every other way is refused', async () => {
    const fs = newFileSystem()
    const manifest = await withEdits(fs, 2)
    const otherFs = newFileSystem()
    const other = await withEdits(otherFs, 1)
    await other.append(editsOf(2).map((edit) => ({ ...edit, flushedSeqNum: 1 as SeqNum })))
    const path = currentPath(fs)
    await manifest.closeCleanly({ fileId: 1 as FileId, endBytes: 64 })
    const bytes = new Uint8Array(otherFs.fileBytes(path))
    otherFs.open(path, 'read').read(bytes, 0)
    fs.open(path, 'write').write(bytes, 0)
    expect(() => readManifest(fs, DIRECTORY)).toThrow(/MANIFEST_CORRUPT.*superblock means/)
  })

  test('after a power cut at any moment, what was acknowledged is there and nothing half', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        fc.integer({ min: 0, max: 8 }),
        async (cutAfter, seed, firstCount) => {
          let fs = newFileSystem()
          const chance = chanceOf(seed)
          let acknowledged = -1
          let attempted = 0
          let opening = 1
          fs.cutPowerAt(fs.callCount + cutAfter)
          try {
            const manifest = await Manifest.create(optionsOf(fs, opening), TABLETS)
            acknowledged = 0
            while (attempted < firstCount) {
              attempted++
              await manifest.append(editsOf(attempted))
              acknowledged = attempted
            }
          } catch (error) {
            expect(fs.isPowerCut, String(error)).toBe(true)
          }
          // Crash and recover three times, each time with more edits and another cut.
          for (let round = 0; round < 3; round++) {
            fs = fs.crashImage(chance)
            if (!hasSuperblock(fs, DIRECTORY)) {
              expect(acknowledged).toBe(-1)
              return
            }
            const state = readManifest(fs, DIRECTORY)
            expect(state.editNumber).toBeGreaterThanOrEqual(acknowledged)
            expect(state.editNumber).toBeLessThanOrEqual(attempted)
            expect(summaryOf(state.tablets)).toEqual(await expectedAfter(state.editNumber))
            acknowledged = state.editNumber
            attempted = acknowledged
            fs.cutPowerAt(fs.callCount + 1 + Math.floor(chance.float() * 30))
            try {
              const manifest = Manifest.resume(optionsOf(fs, ++opening), state)
              for (let i = 0; i < 4; i++) {
                attempted++
                await manifest.append(editsOf(attempted))
                acknowledged = attempted
              }
            } catch (error) {
              expect(fs.isPowerCut, String(error)).toBe(true)
            }
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

async function expectedAfter(editNumber: number): Promise<unknown> {
  const manifest = await withEdits(newFileSystem(), editNumber)
  return summaryOf(manifest.tablets)
}
