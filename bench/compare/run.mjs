// Our engine beside others, on the same rows. Each workload of each engine is a process of its own, and the engines take turns
// within each workload: A B C D, B C D A, ... so that whatever else the machine does meets all of them.
// node scripts/install-compare.mjs, then
// node bench/compare/run.mjs [--rows 1000000] [--repeat 5] [--only load,open,read,relaxed,commit,memory,events,replay]
//                            [--engines tabularium,lmdb] [--minutes 60] [--name compare] [--directory FOLDER]
// Lines are added to bench/results/NAME.jsonl as they are measured, in place of those that the file has of these workloads.
// After --minutes nothing more is begun; a run that is broken off keeps what it has.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runChild } from '../children.mjs'
import { logBytes } from '../log-files.mjs'
import { machineFacts, systemLoad } from '../machine.mjs'
import { ENGINES, openEngine, versionOf } from './engines.mjs'

const MIB = 1 << 20
const STEP_MAX_MS = 600_000

/**
 * In the order in which they run. `rowShare` of the rows are enough for some, and `rows` say how many it is whatever is
 * asked for: so many events, or as many orders as fill a log of 64 MB. `seconds` is what one takes with a million rows,
 * roughly. Workloads that go on with the database of another name it; features of ours have a price in some.
 */
const WORKLOADS = {
  load: { durability: 'sync', seconds: 20, hasVariants: true },
  open: { durability: 'sync', seconds: 1, continues: 'load' },
  read: { durability: 'relaxed', seconds: 9, continues: 'load', hasVariants: true },
  relaxed: { durability: 'relaxed', seconds: 6, rowShare: 0.3 },
  commit: { durability: 'sync', seconds: 5, hasVariants: true },
  memory: { durability: 'relaxed', seconds: 5 },
  events: { durability: 'sync', seconds: 30, rows: 100_000 },
  replay: { durability: 'sync', seconds: 8, rows: 400_000 },
}

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    repeat: { type: 'string', default: '5' },
    only: { type: 'string', default: Object.keys(WORKLOADS).join() },
    engines: { type: 'string', default: Object.keys(ENGINES).join() },
    minutes: { type: 'string', default: '60' },
    name: { type: 'string', default: 'compare' },
    directory: { type: 'string', default: tmpdir() },
  },
})
for (const name of values.only.split(',')) {
  if (WORKLOADS[name] === undefined) {
    throw new Error(`there is no workload ${name}; there are: ${Object.keys(WORKLOADS).join()}`)
  }
}
for (const name of values.engines.split(',')) {
  if (ENGINES[name] === undefined) {
    throw new Error(`there is no engine ${name}; there are: ${Object.keys(ENGINES).join()}`)
  }
}
const rowCount = Number(values.rows)
const repeatCount = Number(values.repeat)
const wanted = values.only.split(',')
const folder = mkdtempSync(join(values.directory, 'compare-'))
const results = fileURLToPath(new URL('../results', import.meta.url))
const output = join(results, `${values.name}.jsonl`)
const script = fileURLToPath(new URL('measure.mjs', import.meta.url))
const facts = machineFacts()

const isWanted = (workload) =>
  wanted.includes(workload) || wanted.some((name) => WORKLOADS[name].continues === workload)

/** Opening each once shows what is installed and loads. */
async function usableEngines() {
  const usable = []
  for (const name of values.engines.split(',')) {
    try {
      const db = await openEngine(name, join(folder, `probe ${name}`))
      await db.close()
      usable.push(name)
    } catch (error) {
      console.error(`${name}: SKIPPED, ${String(error).split('\n')[0]}`)
    }
  }
  return usable
}

/** All steps in the order in which they are taken. */
function planSteps(engines) {
  const steps = []
  for (let repetition = 0; repetition < repeatCount; repetition++) {
    for (const [workload, { hasVariants }] of Object.entries(WORKLOADS)) {
      if (!isWanted(workload)) continue
      for (let turn = 0; turn < engines.length; turn++) {
        const engine = engines[(repetition + turn) % engines.length]
        const { variantOf, workloads } = ENGINES[engine]
        const isMeasured = workloads?.includes(workload) ?? hasVariants === true
        if (variantOf !== undefined && !isMeasured) continue
        steps.push({ repetition, workload, engine })
      }
    }
  }
  return steps
}

