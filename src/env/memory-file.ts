// An open file of a memory file system: a handle on an inode, whose every call passes the gate.

import { EngineError } from '../base/errors.js'
import { fileError } from './file-error.js'
import type { File } from './file-system.js'
import type { CallGate } from './memory-calls.js'
import type { MemoryInode } from './memory-inode.js'

export class MemoryFile implements File {
  readonly path: string
  readonly #inode: MemoryInode
  readonly #isWritable: boolean
  readonly #gate: CallGate
  #isOpen = true
  #isSyncBroken = false

  constructor(path: string, inode: MemoryInode, isWritable: boolean, gate: CallGate) {
    this.path = path
    this.#inode = inode
    this.#isWritable = isWritable
    this.#gate = gate
  }

  read(target: Uint8Array, offsetBytes: number): number {
    this.#assertOpen('read')
    this.#gate.read('read', this.path, { offsetBytes, byteCount: target.length })
    return this.#inode.live.read(target, offsetBytes)
  }

  write(data: Uint8Array, offsetBytes: number): void {
    this.#writeNumbered(data, offsetBytes)
  }

  async writeAsync(data: Uint8Array, offsetBytes: number): Promise<void> {
    // What others write meanwhile to the same place is overwritten.
    await new Promise((resolve) => setImmediate(resolve))
    this.#writeNumbered(data, offsetBytes)
  }

  /** Returns the number of the call. */
  #writeNumbered(data: Uint8Array, offsetBytes: number): number {
    this.#assertWritable('write')
    let number: number
    try {
      number = this.#gate.begin('write', this.path, { offsetBytes, byteCount: data.length })
    } catch (error) {
      // The disk was full only once there was no room left.
      const isFull = error instanceof EngineError && error.code === 'DISK_FULL'
      if (isFull) this.#write(data.slice(0, data.length >>> 1), offsetBytes, this.#gate.count)
      throw error
    }
    this.#write(data.slice(), offsetBytes, number)
    this.#gate.end()
    return number
  }

  writeDurably(data: Uint8Array, offsetBytes: number): void {
    const number = this.#writeNumbered(data, offsetBytes)
    this.#beginSync('syncNow')
    if (!this.#isSyncBroken) this.#inode.settleOne(number)
  }

  syncNow(): void {
    this.#assertOpen('fdatasync')
    this.#settle(this.#beginSync('syncNow'))
  }

  async sync(): Promise<void> {
    this.#assertOpen('fdatasync')
    const number = this.#beginSync('sync')
    // Other work goes on while a disk syncs; what it writes meanwhile is not part of this sync.
    for (let turn = this.#gate.syncTurns?.(this.path) ?? 1; turn > 0; turn--) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#settle(number)
  }

  truncate(bytes: number): void {
    this.#assertWritable('ftruncate')
    const number = this.#gate.begin('truncate', this.path, { offsetBytes: bytes })
    this.#inode.change({ kind: 'resize', number, lengthBytes: bytes })
    this.#gate.end()
  }

  sizeBytes(): number {
    this.#assertOpen('fstat')
    this.#gate.read('stat', this.path)
    return this.#inode.live.lengthBytes
  }

  close(): void {
    this.#isOpen = false
  }

  #write(data: Uint8Array, offsetBytes: number, number: number): void {
    if (data.length > 0) this.#inode.change({ kind: 'write', number, offsetBytes, data })
  }

  #beginSync(name: 'sync' | 'syncNow'): number {
    try {
      const number = this.#gate.begin(name, this.path)
      this.#gate.end()
      return number
    } catch (error) {
      this.#isSyncBroken = true
      throw error
    }
  }

  #settle(callNumber: number): void {
    this.#gate.assertPower()
    if (!this.#isSyncBroken) this.#inode.settle(callNumber)
  }

  #assertOpen(syscall: string): void {
    if (!this.#isOpen) throw fileError('EBADF', { path: this.path, syscall })
  }

  #assertWritable(syscall: string): void {
    this.#assertOpen(syscall)
    if (!this.#isWritable) throw fileError('EBADF', { path: this.path, syscall })
  }
}
