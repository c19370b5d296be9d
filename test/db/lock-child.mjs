// Opens the directory again and again, each time adds one to a counter in two steps, and closes it.
import { setTimeout as delay } from 'node:timers/promises'
import { open, t, table } from '../../dist/index.js'

const [, , path, count] = process.argv
const counters = table('counters', { id: t.text(), n: t.int() }, { primaryKey: ['id'] })
for (let done = 0; done < Number(count); ) {
  let db
  try {
    db = await open({ path, tables: { counters }, walFileBytes: 65_536 })
  } catch (error) {
    if (error.code !== 'DB_LOCKED') throw error
    await delay(5)
    continue
  }
  const { counters: rows } = db.tenant('a')
  const before = (await rows.get('c'))?.n ?? 0
  await delay(10)
  await rows.upsert({ id: 'c', n: before + 1 })
  await db.close()
  done++
}
