// One handle per directory, over all processes. What keeps a second one out, strongest first:
//
// 1. A registry of this process, over all copies of this module, by device and inode.
// 2. On Linux an abstract socket named after device and inode. The kernel lets one process of a network namespace bind
//    it, and frees it when that process dies, however it dies. The lock holds the directory open, so that its inode
//    number cannot pass to another directory meanwhile.
// 3. The file LOCK, which names the holder. It outlives a crash, so it proves nothing by itself: judgeHolder compares
//    boot, start time and namespaces. Where that cannot decide (containers that share a directory, network file systems,
//    systems without /proc) the holder's sign of life does: it touches LOCK every two seconds, and who wants the
//    directory watches for ten seconds whether it does.
//
// Covered: kill -9, power loss, restarted machines and containers, numbers of processes used again, worker threads.
// Not covered: a holder in another namespace or on another host that is stopped for more than ten seconds and then
// goes on (it can ask `isHeld`), two hosts of the same name on one network file system, a LOCK deleted by hand while
// its holder lives in another network namespace.

import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join, resolve as absolute } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { EngineError, engineError } from '../base/errors.js'
import type { Env } from './env.js'
import { errnoOf, fileError } from './file-error.js'
import {
  LOCK_NAME,
  type LockText,
  readLock,
  removeLock,
  socketNameOf,
  writeLock,
} from './lock-file.js'
import { judgeHolder, type LockHolder, ownIdentity } from './lock-holder.js'
import { NodeFileSystem } from './node-file-system.js'

const HEARTBEAT_MS = 2000
const PATIENCE_MS = 10_000
const WATCH_INTERVAL_MS = 100
/** Two who both found a lock abandoned have both written their names by then. */
const SETTLE_MS = 100

export interface DirectoryLock {
  /** Whether LOCK still names this lock. Reads the file. */
  isHeld(): boolean
  /** @throws FILE_MISSING DB_LOCKED DB_NOT_A_DATABASE IO_FAILED when it does not */
  check(): void
  /** Tells once, within seconds, when LOCK, or the directory, is gone or somebody else's. */
  watch(onLost: (error: EngineError) => void): void
  /** Lets another handle in. Idempotent. */
  release(): Promise<void>
}

export interface DirectoryLockOptions {
  /** How long a holder of which nothing else is known may give no sign of life. Default: 10,000. */
  readonly patienceMs?: number
}

/**
 * Takes the only handle on a directory that exists. A file system other than the machine's is guarded within this
 * process only.
 *
 * @throws DB_LOCKED with details pid, host and since, when somebody has it
 * @throws FILE_MISSING IO_FAILED DISK_FULL
 * @throws DB_NOT_A_DATABASE when LOCK is a directory
 */
export async function lockDirectory(
  path: string,
  env: Pick<Env, 'fs' | 'clock'>,
  options: DirectoryLockOptions = {},
): Promise<DirectoryLock> {
  const holder: LockHolder = {
    ...ownIdentity(),
    since: timeText(env.clock.wallMicros() / 1000),
    token: randomUUID(),
  }
  if (env.fs instanceof NodeFileSystem) {
    return SystemLock.take(absolute(path), holder, options.patienceMs ?? PATIENCE_MS)
  }
  const leave = enter(env.fs, path, path, holder)
  let isHeld = true
  return {
    isHeld: () => isHeld,
    check: () => undefined,
    watch: () => undefined,
    async release() {
      if (isHeld) leave()
      isHeld = false
    },
  }
}

/** Clocks may say anything, Dates end in the year 275760. */
function timeText(millis: number): string {
  const date = new Date(millis)
  return Number.isNaN(date.getTime()) ? 'an unknown time' : date.toISOString()
}

/** Holders in this process: of each file system by the directory's name there. */
type Registry = WeakMap<object, Map<string, LockHolder>>

const REGISTRY_KEY = Symbol.for('tabularium.directory-locks')

/** Enters the holder, or throws when there is one; returns how to leave. */
function enter(world: object, name: string, path: string, holder: LockHolder): () => void {
  const place = globalThis as { [REGISTRY_KEY]?: Registry }
  const registry = (place[REGISTRY_KEY] ??= new WeakMap())
  const holders = registry.get(world) ?? new Map<string, LockHolder>()
  registry.set(world, holders)
  const present = holders.get(name)
  if (present !== undefined) throw lockedError(path, present)
  holders.set(name, holder)
  return () => holders.delete(name)
}

/** A lock in the machine's file system. */
class SystemLock implements DirectoryLock {
  readonly #path: string
  readonly #holder: LockHolder
  readonly #leave: () => void
  readonly #directoryFd: number | undefined
  readonly #socket: Server | undefined
  readonly #heartbeat: NodeJS.Timeout
  #onLost: ((error: EngineError) => void) | undefined
  #releasing: Promise<void> | undefined

  static async take(path: string, holder: LockHolder, patienceMs: number): Promise<SystemLock> {
    let directoryFd: number | undefined
    let socket: Server | undefined
    let leave: (() => void) | undefined
    try {
      // Windows neither opens directories nor gives their numbers away.
      if (process.platform !== 'win32') directoryFd = fs.openSync(path, fs.constants.O_RDONLY)
      const stats = fs.statSync(path, { bigint: true })
      leave = enter(globalThis, `${stats.dev}:${stats.ino}`, path, holder)
      socket = await bindSocket(socketNameOf(stats), path, holder)
      await claimLock(path, holder, { isSocketFree: socket !== undefined, patienceMs })
      return new SystemLock({ path, holder, leave, directoryFd, socket })
    } catch (error) {
      socket?.close()
      leave?.()
      if (directoryFd !== undefined) fs.closeSync(directoryFd)
      const { code, syscall } = error as NodeJS.ErrnoException
      if (code === undefined || syscall === undefined) throw error
      throw fileError(code, { path, syscall }, error)
    }
  }

