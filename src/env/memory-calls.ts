// The one door through which every call to a memory file system passes: it numbers calls, cuts the power, injects
// failures and keeps the log.

import { fileError } from './file-error.js'

/** Calls that change something; only these are numbered. */
export type MutatingCallName =
  | 'create'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'syncNow'
  | 'rename'
  | 'link'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'

/** One call to a memory file system. */
export interface FileCall {
  readonly name: MutatingCallName | 'open' | 'read' | 'stat' | 'list'
  readonly path: string
  /** Counts mutating calls from 1. A reading call bears the number of the mutating call before it. */
  readonly number: number
  /** Of reads, writes and truncates. */
  readonly offsetBytes?: number
  /** Of reads and writes. */
  readonly byteCount?: number
  /** New path of a rename or link. */
  readonly to?: string
}

export type FileCallFacts = Omit<FileCall, 'name' | 'path' | 'number'>

/** What the system may answer instead of doing its work; becomes the typed error that the real one would. */
export type InjectedFailure =
  | 'EIO'
  | 'ENOSPC'
  | 'EDQUOT'
  | 'EMFILE'
  | 'EACCES'
  | 'EROFS'
  | 'EXDEV'
  | 'EPERM'
  | 'EMLINK'

/** Decides for each call whether it fails. */
export type FailureInjector = (call: FileCall) => InjectedFailure | undefined

/** How many turns of the event loop a sync of the file takes. */
export type SyncTurns = (path: string) => number

/**
 * Thrown by every call from the power cut on. It is not an EngineError on purpose: code that handles a full disk or a
 * missing file has no business handling this, the process that made the call no longer exists.
 */
export class PowerCut extends Error {
  override readonly name = 'PowerCut'
}

export class CallGate {
  inject: FailureInjector | undefined
  syncTurns: SyncTurns | undefined
  readonly log: FileCall[] | undefined
  #count: number
  #cutAt = Number.POSITIVE_INFINITY
  /** The same for every call: a process that dies makes many. */
  #powerCut: PowerCut | undefined

  constructor(count: number, isLogging: boolean) {
    this.#count = count
    this.log = isLogging ? [] : undefined
  }

  get count(): number {
    return this.#count
  }

  get isPowerCut(): boolean {
    return this.#count >= this.#cutAt
  }

  cutAt(callNumber: number): void {
    this.#cutAt = callNumber
    this.#powerCut = undefined
  }

  /** Begins a reading call. */
  read(name: 'open' | 'read' | 'stat' | 'list', path: string, facts?: FileCallFacts): void {
    this.assertPower()
    this.#decide({ name, path, number: this.#count, ...facts })
  }

  /**
   * Begins a mutating call and returns its number. The call whose turn it is when the power goes still begins: it does
   * its work, which nobody can see any more but a crash image, and then fails in `end`.
   */
  begin(name: MutatingCallName, path: string, facts?: FileCallFacts): number {
    this.assertPower()
    this.#count++
    this.#decide({ name, path, number: this.#count, ...facts })
    return this.#count
  }

  /** Ends a mutating call. */
  end(): void {
    this.assertPower()
  }

  assertPower(): void {
    if (!this.isPowerCut) return
    this.#powerCut ??= new PowerCut(`the power was cut at call ${this.#cutAt}`)
    throw this.#powerCut
  }

  #decide(call: FileCall): void {
    this.log?.push(call)
    const errno = this.inject?.(call)
    if (errno !== undefined) throw fileError(errno, { path: call.path, syscall: call.name })
  }
}
