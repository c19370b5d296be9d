// A process that has no file descriptor to spare for a while: it costs nothing but time, whatever is loaded just then.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

import { temporaryDirectory } from './db-kit.js'

const CHILD = fileURLToPath(new URL('short-of-files-child.mjs', import.meta.url))

test.runIf(process.platform === 'linux').each([0, 5, 8, 40])(
  'jobs, SQL, verification, checkpoints and salvage go on, with %i descriptors left',
  (leftCount) => {
    const path = join(temporaryDirectory(), 'database')
    const command = `ulimit -n 100 && exec "${process.execPath}" "${CHILD}" "${path}" ${leftCount}`
    const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
    expect(stderr).toBe('')
    const found = JSON.parse(stdout)
    if (leftCount === 0) {
      expect(found.short).toEqual(Array.from({ length: 4 }, () => 'IO_FAILED EMFILE'))
    }
    expect(['done', 'IO_FAILED EMFILE']).toEqual(expect.arrayContaining(found.short))
    expect(['IO_FAILED EMFILE']).toEqual(expect.arrayContaining(found.kinds))
    expect(found).toMatchObject({
      flushed: 'done',
      again: ['done', 'done', 'done', 'done'],
      tableCount: 2,
      readOnlyCount: 0,
    })
  },
  30_000,
)
