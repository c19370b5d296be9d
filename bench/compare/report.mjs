// Writes docs/performance.md from the lines of bench/results: those of bench/compare/run.mjs, and what other benchmarks have
// left there. Why a bar is not reached stands in bench/compare/explanations.md.
// node bench/compare/report.mjs [--name compare]
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { median } from '../numbers.mjs'
import { isReached, MEASURES, PRICED, spellBar, titleOf, WORKLOAD_TITLES } from './bars.mjs'
import { ENGINES, isOurs, OURS } from './engines.mjs'
import { readLines, sectionResults, SECTIONS, spelled, tableOf } from './sections.mjs'

const { values } = parseArgs({ options: { name: { type: 'string', default: 'compare' } } })
const lines = readLines(values.name)
const engines = Object.keys(ENGINES).filter((name) => lines.some(({ engine }) => engine === name))
const ROW_CACHE = 'tabularium with row cache'
const ROW_CACHE_MEASURES = ['uniformPerSecond', 'zipfPerSecond', 'mixedPerSecond']
const peers = engines.filter((name) => !isOurs(name))
const [{ node, cpu }] = lines
const linesOf = (workload, engine) =>
  lines.filter((line) => line.workload === workload && line.engine === engine)

/** What an engine did: all repetitions. */
function numbersOf({ workload, measure }, engine) {
  return linesOf(workload, engine)
    .map((line) => line[measure])
    .filter((number) => number !== undefined)
}

function medianOf(row, engine) {
  const numbers = numbersOf(row, engine)
  return numbers.length === 0 ? undefined : median(numbers)
}

function withRange(row, engine) {
  const numbers = numbersOf(row, engine)
  if (numbers.length === 0) return ''
  const middle = spelled(median(numbers))
  if (numbers.length === 1) return middle
  return `${middle} (${spelled(Math.min(...numbers))}-${spelled(Math.max(...numbers))})`
}

/** The best of the others: its name and number. */
function bestPeer(row) {
  const found = peers
    .map((name) => ({ name, number: medianOf(row, name) }))
    .filter(({ number }) => number !== undefined)
    .toSorted((a, b) => (row.better === 'less' ? a.number - b.number : b.number - a.number))
  return found[0]
}

/** A measure with what became of its bar; undefined when ours was not measured. */
function judged(row) {
  const ours = medianOf(row, OURS)
  if (ours === undefined) return undefined
  const best = bestPeer(row)
  // Of nothing there are no multiples.
  const ratio = best === undefined || best.number === 0 ? undefined : ours / best.number
  return { row, ours, best, ratio, reached: isReached(row, ours, ratio) }
}

const results = MEASURES.map(judged).filter((result) => result !== undefined)

function resultRow({ row, best, ratio, reached }) {
  return [
    row.title,
    withRange(row, OURS),
    ...peers.map((name) => withRange(row, name)),
    ratio === undefined ? '' : `**${ratio.toFixed(2)}x** ${best.name}`,
    spellBar(row),
    reached === undefined ? '' : reached ? 'yes' : '**no**',
  ]
}

function workloadSection(workload) {
  const own = results.filter(({ row }) => row.workload === workload)
  if (own.length === 0) return ''
  const [first] = linesOf(workload, OURS)
  const amount =
    first.events === undefined
      ? `${first.rows.toLocaleString('en')} orders`
      : `${first.events.toLocaleString('en')} events of ${first.jsonBytesPerEvent.toLocaleString('en')} bytes of JSON`
  const head = ['', OURS, ...peers, 'ours to best peer', 'bar', 'reached']
  return `
### ${WORKLOAD_TITLES[workload]}

${amount}; durability ${first.durability}.

${tableOf([head, ...own.map(resultRow)])}
`
}

/** What features of ours cost: the same workloads with them on, and off. */
function prices() {
  const variants = engines.filter((name) => ENGINES[name].variantOf !== undefined)
  const rows = MEASURES.filter(
    ({ workload, measure }) =>
      PRICED.includes(measure) &&
      variants.some((name) => medianOf({ workload, measure }, name) !== undefined),
  )
  if (rows.length === 0) return ''
  const priceOf = (row, name) => {
    const [own, base] = [medianOf(row, name), medianOf(row, OURS)]
    if (own === undefined || base === undefined) return ''
    return `${withRange(row, name)}, **${(own / base).toFixed(2)}x**`
  }
  const body = rows.map((row) => [
    titleOf(row),
    withRange(row, OURS),
    ...variants.map((name) => priceOf(row, name)),
  ])
  return `
## What features cost

The same workloads with secondary indexes, without history, and with the row cache. Bold: the ratio to the first column.

${tableOf([['', `${OURS}: history, no index`, ...variants], ...body])}
`
}

