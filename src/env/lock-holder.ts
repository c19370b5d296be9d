// Who holds a directory, as its LOCK file says, and whether that process still lives.
//
// LOCK is one line of JSON. A process is known by more than its number, because numbers are used again: by the time it
// started (Linux: ticks since boot) and the boot of the machine. Numbers mean nothing in another pid namespace.

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

import { errnoOf } from './file-error.js'

export interface LockHolder {
  readonly pid: number
  readonly host: string
  /** When the lock was taken, ISO 8601. */
  readonly since: string
  /** Different for each lock ever taken. */
  readonly token: string
  /** What follows is empty where the system does not tell. */
  readonly processStart: string
  readonly bootId: string
  readonly pidNamespace: string
  readonly networkNamespace: string
}

const TEXT_FIELDS: readonly string[] = [
  'host',
  'since',
  'token',
  'processStart',
  'bootId',
  'pidNamespace',
  'networkNamespace',
]

const TEXT_MAX_LENGTH = 256

export type ProcessIdentity = Omit<LockHolder, 'since' | 'token'>

/** `unknown`: this process cannot tell; the holder's sign of life decides. */
export type HolderState = 'alive' | 'gone' | 'unknown'

let own: ProcessIdentity | undefined

/** Who this process is; asked of the system once. */
export function ownIdentity(): ProcessIdentity {
  own ??= {
    pid: process.pid,
    host: hostname(),
    processStart: processStartOf(process.pid) ?? '',
    bootId: told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
    pidNamespace: told(() => readlinkSync('/proc/self/ns/pid')),
    networkNamespace: told(() => readlinkSync('/proc/self/ns/net')),
  }
  return own
}

/** When a process started, in the system's own unit; undefined when there is no such process. */
export function processStartOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Anything else, such as EPERM, says that it lives.
    if (errnoOf(error) === 'ESRCH') return undefined
  }
  // Field 22; the name in field 2 may hold spaces and brackets.
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

/**
 * Judges by what is known without waiting.
 *
 * @param isSocketFree  this process bound the directory's socket, so nobody in its network namespace holds it
 */
export function judgeHolder(
  holder: LockHolder,
  self: ProcessIdentity,
  isSocketFree: boolean,
  startOf: (pid: number) => string | undefined = processStartOf,
): HolderState {
  if (holder.bootId !== self.bootId) return holder.host === self.host ? 'gone' : 'unknown'
  if (self.bootId === '') {
    const isGone = holder.host === self.host && startOf(holder.pid) === undefined
    return isGone ? 'gone' : 'unknown'
  }
  if (isSocketFree && holder.networkNamespace === self.networkNamespace) return 'gone'
  if (holder.pidNamespace !== self.pidNamespace) return 'unknown'
  return startOf(holder.pid) === holder.processStart ? 'alive' : 'gone'
}

/** Undefined for a text that no holder wrote in full. */
export function parseHolder(text: string): LockHolder | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const { pid, ...rest } = parsed as Record<string, unknown>
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return undefined
  if (TEXT_FIELDS.some((name) => !isPlain(rest[name]))) return undefined
  return parsed as LockHolder
}

/** Short and without control characters: it is shown to people. */
function isPlain(value: unknown): boolean {
  return typeof value === 'string' && value.length <= TEXT_MAX_LENGTH && !/\p{Cc}/u.test(value)
}

function told(ask: () => string): string {
  try {
    return ask()
  } catch {
    return ''
  }
}
