// Runs one job on a thread and then has nothing left to do: the process must end by itself.
import { ThreadJobPool } from '../../../dist/env/job-pool.js'

const module = new URL('thread-jobs.mjs', import.meta.url)
const pool = new ThreadJobPool({ module, threadCount: 1 })
const { sum } = await pool.run({ do: 'add', a: 40, b: 2 })
process.stdout.write(`${sum}\n`)
