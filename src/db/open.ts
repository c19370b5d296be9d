// The only composition root: settings are checked, parts are put together, tables are declared.

import { resolve } from 'node:path'
import { engineError } from '../base/errors.js'
import { EventSource } from '../base/events.js'
import { checkOptionNames, readSettings } from '../base/options.js'
import { GiB, KiB, MiB } from '../base/limits.js'
import { Catalog } from '../catalog/catalog.js'
import { IDENTITY_TRANSFORM } from '../codec/block-transform.js'
import type { Env } from '../env/env.js'
import { lateModule } from '../env/late-module.js'
import { nodeEnv } from '../env/node-env.js'
import { checkKernels } from '../kernels/chosen-kernels.js'
import { JOB_MAX_COUNT } from '../store/job-turns.js'
import type { StoreOptions } from '../store/store-options.js'
import { buildIndexes } from '../indexes/index-build.js'
import { ObjectCache } from '../store/object-cache.js'
import { Store } from '../store/store.js'
import { Database } from './database.js'
import { Engine } from './engine.js'
import {
  checkDirectoryName,
  type DatabaseSettings,
  type OpenSettings,
  SETTINGS,
} from './options.js'
import { declareRetention } from './retention.js'
import type { SalvagedDatabase } from './salvaged-database.js'
import { RESERVED_TABLE_NAMES, type Tables } from './tenant-session.js'

/** Stored bytes per block before compression, and per sstable; measured defaults, not settings. */
const BLOCK_BYTES = 16 * KiB
const OUTPUT_TABLE_BYTES = 32 * MiB
/** Of all memtables together, however much memory there is: they are in the log, too. */
const MEMTABLES_MAX_BYTES = 4 * GiB

const salvagedDatabases = lateModule(() => import('./salvaged-database.js'))

/** The directory, its tables, and the settings of docs/options.md. */
export interface OpenOptions<T extends Tables> extends OpenSettings {
  /** The directory of the database; made when it is missing. */
  readonly path: string
  /** Tables by the name that sessions show them under. Without it, the tables that are stored. */
  readonly tables?: T
}

/** Parts that a test may replace. */
export interface Components {
  readonly env?: Env
}

/**
 * Opens a database, recovering what its log proves, or creates it.
 *
 * @throws DB_LOCKED when another process or handle has it open
 * @throws DB_NOT_FOUND DB_NOT_A_DATABASE FORMAT_UNSUPPORTED OPTION_UNKNOWN OPTION_OUT_OF_RANGE
 * @throws SCHEMA_INVALID SCHEMA_MISMATCH when the declared tables are impossible or do not fit the stored ones
 * @throws WAL_CORRUPT MANIFEST_CORRUPT FILE_MISSING when the files are damaged; nothing is changed then
 * @example
 * await using db = await open({ path: './data', tables: { orders } })
 */
export async function open<const T extends Tables = {}>(
  options: OpenOptions<T>,
  components: Components = {},
): Promise<Database<T>> {
  const { path, tables, ...given } = checkedOptions(options)
  checkTableNames(tables)
  const opened = await openStore(path, given, components)
  const { store, env, events, directory, settings, rowCache, absolute, onClosed } = opened
  const { tokenWindowMs } = settings
  try {
    const catalog = await Catalog.open(
      store,
      tables === undefined ? undefined : Object.values(tables).map((table) => table.declaration),
      buildIndexes,
    )
    await declareRetention(store, catalog, tables)
    const engine = new Engine(store, catalog, env, { tokenWindowMs, rowCache })
    return new Database<T>({ path: directory, engine, events, settings, absolute, onClosed })
  } catch (error) {
    await store.close()
    await onClosed()
    throw error
  }
}

/**
 * Opens what is left of a damaged database to be read row by row. Nothing on the disk is changed.
 *
 * @throws DB_LOCKED DB_NOT_FOUND DB_NOT_A_DATABASE FORMAT_UNSUPPORTED
 * @throws MANIFEST_CORRUPT FILE_MISSING when superblock or manifest are damaged: nothing else says which files count
 */
export async function openSalvaged(
  path: string,
  components: Components = {},
): Promise<SalvagedDatabase> {
  const { SalvagedDatabase } = await salvagedDatabases()
  const { store, onClosed } = await openStore(path, { salvage: true }, components)
  try {
    return new SalvagedDatabase(store, onClosed)
  } catch (error) {
    await store.close()
    await onClosed()
    throw error
  }
}

