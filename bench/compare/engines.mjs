// The engines of the comparison, each behind the same few calls and with the settings that suit it best. Rows go in and come
// out as equal objects.
import { readFileSync } from 'node:fs'

const ours = 'checksums, LZ4; memtables 128 MiB, with the block cache at most 512 MiB'

/**
 * The `open` of an adapter takes a directory and
 *   isRelaxed    commits return before they are durable; otherwise a commit that returned has been synced
 *   bufferBytes  how much may wait in memory, and so in the log, to be brought into tables, where that can be set
 * and gives
 *   load(tenants, rows)       one commit of many rows, row i of tenant i; a promise where the next can be made meanwhile
 *   commit(tenant, row)       one commit of one row; a promise where commits can share a sync
 *   commitAlone(tenant, row)  what suits a client better that is alone, where there is such a thing
 *   get(tenant, id)           the row or undefined
 *   last(tenant, count)       rows of a tenant, the greatest ids first
 *   loadEvents(events)        one commit of many events
 *   getEvent(tenant, id)
 *   settle()                  finishes flushes and compaction
 *   close()
 *
 * `modules` is what a program that uses the engine imports, `environment` what it is started with. A variant shows what a
 * feature of ours costs, or gains: it differs by its `options`, and is measured in some `workloads` only.
 */
export const ENGINES = {
  tabularium: {
    modules: ['../../../dist/index.js'],
    settings: `history on (24 h), no secondary index; ${ours}`,
    adapter: './engines/tabularium.mjs',
  },
  'tabularium with indexes': {
    modules: ['../../../dist/index.js'],
    variantOf: 'tabularium',
    settings: `history on (24 h), indexes of (customerId, purchasedAtMs) and (status, purchasedAtMs); ${ours}`,
    adapter: './engines/tabularium.mjs',
    options: { isIndexed: true },
  },
  'tabularium without history': {
    modules: ['../../../dist/index.js'],
    variantOf: 'tabularium',
    settings: `history off, no secondary index; ${ours}`,
    adapter: './engines/tabularium.mjs',
    options: { historyWindowMs: 0 },
  },
  'tabularium with row cache': {
    modules: ['../../../dist/index.js'],
    variantOf: 'tabularium',
    settings: `the same with a row cache of 256 MiB, a part of the 512: rows are frozen, and those read before are not read anew`,
    adapter: './engines/tabularium.mjs',
    options: { rowCacheBytes: 256 * 2 ** 20 },
    // To read there has to be something.
    workloads: ['load', 'read', 'memory'],
  },
  lmdb: {
    modules: ['lmdb'],
    settings:
      'msgpack with shared structures, key "tenant:id"; overlappingSync=false, so that a commit is durable when it returns; relaxed: noSync',
    adapter: './engines/lmdb.mjs',
  },
  'classic-level': {
    modules: ['classic-level', 'msgpackr'],
    // LevelDB gathers commits of as many threads as there are.
    environment: { UV_THREADPOOL_SIZE: '64' },
    settings:
      'msgpackr records, key "tenant:id"; sync per batch, Snappy, write buffer 64 MiB, block cache 256 MiB, 64 libuv threads',
    adapter: './engines/level.mjs',
  },
  rocksdb: {
    package: '@nxtedition/rocksdb',
    modules: ['@nxtedition/rocksdb', 'msgpackr'],
    settings:
      'msgpackr records, key "tenant:id"; sync per batch, ZSTD with dictionary and compressed log (the defaults of @nxtedition/rocksdb), memtables 256 MiB, block cache 256 MiB, 2 background threads',
    adapter: './engines/rocks.mjs',
  },
  'better-sqlite3': {
    modules: ['better-sqlite3'],
    settings:
      'typed table WITHOUT ROWID, key (tenant, id); journal_mode=WAL, synchronous=FULL (relaxed: OFF), wal_autocheckpoint=4000, cache 256 MiB, mmap 2 GB',
    adapter: './engines/sqlite.mjs',
  },
}

/** The adapter of an engine, and the engine with it. */
export const importEngine = (name) => import(ENGINES[name].adapter)

/** Opens an engine on a directory; see ENGINES. */
export async function openEngine(name, path, options = {}) {
  const { open } = await importEngine(name)
  return open(path, { ...options, ...ENGINES[name].options })
}

export const OURS = 'tabularium'
export const isOurs = (name) => name === OURS || ENGINES[name]?.variantOf === OURS

/** The version of an engine's package; undefined when it is not installed. */
export function versionOf(name) {
  const { package: packageName = name } = ENGINES[name]
  const path = isOurs(name) ? '../../package.json' : `./node_modules/${packageName}/package.json`
  try {
    return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version
  } catch {
    return undefined
  }
}
