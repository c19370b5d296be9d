import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type File, type FileSystem, readFile } from '../../../dist/env/file-system.js'
import { type CrashMode, MemoryFileSystem, PowerCut } from '../../../dist/env/memory-file-system.js'
import { SeededRandom } from '../../../dist/env/random.js'

const MODES: readonly CrashMode[] = ['lost', 'kept', 'prefix', 'subset', 'torn', 'random']

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value))
const contentOf = (fs: FileSystem, path: string): string =>
  Buffer.from(readFile(fs, path)).toString()

/** A file system with `/a`, synced, holding the text. */
function withFile(content: string): [MemoryFileSystem, File] {
  const fs = new MemoryFileSystem()
  const file = fs.open('/a', 'create')
  file.write(text(content), 0)
  file.syncNow()
  fs.syncDirectory('/')
  return [fs, file]
}

/** What `look` sees in many images of one moment. */
function outcomes(
  fs: MemoryFileSystem,
  mode: CrashMode,
  look: (image: MemoryFileSystem) => string,
): Set<string> {
  const random = new SeededRandom(1)
  return new Set(Array.from({ length: 300 }, () => look(fs.crashImage(random, mode))))
}

const names = (image: MemoryFileSystem): string =>
  image
    .list('/')
    .map((name) => `${name}=${contentOf(image, `/${name}`)}`)
    .join(' ')

describe('a power cut', () => {
  it('lets the calls before it through and none after, not even reads', async () => {
    const [fs, file] = withFile('abc')
    const syncing = file.sync()
    fs.cutPowerAt(fs.callCount + 2)
    file.write(text('x'), 0)
    expect(fs.isPowerCut).toBe(false)
    expect(() => file.write(text('y'), 1)).toThrow(PowerCut)
    expect(fs.isPowerCut).toBe(true)
    await expect(syncing).rejects.toThrow(PowerCut)
    await expect(file.sync()).rejects.toThrow(PowerCut)
    for (const call of [
      () => file.read(new Uint8Array(1), 0),
      () => file.sizeBytes(),
      () => fs.exists('/a'),
      () => fs.list('/'),
      () => fs.open('/a', 'read'),
      () => fs.open('/b', 'create'),
      () => fs.makeDirectory('/d'),
    ]) {
      expect(call).toThrow(PowerCut)
    }
    file.close()
    expect(outcomes(fs, 'subset', (image) => contentOf(image, '/a'))).toEqual(
      new Set(['abc', 'xbc', 'ayc', 'xyc']),
    )
  })

  it('may carry out the call it falls on', () => {
    const [fs] = withFile('abc')
    fs.cutPowerAt(fs.callCount + 1)
    expect(() => fs.rename('/a', '/b')).toThrow(PowerCut)
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['a=abc', 'b=abc']))
    const [other] = withFile('abc')
    other.cutPowerAt(other.callCount + 1)
    expect(() => other.makeDirectory('/d/e')).toThrow(PowerCut)
    expect(outcomes(other, 'random', (image) => String(image.isDirectory('/d/e')))).toEqual(
      new Set(['true', 'false']),
    )
  })

  it('does not make durable what a sync was about to', () => {
    const [fs, file] = withFile('abc')
    file.write(text('xyz'), 0)
    fs.cutPowerAt(fs.callCount + 1)
    expect(() => file.syncNow()).toThrow(PowerCut)
    expect(contentOf(fs.crashImage(new SeededRandom(1), 'lost'), '/a')).toBe('abc')
    expect(contentOf(fs.crashImage(new SeededRandom(1), 'kept'), '/a')).toBe('xyz')
  })
})