async function openStore(path: string, given: OpenSettings, components: Components) {
  checkComponents(components)
  const settings = readSettings(SETTINGS, given)
  checkRowCache(settings)
  checkKernels()
  const env =
    components.env ??
    nodeEnv({
      jobModule: new URL('../lsm/job-worker.js', import.meta.url),
      jobThreadCount: JOB_MAX_COUNT,
    })
  const onClosed = async () => {
    if (components.env === undefined) await env.jobs.close()
  }
  const events = new EventSource()
  const absolute = (name: string) => (components.env === undefined ? resolve(name) : name)
  const directory = absolute(path)
  const { rowCacheBytes } = settings
  const rowCache = rowCacheBytes === 0 ? undefined : new ObjectCache(rowCacheBytes)
  const options = { ...storeOptions(directory, settings), objects: rowCache }
  try {
    const store = await Store.open(options, env, events)
    return { store, env, events, directory, settings, rowCache, absolute, onClosed }
  } catch (error) {
    await onClosed()
    throw error
  }
}

function checkRowCache({ rowCacheBytes, memoryBudgetBytes }: DatabaseSettings): void {
  const most = Math.floor(memoryBudgetBytes / 2)
  if (rowCacheBytes <= most) return
  const allowed = `0 to ${most}`
  throw engineError(
    'OPTION_OUT_OF_RANGE',
    `rowCacheBytes must be at most half of memoryBudgetBytes, ${allowed}, not ${rowCacheBytes}`,
    { details: { option: 'rowCacheBytes', allowed, found: String(rowCacheBytes) } },
  )
}

function storeOptions(path: string, settings: DatabaseSettings): StoreOptions {
  return {
    path,
    createIfMissing: settings.createIfMissing,
    isSalvage: settings.salvage,
    defaultTabletCount: settings.tabletCount,
    memoryBudgetBytes: settings.memoryBudgetBytes,
    ...memoryShares(settings.memoryBudgetBytes - settings.rowCacheBytes),
    walFileBytes: settings.walFileBytes,
    relaxedWindowMs: settings.relaxedWindowMs,
    historyWindowMs: settings.historyWindowMs,
    hasPolicies: true,
    snapshotMaxAgeMs: settings.snapshotMaxAgeMs,
    blockBytes: BLOCK_BYTES,
    outputTableBytes: OUTPUT_TABLE_BYTES,
    transform: IDENTITY_TRANSFORM,
  }
}

/**
 * Writers wait when memtables hold twice what their flushes begin at, with what finds and orders the entries up to two thirds
 * of what the row cache leaves of the budget; the rest is always the cache's.
 */
function memoryShares(bytes: number) {
  const quarterBytes = Math.floor(bytes / 4)
  return {
    memtableBudgetBytes: Math.min(quarterBytes, MEMTABLES_MAX_BYTES),
    blockCacheBytes: quarterBytes,
  }
}

function checkedOptions<T extends Tables>(options: OpenOptions<T>): OpenOptions<T> {
  if (typeof options !== 'object' || options === null) {
    throw engineError('ARGUMENT_INVALID', 'open() takes an object: open({ path, tables })')
  }
  checkDirectoryName('path', options.path)
  const { tables } = options
  if (tables !== undefined && (typeof tables !== 'object' || tables === null)) {
    throw engineError('ARGUMENT_INVALID', 'tables must be an object: { orders }')
  }
  return options
}

function checkComponents(components: Components): void {
  checkOptionNames('the second argument of open()', components, ['env'])
  const { env } = components
  if (env === undefined || typeof env?.fs === 'object') return
  throw engineError('ARGUMENT_INVALID', 'env must be a world as memoryEnv() makes them')
}

function checkTableNames(tables: Tables | undefined): void {
  for (const [name, table] of Object.entries(tables ?? {})) {
    if (table?.declaration === undefined) {
      throw engineError('SCHEMA_INVALID', `tables.${name} is not made by table()`)
    }
    if (table.declaration.name !== name) {
      throw engineError(
        'SCHEMA_INVALID',
        `tables.${name} declares the table ${table.declaration.name}: use the same name`,
      )
    }
    if (RESERVED_TABLE_NAMES.has(name)) {
      throw engineError('SCHEMA_INVALID', `a table cannot be named ${name}: sessions use that name`)
    }
  }
}
