import { describe, expect, it } from 'vitest'
import {
  type CallFate,
  MemoryFileSystem,
  type UnsyncedCall,
} from '../../../dist/env/memory-file-system.js'
import { readFile } from '../../../dist/env/file-system.js'
import { SeededRandom } from '../../../dist/env/random.js'

const CHANCE = new SeededRandom(1)

/** A durable file of 4 sectors of `a`, and an un-synced write of 6 sectors of `b` over all of it and beyond. */
function fileUnderWrite(): { fs: MemoryFileSystem; call: UnsyncedCall } {
  const fs = new MemoryFileSystem()
  const file = fs.open('/f', 'create')
  file.write(new Uint8Array(4 * 512).fill(97), 0)
  file.syncNow()
  fs.syncDirectory('/')
  file.write(new Uint8Array(6 * 512).fill(98), 0)
  return { fs, call: fs.unsyncedCalls()[0]! }
}

/** One letter per sector; `?` for rubbish. */
function sectors(fs: MemoryFileSystem, path = '/f'): string {
  const bytes = readFile(fs, path)
  let text = ''
  for (let start = 0; start < bytes.length; start += 512) {
    const sector = bytes.subarray(start, start + 512)
    const isUniform = sector.every((byte) => byte === sector[0])
    text += !isUniform ? '?' : sector[0] === 0 ? '0' : String.fromCharCode(sector[0]!)
  }
  return text
}

describe('a crash whose calls have chosen fates', () => {
  it('names the calls whose fate is open', () => {
    const { fs, call } = fileUnderWrite()
    expect(fs.unsyncedCalls()).toEqual([
      { number: fs.callCount, kind: 'write', byteCount: 6 * 512, isGrowing: true },
    ])
    fs.rename('/f', '/g')
    expect(fs.unsyncedCalls().map(({ kind }) => kind)).toEqual(['write', 'name'])
    expect(fs.crashImage(CHANCE, (n) => (n === call.number ? 'lost' : 'kept')).list('/')).toEqual([
      'g',
    ])
    const both: CallFate = 'torn'
    expect(fs.crashImage(CHANCE, () => both).list('/')).toEqual(['f', 'g'])
  })

  it('tears a write as told', () => {
    const { fs } = fileUnderWrite()
    const torn = (fate: CallFate) => sectors(fs.crashImage(CHANCE, () => fate))
    expect(torn('lost')).toBe('aaaa')
    expect(torn('kept')).toBe('bbbbbb')
    expect(torn({ sectorBytes: 512, part: 'left', grown: 'short' })).toBe('bbba')
    expect(torn({ sectorBytes: 512, part: 'left', grown: 'zeros' })).toBe('bbba00')
    expect(torn({ sectorBytes: 512, part: 'right', grown: 'short' })).toBe('aaabbb')
    expect(torn({ sectorBytes: 512, part: 'middle', grown: 'zeros' })).toBe('aabb00')
    expect(torn({ sectorBytes: 2048, part: 'left', grown: 'short' })).toBe('bbbb')
    expect(torn({ sectorBytes: 2048, part: 'right', grown: 'short' })).toBe('aaaabb')
    expect(torn({ sectorBytes: 512, part: 'left', grown: 'rubbish' })).toMatch(/^bbb[^a0]{3}$/)
  })

  it('has equal digests for equal files only', () => {
    const { fs } = fileUnderWrite()
    const lost = fs.crashImage(CHANCE, 'lost').digest()
    const kept = fs.crashImage(CHANCE, 'kept').digest()
    expect(lost).not.toBe(kept)
    expect(fs.digest()).toBe(kept)
    expect(fs.crashImage(CHANCE, () => 'lost').digest()).toBe(lost)
    fs.rename('/f', '/g')
    expect(fs.digest()).not.toBe(kept)
  })
})
