// tabularium/level beside classic-level, and beside the key space that it stands on: batches, point reads, iteration. The
// engines take turns within each case, so that what else the machine does meets all of them alike.
// node scripts/install-compare.mjs, then
// node bench/level.mjs [--rows 200000] [--rounds 15] [--name level]
// Prints one JSON object per case: what each engine does in a second, what one takes of all processors together, and the
// medians over all rounds of how many times faster that is than classic-level. Keeps them in bench/results.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { open } from 'tabularium'
import { levelOf } from 'tabularium/level'
import { machineFacts, processorMicros, systemLoad } from './machine.mjs'
import { median } from './numbers.mjs'
import { seeded } from './orders.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '15' },
    name: { type: 'string', default: 'level' },
  },
})
const rowCount = Number(values.rows)
const roundCount = Number(values.rounds)
const SLICE_MS = 120
const BATCH_COUNT = 1000
const MIB = 1 << 20
const { ClassicLevel } = createRequire(new URL('compare/package.json', import.meta.url))(
  'classic-level',
)

const random = seeded(5)
const keyOf = (i) => `user/${String(i).padStart(9, '0')}`
const VALUE = JSON.stringify({ name: 'Somebody', email: 'somebody@example.com', seen: 1700000000 })
const anyKey = () => keyOf(Math.floor(random() * rowCount))
let nextNew = rowCount

function newBatch() {
  return Array.from({ length: BATCH_COUNT }, () => ({
    type: 'put',
    key: keyOf(nextNew++),
    value: VALUE,
  }))
}

const folder = mkdtempSync(join(tmpdir(), 'tabularium-bench-level-'))
const db = await open({
  path: join(folder, 'tabularium'),
  memoryBudgetBytes: 256 * MIB,
  historyWindowMs: 0,
})
const ours = levelOf(db, 'bench')
const space = db.keySpace('bench')
const classic = new ClassicLevel(join(folder, 'classic'), {
  cacheSize: 256 * MIB,
  writeBufferSize: 64 * MIB,
})

/** Each runs for a slice of time: how much it did in a second, and what one took of the processors in microseconds. */
async function slice(step) {
  const start = performance.now()
  const cpuStart = processorMicros()
  let count = 0
  while (performance.now() - start < SLICE_MS) count += await step()
  const cpuMicros = processorMicros() - cpuStart
  return {
    perSecond: (count * 1000) / (performance.now() - start),
    cpuMicros: cpuMicros / count,
  }
}

async function walk(iterator) {
  let count = 0
  for (;;) {
    const entries = await iterator.nextv(BATCH_COUNT)
    if (entries.length === 0) break
    count += entries.length
    if (count >= 10_000) break
  }
  await iterator.close()
  return count
}

async function walkOneByOne(iterator) {
  let count = 0
  for await (const _ of iterator) count++
  return count
}

const repeated = (read) => async () => {
  for (let i = 0; i < 100; i++) if ((await read(anyKey())) === undefined) throw new Error('absent')
  return 100
}
const repeatedSync = (read) => () => {
  for (let i = 0; i < 100; i++) if (read(anyKey()) === undefined) throw new Error('absent')
  return 100
}
const batched = (level, options) => async () => {
  await level.batch(newBatch(), options)
  return BATCH_COUNT
}
const alone = (level, options) => async () => {
  await level.put(keyOf(nextNew++), VALUE, options)
  return 1
}
const together = (level, options) => async () => {
  await Promise.all(Array.from({ length: 64 }, () => level.put(keyOf(nextNew++), VALUE, options)))
  return 64
}
const many = (level) => async () => {
  const found = await level.getMany(Array.from({ length: 100 }, anyKey))
  return found.length
}
const both = (make, ...rest) => ({ classic: make(classic, ...rest), level: make(ours, ...rest) })

const READS = {
  getSync: {
    classic: repeatedSync((key) => classic.getSync(key)),
    level: repeatedSync((key) => ours.getSync(key)),
    space: repeatedSync((key) => space.getText(key)),
  },
  get: { classic: repeated((key) => classic.get(key)), level: repeated((key) => ours.get(key)) },
  'getMany of 100': both(many),
  'iterator, nextv(1000)': {
    ...both((level) => () => walk(level.iterator({ gte: anyKey() }))),
    space() {
      const scan = space.scan({ gte: anyKey() })
      const entries = []
      while (entries.length < 10_000 && scan.next()) entries.push([scan.keyText, scan.valueText])
      scan.close()
      return entries.length
    },
  },
  'iterator in reverse, nextv(1000)': both(
    (level) => () => walk(level.iterator({ lt: anyKey(), reverse: true })),
  ),
  'iterator of 100, for await': both(
    (level) => () => walkOneByOne(level.iterator({ gte: anyKey(), limit: 100 })),
  ),
}
const WRITES = {
  'batch of 1000': {
    ...both(batched),
    async space() {
      const operations = newBatch()
      await space.write((batch) => {
        for (const { key, value } of operations) batch.put(key, value)
      })
      return BATCH_COUNT
    },
  },
  'batch of 1000, sync': both(batched, { sync: true }),
  'put, one after the other': both(alone),
  'put, one after the other, sync': both(alone, { sync: true }),
  'put, 64 at a time': both(together),
  'put, 64 at a time, sync': both(together, { sync: true }),
}

const facts = machineFacts()
const results = []

async function measure(cases) {
  for (const [name, engines] of Object.entries(cases)) {
    const slices = Object.fromEntries(Object.keys(engines).map((engine) => [engine, []]))
    for (let round = -2; round < roundCount; round++) {
      for (const [engine, step] of Object.entries(engines)) {
        const measured = await slice(step)
        if (round >= 0) slices[engine].push(measured)
      }
    }
    const result = { bench: 'level', case: name, rows: rowCount, rounds: roundCount }
    const { classic: base } = slices
    for (const [engine, measured] of Object.entries(slices)) {
      const of = (value) => median(measured.map(value))
      result[engine] = {
        perSecond: Math.round(of(({ perSecond }) => perSecond)),
        cpuMicros: Number(of(({ cpuMicros }) => cpuMicros).toFixed(2)),
        ...(engine !== 'classic' && {
          timesFaster: Number(of(({ perSecond }, i) => perSecond / base[i].perSecond).toFixed(2)),
          timesLessCpu: Number(of(({ cpuMicros }, i) => base[i].cpuMicros / cpuMicros).toFixed(2)),
        }),
      }
    }
    Object.assign(result, {
      ...facts,
      cpus: cpus().length,
      load: systemLoad(),
    })
    results.push(result)
    console.log(JSON.stringify(result))
  }
}

for (let from = 0; from < rowCount; from += BATCH_COUNT) {
  const operations = Array.from({ length: BATCH_COUNT }, (_, i) => ({
    type: 'put',
    key: keyOf(from + i),
    value: VALUE,
  }))
  await ours.batch(operations)
  await classic.batch(operations)
}
await db.compact()
await classic.compactRange(keyOf(0), keyOf(rowCount))
await measure(READS)
await measure(WRITES)
await ours.close()
await classic.close()
await db.close()
rmSync(folder, { recursive: true, force: true })
const output = fileURLToPath(new URL(`results/${values.name}.jsonl`, import.meta.url))
writeFileSync(output, results.map((result) => `${JSON.stringify(result)}\n`).join(''))
