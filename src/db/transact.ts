// The retry loop of transactions: run, validate, and on a conflict run again after a short random wait.

import { ConflictError, engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { StoreTransaction } from '../store/transaction.js'
import { CallOrder } from './call-order.js'
import type { Engine } from './engine.js'

export interface TransactOptions {
  /** How often a conflicting transaction is run again; default 20. */
  readonly retryMaxCount?: number
  /** Ends the transaction until its commit begins; it then rejects with the signal's reason and nothing is written. */
  readonly signal?: AbortSignal
}

/** One run of a transaction's function. */
export interface Attempt {
  readonly transaction: StoreTransaction
  readonly calls: CallOrder
}

export interface Outcome<R> {
  readonly result: R
  /** Undefined when nothing was written. */
  readonly seqNum: SeqNum | undefined
}

const RETRY_MAX_COUNT = 20
const RETRY_BASE_MS = 1
/** Two hundred transactions that meet on one row all get through within the default retries. */
const RETRY_CAP_MS = 250

/** Runs and commits. Calls that were made but not awaited are part of the transaction. */
export async function transact<R>(
  engine: Engine,
  run: (attempt: Attempt) => Promise<R> | R,
  options: TransactOptions = {},
): Promise<Outcome<R>> {
  const { retryMaxCount, signal } = checkedOptions(options)
  for (let attemptIndex = 0; ; attemptIndex++) {
    signal?.throwIfAborted()
    const transaction = engine.store.begin()
    const calls = new CallOrder()
    try {
      const result = await run({ transaction, calls })
      await calls.settled()
      signal?.throwIfAborted()
      return { result, seqNum: await transaction.commit() }
    } catch (error) {
      transaction.abort()
      const isConflict = error instanceof ConflictError && error.code === 'TXN_CONFLICT'
      if (!isConflict || attemptIndex >= retryMaxCount) throw error
    }
    // Full jitter: racing clients spread out instead of meeting again.
    const capMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** attemptIndex)
    await engine.env.clock.sleep(engine.env.random.float() * capMs, signal)
  }
}

/** @throws ARGUMENT_INVALID */
export function checkFunction(fn: unknown): void {
  if (typeof fn === 'function') return
  throw engineError('ARGUMENT_INVALID', `transact() takes a function, not ${typeof fn}`)
}

function checkedOptions(options: TransactOptions) {
  const { retryMaxCount = RETRY_MAX_COUNT, signal } = options
  if (!Number.isSafeInteger(retryMaxCount) || retryMaxCount < 0) {
    throw engineError('ARGUMENT_INVALID', 'retryMaxCount must be a whole number from 0 on')
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw engineError('ARGUMENT_INVALID', 'signal must be an AbortSignal')
  }
  return { retryMaxCount, signal }
}
