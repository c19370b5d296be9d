// The life of a transaction: run, validate, and on a conflict run again.
//
// Whoever conflicted on a key takes his turn on it before the next run, together with the keys that he had locked, in key
// order: each key is in his way once, and who comes later waits behind him. Those who conflicted on ranges of one table take
// turns, too, though others may write into it meanwhile. Before that they spread out at random.

import { ConflictError, type EngineError, engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { checkOptionNames } from '../base/options.js'
import { readKeyPrefix } from '../codec/tenant-key.js'
import type { Durability } from '../store/commit-log.js'
import type {
  Conflict,
  Isolation,
  StoreTransaction,
  TransactionMode,
} from '../store/transaction.js'
import { CallOrder } from './call-order.js'
import { Deadline } from './deadline.js'
import { checkedDurability, type WriteOptions } from './durability.js'
import type { Engine } from './engine.js'

/** How a transaction runs and when its commit is acknowledged. */
export interface TransactOptions extends WriteOptions {
  /**
   * `serializable`, the default: as if transactions had run one after the other. `snapshot`: two that run at once conflict
   * only where both write the same row, or take the same unique value; what they read may have changed by the time they
   * commit.
   */
  readonly isolation?: Isolation
  /** Nothing can be written; in return it never conflicts and never waits for anybody, not even for a disk that hangs. */
  readonly readOnly?: boolean
  /**
   * Names what the transaction does, 1 to 256 bytes of text: a repeat with the same token returns what the first one
   * returned, without running, also after a crash. The result is then a JSON value, or nothing.
   */
  readonly token?: string
  /** How often a conflicting transaction is run again; default 20. */
  readonly retryMaxCount?: number
  /** Ends the transaction until its commit begins; it then rejects with the signal's reason and nothing is written. */
  readonly signal?: AbortSignal
  /**
   * How long the call may take with all its runs and waits; default: for ever. Then it rejects with TXN_TIMEOUT, and nothing
   * is written unless its commit had begun, which `committed` of the error tells.
   */
  readonly timeoutMs?: number
}

/** One run of a transaction's function, or of a savepoint's within it. */
export interface Attempt {
  readonly transaction: StoreTransaction
  readonly calls: CallOrder
}

export interface Outcome<R> {
  readonly result: R
  /** Undefined when nothing was written. */
  readonly seqNum: SeqNum | undefined
}

type Run<R> = (attempt: Attempt) => Promise<R> | R

const RETRY_MAX_COUNT = 20
const RETRY_BASE_MS = 1
const RETRY_CAP_MS = 250
/** The longest delay of a timer. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/** Runs and commits. Calls that were made but not awaited are part of the transaction. */
export async function transact<R>(
  engine: Engine,
  run: Run<R>,
  options?: TransactOptions,
): Promise<Outcome<R>> {
  const checked = options === undefined ? DEFAULT_OPTIONS : checkedOptions(options)
  const deadline = new Deadline(engine.env.clock, checked)
  try {
    return await transactUntil(deadline, engine, run, checked)
  } finally {
    deadline.end()
  }
}

/** As transact, as a part of what a deadline is for. */
export async function transactUntil<R>(
  deadline: Deadline,
  engine: Engine,
  run: Run<R>,
  options: CheckedOptions,
): Promise<Outcome<R>> {
  const { retryMaxCount, signal, durability } = options
  let turns: readonly Uint8Array[] = []
  for (let retryCount = 0; ; retryCount++) {
    signal?.throwIfAborted()
    const transaction = engine.store.begin(options)
    try {
      const result = await deadline.cutOff(runOnce(transaction, turns, run))
      signal?.throwIfAborted()
      const isCommitting = () => (transaction.isCommitting ? 'unknown' : 'no')
      const seqNum = await deadline.cutOffCommit(transaction.commit(durability), isCommitting)
      return { result, seqNum }
    } catch (error) {
      transaction.abort()
      if (!(error instanceof ConflictError) || error.code !== 'TXN_CONFLICT') throw error
      const { conflict } = transaction
      if (retryCount >= retryMaxCount) {
        throw conflict === undefined ? error : lastConflict(engine, conflict, retryCount)
      }
      turns = conflict?.turns ?? []
    }
    // Full jitter: racing clients spread out instead of meeting again.
    const capMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** retryCount)
    await deadline.sleep(engine.env.random.float() * capMs)
  }
}

