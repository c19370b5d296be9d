// Planted bugs about when a commit is acknowledged, durable, or known to have happened.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const DURABILITY_BUGS = [
  // Commits that are written and not durable.
  bug(
    'a spare file of the log gets its name before its header is durable',
    'wal/wal-file.js',
    'await this.sync();\n        this.#takeName();',
    'this.#takeName();\n        await this.sync();',
    'powerCut',
  ),
  bug(
    'what a lone writer writes durably is left to the next sync',
    'wal/wal-file.js',
    'this.#file.writeDurably(bytes, endBytes);',
    'this.#file.write(bytes, endBytes);',
    'powerCut',
  ),
  bug(
    'a durable write counts for what was written before it',
    'wal/wal-file.js',
    'if (isDurable && isSynced &&',
    'if (isDurable &&',
    'durability',
  ),
  bug(
    'a file of the log is left before it is durable',
    'wal/writer.js',
    'if (!sealed.isSynced) await this.#syncFile(sealed); this.#checkUsable();',
    'this.#checkUsable();',
    'powerCut',
  ),
  bug(
    'leftovers are removed before what was read is durable',
    'store/open-files.js',
    'await syncManifest(fs, directory, state);',
    ';',
    'opening',
  ),
  bug(
    'a superblock of which a part is torn stays so',
    'store/open-files.js',
    'if (!state.isSuperblockWhole || orphans.length > 0)',
    'if (orphans.length > 0)',
    'fault',
  ),
  bug(
    'what is written counts as durable',
    'store/commit-log.js',
    'if (isSynced) await this.#sync(written);',
    'if (isSynced) await this.#sync(written); this.#durable = written;',
    'powerCut',
  ),
  bug(
    'a sync commit is acknowledged like a relaxed one',
    'store/commit-log.js',
    'isSync && seqNum > this.#durable',
    'false',
    'powerCut',
  ),
  bug(
    'a sync behind relaxed commits covers its own group only',
    'wal/wal-file.js',
    'return this.syncedUpToBytes === this.endBytes;',
    'return true;',
    'durability',
  ),
  bug(
    'frames say that the log is durable up to where they begin',
    'codec/frame.js',
    'storeU64(bytes, at + 32, this.#syncedUpToBytes);',
    'storeU64(bytes, at + 32, base);',
    'powerCut',
  ),
  bug(
    'the window of relaxed commits never ends',
    'store/commit-log.js',
    'await clock.sleep(relaxedWindowMs, this.#closing.signal).catch(() => undefined);',
    'await new Promise(() => {});',
    'durability',
  ),
  bug(
    'closing leaves relaxed commits to the operating system when others find no room',
    'store/store.js',
    'await this.#log.close()',
    'await Promise.resolve()',
    'durability',
  ),
  bug(
    'whenDurable() waits for no sync',
    'store/commit-log.js',
    "return this.whenSafe(seqNum, 'sync');",
    "return this.whenSafe(seqNum, 'relaxed');",
    'durability',
  ),
  bug(
    'sync commits are read while their sync is under way',
    'store/commit-log.js',
    'await syncing;',
    'this.#readable = written; this.#options.onReadable(written); await syncing;',
    'hangingDisk',
  ),
  bug(
    'a full disk takes back what was acknowledged and not durable',
    'store/store.js',
    'tablet.forgetAfter(readable, copies);',
    'tablet.forgetAfter(this.#log.durable, copies);',
    'fullDisk',
  ),
  bug(
    'who asked for sync is told of what the power may take',
    'store/immediate-write.js',
    'await host.settle(durability); throw error;',
    "await host.settle('relaxed'); throw error;",
    'durability',
  ),

  // Transactions with a token.
  bug(
    'a token is stored by a commit of its own',
    'db/tokens.js',
    'putResult(engine, transaction, owner, { token, result });',
    'await engine.store.write((view) => putResult(engine, view, owner, { token, result }));',
    'tokens',
  ),
  bug(
    'a transaction runs although its token is stored',
    'db/tokens.js',
    'if (found !== undefined) return found;',
    '',
    'tokens',
  ),
  bug(
    'a transaction under way is told as one that never was',
    'db/tokens.js',
    'tokensUnderWay.set(turn, running.then(end, end));',
    '',
    'tokens',
  ),
  bug(
    'a repeat does not wait until the first is durable',
    'db/tokens.js',
    "else if (checked.durability === 'sync')",
    'else if (false)',
    'tokens',
  ),
  bug(
    'a token outlives the entry that it would be removed by',
    'db/tokens.js',
    'view.delete(tokenKey(home, tokenOfTimeKey(key)));',
    '',
    'tokens',
  ),
  bug(
    'the tokens of the database are kept for ever',
    'catalog/retention.js',
    'windowMs: undefined, floor: SEQ_NUM_ZERO,',
    'windowMs: Infinity, floor: SEQ_NUM_ZERO,',
    'tokens',
  ),
]
