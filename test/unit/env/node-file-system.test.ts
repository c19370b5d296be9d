// What the conformance suite cannot provoke on a healthy disk: short and interrupted calls, full disks, failed syncs.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { File } from '../../../dist/env/file-system.js'
import { NodeFileSystem } from '../../../dist/env/node-file-system.js'

const MODULE = new URL('../../../dist/env/node-file-system.js', import.meta.url).href

const actual = { ...fs }
const NAMES = [
  'openSync',
  'readSync',
  'writeSync',
  'write',
  'fdatasyncSync',
  'fdatasync',
  'fsyncSync',
  'mkdirSync',
] as const
for (const name of NAMES) vi.spyOn(fs, name)
// The engine has the module's names, not this object.
syncBuiltinESMExports()

const failure = (code: string) => Object.assign(new Error(code), { code, syscall: 'test' })
const failing = (code: string) => () => {
  throw failure(code)
}

let directory: string
let file: File

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'tabularium-node-'))
  file = new NodeFileSystem().open(join(directory, 'a'), 'create')
})
afterEach(() => {
  file.close()
  vi.clearAllMocks()
  fs.rmSync(directory, { recursive: true, force: true })
})

/** Makes the next calls move at most `most` bytes. */
async function shorten(most: number): Promise<void> {
  type Call = [number, Uint8Array, number, number, number]
  const limited = ([fd, data, offset, length, position]: Call): Call => {
    return [fd, data, offset, Math.min(most, length), position]
  }
  vi.mocked(fs.writeSync).mockImplementation(((...call: Call) =>
    actual.writeSync(...limited(call))) as never)
  vi.mocked(fs.readSync).mockImplementation(((...call: Call) =>
    actual.readSync(...limited(call))) as never)
}

async function heal(): Promise<void> {
  vi.mocked(fs.writeSync).mockImplementation(actual.writeSync)
  vi.mocked(fs.readSync).mockImplementation(actual.readSync)
}

