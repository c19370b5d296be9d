// What tenants cost that do nothing: opening a database that knows more and more of them, and the memory of those that a
// service has open. Each opening is a process of its own.
// node bench/tenants.mjs [--known 100,10000,1000000] [--open 10000] [--repeat 5] [--dir FOLDER] [--name tenants]
// Databases that lie in FOLDER already are used again. Prints one JSON object per number of known tenants, and keeps them in
// bench/results.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runChild } from './children.mjs'
import { machineFacts, systemLoad } from './machine.mjs'
import { median } from './numbers.mjs'

const { values } = parseArgs({
  options: {
    known: { type: 'string', default: '100,10000,1000000' },
    open: { type: 'string', default: '10000' },
    repeat: { type: 'string', default: '5' },
    dir: { type: 'string', default: join(tmpdir(), 'tabularium-tenants') },
    name: { type: 'string', default: 'tenants' },
    step: { type: 'string' },
    path: { type: 'string' },
  },
})
const COMMIT_TENANT_COUNT = 1000
const nameOf = (i) => `merchant-${String(i).padStart(7, '0')}`

/** One small row for each tenant, settled in tables. */
async function fill(path, knownCount) {
  const { open, indexedOrders, order, seeded } = await engine()
  const db = await open({ path, tables: { orders: indexedOrders } })
  const random = seeded(7)
  for (let first = 0; first < knownCount; first += COMMIT_TENANT_COUNT) {
    await db.transact((tx) => {
      const inserts = []
      for (let i = first; i < Math.min(first + COMMIT_TENANT_COUNT, knownCount); i++) {
        inserts.push(tx.tenant(nameOf(i)).orders.insert(order(i, random)))
      }
      return Promise.all(inserts)
    })
  }
  await db.compact()
  await db.close()
}

/** JavaScript heap and buffers, garbage gone. */
function heldBytes() {
  for (let i = 0; i < 3; i++) globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Opens, then opens tenants, each of which reads a row and keeps its session. */
async function measure(path, knownCount) {
  const { open, indexedOrders, orderId } = await engine()
  const openCount = Math.min(knownCount, Number(values.open))
  const beforeOpen = heldBytes()
  const start = performance.now()
  const db = await open({ path, tables: { orders: indexedOrders } })
  const openMs = performance.now() - start
  const row = db.tenant(nameOf(0)).orders.getSync(orderId(0))
  const firstReadMs = performance.now() - start - openMs
  if (row === undefined) throw new Error('the first row is not there')
  const before = heldBytes()
  const sessions = []
  for (let i = 0; i < openCount; i++) {
    // Spread over all that are known.
    const n = Math.floor((i * knownCount) / openCount)
    const session = db.tenant(nameOf(n))
    if (session.orders.getSync(orderId(n)) === undefined) throw new Error(`no row of ${nameOf(n)}`)
    sessions.push(session)
  }
  // What is cached of their rows is within the memory budget, which all tenants share.
  const cacheBytes = () => db.stats().cache.usedBytes
  const perTenantBytes = (heldBytes() - before - cacheBytes()) / openCount
  return {
    openMs,
    firstReadMs,
    databaseBytes: before - beforeOpen,
    rssMib: process.memoryUsage.rss() / 2 ** 20,
    openCount: sessions.length,
    cacheMib: cacheBytes() / 2 ** 20,
    perTenantBytes,
  }
}

async function engine() {
  return { ...(await import('tabularium')), ...(await import('./orders.mjs')) }
}

function run(step, path, knownCount) {
  const file = fileURLToPath(import.meta.url)
  const options = [
    `--step=${step}`,
    `--path=${path}`,
    `--known=${knownCount}`,
    `--open=${values.open}`,
  ]
  return runChild(file, options, { flags: ['--expose-gc'] })
}

function report() {
  const output = fileURLToPath(new URL(`results/${values.name}.jsonl`, import.meta.url))
  const facts = machineFacts()
  const lines = []
  mkdirSync(values.dir, { recursive: true })
  for (const known of values.known.split(',').map(Number)) {
    const path = join(values.dir, String(known))
    const done = `${path}.filled`
    if (!existsSync(done)) {
      rmSync(path, { recursive: true, force: true })
      run('fill', path, known)
      writeFileSync(done, '')
    }
    const runs = Array.from({ length: Number(values.repeat) }, () => run('measure', path, known))
    const of = (what, digits = 1) => Number(median(runs.map((each) => each[what])).toFixed(digits))
    const line = {
      bench: 'tenants',
      known,
      openMs: of('openMs'),
      firstReadMs: of('firstReadMs'),
      databaseKib: Math.round(of('databaseBytes') / 1024),
      rssMib: of('rssMib', 0),
      open: runs[0].openCount,
      perTenantBytes: of('perTenantBytes', 0),
      cacheMib: of('cacheMib'),
      repeat: runs.length,
      load: systemLoad(),
      ...facts,
    }
    lines.push(JSON.stringify(line))
    console.log(lines.at(-1))
    writeFileSync(output, `${lines.join('\n')}\n`)
  }
}

if (values.step === undefined) report()
else if (values.step === 'fill') {
  await fill(values.path, Number(values.known))
  console.log('{}')
} else console.log(JSON.stringify(await measure(values.path, Number(values.known))))
