// Our engine beside others, on the same orders. Each repetition of each engine is a process of its own, and they take
// turns: A B C D, B C D A, ... so that whatever else the machine does meets all of them.
// node bench/compare/run.mjs [--rows 400000] [--repeat 3] [--engines tabularium,lmdb] [--name compare] [--directory FOLDER]
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ENGINES, versionOf } from './engines.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '400000' },
    repeat: { type: 'string', default: '3' },
    engines: { type: 'string', default: Object.keys(ENGINES).join() },
    name: { type: 'string', default: 'compare' },
    directory: { type: 'string', default: tmpdir() },
  },
})
const root = fileURLToPath(new URL('../..', import.meta.url))
const results = join(root, 'bench/results')
const output = join(results, `${values.name}.jsonl`)
const commit = git('describe', '--always', '--dirty', '--exclude=*', '--abbrev=12')

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
}

/** Opening each once shows what is installed and loads. */
async function usableEngines() {
  const usable = []
  for (const name of values.engines.split(',')) {
    const directory = mkdtempSync(join(values.directory, 'compare-'))
    try {
      const db = await ENGINES[name].open(join(directory, 'probe'))
      await db.close()
      usable.push(name)
    } catch (error) {
      console.error(`${name}: SKIPPED, ${String(error).split('\n')[0]}`)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  return usable
}

function measure(name, directory) {
  const script = fileURLToPath(new URL('measure.mjs', import.meta.url))
  const child = spawnSync(
    process.execPath,
    ['--max-old-space-size=4096', script, name, '--rows', values.rows, '--directory', directory],
    // LevelDB gathers commits of as many threads as there are.
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env: environmentOf(name) },
  )
  if (child.status !== 0) throw new Error(`${name} failed`)
  return JSON.parse(child.stdout)
}

function environmentOf(name) {
  return name === 'classic-level' ? { ...process.env, UV_THREADPOOL_SIZE: '64' } : process.env
}

const engines = await usableEngines()
mkdirSync(results, { recursive: true })
writeFileSync(output, '')
for (let repetition = 0; repetition < Number(values.repeat); repetition++) {
  for (let turn = 0; turn < engines.length; turn++) {
    const engine = engines[(repetition + turn) % engines.length]
    const directory = mkdtempSync(join(values.directory, 'compare-'))
    try {
      const line = JSON.stringify({
        bench: 'compare',
        engine,
        version: versionOf(engine),
        settings: ENGINES[engine].settings,
        durability: 'sync',
        rows: Number(values.rows),
        repetition,
        ...measure(engine, directory),
        commit,
        node: process.version,
        cpu: `${cpus().length} x ${cpus()[0].model}`,
      })
      appendFileSync(output, `${line}\n`)
      console.log(line)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
