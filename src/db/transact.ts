// The retry loop of transactions: run, validate, and on a conflict run again after a short random wait.

import { ConflictError, engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { Isolation, StoreTransaction } from '../store/transaction.js'
import { CallOrder } from './call-order.js'
import { checkedDurability, type WriteOptions } from './durability.js'
import type { Engine } from './engine.js'

export interface TransactOptions extends WriteOptions {
  /**
   * `serializable`, the default: as if transactions had run one after the other. `snapshot`: two that run at once conflict
   * only where both write the same row, or take the same unique value; what they read may have changed by the time they
   * commit.
   */
  readonly isolation?: Isolation
  /**
   * Names what the transaction does, 1 to 256 bytes of text: a repeat with the same token returns what the first one
   * returned, without running, also after a crash. The result is then a JSON value, or nothing.
   */
  readonly token?: string
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
  const { isolation, durability, retryMaxCount, signal } = checkedOptions(options)
  for (let attemptIndex = 0; ; attemptIndex++) {
    signal?.throwIfAborted()
    const transaction = engine.store.begin({ isolation })
    const calls = new CallOrder()
    try {
      const result = await run({ transaction, calls })
      await calls.settled()
      signal?.throwIfAborted()
      return { result, seqNum: await transaction.commit(durability) }
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

const OPTION_NAMES: readonly string[] = [
  'isolation',
  'durability',
  'token',
  'retryMaxCount',
  'signal',
]

/** @throws ARGUMENT_INVALID OPTION_UNKNOWN */
function checkedOptions(options: TransactOptions) {
  if (typeof options !== 'object' || options === null) {
    throw engineError('ARGUMENT_INVALID', 'transact() takes its options as an object')
  }
  for (const name of Object.keys(options)) {
    if (OPTION_NAMES.includes(name)) continue
    const known = OPTION_NAMES.join(', ')
    throw engineError('OPTION_UNKNOWN', `transact() has no option ${name}; there are: ${known}`, {
      details: { option: name },
    })
  }
  const { isolation = 'serializable', retryMaxCount = RETRY_MAX_COUNT, signal } = options
  if (isolation !== 'serializable' && isolation !== 'snapshot') {
    throw engineError('ARGUMENT_INVALID', "isolation is 'serializable' or 'snapshot'")
  }
  const durability = checkedDurability(options)
  if (!Number.isSafeInteger(retryMaxCount) || retryMaxCount < 0) {
    throw engineError('ARGUMENT_INVALID', 'retryMaxCount must be a whole number from 0 on')
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw engineError('ARGUMENT_INVALID', 'signal must be an AbortSignal')
  }
  return { isolation, durability, retryMaxCount, signal }
}
