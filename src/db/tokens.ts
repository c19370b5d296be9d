// Idempotency: a transaction that carries a token happens once, however often it is asked for.
//
// What it returned is stored under the token in the commit that holds its writes, so that both are there or neither; a
// repeat reads it instead of running. The token is read by the transaction like any row: of two that run at once, in
// whatever way, one conflicts with the other, runs again, and finds it. Within this process they do not even run at once.
//
// Stored tokens are kept for `tokenWindowMs`. Whoever adds one then removes a few that are older, so that there are never
// more than were added within the window and a few.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { TOKEN_MAX_BYTES } from '../base/limits.js'
import {
  decodeTokenResult,
  encodeTokenResult,
  SYSTEM_TOKENS,
  TOKEN_TIME_VALUE,
  tokenKey,
  tokenOfTimeKey,
  tokensBefore,
  tokenTimeKey,
} from '../catalog/token-format.js'
import { EndOfBytes } from '../codec/bytes.js'
import type { JsonValue } from '../codec/cell.js'
import { EntrySlot } from '../codec/entry.js'
import { NotJson, toJsonValue } from '../codec/json.js'
import type { StoreTransaction } from '../store/transaction.js'
import type { ReadView, WriteView } from '../store/view.js'
import { Deadline } from './deadline.js'
import type { Engine, TenantName } from './engine.js'
import { checkText } from './options.js'
import { dateOfSeqNum } from './time.js'
import {
  type Attempt,
  checkedOptions,
  type Outcome,
  transact,
  type TransactOptions,
  transactUntil,
} from './transact.js'

/**
 * What became of a transaction: `yes`, it is durable; `no`, it has not happened; `unknown`, it is under way in this process,
 * or the database is poisoned and opening it again decides.
 */
export type TxnStatus =
  | { readonly committed: 'yes'; readonly seqNum: SeqNum; readonly committedAt: Date }
  | { readonly committed: 'no' | 'unknown' }

/** Old tokens that go with each new one. */
const REMOVED_MAX_COUNT = 4

/** Whose transaction it is; undefined when it is over any tenants. */
type Owner = TenantName | undefined

interface StoredResult {
  readonly result: JsonValue | undefined
  /** Undefined until it is committed. */
  readonly seqNum: SeqNum | undefined
}

/** As transact(); with a token only unless it has happened, and the result is as JSON reads it back, then as now. */
export async function transactOnce<R>(
  engine: Engine,
  owner: Owner,
  run: (attempt: Attempt) => Promise<R> | R,
  options?: TransactOptions,
): Promise<Outcome<R>> {
  const token = options?.token
  if (options === undefined || token === undefined) return transact(engine, run, options)
  checkText('a token', token, TOKEN_MAX_BYTES)
  let last: StoreTransaction | undefined
  const runOnce = async (attempt: Attempt): Promise<StoredResult> => {
    const { transaction, calls } = attempt
    last = transaction
    const found = findResult(engine, transaction, owner, token)
    if (found !== undefined) return found
    const result = jsonOf(await run(attempt))
    await calls.end()
    putResult(engine, transaction, owner, { token, result })
    return { result, seqNum: undefined }
  }
  const checked = checkedOptions(options)
  const deadline = new Deadline(engine.env.clock, checked)
  try {
    const { result: stored, seqNum } = await inTurn(engine, turnOf(owner, token), deadline, {
      run: () => transactUntil(deadline, engine, runOnce, checked),
      // Past its deadline the commit may still be under way.
      isOver: () => last?.whenSettled(),
    })
    if (seqNum !== undefined) removeOld(engine, owner)
    // It may have been committed by somebody who did not ask for a sync.
    else if (checked.durability === 'sync') {
      await deadline.cutOffCommit(engine.store.whenDurable(stored.seqNum), () => 'unknown')
    }
    return { result: stored.result as R, seqNum: seqNum ?? stored.seqNum }
  } finally {
    deadline.end()
  }
}

