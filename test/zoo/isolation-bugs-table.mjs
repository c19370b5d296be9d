// Planted bugs about what a transaction sees, and which transactions may both commit.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const ISOLATION_BUGS = [
  // What a serializable transaction has read.
  bug(
    'keys that were read and not found are not validated',
    'store/transaction.js',
    'this.#reads?.addKey(key, keyHash);',
    'if (!this.#host.get(key, keyHash, this.snapshot, slot)) return false; this.#reads?.addKey(key, keyHash);',
    'sessions',
  ),
  bug(
    'ranges that were read to their end are not validated',
    'store/transaction.js',
    "if (this.#state === 'exhausted') return this.#range;",
    "if (this.#state === 'exhausted') return undefined;",
    'lists',
  ),
  bug(
    'scans that stopped early are not validated',
    'store/transaction.js',
    'const last = this.#lastKey ?? this.entry.copyKey();',
    'return undefined; const last = undefined;',
    'sessions',
  ),
  bug(
    'scans that ran backwards are validated in front of where they stopped',
    'store/transaction.js',
    'return { lower: last, upper: this.#range.upper };',
    'return { lower: this.#range.lower, upper: last };',
    'sessions',
  ),
  bug(
    'every transaction gets snapshot isolation',
    'store/transaction.js',
    "!this.#isReadOnly && mode.isolation !== 'snapshot'",
    'false',
    'invariants',
  ),
  bug(
    'a scan does not find what the transaction itself has written',
    'store/transaction.js',
    'const own = this.#batch.isEmpty ? undefined : this.#batch;',
    'const own = undefined;',
    'sessions',
  ),
  bug(
    'validation looks at readable commits only',
    'store/store.js',
    'return this.#tablets.of(key).isNewer(key, keyHash, since, this.#probeSlot);',
    'return this.#tablets.of(key).isNewer(key, keyHash, since, this.#probeSlot) && this.#probeSlot.seqNum <= this.#readable;',
    'lists',
  ),

  // What a transaction under snapshot isolation writes.
  bug(
    'a snapshot transaction may write what another one has written',
    'store/transaction.js',
    "return key && this.#refusal(key, 'a row that it writes was changed by another commit');",
    'return undefined;',
    'lists',
  ),
  bug(
    'only the first write of a snapshot transaction is looked at',
    'store/transaction.js',
    'if (overtaken !== undefined) return; const key',
    'if (overtaken !== undefined || keyStart > 0) return; const key',
    'lists',
  ),

  // Which state is seen.
  bug(
    'a transaction begins on commits that may still be lost',
    'store/store.js',
    "const open = this.#openAt(this.#readable, { kind: 'transaction'",
    "this.#readable = this.#last; const open = this.#openAt(this.#readable, { kind: 'transaction'",
    'lists',
  ),
  bug(
    'what a savepoint has taken back is committed',
    'store/transaction.js',
    'this.#batch.rollbackTo(savepoint);',
    '',
    'sessions',
  ),
  bug(
    'each transaction that makes a tenant gives it a number of its own',
    'catalog/catalog.js',
    'this.#givenIds.get(name) ?? this.#giveId(name)',
    'this.#giveId(name)',
    'transactions',
  ),

  // The row cache.
  bug(
    'the row cache keeps rows that a commit wrote',
    'store/tablet-map.js',
    'objects.forget(keyHash, seqNum);',
    '',
    'rowCache',
  ),
  bug(
    'the row cache keeps what a snapshot saw before a commit under way',
    'store/object-cache.js',
    'if (this.#writtenSeqNums[first / WAYS] > snapshot) return;',
    '',
    'rowCache',
    'objectCache',
  ),
  bug(
    'the row cache gives a row to whoever has a key of the same hash',
    'store/object-cache.js',
    'item.owner !== owner',
    'false',
    'objectCache',
  ),
  bug(
    'the row cache shares dates and bytes',
    'indexes/frozen-rows.js',
    'if (this.#copiedNames.length === 0) return row;',
    'return row;',
    'rowCache',
  ),
]
