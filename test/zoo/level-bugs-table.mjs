// Planted bugs of key spaces and the Level databases on them.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const LEVEL_BUGS = [
  bug(
    'a key space reads the keys of the tenant before it',
    'codec/raw-key.js',
    'this.#writePrefix(encoded); return encoded;',
    'return encoded;',
    'levelModel',
  ),
  bug(
    'a range begins with what lies before it',
    'codec/raw-key.js',
    'lower = this.bound(gt, true);',
    'lower = this.bound(gt);',
    'levelModel',
  ),
  bug(
    'the key of one byte more than the last is within the range',
    'db/key-scan.js',
    'compareKeys(at, range.upper) >= 0',
    'compareKeys(at, range.upper) > 0',
    'levelModel',
  ),
  bug(
    'a scan begins anew at the state of its seek',
    'db/key-space.js',
    'return this.place.at(this.seqNum);',
    'return this.place.at(this.place.engine.store.readable);',
    'levelModel',
  ),
  bug(
    'a snapshot shows the keys of another tenant',
    'connect/tenant-level.js',
    'snapshot.#space === space',
    'true',
    'level',
  ),
  bug(
    'clear() deletes all in one commit',
    'connect/tenant-level.js',
    'Math.min(left, STEP_COUNT)',
    'left',
    'level',
  ),
  bug(
    'long reads keep others from running',
    'connect/level-iterator.js',
    'await this.#yield();',
    '',
    'level',
  ),
  bug(
    'what asks for sync is relaxed',
    'connect/tenant-level.js',
    'sync === true ? SYNC : RELAXED',
    'RELAXED',
    'levelPowerCut',
  ),
]