/** @throws ARGUMENT_INVALID DB_CLOSED */
export async function txnStatus(engine: Engine, owner: Owner, token: string): Promise<TxnStatus> {
  checkText('a token', token, TOKEN_MAX_BYTES)
  const { store, tokensUnderWay } = engine
  try {
    const seqNum = findResult(engine, store.latest(), owner, token)?.seqNum
    if (seqNum === undefined) {
      return { committed: tokensUnderWay.has(turnOf(owner, token)) ? 'unknown' : 'no' }
    }
    await store.whenDurable(seqNum)
    return { committed: 'yes', seqNum, committedAt: dateOfSeqNum(seqNum) }
  } catch (error) {
    if (store.state === 'poisoned') return { committed: 'unknown' }
    throw error
  }
}

/** Runs work when nobody else in this process is at it in the same turn. */
async function inTurn<R>(
  { tokensUnderWay }: Engine,
  turn: string,
  deadline: Deadline,
  work: { run(): Promise<R>; isOver(): Promise<void> | undefined },
): Promise<R> {
  for (let other = tokensUnderWay.get(turn); other !== undefined; ) {
    await deadline.cutOff(other)
    other = tokensUnderWay.get(turn)
  }
  const running = work.run()
  const end = async () => {
    await work.isOver()
    tokensUnderWay.delete(turn)
  }
  tokensUnderWay.set(turn, running.then(end, end))
  return running
}

function findResult(
  engine: Engine,
  view: ReadView,
  owner: Owner,
  token: string,
): StoredResult | undefined {
  const home = owner === undefined ? SYSTEM_TOKENS : engine.findTenant(view, owner)
  const slot = new EntrySlot()
  if (home === undefined || !view.get(tokenKey(home, token), slot)) return undefined
  try {
    return { result: decodeTokenResult(slot.copyValue()), seqNum: slot.seqNum }
  } catch (cause) {
    if (!(cause instanceof EndOfBytes)) throw cause
    throw engineError('ROW_CORRUPT', 'the result of a token cannot be decoded', { cause })
  }
}

function putResult(
  engine: Engine,
  view: WriteView,
  owner: Owner,
  { token, result }: { readonly token: string; readonly result: JsonValue | undefined },
): void {
  const home = owner === undefined ? SYSTEM_TOKENS : engine.internTenant(view, owner)
  view.put(tokenKey(home, token), encodeTokenResult(result))
  view.put(tokenTimeKey(home, engine.nowMicros(), token), TOKEN_TIME_VALUE)
}

/** In a commit of its own, because two that remove the same ones must not conflict; nobody waits for it. */
function removeOld(engine: Engine, owner: Owner): void {
  const home = owner === undefined ? SYSTEM_TOKENS : engine.tenantRef(owner)
  if (home === undefined) return
  const oldest = engine.nowMicros() - engine.tokenWindowMs * 1000
  const range = tokensBefore(home, Math.max(0, oldest))
  const remove = (view: WriteView) => {
    const keys: Uint8Array[] = []
    const scan = view.scan(range)
    while (keys.length < REMOVED_MAX_COUNT && scan.next()) keys.push(scan.entry.copyKey())
    scan.close()
    for (const key of keys) {
      view.delete(key)
      view.delete(tokenKey(home, tokenOfTimeKey(key)))
    }
  }
  const options = { tenantHash: home.hash, durability: 'relaxed' } as const
  // What fails is left to whoever adds the next token.
  engine.store.write(remove, options).catch(() => undefined)
}

function turnOf(owner: Owner, token: string): string {
  // No name of a tenant is empty or has a control character.
  return `${owner?.name ?? ''}\0${token}`
}

/** @throws ARGUMENT_INVALID */
function jsonOf(result: unknown): JsonValue | undefined {
  if (result === undefined) return undefined
  try {
    return toJsonValue(result)
  } catch (cause) {
    if (!(cause instanceof NotJson)) throw cause
    throw engineError(
      'ARGUMENT_INVALID',
      `what a transaction with a token returns is stored, so it is a JSON value or nothing, not ${cause.message}`,
      { cause },
    )
  }
}