const child = (context) =>
  runChild(script, [JSON.stringify(context)], {
    flags: ['--max-old-space-size=8192'],
    env: ENGINES[context.engine].environment,
    timeoutMs: STEP_MAX_MS,
  })

/** The first order of the load, which is read after each opening. */
async function firstOrder() {
  const { orderId, tenantOfOrder } = await import('../orders.mjs')
  return { tenant: tenantOfOrder(0), id: orderId(0) }
}

function measureReplay(context) {
  const bufferBytes = 256 * MIB
  const { rows } = child({ ...context, workload: 'fill', bufferBytes })
  const bytes = logBytes(context.path)
  const opened = child({ ...context, workload: 'open', bufferBytes })
  return {
    rows,
    ...opened,
    rowsReplayedPerSecond: Math.round((rows * 1000) / opened.openMs),
    ...(bytes > 0 && { logBytes: bytes, logMbPerSecond: Math.round(bytes / 1e3 / opened.openMs) }),
  }
}

function measure({ workload, engine }, probe) {
  const { continues, rowShare = 1, rows = Math.ceil(rowCount * rowShare) } = WORKLOADS[workload]
  const path = join(folder, `${continues ?? workload} ${engine}`)
  const context = { workload, engine, path, probe, rowCount: rows }
  const measured = workload === 'replay' ? measureReplay(context) : child(context)
  const goesOn = Object.entries(WORKLOADS).findLast(
    ([name, { continues: of }]) => of === (continues ?? workload) && isWanted(name),
  )
  if (goesOn === undefined || goesOn[0] === workload) {
    rmSync(path, { recursive: true, force: true })
    rmSync(`${path}.structures.json`, { force: true })
  }
  return { rows: context.rowCount, ...measured }
}

/** Minutes that steps take, by what like ones have taken. */
function minutesOf(steps, takenMs) {
  const ms = steps.map(({ workload, engine }) => {
    const own = takenMs.get(`${workload} ${engine}`)
    const { seconds, rows } = WORKLOADS[workload]
    const share = rows === undefined ? Math.max(rowCount, 100_000) / 1e6 : 1
    return own ?? seconds * 1000 * share
  })
  return Math.ceil(ms.reduce((total, each) => total + each, 0) / 60_000)
}

/** Lines of workloads that this run does not measure stay. */
function startOutput() {
  mkdirSync(results, { recursive: true })
  let kept = []
  try {
    kept = readFileSync(output, 'utf8').split('\n').filter(Boolean)
  } catch {
    // There is none yet.
  }
  const others = kept.filter((line) => !isWanted(JSON.parse(line).workload))
  writeFileSync(output, others.map((line) => `${line}\n`).join(''))
}

async function runSteps(steps) {
  const probe = await firstOrder()
  const deadline = performance.now() + Number(values.minutes) * 60_000
  const takenMs = new Map()
  const broken = new Set()
  for (const [i, step] of steps.entries()) {
    const { repetition, workload, engine } = step
    if (performance.now() > deadline) {
      console.error(`time is up: ${steps.length - i} of ${steps.length} steps are left out`)
      return
    }
    const start = performance.now()
    if (broken.has(`${repetition} ${WORKLOADS[workload].continues} ${engine}`)) continue
    try {
      const line = JSON.stringify({
        bench: 'compare',
        workload,
        engine,
        version: versionOf(engine),
        settings: ENGINES[engine].settings,
        durability: WORKLOADS[workload].durability,
        repetition,
        load: systemLoad(),
        ...measure(step, probe),
        ...facts,
      })
      appendFileSync(output, `${line}\n`)
      console.log(line)
    } catch (error) {
      broken.add(`${repetition} ${workload} ${engine}`)
      console.error(String(error))
    }
    takenMs.set(`${workload} ${engine}`, performance.now() - start)
    const left = minutesOf(steps.slice(i + 1), takenMs)
    console.error(
      `[${i + 1}/${steps.length}] ${workload} of ${engine}, ${((performance.now() - start) / 1000).toFixed(1)} s; ${left} minutes left`,
    )
  }
}

startOutput()
try {
  await runSteps(planSteps(await usableEngines()))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
