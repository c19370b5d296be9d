import { execFileSync } from 'node:child_process'
import { getPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { CorruptError, EngineError, engineError } from '../../../dist/base/errors.js'
import type { JobPool } from '../../../dist/env/env.js'
import { InlineJobPool, ThreadJobPool } from '../../../dist/env/job-pool.js'

const module = new URL('thread-jobs.mjs', import.meta.url)

let pools: JobPool[] = []
afterEach(async () => {
  for (const pool of pools) await pool.close()
  pools = []
})

function threads(threadCount: number): ThreadJobPool {
  const pool = new ThreadJobPool({ module, threadCount })
  pools.push(pool)
  return pool
}

const failureOf = (job: Promise<unknown>): Promise<EngineError> =>
  job.then(
    () => expect.fail('the job should have failed'),
    (error: unknown) => error as EngineError,
  )

describe('ThreadJobPool', () => {
  it('runs jobs on threads', async () => {
    const pool = threads(2)
    const jobs = Array.from({ length: 20 }, (_, i) => pool.run({ do: 'add', a: i, b: 1 }))
    const results = (await Promise.all(jobs)) as { sum: number; isMainThread: boolean }[]
    expect(results.map(({ sum }) => sum)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(results.every(({ isMainThread }) => !isMainThread)).toBe(true)
  })

  it.runIf(process.platform === 'linux')('lets other threads go first', async () => {
    const before = getPriority()
    const priority = (await threads(1).run({ do: 'priority' })) as number
    expect(priority).toBeGreaterThan(before)
    expect(getPriority()).toBe(before)
  })

  it('shares shared memory', async () => {
    const shared = new SharedArrayBuffer(4)
    await threads(1).run({ do: 'fill', shared })
    expect([...new Uint8Array(shared)]).toEqual([7, 7, 7, 7])
  })

  it('brings typed errors home with code, details and causes', async () => {
    const error = await failureOf(threads(1).run({ do: 'typed' }))
    expect(error).toBeInstanceOf(CorruptError)
    expect(error).toMatchObject({
      code: 'SSTABLE_CORRUPT',
      kind: 'corrupt',
      message: 'SSTABLE_CORRUPT: block 3 is damaged',
      details: { file: 'x.sst', offsetBytes: 12 },
      committed: 'unknown',
      cause: { code: 'IO_FAILED', cause: { name: 'TypeError', message: 'deep' } },
    })
    expect(error.stack).toContain('thread-jobs.mjs')
  })

  it('brings other errors home as they are', async () => {
    const pool = threads(1)
    const plain = await failureOf(pool.run({ do: 'plain' }))
    expect([plain.name, plain.message]).toEqual(['RangeError', 'out of range'])
    expect((await failureOf(pool.run({ do: 'odd' }))).message).toBe('just text')
  })

  it.each(['exit', 'uncaught'])('survives a thread that dies (%s)', async (how) => {
    const pool = threads(1)
    const dying = failureOf(pool.run({ do: how }))
    const behind = pool.run({ do: 'add', a: 1, b: 1 })
    const error = await dying
    expect(error.code).toBe('INTERNAL')
    expect(error.cause).toBeInstanceOf(Error)
    expect(await behind).toMatchObject({ sum: 2 })
    expect(await pool.run({ do: 'add', a: 2, b: 2 })).toMatchObject({ sum: 4 })
  })

  it('ends a thread whose job takes too long', async () => {
    const pool = threads(1)
    const hanging = failureOf(pool.run({ do: 'hang' }, { timeoutMs: 300 }))
    const behind = pool.run({ do: 'add', a: 1, b: 1 }, { timeoutMs: 60_000 })
    const error = await hanging
    expect(error.code).toBe('INTERNAL')
    expect(error.message).toContain('given up after 300 ms')
    expect(await behind).toMatchObject({ sum: 2 })
  })

  it('survives a job that runs out of heap', async () => {
    const pool = new ThreadJobPool({ module, threadCount: 1, threadHeapMaxBytes: 16 << 20 })
    pools.push(pool)
    const error = await failureOf(pool.run({ do: 'hoard' }))
    expect(error.code).toBe('INTERNAL')
    expect((error.cause as Error).message).toContain('memory')
    expect(await pool.run({ do: 'add', a: 2, b: 2 })).toMatchObject({ sum: 4 })
  })

  it('leaves jobs on other threads alone when one dies', async () => {
    const pool = threads(2)
    const slow = pool.run({ do: 'wait', waitMs: 200 })
    expect((await failureOf(pool.run({ do: 'exit' }))).code).toBe('INTERNAL')
    expect(await slow).toBe(200)
  })

  it('refuses what cannot be sent', async () => {
    const pool = threads(1)
    expect((await failureOf(pool.run({ do: () => undefined }))).code).toBe('INTERNAL')
    expect(await pool.run({ do: 'add', a: 1, b: 2 })).toMatchObject({ sum: 3 })
  })

  it('waits for its jobs when it closes, and starts again when asked', async () => {
    const pool = threads(1)
    let isDone = false
    void pool.run({ do: 'wait', waitMs: 50 }).then(() => {
      isDone = true
    })
    await pool.close()
    await pool.close()
    expect(isDone).toBe(true)
    expect(await pool.run({ do: 'add', a: 1, b: 1 })).toMatchObject({ sum: 2 })
  })

  it('says when the module is missing', async () => {
    const pool = new ThreadJobPool({ module: new URL('none.mjs', import.meta.url), threadCount: 1 })
    pools.push(pool)
    expect((await failureOf(pool.run({}))).message).toContain('none.mjs')
  })

  it('does not keep the process alive', () => {
    const child = fileURLToPath(new URL('pool-child.mjs', import.meta.url))
    expect(execFileSync(process.execPath, [child], { timeout: 8000 }).toString()).toBe('42\n')
  })
})

describe('InlineJobPool', () => {
  it('runs jobs later, on copies, on this thread', async () => {
    const job = { list: [1, 2] }
    const seen: unknown[] = []
    const runJob = (given: unknown) => {
      seen.push(given)
      return given
    }
    const pool = new InlineJobPool({ runJob })
    const running = pool.run(job)
    expect(seen).toEqual([])
    job.list.push(3)
    const result = await running
    expect(seen).toEqual([{ list: [1, 2] }])
    expect(result).toEqual({ list: [1, 2] })
    expect(result).not.toBe(seen[0])
  })

  it('passes errors on as they are', async () => {
    const error = engineError('DISK_FULL', 'full')
    const runJob = () => {
      throw error
    }
    const pool = new InlineJobPool({ runJob })
    expect(await failureOf(pool.run(1))).toBe(error)
    await expect(pool.run(() => undefined)).rejects.toThrow('could not be cloned')
  })

  it('waits for its jobs when it closes', async () => {
    let count = 0
    const pool = new InlineJobPool({ runJob: () => count++, delayTurns: () => 5 })
    void pool.run(1)
    void pool.run(2)
    await pool.close()
    expect(count).toBe(2)
  })
})
