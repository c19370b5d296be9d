// One workload of one engine in a process of its own. Prints one JSON object; then the process ends without closing what
// the workload left open, as by a crash.
// node bench/compare/measure.mjs '{"workload":"load","engine":"lmdb","rowCount":100000,"path":"/tmp/lmdb"}'
import { ENGINES, importEngine, openEngine } from './engines.mjs'

const context = JSON.parse(process.argv[2])
const { run } = await import(`./workloads/${context.workload}.mjs`)
const measured = await run({
  ...context,
  modules: ENGINES[context.engine].modules,
  importAdapter: () => importEngine(context.engine),
  open: (path, options) => openEngine(context.engine, path, options),
})
// Profiles are written by processes that end by themselves.
const isProfiled = process.execArgv.some((option) => option.startsWith('--cpu-prof'))
const end = () => (isProfiled ? process.exit() : process.kill(process.pid, 'SIGKILL'))
process.stdout.write(JSON.stringify(measured), end)
