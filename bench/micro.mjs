// What the parts of the engine cost by themselves, without a disk: codecs, checksums, the memtable, blocks and filters, and rows
// all the way in and out with files in memory.
// node bench/micro.mjs [--time 300] [--only block]     prints one JSON object per case: nanoseconds of one operation
import { parseArgs } from 'node:util'
import { open } from 'tabularium'
import { memoryEnv } from 'tabularium/testing'
import { Bench } from 'tinybench'
import { ByteReader, ByteWriter } from '../dist/codec/bytes.js'
import { crc32 } from '../dist/codec/checksum.js'
import { compress, decompress } from '../dist/codec/compression.js'
import { ENTRY_KIND_PUT, EntrySlot } from '../dist/codec/entry.js'
import { decodeJson, encodeJson } from '../dist/codec/json.js'
import { TENANT_PREFIX_BYTES } from '../dist/codec/tenant-key.js'
import { hashBytes } from '../dist/kernels/bytes.js'
import { Memtable } from '../dist/lsm/memtable.js'
import { Block, findInBlock } from '../dist/sstable/block.js'
import { BlockBuilder } from '../dist/sstable/block-builder.js'
import { FilterBuilder, filterMayContain, wordsOfFilter } from '../dist/sstable/filter.js'
import { event } from './events.mjs'
import { rounded } from './numbers.mjs'
import { order, orderId, plainOrders, tenantOfOrder } from './orders.mjs'

const { values } = parseArgs({
  options: {
    time: { type: 'string', default: '300' },
    only: { type: 'string', default: '' },
  },
})
const BLOCK_BYTES = 16 * 1024
const BATCH_ROWS = 1000
const ENTRY_COUNT = 20_000
const bench = new Bench({
  time: Number(values.time),
  warmupTime: Number(values.time) / 3,
  throws: true,
})
const operationCounts = new Map()
/** Results go here, so that no call is left out as useless. */
let sink = 0

/** A call that does an operation so many times. */
function add(name, operationCount, call) {
  if (!name.includes(values.only)) return
  operationCounts.set(name, operationCount)
  bench.add(name, call)
}

/** A call per number, round and round. */
function addPoints(name, callOf) {
  let next = 0
  add(name, 100, () => {
    for (let n = 0; n < 100; n++) sink += callOf(next++ % ENTRY_COUNT)
  })
}

function addCodecs() {
  const writer = new ByteWriter(64 * 1024)
  const written = (value) => {
    writer.reset()
    encodeJson(writer, value)
    return writer.view().slice()
  }
  for (const [name, value] of [
    ['items of an order', order(1).items],
    ['an event', event(1)],
  ]) {
    const bytes = written(value)
    add(`json: ${name}, encode`, 1, () => {
      sink += written(value).length
    })
    add(`json: ${name}, decode`, 1, () => {
      if (decodeJson(new ByteReader(bytes)) !== undefined) sink++
    })
  }
  const bytes = Buffer.from(JSON.stringify(Array.from({ length: 60 }, (_, i) => order(i))))
  const block = bytes.subarray(0, BLOCK_BYTES)
  const packed = compress(block)
  add('checksum: 256 bytes', 1, () => (sink += crc32(block, 0, 256)))
  add('checksum: 16 KiB', 1, () => (sink += crc32(block, 0, BLOCK_BYTES)))
  add('compression: 16 KiB, compress', 1, () => (sink += compress(block).bytes.length))
  add('compression: 16 KiB, decompress', 1, () => {
    sink += decompress(packed.codecId, packed.bytes, BLOCK_BYTES).length
  })
}

/** Keys as those of orders: a prefix of tenant and table, then the id; in the order of their bytes. */
function makeKeys() {
  const text = new TextEncoder()
  return Array.from({ length: ENTRY_COUNT }, (_, i) => {
    const id = text.encode(orderId(i))
    const key = new Uint8Array(TENANT_PREFIX_BYTES + 4 + id.length)
    key.set(id, TENANT_PREFIX_BYTES + 4)
    return key
  })
}

