import { describe, expect, test } from 'vitest'

import { engineError } from '../../../dist/base/errors.js'
import type { SeqNum } from '../../../dist/base/ids.js'
import { append, openWriter, pathOf, range, recover, reopen } from './log-fixture.js'
import { PowerCutFiles } from './power-cut-files.js'

const macrotask = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Lets a preparation under way come to its end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await macrotask()
}

describe('WalWriter', () => {
  test('a group costs one write and one sync, however many commits it has', async () => {
    const fs = new PowerCutFiles()
    const wal = openWriter(fs, undefined, { fileBytes: 1 << 20 })
    const { writeCount, syncCount } = fs
    for (const seqNum of range(1, 50)) append(wal, seqNum)
    expect(wal.hasPending).toBe(true)
    expect(wal.pendingBytes).toBeGreaterThan(50 * 40)
    expect(fs.writeCount).toBe(writeCount)
    await wal.flush()
    expect([fs.writeCount - writeCount, fs.syncCount - syncCount]).toEqual([1, 1])
    expect(wal.hasPending).toBe(false)
    await wal.flush()
    expect(fs.syncCount - syncCount).toBe(1)
    expect(recover(fs.afterPowerCut(() => false)).seqNums).toEqual(range(1, 50))
  })

  test('what is appended during a flush rides the next one', async () => {
    const fs = new PowerCutFiles()
    const wal = openWriter(fs)
    append(wal, 1)
    const flush = wal.flush()
    append(wal, 2)
    await flush
    expect(recover(fs.afterPowerCut(() => false)).seqNums).toEqual([1])
    expect(wal.hasPending).toBe(true)
    await wal.flush()
    expect(recover(fs.afterPowerCut(() => false)).seqNums).toEqual([1, 2])
  })

  test.each([
    ['flush', async () => {}],
    ['flush', macrotask],
    ['flushNow', async () => {}],
    ['flushNow', macrotask],
  ] as const)('%s goes on from file to file and loses nothing', async (method, pause) => {
    const fs = new PowerCutFiles()
    const wal = openWriter(fs, undefined, { yield: macrotask })
    for (const seqNum of range(1, 200)) {
      append(wal, seqNum)
      await wal[method]()
      await pause()
    }
    expect(wal.files.length).toBeGreaterThan(5)
    const fileIds = wal.files.map((file) => file.fileId)
    expect(fileIds).toEqual(fileIds.toSorted((a, b) => a - b))
    await wal.close()
    expect(fs.list('d').length).toBe(wal.files.length)
    const recovery = recover(fs.afterPowerCut(() => false))
    expect(recovery.seqNums).toEqual(range(1, 200))
    expect(recovery.isIntact).toBe(true)
    expect(recovery.files).toMatchObject(wal.files)
    // Removals were not synced, so a power cut may undo them; they are seen as what they are.
    const chainIds = new Set<number>(fileIds)
    expect(recovery.unneededFileIds.some((fileId) => chainIds.has(fileId))).toBe(false)
  })

  test('a group larger than a file gets a file of its own size', async () => {
    const fs = new PowerCutFiles()
    const wal = openWriter(fs)
    const large = new Uint8Array(20_000).fill(7)
    append(wal, 1)
    await wal.flush()
    wal.append(2 as SeqNum, large, 0, large.length)
    await wal.flush()
    append(wal, 3)
    await wal.flush()
    expect(wal.files.map((file) => file.lastSeqNum)).toEqual([1, 2, 3])
    expect(recover(fs).seqNums).toEqual([1, 2, 3])
  })

  test('sealed files go once tables hold their commits, recovered ones too', async () => {
    const fs = new PowerCutFiles()
    const first = openWriter(fs)
    for (const seqNum of range(1, 60)) {
      append(first, seqNum)
      await first.flush()
    }
    await first.close()
    const { wal } = reopen(fs)
    append(wal, 61)
    await wal.flush()
    const before = wal.files
    const durableInTables = before[1]!.lastSeqNum
    wal.removeObsolete(durableInTables)
    expect(wal.files).toEqual(before.slice(2))
    expect(fs.exists(pathOf(before[1]!.fileId))).toBe(false)
    expect(recover(fs, { after: durableInTables }).seqNums).toEqual(range(durableInTables + 1, 61))
    expect(() => recover(fs, { after: durableInTables - 1 })).toThrow('FILE_MISSING')
    wal.removeObsolete(61 as SeqNum)
    expect(wal.files.length).toBe(1)
  })

  test.each(['flush', 'flushNow'] as const)(
    'a failed sync in %s breaks the writer for good',
    async (method) => {
      const fs = new PowerCutFiles()
      const wal = openWriter(fs)
      append(wal, 1)
      const cause = engineError('IO_FAILED', 'sync')
      fs.onOperation = (operation) => {
        if (operation === 'sync') throw cause
      }
      const failing = (async () => wal[method]())()
      if (method === 'flush') append(wal, 2)
      await expect(failing).rejects.toMatchObject({
        code: 'COMMIT_UNKNOWN',
        committed: 'unknown',
        cause,
      })
      fs.onOperation = () => {}
      expect(wal.isBroken).toBe(true)
      expect(() => append(wal, 3)).toThrow('DB_POISONED')
      await expect(wal.flush()).rejects.toMatchObject({ code: 'DB_POISONED', committed: 'no' })
      expect(() => wal.flushNow()).toThrow('DB_POISONED')
      await wal.close()
    },
  )

  test('a failed sync of a file made ahead of time breaks the writer too', async () => {
    const fs = new PowerCutFiles()
    const wal = openWriter(fs)
    let seqNum = 0
    while (fs.list('d').length === 1) {
      append(wal, ++seqNum)
      fs.onOperation = (operation, path) => {
        if (operation === 'sync' && path !== pathOf(1)) throw engineError('IO_FAILED', 'sync')
      }
      await wal.flush()
    }
    await settle()
    expect(wal.isBroken).toBe(true)
    await wal.close()
  })

  test('a full disk fails a flush, not the log: nothing was written and later commits are kept', async () => {
    const fs = new PowerCutFiles()
    const wal = openWriter(fs, undefined, { yield: macrotask })
    let seqNum = 0
    const acknowledged: number[] = []
    const fullPhases: string[] = []
    for (const fullOperation of ['open', 'write', 'none', 'write', 'open', 'none']) {
      fs.onOperation = (operation, path) => {
        const isGrowing =
          operation === 'open' || !fs.exists(path) || fs.contents(path).length < 4096
        if (operation === fullOperation && isGrowing) throw engineError('DISK_FULL', path)
      }
      for (let i = 0; i < 60; i++) {
        append(wal, ++seqNum)
        try {
          await wal.flush()
          acknowledged.push(seqNum)
        } catch (error) {
          fullPhases.push((error as { code: string }).code)
        }
      }
    }
    expect(new Set(fullPhases)).toEqual(new Set(['DISK_FULL']))
    expect(wal.isBroken).toBe(false)
    expect(acknowledged.at(-1)).toBe(seqNum)
    const recovery = recover(fs.afterPowerCut(() => false))
    expect(recovery.seqNums).toEqual(acknowledged)
    expect(recovery.isIntact).toBe(true)
    await wal.close()
  })

  test('close is idempotent, ends a preparation and refuses what follows', async () => {
    const fs = new PowerCutFiles()
    const wal = openWriter(fs, undefined, { yield: macrotask, fileBytes: 3 << 20 })
    const payload = new Uint8Array(2 << 20)
    wal.append(1 as SeqNum, payload, 0, payload.length)
    await wal.flush()
    expect(fs.list('d').length).toBe(2)
    await wal.close()
    await wal.close()
    expect(fs.list('d').length).toBe(1)
    expect(() => append(wal, 2)).toThrow('DB_CLOSED')
    await expect(wal.flush()).rejects.toThrow('DB_CLOSED')
  })

  test('SeqNums must rise', () => {
    const wal = openWriter(new PowerCutFiles())
    append(wal, 5)
    expect(() => append(wal, 5)).toThrow('INTERNAL')
  })
})
