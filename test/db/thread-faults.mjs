// Jobs for worker-threads.test.ts: the first few do their work and then fail in the way that a file beside the database
// names, so that what they leave behind is there to be cleaned up.
import { readFileSync, writeFileSync } from 'node:fs'

import { NodeFileSystem } from '../../dist/env/node-file-system.js'
import { runJob as runSoundJob } from '../../dist/lsm/jobs.js'

const fs = new NodeFileSystem()

export function runJob(job) {
  const path = `${job.directory}/../faults.json`
  const { how, leftCount } = JSON.parse(readFileSync(path, 'utf8'))
  const result = runSoundJob(job, fs)
  if (leftCount === 0) return result
  writeFileSync(path, JSON.stringify({ how, leftCount: leftCount - 1 }))
  return FAULTS[how]()
}

const FAULTS = {
  throws: () => {
    throw new Error('on purpose')
  },
  exits: () => process.exit(3),
  hangs: () => {
    for (;;);
  },
  'runs out of heap': () => {
    const hoard = []
    for (;;) hoard.push(Array.from({ length: 1000 }, (_, i) => ({ i })))
  },
}
