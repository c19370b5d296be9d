// Worker threads that really fail, under a database on the real file system. What the engine makes of each outcome is in
// worker-faults.test.ts.

import { mkdirSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import type { Env } from '../../dist/env/env.js'
import { ThreadJobPool } from '../../dist/env/job-pool.js'
import { nodeEnv } from '../../dist/env/node-env.js'
import { open } from '../../dist/index.js'
import { counters, expectCode, onEnd, temporaryDirectory } from './db-kit.js'

const module = new URL('thread-faults.mjs', import.meta.url)
const THREAD_HEAP_MAX_BYTES = 48 << 20
/** Long enough for a sound job on a busy machine. */
const HANG_TIMEOUT_MS = 5_000

class Workplace {
  readonly #directory = temporaryDirectory()

  get path(): string {
    return join(this.#directory, 'db')
  }

  /** From now on so many jobs fail. */
  plan(how: string, leftCount: number): void {
    mkdirSync(this.path, { recursive: true })
    writeFileSync(join(this.#directory, 'faults.json'), JSON.stringify({ how, leftCount }))
  }

  async open() {
    const threadHeapMaxBytes = THREAD_HEAP_MAX_BYTES
    const pool = new ThreadJobPool({ module, threadCount: 1, threadHeapMaxBytes })
    const env: Env = {
      ...nodeEnv({ jobModule: module, jobThreadCount: 1 }),
      jobs: {
        run: (job) => pool.run(job, { timeoutMs: HANG_TIMEOUT_MS }),
        close: () => pool.close(),
      },
    }
    const settings = { path: this.path, tables: { counters }, tabletCount: 1 }
    const db = await open({ ...settings, walFileBytes: 1 << 16 }, { env })
    onEnd(() => db.close())
    return db
  }

  /** Those that are superfluous go in the background. */
  async tableCount(): Promise<number> {
    return (await readdir(this.path)).filter((name) => name.endsWith('.sst')).length
  }
}

test.each([
  ['throws', 2],
  ['exits', 2],
  ['runs out of heap', 2],
  ['hangs', 1],
] as const)(
  'a worker thread that %s costs nothing but time',
  async (how, faultCount) => {
    const place = new Workplace()
    place.plan(how, faultCount)
    const db = await place.open()
    const failures: unknown[] = []
    db.on('jobFailure', ({ job, attemptCount }) => failures.push([job, attemptCount]))
    await db.tenant('a').counters.insert({ id: 'n', n: 1 })
    await db.flush()
    expect(failures).toEqual(Array.from({ length: faultCount }, (_, i) => ['flush', i + 1]))
    expect(db.state).toBe('open')
    await expect.poll(() => place.tableCount()).toBe(db.stats().tableCount)
    expect(await db.tenant('a').counters.get('n')).toEqual({ id: 'n', n: 1 })

    place.plan(how, 1)
    for (let n = 2; n < 8; n++) {
      await db.tenant('a').counters.update('n', { n })
      await db.flush()
    }
    await db.compact()
    expect(failures).toHaveLength(faultCount + 1)
    expect((await db.verify()).isSound).toBe(true)
    await expect.poll(() => place.tableCount()).toBe(db.stats().tableCount)
    expect(await db.tenant('a').counters.get('n')).toEqual({ id: 'n', n: 7 })
  },
  120_000,
)

test('the third thread in a row that runs out of heap makes the tablet read-only, until it is opened again', async () => {
  const place = new Workplace()
  place.plan('runs out of heap', 3)
  const db = await place.open()
  await db.tenant('a').counters.insert({ id: 'n', n: 1 })
  const failed = await expectCode('TABLET_READ_ONLY', () => db.flush())
  expect(failed.message).toContain('failed 3 times')
  await expectCode('TABLET_READ_ONLY', () => db.tenant('a').counters.update('n', { n: 2 }))
  expect(await db.tenant('a').counters.get('n')).toEqual({ id: 'n', n: 1 })
  await db.close()

  const again = await place.open()
  await again.tenant('a').counters.update('n', { n: 3 })
  await again.flush()
  expect(await again.tenant('a').counters.get('n')).toEqual({ id: 'n', n: 3 })
  expect(await place.tableCount()).toBe(again.stats().tableCount)
}, 120_000)
