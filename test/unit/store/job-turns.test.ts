import { describe, expect, it } from 'vitest'

import { Deferred } from '../../../dist/base/async.js'
import { JOB_MAX_COUNT, JobTurns } from '../../../dist/store/job-turns.js'
import { turns } from '../../turns.js'

type Kind = Parameters<JobTurns['run']>[0]

/** Work that ends when it is told to. */
class Work {
  readonly turns = new JobTurns()
  readonly running: string[] = []
  readonly #ends = new Map<string, Deferred<void>>()

  ask(kind: Kind, name: string): Promise<void> {
    return this.turns.run(kind, async () => {
      this.running.push(name)
      const end = new Deferred<void>()
      this.#ends.set(name, end)
      await end.promise.finally(() => this.running.splice(this.running.indexOf(name), 1))
    })
  }

  async end(name: string, error?: Error): Promise<void> {
    const end = this.#ends.get(name)!
    if (error === undefined) end.resolve()
    else end.reject(error)
    await turns(1)
  }
}

describe('JobTurns', () => {
  it('runs two of a kind together while none of the other does', async () => {
    const work = new Work()
    for (const name of ['f1', 'f2', 'f3']) void work.ask('flush', name)
    await turns(1)
    expect(work.running).toEqual(['f1', 'f2'])
    void work.ask('compaction', 'c1')
    void work.ask('compaction', 'c2')
    await turns(1)
    expect(work.running).toEqual(['f1', 'f2', 'c1'])
    expect(work.running.length).toBe(JOB_MAX_COUNT)
    await work.end('f1')
    expect(work.running).toEqual(['f2', 'c1'])
    await work.end('f2')
    expect(work.running).toEqual(['c1', 'f3'])
    await work.end('f3')
    expect(work.running).toEqual(['c1', 'c2'])
  })

  it('keeps what is done alone apart from all that was asked for before it and after it', async () => {
    const work = new Work()
    void work.ask('flush', 'f1')
    void work.ask('compaction', 'c1')
    void work.ask('alone', 'a1')
    void work.ask('alone', 'a2')
    void work.ask('flush', 'f2')
    void work.ask('compaction', 'c2')
    await turns(1)
    expect(work.running).toEqual(['f1', 'c1'])
    await work.end('c1')
    expect(work.running).toEqual(['f1'])
    await work.end('f1')
    expect(work.running).toEqual(['a1'])
    await work.end('a1')
    expect(work.running).toEqual(['a2'])
    await work.end('a2')
    expect(work.running).toEqual(['f2', 'c2'])
  })

  it('lets flushes go on while what is done alone waits for a compaction', async () => {
    const work = new Work()
    void work.ask('compaction', 'c1')
    void work.ask('alone', 'a1')
    void work.ask('flush', 'f1')
    await turns(1)
    expect(work.running).toEqual(['c1', 'f1'])
    void work.ask('flush', 'f2')
    await work.end('f1')
    expect(work.running).toEqual(['c1', 'f2'])
    await work.end('c1')
    void work.ask('flush', 'f3')
    await work.end('f2')
    expect(work.running).toEqual(['a1'])
  })

  it('tells a failure only to the one who asked, and goes on', async () => {
    const work = new Work()
    const failed = work.ask('alone', 'a1')
    const next = work.ask('flush', 'f1')
    await turns(1)
    await Promise.all([
      expect(failed).rejects.toThrow('broken'),
      work.end('a1', new Error('broken')),
    ])
    expect(work.running).toEqual(['f1'])
    await work.end('f1')
    await next
  })
})
