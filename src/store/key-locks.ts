// Turns on keys: locks in memory, one per key, granted in the order of asking. Commits are validated with or without them, so
// nothing relies on them to be right: they let those wait who would otherwise run in vain. See
// docs/decisions/0010-turns-before-locks.md.
//
// Invariants:
// 1. A lock exists as long as somebody holds it. It passes to the next in its queue in the moment it is let go, so nobody
//    gets in between.
// 2. A holder waits for one lock at a time, and a lock has one holder: who waits for whom is a chain. Whoever makes it a
//    circle is found when he asks.
// 3. In a circle somebody wants a key below one that he holds. He is the one who is refused: whoever asks for keys in
//    ascending order always gets them.
// 4. Only locks that a transaction asked for are kept to its end however long that takes. Others are a courtesy, and are
//    taken away after LONG_TURN_MS when somebody waits: it may be the holder himself who waits for one of them to go on.
//    Who lost one commits all the same if he is the first, or of those who take long none would ever get through.

import { Deferred } from '../base/async.js'
import { engineError } from '../base/errors.js'
import { TRANSACTION_LOCK_MAX_COUNT } from '../base/limits.js'
import type { Clock } from '../env/env.js'
import { compareBytes, compareKeys } from '../kernels/bytes.js'
import type { WriteBatch } from './write-batch.js'

const TICK_MS = 50
/** In ticks, so that the time does not count in which nothing ran: the event loop was blocked, or the process stopped. */
const LONG_TURN_TICKS = 20
/** A lock that is held for longer, while others wait, is taken away or told of. */
export const LONG_TURN_MS: number = LONG_TURN_TICKS * TICK_MS

interface KeyLock {
  readonly key: Uint8Array
  readonly keyHash: number
  holder: LockHolder
  isKept: boolean
  /** In the order of asking. */
  readonly queue: Set<LockHolder>
}

interface Wish {
  readonly lock: KeyLock
  readonly isKept: boolean
  /** False when it is refused. */
  readonly granted: Deferred<boolean>
}

/** Who takes turns: a transaction, or a single write. */
export class LockHolder {
  readonly held = new Set<KeyLock>()
  /** What it waits for. */
  wish: Wish | undefined
  /** Whether a lock was taken away from it. */
  hasLost = false
}

export interface KeyLocksOptions {
  readonly clock: Pick<Clock, 'sleep' | 'yield'>
  /** A lock that is kept has been held for LONG_TURN_MS at least while others waited. Told once a holder. */
  readonly onLongTurn: (key: Uint8Array) => void
}

export class KeyLocks {
  readonly #options: KeyLocksOptions
  /** By the hash of the key; a list holds those that collide. */
  readonly #byHash = new Map<number, KeyLock[]>()
  #count = 0
  /** Locks that somebody waits for, or did until lately, and how long their holders have had them meanwhile. */
  readonly #awaited = new Map<KeyLock, { holder: LockHolder; tickCount: number }>()
  #isWatching = false
  readonly #stopping = new AbortController()

  constructor(options: KeyLocksOptions) {
    this.#options = options
  }

  /** How many keys are locked. */
  get count(): number {
    return this.#count
  }

