// What flush and compaction cost a row, on this thread: memtables of one tablet of four, with its share of 1,000 tenants
// of zipf-like size, are flushed, the tables merged into one run, and a second lot of tables merged into that run.
// node bench/jobs.mjs [--rows 400000] [--of orders|events] [--order time|random|update] [--rounds 3] [--dist dist]...
// Several builds given by --dist take turns. Prints one JSON object per build: nanoseconds of processor time a
// row, the fastest round of each, and the bytes a row takes in the run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { ByteWriter } from '../dist/codec/bytes.js'
import { encodeJson } from '../dist/codec/json.js'
import { event } from './events.mjs'
import { order, orderId, seeded, TENANT_COUNT, tenantName, tenantOf } from './orders.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '400000' },
    of: { type: 'string', default: 'orders' },
    order: { type: 'string', default: 'time' },
    rounds: { type: 'string', default: '3' },
    dist: { type: 'string', multiple: true, default: ['dist'] },
  },
})
const rowCount = Number(values.rows)
const FLUSH_COUNT = 4
const TABLET_COUNT = 4
const BLOCK_BYTES = 16 * 1024
const TABLE_BYTES = 32 << 20

async function load(dist) {
  const from = (path) => import(pathToFileURL(resolve(dist, path)))
  const [jobs, memtable, files, bytes, keys, watermarks, table, transform, verify] =
    await Promise.all([
      from('lsm/jobs.js'),
      from('lsm/memtable.js'),
      from('env/node-file-system.js'),
      from('kernels/bytes.js'),
      from('codec/tenant-key.js'),
      from('lsm/watermarks.js'),
      from('sstable/table-file.js'),
      from('codec/block-transform.js'),
      from('sstable/table-verify.js'),
    ])
  return Object.assign({}, jobs, memtable, files, bytes, keys, watermarks, table, transform, verify)
}

const random = seeded(11)
const tenants = Array.from({ length: TENANT_COUNT }, (_, i) => tenantName(i))
const encoder = new TextEncoder()
const VALUE_COUNT = 4096
/** About what a row of orders becomes: numbers in few bytes, texts, a list of items. */
function orderValue(i) {
  const row = order(i, random)
  const numbers = Uint8Array.from({ length: 14 }, () => random() * 256)
  const items = row.items.map(({ sku, qty, price }) => `${sku}${qty}${price}`)
  const texts = encoder.encode(`${row.customerId}${row.note}${items}`)
  return Uint8Array.from([...numbers, ...texts])
}

function eventValue(i) {
  const writer = new ByteWriter()
  encodeJson(writer, event(i))
  return writer.finish()
}

const valueOf = values.of === 'events' ? eventValue : orderValue
const someValues = Array.from({ length: VALUE_COUNT }, (_, i) => valueOf(i))

function textOf(i) {
  if (values.order === 'time') return orderId(i)
  if (values.order === 'random') return orderId(Math.imul(i, 0x9e3779b1) >>> 0)
  return orderId(Math.floor(random() * rowCount))
}

/** The next rows, the same for all builds. */
function makeRows(first, count) {
  return Array.from({ length: count }, (_, i) => ({
    tenant: tenantOf(random) & -TABLET_COUNT,
    text: textOf(first + i),
    seqNum: first + i + 1,
    value: someValues[Math.floor(random() * VALUE_COUNT)],
  }))
}

function memtableOf(engine, rows) {
  const memtable = new engine.Memtable()
  const key = new Uint8Array(256)
  const view = new DataView(key.buffer)
  const hashes = tenants.map((name) => engine.tenantHashOf(name))
  for (const { tenant, text, seqNum, value } of rows) {
    view.setUint32(0, hashes[tenant])
    view.setUint32(4, tenant + 1)
    view.setUint32(8, 1)
    view.setUint16(12, 0)
    const end = 14 + encoder.encodeInto(text, key.subarray(14)).written
    const hash = engine.hashBytes(key, 0, end)
    memtable.add(key, 0, end, hash, seqNum, 1, value, 0, value.length)
  }
  return memtable
}

class Build {
  best = {}

  constructor(name, engine) {
    this.name = name
    this.engine = engine
    this.fs = new engine.NodeFileSystem()
  }

  begin() {
    this.directory = mkdtempSync(join(tmpdir(), 'tabularium-bench-'))
    this.nextFileId = 1
    this.upper = []
    this.lower = []
  }

  run(what, job) {
    const { engine, directory } = this
    const outputFileIds = Array.from({ length: 100 }, () => this.nextFileId++)
    const start = process.cpuUsage()
    const result = engine.runJob(
      {
        directory,
        identity: {
          databaseId: new Uint8Array(16).fill(1),
          incarnation: new Uint8Array(8).fill(2),
          transformId: 0,
        },
        outputFileIds,
        blockBytes: BLOCK_BYTES,
        outputTableBytes: TABLE_BYTES,
        watermarks: engine.KEEP_EVERYTHING,
        isBottom: false,
        ...job,
      },
      this.fs,
    )
    const { user, system } = process.cpuUsage(start)
    const nanos = ((user + system) * 1000) / result.entriesRead
    this.best[what] = Math.min(this.best[what] ?? Infinity, Math.round(nanos))
    this.bytesPerRow = Math.round(result.bytesWritten / result.entriesRead)
    return result.tables
  }

  flush(rows) {
    const image = memtableOf(this.engine, rows).handover()
    this.upper.unshift(...this.run('flush', { kind: 'flush', image }))
  }

  compact(what) {
    const inputs = [...this.upper, ...this.lower]
    this.lower = this.run(what, { kind: 'compaction', inputs })
    this.upper = []
  }

  end() {
    const { engine, directory } = this
    for (const meta of this.lower) {
      const path = join(directory, `${String(meta.fileId).padStart(6, '0')}.sst`)
      const file = engine.TableFile.open(this.fs, path, meta, engine.IDENTITY_TRANSFORM)
      for (const _ of engine.verifyTable(file)) {
        // Throws when something is wrong.
      }
      file.close()
    }
    rmSync(directory, { recursive: true, force: true })
  }
}

const builds = []
for (const dist of values.dist) builds.push(new Build(dist, await load(dist)))
const flushRows = Math.floor(rowCount / 2 / FLUSH_COUNT)
for (let round = 0; round < Number(values.rounds); round++) {
  for (const build of builds) build.begin()
  for (const [lot, what] of ['merge into an empty level', 'merge into a run'].entries()) {
    for (let i = 0; i < FLUSH_COUNT; i++) {
      const rows = makeRows((lot * FLUSH_COUNT + i) * flushRows, flushRows)
      for (const build of builds) build.flush(rows)
    }
    for (const build of builds) build.compact(what)
  }
  for (const build of builds) build.end()
}
for (const { name, best, bytesPerRow } of builds) {
  console.log(
    JSON.stringify({
      bench: 'jobs',
      build: name,
      of: values.of,
      order: values.order,
      rows: rowCount,
      nanosPerRow: best,
      bytesPerRow,
      node: process.version,
    }),
  )
}
