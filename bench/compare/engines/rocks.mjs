// RocksDB through the calls of the binding that do not leave the thread: the others cost a copy and a round trip.
import { RocksLevel } from '@nxtedition/rocksdb'
import { openRecords } from './records.mjs'

const MIB = 1 << 20

export async function open(path, { isRelaxed = false, bufferBytes = 256 * MIB } = {}) {
  const records = openRecords(path)
  const db = new RocksLevel(path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    parallelism: 2,
    cacheSize: 256 * MIB,
    memtableMemoryBudget: bufferBytes,
    compression: true,
  })
  await db.open({ createIfMissing: true })
  const sync = { sync: !isRelaxed }
  const decode = (bytes) =>
    bytes === undefined || bytes === null ? undefined : records.unpack(bytes)
  const get = (key) => decode(db._getManySync([key])[0])
  const write = (fill) => {
    const batch = db._chainedBatch()
    fill(batch)
    batch._writeSync(sync)
    batch._closeSync()
  }
  return {
    load: (tenants, rows) =>
      write((batch) => {
        for (let i = 0; i < rows.length; i++) {
          batch._put(`${tenants[i]}:${rows[i].id}`, records.pack(rows[i]))
        }
      }),
    commit: (tenant, row) => write((batch) => batch._put(`${tenant}:${row.id}`, records.pack(row))),
    get: (tenant, id) => get(`${tenant}:${id}`),
    last(tenant, limit) {
      const iterator = db._iterator({
        gte: Buffer.from(`${tenant}:`),
        lt: Buffer.from(`${tenant}:~`),
        reverse: true,
        limit,
        keys: false,
        values: true,
        keyEncoding: 'buffer',
        valueEncoding: 'buffer',
      })
      const { rows } = iterator._nextvSync(limit, {})
      iterator._closeSync()
      // Places of keys, which were not asked for, are empty.
      return rows.filter((bytes) => bytes?.length > 0).map(decode)
    },
    loadEvents: (events) =>
      write((batch) => {
        for (const event of events) {
          batch._put(`${event.tenant_id}:${event.event_metadata.event_id}`, records.pack(event))
        }
      }),
    getEvent: (tenant, id) => get(`${tenant}:${id}`),
    settle() {},
    close: () => db.close(),
  }
}
