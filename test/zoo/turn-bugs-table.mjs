// Planted bugs about transactions that wait for one another, go back to a savepoint, or are cut off.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const TURN_BUGS = [
  // Turns on rows.
  bug(
    'a commit writes what another transaction has locked',
    'store/transaction.js',
    'const locked = this.#host.locks.findOther(this.#turns, this.#batch);',
    'const locked = undefined;',
    'locks',
  ),
  bug(
    'a single write does not wait for a lock',
    'store/immediate-write.js',
    'const locked = host.locks.findOther(turns, batch);',
    'const locked = undefined;',
    'locks',
  ),
  bug(
    'who locked a row reads it as it was before the wait',
    'store/transaction.js',
    'const refusal = this.#catchUp(key);',
    'const refusal = undefined;',
    'locks',
  ),
  bug(
    'who locked a row does not wait for what is on its way',
    'store/transaction.js',
    "await this.#host.settle('relaxed').catch(() => undefined);",
    '',
    'locks',
  ),
  bug(
    'a snapshot moves on past what was read',
    'store/transaction.js',
    'const refusal = this.#validate(); if (refusal !== undefined) return refusal;',
    '',
    'locks',
  ),
  bug(
    'a snapshot moves on under an open scan',
    'store/transaction.js',
    'if (isBound || this.#openScans.size > 0)',
    'if (isBound)',
    'locks',
  ),
  bug(
    'a snapshot moves on although nobody knows what was read',
    'store/transaction.js',
    'if (isBound || this.#openScans.size > 0)',
    'if (this.#openScans.size > 0)',
    'locks',
  ),
  bug(
    'a retry takes no turn',
    'db/transact.js',
    'turns = conflict?.turns ?? [];',
    '',
    'contention',
  ),
  bug(
    'a retry gives up the rows that it had locked',
    'store/transaction.js',
    'turns: [...locked, turn].sort(compareKeys)',
    'turns: [turn]',
    'transactionTurns',
  ),
  bug(
    'those who close waits for ever leave others waiting',
    'store/store.js',
    "this.locks.refuseAll(engineError('DB_CLOSED', 'the database is closed'));",
    '',
    'locks',
  ),
  bug(
    'a lock passes on to the last who came',
    'store/key-locks.js',
    'const [next] = lock.queue;',
    'const next = [...lock.queue].at(-1);',
    'keyLocks',
  ),
  bug(
    'a circle is not noticed',
    'store/key-locks.js',
    'if (wish === undefined) return undefined;',
    'return undefined;',
    'keyLocks',
  ),
  bug(
    'of a circle the one is refused who kept to the order',
    'store/key-locks.js',
    'return compareKeys(wanted.key, lock.key) < 0 ? holder : loser;',
    'return holder;',
    'keyLocks',
  ),
  bug(
    'a turn that takes long is never taken away',
    'store/key-locks.js',
    'else this.#takeAway(lock);',
    '',
    'keyLocks',
  ),
  bug(
    'who waits in line loses the turn that he has',
    'store/key-locks.js',
    'holder.wish !== undefined || ++turn.tickCount',
    '++turn.tickCount',
    'keyLocks',
  ),
  bug(
    'who lost a turn writes past a lock that is kept',
    'store/key-locks.js',
    'if (lock.isKept || holder?.hasLost !== true)',
    'if (holder?.hasLost !== true)',
    'keyLocks',
  ),

  // What was read.
  bug(
    'a read set forgets ranges when it grows large',
    'store/read-set.js',
    'for (const range of this.#ranges) add(range);',
    '',
    'readSet',
  ),
  bug(
    'a read set that grew large ends one key too early',
    'store/read-set.js',
    'upper: successorOf(key) }',
    'upper: key }',
    'readSet',
  ),

  bug(
    'what was added since is looked at from too late on',
    'lsm/memtable.js',
    'while (this.#markSeqNums[mark] > since) mark--;',
    '',
    'memtable',
  ),
  bug(
    'a range that ends early hides what was added since',
    'lsm/memtable.js',
    'if (maxCount < ORDER_COST) return undefined;',
    'if (maxCount < ORDER_COST) return false;',
    'memtable',
  ),
  bug(
    'prefixes lose their newest entry when their table grows',
    'lsm/run-heads.js',
    'i <= PREFIX_NUMBER; i++',
    'i < NEWEST_REF; i++',
    'memtable',
  ),
  bug(
    'an order takes all entries again',
    'lsm/key-run.js',
    'ref !== this.#newestRef;',
    'ref !== 0;',
    'memtable',
  ),

  // Savepoints.
  bug(
    'a savepoint that failed leaves its writes',
    'store/transaction.js',
    'this.#batch.rollbackTo(savepoint);',
    '',
    'savepoints',
  ),
  bug(
    'a scan goes on over writes that were taken back',
    'store/transaction.js',
    'if (scan.ordinal >= scanCount) scan.revoke();',
    '',
    'savepoints',
  ),
  bug(
    'a scan loses own writes that are written again',
    'store/write-batch.js',
    'slot.kind = entries[at + KIND];',
    'slot.kind = bytes[entries[at + RECORD_START]];',
    'savepoints',
  ),
  bug(
    'a savepoint does not wait for its calls',
    'db/transact.js',
    'await inner.end();',
    '',
    'savepoints',
  ),

  // Read-only transactions and deadlines.
  bug(
    'a transaction that only reads writes',
    'store/transaction.js',
    'if (!this.#isReadOnly) return;',
    'return;',
    'readOnly',
  ),
  bug(
    'locks go although the commit is under way',
    'store/transaction.js',
    "if (this.#phase !== 'committing') this.#finish();",
    'this.#finish();',
    'deadlines',
  ),
  bug(
    'a commit under way is told as one that did not happen',
    'db/transact.js',
    "(transaction.isCommitting ? 'unknown' : 'no')",
    "'no'",
    'deadlines',
  ),
  bug(
    'a token is free while its commit is under way',
    'db/tokens.js',
    'await work.isOver();',
    '',
    'deadlines',
  ),
]
