// The file LOCK in a directory: read, written, and asked who is named there.

import * as fs from 'node:fs'
import { join } from 'node:path'

import { engineError } from '../base/errors.js'
import { KiB } from '../base/limits.js'
import { errnoOf, fileError } from './file-error.js'
import {
  type HolderState,
  judgeHolder,
  type LockHolder,
  ownIdentity,
  parseHolder,
} from './lock-holder.js'

/** The file in a directory that names its holder. */
export const LOCK_NAME = 'LOCK'

/** No holder writes more; of what somebody else put there no more is read. */
const TEXT_MAX_BYTES: number = 4 * KiB

/** As long as the address of a socket can be, but for the zero that it begins with. */
const SOCKET_NAME_LENGTH = 107

export interface LockText {
  readonly text: string
  readonly touchedMs: number
  /** Undefined when the text is not what a holder writes. */
  readonly holder: LockHolder | undefined
}

/** Undefined when there is none. @throws IO_FAILED DB_NOT_A_DATABASE */
export function readLock(directory: string): LockText | undefined {
  const file = join(directory, LOCK_NAME)
  try {
    const fd = fs.openSync(file, 'r')
    try {
      const bytes = Buffer.alloc(TEXT_MAX_BYTES)
      const text = bytes.toString('utf8', 0, fs.readSync(fd, bytes, 0, TEXT_MAX_BYTES, 0))
      return { text, touchedMs: fs.fstatSync(fd).mtimeMs, holder: parseHolder(text) }
    } finally {
      fs.closeSync(fd)
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw typed(error, file)
  }
}

/**
 * Writes the text.
 *
 * @param isDurable  whether it shall survive a power loss: one that is empty then says nothing, and is watched for a sign of
 * life, shortly where the socket tells that nobody can give one
 * @returns false when it was to be new and is there already
 * @throws IO_FAILED DISK_FULL DB_NOT_A_DATABASE
 */
export function writeLock(
  directory: string,
  text: string,
  { flag, isDurable }: { readonly flag: 'w' | 'wx'; readonly isDurable: boolean },
): boolean {
  const file = join(directory, LOCK_NAME)
  try {
    fs.writeFileSync(file, text, { flag, flush: isDurable })
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw typed(error, file)
  }
}

/** @throws IO_FAILED */
export function removeLock(directory: string): void {
  const file = join(directory, LOCK_NAME)
  try {
    fs.rmSync(file, { force: true })
  } catch (error) {
    throw typed(error, file)
  }
}

/** What can be told about a lock from outside. */
export interface LockDescription {
  /** Undefined when LOCK is not what a holder writes, or is gone. */
  readonly holder: LockHolder | undefined
  /** `unknown`: on another host or in another container, where only the sign of life tells. */
  readonly state: HolderState
  /** When the holder last gave a sign of life, Unix milliseconds; it does so every two seconds. */
  readonly touchedMs: number | undefined
}

/**
 * Describes the lock without taking it; undefined when there is none. On Linux the socket knows better than LOCK, which may
 * have been removed, or copied with its directory.
 *
 * @throws IO_FAILED DB_NOT_A_DATABASE
 */
export function describeLock(directory: string): LockDescription | undefined {
  const lock = readLock(directory)
  const isBound = isSocketBound(directory)
  if (lock === undefined && isBound !== true) return undefined
  const { holder, touchedMs } = lock ?? {}
  const isFree = isBound === false
  const named = holder === undefined ? 'unknown' : judgeHolder(holder, ownIdentity(), isFree)
  return { holder, touchedMs, state: isBound === true ? 'alive' : named }
}

/** The name of a directory's abstract socket, filled up: Node versions differ in whether they pad short ones. */
export function socketNameOf({ dev, ino }: fs.BigIntStats): string {
  return `tabularium:${dev}:${ino}`.padEnd(SOCKET_NAME_LENGTH, '.')
}

/** Whether a process of this network namespace has bound the directory's socket; undefined where nobody can tell. */
function isSocketBound(directory: string): boolean | undefined {
  try {
    const name = socketNameOf(fs.statSync(directory, { bigint: true }))
    return fs.readFileSync('/proc/net/unix', 'latin1').includes(`@${name}`)
  } catch {
    return undefined
  }
}

function typed(error: unknown, file: string): unknown {
  const { syscall = 'open' } = error as NodeJS.ErrnoException
  const errno = errnoOf(error)
  if (errno === 'EISDIR') {
    const message = `${file} is a directory: where the rest is a database, move it away`
    return engineError('DB_NOT_A_DATABASE', message, { details: { path: file }, cause: error })
  }
  return errno === 'UNKNOWN' ? error : fileError(errno, { path: file, syscall }, error)
}
