// What the tests that kill processes share: the victim, and the questions asked of what it leaves behind.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { open } from '../../dist/index.js'
import { killTables, ROWS_PER_BATCH, TENANTS } from './kill-tables.mjs'

const CHILD = new URL('./kill-child.mjs', import.meta.url).pathname
/** Checks read everything, so a directory is left for a fresh one before it has grown much. */
const RUNS_PER_DIRECTORY = 20

export interface Victim {
  readonly directory: string
  readonly run: number
  readonly script: string
  /** After it has opened; absent: it is killed by other means, or ends by itself. */
  readonly killAfterMs?: number
  /** Runs it under strace, which kills it at the nth system call of that name. */
  readonly killAtCall?: { readonly name: string; readonly number: number }
}

export interface Remains {
  readonly acknowledged: readonly string[]
  readonly isKilled: boolean
}

export const hasStrace =
  spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fsync', 'true']).status === 0

/** Runs the victim until it dies or ends. */
export function runVictim(victim: Victim): Promise<Remains> {
  const { directory, run, script, killAfterMs, killAtCall } = victim
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
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (output === '' && killAfterMs !== undefined) {
        setTimeout(() => child.kill('SIGKILL'), killAfterMs)
      }
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const acknowledged = output.split('\n').slice(1, -1)
      if (signal === 'SIGKILL') resolve({ acknowledged, isKilled: true })
      else if (code === 0) resolve({ acknowledged, isKilled: false })
      else reject(new Error(`the child ended by itself (${code}): ${complaints}`))
    })
  })
}

/** Directories for many runs, a fresh one every few. */
export class KillDirectories {
  #directory: string | undefined
  #runCount = 0

  get current(): string {
    if (this.#runCount++ % RUNS_PER_DIRECTORY === 0) this.remove()
    this.#directory ??= mkdtempSync(join(tmpdir(), 'tabularium-kill-'))
    return this.#directory
  }

  remove(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
    this.#directory = undefined
  }
}

/** What batch i of a worker leaves behind once batch `last` is the newest: every third takes back the one before. */
function isTakenBack(index: number, last: number): boolean {
  return index % 3 === 1 && index < last
}

/** Is every acknowledged batch there, is none there by half, do indexes and rows agree? */
export async function checkRemains(
  directory: string,
  run: number,
  acknowledged: readonly string[],
): Promise<void> {
  // A victim that died before its database was there has acknowledged nothing.
  const createIfMissing = acknowledged.length === 0
  await using db = await open({ path: directory, tables: killTables, createIfMissing })
  for (const name of TENANTS) {
    const tenant = db.tenant(name)
    const rowsOfBatch = new Map<string, number>()
    for await (const row of tenant.entries.scan()) {
      rowsOfBatch.set(row.batch, (rowsOfBatch.get(row.batch) ?? 0) + 1)
    }
    for (const [batch, count] of rowsOfBatch) {
      expect(count, `rows of batch ${batch} of ${name}`).toBe(ROWS_PER_BATCH)
    }
    let indexed = 0
    for await (const row of tenant.entries.scan({ index: 'byBatch' })) {
      expect(rowsOfBatch.has(row.batch)).toBe(true)
      indexed++
    }
    expect(indexed, 'entries of the index').toBe(rowsOfBatch.size * ROWS_PER_BATCH)

    for (let worker = 0; worker < 8; worker++) {
      const counter = await tenant.counters.get(`worker-${worker}`)
      const [byRun, , byIndex] = counter?.last.split('-').map(Number) ?? []
      const last = byRun === run ? byIndex! : -1
      const mine = acknowledged.filter((batch) => batch.split('-')[1] === String(worker))
      expect(last, `newest batch of worker ${worker}`).toBeGreaterThanOrEqual(mine.length - 1)
      for (let i = 0; i <= last; i++) {
        const isThere = rowsOfBatch.has(`${run}-${worker}-${i}`)
        expect(isThere, `batch ${run}-${worker}-${i} of ${name}`).toBe(!isTakenBack(i, last))
      }
      expect(rowsOfBatch.has(`${run}-${worker}-${last + 1}`), 'a batch without its counter').toBe(
        false,
      )
    }
  }
}
