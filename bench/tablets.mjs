// What a split of a tablet costs, and what it gains for those who share a tablet with a tenant that writes at full speed.
// node bench/tablets.mjs [--seconds 12]     prints one JSON object per case
// node bench/tablets.mjs amplification      counts what is written, on a simulated disk, by the size at which tablets split
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { EventSource } from '../dist/base/events.js'
import { IDENTITY_TRANSFORM } from '../dist/codec/block-transform.js'
import { ByteWriter } from '../dist/codec/bytes.js'
import { tenantHashOf, writeKeyPrefix } from '../dist/codec/tenant-key.js'
import { MemoryFileSystem } from '../dist/env/memory-file-system.js'
import { nodeEnv } from '../dist/env/node-env.js'
import { simulatedEnv } from '../dist/env/simulated-env.js'
import { runJob } from '../dist/lsm/jobs.js'
import { BALANCE_LIMITS } from '../dist/store/rebalance-picker.js'
import { Store } from '../dist/store/store.js'
import { seeded } from './orders.mjs'

const MiB = 2 ** 20
const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '12' } },
})
const RUN_MS = Number(given.seconds) * 1000
const TENANT_COUNT = 200
const ROW_BYTES = 300
const HOT = 100
const NEVER = { ...BALANCE_LIMITS, splitBytes: Infinity, mergeBytes: 0, hotLevel0Count: Infinity }

const random = seeded(7)
/** Rows are stretches of it, of letters that hardly shrink. */
const text = Buffer.from(Array.from({ length: MiB }, () => 97 + Math.floor(random() * 16)))

function keyOf(tenant, n) {
  const writer = new ByteWriter(32)
  const tenantHash = tenantHashOf(`tenant ${tenant}`)
  writeKeyPrefix(writer, { tenantHash, tenantId: tenant + 1, tableId: 10, indexId: 0 })
  for (let shift = 24; shift >= 0; shift -= 8) writer.u8((n >>> shift) & 255)
  return writer.finish()
}

async function openStore(balance) {
  const path = mkdtempSync(join(tmpdir(), 'tabularium-bench-'))
  const events = new EventSource()
  const seen = { flushedBytes: 0, compactedBytes: 0, splits: [], stallCount: 0 }
  events.on('flush', ({ outputBytes }) => (seen.flushedBytes += outputBytes))
  events.on('compaction', ({ outputBytes }) => (seen.compactedBytes += outputBytes))
  events.on('rebalance', ({ durationMs }) => seen.splits.push(durationMs))
  events.on('stall', () => seen.stallCount++)
  const jobModule = new URL('../dist/lsm/job-worker.js', import.meta.url)
  const env = nodeEnv({ jobModule, jobThreadCount: 2 })
  const options = {
    path,
    createIfMissing: true,
    defaultTabletCount: 1,
    memtableBudgetBytes: 8 * MiB,
    blockCacheBytes: 16 * MiB,
    walFileBytes: 32 * MiB,
    relaxedWindowMs: 100,
    historyWindowMs: 0,
    blockBytes: 16_384,
    outputTableBytes: 8 * MiB,
    transform: IDENTITY_TRANSFORM,
    balance,
    picker: {
      level0MaxCount: 4,
      level1MaxBytes: 16 * MiB,
      levelRatio: 10,
      level0BiteBytes: 32 * MiB,
      moveMinBytes: MiB,
    },
  }
  const store = await Store.open(options, env, events)
  const close = async () => {
    await store.close()
    await env.jobs.close()
    rmSync(path, { recursive: true })
  }
  return { store, seen, close }
}

function putOne(view, tenant) {
  const at = Math.floor(random() * (MiB - ROW_BYTES))
  view.put(keyOf(tenant, Math.floor(random() * 2e9)), text.subarray(at, at + ROW_BYTES))
}

function put(store, tenant, count) {
  const write = (view) => {
    for (let i = 0; i < count; i++) putOne(view, tenant)
  }
  return store.write(write, { durability: 'relaxed' })
}

async function base(store) {
  for (let i = 0; i < 1500; i++) await put(store, Math.floor(random() * TENANT_COUNT), 100)
  await store.compact()
}

function quantiles(samples) {
  const sorted = Float64Array.from(samples).sort()
  const at = (share) => Number(sorted[Math.floor((sorted.length - 1) * share)].toFixed(2))
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1) }
}

