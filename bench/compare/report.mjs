// Writes docs/performance.md from the lines of a run, and of bench/recovery.mjs and bench/level.mjs where there are some.
// node bench/compare/report.mjs [--name compare]
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { name: { type: 'string', default: 'compare' } } })
const OURS = 'tabularium'

const MEASURES = [
  ['loadRowsPerSecond', 'load, rows/s (batches of 1,000, each a commit)'],
  ['settledRowsPerSecond', 'load until compaction is done, rows/s'],
  ['commitsPerSecond', 'one client, commits/s'],
  ['sharedCommitsPerSecond', '64 clients, commits/s'],
  ['hitsPerSecond', 'point reads, rows/s'],
  ['missesPerSecond', 'point reads of missing keys, reads/s'],
  ['lastsPerSecond', 'last 100 rows of a tenant, scans/s'],
]

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const spelled = (number) =>
  number >= 10_000 ? `${Math.round(number / 1000)}k` : number.toLocaleString('en')

const source = new URL(`../results/${values.name}.jsonl`, import.meta.url)
const lines = readFileSync(source, 'utf8').trim().split('\n').map(JSON.parse)
const engines = [...new Set(lines.map(({ engine }) => engine))].toSorted(
  (a, b) => Number(b === OURS) - Number(a === OURS),
)
const linesOf = (engine) => lines.filter((line) => line.engine === engine)

function cell(engine, measure) {
  const numbers = linesOf(engine).map((line) => line[measure])
  const range = `${spelled(Math.min(...numbers))}-${spelled(Math.max(...numbers))}`
  const own = `${spelled(median(numbers))} (${range})`
  if (engine === OURS) return own
  const ours = median(linesOf(OURS).map((line) => line[measure]))
  return `${own}, **${(ours / median(numbers)).toFixed(2)}x**`
}

const RECOVERY_MEASURES = [
  ['openMs', 'open, ms'],
  ['firstReadMs', 'first read after it, ms'],
  ['openCpuMs', 'processor time of the opening, ms'],
  ['replayMbPerSecond', 'log replayed, MB/s'],
  ['rssMib', 'resident memory then, MiB'],
]

/** The section of what bench/recovery.mjs found. */
function recovery() {
  const found = new URL('../results/recovery.jsonl', import.meta.url)
  if (!existsSync(found)) return ''
  const all = readFileSync(found, 'utf8').trim().split('\n').map(JSON.parse)
  const names = [...new Set(all.map(({ engine }) => engine))]
  const rowsOf = (name) => {
    const sides = names.map((engine) =>
      all.find((one) => one.case === name && one.engine === engine),
    )
    const held = sides.map((side) =>
      side === undefined
        ? ''
        : side.logBytes === undefined
          ? `${side.rows.toLocaleString('en')} rows`
          : `${Math.round(side.logBytes / 1e6).toLocaleString('en')} MB, ${side.commits.toLocaleString('en')} commits`,
    )
    return [
      `| **${name}** | ${held.join(' | ')} |`,
      ...RECOVERY_MEASURES.filter(([measure]) =>
        sides.some((side) => side?.[measure] !== undefined),
      ).map(
        ([measure, title]) =>
          `| ${title} | ${sides.map((side) => side?.[measure]?.toLocaleString('en') ?? '').join(' | ')} |`,
      ),
    ]
  }
  const [first] = all
  return `
## Opening and recovery

\`node bench/recovery.mjs\` opens a database that was closed, one of which nothing is in the system's cache, and ones whose
process was killed before anything of the log was in tables. Medians of ${first.repeat} openings, each a process of its own on a copy,
engines in turn, with default memory; commit \`${first.commit}\`. The system's load was ${first.load} at the first.

| | ${names.map((name) => `${name} ${all.find(({ engine }) => engine === name).version}`).join(' | ')} |
|---|${names.map(() => '---').join('|')}|
${[...new Set(all.map((one) => one.case))].flatMap(rowsOf).join('\n')}

Ours reads of a closed database what its manifest names, not the tables, so it opens as fast with any number of rows. After a
kill it replays the log into memory and flushes once it is open.
`
}

