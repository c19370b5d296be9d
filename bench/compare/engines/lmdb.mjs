import { open as openStore } from 'lmdb'

export function open(path, { isRelaxed = false } = {}) {
  const db = openStore({
    path,
    mapSize: 2 ** 34,
    encoding: 'msgpack',
    sharedStructuresKey: Symbol.for('structures'),
    overlappingSync: false,
    noSync: isRelaxed,
    noMemInit: true,
    cache: false,
  })
  return {
    load: (tenants, rows) =>
      db.transactionSync(() => {
        for (let i = 0; i < rows.length; i++) db.putSync(`${tenants[i]}:${rows[i].id}`, rows[i])
      }),
    commit: (tenant, row) => db.put(`${tenant}:${row.id}`, row),
    commitAlone: (tenant, row) => db.putSync(`${tenant}:${row.id}`, row),
    get: (tenant, id) => db.get(`${tenant}:${id}`),
    last(tenant, limit) {
      const range = { start: `${tenant}:~`, end: `${tenant}:`, reverse: true, limit }
      return db.getRange(range).map(({ value }) => value).asArray
    },
    loadEvents: (events) =>
      db.transactionSync(() => {
        for (const event of events) {
          db.putSync(`${event.tenant_id}:${event.event_metadata.event_id}`, event)
        }
      }),
    getEvent: (tenant, id) => db.get(`${tenant}:${id}`),
    settle() {},
    close: () => db.close(),
  }
}
