// The engines, each behind the same few calls and with the settings that suit it best. All are durable: a commit that
// returned has been synced. Rows go in and come out as the same objects: Dates, decimals as text, items as an array.
import { createRequire } from 'node:module'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainOrders } from '../orders.mjs'

const MIB = 1 << 20
const CACHE_BYTES = 256 * MIB
const require = createRequire(import.meta.url)

/** The version of an installed package; undefined when it is not there. */
export function versionOf(name) {
  const path = name === 'tabularium' ? '../../package.json' : `./node_modules/${name}/package.json`
  try {
    return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version
  } catch {
    return undefined
  }
}

/**
 * Each opens a directory and gives
 *   load(tenant, rows)   one commit of many rows
 *   commit(tenant, row)  one commit of one row; a promise where commits can share a sync
 *   get(tenant, id)      the row or undefined
 *   last(tenant, count)  rows of a tenant, the greatest ids first
 *   settle()             finishes compaction, so that reads are not measured beside it
 *   close()
 * `bufferBytes` is how much may wait in memory, and so in the log, to be brought into tables.
 */
export const ENGINES = {
  tabularium: {
    settings:
      'two indexes off, history on (24 h), checksums on, LZ4; memtables 64 MiB, block cache 256 MiB',
    async open(path, { bufferBytes = 64 * MIB } = {}) {
      const { open } = await import('../../dist/index.js')
      const tables = { orders: plainOrders }
      const db = await open({
        path,
        tables,
        blockCacheBytes: CACHE_BYTES,
        memtableBudgetBytes: bufferBytes,
        walFileBytes: bufferBytes / 2,
      })
      const sessions = new Map()
      const ordersOf = (tenant) => {
        let orders = sessions.get(tenant)
        if (orders === undefined) sessions.set(tenant, (orders = db.tenant(tenant).orders))
        return orders
      }
      return {
        load: (tenant, rows) => ordersOf(tenant).insert(rows),
        commit: (tenant, row) => ordersOf(tenant).insert(row),
        get: (tenant, id) => ordersOf(tenant).getSync(id),
        last: (tenant, limit) => ordersOf(tenant).scan({ reverse: true, limit }).toArray(),
        settle: () => db.compact(),
        close: () => db.close(),
      }
    },
  },
  'better-sqlite3': {
    settings:
      'typed table WITHOUT ROWID, key (tenant, id); journal_mode=WAL, synchronous=FULL, wal_autocheckpoint=4000, cache 256 MiB, mmap 2 GB',
    open: openSqlite,
  },
  lmdb: {
    settings:
      'msgpack with shared structures, key "tenant:id"; overlappingSync=false, so that a commit is durable when it returns',
    async open(path) {
      const { open } = await import('lmdb')
      const sharedStructuresKey = Symbol.for('structures')
      const db = open({
        path,
        mapSize: 2 ** 33,
        encoding: 'msgpack',
        sharedStructuresKey,
        overlappingSync: false,
        noMemInit: true,
        cache: false,
      })
      return {
        load: (tenant, rows) =>
          db.transactionSync(() => {
            for (const row of rows) db.putSync(`${tenant}:${row.id}`, row)
          }),
        commitAlone: (tenant, row) => db.putSync(`${tenant}:${row.id}`, row),
        commit: (tenant, row) => db.put(`${tenant}:${row.id}`, row),
        get: (tenant, id) => db.get(`${tenant}:${id}`),
        last(tenant, limit) {
          const range = { start: `${tenant}:~`, end: `${tenant}:`, reverse: true, limit }
          return db.getRange(range).map(({ value }) => value).asArray
        },
        settle() {},
        close: () => db.close(),
      }
    },
  },
  'classic-level': {
    settings:
      'msgpackr records, key "tenant:id"; sync per batch, Snappy, write buffer 64 MiB, block cache 256 MiB, 64 libuv threads',
    open: openLevel,
  },
}

function openSqlite(path) {
  const Database = require('better-sqlite3')
  mkdirSync(path, { recursive: true })
  const db = new Database(join(path, 'orders.sqlite'))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma(`cache_size = -${CACHE_BYTES / 1024}`)
  db.pragma('mmap_size = 2000000000')
  db.pragma('wal_autocheckpoint = 4000')
  db.exec(`create table if not exists orders (
    tenant text not null, id text not null, customerId text not null, status text not null,
    currency text not null, amount text not null, purchasedAt integer not null, note text not null,
    items text not null, primary key (tenant, id)) without rowid`)
  const insert = db.prepare('insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const columns = 'id, customerId, status, currency, amount, purchasedAt, note, items'
  const point = db.prepare(`select ${columns} from orders where tenant = ? and id = ?`)
  const range = db.prepare(
    `select ${columns} from orders where tenant = ? order by id desc limit ?`,
  )
  const put = (tenant, row) => {
    const { id, customerId, status, currency, amount, purchasedAt, note, items } = row
    const values = [customerId, status, currency, amount, purchasedAt.getTime(), note]
    insert.run(tenant, id, ...values, JSON.stringify(items))
  }
  const finish = (row) => {
    if (row === undefined) return undefined
    row.purchasedAt = new Date(row.purchasedAt)
    row.items = JSON.parse(row.items)
    return row
  }
  return {
    load: db.transaction((tenant, rows) => {
      for (const row of rows) put(tenant, row)
    }),
    commit: put,
    get: (tenant, id) => finish(point.get(tenant, id)),
    last: (tenant, count) => range.all(tenant, count).map(finish),
    settle: () => db.pragma('wal_checkpoint(TRUNCATE)'),
    close: () => db.close(),
  }
}

async function openLevel(path, { bufferBytes = 64 * MIB } = {}) {
  const { ClassicLevel } = await import('classic-level')
  const { Packr } = await import('msgpackr')
  // The names of fields, written once beside the database, not with each row.
  const structuresPath = `${path}.structures.json`
  const packr = new Packr({
    getStructures() {
      try {
        return JSON.parse(readFileSync(structuresPath, 'utf8'))
      } catch {
        return []
      }
    },
    saveStructures: (structures) => writeFileSync(structuresPath, JSON.stringify(structures)),
  })
  const db = new ClassicLevel(path, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    cacheSize: CACHE_BYTES,
    writeBufferSize: bufferBytes,
    compression: true,
  })
  await db.open()
  const durable = { sync: true }
  const decode = (bytes) => (bytes === undefined ? undefined : packr.unpack(bytes))
  return {
    load(tenant, rows) {
      const puts = rows.map((row) => ({
        type: 'put',
        key: `${tenant}:${row.id}`,
        value: packr.pack(row),
      }))
      return db.batch(puts, durable)
    },
    commit: (tenant, row) => db.put(`${tenant}:${row.id}`, packr.pack(row), durable),
    get: (tenant, id) => decode(db.getSync(`${tenant}:${id}`)),
    async last(tenant, limit) {
      const values = db.values({ gte: `${tenant}:`, lt: `${tenant}:~`, reverse: true, limit })
      const found = await values.nextv(limit)
      await values.close()
      return found.map(decode)
    },
    settle: () => db.compactRange('', '\uffff'),
    close: () => db.close(),
  }
}
