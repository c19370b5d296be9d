// @ts-check
// Bugs of retention, holds, and snapshots that are open for long.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const RETENTION_BUGS = [
  bug(
    'what a tenant keeps is overlooked by jobs',
    'lsm/watermarks.js',
    'const ofTenant = this.#search(tenant);',
    'const ofTenant = undefined;',
    'retention',
  ),
  bug(
    'what a table of a tenant keeps is overlooked by jobs',
    'lsm/watermarks.js',
    'if (ofTable !== undefined)',
    'if (false)',
    'retention',
  ),
  bug(
    'a watermark is taken for that of the next table, too',
    'lsm/watermarks.js',
    'if (isSame)',
    'if (this.#isPrefixKnown)',
    'retention',
  ),
  bug(
    'a hold holds nothing',
    'store/history-floors.js',
    'heldFrom < limit ? heldFrom : limit',
    'limit',
    'retention',
  ),
  bug(
    'floors move on while a policy changes',
    'store/history-floors.js',
    'if (this.#changeCount === 0)',
    'if (true)',
    'snapshots',
  ),
  bug(
    'versions are dropped before policies are known',
    'store/history-floors.js',
    'if (!this.#isKnown)',
    'if (false)',
    'snapshots',
  ),
  bug(
    'policies that are read late spare what is gone for snapshots that are open by then',
    'store/history-floors.js',
    'this.#raise(this.#tenants.values(), []);',
    'this.#raise(this.#tenants.values(), this.#snapshots.heldSeqNums());',
    'snapshots',
  ),
  bug(
    'a longer window forgets where it began',
    'catalog/retention.js',
    'floor: floors.ofTable(id, tableId)',
    'floor: 0',
    'retention',
  ),
  bug(
    'opening forgets what was dropped',
    'lsm/version.js',
    '(edit.historyMarks ?? []).reduce(addMark, this.historyMarks)',
    'this.historyMarks',
    'retention',
  ),
  bug(
    'of two moments only the later one is remembered',
    'lsm/history-marks.js',
    'return a.moment >= b.moment && a.durable >= b.durable;',
    'return a.moment >= b.moment;',
    'marks',
  ),
  bug(
    'a read below the floor of its table is answered',
    'store/store-views.js',
    'if (floors.isWholeAt(open.seqNum))',
    'if (true)',
    'retention',
  ),
  bug(
    'changes since a moment below the floor are answered',
    'store/store-views.js',
    'this.#check(this.#floors.ofRange(range)); return super.changes(range, at);',
    'return super.changes(range, at);',
    'snapshots',
  ),
  bug(
    'a part of the history of a row is taken for all of it',
    'store/store.js',
    'if (from !== undefined && from < floor)',
    'if (false)',
    'snapshots',
  ),
  bug(
    'snapshots hold history back for ever',
    'store/snapshots.js',
    'if (!this.#isExpired(snapshot))',
    'if (true)',
    'snapshots',
  ),
  bug(
    'a snapshot is revoked before its age',
    'store/snapshots.js',
    'if (snapshot.seqNum >= floor || !this.#isExpired(snapshot))',
    'if (snapshot.seqNum >= floor)',
    'snapshots',
  ),
  bug(
    'a revoked scan looks as if it had come to its end',
    'store/scan.js',
    'open?.assertHeld();',
    '',
    'snapshots',
  ),
  bug(
    'a revoked transaction commits',
    'store/transaction.js',
    '#validate() { // Versions that it would have to be validated against may be gone.\n this.#open.assertHeld();',
    '#validate() {',
    'snapshots',
  ),
  bug(
    'a revoked scan keeps its files',
    'store/snapshots.js',
    'for (const scan of this.#scans ?? []) scan.close();',
    '',
    'snapshots',
  ),
]
