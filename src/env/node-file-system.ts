// The file system of the machine, through node:fs.
//
// Paths are given to the system as they are. On Windows directories cannot be synced, and need not be.

import * as fs from 'node:fs'
import { dirname, resolve as absolute } from 'node:path'

import { errnoOf, fileError } from './file-error.js'
import type { File, FileSystem, OpenMode } from './file-system.js'

const { O_CREAT, O_DSYNC, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants
/** Elsewhere it promises less than a sync, or is not there. */
const HAS_DURABLE_WRITES = process.platform === 'linux'
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
}

/** An interrupted call is repeated, but a device that answers EAGAIN for ever must not hang the process. */
const INTERRUPT_MAX_COUNT = 100

/** Of one call of another thread: a call on this one that writes to the same file waits for it. */
const ASYNC_WRITE_MAX_BYTES = 256 * 1024

export class NodeFileSystem implements FileSystem {
  open(path: string, mode: OpenMode): File {
    return new NodeFile(
      path,
      attempt('open', path, () => fs.openSync(path, FLAGS[mode])),
    )
  }

  exists(path: string): boolean {
    return statOf(path) !== undefined
  }

  fileBytes(path: string): number {
    return attempt('stat', path, () => fs.statSync(path)).size
  }

  linkCount(path: string): number {
    return attempt('stat', path, () => fs.statSync(path)).nlink
  }

  isDirectory(path: string): boolean {
    return statOf(path)?.isDirectory() === true
  }

  list(directory: string): string[] {
    return attempt('scandir', directory, () => fs.readdirSync(directory)).sort()
  }

  makeDirectory(directory: string): void {
    const path = absolute(directory)
    if (this.isDirectory(path)) return
    const parent = dirname(path)
    if (parent !== path) this.makeDirectory(parent)
    // One by one: `recursive` never returns where a parent refuses with ENOENT, and calls EROFS ENOENT.
    try {
      fs.mkdirSync(path)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST' && this.isDirectory(path)) return
      throw typed(error, 'mkdir', path)
    }
    this.syncDirectory(parent)
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to))
  }

  link(from: string, to: string): void {
    attempt('link', from, () => fs.linkSync(from, to))
  }

  remove(path: string): void {
    attempt('unlink', path, () => fs.unlinkSync(path))
  }

  removeAsync(path: string): Promise<void> {
    return settled('unlink', path, (done) => fs.unlink(path, done))
  }

  freeBytes(path: string): number | undefined {
    try {
      const { bavail, bsize } = fs.statfsSync(path)
      return bavail * bsize
    } catch {
      return undefined
    }
  }

  syncDirectory(directory: string): void {
    if (process.platform === 'win32') return
    const fd = attempt('open', directory, () => fs.openSync(directory, O_RDONLY))
    try {
      attempt('fsync', directory, () => fs.fsyncSync(fd))
    } finally {
      fs.closeSync(fd)
    }
  }

  async syncDirectoryAsync(directory: string): Promise<void> {
    if (process.platform === 'win32') return
    const fd = attempt('open', directory, () => fs.openSync(directory, O_RDONLY))
    try {
      await settled('fsync', directory, (done) => fs.fsync(fd, done))
    } finally {
      fs.closeSync(fd)
    }
  }
}

