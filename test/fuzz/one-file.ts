// A directory with one file that may only be read: all that a decoder of files may ask for, at no cost per input. Whoever
// writes, asks for something else, reads what it closed or leaves a file open fails.
import type { File, FileSystem, OpenMode } from '../../dist/env/file-system.js'

export class OneFile implements FileSystem {
  bytes: Uint8Array
  readonly #path: string
  readonly #directory: string
  readonly #name: string
  #openCount = 0

  constructor(directory: string, name: string, bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes
    this.#directory = directory
    this.#name = name
    this.#path = `${directory === '/' ? '' : directory}/${name}`
  }

  /** Replaces the file for the next decoder; everything that the one before opened must be closed. */
  holds(bytes: Uint8Array): this {
    this.assertClosed()
    this.bytes = bytes
    return this
  }

  assertClosed(): void {
    const count = this.#openCount
    this.#openCount = 0
    if (count !== 0) throw new Error(`${count} files are still open`)
  }

  open(path: string, mode: OpenMode): File {
    if (path !== this.#path || mode === 'create') throw new Error(`opens ${path} to ${mode}`)
    this.#openCount++
    return new OpenedFile(path, this.bytes, () => {
      this.#openCount--
    })
  }

  list(directory: string): string[] {
    if (directory !== this.#directory) throw new Error(`lists ${directory}`)
    return [this.#name]
  }

  exists(path: string): boolean {
    return path === this.#path
  }

  fileBytes(path: string): number {
    if (path !== this.#path) throw new Error(`measures ${path}`)
    return this.bytes.length
  }

  linkCount(path: string): number {
    throw new Error(`counts the names of ${path}`)
  }

  freeBytes(path: string): undefined {
    throw new Error(`asks for the room where ${path} lies`)
  }

  isDirectory(path: string): boolean {
    return path === this.#directory
  }

  syncDirectory(): void {}

  async syncDirectoryAsync(): Promise<void> {}

  makeDirectory(): never {
    throw refused('makes a directory')
  }

  rename(): never {
    throw refused('renames')
  }

  link(): never {
    throw refused('links')
  }

  remove(): never {
    throw refused('removes')
  }

  async removeAsync(): Promise<never> {
    throw refused('removes')
  }
}

class OpenedFile implements File {
  readonly path: string
  #bytes: Uint8Array | undefined
  readonly #onClose: () => void

  constructor(path: string, bytes: Uint8Array, onClose: () => void) {
    this.path = path
    this.#bytes = bytes
    this.#onClose = onClose
  }

  read(target: Uint8Array, offsetBytes: number): number {
    const bytes = this.#opened()
    const count = Math.max(0, Math.min(target.length, bytes.length - offsetBytes))
    target.set(bytes.subarray(offsetBytes, offsetBytes + count))
    return count
  }

  sizeBytes(): number {
    return this.#opened().length
  }

  syncNow(): void {
    this.#opened()
  }

  async sync(): Promise<void> {
    this.#opened()
  }

  close(): void {
    if (this.#bytes !== undefined) this.#onClose()
    this.#bytes = undefined
  }

  write(): never {
    throw refused('writes')
  }

  writeAsync(): never {
    throw refused('writes')
  }

  writeDurably(): never {
    throw refused('writes')
  }

  truncate(): never {
    throw refused('truncates')
  }

  #opened(): Uint8Array {
    if (this.#bytes === undefined) throw new Error(`${this.path} is closed`)
    return this.#bytes
  }
}

function refused(what: string): Error {
  return new Error(`a decoder ${what}`)
}
