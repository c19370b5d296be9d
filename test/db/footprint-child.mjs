// What a database takes of its process, measured in one of its own: node --expose-gc footprint-child.mjs STEP DIRECTORY
// Prints one JSON object.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { open, t, table } from 'tabularium'

const [step = '', directory = ''] = process.argv.slice(2)
const MiB = 1 << 20

const notes = table(
  'notes',
  { id: t.int(), author: t.text(), text: t.text(), tags: t.json() },
  { primaryKey: ['id'], indexes: { byAuthor: ['author'] } },
)
const tables = { notes }
/** Text that does not compress, without chance. */
const TEXT = Array.from({ length: MiB }, (_, i) =>
  String.fromCharCode(33 + ((Math.imul(i ^ (i >>> 7), 0x9e3779b1) >>> 13) % 90)),
).join('')

/** @param {number} id */
const note = (id) => ({
  id,
  author: `author-${id % 97}`,
  text: TEXT.slice((id * 7919) % (MiB - 300)).slice(0, 300),
  tags: [id % 10, `tag-${id % 1000}`],
})

function collectGarbage() {
  for (let i = 0; i < 4; i++) /** @type {() => void} */ (globalThis.gc)()
}

/** @param {import('tabularium').Database<typeof tables>} db @param {number} rowCount @param {() => void} [onBatch] */
async function fill(db, rowCount, onBatch = () => undefined) {
  const batchRows = 1000
  for (let first = 0; first < rowCount; first += batchRows) {
    const tenant = db.tenant(`tenant-${(first / batchRows) % 50}`)
    await tenant.notes.upsert(Array.from({ length: batchRows }, (_, i) => note(first + i)))
    onBatch()
  }
}

/** @param {import('tabularium').Database<typeof tables>} db */
async function useAll(db) {
  await fill(db, 30_000)
  const tenant = db.tenant('tenant-3')
  await tenant.query('select author, count(*) from notes group by author order by 2')
  await tenant.transact(async (tx) => {
    const row = await tx.notes.getForUpdate(3000)
    await tx.notes.update(3000, { text: `${row?.text}!` })
  })
  await tenant.notes.upsert(note(1), { durability: 'relaxed' })
  await db.compact()
  await tenant.notes.scan({ index: 'byAuthor' }).toArray()
  db.pin({ owner: 'who forgot it', maxAgeMs: 60_000 })
  db.on('flush', () => undefined)
  // A reader that stopped half way and never said so.
  await tenant.notes.scan()[Symbol.asyncIterator]().next()
  await db.checkpoint(join(directory, `checkpoint-${process.hrtime.bigint()}`))
  await db.verify()
}

/** What is open, once what has been closed is gone. */
async function aliveNow() {
  await new Promise((resolve) => setTimeout(resolve, 100))
  collectGarbage()
  const { arrayBuffers, external } = process.memoryUsage()
  return {
    // Turns that are due anyway are nothing that stays.
    resources: process.getActiveResourcesInfo().filter((name) => name !== 'Immediate'),
    descriptorCount: readdirSync('/proc/self/fd').length,
    threadCount: readdirSync('/proc/self/task').length,
    bufferBytes: arrayBuffers,
    externalBytes: external,
  }
}

const STEPS = {
  /** What is alive after close() that was not before open(). */
  async close() {
    const settings = { tables, memoryBudgetBytes: 8 * MiB, walFileBytes: MiB }
    // What the runtime makes once and keeps, such as threads for files, is there from now on.
    const first = await open({ ...settings, path: join(directory, 'first') })
    await useAll(first)
    await first.close()
    const before = await aliveNow()
    const db = await open({ ...settings, path: join(directory, 'second') })
    await useAll(db)
    const during = await aliveNow()
    await db.close()
    const after = await aliveNow()
    // Held to the end: nothing is gone only because the database itself is.
    return { before, during, after, states: [first.state, db.state] }
  },

  /** What tenants take that were used and do nothing. */
  async tenants() {
    const tenantCount = 3000
    const db = await open({ path: join(directory, 'tenants'), tables })
    const nameOf = (/** @type {number} */ i) => `tenant-${i}`
    await db.transact(async (tx) => {
      for (let i = 0; i < tenantCount; i++) await tx.tenant(nameOf(i)).notes.insert(note(i))
    })
    await db.flush()
    const held = () => {
      collectGarbage()
      const { heapUsed, external } = process.memoryUsage()
      const { cacheBytes, entryCacheBytes } = db.stats().memory
      return heapUsed + external - cacheBytes - entryCacheBytes
    }
    const before = held()
    const sessions = []
    for (let i = 0; i < tenantCount; i++) {
      const session = db.tenant(nameOf(i))
      if (session.notes.getSync(i) === undefined) throw new Error(`${i} is not there`)
      sessions.push(session)
    }
    const perTenantBytes = (held() - before) / sessions.length
    await db.close()
    return { perTenantBytes }
  },

  /** How much is held while a database is loaded and read that has many times its budget. */
  async memory() {
    const budgetBytes = 16 * MiB
    const db = await open({
      path: join(directory, 'memory'),
      tables,
      memoryBudgetBytes: budgetBytes,
    })
    await fill(db, 10_000)
    await db.compact()
    collectGarbage()
    const live = () => {
      collectGarbage()
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    }
    const { memory } = db.stats()
    const restBytes = live() - memory.memtableBytes - memory.cacheBytes - memory.entryCacheBytes
    let mostCountedBytes = 0
    let mostLiveBytes = 0
    let mostRssBytes = 0
    let lookCount = 0
    const look = () => {
      const { memtableBytes, cacheBytes, entryCacheBytes } = db.stats().memory
      const countedBytes = memtableBytes + cacheBytes + entryCacheBytes
      mostCountedBytes = Math.max(mostCountedBytes, countedBytes)
      mostRssBytes = Math.max(mostRssBytes, process.memoryUsage.rss())
      if (lookCount++ % 8 === 0) mostLiveBytes = Math.max(mostLiveBytes, live() - restBytes)
    }
    const rowCount = 140_000
    await fill(db, rowCount, look)
    for (let i = 0; i < rowCount; i += 7) {
      db.tenant(`tenant-${Math.floor(i / 1000) % 50}`).notes.getSync(i)
      if (i % 7000 === 0) look()
    }
    const { tableBytes } = db.stats()
    await db.close()
    return { budgetBytes, mostCountedBytes, mostLiveBytes, mostRssBytes, tableBytes }
  },
}

console.log(JSON.stringify(await STEPS[/** @type {keyof typeof STEPS} */ (step)]()))
