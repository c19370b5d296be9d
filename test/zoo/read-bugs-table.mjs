// Bugs of finding entries in sorted runs and memtables; as in bugs-table.mjs.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const READ_BUGS = [
  bug(
    'level 0 is read oldest table first',
    'lsm/version.js',
    'return b.maxSeqNum - a.maxSeqNum ||',
    'return a.maxSeqNum - b.maxSeqNum ||',
    'model',
  ),
  bug(
    'merging puts old versions first',
    'lsm/merge-cursor.js',
    'return order !== 0 ? order : b.seqNum - a.seqNum;',
    'return order !== 0 ? order : a.seqNum - b.seqNum;',
    'model',
  ),
  bug(
    'versions of a key that cross blocks are lost',
    'sstable/table-reader.js',
    'while (outcome === BLOCK_PAST_END &&',
    'while (false &&',
    'tables',
  ),
  bug(
    'a run that goes on first goes past the first entry of one of the others',
    'lsm/merge-cursor.js',
    'heap[isRight ? 2 : 1]',
    'heap[1]',
    'tables',
  ),
  bug(
    'what is replayed has no older versions',
    'lsm/replayed-entries.js',
    'arena.setPrevious(ref, older);',
    '',
    'memtable',
  ),
]
