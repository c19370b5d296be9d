// What each kernel costs in each of its forms, the copies into and out of WebAssembly included, with blocks made of orders.
// node --expose-gc bench/kernels.mjs [--rounds 15]     prints one JSON object per kernel: nanoseconds of processor time a call, the
// median of rounds in which the forms take turns
import { parseArgs } from 'node:util'
import { crc32 } from '../dist/codec/checksum.js'
import { EntrySlot } from '../dist/codec/entry.js'
import { compareKeys } from '../dist/kernels/bytes.js'
import { chooseKernels, KERNEL_KINDS } from '../dist/kernels/chosen-kernels.js'
import { filterRangeF64, sumF64 } from '../dist/kernels/columns.js'
import { NativeKernels } from '../dist/kernels/native-kernels.js'
import { WasmKernels } from '../dist/kernels/wasm-kernels.js'
import { Block } from '../dist/sstable/block.js'
import { BlockBuilder } from '../dist/sstable/block-builder.js'
import { filterMayContain, wordsOfFilter } from '../dist/sstable/filter.js'
import { TenantBlocksBuilder } from '../dist/sstable/tenant-blocks-builder.js'
import { order, seeded } from './orders.mjs'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } })
const random = seeded(11)
const wasm = WasmKernels.load()
const native = NativeKernels.load()
/** Results go here, so that no call is left out as useless. */
let sink = 0

/** @param forms  by name, what makes one call */
function measure(kernel, callCount, forms) {
  const nanos = Object.fromEntries(Object.keys(forms).map((name) => [name, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, call] of Object.entries(forms)) {
      // What one form leaves behind is not to be cleared away in the turn of the next.
      globalThis.gc?.()
      const before = process.cpuUsage()
      for (let i = 0; i < callCount; i++) sink += call(i)
      const { user, system } = process.cpuUsage(before)
      nanos[name].push(((user + system) * 1000) / callCount)
    }
  }
  const median = (list) => Math.round(list.sort((a, b) => a - b)[list.length >>> 1])
  const medians = Object.entries(nanos).map(([name, list]) => [name, median(list)])
  console.log(JSON.stringify({ kernel, nanosPerCall: Object.fromEntries(medians) }))
}

const encoder = new TextEncoder()

function blockOf(blockBytes) {
  const builder = new BlockBuilder()
  for (let i = 0; ; i++) {
    const key = encoder.encode(`order-${String(i).padStart(8, '0')}`)
    const row = order(i, random)
    const numbers = Uint8Array.from({ length: 14 }, () => random() * 256)
    const items = row.items.map(({ sku, qty, price }) => `${sku}${qty}${price}`)
    const texts = encoder.encode(`${row.customerId}${row.note}${items}`)
    const value = Uint8Array.from([...numbers, ...texts])
    const shared = i === 0 ? 0 : 6
    if (!builder.hasRoom(shared, key.length, value.length, blockBytes)) {
      return builder.finish().slice()
    }
    builder.add(shared, key, 0, key.length, i + 1, 1, value, 0, value.length)
  }
}

/** Blocks as they are stored, of every so many-th row. */
function runOf(rowCount, first, step) {
  const blocks = []
  const builder = new TenantBlocksBuilder(16 * 1024, (block) => {
    blocks.push({ ...block, bytes: block.bytes.slice() })
  })
  const entry = new EntrySlot()
  entry.kind = 1
  for (let i = 0; i < rowCount; i++) {
    entry.keyBytes = encoder.encode(`TENANTID${String(i * step + first).padStart(14, '0')}`)
    entry.keyEnd = entry.keyBytes.length
    entry.seqNum = i + 1
    entry.valueBytes = encoder.encode(JSON.stringify(order(i, random)))
    entry.valueEnd = Math.min(100, entry.valueBytes.length)
    builder.add(entry, builder.sharedWithLast(entry.keyBytes, 0, entry.keyEnd))
  }
  builder.finishBlocks()
  return blocks
}

