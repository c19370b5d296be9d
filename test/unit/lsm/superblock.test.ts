import { describe, expect, test } from 'vitest'
import type { FileId } from '../../../dist/base/ids.js'
import type { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { FORMAT_VERSION } from '../../../dist/codec/file-header.js'
import { readSuperblock, type Superblock, writeSuperblock } from '../../../dist/lsm/superblock.js'
import { chanceOf, DATABASE_ID, DIRECTORY, newFileSystem } from './manifest-driver.js'

const PATH = `${DIRECTORY}/SUPERBLOCK`
const SECTOR_BYTES = 4096

function superblockOf(generation: number): Superblock {
  return {
    databaseId: DATABASE_ID,
    incarnation: new Uint8Array(8).fill(generation),
    generation,
    manifestFileId: (100 + generation) as FileId,
    manifestProvenBytes: 2 ** 40 + generation,
    manifestChecksum: 0xfedcba98,
    isClean: generation % 3 === 0,
    nextFileId: (200 + generation) as FileId,
    wal: generation % 2 === 0 ? { fileId: 5 as FileId, endBytes: 2 ** 33 } : undefined,
  }
}

async function writeUpTo(fs: MemoryFileSystem, generation: number): Promise<void> {
  for (let g = 1; g <= generation; g++) await writeSuperblock(fs, DIRECTORY, superblockOf(g), g)
}

function wipe(fs: MemoryFileSystem, sector: number): void {
  fs.open(PATH, 'write').write(new Uint8Array(SECTOR_BYTES).fill(0xaa), sector * SECTOR_BYTES)
}

describe('superblock', () => {
  test('the newest generation counts, and comes back whole', async () => {
    const fs = newFileSystem()
    for (let g = 1; g <= 7; g++) {
      await writeSuperblock(fs, DIRECTORY, superblockOf(g), g)
      expect(readSuperblock(fs, DIRECTORY)).toEqual({ superblock: superblockOf(g), isWhole: true })
    }
    expect(fs.list(DIRECTORY)).toEqual(['SUPERBLOCK'])
    expect(fs.fileBytes(PATH)).toBe(4 * SECTOR_BYTES)
  })

  test('under another name it stays as it was', async () => {
    const fs = newFileSystem()
    await writeUpTo(fs, 3)
    fs.makeDirectory('/backup')
    fs.link(PATH, '/backup/SUPERBLOCK')
    for (let g = 4; g <= 6; g++) {
      await writeSuperblock(fs, DIRECTORY, superblockOf(g), g)
      expect(readSuperblock(fs, DIRECTORY)).toEqual({ superblock: superblockOf(g), isWhole: true })
    }
    expect(readSuperblock(fs, '/backup').superblock).toEqual(superblockOf(3))
    expect(fs.list(DIRECTORY)).toEqual(['SUPERBLOCK'])
  })

  test('one copy of a slot may be damaged, then the other slot, then it is refused', async () => {
    const fs = newFileSystem()
    await writeUpTo(fs, 4)
    wipe(fs, 0)
    expect(readSuperblock(fs, DIRECTORY).superblock.generation).toBe(4)
    wipe(fs, 1)
    expect(readSuperblock(fs, DIRECTORY).superblock.generation).toBe(3)
    wipe(fs, 3)
    expect(readSuperblock(fs, DIRECTORY).superblock.generation).toBe(3)
    wipe(fs, 2)
    expect(() => readSuperblock(fs, DIRECTORY)).toThrow(/MANIFEST_CORRUPT/)
    fs.remove(PATH)
    expect(() => readSuperblock(fs, DIRECTORY)).toThrow(/FILE_MISSING/)
  })

  test('a sector in the place of another does not count', async () => {
    const fs = newFileSystem()
    await writeUpTo(fs, 1)
    const slot = new Uint8Array(SECTOR_BYTES)
    const file = fs.open(PATH, 'write')
    file.read(slot, 2 * SECTOR_BYTES)
    file.write(slot, 3 * SECTOR_BYTES)
    wipe(fs, 2)
    expect(() => readSuperblock(fs, DIRECTORY)).toThrow(/MANIFEST_CORRUPT/)
  })

  test('one of a newer format is refused as such', async () => {
    const fs = newFileSystem()
    await writeUpTo(fs, 2)
    const { crc32 } = await import('../../../dist/codec/checksum.js')
    const { storeU32 } = await import('../../../dist/codec/bytes.js')
    const header = new Uint8Array(64)
    const file = fs.open(PATH, 'write')
    file.read(header, 0)
    header[8] = FORMAT_VERSION + 1
    storeU32(header, 60, crc32(header, 0, 60))
    file.write(header, 0)
    expect(() => readSuperblock(fs, DIRECTORY)).toThrow(/FORMAT_UNSUPPORTED/)
  })

  test('a power cut during a write leaves this generation or the one before', async () => {
    for (let seed = 0; seed < 200; seed++) {
      const fs = newFileSystem()
      const generation = 2 + (seed % 4)
      await writeUpTo(fs, generation - 1)
      fs.cutPowerAt(fs.callCount + 1 + (seed % 2))
      await writeSuperblock(fs, DIRECTORY, superblockOf(generation), seed).catch(() => undefined)
      const image = fs.crashImage(chanceOf(seed))
      const found = readSuperblock(image, DIRECTORY).superblock.generation
      expect([generation - 1, generation]).toContain(found)
    }
  })
})
