// A file system in front of another one that fails chosen calls. Unlike the failures that MemoryFileSystem injects by
// itself, these include what a disk does without saying so.
import { fileError } from '../../dist/env/file-error.js'
import type { File, FileSystem, OpenMode } from '../../dist/env/file-system.js'

/** `shortWrite` writes the first half and then finds no room; `noSync` says that it synced, and did not. */
export const FAULTS = ['EIO', 'ENOSPC', 'EMFILE', 'EACCES', 'shortWrite', 'noSync'] as const
export type Fault = (typeof FAULTS)[number]

export const FAULT_MODES = ['once', 'sticky'] as const
export type FaultMode = (typeof FAULT_MODES)[number]

type CallName =
  | 'open'
  | 'exists'
  | 'fileBytes'
  | 'linkCount'
  | 'isDirectory'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDirectory'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'sizeBytes'

export interface FaultPlan {
  /** The first call that fails, counted from 1. */
  readonly callNumber: number
  readonly fault: Fault
  readonly mode: FaultMode
}

/** Whether the fault can befall the call at all. */
export function isPossible(fault: Fault, call: CallName): boolean {
  if (fault === 'shortWrite') return call === 'write'
  if (fault === 'noSync') return call === 'sync' || call === 'syncDirectory'
  return true
}

const FAILING_SYNC_TURNS = 4

export class FaultyFileSystem implements FileSystem {
  readonly inner: FileSystem
  plan: FaultPlan | undefined
  /** Every call so far. */
  readonly calls: CallName[] = []
  /** How many calls failed. */
  hitCount = 0
  /** While true, calls neither count nor fail. */
  isPaused = false

  constructor(inner: FileSystem) {
    this.inner = inner
  }

  /** Counts the call; throws what it is to fail with, or returns the silent fault that befalls it. */
  pass(name: CallName, path: string): Fault | undefined {
    if (this.isPaused) return undefined
    this.calls.push(name)
    const { plan } = this
    if (plan === undefined || !isPossible(plan.fault, name)) return undefined
    const number = this.calls.length
    const isHit = plan.mode === 'once' ? number === plan.callNumber : number >= plan.callNumber
    if (!isHit) return undefined
    this.hitCount++
    if (plan.fault === 'noSync' || plan.fault === 'shortWrite') return plan.fault
    throw fileError(plan.fault, { path, syscall: name })
  }

  open(path: string, mode: OpenMode): File {
    this.pass('open', path)
    return new FaultyFile(this.inner.open(path, mode), this)
  }

  exists(path: string): boolean {
    this.pass('exists', path)
    return this.inner.exists(path)
  }

  fileBytes(path: string): number {
    this.pass('fileBytes', path)
    return this.inner.fileBytes(path)
  }

  linkCount(path: string): number {
    this.pass('linkCount', path)
    return this.inner.linkCount(path)
  }

  isDirectory(path: string): boolean {
    this.pass('isDirectory', path)
    return this.inner.isDirectory(path)
  }

  list(directory: string): string[] {
    this.pass('list', directory)
    return this.inner.list(directory)
  }

  makeDirectory(directory: string): void {
    this.pass('makeDirectory', directory)
    this.inner.makeDirectory(directory)
  }

  rename(from: string, to: string): void {
    this.pass('rename', from)
    this.inner.rename(from, to)
  }

  link(from: string, to: string): void {
    this.pass('link', from)
    this.inner.link(from, to)
  }

  remove(path: string): void {
    this.pass('remove', path)
    this.inner.remove(path)
  }

  async removeAsync(path: string): Promise<void> {
    this.pass('remove', path)
    await this.inner.removeAsync(path)
  }

  /** Whoever asks can do without an answer. */
  freeBytes(path: string): number | undefined {
    return this.inner.freeBytes(path)
  }

  syncDirectory(directory: string): void {
    if (this.pass('syncDirectory', directory) === undefined) this.inner.syncDirectory(directory)
  }

  async syncDirectoryAsync(directory: string): Promise<void> {
    if (this.pass('syncDirectory', directory) !== undefined) return
    await this.inner.syncDirectoryAsync(directory)
  }
}

class FaultyFile implements File {
  readonly path: string
  readonly #inner: File
  readonly #fs: FaultyFileSystem
  /** After a failed sync the system takes the pages for clean: later syncs succeed and do nothing. */
  #isSyncBroken = false

  constructor(inner: File, fs: FaultyFileSystem) {
    this.path = inner.path
    this.#inner = inner
    this.#fs = fs
  }

  read(target: Uint8Array, offsetBytes: number): number {
    this.#fs.pass('read', this.path)
    return this.#inner.read(target, offsetBytes)
  }

  write(data: Uint8Array, offsetBytes: number): void {
    if (this.#fs.pass('write', this.path) === undefined) {
      this.#inner.write(data, offsetBytes)
      return
    }
    this.#inner.write(data.subarray(0, data.length >>> 1), offsetBytes)
    throw fileError('ENOSPC', { path: this.path, syscall: 'write' })
  }

  async writeAsync(data: Uint8Array, offsetBytes: number): Promise<void> {
    this.write(data, offsetBytes)
    await new Promise((resolve) => setImmediate(resolve))
  }

  writeDurably(data: Uint8Array, offsetBytes: number): void {
    this.write(data, offsetBytes)
    this.syncNow()
  }

  syncNow(): void {
    if (this.#beginSync()) this.#inner.syncNow()
  }

  /** A sync that fails takes its time, too: what begins meanwhile must not take its success for granted. */
  async sync(): Promise<void> {
    let failure: unknown
    try {
      if (this.#beginSync()) return await this.#inner.sync()
    } catch (error) {
      failure = error
    }
    for (let turn = 0; turn < FAILING_SYNC_TURNS; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (failure !== undefined) throw failure
  }

  truncate(bytes: number): void {
    this.#fs.pass('truncate', this.path)
    this.#inner.truncate(bytes)
  }

  sizeBytes(): number {
    this.#fs.pass('sizeBytes', this.path)
    return this.#inner.sizeBytes()
  }

  close(): void {
    this.#inner.close()
  }

  /** Whether the sync is to do its work. */
  #beginSync(): boolean {
    try {
      return this.#fs.pass('sync', this.path) === undefined && !this.#isSyncBroken
    } catch (error) {
      this.#isSyncBroken = true
      throw error
    }
  }
}
