// What every FileSystem must do, run against each implementation.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EngineError } from '../../dist/base/errors.js'
import { type FileSystem, readFile } from '../../dist/env/file-system.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { NodeFileSystem } from '../../dist/env/node-file-system.js'

interface Subject {
  readonly fs: FileSystem
  /** An empty directory. */
  readonly root: string
  dispose(): void
}

const SUBJECTS: Readonly<Record<string, () => Subject>> = {
  NodeFileSystem: () => {
    const root = fs.mkdtempSync(join(tmpdir(), 'tabularium-fs-'))
    return {
      fs: new NodeFileSystem(),
      root,
      dispose: () => fs.rmSync(root, { recursive: true, force: true }),
    }
  },
  MemoryFileSystem: () => {
    const memory = new MemoryFileSystem()
    memory.makeDirectory('/root')
    return { fs: memory, root: '/root', dispose: () => undefined }
  },
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value))

function failure(run: () => unknown): EngineError {
  try {
    run()
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe.each(Object.entries(SUBJECTS))('%s', (_name, makeSubject) => {
  let subject: Subject
  let path: (name: string) => string

  beforeEach(() => {
    subject = makeSubject()
    path = (name) => `${subject.root}/${name}`
  })
  afterEach(() => subject.dispose())

  function put(name: string, content: Uint8Array): void {
    const file = subject.fs.open(path(name), 'create')
    file.write(content, 0)
    file.syncNow()
    file.close()
  }

  const contentOf = (name: string): string =>
    Buffer.from(readFile(subject.fs, path(name))).toString()

  it('tells how much room there is, or that nobody knows', () => {
    expect(subject.fs.freeBytes(subject.root) ?? 1).toBeGreaterThan(0)
    if (subject.fs instanceof NodeFileSystem) {
      expect(subject.fs.freeBytes(subject.root)).toBeGreaterThan(0)
      expect(subject.fs.freeBytes(path('nothing'))).toBeUndefined()
    }
  })

  it('writes and reads anywhere, growing with zeros', () => {
    const file = subject.fs.open(path('a'), 'create')
    expect(file.path).toBe(path('a'))
    expect(file.sizeBytes()).toBe(0)
    file.write(bytes(1, 2, 3), 10_000)
    file.write(bytes(9), 0)
    file.write(bytes(7, 7), 9999)
    expect(file.sizeBytes()).toBe(10_003)
    const target = new Uint8Array(10)
    expect(file.read(target, 9995)).toBe(8)
    expect([...target]).toEqual([0, 0, 0, 0, 7, 7, 2, 3, 0, 0])
    expect(file.read(target, 10_003)).toBe(0)
    expect(file.read(target, 50_000)).toBe(0)
    expect(file.read(new Uint8Array(0), 0)).toBe(0)
    file.write(new Uint8Array(0), 70_000)
    expect(file.sizeBytes()).toBe(10_003)
    file.close()
    expect(subject.fs.fileBytes(path('a'))).toBe(10_003)
  })

  it('keeps its own copy of what was written', () => {
    const data = bytes(1, 2, 3)
    const file = subject.fs.open(path('a'), 'create')
    file.write(data, 0)
    data.fill(0)
    const target = new Uint8Array(3)
    file.read(target, 0)
    expect([...target]).toEqual([1, 2, 3])
    file.close()
  })

  it('reads into and writes from views of larger buffers, shared ones too', () => {
    const file = subject.fs.open(path('a'), 'create')
    file.write(text('0123456789').subarray(2, 7), 0)
    const shared = new Uint8Array(new SharedArrayBuffer(8))
    expect(file.read(shared.subarray(1, 4), 1)).toBe(3)
    file.write(shared.subarray(1, 4), 5)
    file.close()
    expect(contentOf('a')).toBe('23456345')
  })

  it('handles large pieces', () => {
    const large = new Uint8Array(3_000_000).map((_byte, i) => i * 31)
    put('large', large)
    expect(Buffer.compare(readFile(subject.fs, path('large')), large)).toBe(0)
  })

  it('truncates, and grows with zeros after that', () => {
    const file = subject.fs.open(path('a'), 'create')
    file.write(new Uint8Array(10_000).fill(5), 0)
    file.truncate(4100)
    expect(file.sizeBytes()).toBe(4100)
    file.truncate(9000)
    const target = new Uint8Array(9000)
    expect(file.read(target, 0)).toBe(9000)
    expect(target.every((byte, i) => byte === (i < 4100 ? 5 : 0))).toBe(true)
    file.truncate(0)
    expect(file.read(target, 0)).toBe(0)
    file.close()
  })

  it('opens for reading only what is there, and does not write then', () => {
    put('a', text('abc'))
    const file = subject.fs.open(path('a'), 'read')
    expect(failure(() => file.write(bytes(1), 0)).code).toBe('IO_FAILED')
    file.close()
    const again = subject.fs.open(path('a'), 'write')
    again.write(text('B'), 1)
    again.close()
    expect(contentOf('a')).toBe('aBc')
  })

  it('shows every handle the same bytes', async () => {
    put('a', text('abc'))
    const [one, two] = [subject.fs.open(path('a'), 'write'), subject.fs.open(path('a'), 'read')]
    one.write(text('xyz!'), 0)
    const target = new Uint8Array(4)
    expect(two.read(target, 0)).toBe(4)
    expect(Buffer.from(target).toString()).toBe('xyz!')
    await Promise.all([one.sync(), one.sync()])
    one.close()
    two.close()
  })

  it('writes durably into what is there, by any handle, until it is closed', () => {
    put('a', text('0123456789'))
    const file = subject.fs.open(path('a'), 'write')
    file.writeDurably(text('ab'), 2)
    file.write(text('c'), 4)
    file.writeDurably(text('de'), 5)
    expect(contentOf('a')).toBe('01abcde789')
    subject.fs.rename(path('a'), path('b'))
    put('a', text('other'))
    file.writeDurably(text('f'), 7)
    expect(contentOf('b')).toBe('01abcdef89')
    expect(contentOf('a')).toBe('other')
    file.close()
    expect(failure(() => file.writeDurably(text('x'), 0)).details.errno).toBe('EBADF')
  })

  it('writes off the calling thread, however much, as it writes on it', async () => {
    const file = subject.fs.open(path('a'), 'create')
    const data = Uint8Array.from({ length: 600_000 }, (_, i) => (i * 31) ^ (i >> 8))
    await file.writeAsync(data, 5)
    await file.writeAsync(text('abc'), 0)
    expect(file.sizeBytes()).toBe(600_005)
    const found = new Uint8Array(600_005)
    expect(file.read(found, 0)).toBe(600_005)
    expect(Buffer.from(found).subarray(0, 7).toString('latin1')).toBe('abc\0\0\0\x1f')
    expect(Buffer.compare(found.subarray(5), data)).toBe(0)
    await file.sync()
    file.close()
    const refused = await file.writeAsync(text('x'), 0).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'IO_FAILED', details: { errno: 'EBADF' } })
  })

  it('writes durably to a file that has got another name meanwhile', () => {
    put('a', text('mine'))
    const file = subject.fs.open(path('a'), 'write')
    subject.fs.rename(path('a'), path('b'))
    put('a', text('other'))
    file.writeDurably(text('M'), 0)
    expect([contentOf('a'), contentOf('b')]).toEqual(['other', 'Mine'])
    file.close()
  })

  it('finishes a sync of a file that is closed meanwhile, and refuses closed files', async () => {
    const file = subject.fs.open(path('a'), 'create')
    file.write(text('abc'), 0)
    const syncing = file.sync()
    file.close()
    file.close()
    await syncing
    expect(failure(() => file.write(text('x'), 0)).details.errno).toBe('EBADF')
    expect(failure(() => file.syncNow()).details.errno).toBe('EBADF')
    await expect(file.sync()).rejects.toMatchObject({ details: { errno: 'EBADF' } })
  })

  it('lists names in order, directories too', () => {
    for (const name of ['b', 'a', 'B', '10', '9']) put(name, bytes())
    subject.fs.makeDirectory(path('d/e/f'))
    subject.fs.makeDirectory(path('d/e/f'))
    expect(subject.fs.list(subject.root)).toEqual(['10', '9', 'B', 'a', 'b', 'd'])
    expect(subject.fs.list(path('d'))).toEqual(['e'])
    expect(subject.fs.list(path('d/e/f'))).toEqual([])
    subject.fs.syncDirectory(subject.root)
  })

  it('tells files, directories and nothing apart', () => {
    put('a', bytes())
    expect([subject.fs.exists(path('a')), subject.fs.isDirectory(path('a'))]).toEqual([true, false])
    expect([subject.fs.exists(subject.root), subject.fs.isDirectory(subject.root)]).toEqual([
      true,
      true,
    ])
    for (const name of ['none', 'none/deeper', 'a/inside']) {
      expect(subject.fs.exists(path(name))).toBe(false)
      expect(subject.fs.isDirectory(path(name))).toBe(false)
    }
  })

  it('renames over what is there; open handles follow the file', () => {
    put('a', text('new'))
    put('b', text('old'))
    const old = subject.fs.open(path('b'), 'read')
    subject.fs.rename(path('a'), path('b'))
    expect(subject.fs.exists(path('a'))).toBe(false)
    expect(contentOf('b')).toBe('new')
    const target = new Uint8Array(3)
    old.read(target, 0)
    expect(Buffer.from(target).toString()).toBe('old')
    old.close()
    subject.fs.rename(path('b'), path('b'))
    subject.fs.makeDirectory(path('d'))
    subject.fs.rename(path('b'), path('d/b'))
    expect(contentOf('d/b')).toBe('new')
  })

  it('links: one file under two names, until one of them goes', () => {
    put('a', text('abc'))
    subject.fs.makeDirectory(path('d'))
    subject.fs.link(path('a'), path('d/b'))
    const file = subject.fs.open(path('a'), 'write')
    file.write(text('X'), 0)
    file.close()
    expect(contentOf('d/b')).toBe('Xbc')
    expect([path('a'), path('d/b')].map((name) => subject.fs.linkCount(name))).toEqual([2, 2])
    subject.fs.remove(path('a'))
    expect(subject.fs.linkCount(path('d/b'))).toBe(1)
    expect(contentOf('d/b')).toBe('Xbc')
    subject.fs.syncDirectory(path('d'))
  })

  it('removes names; open handles keep the bytes', () => {
    put('a', text('abc'))
    const file = subject.fs.open(path('a'), 'read')
    subject.fs.remove(path('a'))
    expect(subject.fs.exists(path('a'))).toBe(false)
    expect(file.read(new Uint8Array(3), 0)).toBe(3)
    file.close()
    put('a', text('again'))
    expect(contentOf('a')).toBe('again')
  })

  it('removes names and syncs directories off the thread', async () => {
    put('a', text('abc'))
    await subject.fs.syncDirectoryAsync(subject.root)
    await subject.fs.removeAsync(path('a'))
    expect(subject.fs.exists(path('a'))).toBe(false)
    await subject.fs.syncDirectoryAsync(subject.root)
    const missing = { code: 'FILE_MISSING', details: { errno: 'ENOENT' } }
    await expect(subject.fs.removeAsync(path('a'))).rejects.toMatchObject(missing)
    await expect(subject.fs.syncDirectoryAsync(path('none'))).rejects.toMatchObject(missing)
  })

  it('gives each failure its code, its path and its cause', () => {
    put('file', bytes())
    const { fs: system, root } = subject
    const cases: [() => unknown, string, string, string][] = [
      [() => system.open(path('none'), 'read'), 'FILE_MISSING', 'ENOENT', 'open'],
      [() => system.open(path('none'), 'write'), 'FILE_MISSING', 'ENOENT', 'open'],
      [() => system.open(path('none/a'), 'create'), 'FILE_MISSING', 'ENOENT', 'open'],
      [() => system.open(path('file'), 'create'), 'IO_FAILED', 'EEXIST', 'open'],
      [() => system.open(root, 'write'), 'IO_FAILED', 'EISDIR', 'open'],
      [() => system.open(root, 'create'), 'IO_FAILED', 'EEXIST', 'open'],
      [() => system.fileBytes(path('none')), 'FILE_MISSING', 'ENOENT', 'stat'],
      [() => system.list(path('none')), 'FILE_MISSING', 'ENOENT', 'scandir'],
      [() => system.list(path('file')), 'IO_FAILED', 'ENOTDIR', 'scandir'],
      [() => system.rename(path('none'), path('x')), 'FILE_MISSING', 'ENOENT', 'rename'],
      [() => system.rename(path('file'), path('none/x')), 'FILE_MISSING', 'ENOENT', 'rename'],
      [() => system.link(path('none'), path('x')), 'FILE_MISSING', 'ENOENT', 'link'],
      [() => system.link(path('file'), path('none/x')), 'FILE_MISSING', 'ENOENT', 'link'],
      [() => system.link(path('file'), path('file')), 'IO_FAILED', 'EEXIST', 'link'],
      [() => system.remove(path('none')), 'FILE_MISSING', 'ENOENT', 'unlink'],
      [() => system.makeDirectory(path('file')), 'IO_FAILED', 'EEXIST', 'mkdir'],
      [() => system.syncDirectory(path('none')), 'FILE_MISSING', 'ENOENT', 'open'],
    ]
    for (const [run, code, errno, syscall] of cases) {
      const error = failure(run)
      expect([error.code, error.details.errno, error.details.syscall]).toEqual([
        code,
        errno,
        syscall,
      ])
      expect(error.details.path).toMatch(new RegExp(`^${root}`))
      expect(error.message).toContain(errno)
    }
    expect(system.list(root)).toEqual(['file'])
  })
})