describe('what a crash leaves of bytes', () => {
  it('keeps in every mode what was synced', async () => {
    const [fs, file] = withFile('one')
    file.write(text('two'), 3)
    await file.sync()
    for (const mode of MODES) {
      expect(outcomes(fs, mode, (image) => contentOf(image, '/a'))).toEqual(new Set(['onetwo']))
    }
  })

  it('counts for a sync only what was written before it began', async () => {
    const [fs, file] = withFile('')
    file.write(text('1'), 0)
    const syncing = file.sync()
    file.write(text('2'), 1)
    await syncing
    expect(contentOf(fs.crashImage(new SeededRandom(1), 'lost'), '/a')).toBe('1')
    expect(contentOf(fs.crashImage(new SeededRandom(1), 'kept'), '/a')).toBe('12')
  })

  it('makes a durable write durable, and nothing else', () => {
    const [fs, file] = withFile('----')
    const image = (rule: 'lost' | 'kept') =>
      contentOf(fs.crashImage(new SeededRandom(1), rule), '/a')
    file.write(text('1'), 0)
    file.writeDurably(text('2'), 1)
    expect([image('lost'), image('kept')]).toEqual(['-2--', '12--'])
    fs.inject = ({ name }) => (name === 'syncNow' ? 'EIO' : undefined)
    expect(() => file.writeDurably(text('3'), 2)).toThrow(/^IO_FAILED/)
    fs.inject = undefined
    file.writeDurably(text('4'), 3)
    expect(image('lost'), 'after a failure nothing gets durable').toBe('-2--')
  })

  it('keeps prefixes, or any selection, over several files', () => {
    const [fs, file] = withFile('--')
    const other = fs.open('/b', 'create')
    other.write(text('--'), 0)
    other.syncNow()
    fs.syncDirectory('/')
    file.write(text('1'), 0)
    other.write(text('2'), 0)
    file.write(text('3'), 1)
    expect(outcomes(fs, 'prefix', names)).toEqual(
      new Set(['a=-- b=--', 'a=1- b=--', 'a=1- b=2-', 'a=13 b=2-']),
    )
    expect(outcomes(fs, 'subset', names).size).toBe(8)
    expect(outcomes(fs, 'lost', names)).toEqual(new Set(['a=-- b=--']))
    expect(outcomes(fs, 'kept', names)).toEqual(new Set(['a=13 b=2-']))
  })

  it('tears writes at sectors, never within one', () => {
    const [fs, file] = withFile('')
    file.write(new Uint8Array(2048).fill(1), 0)
    file.syncNow()
    file.write(new Uint8Array(1500).fill(2), 300)
    const shapes = outcomes(fs, 'torn', (image) => {
      const bytes = readFile(image, '/a')
      expect(bytes.length).toBe(2048)
      expect(bytes.subarray(0, 300).every((byte) => byte === 1)).toBe(true)
      expect(bytes.subarray(1800).every((byte) => byte === 1)).toBe(true)
      const sectors = [300, 512, 1024, 1536, 1800]
      return sectors
        .slice(0, -1)
        .map((start, i) => {
          const sector = bytes.subarray(start, sectors[i + 1])
          const isOneByte = new Set(sector).size === 1
          // Only what nobody else has bytes in may come out as rubbish.
          if (sector.length < 512) expect(isOneByte).toBe(true)
          return isOneByte ? sector[0] : '?'
        })
        .join('')
    })
    for (const shape of ['1111', '2222', '2111', '1112', '1221', '2112', '2212', '1??1']) {
      expect(shapes).toContain(shape)
    }
  })

  it('leaves zeros or rubbish, or too short a file, where it had grown', () => {
    const [fs, file] = withFile('')
    file.write(new Uint8Array(1024).fill(9), 0)
    file.syncNow()
    file.write(
      Uint8Array.from({ length: 1024 }, (_, i) => 1 + (i & 127)),
      1024,
    )
    const shapes = outcomes(fs, 'torn', (image) => {
      const bytes = readFile(image, '/a')
      expect(bytes.subarray(0, 1024).every((byte) => byte === 9)).toBe(true)
      const last = bytes.subarray(1536)
      if (last.length === 0) return bytes.length === 1024 ? 'nothing' : 'short'
      if (last.every((byte) => byte === 0)) return 'zeros'
      return last.every((byte, i) => byte === 1 + (i & 127)) ? 'written' : 'rubbish'
    })
    expect([...shapes].sort()).toEqual(['nothing', 'rubbish', 'short', 'written', 'zeros'])
  })

  it('undoes truncations that were not synced', () => {
    const [fs, file] = withFile('abcdef')
    file.truncate(2)
    file.write(text('X'), 4)
    expect(outcomes(fs, 'subset', (image) => contentOf(image, '/a'))).toEqual(
      new Set(['abcdef', 'ab', 'abcdXf', 'ab\0\0X']),
    )
  })
})

