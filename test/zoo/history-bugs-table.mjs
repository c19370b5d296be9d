// Bugs of history that lies apart from current versions, and of garbage; as in bugs-table.mjs.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const HISTORY_BUGS = [
  bug(
    'a scan of the past does not look into history',
    'sstable/table-reader.js',
    'if (at >= this.#lastEndSeqNum)',
    'if (true)',
    'garbage',
  ),
  bug(
    'a point read of the past does not look into history',
    'sstable/table-reader.js',
    'if (maxSeqNum >= this.#lastEndSeqNum)',
    'if (true)',
    'tables',
  ),
  bug(
    'history counts as over when its first version ended',
    'sstable/table-reader.js',
    'this.#lastEndSeqNum = meta.history?.lastEndSeqNum',
    'this.#lastEndSeqNum = meta.history?.firstEndSeqNum',
    'tables',
  ),
  bug(
    'a version ends when it begins',
    'sstable/table-writer.js',
    'this.#garbage.addSuperseded(entryBytes, this.#lastSeqNum);',
    'this.#garbage.addSuperseded(entryBytes, seqNum);',
    'tables',
  ),
  bug(
    'compaction leaves history behind',
    'lsm/jobs.js',
    "const parts = ['main', 'history'];",
    "const parts = ['main'];",
    'jobs',
  ),
  bug(
    'a block is taken over although another table reaches into it',
    'sstable/table-stream.js',
    'return next < blockCount ? order <= 0 : order < 0;',
    'return true;',
    'jobs',
  ),
  bug(
    'blocks with tombstones are taken over',
    'sstable/table-stream.js',
    'this.#file.properties.tombstoneCount > 0 &&',
    'false &&',
    'jobs',
  ),
  bug(
    'jobs merge old versions first',
    'lsm/merge-stream.js',
    'a.seqNum > b.seqNum',
    'a.seqNum < b.seqNum',
    'jobs',
  ),
  bug(
    'verification does not compare history with what supersedes it',
    'sstable/table-verify.js',
    'if (history.seqNum >= this.#lastSeqNum) {',
    'if (false) {',
    'tables',
  ),
  bug(
    'a rewrite drops tombstones that hide older versions below',
    'lsm/picker.js',
    'return { inputs: [{ level, meta }], outputLevel: level, isMove: false, isBottom };',
    'return { inputs: [{ level, meta }], outputLevel: level, isMove: false, isBottom: true };',
    'garbagePicker',
  ),
  bug(
    'a rewrite drops tombstones that hide older versions in level 0',
    'lsm/picker.js',
    'older.unshift(',
    'older.concat(',
    'garbagePicker',
  ),
  bug(
    'tombstones count as garbage wherever they are',
    'lsm/garbage.js',
    'if (!isBottom || row.tombstoneBytes === 0)',
    'if (row.tombstoneBytes === 0)',
    'jobs',
  ),
  bug(
    'a rewritten table is rewritten again',
    'lsm/garbage-picker.js',
    'meta.fileId >= endFileId ||',
    '',
    'garbagePicker',
  ),
  bug(
    'tables are rewritten for next to nothing',
    'lsm/garbage-picker.js',
    'gainBytes >= GARBAGE_MIN_SHARE *',
    'gainBytes >= 0 *',
    'garbagePicker',
  ),
  bug('nobody looks for garbage', 'store/maintenance.js', 'this.#noticeGarbage();', '', 'garbage'),
  bug(
    'compact() leaves what lies in a small level 0',
    'lsm/garbage-picker.js',
    'if (level0.length > 0 &&',
    'if (false && level0.length > 0 &&',
    'garbage',
  ),
]
