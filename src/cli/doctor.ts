import { resolve } from 'node:path'
import { type Command, onlyArgument, type Report } from './command.js'
import { type Diagnosis, diagnose, type DiagnosedFile } from './diagnosis.js'
import type { Fact } from './inspection.js'
import { factLines, tableLines } from './layout.js'
import { counted, size } from './printable.js'

const FILE_LINE_MAX_COUNT = 40

export const DOCTOR: Command = {
  name: 'doctor',
  synopsis: 'DIR',
  summary: 'what is the matter with a directory, and what to do',
  help: `Looks at a directory without opening it as a database, without waiting for its lock and without changing anything: is it
a database, who has it open, is there room, which files are there and whose are they, are superblock, manifest, log and
the frames of the sstables intact, what would the next opening do. Works beside an application. Each finding comes with
what to do next. Blocks of sstables are not read: that is what verify is for.

Exit code 0 when there is nothing to do, 1 when there are findings.

Examples:
  tabularium doctor ./data
  tabularium doctor ./data --json | jq -r '.findings[].code'`,
  options: {},
  run: (given, { fs }) => {
    const directory = resolve(onlyArgument(given, 'DIR'))
    const diagnosis = diagnose(fs, directory)
    return reportOf(directory, diagnosis)
  },
}

function reportOf(directory: string, diagnosis: Diagnosis): Report {
  const { files, findings } = diagnosis
  const count = findings.length
  return {
    data: { path: directory, isHealthy: count === 0, ...diagnosis },
    lines: [
      directory,
      ...factLines(factsOf(diagnosis)),
      '',
      ...fileLines(files),
      '',
      count === 0 ? 'healthy as far as can be seen from outside' : counted(count, 'finding'),
    ],
    problems: findings,
  }
}

function factsOf(diagnosis: Diagnosis): Fact[] {
  const { isDatabase, lockState, lock, freeBytes, files, forecast } = diagnosis
  const facts: Fact[] = [['database', isDatabase ? 'yes' : 'no']]
  const { holder } = lock ?? {}
  const nameless = lockState === 'open' ? ' in a process that did not leave its name' : ''
  const who = holder === undefined ? nameless : `, process ${holder.pid} on ${holder.host}`
  const since = holder === undefined ? '' : ` since ${holder.since}`
  const touchedMs = lock?.touchedMs
  const life = touchedMs === undefined ? '' : `; last sign of life ${timeText(touchedMs)}`
  const locks = {
    free: 'nobody has it open',
    open: `open${who}${since}${life}`,
    'left behind': `left behind${who}${since}: the next opening takes it`,
    unknown: `not to be told${who}${since}${life}`,
  }
  facts.push(['lock', locks[lockState]])
  if (freeBytes !== undefined) facts.push(['free space', size(freeBytes)])
  const reserve = files.find(({ role }) => role === 'reserve')
  if (reserve !== undefined)
    facts.push(['reserve', `${size(reserve.bytes)} set apart for a full disk`])
  if (isDatabase) facts.push(['opening', openingText(forecast)])
  return facts
}

function openingText(forecast: Diagnosis['forecast']): string {
  if (forecast === undefined) return 'would be refused, see the findings'
  const { isClean, commitCount, logBytes, tornBytes } = forecast
  const torn =
    tornBytes === 0
      ? ''
      : `; ${counted(tornBytes, 'byte')} of a write that was cut off are left out`
  if (isClean) return `was closed cleanly, nothing to replay${torn}`
  return `would replay ${counted(commitCount, 'commit')}, ${size(logBytes)}${torn}`
}

function timeText(millis: number): string {
  const date = new Date(millis)
  return Number.isNaN(date.getTime()) ? 'at an unknown time' : date.toISOString()
}

/** Files of nobody first: of the others there may be thousands. */
function fileLines(files: readonly DiagnosedFile[]): string[] {
  const columns = [
    { title: 'file' },
    { title: 'what it is' },
    { title: 'state' },
    { title: 'size', isRight: true },
  ]
  const order = ['unknown', 'leftover', 'live']
  const sorted = files.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
  const shown = sorted.slice(0, FILE_LINE_MAX_COUNT)
  const rows = shown.map(({ file, role, state, bytes }) => [file, role ?? '', state, size(bytes)])
  const rest = files.length - shown.length
  return [...tableLines(columns, rows), ...(rest > 0 ? [`... and ${rest} more live files`] : [])]
}
