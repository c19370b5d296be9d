// A file system in memory that can cut the power.
//
// It has two layers. The live one is what the process sees, as through a page cache. The other is what the media hold:
// only a sync moves changes there, of a file its bytes, of a directory its names. Between the two lie the changes that a
// power cut may take back: `crashImage` makes a new file system with one of the states that a crash may leave.
//
// Stricter than most disks: a synced file whose directory was not synced may have no name after a crash. Kinder than
// some: sectors of 512 bytes are atomic, media do not rot, and a failed sync can be made good through a new handle.

import { createHash } from 'node:crypto'
import { posix } from 'node:path'

import {
  type Chance,
  CrashPlan,
  type CrashRule,
  type EntryChange,
  type UnsyncedCall,
} from './crash-image.js'
import { fileError } from './file-error.js'
import type { File, FileSystem, OpenMode } from './file-system.js'
import { CallGate, type FailureInjector, type FileCall, type SyncTurns } from './memory-calls.js'
import { MemoryFile } from './memory-file.js'
import { MemoryInode } from './memory-inode.js'

export type { CallFate, Chance, CrashMode, CrashRule, UnsyncedCall } from './crash-image.js'
export {
  type FailureInjector,
  type FileCall,
  type InjectedFailure,
  PowerCut,
  type SyncTurns,
} from './memory-calls.js'

export interface MemoryFileSystemOptions {
  /** Keep a log of every call, for `calls`. Default: false. */
  readonly isLogging?: boolean
}

interface Layers {
  readonly live: Map<string, MemoryInode>
  readonly media: Map<string, MemoryInode>
  readonly directories: Set<string>
  readonly unsynced: EntryChange[]
}

/**
 * A file system in memory, for tests: fast, repeatable, and able to crash.
 *
 * @example
 * const fs = new MemoryFileSystem()
 * fs.cutPowerAt(fs.callCount + 20)   // the 20th change from now is the last one, and perhaps only half done
 * await workload(fs).catch(() => undefined)
 * await recover(fs.crashImage(random))
 */
export class MemoryFileSystem implements FileSystem {
  #gate: CallGate
  #layers: Layers
  /** Directories that were being made when the power went. */
  readonly #halfMade: { readonly path: string; readonly number: number }[] = []