  private constructor(parts: {
    readonly path: string
    readonly holder: LockHolder
    readonly leave: () => void
    readonly directoryFd: number | undefined
    readonly socket: Server | undefined
  }) {
    this.#path = parts.path
    this.#holder = parts.holder
    this.#leave = parts.leave
    this.#directoryFd = parts.directoryFd
    this.#socket = parts.socket
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS)
    this.#heartbeat.unref()
  }

  isHeld(): boolean {
    return this.#releasing === undefined && this.#isNamed()
  }

  check(): void {
    const present = readLock(this.#path)
    if (present?.holder?.token === this.#holder.token) return
    const path = join(this.#path, LOCK_NAME)
    if (present === undefined) {
      throw engineError('FILE_MISSING', `${path} was removed`, { details: { path } })
    }
    throw lockedError(this.#path, present.holder)
  }

  release(): Promise<void> {
    this.#releasing ??= this.#release()
    return this.#releasing
  }

  #isNamed(): boolean {
    return readLock(this.#path)?.holder?.token === this.#holder.token
  }

  watch(onLost: (error: EngineError) => void): void {
    this.#onLost = onLost
  }

  #beat(): void {
    try {
      this.check()
    } catch (error) {
      // A read that failed for want of descriptors, say, is asked again by the next beat.
      if (!(error instanceof EngineError) || error.code === 'IO_FAILED') return
      clearInterval(this.#heartbeat)
      this.#onLost?.(error)
      return
    }
    const now = new Date()
    // Without the callback's error: the next beat asks again.
    fs.utimes(join(this.#path, LOCK_NAME), now, now, () => undefined)
  }

  async #release(): Promise<void> {
    clearInterval(this.#heartbeat)
    try {
      if (this.#isNamed()) removeLock(this.#path)
    } finally {
      const socket = this.#socket
      if (socket !== undefined) await new Promise((resolve) => socket.close(resolve))
      if (this.#directoryFd !== undefined) fs.closeSync(this.#directoryFd)
      this.#leave()
    }
  }
}

/** Binds the directory's socket; undefined where there are none. */
async function bindSocket(
  name: string,
  path: string,
  holder: LockHolder,
): Promise<Server | undefined> {
  if (process.platform !== 'linux') return undefined
  const server = createServer((connection) => connection.destroy())
  const errno = await new Promise<string | undefined>((resolve) => {
    server.on('error', (error) => resolve(errnoOf(error)))
    server.listen({ path: `\0${name}`, exclusive: true }, () => resolve(undefined))
  })
  if (errno === 'EADDRINUSE') throw lockedError(path, await liveHolder(path, holder))
  if (errno !== undefined) return undefined
  server.unref()
  return server
}

/** Who holds the socket. The holder binds it first and writes LOCK next. */
async function liveHolder(path: string, self: LockHolder): Promise<LockHolder | undefined> {
  for (let count = 0; count < 10; count++) {
    const holder = readLock(path)?.holder
    if (holder !== undefined && judgeHolder(holder, self, false) !== 'gone') return holder
    await delay(20)
  }
  return undefined
}

interface Circumstances {
  readonly isSocketFree: boolean
  readonly patienceMs: number
}

/** Writes LOCK, unless somebody who is not known to be gone is named there. */
async function claimLock(path: string, self: LockHolder, known: Circumstances): Promise<void> {
  const text = `${JSON.stringify(self)}\n`
  const { isSocketFree } = known
  const isDurable = !isSocketFree
  for (;;) {
    const present = readLock(path)
    if (present === undefined) {
      if (writeLock(path, text, { flag: 'wx', isDurable })) return
      continue
    }
    const { holder } = present
    let state = holder === undefined ? 'unknown' : judgeHolder(holder, self, isSocketFree)
    // What no holder wrote says nothing: with the socket at hand it only could be in the course of being written.
    const patienceMs = holder === undefined && isSocketFree ? SETTLE_MS : known.patienceMs
    if (state === 'unknown') state = await watch(path, present, patienceMs)
    if (state === 'alive') throw lockedError(path, readLock(path)?.holder ?? holder)
    if (readLock(path)?.text !== present.text) continue
    writeLock(path, text, { flag: 'w', isDurable })
    if (isSocketFree && isSameKernelNetwork(holder, self)) return
    await delay(SETTLE_MS)
    const winner = readLock(path)?.holder
    if (winner?.token !== self.token) throw lockedError(path, winner)
    return
  }
}

/** The kernel let nobody else in who could have found the same holder gone. */
function isSameKernelNetwork(holder: LockHolder | undefined, self: LockHolder): boolean {
  return holder?.bootId === self.bootId && holder.networkNamespace === self.networkNamespace
}

/** Waits for a sign of life. */
async function watch(path: string, seen: LockText, patienceMs: number): Promise<'alive' | 'gone'> {
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += WATCH_INTERVAL_MS) {
    await delay(WATCH_INTERVAL_MS)
    const now = readLock(path)
    if (now === undefined) return 'gone'
    if (now.text !== seen.text || now.touchedMs !== seen.touchedMs) return 'alive'
  }
  return 'gone'
}

function lockedError(path: string, holder: LockHolder | undefined): EngineError {
  if (holder === undefined) {
    return engineError('DB_LOCKED', `${path} is open in a process that did not leave its name`, {
      details: { path },
    })
  }
  const { pid, host, since } = holder
  const who = pid === process.pid ? 'this process' : `process ${pid}`
  return engineError('DB_LOCKED', `${path} is open in ${who} on ${host} since ${since}`, {
    details: { path, pid, host, since },
  })
}
