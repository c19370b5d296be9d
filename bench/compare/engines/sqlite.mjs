import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

const CACHE_KIB = 256 * 1024

const TABLES = `
  create table if not exists orders (
    tenant text not null, id text not null, customerId text not null, status text not null,
    currency text not null, amount real not null, purchasedAtMs integer not null, note text not null,
    items text not null, primary key (tenant, id)) without rowid;
  create table if not exists events (
    tenant text not null, id text not null, body text not null, primary key (tenant, id)) without rowid;`

export function open(path, { isRelaxed = false } = {}) {
  mkdirSync(path, { recursive: true })
  const db = new Database(join(path, 'orders.sqlite'))
  db.pragma('journal_mode = WAL')
  db.pragma(`synchronous = ${isRelaxed ? 'OFF' : 'FULL'}`)
  db.pragma(`cache_size = -${CACHE_KIB}`)
  db.pragma('mmap_size = 2000000000')
  db.pragma('wal_autocheckpoint = 4000')
  db.pragma('temp_store = MEMORY')
  db.exec(TABLES)
  const insert = db.prepare('insert or replace into orders values (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const columns = 'id, customerId, status, currency, amount, purchasedAtMs, note, items'
  const point = db.prepare(`select ${columns} from orders where tenant = ? and id = ?`)
  const range = db.prepare(
    `select ${columns} from orders where tenant = ? order by id desc limit ?`,
  )
  const insertEvent = db.prepare('insert or replace into events values (?, ?, ?)')
  const pointEvent = db.prepare('select body from events where tenant = ? and id = ?')
  const put = (tenant, row) => {
    const { id, customerId, status, currency, amount, purchasedAtMs, note, items } = row
    const values = [customerId, status, currency, amount, purchasedAtMs, note]
    insert.run(tenant, id, ...values, JSON.stringify(items))
  }
  const finish = (row) => {
    if (row !== undefined) row.items = JSON.parse(row.items)
    return row
  }
  return {
    load: db.transaction((tenants, rows) => {
      for (let i = 0; i < rows.length; i++) put(tenants[i], rows[i])
    }),
    commit: put,
    get: (tenant, id) => finish(point.get(tenant, id)),
    last: (tenant, count) => range.all(tenant, count).map(finish),
    loadEvents: db.transaction((events) => {
      for (const event of events) {
        const { tenant_id: tenant, event_metadata: metadata } = event
        insertEvent.run(tenant, metadata.event_id, JSON.stringify(event))
      }
    }),
    getEvent: (tenant, id) => JSON.parse(pointEvent.get(tenant, id).body),
    settle: () => db.pragma('wal_checkpoint(TRUNCATE)'),
    close() {
      db.pragma('wal_checkpoint(TRUNCATE)')
      db.close()
    },
  }
}
