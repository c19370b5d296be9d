import { ClassicLevel } from 'classic-level'
import { openRecords } from './records.mjs'

const MIB = 1 << 20

export async function open(path, { isRelaxed = false, bufferBytes = 64 * MIB } = {}) {
  const records = openRecords(path)
  const db = new ClassicLevel(path, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    cacheSize: 256 * MIB,
    writeBufferSize: bufferBytes,
    compression: true,
  })
  await db.open()
  const write = { sync: !isRelaxed }
  const decode = (bytes) => (bytes === undefined ? undefined : records.unpack(bytes))
  const put = (key, value) => ({ type: 'put', key, value: records.pack(value) })
  return {
    load: (tenants, rows) =>
      db.batch(
        rows.map((row, i) => put(`${tenants[i]}:${row.id}`, row)),
        write,
      ),
    commit: (tenant, row) => db.put(`${tenant}:${row.id}`, records.pack(row), write),
    get: (tenant, id) => decode(db.getSync(`${tenant}:${id}`)),
    async last(tenant, limit) {
      const range = { gte: `${tenant}:`, lt: `${tenant}:~`, reverse: true, limit }
      // Otherwise a call ends at 16 KiB, with fewer than were asked for.
      const values = db.values({ ...range, highWaterMarkBytes: MIB })
      const found = await values.nextv(limit)
      await values.close()
      return found.map(decode)
    },
    loadEvents: (events) =>
      db.batch(
        events.map((event) => put(`${event.tenant_id}:${event.event_metadata.event_id}`, event)),
        write,
      ),
    getEvent: (tenant, id) => decode(db.getSync(`${tenant}:${id}`)),
    settle: () => db.compactRange('', '\uffff'),
    close: () => db.close(),
  }
}
