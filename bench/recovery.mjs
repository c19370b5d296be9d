// What opening takes: a database that was closed, and one whose log was never brought into tables because its process was
// killed. Each opening is a process of its own on a copy of the database; engines take turns.
// node bench/recovery.mjs [--rows 10000000] [--wal-bytes 1073741824] [--repeat 5] [--peers classic-level] [--dir FOLDER]
//                         [--name recovery]
// Databases that lie in FOLDER already are used again. Prints one JSON object per case and engine, and keeps them in
// bench/results. As root, the closed database is also opened with nothing of it in the file system's cache.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runChild } from './children.mjs'
import { versionOf } from './compare/engines.mjs'
import { machineFacts, systemLoad } from './machine.mjs'
import { median } from './numbers.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    'wal-bytes': { type: 'string', default: String(2 ** 30) },
    repeat: { type: 'string', default: '5' },
    peers: { type: 'string', default: 'classic-level' },
    dir: { type: 'string', default: join(tmpdir(), 'tabularium-recovery') },
    name: { type: 'string', default: 'recovery' },
  },
})
const folder = values.dir
const engines = ['tabularium', ...values.peers.split(',').filter((peer) => peer !== '')]
const child = fileURLToPath(new URL('recovery-child.mjs', import.meta.url))
const output = fileURLToPath(new URL(`results/${values.name}.jsonl`, import.meta.url))
const DROP_CACHES = '/proc/sys/vm/drop_caches'
const canDropCaches = process.platform === 'linux' && process.getuid() === 0

const CASES = [
  { name: 'closed', step: 'load', options: ['--rows', values.rows] },
  ...(canDropCaches
    ? [{ name: 'closed, cold', step: 'load', options: ['--rows', values.rows], isCold: true }]
    : []),
  // Ours alone: others bring their log into tables long before it is as large.
  {
    name: 'killed, batches of 1,000',
    step: 'fill',
    options: ['--wal-bytes', values['wal-bytes']],
    engines: ['tabularium'],
  },
  {
    name: 'killed, one row a commit',
    step: 'fill',
    options: ['--wal-bytes', values['wal-bytes'], '--batch', '1'],
    engines: ['tabularium'],
  },
]

const run = (step, engine, path, options = []) =>
  runChild(child, [step, engine, path, ...options], { flags: ['--max-old-space-size=8192'] })

/** The database that a case opens, made once; what it holds. */
function prepared({ step, options }, engine) {
  const path = join(folder, [step, engine, ...options].join('').replaceAll('--', '-'))
  const facts = `${path}.json`
  if (!existsSync(facts)) {
    rmSync(path, { recursive: true, force: true })
    writeFileSync(facts, JSON.stringify(run(step, engine, path, options)))
  }
  return { path, ...JSON.parse(readFileSync(facts, 'utf8')) }
}

function opened(engine, path, isCold) {
  const copy = join(folder, 'copy')
  rmSync(copy, { recursive: true, force: true })
  cpSync(path, copy, { recursive: true })
  const structures = `${path}.structures.json`
  if (existsSync(structures)) cpSync(structures, `${copy}.structures.json`)
  execFileSync('sync')
  if (isCold) writeFileSync(DROP_CACHES, '3')
  return run('open', engine, copy)
}

mkdirSync(folder, { recursive: true })
const facts = machineFacts()
const lines = []
for (const one of CASES) {
  const databases = (one.engines ?? engines).map((engine) => ({
    engine,
    ...prepared(one, engine),
    runs: [],
  }))
  for (let i = 0; i < Number(values.repeat); i++) {
    for (const { engine, path, runs } of databases) runs.push(opened(engine, path, one.isCold))
  }
  for (const { engine, rows, commits, logBytes, runs } of databases) {
    const of = (measure) => median(runs.map((each) => each[measure]))
    const openMs = of('openMs')
    const line = {
      bench: 'recovery',
      case: one.name,
      engine,
      version: versionOf(engine),
      rows,
      ...(logBytes !== undefined && {
        commits,
        logBytes,
        replayMbPerSecond: Math.round(logBytes / 1e3 / openMs),
        commitsPerSecond: Math.round((commits * 1000) / openMs),
      }),
      openMs: Number(openMs.toFixed(1)),
      openMsLeast: Number(Math.min(...runs.map((each) => each.openMs)).toFixed(1)),
      openMsMost: Number(Math.max(...runs.map((each) => each.openMs)).toFixed(1)),
      openCpuMs: Number(of('openCpuMs').toFixed(1)),
      firstReadMs: Number(of('firstReadMs').toFixed(1)),
      rssBeforeMib: of('beforeMib'),
      rssMib: of('rssMib'),
      rssPeakMib: of('peakMib'),
      repeat: runs.length,
      load: systemLoad(),
      ...facts,
    }
    lines.push(JSON.stringify(line))
    console.log(lines.at(-1))
    writeFileSync(output, `${lines.join('\n')}\n`)
  }
}
rmSync(join(folder, 'copy'), { recursive: true, force: true })