describe('NodeFileSystem', () => {
  it('goes on after short writes and reads', async () => {
    await shorten(7)
    const data = Uint8Array.from({ length: 100 }, (_, i) => i)
    file.write(data, 3)
    const target = new Uint8Array(110)
    expect(file.read(target, 3)).toBe(100)
    expect(target.subarray(0, 100)).toEqual(data)
    expect(fs.writeSync).toHaveBeenCalledTimes(15)
    await heal()
  })

  it('repeats interrupted calls, but not for ever', async () => {
    vi.mocked(fs.writeSync).mockImplementationOnce(failing('EINTR'))
    vi.mocked(fs.readSync).mockImplementationOnce(failing('EAGAIN'))
    file.write(Uint8Array.of(1, 2, 3), 0)
    expect(file.read(new Uint8Array(3), 0)).toBe(3)
    vi.mocked(fs.writeSync).mockImplementation(failing('EAGAIN'))
    expect(() => file.write(Uint8Array.of(1), 0)).toThrow(/^IO_FAILED: write .*EAGAIN/)
    vi.mocked(fs.writeSync).mockImplementation((() => 0) as never)
    expect(() => file.write(Uint8Array.of(1), 0)).toThrow(/^IO_FAILED: write .*EIO/)
    await heal()
  })

  it('does the same with writes on other threads', async () => {
    type Done = (error: Error | null, count?: number) => void
    type Call = [number, Uint8Array, number, number, number, Done]
    const answer = (give: (...call: Call) => void) => give as never as typeof fs.write
    const say = (error: Error | null, count?: number) =>
      answer((_fd, _data, _offset, _length, _position, done) => done(error, count))
    const data = Uint8Array.from({ length: 20 }, (_, i) => i)
    vi.mocked(fs.write)
      .mockImplementationOnce(say(failure('EINTR')))
      .mockImplementationOnce(
        answer((fd, bytes, offset, _length, position, done) =>
          actual.write(fd, bytes, offset, 7, position, done),
        ),
      )
    await file.writeAsync(data, 3)
    expect([...fs.readFileSync(join(directory, 'a')).subarray(3)]).toEqual([...data])
    vi.mocked(fs.write).mockImplementationOnce(say(failure('ENOSPC')))
    await expect(file.writeAsync(data, 0)).rejects.toMatchObject({ code: 'DISK_FULL' })
    vi.mocked(fs.write).mockImplementation(say(failure('EAGAIN')))
    await expect(file.writeAsync(data, 0)).rejects.toMatchObject({ code: 'IO_FAILED' })
    vi.mocked(fs.write).mockImplementation(say(null, 0))
    await expect(file.writeAsync(data, 0)).rejects.toMatchObject({ code: 'IO_FAILED' })
    vi.mocked(fs.write).mockImplementation(actual.write)
  })

  it.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EIO', 'IO_FAILED'],
  ])('turns %s into %s', (errno, code) => {
    vi.mocked(fs.writeSync).mockImplementationOnce(failing(errno))
    const path = join(directory, 'a')
    let error: unknown
    try {
      file.write(Uint8Array.of(1), 0)
    } catch (caught) {
      error = caught
    }
    expect(error).toMatchObject({
      code,
      isRetryable: true,
      details: { path, syscall: 'write', errno },
      cause: { code: errno },
    })
  })

  it('tells of failed syncs, of both kinds', async () => {
    vi.mocked(fs.fdatasyncSync).mockImplementationOnce(failing('EIO'))
    expect(() => file.syncNow()).toThrow(/^IO_FAILED: fdatasync/)
    vi.mocked(fs.fdatasync).mockImplementationOnce(((
      _fd: number,
      done: (error: Error | null) => void,
    ) => done(failure('EIO'))) as never)
    await expect(file.sync()).rejects.toMatchObject({ code: 'IO_FAILED', cause: { code: 'EIO' } })
    vi.mocked(fs.fsyncSync).mockImplementationOnce(failing('EIO'))
    expect(() => new NodeFileSystem().syncDirectory(directory)).toThrow(/^IO_FAILED: fsync/)
  })

  it('syncs what it was to write durably where it gets no descriptor for that', () => {
    vi.mocked(fs.openSync).mockImplementationOnce(failing('EMFILE'))
    vi.mocked(fs.fdatasyncSync).mockImplementationOnce(failing('EIO'))
    expect(() => file.writeDurably(Uint8Array.of(1), 0)).toThrow(/^IO_FAILED: fdatasync/)
    file.writeDurably(Uint8Array.of(2), 0)
    expect([...fs.readFileSync(join(directory, 'a'))]).toEqual([2])
    vi.mocked(fs.writeSync).mockImplementationOnce(failing('EIO'))
    expect(() => file.writeDurably(Uint8Array.of(3), 0)).toThrow(/^IO_FAILED: write/)
  })

  it('keeps the descriptor until a sync that is under way has ended', async () => {
    let finish: () => void = () => undefined
    let descriptor = -1
    vi.mocked(fs.fdatasync).mockImplementationOnce(((
      fd: number,
      done: (error: Error | null) => void,
    ) => {
      descriptor = fd
      finish = () => done(null)
    }) as never)
    const syncing = file.sync()
    file.close()
    expect(actual.fstatSync(descriptor).isFile()).toBe(true)
    finish()
    await syncing
    await vi.waitFor(() => expect(() => actual.fstatSync(descriptor)).toThrow('EBADF'))
  })

  it('syncs the parents of directories that it makes, and only those', () => {
    const system = new NodeFileSystem()
    system.makeDirectory(join(directory, 'x/y/z'))
    expect(fs.fsyncSync).toHaveBeenCalledTimes(process.platform === 'win32' ? 0 : 3)
    system.makeDirectory(join(directory, 'x/y'))
    expect(fs.fsyncSync).toHaveBeenCalledTimes(process.platform === 'win32' ? 0 : 3)
  })

  it.skipIf(!fs.existsSync('/proc/self'))('gives up where nothing can be made', () => {
    const script = `
      const { NodeFileSystem } = await import(${JSON.stringify(MODULE)})
      try { new NodeFileSystem().makeDirectory('/proc/x/y') } catch (error) { console.log(error.code) }`
    const args = ['--input-type=module', '-e', script]
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 10_000 })
    expect(stdout).toBe('FILE_MISSING\n')
    fs.symlinkSync(join(directory, 'nowhere'), join(directory, 'dangling'))
    const below = join(directory, 'dangling', 'x')
    expect(() => new NodeFileSystem().makeDirectory(below)).toThrow(/^IO_FAILED: mkdir .*EEXIST/)
  })

  it('names what refuses to take a directory', () => {
    vi.mocked(fs.mkdirSync).mockImplementationOnce(failing('EROFS'))
    const make = () => new NodeFileSystem().makeDirectory(join(directory, 'x'))
    expect(make).toThrow(/^IO_FAILED: mkdir .*EROFS/)
  })
})
