// A write of one call: it runs over the newest state, readable or not yet, in one stretch that nobody interrupts, so it never
// conflicts. Where it writes what a transaction has locked, it waits for its turn and runs again.

import type { SeqNum } from '../base/ids.js'
import { compareKeys, hashBytes } from '../kernels/bytes.js'
import type { Durability } from './commit-log.js'
import { type KeyLocks, LockHolder } from './key-locks.js'
import { ImmediateView } from './store-views.js'
import type { TransactionHost } from './transaction.js'
import type { WriteOptions, WriteView } from './view.js'
import { WriteBatch } from './write-batch.js'

export interface ImmediateWriteHost extends TransactionHost {
  /** The newest commit that readers see. */
  readonly readable: SeqNum
}

/** @returns the commit's SeqNum; when nothing was written, the newest readable one */
export function writeAtOnce(
  host: ImmediateWriteHost,
  fn: (view: WriteView) => void,
  options: WriteOptions,
): Promise<SeqNum> {
  let reason: Promise<void> | Uint8Array | undefined
  try {
    host.assertWritable()
    reason = host.admit(options.tenantHash, false)
    if (reason === undefined) {
      const written = writeNow(host, fn, options, undefined)
      if (written instanceof Promise) return written
      reason = written
    }
  } catch (error) {
    return Promise.reject(error)
  } finally {
    if (reason === undefined) options.onRun?.()
  }
  return writeInTurn(host, fn, options, reason)
}

/** @param reason  what it has to wait for: room, or a key that somebody else has locked */
async function writeInTurn(
  host: ImmediateWriteHost,
  fn: (view: WriteView) => void,
  options: WriteOptions,
  reason: Promise<void> | Uint8Array,
): Promise<SeqNum> {
  let turns: LockHolder | undefined
  let delay = reason instanceof Promise ? reason : undefined
  let locked = reason instanceof Promise ? undefined : reason
  try {
    for (;;) {
      if (locked !== undefined) {
        turns ??= new LockHolder()
        await takeTurn(host.locks, turns, locked)
        host.assertWritable()
        delay = host.admit(options.tenantHash, false)
      }
      // Asked again after each wait: others that waited may have used the room up.
      while (delay !== undefined) {
        await delay
        host.assertWritable()
        delay = host.admit(options.tenantHash, true)
      }
      const written = writeNow(host, fn, options, turns)
      // The locks go as soon as the commit has its number: who comes next waits for what is not readable by himself.
      if (written instanceof Promise) return written
      locked = written
    }
  } finally {
    options.onRun?.()
    if (turns !== undefined) host.locks.release(turns)
  }
}

/** Writes in this turn of the event loop; returns a key that somebody else has locked, when there is one. */
function writeNow(
  host: ImmediateWriteHost,
  fn: (view: WriteView) => void,
  { durability = 'sync' }: WriteOptions,
  turns: LockHolder | undefined,
): Promise<SeqNum> | Uint8Array {
  let batch: WriteBatch
  try {
    batch = collect(host, fn)
  } catch (error) {
    return failed(host, durability, error)
  }
  const locked = host.locks.findOther(turns, batch)
  if (locked !== undefined) return locked
  const commit = batch.isEmpty ? settled(host, durability) : host.commit(batch, durability)
  giveBack(batch)
  return commit
}

/** A write is committed in the turn in which it began, so one batch serves all but those that nest. */
let spare: WriteBatch | undefined

function takeSpare(): WriteBatch {
  const batch = spare ?? new WriteBatch()
  spare = undefined
  return batch
}

function giveBack(batch: WriteBatch): void {
  if (batch.isShown) return
  batch.reset()
  spare = batch
}

function collect(host: ImmediateWriteHost, fn: (view: WriteView) => void): WriteBatch {
  const batch = takeSpare()
  const view = new ImmediateView(host, batch)
  try {
    fn(view)
  } finally {
    view.finish()
  }
  return batch
}

/** What the function met may be the doing of a commit that can still be lost. */
async function failed(
  host: ImmediateWriteHost,
  durability: Durability,
  error: unknown,
): Promise<never> {
  await host.settle(durability)
  throw error
}

/** That there was nothing to write may be the doing of a commit that can still be lost. */
async function settled(host: ImmediateWriteHost, durability: Durability): Promise<SeqNum> {
  await host.settle(durability)
  return host.readable
}

/** Waits for a key, and again for those that it had: in ascending order, so that it is not refused. */
async function takeTurn(locks: KeyLocks, turns: LockHolder, key: Uint8Array): Promise<void> {
  const keys = Array.from(turns.held, (lock) => lock.key)
  locks.release(turns)
  for (const next of [...keys, key].sort(compareKeys)) {
    await locks.acquire(turns, next, hashBytes(next, 0, next.length), false)
  }
}
