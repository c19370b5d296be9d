// Kills a process that writes batches to a Level database, at random moments, over and over on the same directory: what was
// acknowledged is there, and of every batch all or nothing.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { TabulariumLevel } from '../../dist/connect/level.js'
import { replayable, Seeded } from '../model/seeded.js'

const CHILD = new URL('./kill-child.mjs', import.meta.url).pathname
const KILL_COUNT = Number(process.env.LEVEL_KILLS ?? 3)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
const WORKER_COUNT = 4

const directory = mkdtempSync(join(tmpdir(), 'tabularium-level-kill-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The batches that were acknowledged before it died. */
function runVictim(run: number, lineCount: number, delayMs: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, directory, String(run)])
    let output = ''
    let complaints = ''
    let isDoomed = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (isDoomed || output.split('\n').length <= lineCount) return
      isDoomed = true
      setTimeout(() => child.kill('SIGKILL'), delayMs)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(output.split('\n').slice(1, -1))
      else reject(new Error(`the child ended by itself (${code}): ${complaints}`))
    })
  })
}

/** The newest batch of each worker, of a whole state. */
async function newestBatches(): Promise<(string | undefined)[]> {
  const level = new TabulariumLevel(directory)
  const [left, right] = [level.sublevel('left'), level.sublevel('right')]
  const newest = []
  for (let worker = 0; worker < WORKER_COUNT; worker++) {
    const values = []
    for (const side of [left, right]) {
      values.push(...(await side.values({ gt: `${worker}/`, lt: `${worker}0` }).all()))
    }
    expect(new Set(values).size, `values of worker ${worker}: ${values}`).toBeLessThanOrEqual(1)
    expect(values.length % 6).toBe(0)
    newest.push(values[0]?.split(' ')[0])
  }
  const done = await left.keys({ gt: 'done/', lt: 'done0' }).all()
  for (const name of newest) if (name !== undefined) expect(done).toContain(`done/${name}`)
  await level.close()
  return newest
}

it(
  `kill -9 loses nothing acknowledged in ${KILL_COUNT} kills (seed ${SEED})`,
  () =>
    replayable(SEED, async () => {
      const random = new Seeded(SEED)
      let before: (string | undefined)[] = Array.from({ length: WORKER_COUNT })
      for (let run = 0; run < KILL_COUNT; run++) {
        const acknowledged = await runVictim(run, 1 + random.below(300), random.below(30))
        const newest = await newestBatches()
        for (const [worker, name] of newest.entries()) {
          const mine = acknowledged.filter((batch) => batch.split('-')[1] === String(worker))
          const [byRun, , index] = name?.split('-').map(Number) ?? []
          if (byRun === run) expect(index).toBeGreaterThanOrEqual(mine.length - 1)
          else expect({ name, mine }).toEqual({ name: before[worker], mine: [] })
        }
        before = newest
      }
    }),
  4 * 60 * 60_000,
)
