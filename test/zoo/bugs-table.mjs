// Bugs of one line each, planted into a copy of the built engine to see whether the harnesses catch them. Text is what
// stands in the file exactly once, however it is spaced; replacement is the bug, harness is who must notice.

/**
 * What each harness runs, with counts that every bug of its rows must fall to.
 * @type {Readonly<Record<string, { readonly path: string, readonly env?: Record<string, string> }>>}
 */
export const HARNESSES = {
  powerCut: { path: 'test/crash/power-cut', env: { POWER_CUTS: '1500' } },
  model: { path: 'test/model', env: { MODEL_RUNS: '80' } },
  fault: { path: 'test/fault/fault.test', env: { FAULT_STRIDE: '37' } },
  fullDisk: { path: 'test/fault/full-disk', env: { FULL_DISK_RUNS: '25' } },
  failingDisk: { path: 'test/crash/failing-disk' },
  kill: { path: 'test/crash/kill.test', env: { KILLS: '12' } },
  metamorphic: { path: 'test/metamorphic/store-settings', env: { METAMORPHIC_RUNS: '2' } },
  tables: { path: 'test/unit/sstable' },
  corruption: { path: 'test/corruption/sweep' },
  quarantine: { path: 'test/corruption/quarantine' },
  picker: { path: 'test/unit/lsm/picker' },
  workers: { path: 'test/db/worker-faults' },
  compat: { path: 'test/compat' },
}

/**
 * @typedef {object} Bug
 * @property {string} name
 * @property {string} file  in dist
 * @property {string} text
 * @property {string} replacement
 * @property {keyof typeof HARNESSES} harness
 */

/** @type {(name: string, file: string, text: string, replacement: string, harness: string) => Bug} */
const bug = (name, file, text, replacement, harness) => ({
  name,
  file,
  text,
  replacement,
  harness,
})