describe('what a crash leaves of names', () => {
  it('forgets a file whose directory was not synced, its synced bytes notwithstanding', () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/a', 'create')
    file.write(text('abc'), 0)
    file.syncNow()
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['', 'a=abc']))
    fs.syncDirectory('/')
    expect(outcomes(fs, 'random', names)).toEqual(new Set(['a=abc']))
  })

  it('keeps the name and loses the bytes', () => {
    const fs = new MemoryFileSystem()
    fs.open('/a', 'create').write(text('abc'), 0)
    fs.syncDirectory('/')
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['a=', 'a=abc']))
  })

  it('brings removed files back', () => {
    const [fs] = withFile('abc')
    fs.remove('/a')
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['', 'a=abc']))
    fs.syncDirectory('/')
    expect(outcomes(fs, 'random', names)).toEqual(new Set(['']))
  })

  it('replaces atomically: the old file, or the new one, possibly under both names', () => {
    const [fs] = withFile('old')
    const file = fs.open('/new', 'create')
    file.write(text('new'), 0)
    file.syncNow()
    fs.syncDirectory('/')
    fs.rename('/new', '/a')
    expect(outcomes(fs, 'torn', names)).toEqual(
      new Set(['a=old new=new', 'a=new', 'a=new new=new']),
    )
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['a=old new=new', 'a=new']))
    fs.syncDirectory('/')
    expect(outcomes(fs, 'random', names)).toEqual(new Set(['a=new']))
  })

  it('may lose both names only of a file that never had a durable one', () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/tmp', 'create')
    file.write(text('x'), 0)
    file.syncNow()
    fs.rename('/tmp', '/a')
    expect(outcomes(fs, 'torn', names)).toEqual(new Set(['', 'tmp=x', 'a=x', 'a=x tmp=x']))
  })

  it('loses or keeps a link whose directory was not synced; the file under its first name stays', () => {
    const [fs] = withFile('abc')
    fs.link('/a', '/b')
    expect(outcomes(fs, 'random', names)).toEqual(new Set(['a=abc', 'a=abc b=abc']))
    fs.syncDirectory('/')
    fs.remove('/a')
    fs.syncDirectory('/')
    expect(outcomes(fs, 'random', names)).toEqual(new Set(['b=abc']))
  })

  it('keeps what touches one name in order', () => {
    const [fs] = withFile('1')
    fs.remove('/a')
    const file = fs.open('/a', 'create')
    file.write(text('2'), 0)
    file.syncNow()
    fs.rename('/a', '/b')
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['a=1', '', 'a=2', 'b=2']))
  })

  it('syncs a move between directories in both', () => {
    const [fs] = withFile('x')
    fs.makeDirectory('/d')
    fs.rename('/a', '/d/b')
    const look = (image: MemoryFileSystem) =>
      `${image.exists('/a') ? 'a' : ''}${image.exists('/d/b') ? 'b' : ''}`
    const target = fs.clone()
    target.syncDirectory('/d')
    expect(outcomes(target, 'subset', look)).toEqual(new Set(['ab', 'b']))
    const source = fs.clone()
    source.syncDirectory('/')
    expect(outcomes(source, 'torn', look)).toEqual(new Set(['b']))
  })

  it('keeps directories', () => {
    const fs = new MemoryFileSystem()
    fs.makeDirectory('/d/e')
    expect(outcomes(fs, 'lost', (image) => String(image.isDirectory('/d/e')))).toEqual(
      new Set(['true']),
    )
  })
})

describe('copies', () => {
  it('are exact, un-synced changes included, and apart', () => {
    const [fs, file] = withFile('abc')
    file.write(text('X'), 0)
    const copy = fs.clone()
    expect(copy.callCount).toBe(fs.callCount)
    file.write(text('Y'), 1)
    copy.open('/a', 'write').write(text('Z'), 2)
    expect([contentOf(fs, '/a'), contentOf(copy, '/a')]).toEqual(['XYc', 'XbZ'])
    const crashed = outcomes(copy, 'subset', (image) => contentOf(image, '/a'))
    expect(crashed).toEqual(new Set(['abc', 'Xbc', 'abZ', 'XbZ']))
    const image = copy.crashImage(new SeededRandom(1), 'kept')
    image.open('/a', 'write').write(text('!!!'), 0)
    expect(contentOf(copy, '/a')).toBe('XbZ')
    expect(image.totalBytes).toBe(3)
    const later = copy.open('/a', 'write')
    later.syncNow()
    expect(contentOf(copy.crashImage(new SeededRandom(1), 'lost'), '/a')).toBe('XbZ')
  })

  it('come out the same for the same seed', () => {
    const [fs, file] = withFile('')
    for (let i = 0; i < 50; i++) file.write(new Uint8Array(700).fill(i), i * 600)
    const look = (seed: number) => contentOf(fs.crashImage(new SeededRandom(seed)), '/a')
    for (let seed = 0; seed < 20; seed++) expect(look(seed)).toBe(look(seed))
  })
})