function addMemtable(keys, hashes) {
  const value = new Uint8Array(120)
  const fill = (count) => {
    const memtable = new Memtable()
    for (let i = 0; i < count; i++) {
      memtable.add(keys[i], 0, keys[i].length, hashes[i], i + 1, ENTRY_KIND_PUT, value, 0, 120)
    }
    return memtable
  }
  add('memtable: add', ENTRY_COUNT, () => (sink += fill(ENTRY_COUNT).entryCount))
  const memtable = fill(ENTRY_COUNT)
  const slot = new EntrySlot()
  addPoints('memtable: get', (i) =>
    Number(memtable.get(keys[i], hashes[i], Number.MAX_SAFE_INTEGER, slot)),
  )
}

function addBlocks(keys, hashes) {
  const builder = new BlockBuilder()
  const value = new Uint8Array(120)
  const sharedBytes = (i) => {
    if (i === 0) return 0
    let shared = TENANT_PREFIX_BYTES
    while (keys[i][shared] === keys[i - 1][shared]) shared++
    return shared - TENANT_PREFIX_BYTES
  }
  const shared = keys.map((_, i) => sharedBytes(i))
  const build = () => {
    let i = 0
    while (builder.hasRoom(keys[i].length, value.length, BLOCK_BYTES)) {
      builder.add(
        shared[i],
        keys[i],
        TENANT_PREFIX_BYTES,
        keys[i].length,
        i + 1,
        ENTRY_KIND_PUT,
        value,
        0,
        120,
      )
      i++
    }
    return { bytes: builder.finish().slice(), entryCount: i }
  }
  const { bytes, entryCount } = build()
  add('block: add', entryCount, () => (sink += build().entryCount))
  const block = new Block(bytes, { path: 'block', offsetBytes: 0 })
  const slot = new EntrySlot()
  const find = (i) =>
    findInBlock(block, keys[i], TENANT_PREFIX_BYTES, hashes[i], Number.MAX_SAFE_INTEGER, slot)
  addPoints('block: find', (i) => find(i % entryCount))
  const filterBuilder = new FilterBuilder()
  for (let i = 0; i < ENTRY_COUNT; i += 2) filterBuilder.add(hashes[i])
  const filter = wordsOfFilter(filterBuilder.finish())
  addPoints('filter: probe', (i) => Number(filterMayContain(filter, hashes[i])))
}

/** Rows all the way, with files in memory. */
async function addRows() {
  const db = await open(
    { path: '/micro', tables: { orders: plainOrders }, historyWindowMs: 0 },
    { env: memoryEnv() },
  )
  const numbers = Array.from({ length: ENTRY_COUNT }, (_, i) => i)
  const rows = numbers.map((i) => order(i))
  const tenants = numbers.map(tenantOfOrder)
  const sessions = tenants.map((tenant) => db.tenant(tenant).orders)
  const ids = rows.map(({ id }) => id)
  const missingIds = ids.map((id) => `${id}x`)
  const write = (first) =>
    db.write(
      (batch) => {
        for (let i = first; i < first + BATCH_ROWS; i++) {
          batch.tenant(tenants[i]).orders.upsert(rows[i])
        }
      },
      { durability: 'relaxed' },
    )
  for (let i = 0; i < ENTRY_COUNT; i += BATCH_ROWS) await write(i)
  await db.compact()
  addPoints('row: get from a block', (i) => sessions[i].getSync(ids[i]).items.length)
  addPoints('row: get of a missing key', (i) => Number(sessions[i].getSync(missingIds[i]) ?? 0))
  const [busiest] = sessions
  add('row: last 100 of a tenant', 100, async () => {
    sink += (await busiest.scan({ reverse: true, limit: 100 }).toArray()).length
  })
  let next = 0
  add('row: write, 1,000 a commit', BATCH_ROWS, async () => {
    await write(next)
    next = (next + BATCH_ROWS) % ENTRY_COUNT
  })
  return db
}

const keys = makeKeys()
const hashes = keys.map((key) => hashBytes(key, 0, key.length))
addCodecs()
addMemtable(keys, hashes)
addBlocks(keys, hashes)
const db = await addRows()
await bench.run()
for (const { name, result } of bench.tasks) {
  const ns = rounded((result.latency.p50 * 1e6) / operationCounts.get(name))
  console.log(JSON.stringify({ bench: 'micro', case: name, ns, node: process.version }))
}
await db.close()
if (sink === 0) throw new Error('nothing was done')
