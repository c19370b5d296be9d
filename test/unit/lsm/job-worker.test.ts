import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ENTRY_KIND_PUT } from '../../../dist/codec/entry.js'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import { runJob } from '../../../dist/lsm/job-worker.js'
import { Memtable } from '../../../dist/lsm/memtable.js'
import { KEEP_EVERYTHING } from '../../../dist/lsm/watermarks.js'
import { keyOf, seq, valueOf } from './entry-model.js'
import { DATABASE_ID } from './manifest-driver.js'
import { fileIdOf } from './table-metas.js'

test('the worker module flushes and compacts on the real file system', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tabularium-jobs-'))
  try {
    const common = {
      directory,
      identity: { databaseId: DATABASE_ID, incarnation: new Uint8Array(8), transformId: 0 },
      blockBytes: 4096,
      outputTableBytes: 1 << 20,
      watermarks: KEEP_EVERYTHING,
      isBottom: false,
    }
    const tables = [1, 2].flatMap((fileId) => {
      const memtable = new Memtable()
      const key = keyOf(1, 1, 'a')
      const value = valueOf('one')
      const hash = hashBytes(key, 0, key.length)
      memtable.add(key, 0, key.length, hash, seq(fileId), ENTRY_KIND_PUT, value, 0, value.length)
      const outputFileIds = [fileIdOf(fileId)]
      return runJob({ ...common, kind: 'flush', image: memtable.handover(), outputFileIds }).tables
    })
    const outputFileIds = [fileIdOf(3)]
    const result = runJob({ ...common, kind: 'compaction', inputs: tables, outputFileIds })
    expect(result.tables.map(({ entryCount }) => entryCount)).toEqual([2])
    expect(readdirSync(directory)).toEqual(['000001.sst', '000002.sst', '000003.sst'])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
