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
export async function writeAtOnce(
  host: ImmediateWriteHost,
  fn: (view: WriteView) => void,
  { tenantHash, durability = 'sync' }: WriteOptions,
): Promise<SeqNum> {
  let turns: LockHolder | undefined
  try {
    for (;;) {
      host.assertWritable()
      // Asked again after each wait: others that waited may have used the room up.
      let delay = host.admit(tenantHash, false)
      while (delay !== undefined) {
        await delay
        host.assertWritable()
        delay = host.admit(tenantHash, true)
      }
      let batch: WriteBatch
      try {
        batch = collect(host, fn)
      } catch (error) {
        await host.settle(durability)
        throw error
      }
      const locked = host.locks.findOther(turns, batch)
      // The locks go as soon as the commit has its number: who comes next waits for what is not readable by himself.
      if (locked === undefined) {
        const commit = batch.isEmpty ? settled(host, durability) : host.commit(batch, durability)
        giveBack(batch)
        return commit
      }
      turns ??= new LockHolder()
      await takeTurn(host.locks, turns, locked)
    }
  } finally {
    if (turns !== undefined) host.locks.release(turns)
  }
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