  constructor(options: MemoryFileSystemOptions = {}) {
    this.#gate = new CallGate(0, options.isLogging === true)
    this.#layers = {
      live: new Map(),
      media: new Map(),
      directories: new Set(['/']),
      unsynced: [],
    }
  }

  static #of(layers: Layers, callCount: number): MemoryFileSystem {
    const fs = new MemoryFileSystem()
    fs.#gate = new CallGate(callCount, false)
    fs.#layers = layers
    return fs
  }

  /** How many calls changed or synced something: creations, writes, truncations, syncs, renamings, links, removals. */
  get callCount(): number {
    return this.#gate.count
  }

  /** The calls so far, oldest first; empty unless `isLogging`. */
  get calls(): readonly FileCall[] {
    return this.#gate.log ?? []
  }

  /** Sum of the sizes of all files, as the process sees them. */
  get totalBytes(): number {
    let sum = 0
    for (const inode of this.#layers.live.values()) sum += inode.live.lengthBytes
    return sum
  }

  /** Whether the power is gone. */
  get isPowerCut(): boolean {
    return this.#gate.isPowerCut
  }

  /**
   * Asked at every call; a returned errno makes the call fail with the error that the real system would give. A write
   * that fails for want of space has written its first half. After a failed sync, later syncs through the same handle
   * pretend to succeed and make nothing durable.
   *
   * @example
   * fs.inject = (call) => (call.name === 'sync' && call.path.endsWith('.wal') ? 'EIO' : undefined)
   */
  get inject(): FailureInjector | undefined {
    return this.#gate.inject
  }

  set inject(inject: FailureInjector | undefined) {
    this.#gate.inject = inject
  }

  /**
   * Makes syncs off the calling thread slow, so that other files overtake the one being synced. Default: one turn each.
   *
   * @example
   * fs.syncTurns = (path) => (path.endsWith('.wal') ? 5 : 1)
   */
  get syncTurns(): SyncTurns | undefined {
    return this.#gate.syncTurns
  }

  set syncTurns(syncTurns: SyncTurns | undefined) {
    this.#gate.syncTurns = syncTurns
  }

  /**
   * What `freeBytes` answers. Default: that nobody can tell. To refuse writes is for `inject`.
   *
   * @example
   * fs.free = () => diskBytes - fs.totalBytes
   */
  free: (() => number) | undefined

  /**
   * Cuts the power at the changing call of this number, counted as `callCount` counts. That call and all later ones,
   * reads included, throw `PowerCut`, and so do syncs that were under way; only closing a file stays silent. The call
   * itself may have been carried out, in part or in full: `crashImage` decides.
   */
  cutPowerAt(callNumber: number): void {
    this.#gate.cutAt(callNumber)
  }

  /**
   * A new file system with a state that a crash at this moment may leave. This one stays as it is, so many images can be
   * taken of one moment; they share memory until they are written to.
   *
   * @param random  decides; the same sequence gives the same image
   * @param rule  how much of what was not synced survives: a mode, or the fate of each call; default: `random`
   */
  crashImage(random: Chance, rule: CrashRule = 'random'): MemoryFileSystem {
    const { media, directories, unsynced } = this.#layers
    const plan = new CrashPlan(random, rule, this.#oldestUnsynced(), this.callCount)
    const survivors = new Map<MemoryInode, MemoryInode>()
    const live = new Map<string, MemoryInode>()
    for (const [path, inode] of plan.entries(media, unsynced)) {
      const survivor = survivors.get(inode) ?? new MemoryInode(plan.content(inode))
      survivors.set(inode, survivor)
      live.set(path, survivor)
    }
    const layers: Layers = {
      live,
      media: new Map(live),
      directories: new Set(directories),
      unsynced: [],
    }
    for (const { path, number } of this.#halfMade) {
      if (plan.isKept(number)) layers.directories.add(path)
    }
    return MemoryFileSystem.#of(layers, 0)
  }

  /** The calls of which a crash at this moment could take something back, oldest first. */
  unsyncedCalls(): UnsyncedCall[] {
    const calls: UnsyncedCall[] = this.#layers.unsynced.map(({ number }) => {
      return { number, kind: 'name', byteCount: 0, isGrowing: false }
    })
    for (const inode of this.#inodes()) {
      const mediaBytes = inode.media.lengthBytes
      for (const change of inode.unsynced) {
        const { number, kind } = change
        const byteCount = kind === 'write' ? change.data.length : 0
        const isGrowing = kind === 'write' && change.offsetBytes + byteCount > mediaBytes
        calls.push({ number, kind, byteCount, isGrowing })
      }
    }
    return calls.sort((a, b) => a.number - b.number)
  }

  /** Equal for equal names with equal bytes, as the process sees them. */
  digest(): string {
    const hash = createHash('sha1')
    for (const [path, inode] of [...this.#layers.live].sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${path}\0${inode.live.digest()}\0`)
    }
    return hash.digest('base64')
  }

  /** An exact copy, un-synced changes included, without open handles, injected failures and power cut. */
  clone(): MemoryFileSystem {
    const copies = new Map<MemoryInode, MemoryInode>()
    const copyOf = (inode: MemoryInode): MemoryInode => {
      const copy = copies.get(inode) ?? inode.clone()
      copies.set(inode, copy)
      return copy
    }
    const copyAll = (entries: ReadonlyMap<string, MemoryInode>) =>
      new Map([...entries].map(([path, inode]) => [path, copyOf(inode)]))
    const { live, media, directories, unsynced } = this.#layers
    const layers: Layers = {
      live: copyAll(live),
      media: copyAll(media),
      directories: new Set(directories),
      unsynced: unsynced.map((change) =>
        change.adds === undefined
          ? change
          : { ...change, adds: { path: change.adds.path, inode: copyOf(change.adds.inode) } },
      ),
    }
    return MemoryFileSystem.#of(layers, this.callCount)
  }

  open(path: string, mode: OpenMode): File {
    const name = posix.resolve('/', path)
    if (mode === 'create') return this.#create(name)
    this.#gate.read('open', name)
    return new MemoryFile(name, this.#inodeAt(name, 'open'), mode === 'write', this.#gate)
  }

  exists(path: string): boolean {
    const name = posix.resolve('/', path)
    this.#gate.read('stat', name)
    return this.#layers.live.has(name) || this.#layers.directories.has(name)
  }

  fileBytes(path: string): number {
    const name = posix.resolve('/', path)
    this.#gate.read('stat', name)
    return this.#inodeAt(name, 'stat').live.lengthBytes
  }

  linkCount(path: string): number {
    const name = posix.resolve('/', path)
    this.#gate.read('stat', name)
    const inode = this.#inodeAt(name, 'stat')
    let count = 0
    for (const other of this.#layers.live.values()) if (other === inode) count++
    return count
  }

  isDirectory(path: string): boolean {
    const name = posix.resolve('/', path)
    this.#gate.read('stat', name)
    return this.#layers.directories.has(name)
  }

  list(directory: string): string[] {
    const parent = posix.resolve('/', directory)
    this.#gate.read('list', parent)
    this.#assertDirectory(parent, 'scandir')
    const names: string[] = []
    for (const entries of [this.#layers.live.keys(), this.#layers.directories]) {
      for (const path of entries) {
        if (path !== '/' && posix.dirname(path) === parent) names.push(posix.basename(path))
      }
    }
    return names.sort()
  }

  makeDirectory(directory: string): void {
    const last = posix.resolve('/', directory)
    const number = this.#gate.begin('makeDirectory', last)
    const made: string[] = []
    for (let path = last; !this.#layers.directories.has(path); path = posix.dirname(path)) {
      if (this.#layers.live.has(path)) throw fileError('EEXIST', { path, syscall: 'mkdir' })
      made.unshift(path)
    }
    if (this.#gate.isPowerCut) for (const path of made) this.#halfMade.push({ path, number })
    else for (const path of made) this.#layers.directories.add(path)
    this.#gate.end()
  }

  rename(from: string, to: string): void {
    const removes = posix.resolve('/', from)
    const path = posix.resolve('/', to)
    const number = this.#gate.begin('rename', removes, { to: path })
    const inode = this.#inodeAt(removes, 'rename')
    this.#assertDirectory(posix.dirname(path), 'rename')
    if (this.#layers.directories.has(path)) throw fileError('EISDIR', { path, syscall: 'rename' })
    if (removes !== path) {
      this.#layers.live.delete(removes)
      this.#layers.live.set(path, inode)
      this.#layers.unsynced.push({ number, removes, adds: { path, inode } })
    }
    this.#gate.end()
  }

  link(from: string, to: string): void {
    const name = posix.resolve('/', from)
    const path = posix.resolve('/', to)
    const number = this.#gate.begin('link', name, { to: path })
    const { live, directories, unsynced } = this.#layers
    const inode = this.#inodeAt(name, 'link')
    this.#assertDirectory(posix.dirname(path), 'link')
    if (live.has(path) || directories.has(path)) {
      throw fileError('EEXIST', { path: name, syscall: 'link' })
    }
    live.set(path, inode)
    unsynced.push({ number, adds: { path, inode } })
    this.#gate.end()
  }

  remove(path: string): void {
    const removes = posix.resolve('/', path)
    const number = this.#gate.begin('remove', removes)
    this.#inodeAt(removes, 'unlink')
    this.#layers.live.delete(removes)
    this.#layers.unsynced.push({ number, removes })
    this.#gate.end()
  }

  async removeAsync(path: string): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.remove(path)
  }

  freeBytes(): number | undefined {
    this.#gate.assertPower()
    return this.free?.()
  }

  syncDirectory(directory: string): void {
    const parent = posix.resolve('/', directory)
    this.#settleEntries(parent, this.#beginDirectorySync(parent))
  }

  async syncDirectoryAsync(directory: string): Promise<void> {
    const parent = posix.resolve('/', directory)
    const number = this.#beginDirectorySync(parent)
    // What others change meanwhile is not part of this sync.
    await new Promise((resolve) => setImmediate(resolve))
    this.#gate.assertPower()
    this.#settleEntries(parent, number)
  }

  #beginDirectorySync(directory: string): number {
    const number = this.#gate.begin('syncDirectory', directory)
    this.#assertDirectory(directory, 'open')
    this.#gate.end()
    return number
  }

  #create(path: string): File {
    const number = this.#gate.begin('create', path)
    const { live, directories, unsynced } = this.#layers
    this.#assertDirectory(posix.dirname(path), 'open')
    if (live.has(path) || directories.has(path))
      throw fileError('EEXIST', { path, syscall: 'open' })
    const inode = new MemoryInode()
    live.set(path, inode)
    unsynced.push({ number, adds: { path, inode } })
    this.#gate.end()
    return new MemoryFile(path, inode, true, this.#gate)
  }

  /** Makes durable what touched the directory up to a call, and what earlier touched the same names. */
  #settleEntries(directory: string, upToNumber: number): void {
    const { media, unsynced } = this.#layers
    const names = new Set<string>()
    const isConcerned = (name: string) => names.has(name) || posix.dirname(name) === directory
    const settled: EntryChange[] = []
    const open: EntryChange[] = []
    for (const change of unsynced.toReversed()) {
      const touched = [change.removes, change.adds?.path].filter((name) => name !== undefined)
      if (change.number <= upToNumber && touched.some(isConcerned)) {
        for (const name of touched) names.add(name)
        settled.unshift(change)
      } else {
        open.unshift(change)
      }
    }
    for (const { number, removes, adds } of settled) {
      if (adds !== undefined) media.set(adds.path, adds.inode)
      if (removes === undefined) continue
      // A file that moved here is safe here; that it is gone from its old directory is for that one to sync.
      if (posix.dirname(removes) === directory) media.delete(removes)
      else open.push({ number, removes })
    }
    unsynced.splice(0, unsynced.length, ...open.toSorted((a, b) => a.number - b.number))
  }

  #oldestUnsynced(): number {
    let oldest = this.#layers.unsynced[0]?.number ?? this.callCount
    for (const { unsynced } of this.#inodes()) {
      oldest = Math.min(oldest, unsynced[0]?.number ?? oldest)
    }
    return oldest
  }

  /** Every file that has a name, or may have one after a crash. */
  #inodes(): Set<MemoryInode> {
    const { live, media, unsynced } = this.#layers
    const added = unsynced.flatMap(({ adds }) => (adds === undefined ? [] : [adds.inode]))
    return new Set([...live.values(), ...media.values(), ...added])
  }

  #inodeAt(path: string, syscall: string): MemoryInode {
    const inode = this.#layers.live.get(path)
    if (inode !== undefined) return inode
    const errno = this.#layers.directories.has(path) ? 'EISDIR' : 'ENOENT'
    throw fileError(errno, { path, syscall })
  }

  #assertDirectory(path: string, syscall: string): void {
    if (this.#layers.directories.has(path)) return
    const errno = this.#layers.live.has(path) ? 'ENOTDIR' : 'ENOENT'
    throw fileError(errno, { path, syscall })
  }
}