describe('injected failures', () => {
  it('become the errors of the real system', () => {
    const [fs, file] = withFile('abc')
    fs.inject = ({ name }) => (name === 'read' ? 'EIO' : name === 'rename' ? 'EACCES' : undefined)
    expect(() => file.read(new Uint8Array(1), 0)).toThrow(/^IO_FAILED: read \/a: EIO/)
    expect(() => fs.rename('/a', '/b')).toThrow(/^IO_FAILED: rename \/a: EACCES/)
    fs.inject = undefined
    expect(names(fs)).toBe('a=abc')
  })

  it('leave half a write when the disk is full', () => {
    const [fs, file] = withFile('')
    fs.inject = ({ name }) => (name === 'write' ? 'ENOSPC' : undefined)
    expect(() => file.write(text('abcdef'), 0)).toThrow(/^DISK_FULL/)
    fs.inject = undefined
    expect(names(fs)).toBe('a=abc')
  })

  it('make a failed sync final for its handle', async () => {
    const [fs, file] = withFile('abc')
    file.write(text('xyz'), 0)
    fs.inject = ({ name }) => (name === 'sync' ? 'EIO' : undefined)
    await expect(file.sync()).rejects.toMatchObject({ code: 'IO_FAILED' })
    fs.inject = undefined
    await file.sync()
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['a=abc', 'a=xyz']))
    fs.open('/a', 'write').syncNow()
    expect(outcomes(fs, 'subset', names)).toEqual(new Set(['a=xyz']))
  })

  it('see every call, and so does the log', () => {
    const fs = new MemoryFileSystem({ isLogging: true })
    const file = fs.open('/a', 'create')
    file.write(text('abc'), 5)
    fs.rename('/a', '/b')
    fs.exists('/b')
    expect(fs.calls).toEqual([
      { name: 'create', path: '/a', number: 1 },
      { name: 'write', path: '/a', number: 2, offsetBytes: 5, byteCount: 3 },
      { name: 'rename', path: '/a', number: 3, to: '/b' },
      { name: 'stat', path: '/b', number: 3 },
    ])
    expect(new MemoryFileSystem().calls).toEqual([])
  })
})

type Step =
  | { readonly do: 'create' | 'remove' | 'sync'; readonly name: string }
  | { readonly do: 'rename'; readonly name: string; readonly to: string }
  | { readonly do: 'write'; readonly name: string; readonly at: number; readonly length: number }
  | { readonly do: 'syncDirectory' }

const name = fc.constantFrom('/a', '/b', '/c')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('create', 'remove', 'sync'), name }),
  fc.record({ do: fc.constant('rename'), name, to: name }),
  fc.record({
    do: fc.constant('write'),
    name,
    at: fc.integer({ min: 0, max: 6000 }),
    length: fc.integer({ min: 1, max: 3000 }),
  }),
  fc.record({ do: fc.constant('syncDirectory') }),
)

function take(fs: MemoryFileSystem, given: Step, fill: number): void {
  if (given.do === 'syncDirectory') fs.syncDirectory('/')
  else if (given.do === 'create') fs.open(given.name, 'create').close()
  else if (given.do === 'remove') fs.remove(given.name)
  else if (given.do === 'rename') fs.rename(given.name, given.to)
  else {
    const file = fs.open(given.name, 'write')
    if (given.do === 'write') file.write(new Uint8Array(given.length).fill(fill), given.at)
    else file.syncNow()
    file.close()
  }
}

describe('any workload', () => {
  it('loses nothing once everything is synced, in any mode', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer(), (steps, seed) => {
        const fs = new MemoryFileSystem()
        const random = new SeededRandom(seed)
        for (const [i, given] of steps.entries()) {
          try {
            take(fs, given, i + 1)
          } catch {
            continue
          }
          if (random.float() < 0.1) fs.crashImage(random)
        }
        const before = names(fs)
        expect(names(fs.clone())).toBe(before)
        expect(names(fs.crashImage(random, 'kept'))).toBe(before)
        for (const file of fs.list('/')) fs.open(`/${file}`, 'write').syncNow()
        fs.syncDirectory('/')
        for (const mode of MODES) expect(names(fs.crashImage(random, mode))).toBe(before)
      }),
      { numRuns: 300 },
    )
  })
})
