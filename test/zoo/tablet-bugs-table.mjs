// Bugs of tablets that split and merge; as in bugs-table.mjs.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const TABLET_BUGS = [
  bug(
    'a memtable that two tablets share counts as flushed when one has flushed it',
    'store/tablet-jobs.js',
    '(memtable === flushed && tablet === flushing)',
    'memtable === flushed',
    'tablets',
  ),
  bug(
    'a flush writes tenants of another tablet',
    'store/tablet-jobs.js',
    'hashes: memtable.isShared ? hashesOf(tablet) : undefined,',
    '',
    'tablets',
  ),
  bug(
    'a checkpoint writes tenants of another tablet',
    'store/checkpoint.js',
    'hashes: memtable.isShared ? place : undefined,',
    '',
    'tablets',
  ),
  bug(
    'a shared file goes with the first tablet that lets go of it',
    'store/open-tables.js',
    'if (tabletIds.length > 0)',
    'if (false)',
    'tablets',
  ),
  bug(
    'a shared file stays although one tablet alone has a share of it',
    'store/garbage-collection.js',
    'own.isAny || this.#isPartAbandoned(meta, shares)',
    'own.isAny',
    'tablets',
  ),
  bug(
    'damage of a shared table is told of one tablet',
    'store/open-tables.js',
    'for (const id of new Set(tabletIds))',
    'for (const id of tabletIds.slice(0, 1))',
    'tablets',
  ),
  bug(
    'a compaction takes the shares of tablets behind its own',
    'sstable/table-stream.js',
    'while (++this.#tenant < this.#tenantEnd)',
    'while (++this.#tenant < directory.tenantCount)',
    'tableShares',
  ),
  bug(
    "a scan takes other tablets' shares of a table",
    'lsm/table-share.js',
    'return isHashIn(this.#share, tenantHashOfKey(keyBytes, keyStart));',
    'return true;',
    'tableShares',
  ),
  bug(
    'shares are joined over what lies between them',
    'lsm/table-share.js',
    'if (reader.pieceOf(range)?.bytes !== bytes)',
    'if (false)',
    'tableShares',
  ),
  bug(
    'a tablet that is at rest is not told from one at work',
    'store/rebalance-picker.js',
    'now - load.newestSeqNum > limits.restMs * 1000 &&',
    '',
    'rebalancePicker',
  ),
]
