// What the tests that kill processes share: the victim, and the questions asked of what it leaves behind.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Database, open } from '../../dist/index.js'
import { killTables, ROWS_PER_BATCH, TENANTS } from './kill-tables.mjs'

const CHILD = new URL('./kill-child.mjs', import.meta.url).pathname
/** Checks read everything, so a directory is left for a fresh one before it has grown much. */
const RUNS_PER_DIRECTORY = 10
/** As many as the endless script has. */
const WORKER_MAX_COUNT = 8

interface Victim {
  readonly directory: string
  readonly run: number
  readonly script: string
  /** Absent: it is killed by other means, or ends by itself. */
  readonly killAfter?: {
    /** Of its output: the first is that it starts, the second that it has opened, then come its batches. */
    readonly lineCount: number
    readonly delayMs: number
  }
  /** Runs it under strace, which kills it at the nth system call of that name. */
  readonly killAtCall?: { readonly name: string; readonly number: number }
}

export interface Remains {
  readonly acknowledged: readonly string[]
  /** False: it died while it recovered. */
  readonly hasOpened: boolean
  readonly isKilled: boolean
}

export const hasStrace =
  spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fsync', 'true']).status === 0

/** Runs the victim until it dies or ends. */
function runVictim(victim: Victim): Promise<Remains> {
  const { directory, run, script, killAfter, killAtCall } = victim
  const command = [process.execPath, CHILD, directory, String(run), script]
  if (killAtCall !== undefined) {
    const { name, number } = killAtCall
    const inject = `inject=${name}:signal=SIGKILL:when=${number}`
    command.unshift('strace', '-f', '-o', '/dev/null', '-e', `trace=${name}`, '-e', inject)
  }
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      // One thread syncs, so that the nth call is the same one each time: strace counts by thread.
      env: { ...process.env, ...(killAtCall && { UV_THREADPOOL_SIZE: '1' }) },
    })
    let output = ''
    let complaints = ''
    let isDoomed = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (isDoomed || killAfter === undefined) return
      if (output.split('\n').length <= killAfter.lineCount) return
      isDoomed = true
      setTimeout(() => child.kill('SIGKILL'), killAfter.delayMs)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const lines = output.split('\n').slice(0, -1)
      const acknowledged = lines.filter((line) => line !== 'start' && line !== 'open')
      const hasOpened = lines.includes('open')
      if (signal === 'SIGKILL') resolve({ acknowledged, hasOpened, isKilled: true })
      else if (code === 0) resolve({ acknowledged, hasOpened, isKilled: false })
      else reject(new Error(`the child ended by itself (${code}): ${complaints}`))
    })
  })
}

/** What the checks of one directory have found so far: nothing of it may change once its process is dead. */
interface Ledger {
  readonly path: string
  runCount: number
  /** Of runs before the last one. */
  batches: ReadonlySet<string>
  /** The newest batch of each worker. */
  newest: readonly (string | undefined)[]
}

/** Runs victims in directories of which each serves a few of them, and asks after each: what is left? */
export class KillSeries {
  #ledger: Ledger | undefined

  /** Runs the victim until it dies or ends, then opens what it leaves. */
  async run(victim: Omit<Victim, 'directory'>): Promise<Remains> {
    if (this.#ledger?.runCount === RUNS_PER_DIRECTORY) this.close()
    const ledger = (this.#ledger ??= {
      path: mkdtempSync(join(tmpdir(), 'tabularium-kill-')),
      runCount: 0,
      batches: new Set(),
      newest: [],
    })
    const remains = await runVictim({ ...victim, directory: ledger.path })
    // A victim that died before its database was there has left nothing behind.
    const createIfMissing = ledger.runCount++ === 0 && !remains.hasOpened
    const db = await open({ path: ledger.path, tables: killTables, createIfMissing })
    try {
      await checkRemains(db, ledger, victim.run, remains.acknowledged)
    } finally {
      await db.close()
    }
    return remains
  }

  close(): void {
    if (this.#ledger !== undefined) rmSync(this.#ledger.path, { recursive: true, force: true })
    this.#ledger = undefined
  }
}

/** What batch i of a worker leaves behind once batch `last` is the newest: every third takes back the one before. */
function isTakenBack(index: number, last: number): boolean {
  return index % 3 === 1 && index < last
}

/**
 * Is every acknowledged batch there, of this run and of those before it, is none there by half or in one tenant only, do
 * indexes and rows agree?
 */
async function checkRemains(
  db: Database<typeof killTables>,
  ledger: Ledger,
  run: number,
  acknowledged: readonly string[],
): Promise<void> {
  const newest: (string | undefined)[] = []
  const expected = new Set(ledger.batches)
  for (let worker = 0; worker < WORKER_MAX_COUNT; worker++) {
    const counter = await db.tenant(TENANTS[0]!).counters.get(`worker-${worker}`)
    newest[worker] = counter?.last
    const [byRun, , index] = counter?.last.split('-').map(Number) ?? []
    const last = byRun === run ? index! : -1
    if (last < 0)
      expect(counter?.last, `newest batch of worker ${worker}`).toBe(ledger.newest[worker])
    const mine = acknowledged.filter((batch) => batch.split('-')[1] === String(worker))
    expect(last, `newest batch of worker ${worker}`).toBeGreaterThanOrEqual(mine.length - 1)
    for (let i = 0; i <= last; i++) {
      if (!isTakenBack(i, last)) expected.add(`${run}-${worker}-${i}`)
    }
  }
  for (const name of TENANTS) {
    const tenant = db.tenant(name)
    const rows = await tenant.entries.scan().toArray()
    const found = rows.map(({ id }) => id)
    const wanted = [...expected].flatMap((batch) =>
      Array.from({ length: ROWS_PER_BATCH }, (_, row) => `${batch}-${row}`),
    )
    expect(found, `rows of ${name}`).toEqual(wanted.sort())
    const indexed = await tenant.entries.scan({ index: 'byBatch' }).toArray()
    expect(indexed.map(({ id }) => id).sort(), `index of ${name}`).toEqual(found)
    const counters = await tenant.counters.scan().toArray()
    expect(new Set(counters.map(({ last }) => last)), `counters of ${name}`).toEqual(
      new Set(newest.filter((batch) => batch !== undefined)),
    )
  }
  ledger.batches = expected
  ledger.newest = newest
}
