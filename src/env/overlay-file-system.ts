import { fileError } from './file-error.js'
import type { File, FileSystem, OpenMode } from './file-system.js'
import { readFile } from './file-system.js'
import { MemoryFileSystem } from './memory-file-system.js'

/**
 * Another file system that is only read: what is written, created and removed stays in memory and hides what lies below.
 * Directories are those of the file system below.
 */
export class OverlayFileSystem implements FileSystem {
  readonly #below: FileSystem
  readonly #above = new MemoryFileSystem()
  readonly #removed = new Set<string>()

  constructor(below: FileSystem) {
    this.#below = below
  }

  open(path: string, mode: OpenMode): File {
    if (mode === 'create') {
      if (this.exists(path)) throw fileError('EEXIST', { path, syscall: 'open' })
      return this.#create(path)
    }
    if (this.#above.exists(path)) return this.#above.open(path, mode)
    if (this.#removed.has(path)) throw fileError('ENOENT', { path, syscall: 'open' })
    const file = this.#below.open(path, 'read')
    return mode === 'read' ? file : new CopiedWhenWritten(file, () => this.#copy(path))
  }

  exists(path: string): boolean {
    return this.#above.exists(path) || (!this.#removed.has(path) && this.#below.exists(path))
  }

  fileBytes(path: string): number {
    if (this.#above.exists(path)) return this.#above.fileBytes(path)
    if (this.#removed.has(path)) throw fileError('ENOENT', { path, syscall: 'stat' })
    return this.#below.fileBytes(path)
  }

  linkCount(path: string): number {
    if (this.#above.exists(path)) return this.#above.linkCount(path)
    if (this.#removed.has(path)) throw fileError('ENOENT', { path, syscall: 'stat' })
    return this.#below.linkCount(path)
  }

  isDirectory(path: string): boolean {
    return this.#below.isDirectory(path)
  }

  list(directory: string): string[] {
    const names = this.#below
      .list(directory)
      .filter((name) => !this.#removed.has(`${directory}/${name}`))
    const added = this.#above.exists(directory) ? this.#above.list(directory) : []
    return [...new Set([...names, ...added])].sort()
  }

  makeDirectory(): void {}

  rename(from: string, to: string): void {
    if (!this.#above.exists(from)) this.#copy(from)
    this.#above.makeDirectory(directoryOf(to))
    this.#above.rename(from, to)
    this.#removed.add(from)
  }

  link(from: string, to: string): void {
    if (this.exists(to)) throw fileError('EEXIST', { path: from, syscall: 'link' })
    if (!this.#above.exists(from)) this.#copy(from)
    this.#above.makeDirectory(directoryOf(to))
    this.#above.link(from, to)
  }

  remove(path: string): void {
    if (!this.exists(path)) throw fileError('ENOENT', { path, syscall: 'unlink' })
    if (this.#above.exists(path)) this.#above.remove(path)
    this.#removed.add(path)
  }

  async removeAsync(path: string): Promise<void> {
    this.remove(path)
  }

  freeBytes(): undefined {}

  syncDirectory(): void {}

  async syncDirectoryAsync(): Promise<void> {}

  #create(path: string): File {
    this.#above.makeDirectory(directoryOf(path))
    return this.#above.open(path, 'create')
  }

  #copy(path: string): File {
    const bytes = readFile(this.#below, path)
    const copy = this.#create(path)
    copy.write(bytes, 0)
    return copy
  }
}

/** A file of the file system below that was opened for writing. */
class CopiedWhenWritten implements File {
  readonly path: string
  #file: File
  #copy: (() => File) | undefined

  constructor(file: File, copy: () => File) {
    this.path = file.path
    this.#file = file
    this.#copy = copy
  }

  read(target: Uint8Array, offsetBytes: number): number {
    return this.#file.read(target, offsetBytes)
  }

  write(data: Uint8Array, offsetBytes: number): void {
    this.#own().write(data, offsetBytes)
  }

  async writeAsync(data: Uint8Array, offsetBytes: number): Promise<void> {
    await this.#own().writeAsync(data, offsetBytes)
  }

  writeDurably(data: Uint8Array, offsetBytes: number): void {
    this.write(data, offsetBytes)
  }

  syncNow(): void {}

  async sync(): Promise<void> {}

  truncate(bytes: number): void {
    this.#own().truncate(bytes)
  }

  sizeBytes(): number {
    return this.#file.sizeBytes()
  }

  close(): void {
    this.#file.close()
  }

  #own(): File {
    const copy = this.#copy
    if (copy !== undefined) {
      this.#copy = undefined
      this.#file.close()
      this.#file = copy()
    }
    return this.#file
  }
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}