  /**
   * True when the holder has the key, a promise when it must wait for it. False when it was refused, because holders would
   * wait for each other in a circle, and this one asks against the order of keys.
   *
   * @param key  must not change
   * @param isKept  whether it is held until it is released, however long others wait
   * @throws TXN_TOO_LARGE
   * @throws TXN_FINISHED when the holder is released meanwhile; what all are refused with (both as rejection)
   */
  acquire(
    holder: LockHolder,
    key: Uint8Array,
    keyHash: number,
    isKept: boolean,
  ): boolean | Promise<boolean> {
    const lock = this.#find(key, 0, key.length, keyHash)
    if (lock?.holder === holder) {
      lock.isKept ||= isKept
      return true
    }
    if (holder.held.size >= TRANSACTION_LOCK_MAX_COUNT) {
      throw engineError(
        'TXN_TOO_LARGE',
        `a transaction locks at most ${TRANSACTION_LOCK_MAX_COUNT} rows`,
        { details: { maxCount: TRANSACTION_LOCK_MAX_COUNT } },
      )
    }
    if (lock === undefined) {
      this.#add({ key, keyHash, holder, isKept, queue: new Set() })
      return true
    }
    const loser = loserOfCircle(holder, lock)
    if (loser === holder) return false
    if (loser !== undefined) leaveQueue(loser).resolve(false)
    const granted = new Deferred<boolean>()
    holder.wish = { lock, isKept, granted }
    lock.queue.add(holder)
    if (!this.#awaited.has(lock)) this.#awaited.set(lock, { holder: lock.holder, tickCount: 0 })
    if (!this.#isWatching) void this.#watch()
    return this.#awaitTurn(granted.promise)
  }

  /** A key of the batch that somebody else has locked, in a way that the holder has to respect. */
  findOther(holder: LockHolder | undefined, batch: WriteBatch): Uint8Array | undefined {
    if (this.#count === (holder?.held.size ?? 0)) return undefined
    let other: Uint8Array | undefined
    batch.forEach((bytes, keyStart, keyEnd, keyHash) => {
      if (other !== undefined) return
      const lock = this.#find(bytes, keyStart, keyEnd, keyHash)
      if (lock === undefined || lock.holder === holder) return
      if (lock.isKept || holder?.hasLost !== true) other = lock.key
    })
    return other
  }

  /** Lets go of everything, also of the place in a queue. */
  release(holder: LockHolder): void {
    if (holder.wish !== undefined) {
      const error = engineError('TXN_FINISHED', 'the transaction ended while it waited for a row')
      leaveQueue(holder).reject(error)
    }
    for (const lock of holder.held) this.#passOn(lock)
    holder.held.clear()
  }

  /** Nobody waits any longer, and nobody will. */
  refuseAll(error: unknown): void {
    this.#stopping.abort()
    for (const bucket of this.#byHash.values()) {
      for (const { queue } of bucket) for (const holder of queue) leaveQueue(holder).reject(error)
    }
  }

  /** A long queue of those who find nothing to wait for later must not hold up all other work. */
  async #awaitTurn(granted: Promise<boolean>): Promise<boolean> {
    const isGranted = await granted
    await this.#options.clock.yield()
    return isGranted
  }

  #passOn(lock: KeyLock): void {
    const [next] = lock.queue
    if (next === undefined) {
      this.#remove(lock)
      return
    }
    lock.holder = next
    lock.isKept = next.wish!.isKept
    next.held.add(lock)
    leaveQueue(next).resolve(true)
  }

  /** Looks after locks that are awaited, as long as there are any. */
  async #watch(): Promise<void> {
    const { clock, onLongTurn } = this.#options
    const { signal } = this.#stopping
    this.#isWatching = true
    while (this.#awaited.size > 0 && !signal.aborted) {
      await clock.sleep(TICK_MS, signal).catch(() => undefined)
      for (const [lock, turn] of this.#awaited) {
        const { holder, queue, isKept } = lock
        if (queue.size === 0) this.#awaited.delete(lock)
        else if (holder !== turn.holder) this.#awaited.set(lock, { holder, tickCount: 0 })
        // Who waits in line himself is not the one who takes long.
        else if (holder.wish !== undefined || ++turn.tickCount !== LONG_TURN_TICKS) continue
        else if (isKept) onLongTurn(lock.key)
        else this.#takeAway(lock)
      }
    }
    this.#isWatching = false
  }

  #takeAway(lock: KeyLock): void {
    const { holder } = lock
    holder.hasLost = true
    holder.held.delete(lock)
    this.#passOn(lock)
  }

  #find(bytes: Uint8Array, keyStart: number, keyEnd: number, keyHash: number): KeyLock | undefined {
    return this.#byHash
      .get(keyHash)
      ?.find(({ key }) => compareBytes(key, 0, key.length, bytes, keyStart, keyEnd) === 0)
  }

  #add(lock: KeyLock): void {
    const bucket = this.#byHash.get(lock.keyHash)
    if (bucket === undefined) this.#byHash.set(lock.keyHash, [lock])
    else bucket.push(lock)
    lock.holder.held.add(lock)
    this.#count++
  }

  #remove(lock: KeyLock): void {
    const bucket = this.#byHash.get(lock.keyHash)!
    if (bucket.length === 1) this.#byHash.delete(lock.keyHash)
    else bucket.splice(bucket.indexOf(lock), 1)
    this.#count--
  }
}

function leaveQueue(holder: LockHolder): Deferred<boolean> {
  const { lock, granted } = holder.wish!
  lock.queue.delete(holder)
  holder.wish = undefined
  return granted
}

/** Who must give up his wish when the holder waits for the lock; undefined when that makes no circle. */
function loserOfCircle(holder: LockHolder, wanted: KeyLock): LockHolder | undefined {
  let loser: LockHolder | undefined
  let lock = wanted
  while (lock.holder !== holder) {
    const { wish } = lock.holder
    if (wish === undefined) return undefined
    if (compareKeys(wish.lock.key, lock.key) < 0) loser = lock.holder
    lock = wish.lock
  }
  // Whoever has not begun to wait is refused without further ado.
  return compareKeys(wanted.key, lock.key) < 0 ? holder : loser
}
