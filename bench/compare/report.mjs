// Writes docs/performance.md from the lines of a run.
// node bench/compare/report.mjs [--name compare]
import { readFileSync, writeFileSync } from 'node:fs'
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
`
writeFileSync(new URL('../../docs/performance.md', import.meta.url), text)