const kinds = KERNEL_KINDS.flatMap((kind) => {
  try {
    return [chooseKernels(kind)]
  } catch {
    return []
  }
})
const formsOf = (callOf) =>
  Object.fromEntries(kinds.map((kernels) => [kernels.kind, callOf(kernels)]))

for (const kilobytes of [4, 16, 64]) {
  const blocks = Array.from({ length: 64 }, () => blockOf(kilobytes * 1024))
  const packed = blocks.map((block) => kinds[0].lz4Compress(block))
  const count = 6400 / kilobytes
  measure(
    `lz4 compress, ${kilobytes} KiB`,
    count,
    formsOf((kernels) => (i) => kernels.lz4Compress(blocks[i & 63]).length),
  )
  measure(
    `lz4 decompress, ${kilobytes} KiB`,
    count * 4,
    formsOf(
      (kernels) => (i) => kernels.lz4Decompress(packed[i & 63], blocks[i & 63].length).length,
    ),
  )
}

for (const byteCount of [64, 4096, 65536]) {
  const bytes = Uint8Array.from({ length: byteCount }, () => random() * 256)
  measure(`checksum, ${byteCount} bytes`, 4_000_000 / (byteCount + 400), {
    typescript: (i) => crc32(bytes, 0, byteCount, i),
    wasm: (i) => wasm.crc32(bytes, i),
    ...(native && { native: (i) => native.crc32(bytes, i) }),
  })
}

const hashes = Uint32Array.from({ length: 20_000 }, () => random() * 2 ** 32)
function buildFilter(kernels) {
  const filter = new Uint8Array(64 * Math.ceil((hashes.length * 10) / 512))
  kernels.filterBuild(filter, hashes)
  return filter
}
const filter = buildFilter(wasm)
const words = wordsOfFilter(filter)
const probe = wasm.filterProbe(filter)
measure('filter probe, the filter in place', 200_000, {
  typescript: (i) => Number(filterMayContain(words, Math.imul(i, 0x9e3779b1) >>> 0)),
  wasm: (i) => Number(probe(Math.imul(i, 0x9e3779b1))),
})
measure(
  'filter of 20,000 keys',
  10,
  formsOf((kernels) => () => buildFilter(kernels).length),
)

if (native !== undefined) {
  const RUN_COUNT = 4
  const rowCount = 4000
  const options = {
    blockBytes: 16 * 1024,
    tenantPrefix: new Uint8Array(8),
    placeSeed: 1,
    offsetBytes: 64,
  }
  const runs = Array.from({ length: RUN_COUNT }, (_, run) => runOf(rowCount, run, RUN_COUNT))
  measure('merge of four runs of 4,000 rows each, row by row', 5, {
    native: () => native.mergeBlocks(runs, options).entryCount,
  })
}

const block = blockOf(16 * 1024)
const reader = new Block(block, { path: '', offsetBytes: 0 })
const keys = Array.from({ length: 64 }, (_, i) =>
  encoder.encode(`order-${String(i * 3).padStart(8, '0')}`),
)
measure('key compare', 100_000, {
  typescript: (i) => compareKeys(keys[i & 63], keys[(i + 1) & 63]),
  wasm: (i) => wasm.compareBytes(keys[i & 63], keys[(i + 1) & 63]),
})
const search = wasm.blockSearch(block)
measure('block search, the block in place', 100_000, {
  typescript: (i) => reader.lowerBound(keys[i & 63], 0, keys[i & 63].length, 2 ** 50),
  wasm: (i) => search(keys[i & 63], 2 ** 50),
})

const column = Float64Array.from({ length: 100_000 }, () => random() * 1000)
measure('range filter of 100,000 values, a tenth in it', 40, {
  typescript: () => filterRangeF64(column, 100, 200).length,
  wasm: () => wasm.filterRangeF64(column, 100, 200).length,
})
measure('sum of 100,000 values', 40, {
  typescript: () => sumF64(column),
  wasm: () => wasm.sumF64(column),
})
if (Number.isNaN(sink)) console.log(sink)
