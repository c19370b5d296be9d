// @ts-check
// Bugs of time travel.

import { bug } from './bug.mjs'

/** @type {readonly import('./bug.mjs').Bug[]} */
export const TIME_BUGS = [
  bug(
    'the past is read with the tables of now',
    'catalog/catalog.js',
    'if (seqNum >= this.schema.since)',
    'if (true)',
    'pastReads',
  ),
  bug(
    'a plan of the past is made for the tables of another moment',
    'query/execute.js',
    'const known = this.#plans.get(key);',
    'const known = this.#plans.get(key) ?? this.#plans.values().next().value;',
    'pastReads',
  ),
  bug(
    'of the past AS OF is what the statement sees itself',
    'query/execute.js',
    'view: sources[table].view',
    'view: context.view',
    'pastReads',
  ),
  bug(
    'states of the past have the columns of now',
    'db/row-history.js',
    'engine.mapper(table, engine.catalog.schemaAt(seqNum))',
    'engine.mapper(table)',
    'pastReads',
  ),
  bug(
    'a diff of the past passes over keys that changed again later',
    'store/change-scan.js',
    'this.#skipTo(seqNum > at ? at : SEQ_NUM_ZERO);',
    'this.#skipTo(SEQ_NUM_ZERO);',
    'pastReads',
  ),
  bug(
    'a diff of the past loses a key when it pauses',
    'store/change-scan.js',
    "this.#begin = 'look';",
    "this.#begin = 'skip';",
    'rowHistory',
  ),
  bug(
    'a history of the past leaves out the state that it begins with',
    'store/version-reads.js',
    'if (isBehind(entry, upper))',
    'if (isBehind(entry, upper) || entry.seqNum < from)',
    'rowHistory',
  ),
  bug(
    'the past is blamed although it is not known',
    'db/row-history.js',
    'if (newer.seqNum > floor)',
    'if (true)',
    'rowHistory',
  ),
  bug(
    'a rewind to the past does not see what others write meanwhile',
    'db/rewind.js',
    'transaction.watch(rowRange);',
    '',
    'rewind',
  ),
  bug(
    'a rewind to the past lets unique values meet half-way',
    'db/rewind.js',
    'some(({ isUnique }) => isUnique)',
    'some(() => false)',
    'rewind',
  ),
  bug(
    'a rewind to the past gives up where its tenant is busy',
    'db/rewind.js',
    "if (!isCode(error, 'TXN_CONFLICT'))",
    '',
    'rewind',
  ),
]
