// Sections of docs/performance.md about what benchmarks beside the comparison have left in bench/results. A section is empty
// where there is nothing.
import { existsSync, readFileSync } from 'node:fs'
import { isReached, spellBar } from './bars.mjs'

/** Results of a name; none when it was never measured. */
export function readLines(name) {
  const path = new URL(`../results/${name}.jsonl`, import.meta.url)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').split('\n').filter(Boolean).map(JSON.parse)
}

export function spelled(number) {
  const size = Math.abs(number)
  if (size >= 1e6) return `${Number((number / 1e6).toPrecision(3))}M`
  if (size >= 10_000) return `${Math.round(number / 1000)}k`
  return Number(number.toPrecision(4)).toLocaleString('en')
}

/** Rows of cells, the first of them the head. */
export function tableOf([head, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

const machineOf = ({ commit, node }) => `commit \`${commit}\`, Node ${node.slice(1)}`

const RECOVERY_MEASURES = [
  ['openMs', 'open, ms'],
  ['firstReadMs', 'first read after it, ms'],
  ['openCpuMs', 'processor time of the opening, ms'],
  ['replayMbPerSecond', 'log replayed, MB/s'],
  ['rssMib', 'resident memory then, MiB'],
]

/** Of bench/recovery.mjs. */
function recovery() {
  const all = readLines('recovery')
  if (all.length === 0) return ''
  const names = [...new Set(all.map(({ engine }) => engine))]
  const heldBy = (side) => {
    if (side === undefined) return ''
    const { rows, logBytes, commits } = side
    if (logBytes === undefined) return `${rows.toLocaleString('en')} rows`
    const mb = Math.round(logBytes / 1e6).toLocaleString('en')
    return `${mb} MB, ${commits.toLocaleString('en')} commits`
  }
  const rowsOf = (name) => {
    const sides = names.map((engine) =>
      all.find((one) => one.case === name && one.engine === engine),
    )
    const measured = RECOVERY_MEASURES.filter(([measure]) =>
      sides.some((side) => side?.[measure] !== undefined),
    )
    return [
      [`**${name}**`, ...sides.map(heldBy)],
      ...measured.map(([measure, title]) => [
        title,
        ...sides.map((side) => side?.[measure]?.toLocaleString('en') ?? ''),
      ]),
    ]
  }
  const [first] = all
  const versions = names.map(
    (name) => `${name} ${all.find(({ engine }) => engine === name).version}`,
  )
  return `
## Opening and recovery

\`node bench/recovery.mjs\` opens a database that was closed, one of which nothing is in the system's cache, and ones whose
process was killed before anything of the log was in tables. Medians of ${first.repeat} openings, each a process of its own on a copy,
engines in turn, with default memory; ${machineOf(first)}. The system's load was ${first.load} at the first.

${tableOf([['', ...versions], ...[...new Set(all.map((one) => one.case))].flatMap(rowsOf)])}

Ours reads of a closed database what its manifest names, not the tables, so it opens as fast with any number of rows. After a
kill it replays the log into memory and flushes once it is open.
`
}

/** Of bench/tails.mjs. */
function tails() {
  const all = readLines('tails')
  if (all.length === 0) return ''
  const [first] = all
  const columns = [
    ['rowsPerSecond', 'rows/s loaded'],
    ['readsPerSecond', 'reads/s beside'],
    ['readP50Us', 'read p50, µs'],
    ['readP99Us', 'p99, µs'],
    ['readP999Us', 'p99.9, µs'],
    ['readMaxUs', 'most, µs'],
    ['loopDelayP50Ms', 'event-loop delay p50, ms'],
    ['loopDelayP99Ms', 'p99, ms'],
    ['loopDelayMaxMs', 'most, ms'],
  ]
  const body = all.map((line) => [
    line.case,
    ...columns.map(([measure]) => (line[measure] === undefined ? '' : spelled(line[measure]))),
  ])
  return `
## Reads beside a load

\`node bench/tails.mjs\` loads for ${first.seconds} s as fast as it goes, durably and in batches of ${first.batchRows.toLocaleString('en')} rows, while a reader reads rows by key
in every turn of the event loop; flushes and compaction run all the time. ${machineOf(first)}, load ${first.load}. The bars: p99.9 of a read
below 2 ms, p99 of the delay of the event loop below 10 ms.

${tableOf([['', ...columns.map(([, title]) => title)], ...body])}
`
}

/** Of bench/compare/run.mjs --only load with ten million rows. */
function growth() {
  const all = readLines('load-10m').filter(({ workload }) => workload === 'load')
  if (all.length === 0) return ''
  const body = all.map((line) => {
    const rates = line.rowsPerSecondByTenth
    return [
      line.engine,
      line.rows.toLocaleString('en'),
      spelled(line.rowsPerSecond),
      spelled(rates[0]),
      spelled(rates.at(-1)),
      `**${(rates.at(-1) / rates[0]).toFixed(2)}**`,
      line.loadedBytesPerRow,
      line.diskBytesPerRow,
      `**${(line.loadedBytesPerRow / line.diskBytesPerRow).toFixed(2)}**`,
      line.writtenBytesPerRow,
      `**${(line.writtenBytesPerRow / line.diskBytesPerRow).toFixed(1)}**`,
    ]
  })
  const head = [
    '',
    'rows',
    'rows/s',
    'first tenth',
    'last tenth',
    'last to first',
    'on disk at the end, bytes a row',
    'after compaction',
    'ratio',
    'written, bytes a row',
    'to what is kept',
  ]
  return `
## A load that grows

\`node bench/compare/run.mjs --only load --rows 10000000 --repeat 1 --engines tabularium --name load-10m\`: W1 with more rows; what is
written holds the log, flushes and compaction. ${machineOf(all[0])}, load ${all[0].load}. The bars: the last million at least 0.8 times as fast as
the first, at most 1.3 times the live data on disk.

${tableOf([head, ...body])}
`
}

/** Facts of a run, which stand above a table. */
const FACTS = ['bench', 'commit', 'node', 'cpu', 'cpus', 'load', 'settings', 'version']

/** A table of whatever numbers a benchmark has noted. */
function plainTable(all) {
  const measures = [...new Set(all.flatMap(Object.keys))].filter((name) => !FACTS.includes(name))
  const words = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  const cell = (found) => (typeof found === 'number' ? spelled(found) : (found ?? ''))
  return tableOf([
    measures.map(words),
    ...all.map((line) => measures.map((measure) => cell(line[measure]))),
  ])
}

/** Of bench/tenants.mjs. */
function tenants() {
  const all = readLines('tenants')
  if (all.length === 0) return ''
  return `
## Tenants

\`node bench/tenants.mjs\`: what open tenants hold of the heap, and what opening takes with many of them. ${machineOf(all[0])}. The bar:
below 16 KiB of heap for each of 10,000 open tenants that are idle.
Opening reads the directories of the tables that the catalog and the row lie in, one per sorted run. They grow with the tenants of
one table, which is as large as it gets with a million tenants of one row, and not with all tenants.

${plainTable(all)}
`
}

/** Of bench/scale.mjs. */
function scale() {
  const all = readLines('scale')
  if (all.length === 0) return ''
  return `
## Scaling

\`node bench/scale.mjs\`: what a row costs as the database grows. ${machineOf(all[0])}. The bar: within 20 % from 1 to 50 million rows.

${plainTable(all)}
`
}

/** Of bench/level.mjs. */
function level() {
  const all = readLines('level')
  if (all.length === 0) return ''
  const [first] = all
  const rowOf = ({ case: name, classic, level: ours }) => [
    name,
    spelled(classic.perSecond),
    `${spelled(ours.perSecond)}, **${ours.timesFaster}x**`,
    classic.cpuMicros,
    `${ours.cpuMicros}, **${ours.timesLessCpu}x**`,
  ]
  const head = [
    '',
    'classic-level, in a second',
    'tabularium/level',
    'classic-level, µs of processor time each',
    'tabularium/level',
  ]
  return `
## Level

\`node bench/level.mjs\` measures \`tabularium/level\` beside classic-level: ${first.rows.toLocaleString('en')} entries of some 90 bytes, medians of ${first.rounds} rounds
in which they take turns; ${machineOf(first)}. What one takes of all processors together is steadier than what is
done in a second: the system's load was ${first.load.toFixed(1)} on ${first.cpus} of them. Bold: how many times as fast, or as little, ours is.

${tableOf([head, ...all.map(rowOf)])}

classic-level works on other threads: it leaves the event loop free where ours reads on it, and pays for the way there and back.
`
}

/** Of bench/history.mjs. */
function history() {
  const all = readLines('history')
  if (all.length === 0) return ''
  const [first] = all
  const versions = `${first.versions.toLocaleString('en')} versions`
  const rows = all
    .filter(({ ratio }) => ratio !== undefined)
    .map(({ case: name, neverChangedUs, oftenChangedUs, ratio }) => [
      name,
      neverChangedUs,
      oftenChangedUs,
      `**${ratio.toFixed(2)}**`,
    ])
  return `
## What the past costs

\`node bench/history.mjs\` reads the present of ${first.rows.toLocaleString('en')} rows that never changed, and of as many with ${versions} within the
retained history, in one database in turns. Medians of ${first.rounds} rounds, µs of processor time a call; ${machineOf(first)}.
The system's load was ${first.load.toFixed(1)}.

${tableOf([['', 'never changed', versions, 'ratio'], ...rows])}
`
}

/** Numbers of these sections that have a bar, where they were measured. */
const SECTION_BARS = [
  {
    key: 'tails.read',
    title: 'Reads beside a load: p99.9 of a read, µs',
    found: () => oursOf('tails')?.readP999Us,
    bar: { better: 'less', atMost: 2000 },
  },
  {
    key: 'tails.loop',
    title: 'Reads beside a load: p99 of the delay of the event loop, ms',
    found: () => oursOf('tails')?.loopDelayP99Ms,
    bar: { better: 'less', atMost: 10 },
  },
  {
    key: 'growth.rate',
    title: 'A load that grows: rate of the last tenth to that of the first',
    found: () => ratioOf(oursOf('load-10m'), (line) => line.rowsPerSecondByTenth, -1, 0),
    bar: { atLeast: 0.8 },
  },
  {
    key: 'growth.disk',
    title: 'A load that grows: on disk, to the live data',
    found: () =>
      ratioOf(oursOf('load-10m'), (line) => [line.loadedBytesPerRow, line.diskBytesPerRow], 0, 1),
    bar: { better: 'less', atMost: 1.3 },
  },
  {
    key: 'recovery.open',
    title: 'Opening and recovery: open and first read of ten million rows, ms',
    found() {
      const line = oursOf('recovery')
      return line === undefined ? undefined : line.openMs + line.firstReadMs
    },
    bar: { better: 'less', atMost: 50 },
  },
  {
    key: 'recovery.memory',
    title: 'Opening and recovery: resident memory then, MiB',
    found: () => oursOf('recovery')?.rssMib,
    bar: { better: 'less', atMost: 80 },
  },
  {
    key: 'recovery.replay',
    title: 'Opening and recovery: log replayed, MB/s',
    found: () => readLines('recovery').find((line) => line.logBytes > 0)?.replayMbPerSecond,
    bar: { atLeast: 150 },
  },
  {
    key: 'tenants.heap',
    title: 'Tenants: heap of each of 10,000 open tenants, bytes',
    found: () => readLines('tenants').find(({ open }) => open >= 10_000)?.perTenantBytes,
    bar: { better: 'less', atMost: 16_384 },
  },
  {
    key: 'scale.flat',
    title: 'Scaling: what a row costs at most, to what it costs in a million',
    found() {
      const [first, ...rest] = readLines('scale')
      // Reads and scans are measured in turns with the first.
      const ratios = rest.flatMap(({ loadMicrosPerRow, readTimes, scanTimes }) => {
        return [loadMicrosPerRow / first.loadMicrosPerRow, readTimes, scanTimes]
      })
      return ratios.length === 0 ? undefined : Math.max(...ratios)
    },
    bar: { better: 'less', atMost: 1.2 },
  },
]

/** The first line of ours. */
const oursOf = (name) =>
  readLines(name).find((line) => [line.engine, line.case].includes('tabularium'))

function ratioOf(line, numbersOf, above, below) {
  if (line === undefined) return undefined
  const numbers = numbersOf(line)
  return numbers.at(above) / numbers.at(below)
}

export function sectionResults() {
  return SECTION_BARS.map(({ key, title, found, bar }) => {
    const ours = found()
    if (ours === undefined) return undefined
    return { key, title, ours, bar: spellBar(bar), reached: isReached(bar, ours) }
  }).filter((result) => result !== undefined)
}

export const SECTIONS = [tails, growth, scale, tenants, recovery, level, history]
