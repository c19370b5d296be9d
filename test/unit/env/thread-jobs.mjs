// Jobs for job-pool.test.ts.
import { getPriority } from 'node:os'
import { isMainThread, threadId } from 'node:worker_threads'
import { engineError } from '../../../dist/base/errors.js'

export async function runJob(job) {
  switch (job.do) {
    case 'add':
      return { sum: job.a + job.b, isMainThread, threadId }
    case 'priority':
      return getPriority()
    case 'fill':
      new Uint8Array(job.shared).fill(7)
      return undefined
    case 'typed':
      throw engineError('SSTABLE_CORRUPT', 'block 3 is damaged', {
        details: { file: 'x.sst', offsetBytes: 12 },
        cause: engineError('IO_FAILED', 'read failed', { cause: new TypeError('deep') }),
        committed: 'unknown',
      })
    case 'plain':
      throw new RangeError('out of range')
    case 'odd':
      throw 'just text' // oxlint-disable-line no-throw-literal
    case 'exit':
      return process.exit(3)
    case 'uncaught':
      setTimeout(() => {
        throw new Error('nobody catches this')
      }, 1)
      return new Promise(() => undefined)
    case 'hang':
      for (;;);
    case 'hoard': {
      const hoard = []
      for (;;) hoard.push(Array.from({ length: 1000 }, (_, i) => ({ i })))
    }
    case 'wait':
      await new Promise((resolve) => setTimeout(resolve, job.waitMs))
      return job.waitMs
    default:
      throw new Error(`no job ${job.do}`)
  }
}
