import { open as openDatabase } from '../../../dist/index.js'
import { eventTable } from '../../events.mjs'
import { indexedOrders, plainOrders } from '../../orders.mjs'

const MIB = 1 << 20

/** Sessions are kept: a service has one per tenant. */
function keptSessions(make) {
  const sessions = new Map()
  return (tenant) => {
    let session = sessions.get(tenant)
    if (session === undefined) sessions.set(tenant, (session = make(tenant)))
    return session
  }
}

/** Rows are upserted: others put over what is there without a word, too. */
export async function open(path, options = {}) {
  const { isRelaxed = false, bufferBytes = 128 * MIB, isIndexed = false } = options
  const { historyWindowMs, rowCacheBytes } = options
  const db = await openDatabase({
    path,
    tables: { orders: isIndexed ? indexedOrders : plainOrders, events: eventTable },
    // Memtables may have a quarter of it before the largest is flushed.
    memoryBudgetBytes: 4 * bufferBytes,
    ...(historyWindowMs !== undefined && { historyWindowMs }),
    ...(rowCacheBytes !== undefined && { rowCacheBytes }),
  })
  const write = { durability: isRelaxed ? 'relaxed' : 'sync' }
  const tenantOf = keptSessions((tenant) => db.tenant(tenant))
  const ordersOf = keptSessions((tenant) => tenantOf(tenant).orders)
  return {
    load: (tenants, rows) =>
      db.write((batch) => {
        for (let i = 0; i < rows.length; i++) batch.tenant(tenants[i]).orders.upsert(rows[i])
      }, write),
    commit: (tenant, row) => ordersOf(tenant).upsert(row, write),
    get: (tenant, id) => ordersOf(tenant).getSync(id),
    last: (tenant, limit) => ordersOf(tenant).scan({ reverse: true, limit }).toArray(),
    loadEvents: (events) =>
      db.write((batch) => {
        for (const body of events) {
          const { tenant_id: tenant, event_metadata: metadata } = body
          batch.tenant(tenant).events.upsert({ id: metadata.event_id, body })
        }
      }, write),
    getEvent: (tenant, id) => tenantOf(tenant).events.getSync(id)?.body,
    settle: () => db.compact(),
    close: () => db.close(),
  }
}