class NodeFile implements File {
  readonly path: string
  readonly #fd: number
  /** Whose writes are durable when they return: one call costs less than a write and a sync. */
  #durableFd: number | undefined
  #isOpen = true
  /** Calls on other threads that use the descriptor. */
  #pendingCount = 0

  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  read(target: Uint8Array, offsetBytes: number): number {
    let done = 0
    while (done < target.length) {
      const count = this.#repeat('read', (fd) =>
        fs.readSync(fd, target, done, target.length - done, offsetBytes + done),
      )
      if (count === 0) break
      done += count
    }
    return done
  }

  write(data: Uint8Array, offsetBytes: number): void {
    this.#write(data, offsetBytes)
  }

  async writeAsync(data: Uint8Array, offsetBytes: number): Promise<void> {
    let done = 0
    let interruptCount = 0
    while (done < data.length) {
      const count = Math.min(data.length - done, ASYNC_WRITE_MAX_BYTES)
      let written: number
      try {
        written = await this.#pending<number>('write', (fd, settle) =>
          fs.write(fd, data, done, count, offsetBytes + done, settle),
        )
      } catch (error) {
        if (isInterrupt(error) && ++interruptCount < INTERRUPT_MAX_COUNT) continue
        throw typed(error, 'write', this.path)
      }
      if (written === 0) throw fileError('EIO', { path: this.path, syscall: 'write' })
      done += written
    }
  }

  writeDurably(data: Uint8Array, offsetBytes: number): void {
    this.#durableFd ??= this.#openDurable()
    this.#write(data, offsetBytes, this.#durableFd)
    if (this.#durableFd === undefined) this.syncNow()
  }

  syncNow(): void {
    this.#attempt('fdatasync', (fd) => fs.fdatasyncSync(fd))
  }

  async sync(): Promise<void> {
    try {
      await this.#pending<void>('fdatasync', (fd, settle) => fs.fdatasync(fd, settle))
    } catch (error) {
      throw typed(error, 'fdatasync', this.path)
    }
  }

  truncate(bytes: number): void {
    this.#attempt('ftruncate', (fd) => fs.ftruncateSync(fd, bytes))
  }

  sizeBytes(): number {
    return this.#attempt('fstat', (fd) => fs.fstatSync(fd)).size
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#durableFd !== undefined) fs.closeSync(this.#durableFd)
    // A descriptor that another thread still uses stays open until then: its number could name another file.
    if (this.#pendingCount > 0) return
    attempt('close', this.path, () => fs.closeSync(this.#fd))
  }

  /** A call on another thread. */
  #pending<Value>(
    syscall: string,
    call: (fd: number, settle: (error: Error | null, value?: Value) => void) => void,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const fd = this.#openFd(syscall)
      this.#pendingCount++
      call(fd, (error, value) => {
        this.#pendingCount--
        // Nobody is left to hear that closing fails, and it takes nothing back that was done.
        if (!this.#isOpen && this.#pendingCount === 0) fs.close(fd, () => undefined)
        if (error === null) resolve(value as Value)
        else reject(error)
      })
    })
  }

  #write(data: Uint8Array, offsetBytes: number, durableFd?: number): void {
    let done = 0
    while (done < data.length) {
      const count = this.#repeat('write', (fd) =>
        fs.writeSync(durableFd ?? fd, data, done, data.length - done, offsetBytes + done),
      )
      if (count === 0) throw fileError('EIO', { path: this.path, syscall: 'write' })
      done += count
    }
  }

  /** Undefined where there is no such descriptor: the path may name another file by now. */
  #openDurable(): number | undefined {
    if (!HAS_DURABLE_WRITES) return undefined
    const fd = this.#openFd('write')
    try {
      const durableFd = fs.openSync(this.path, O_WRONLY | O_DSYNC)
      const [mine, found] = [fs.fstatSync(fd), fs.fstatSync(durableFd)]
      if (mine.ino === found.ino && mine.dev === found.dev) return durableFd
      fs.closeSync(durableFd)
    } catch {
      // Without one more descriptor it costs a sync.
    }
    return undefined
  }

  #repeat(syscall: string, call: (fd: number) => number): number {
    for (let count = 1; ; count++) {
      try {
        return call(this.#openFd(syscall))
      } catch (error) {
        if (isInterrupt(error) && count < INTERRUPT_MAX_COUNT) continue
        throw typed(error, syscall, this.path)
      }
    }
  }

  #attempt<Value>(syscall: string, call: (fd: number) => Value): Value {
    const fd = this.#openFd(syscall)
    return attempt(syscall, this.path, () => call(fd))
  }

  #openFd(syscall: string): number {
    if (!this.#isOpen) throw fileError('EBADF', { path: this.path, syscall })
    return this.#fd
  }
}

/** What the system refuses, or a process that was started with less rights (`node --permission`). */
const SYSTEM_FAILURE = /^(?:E[A-Z0-9]+|ERR_ACCESS_DENIED)$/

function isInterrupt(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'EINTR' || errno === 'EAGAIN'
}

function attempt<Value>(syscall: string, path: string, call: () => Value): Value {
  try {
    return call()
  } catch (error) {
    throw typed(error, syscall, path)
  }
}

function settled(
  syscall: string,
  path: string,
  call: (done: (error: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error === null ? resolve() : reject(typed(error, syscall, path))))
  })
}

function typed(error: unknown, syscall: string, path: string): unknown {
  const errno = errnoOf(error)
  // Arguments that node:fs itself refuses are mistakes of ours, not failures of the system.
  return SYSTEM_FAILURE.test(errno) ? fileError(errno, { path, syscall }, error) : error
}

function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
    throw typed(error, 'stat', path)
  }
}