async function hotTenant(name, balance) {
  const { store, seen, close } = await openStore(balance)
  await base(store)
  Object.assign(seen, { flushedBytes: 0, compactedBytes: 0 })
  const end = performance.now() + RUN_MS
  let hotRows = 0
  const writeHot = async () => {
    while (performance.now() < end) {
      await put(store, HOT, 200)
      hotRows += 200
    }
  }
  const waits = []
  const writeOthers = async () => {
    for (let i = 0; performance.now() < end; i++) {
      const start = performance.now()
      await put(store, i % HOT, 1)
      waits.push(performance.now() - start)
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }
  await Promise.all([writeHot(), writeHot(), writeOthers()])
  await store.compact()
  const { tablets } = store.stats()
  console.log(
    JSON.stringify({
      bench: 'tablets',
      case: name,
      tabletCount: tablets.length,
      splitMs: seen.splits.map((ms) => Number(ms.toFixed(1))),
      hotRowsPerSecond: Math.round(hotRows / (RUN_MS / 1000)),
      otherCommits: quantiles(waits),
      stallCount: seen.stallCount,
      writeAmplification: Number((seen.compactedBytes / seen.flushedBytes).toFixed(2)),
    }),
  )
  await close()
}

/** Splits what lies at rest in two, again and again. */
async function costs() {
  const { store, seen, close } = await openStore(NEVER)
  await base(store)
  const before = store.stats()
  const start = performance.now()
  for (let i = 1; i < 16; i++) {
    const hash = i * 2 ** 28
    const { tabletId } = store.stats().tablets.at(-1)
    await store.rebalance({ kind: 'split', tabletId, hash, reason: 'asked' })
  }
  const splitMs = performance.now() - start
  const after = store.stats()
  console.log(
    JSON.stringify({
      bench: 'tablets',
      case: 'splits of what is at rest',
      tableBytes: before.tableBytes,
      tableCount: before.tableCount,
      writtenTableBytes: after.tableBytes - before.tableBytes,
      tabletCount: after.tablets.length,
      meanMs: Number((splitMs / 15).toFixed(2)),
      worstMs: Number(Math.max(...seen.splits).toFixed(2)),
    }),
  )
  await close()
}

/** All sizes are a 256th of the real ones. */
async function amplification(name, splitBytes) {
  const scaled = (bytes) => bytes / 256
  const fs = new MemoryFileSystem()
  const events = new EventSource()
  let flushedBytes = 0
  let compactedBytes = 0
  events.on('flush', ({ outputBytes }) => (flushedBytes += outputBytes))
  events.on('compaction', ({ inputFileIds, outputFileIds, outputBytes }) => {
    const isMove = inputFileIds.join() === outputFileIds.join()
    if (!isMove) compactedBytes += outputBytes
  })
  const env = simulatedEnv({ seed: 1, fs, runJob: (job) => runJob(job, fs) })
  const options = {
    path: '/db',
    createIfMissing: true,
    defaultTabletCount: 4,
    memtableBudgetBytes: scaled(64 * MiB),
    blockCacheBytes: 0,
    walFileBytes: 4 * MiB,
    relaxedWindowMs: 100,
    historyWindowMs: 0,
    blockBytes: 4096,
    outputTableBytes: scaled(64 * MiB),
    transform: IDENTITY_TRANSFORM,
    balance: { ...BALANCE_LIMITS, splitBytes: scaled(splitBytes), mergeBytes: 0 },
    picker: {
      level0MaxCount: 4,
      level1MaxBytes: scaled(64 * MiB),
      levelRatio: 10,
      level0BiteBytes: scaled(256 * MiB),
      moveMinBytes: scaled(8 * MiB),
    },
  }
  const store = await Store.open(options, env, events)
  for (let i = 0; i < 1000; i++) {
    const tenants = Array.from({ length: 100 }, () => Math.floor(random() * 1000))
    await store.write((view) => tenants.forEach((tenant) => putOne(view, tenant)), {
      durability: 'relaxed',
    })
  }
  await store.flush()
  const { tablets, tableBytes } = store.stats()
  console.log(
    JSON.stringify({
      bench: 'tablets',
      case: name,
      tabletCount: tablets.length,
      tableBytes,
      writeAmplification: Number((1 + compactedBytes / flushedBytes).toFixed(2)),
    }),
  )
  await store.close()
}

if (positionals[0] === 'amplification') {
  await amplification('never split', Infinity)
  for (const splitMiB of [2048, 1024, 512, 256]) {
    await amplification(`split at ${splitMiB} MiB`, splitMiB * MiB)
  }
} else {
  await costs()
  await hotTenant('a hot tenant, tablets as they are', NEVER)
  await hotTenant('a hot tenant, tablets split', BALANCE_LIMITS)
}
