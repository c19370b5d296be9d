// The database that the sweep damages: small, the same on every run, with every file type, several tables on several
// levels, several tenants, versions, tombstones and indexes, and a log that nobody closed.
import { EventSource } from '../../dist/base/events.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { Catalog } from '../../dist/catalog/catalog.js'
import { t, table } from '../../dist/index.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { Database } from '../../dist/db/database.js'
import { Engine } from '../../dist/db/engine.js'
import { readFile } from '../../dist/env/file-system.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { buildIndexes } from '../../dist/indexes/index-build.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { Store } from '../../dist/store/store.js'
import { memoryEnv } from '../../dist/testing.js'

export const DIRECTORY = '/db'
export const TENANTS = ['acme', 'birch', 'cedar']

const items = table(
  'items',
  { id: t.text(), n: t.int(), note: t.text().nullable(), doc: t.json().nullable() },
  { primaryKey: ['id'], indexes: { byN: ['n'] } },
)
export const TABLES = { items }
export type Items = Database<typeof TABLES>

const OPTIONS: StoreOptions = {
  path: DIRECTORY,
  createIfMissing: true,
  defaultTabletCount: 2,
  memtableBudgetBytes: 1 << 20,
  blockCacheBytes: 1 << 20,
  blockBytes: 512,
  walFileBytes: 4096,
  outputTableBytes: 6000,
  relaxedWindowMs: 100,
  historyWindowMs: 86_400_000,
  transform: IDENTITY_TRANSFORM,
  picker: {
    level0MaxCount: 4,
    level1MaxBytes: 8000,
    levelRatio: 4,
    level0BiteBytes: 1 << 20,
    moveMinBytes: 0,
  },
}

/** More calls than any opening, read-back and compaction of this database needs: beyond it something loops. */
const CALL_MAX_COUNT = 200_000

export interface Opened {
  readonly store: Store
  /** Puts tables and tenants on top. */
  database(): Promise<Items>
}

/** Opens what is there; an endless loop over files ends as a failure. */
export async function openImage(
  fs: MemoryFileSystem,
  seed = 1,
  changes: Partial<StoreOptions> = {},
): Promise<Opened> {
  let remaining = CALL_MAX_COUNT
  fs.inject = () => {
    if (remaining-- <= 0) throw new RangeError('the engine makes file calls without end')
    return undefined
  }
  const env = memoryEnv({ seed, fs })
  const events = new EventSource()
  const options = { ...OPTIONS, createIfMissing: seed === 1, ...changes }
  const store = await Store.open(options, env, events)
  const database = async () => {
    const declared = Object.values(TABLES).map(({ declaration }) => declaration)
    const catalog = await Catalog.open(store, declared, buildIndexes)
    const engine = new Engine(store, catalog, env, { tokenWindowMs: 1000, rowCache: undefined })
    const settings = {} as never
    const onClosed = async () => undefined
    const absolute = (name: string) => name
    const parts = { path: DIRECTORY, engine, events, settings, absolute, onClosed }
    return new Database<typeof TABLES>(parts)
  }
  return { store, database }
}

/** A commit that only the log holds still changes and deletes what tables hold. */
async function writeRound(db: Items, round: number): Promise<void> {
  for (const [i, name] of TENANTS.entries()) {
    const tenant = db.tenant(name)
    const rows = Array.from({ length: 6 + i * 3 }, (_, j) => {
      const id = `k${String((round * 7 + j * 3) % 60).padStart(2, '0')}`
      return { id, n: (round * 5 + j) % 17, note: `${name} ${round}.${j}`, doc: { round, j } }
    })
    await tenant.items.upsert(rows)
    await tenant.items.delete(`k${String((round * 11 + i) % 60).padStart(2, '0')}`)
  }
}

export interface Reference {
  /** As a crash after the last commit leaves it, with all that was synced. */
  readonly image: MemoryFileSystem
  /** Earlier states of the directory. */
  readonly earlier: readonly ReadonlyMap<string, Uint8Array>[]
}

export async function buildReference(): Promise<Reference> {
  let fs = new MemoryFileSystem()
  const earlier: ReadonlyMap<string, Uint8Array>[] = []
  for (let session = 0; session < 4; session++) {
    const { store, database } = await openImage(fs, 1)
    const db = await database()
    for (let round = 0; round < 5; round++) {
      await writeRound(db, session * 5 + round)
      earlier.push(filesOf(fs))
      // The last session stays in the log.
      if (session < 3 && round % 2 === 1) await db.flush()
    }
    if (session === 1) await db.compact()
    earlier.push(filesOf(fs))
    if (session === 2) {
      await db.close()
      earlier.push(filesOf(fs))
    } else {
      void store
      fs = fs.clone()
    }
  }
  return { image: fs, earlier }
}

/** Every file of the directory by name. */
export function filesOf(fs: MemoryFileSystem): ReadonlyMap<string, Uint8Array> {
  const names = fs.list(DIRECTORY)
  return new Map(names.map((name) => [name, readFile(fs, `${DIRECTORY}/${name}`)]))
}

/** One key with all its versions, newest first. */
export interface KeyHistory {
  readonly key: Uint8Array
  readonly tenant: string
  readonly versions: readonly { readonly seqNum: SeqNum; readonly value: string | undefined }[]
}
