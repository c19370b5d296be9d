// The retry loop of transactions: run, validate, and on a conflict run again after a short random wait.

import { ConflictError, engineError } from '../base/errors.js'
import type { StoreTransaction } from '../store/transaction.js'
import type { Engine } from './engine.js'

export interface TransactOptions {
  /** How often a conflicting transaction is run again; default 20. */
  readonly retryMaxCount?: number
  /** Ends the waiting between retries; the transaction then rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

const RETRY_MAX_COUNT = 20
const RETRY_BASE_MS = 1
const RETRY_CAP_MS = 50

export async function transact<R>(
  engine: Engine,
  run: (transaction: StoreTransaction) => Promise<R> | R,
  options: TransactOptions = {},
): Promise<R> {
  const { retryMaxCount = RETRY_MAX_COUNT, signal } = options
  if (!Number.isSafeInteger(retryMaxCount) || retryMaxCount < 0) {
    throw engineError('ARGUMENT_INVALID', 'retryMaxCount must be a whole number from 0 on')
  }
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted()
    await engine.store.admit()
    const transaction = engine.store.begin()
    try {
      const result = await run(transaction)
      await transaction.commit()
      return result
    } catch (error) {
      transaction.abort()
      const isConflict = error instanceof ConflictError && error.code === 'TXN_CONFLICT'
      if (!isConflict || attempt >= retryMaxCount) throw error
    }
    // Full jitter: racing clients spread out instead of meeting again.
    const capMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** attempt)
    await engine.env.clock.sleep(engine.env.random.float() * capMs, signal)
  }
}