/** Reads by way of the row cache beside the best of the others. */
function rowCache() {
  const rows = MEASURES.filter(
    (row) => ROW_CACHE_MEASURES.includes(row.measure) && medianOf(row, ROW_CACHE) !== undefined,
  )
  if (rows.length === 0) return ''
  const body = rows.map((row) => {
    const best = bestPeer(row)
    const beside =
      best === undefined
        ? ['', '']
        : [
            `${withRange(row, best.name)} ${best.name}`,
            `**${(medianOf(row, ROW_CACHE) / best.number).toFixed(2)}x**`,
          ]
    return [titleOf(row), withRange(row, OURS), withRange(row, ROW_CACHE), ...beside]
  })
  return `
## With the row cache

\`rowCacheBytes\` is off by default, so the bars above are without it. The keys of a workload are 100,000: after the first round
each row is read again.

${tableOf([['', OURS, 'with row cache', 'best peer', 'ratio'], ...body])}
`
}

/** Texts by the measure that they explain. */
function explanations() {
  const text = readFileSync(new URL('explanations.md', import.meta.url), 'utf8')
  const parts = text.split(/^## /m).slice(1)
  return new Map(
    parts.map((part) => {
      const [title, ...rest] = part.split('\n')
      return [title.trim(), rest.join('\n').trim()]
    }),
  )
}

/** Everything that has a bar: of the workloads, and of the sections. */
const barred = [
  ...results
    .filter(({ reached }) => reached !== undefined)
    .map(({ row, ours, best, ratio, reached }) => ({
      key: `${row.workload}.${row.measure}`,
      title: titleOf(row),
      ours,
      beside:
        row.times === undefined
          ? ''
          : `, ${ratio.toFixed(2)}x the ${spelled(best.number)} of ${best.name}`,
      bar: spellBar(row),
      reached,
    })),
  ...sectionResults(),
]

function missedBars() {
  const missed = barred.filter(({ reached }) => !reached)
  if (missed.length === 0) return ''
  const explained = explanations()
  const parts = missed.map(({ key, title, ours, beside = '', bar }) => {
    if (!explained.has(key)) console.error(`explanations.md says nothing of ${key}`)
    return `### ${title}

${spelled(ours)}${beside}; the bar is ${bar}.

${explained.get(key) ?? 'Not explained yet.'}
`
  })
  return `
## Bars that are not reached

${parts.join('\n')}`
}

const repetitions = Math.max(...lines.map(({ repetition }) => repetition)) + 1
const loads = lines.map(({ load }) => load)
const commits = [...new Set(lines.map(({ commit }) => commit))]
const text = `# Performance

Our engine beside others in one run on one machine. \`npm run bench:compare\` measures and writes this page.

Medians of ${repetitions} repetitions (least to most). Behind the peers how many times theirs the best of them ours is; for latencies and sizes
less is better. Each workload of each engine is a process of its own; engines take turns within each workload. The system's
load was ${Math.min(...loads)} to ${Math.max(...loads)}; commit ${commits.map((commit) => `\`${commit}\``).join(', ')}, Node ${node.slice(1)}, ${cpu}.

Of ${barred.length} bars ${barred.filter(({ reached }) => reached).length} are reached.

Rows go in as objects and come out as equal objects: orders of some 280 bytes of JSON over 1,000 tenants of zipf-like size, in
the order of time. Reads are one at a time, and each key was read once before the clock starts (slow engines: for 5 s). Where an
engine takes a batch without blocking, two are under way. Durable: every commit is synced before it counts. Relaxed: it counts before;
ours syncs within 100 ms even so, LMDB and SQLite not at all.

${engines.map((name) => `- **${name}** ${lines.find(({ engine }) => engine === name).version}: ${lines.find(({ engine }) => engine === name).settings}.`).join('\n')}

better-sqlite3 and the binding of RocksDB commit on the calling thread, so 64 clients queue there. A virtual machine's disk differs
from run to run: compare ratios, not rates.

## Workloads
${Object.keys(WORKLOAD_TITLES).map(workloadSection).join('')}${prices()}${rowCache()}${SECTIONS.map((section) => section()).join('')}${missedBars()}`
writeFileSync(new URL('../../docs/performance.md', import.meta.url), text)
