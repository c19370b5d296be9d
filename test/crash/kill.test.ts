// Kills a process that commits at full speed, at random moments, over and over on the same directory, and asks after
// each kill: is every acknowledged batch there, is none there by half, do indexes and rows agree?
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { open } from '../../dist/index.js'
import { Seeded } from '../model/seeded.js'
import { killTables, ROWS_PER_BATCH, TENANTS } from './kill-tables.mjs'

/** A few in the ordinary run; the torture run asks for 300. */
const KILL_COUNT = Number(process.env.KILLS ?? 6)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)

const CHILD = new URL('./kill-child.mjs', import.meta.url).pathname

/** Runs the child until it is killed; the batches that it acknowledged. */
function runAndKill(directory: string, run: number, delayMs: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, directory, String(run)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let complaints = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), delayMs)
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL')
        reject(new Error(`the child ended by itself (${code}): ${complaints}`))
      else resolve(output.split('\n').slice(1, -1))
    })
  })
}

/** What batch i of a worker leaves behind once batch `last` is the newest: every third takes back the one before. */
function isTakenBack(index: number, last: number): boolean {
  return index % 3 === 1 && index < last
}

async function check(
  directory: string,
  run: number,
  acknowledged: readonly string[],
): Promise<void> {
  await using db = await open({ path: directory, tables: killTables, createIfMissing: false })
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
      const [byRun, , byIndex] = (counter?.last ?? '').split('-').map(Number)
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

describe('kill -9', () => {
  it(
    `loses nothing acknowledged in ${KILL_COUNT} kills (seed ${SEED})`,
    async () => {
      const random = new Seeded(SEED)
      const directory = mkdtempSync(join(tmpdir(), 'tabularium-kill-'))
      try {
        for (let run = 0; run < KILL_COUNT; run++) {
          const acknowledged = await runAndKill(directory, run, random.below(400))
          await check(directory, run, acknowledged)
        }
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    },
    60 * 60_000,
  )
})