/**
 * Runs `fn` as a part of the transaction, with calls of its own: when it throws, what they wrote is taken back.
 *
 * @throws TXN_SAVEPOINT_OPEN TXN_FINISHED, whatever fn throws
 */
export function savepoint<R>({ transaction, calls }: Attempt, fn: Run<R>): Promise<R> {
  return calls.runAlone(() =>
    transaction.atomically(async () => {
      const inner = new CallOrder()
      try {
        return await fn({ transaction, calls: inner })
      } finally {
        await inner.end()
      }
    }),
  )
}

async function runOnce<R>(
  transaction: StoreTransaction,
  turns: readonly Uint8Array[],
  run: Run<R>,
): Promise<R> {
  if (turns.length > 0) await transaction.takeTurns(turns)
  const calls = new CallOrder()
  const result = await run({ transaction, calls })
  await calls.end()
  return result
}

/** The conflict of the last run, with names for what it was about. */
function lastConflict(engine: Engine, about: Conflict, retryCount: number): EngineError {
  const { tenantId, tableId } = readKeyPrefix(about.key)
  const tenant = engine.catalog.tenantName(engine.store.latest(), tenantId)
  const { schema } = engine
  const table = schema.names.find((name) => schema.definitionOf(name)?.id === tableId)
  const details = {
    retryCount,
    ...(tenant === undefined ? {} : { tenant }),
    ...(tenant === undefined || table === undefined ? {} : { table }),
  }
  const place =
    tenant === undefined ? 'the list of tenants' : `${table ?? 'rows'} of tenant ${tenant}`
  const tries = `${retryCount} ${retryCount === 1 ? 'retry' : 'retries'}`
  return engineError('TXN_CONFLICT', `after ${tries}, in ${place}: ${about.reason}`, { details })
}

const OPTION_NAMES = [
  'isolation',
  'readOnly',
  'durability',
  'token',
  'retryMaxCount',
  'signal',
  'timeoutMs',
]

/** What transact() goes by. */
export interface CheckedOptions extends TransactionMode {
  readonly durability: Durability
  readonly retryMaxCount: number
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number | undefined
}

/** @throws ARGUMENT_INVALID OPTION_UNKNOWN */
export function checkedOptions(options: TransactOptions): CheckedOptions {
  checkOptionNames('transact()', options, OPTION_NAMES)
  const { isolation = 'serializable', readOnly = false, signal, timeoutMs } = options
  const { retryMaxCount = RETRY_MAX_COUNT } = options
  const refuseUnless = (isValid: boolean, rule: string) => {
    if (!isValid) throw engineError('ARGUMENT_INVALID', rule)
  }
  refuseUnless(
    isolation === 'serializable' || isolation === 'snapshot',
    "isolation is 'serializable' or 'snapshot'",
  )
  refuseUnless(typeof readOnly === 'boolean', 'readOnly is true or false')
  refuseUnless(!readOnly || options.token === undefined, 'what is readOnly takes no token')
  refuseUnless(
    Number.isSafeInteger(retryMaxCount) && retryMaxCount >= 0,
    'retryMaxCount must be a whole number from 0 on',
  )
  refuseUnless(
    signal === undefined || signal instanceof AbortSignal,
    'signal must be an AbortSignal',
  )
  refuseUnless(
    timeoutMs === undefined ||
      (Number.isFinite(timeoutMs) && timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS),
    `timeoutMs must be a number above 0, at most ${TIMEOUT_MAX_MS}`,
  )
  const durability = checkedDurability(options)
  return { isolation, isReadOnly: readOnly, durability, retryMaxCount, signal, timeoutMs }
}

const DEFAULT_OPTIONS = checkedOptions({})
