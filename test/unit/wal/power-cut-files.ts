// A file system in memory that remembers what was synced, and can cut the power: of the rest each 512-byte sector, each new
// name and each removal survives or not, by the toss of a coin. Only what the log needs.

import { engineError } from '../../../dist/base/errors.js'
import type { File, FileSystem, OpenMode } from '../../../dist/env/file-system.js'

const SECTOR_BYTES = 512

interface Inode {
  bytes: Uint8Array
  durable: Uint8Array
  dirtySectors: Set<number>
}

/** Called before an operation; may throw to make it fail. */
export type FaultHook = (operation: string, path: string) => void

export class PowerCutFiles implements FileSystem {
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  onOperation: FaultHook = () => {}
  syncCount = 0
  writeCount = 0

  open(path: string, mode: OpenMode): File {
    this.onOperation('open', path)
    let inode = this.#names.get(path)
    if (mode === 'create') {
      if (inode !== undefined) throw engineError('IO_FAILED', `${path} exists`)
      inode = { bytes: new Uint8Array(0), durable: new Uint8Array(0), dirtySectors: new Set() }
      this.#names.set(path, inode)
    }
    if (inode === undefined) throw engineError('FILE_MISSING', path)
    return this.#file(path, inode)
  }

  #file(path: string, inode: Inode): File {
    const check = (operation: string) => this.onOperation(operation, path)
    const syncNow = () => {
      check('sync')
      this.syncCount++
      sync(inode)
    }
    return {
      path,
      read(target, offsetBytes) {
        const part = inode.bytes.subarray(offsetBytes, offsetBytes + target.length)
        target.set(part)
        return part.length
      },
      write: (data, offsetBytes) => {
        check('write')
        this.writeCount++
        write(inode, data, offsetBytes)
      },
      syncNow,
      sync: async () => {
        await Promise.resolve()
        syncNow()
      },
      truncate: () => {
        throw new Error('the log never truncates')
      },
      sizeBytes: () => inode.bytes.length,
      close: () => {},
    }
  }

  exists(path: string): boolean {
    return this.#names.has(path)
  }

  fileBytes(path: string): number {
    return this.open(path, 'read').sizeBytes()
  }

  isDirectory(): boolean {
    return true
  }

  list(directory: string): string[] {
    const start = `${directory}/`
    return [...this.#names.keys()]
      .filter((path) => path.startsWith(start))
      .map((path) => path.slice(start.length))
      .toSorted()
  }

  makeDirectory(): void {}

  rename(): void {
    throw new Error('the log never renames')
  }

  remove(path: string): void {
    this.onOperation('remove', path)
    if (!this.#names.delete(path)) throw engineError('FILE_MISSING', path)
  }

  syncDirectory(directory: string): void {
    this.onOperation('syncDirectory', directory)
    this.#durableNames = new Map(this.#names)
  }

  /** The bytes of a file, to look at or to damage. */
  contents(path: string): Uint8Array {
    return this.#names.get(path)!.bytes
  }

  replace(path: string, bytes: Uint8Array): void {
    this.#names.set(path, { bytes, durable: bytes.slice(), dirtySectors: new Set() })
  }

  /** What a machine finds after its power came back; this one goes on as if nothing had happened. */
  afterPowerCut(coin: () => boolean): PowerCutFiles {
    const survived = new PowerCutFiles()
    for (const path of new Set([...this.#durableNames.keys(), ...this.#names.keys()])) {
      const before = this.#durableNames.get(path)
      const now = this.#names.get(path)
      const inode = before === now || coin() ? now : before
      if (inode !== undefined) survived.replace(path, survivingBytes(inode, coin))
    }
    survived.#durableNames = new Map(survived.#names)
    return survived
  }

  /** Everything as it is now, synced or not: what is left after a killed process. */
  afterKill(): PowerCutFiles {
    return this.afterPowerCut(() => true)
  }
}

function write(inode: Inode, data: Uint8Array, offsetBytes: number): void {
  const end = offsetBytes + data.length
  if (end > inode.bytes.length) {
    const grown = new Uint8Array(end)
    grown.set(inode.bytes)
    inode.bytes = grown
  }
  inode.bytes.set(data, offsetBytes)
  for (let at = Math.floor(offsetBytes / SECTOR_BYTES); at * SECTOR_BYTES < end; at++) {
    inode.dirtySectors.add(at)
  }
}

function sync(inode: Inode): void {
  inode.durable = inode.bytes.slice()
  inode.dirtySectors.clear()
}

/** Grown space that did not reach the disk holds garbage or zeros, or is not there at all. */
function survivingBytes(inode: Inode, coin: () => boolean): Uint8Array {
  if (inode.dirtySectors.size === 0) return inode.durable.slice()
  const bytes = inode.bytes.slice()
  let endBytes = inode.durable.length
  for (const sector of inode.dirtySectors) {
    const start = sector * SECTOR_BYTES
    const end = Math.min(start + SECTOR_BYTES, bytes.length)
    if (coin()) {
      endBytes = Math.max(endBytes, end)
      continue
    }
    const old = inode.durable.subarray(start, end)
    bytes.fill(coin() && old.length === 0 ? 0xa5 : 0, start, end)
    bytes.set(old, start)
  }
  return bytes.slice(0, coin() ? bytes.length : endBytes)
}