/** The section of what bench/level.mjs found. */
function level() {
  const found = new URL('../results/level.jsonl', import.meta.url)
  if (!existsSync(found)) return ''
  const all = readFileSync(found, 'utf8').trim().split('\n').map(JSON.parse)
  const [first] = all
  const rowOf = ({ case: name, classic, level: ours }) =>
    `| ${name} | ${spelled(classic.perSecond)} | ${spelled(ours.perSecond)}, **${ours.timesFaster}x** | ${classic.cpuMicros} | ${ours.cpuMicros}, **${ours.timesLessCpu}x** |`
  return `
## Level

\`node bench/level.mjs\` measures \`tabularium/level\` beside classic-level: ${first.rows.toLocaleString('en')} entries of some 90 bytes, medians of ${first.rounds} rounds
in which they take turns; commit \`${first.commit}\`, Node ${first.node.slice(1)}. What one takes of all processors together is steadier than what is
done in a second: the system's load was ${first.load.toFixed(1)} on ${first.cpus} of them. Bold: how many times as fast, or as little, ours is.

| | classic-level, in a second | tabularium/level | classic-level, µs of processor time each | tabularium/level |
|---|---|---|---|---|
${all.map(rowOf).join('\n')}

classic-level works on other threads: it leaves the event loop free where ours reads on it, and pays for the way there and back.
`
}

/** The section of what bench/history.mjs found. */
function history() {
  const found = new URL('../results/history.jsonl', import.meta.url)
  if (!existsSync(found)) return ''
  const all = readFileSync(found, 'utf8').trim().split('\n').map(JSON.parse)
  const [first] = all
  const rowOf = ({ case: name, neverChangedUs, oftenChangedUs, ratio }) =>
    `| ${name} | ${neverChangedUs} | ${oftenChangedUs} | **${ratio.toFixed(2)}** |`
  return `
## What the past costs

\`node bench/history.mjs\` reads the present of ${first.rows.toLocaleString('en')} rows that never changed, and of as many with ${first.versions.toLocaleString('en')} versions within the
retained history, in one database in turns. Medians of ${first.rounds} rounds, µs of processor time a call; commit \`${first.commit}\`,
Node ${first.node.slice(1)}. The system's load was ${first.load.toFixed(1)}.

| | never changed | ${first.versions.toLocaleString('en')} versions | ratio |
|---|---|---|---|
${all
  .filter(({ ratio }) => ratio !== undefined)
  .map(rowOf)
  .join('\n')}
`
}

const { rows, node, cpu, commit } = lines[0]
const table = [
  `| | ${engines.map((engine) => `${engine} ${linesOf(engine)[0].version}`).join(' | ')} |`,
  `|---|${engines.map(() => '---').join('|')}|`,
  ...MEASURES.map(
    ([measure, title]) =>
      `| ${title} | ${engines.map((engine) => cell(engine, measure)).join(' | ')} |`,
  ),
]
const text = `# Performance

Our engine beside others in one run on one machine. \`npm run bench:compare\` measures and writes this page.

Medians of ${linesOf(OURS).length} repetitions (least to most); behind those of others, in bold, how many times as fast ours is. Numbers
below 1 are where ours is slower. ${rows.toLocaleString('en')} orders of about 250 bytes of JSON over 1,000 tenants of zipf-like size; commit \`${commit}\`, Node
${node.slice(1)}, ${cpu}.

${table.join('\n')}

Every commit is synced before it counts. Rows go in as objects and come out as equal objects. Reads are of a reopened,
settled database in the file system's cache, one at a time. Each repetition is a process of its own; engines take turns.

${engines.map((engine) => `- **${engine}**: ${linesOf(engine)[0].settings}.`).join('\n')}

better-sqlite3 commits on the calling thread, so 64 clients queue there. A virtual machine's disk differs from run to run:
compare ratios, not rates.
${recovery()}${level()}${history()}`
writeFileSync(new URL('../../docs/performance.md', import.meta.url), text)