/** @type {readonly Bug[]} */
export const BUGS = [
  // Syncs that are missing, late or in the wrong order.
  bug(
    'a commit is acknowledged before its sync has ended',
    'wal/writer.js',
    'await this.#current.sync();',
    'this.#current.sync().catch(() => {});',
    'powerCut',
  ),
  bug('the log is not synced', 'wal/writer.js', 'await this.#current.sync();', '', 'powerCut'),
  bug(
    'a new log file has no synced header',
    'wal/wal-file.js',
    'this.syncNow();\n        this.syncName();',
    'this.syncName();',
    'powerCut',
  ),
  bug(
    'a new log file has no synced name',
    'wal/wal-file.js',
    'this.#place.fs.syncDirectory(this.#place.directory);',
    '',
    'powerCut',
  ),
  bug(
    'a log file made ahead of time has no synced name',
    'wal/wal-file.js',
    'await this.#place.fs.syncDirectoryOffThread(this.#place.directory);',
    '',
    'powerCut',
  ),
  bug('recovery does not sync what it reads', 'wal/recovery.js', 'file.syncNow();', '', 'fault'),
  bug(
    'a flush does not wait for the log',
    'store/maintenance.js',
    'if (memtable.maxSeqNum > log.durable)',
    'if (false)',
    'powerCut',
  ),
  bug('tables are not synced', 'sstable/table-writer.js', 'this.#file.syncNow();', '', 'powerCut'),
  bug(
    'the directory is not synced before the manifest names a table',
    'store/maintenance.js',
    'await env.fs.syncDirectoryOffThread(options.path);',
    '',
    'powerCut',
  ),
  bug('the manifest is not synced', 'lsm/manifest.js', 'await file.sync();', '', 'powerCut'),
  bug(
    'the superblock is not synced',
    'lsm/superblock.js',
    'file.write(slot, slotOffsetBytes); await file.sync();',
    'file.write(slot, slotOffsetBytes);',
    'powerCut',
  ),
  bug(
    'the name of the superblock is not synced',
    'lsm/superblock.js',
    'fs.syncDirectory(directory);',
    '',
    'powerCut',
  ),
  bug(
    'the log is removed before the manifest knows the table',
    'store/maintenance.js',
    'await env.fs.syncDirectoryOffThread(options.path);',
    'await env.fs.syncDirectoryOffThread(options.path); if (flushed) await files.wal.removeObsolete(flushed.maxSeqNum);',
    'powerCut',
  ),
  bug(
    'the log is removed when one tablet has flushed',
    'store/maintenance.js',
    'removeObsolete(Math.min(...flushed))',
    'removeObsolete(Math.max(...flushed))',
    'powerCut',
  ),
  bug(
    'a busy tablet is taken for an idle one',
    'store/maintenance.js',
    'tablet.oldestUnflushed === undefined &&',
    'true &&',
    'powerCut',
  ),

  // Failures that are swallowed or told wrongly.
  bug(
    'a failed sync of the log is swallowed',
    'wal/writer.js',
    'await this.#current.sync();',
    'await this.#current.sync().catch(() => {});',
    'fault',
  ),
  bug(
    'a failed sync is told as a commit that did not happen',
    'wal/writer.js',
    "committed: 'unknown',",
    "committed: 'no',",
    'fault',
  ),
  bug(
    'a full disk is told as a commit that did happen',
    'store/commit-log.js',
    'for (const waiter of waiters)\n            waiter.reject(error);',
    'for (const waiter of waiters)\n            waiter.resolve();',
    'fault',
  ),
  bug(
    'commits go on after a failed sync',
    'store/commit-log.js',
    'this.#options.onBroken(error);',
    '',
    'fault',
  ),
  bug(
    'who commits after a failure waits for ever',
    'store/commit-log.js',
    'for (const waiter of waiters)\n            waiter.reject(error);',
    '',
    'fault',
  ),
  bug(
    'a failed flush counts as done',
    'lsm/jobs.js',
    'outputs.abandon();\n        throw error;',
    'outputs.abandon();\n        return { tables: [], bytesRead: 0, bytesWritten: 0, entriesRead: 0, entriesDropped: 0 };',
    'fault',
  ),
  bug(
    'readers see commits that are not durable',
    'store/store.js',
    'return new FixedView(this, this.#readable);',
    'return new FixedView(this, SEQ_NUM_MAX);',
    'fault',
  ),
  bug(
    'a failed opening keeps the directory locked',
    'store/open-files.js',
    'await lock.release();\n        throw error;',
    'throw error;',
    'fault',
  ),

  // A full disk, and what passes.
  bug(
    'refused commits stay in the memtables',
    'store/store.js',
    'tablet.forgetAfter(durable);',
    '',
    'fullDisk',
  ),
  bug(
    'refused commits are written with the next',
    'store/commit-log.js',
    'this.#options.wal.dropPending();',
    '',
    'fullDisk',
  ),
  bug(
    'a copy of a memtable keeps what is newer',
    'lsm/memtable.js',
    'if (this.#arena.seqNumOf(ref) > seqNum)',
    'if (false)',
    'fullDisk',
  ),
  bug(
    'who waits for the flush under way is not told that it was refused',
    'store/commit-log.js',
    'this.#waiting.length > 0 ? this.#waiting : this.#group',
    'this.#waiting',
    'failingDisk',
  ),
  bug(
    'deletes are refused on a full disk',
    'store/store.js',
    'this.#reserve.shortage !== undefined && !batch.isDeletion',
    'this.#reserve.shortage !== undefined',
    'failingDisk',
  ),
  bug(
    'the manifest makes no space before it writes',
    'lsm/manifest.js',
    'this.#ensureSpace(payload.length);',
    '',
    'fullDisk',
  ),
  bug('a shortage never ends', 'store/reserve.js', 'this.#shortage = undefined;', '', 'fullDisk'),
  bug(
    'the reserve is not given back',
    'store/reserve.js',
    'this.#remove();\n    }\n    /** Ends',
    '}\n    /** Ends',
    'failingDisk',
  ),
  bug(
    'an opening without room leaves the reserve alone',
    'store/open-files.js',
    '!removeReserve(fs, directory)',
    'true',
    'failingDisk',
  ),
  bug(
    'callers wait while the disk is full',
    'store/lane.js',
    'if (this.isDiskFull)\n            this.#tell();',
    '',
    'failingDisk',
  ),
  bug(
    'a want of descriptors is a strike',
    'store/lane.js',
    "errno === 'EMFILE'",
    'false',
    'failingDisk',
  ),
  bug(
    'a read that failed is answered with what was in memory',
    'sstable/table-file.js',
    'if (!isBadSector(error))\n                throw error;\n        }\n        try {',
    'if (!isBadSector(error))\n                throw error;\n            return target.length;\n        }\n        try {',
    'tables',
  ),
  bug(
    'what cannot be read is no damage',
    'sstable/table-file.js',
    "throw tableCorrupt(place, 'the disk cannot read it', error);",
    'throw error;',
    'tables',
  ),

  // Recovery.
  bug(
    'replay brings back what is in tables',
    'store/open-files.js',
    'if (seqNum <= tablet.version.flushedSeqNum)',
    'if (false)',
    'model',
  ),
  bug(
    'leftovers stay',
    'store/open-files.js',
    'removeFiles(env, directory, (fileId) => !live.has(fileId))',
    '[]',
    'powerCut',
  ),
  bug(
    'the log goes on from nowhere after recovery',
    'store/open-files.js',
    'previous: log?.last,',
    'previous: undefined,',
    'powerCut',
  ),
  bug(
    'the checksum of a frame is not looked at',
    'codec/frame.js',
    'return found === loadU32(bytes, at + 28) ? end : undefined;',
    'return end;',
    'powerCut',
  ),
  bug(
    'damage before the proven end of the log is a torn tail',
    'codec/frame.js',
    "const end = provenBytes > at ? 'corrupt'",
    "const end = false ? 'corrupt'",
    'corruption',
  ),
  bug(
    'the oldest superblock wins',
    'lsm/superblock.js',
    'superblock.generation > (newest?.generation ?? 0)',
    'newest === undefined',
    'powerCut',
  ),
  bug(
    'file ids are given twice',
    'lsm/manifest.js',
    'return this.#nextFileId++;',
    'return this.#nextFileId;',
    'model',
  ),

  // Damage.
  bug(
    'checksums of blocks are not looked at',
    'sstable/table-file.js',
    'if (placedChecksum(this.#placeSeed, place.offsetBytes, target) !== checksum) {',
    'if (false) {',
    'corruption',
  ),
  bug(
    'checksums do not know their place',
    'codec/file-header.js',
    'return crc32(bytes, start, end, crc32(offsetCell, 0, 8, placeSeed));',
    'return crc32(bytes, start, end, 0);',
    'compat',
  ),

  // Versions, transactions, order.
  bug(
    'a tombstone is dropped above older versions',
    'store/maintenance.js',
    'isBottom: plan.isBottom,',
    'isBottom: true,',
    'model',
  ),
  bug(
    'compaction drops versions that snapshots need',
    'store/snapshots.js',
    'if (held < watermark)',
    'if (false)',
    'model',
  ),
  bug(
    'compaction drops history',
    'lsm/live-entries.js',
    'if (entry.seqNum <= watermark) {',
    'if (true) {',
    'model',
  ),
  bug(
    'compaction keeps an old version instead of the newest',
    'lsm/live-entries.js',
    'const isNeeded = !isSettled &&',
    'const isNeeded = isSettled &&',
    'model',
  ),
  bug(
    'scanned ranges are not validated',
    'store/transaction.js',
    'this.#host.isRangeNewer(range, this.snapshot)',
    'false',
    'model',
  ),
  bug(
    'keys that were read are not validated',
    'store/transaction.js',
    'this.#host.isKeyNewer(this.#readKeys[i], this.#readHashes[i], this.snapshot)',
    'false',
    'model',
  ),
  bug(
    'a snapshot of the past shows the present',
    'store/store.js',
    'const snapshot = seqNum < this.#readable ? seqNum : this.#readable;',
    'const snapshot = this.#readable;',
    'model',
  ),
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
    'model',
  ),

  // Workers, quarantine, processes, settings.
  bug(
    'the late answer of a worker is accepted',
    'store/job-run.js',
    'if (!result.tables.every(',
    'if (false && !result.tables.every(',
    'workers',
  ),
  bug(
    'a lost worker leaves its files',
    'store/job-run.js',
    'removeOutputs(env, job);',
    '',
    'workers',
  ),
  bug(
    'a job is never given up',
    'store/lane.js',
    'return this.#strikeCount >= STRIKE_MAX_COUNT;',
    'return false;',
    'workers',
  ),
  bug(
    'a damaged table is compacted',
    'lsm/picker.js',
    'some(({ fileId }) => damaged.has(fileId))',
    'some(() => false)',
    'picker',
  ),
  bug(
    'newer tables go below a damaged one of level 0',
    'lsm/picker.js',
    'tables.findLastIndex(({ fileId }) => damaged.has(fileId)) + 1;',
    '0;',
    'picker',
  ),
  bug(
    'tombstones over damage are dropped',
    'lsm/picker.js',
    'isMove: false, isBottom: false',
    'isMove: false, isBottom: true',
    'quarantine',
  ),
  bug(
    'damage counts as a failed job',
    'store/maintenance.js',
    'if (this.#quarantine(',
    'if (false && this.#quarantine(',
    'quarantine',
  ),
  bug(
    'reads skip what is damaged',
    'lsm/tablet.js',
    'if (table.reader.get(key, keyHash, at, slot))',
    'if ((() => { try { return table.reader.get(key, keyHash, at, slot); } catch { return false; } })())',
    'quarantine',
  ),
  bug(
    'a flush goes on although the log has failed',
    'store/maintenance.js',
    'await log.settle();',
    'await log.settle().catch(() => {});',
    'failingDisk',
  ),
  bug(
    'a commit is acknowledged before it is written',
    'store/commit-log.js',
    'await wal.flush();',
    'for (const waiter of group) waiter.resolve(); await clock.sleep(20); await wal.flush();',
    'kill',
  ),
  bug(
    'two commits get one number',
    'store/store.js',
    'wall : previous + 1',
    'wall : previous',
    'model',
  ),
  bug(
    'a transaction reads what is committed after it began',
    'store/store.js',
    'new StoreTransaction(this, this.#readable)',
    'new StoreTransaction(this, SEQ_NUM_MAX)',
    'model',
  ),
  bug(
    'the past forgets deletes once they are compacted',
    'lsm/live-entries.js',
    'isBottom && entry.kind === ENTRY_KIND_DELETE',
    'entry.kind === ENTRY_KIND_DELETE',
    'metamorphic',
  ),
]
