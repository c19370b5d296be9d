import { describe, expect, test } from 'vitest'

import type { SeqNum } from '../../../dist/base/ids.js'
import { frameBytes } from '../../../dist/codec/frame.js'
import { readFile } from '../../../dist/env/file-system.js'
import type { FileCall, MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { walFileName } from '../../../dist/wal/format.js'
import {
  append,
  contentsOf,
  DIRECTORY,
  flush,
  macrotask,
  newFiles,
  openWriter,
  pathOf,
  payloadOf,
  range,
  recover,
  reopen,
  syncedOnly,
  withDamage,
  withFile,
} from './log-fixture.js'

function countOf(fs: MemoryFileSystem, ...names: string[]): number {
  return fs.calls.filter((call) => names.includes(call.name)).length
}

describe('WalWriter', () => {
  test('a group costs one write and one sync, however many commits it has', async () => {
    const fs = newFiles()
    const wal = openWriter(fs, undefined, { fileBytes: 1 << 20 })
    const writeCount = countOf(fs, 'write')
    const syncCount = countOf(fs, 'sync', 'syncNow')
    for (const seqNum of range(1, 50)) append(wal, seqNum)
    expect(wal.pendingBytes).toBeGreaterThan(50 * 40)
    expect(countOf(fs, 'write')).toBe(writeCount)
    await flush(wal)
    expect(countOf(fs, 'write') - writeCount).toBe(1)
    expect(countOf(fs, 'sync', 'syncNow') - syncCount).toBe(1)
    expect(wal.pendingBytes).toBe(0)
    await flush(wal)
    expect(countOf(fs, 'sync', 'syncNow') - syncCount).toBe(1)
    expect(recover(syncedOnly(fs)).seqNums).toEqual(range(1, 50))
  })

  test('what is appended during a flush rides the next one', async () => {
    const fs = newFiles()
    const wal = openWriter(fs)
    append(wal, 1)
    const flushing = flush(wal)
    append(wal, 2)
    await flushing
    expect(recover(syncedOnly(fs)).seqNums).toEqual([1])
    expect(wal.pendingBytes).toBeGreaterThan(0)
    await flush(wal)
    expect(recover(syncedOnly(fs)).seqNums).toEqual([1, 2])
  })

  test.each([
    ['each', async () => {}, 1],
    ['each', macrotask, 1],
    ['every seventh', async () => {}, 7],
    ['every seventh', macrotask, 7],
    ['the last', macrotask, 200],
  ] as const)(
    'goes on from file to file and loses nothing: %s write synced',
    async (_, pause, every) => {
      const fs = newFiles()
      const wal = openWriter(fs, undefined, { yield: macrotask })
      for (const seqNum of range(1, 200)) {
        append(wal, seqNum)
        await wal.write()
        if (seqNum % every === 0) await wal.sync()
        await pause()
      }
      await wal.sync()
      expect(wal.files.length).toBeGreaterThan(5)
      const fileIds = wal.files.map((file) => file.fileId)
      expect(fileIds).toEqual(fileIds.toSorted((a, b) => a - b))
      await wal.close()
      expect(fs.list(DIRECTORY).length).toBe(wal.files.length)
      const recovery = recover(syncedOnly(fs))
      expect(recovery.seqNums).toEqual(range(1, 200))
      expect(recovery.isIntact).toBe(true)
      expect(recovery.files).toMatchObject(wal.files)
      // Removals were not synced, so a power cut may undo them; they are seen as what they are.
      const chainIds = new Set<number>(fileIds)
      expect(recovery.unneededFileIds.some((fileId) => chainIds.has(fileId))).toBe(false)
    },
  )

  test('a group larger than a file gets a file of its own size', async () => {
    const fs = newFiles()
    const wal = openWriter(fs)
    const large = new Uint8Array(20_000).fill(7)
    append(wal, 1)
    await flush(wal)
    wal.append(2 as SeqNum, (out) => out.raw(large))
    await flush(wal)
    append(wal, 3)
    await flush(wal)
    expect(wal.files.map((file) => file.lastSeqNum)).toEqual([1, 2, 3])
    expect(recover(fs).seqNums).toEqual([1, 2, 3])
  })

  test('sealed files go once tables hold their commits, recovered ones too', async () => {
    const fs = newFiles()
    const first = openWriter(fs)
    for (const seqNum of range(1, 60)) {
      append(first, seqNum)
      await flush(first)
    }
    await first.close()
    const wal = reopen(fs)
    append(wal, 61)
    await flush(wal)
    const before = wal.files
    const durableInTables = before[1]!.lastSeqNum
    await wal.removeObsolete(durableInTables)
    expect(wal.files).toEqual(before.slice(2))
    expect(fs.exists(pathOf(before[1]!.fileId))).toBe(false)
    expect(recover(fs, { after: durableInTables }).seqNums).toEqual(range(durableInTables + 1, 61))
    expect(() => recover(fs, { after: durableInTables - 1 })).toThrow('FILE_MISSING')
    await wal.removeObsolete(61 as SeqNum)
    expect(wal.files.length).toBe(1)
  })

  const OBSOLETE_COUNT = 260

  /** A log whose oldest files are obsolete; up to which commit. */
  async function withObsoleteFiles(fs: MemoryFileSystem) {
    const wal = openWriter(fs)
    for (const seqNum of range(1, OBSOLETE_COUNT)) {
      append(wal, seqNum)
      await flush(wal)
      await macrotask()
    }
    const { files } = wal
    expect(files.length).toBeGreaterThan(7)
    await wal.removeObsolete(files[5]!.lastSeqNum)
    return { wal, after: files[5]!.lastSeqNum }
  }

  const sparesIn = (fs: MemoryFileSystem) =>
    fs.list(DIRECTORY).filter((name) => name.endsWith('.spare'))

  test('obsolete files are written anew instead of new ones with zeros', async () => {
    const fs = newFiles()
    const { wal, after } = await withObsoleteFiles(fs)
    expect(sparesIn(fs), 'a bounded number').toHaveLength(4)
    const isZeros = ({ name, byteCount }: FileCall) => name === 'write' && byteCount === 4096
    const before = fs.calls.filter(isZeros).length
    const fileCount = wal.files.length
    for (let seqNum = OBSOLETE_COUNT + 1; wal.files.length < fileCount + 3; seqNum++) {
      append(wal, seqNum)
      await flush(wal)
      await macrotask()
    }
    const lastSeqNum = wal.files.at(-1)!.lastSeqNum
    expect(fs.calls.filter(isZeros).length, 'but for the one that was under way').toBe(before)
    const image = syncedOnly(fs)
    expect(recover(image, { after })).toMatchObject({
      seqNums: range(after + 1, lastSeqNum),
      isIntact: true,
      tornBytes: 0,
    })
    expect(wal.removeSpares()).toBe(true)
    expect(wal.removeSpares()).toBe(false)
    expect(sparesIn(syncedOnly(fs))).toEqual([])
    await wal.close()
  })

  test('files that a backup keeps under another name are not written anew', async () => {
    const fs = newFiles()
    fs.makeDirectory('/backup')
    const wal = openWriter(fs)
    for (const seqNum of range(1, OBSOLETE_COUNT)) {
      append(wal, seqNum)
      await flush(wal)
      await macrotask()
    }
    const kept = wal.files.slice(0, 5).map(({ fileId }) => walFileName(fileId))
    for (const name of kept) fs.link(`${DIRECTORY}/${name}`, `/backup/${name}`)
    const contents = () => kept.map((name) => Buffer.from(readFile(fs, `/backup/${name}`)))
    const before = contents()
    const fileCount = wal.files.length
    await wal.removeObsolete(wal.files[5]!.lastSeqNum)
    expect(sparesIn(fs)).toHaveLength(1)
    for (let seqNum = OBSOLETE_COUNT + 1; wal.files.length < fileCount; seqNum++) {
      append(wal, seqNum)
      await flush(wal)
      await macrotask()
    }
    expect(contents()).toEqual(before)
    await wal.close()
  })

  test('spare files are not forgotten when a removal behind them fails', async () => {
    const fs = newFiles()
    fs.inject = ({ name, path }) => (name === 'remove' && path.endsWith('.wal') ? 'EIO' : undefined)
    const wal = openWriter(fs)
    for (const seqNum of range(1, OBSOLETE_COUNT)) {
      append(wal, seqNum)
      await flush(wal)
      await macrotask()
    }
    const after = wal.files[5]!.lastSeqNum
    await expect(wal.removeObsolete(after)).rejects.toMatchObject({ code: 'IO_FAILED' })
    expect(sparesIn(fs)).toHaveLength(4)
    fs.inject = undefined
    await wal.removeObsolete(after)
    expect(sparesIn(syncedOnly(fs))).toHaveLength(4)
    expect(wal.removeSpares()).toBe(true)
    expect(sparesIn(syncedOnly(fs))).toEqual([])
    await wal.close()
  })

  test('what an earlier file left in a recycled one is neither a frame, nor torn, nor a proof', async () => {
    const fs = newFiles()
    const { wal, after } = await withObsoleteFiles(fs)
    const recycled = () => {
      const { fileId } = wal.files.at(-1)!
      return contentsOf(fs, fileId)[50] === 1 ? fileId : undefined
    }
    let seqNum: number = OBSOLETE_COUNT
    while (recycled() === undefined) {
      append(wal, ++seqNum)
      await flush(wal)
      await macrotask()
    }
    const fileId = recycled()!
    const { endBytes } = wal.durable
    append(wal, seqNum + 1)
    append(wal, seqNum + 2)
    await wal.write()
    const bytes = contentsOf(fs, fileId)
    const old = contentsOf(syncedOnly(fs), fileId)
    const image = (from: number, to: number) => {
      const mixed = old.slice()
      mixed.set(bytes.subarray(from, to), from)
      return withFile(fs, fileId, mixed)
    }
    const clean = recover(image(0, 0), { after })
    expect(clean).toMatchObject({ tornBytes: 0, last: { endBytes, seqNum } })
    const second = endBytes + frameBytes(payloadOf(seqNum + 1).length)
    const end = second + frameBytes(payloadOf(seqNum + 2).length)
    for (const [from, to, last, torn] of [
      [endBytes, end, seqNum + 2, 0],
      [endBytes, end - 8, seqNum + 1, end - second],
      [second, end, seqNum, end - endBytes],
      [endBytes + 8, second, seqNum, 0],
    ] as const) {
      const { last: found, tornBytes } = recover(image(from, to), { after })
      expect([from, to, found!.seqNum, tornBytes]).toEqual([from, to, last, torn])
    }
    const isProven = () => recover(withDamage(fs, fileId, endBytes - 8), { after })
    expect(isProven, 'by the frames behind it').toThrow('WAL_CORRUPT')
    append(wal, seqNum + 3)
    await flush(wal)
    append(wal, seqNum + 4)
    await flush(wal)
    expect(wal.durable.fileId).toBe(fileId)
    expect(() => recover(withDamage(fs, fileId, endBytes + 8), { after })).toThrow('WAL_CORRUPT')
    await wal.close()
  })

  test('the newest sealed file stays until the start of the current one is durable', async () => {
    const fs = newFiles()
    const large = new Uint8Array(5000)
    const wal = openWriter(fs)
    append(wal, 1)
    await flush(wal)
    const provenHint = wal.durable
    wal.append(2 as SeqNum, (out) => out.raw(large))
    await wal.write()
    expect(wal.files.map((file) => file.lastSeqNum)).toEqual([1, 2])
    // Commit 1 is in tables, and the power goes before the sync of commit 2.
    await wal.removeObsolete(1 as SeqNum)
    expect(recover(syncedOnly(fs), { after: 1, provenHint }).seqNums).toEqual([])
    await wal.sync()
    await wal.removeObsolete(1 as SeqNum)
    expect(wal.files.map((file) => file.lastSeqNum)).toEqual([2])
    expect(recover(syncedOnly(fs), { after: 1, provenHint }).seqNums).toEqual([2])
  })

  test('a first file that finds no room takes none', () => {
    const fs = newFiles()
    let writeCount = 0
    fs.inject = ({ name }) => (name === 'write' && ++writeCount > 1 ? 'ENOSPC' : undefined)
    expect(() => openWriter(fs)).toThrow('DISK_FULL')
    expect(fs.list(DIRECTORY)).toEqual([])
    fs.inject = undefined
    append(openWriter(fs), 1)
  })

  test.each(['sync', 'write'] as const)(
    'a failed sync of what is written breaks the writer for good, in %s()',
    async (method) => {
      const fs = newFiles()
      const wal = openWriter(fs)
      append(wal, 1)
      await wal.write()
      fs.inject = ({ name }) => (name.startsWith('sync') ? 'EIO' : undefined)
      // It no longer fits: the file is synced before the next one is started.
      if (method === 'write') wal.append(2 as SeqNum, (out) => out.raw(new Uint8Array(5000)))
      const failing = wal[method]()
      await expect(failing).rejects.toMatchObject({
        code: 'COMMIT_UNKNOWN',
        committed: 'unknown',
        cause: { code: 'IO_FAILED' },
      })
      fs.inject = undefined
      expect(wal.isBroken).toBe(true)
      expect(() => append(wal, 3)).toThrow('DB_POISONED')
      await expect(wal.write()).rejects.toMatchObject({ code: 'DB_POISONED', committed: 'no' })
      await expect(wal.sync()).rejects.toMatchObject({ code: 'DB_POISONED', committed: 'no' })
      await wal.close()
    },
  )

  test('a failed sync of a file made ahead of time breaks the writer too', async () => {
    const fs = newFiles()
    const wal = openWriter(fs)
    let seqNum = 0
    while (fs.list(DIRECTORY).length === 1) {
      append(wal, ++seqNum)
      fs.inject = ({ name, path }) => (name === 'sync' && path !== pathOf(1) ? 'EIO' : undefined)
      await flush(wal)
    }
    for (let i = 0; i < 20; i++) await macrotask()
    expect(wal.isBroken).toBe(true)
    await wal.close()
  })

  test('a failed sync ahead of time is not hidden by a flush that was under way', async () => {
    const fs = newFiles()
    let goOn = () => {}
    const pause = () =>
      new Promise<void>((resolve) => {
        goOn = resolve
      })
    const wal = openWriter(fs, undefined, { yield: pause, fileBytes: 1024 })
    const half = new Uint8Array(500)
    wal.append(1 as SeqNum, (out) => out.raw(half))
    await flush(wal)
    for (let i = 0; i < 4; i++) await macrotask()
    append(wal, 2)
    const flushing = flush(wal)
    fs.inject = ({ name, path }) => (name === 'sync' && path === pathOf(2) ? 'EIO' : undefined)
    goOn()
    await expect(flushing).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN', committed: 'unknown' })
    expect(wal.isBroken).toBe(true)
  })

  test('a rotation that takes a file while it is prepared, and another right behind it', async () => {
    const fs = newFiles()
    const wal = openWriter(fs, undefined, { fileBytes: 1024, yield: macrotask })
    let seqNum = 0
    for (const [count, method] of [
      [5, 'flush'],
      [8, 'write'],
      [4, 'flush'],
      [8, 'flush'],
      [8, 'write'],
    ] as const) {
      for (let i = 0; i < count; i++) append(wal, ++seqNum)
      if (method === 'flush') await flush(wal)
      else await wal.write()
    }
    await wal.sync()
    for (let i = 0; i < 20; i++) await macrotask()
    expect(recover(syncedOnly(fs)).seqNums).toEqual(range(1, seqNum))
    await wal.close()
    expect(fs.list(DIRECTORY).length).toBe(wal.files.length)
  })

  test('space is made ahead of commits, which keep out of it meanwhile', async () => {
    const fs = newFiles()
    const wal = openWriter(fs, undefined, { fileBytes: 4 << 20 })
    const spaceMib = () => fs.fileBytes(pathOf(1)) >> 20
    wal.append(1 as SeqNum, (out) => out.raw(new Uint8Array(700 << 10).fill(1)))
    wal.writeNow()
    expect(spaceMib()).toBe(1)
    wal.append(2 as SeqNum, (out) => out.raw(new Uint8Array(100 << 10).fill(2)))
    expect(wal.canWriteNow).toBe(true)
    wal.writeNow()
    wal.append(3 as SeqNum, (out) => out.raw(new Uint8Array(500 << 10).fill(3)))
    expect(wal.canWriteNow).toBe(false)
    await flush(wal)
    for (let i = 0; i < 4; i++) await macrotask()
    expect(spaceMib()).toBe(2)
    expect(recover(syncedOnly(fs)).seqNums).toEqual([1, 2, 3])
    await wal.close()
  })

  test('a full disk fails a flush, not the log: nothing was written and later commits are kept', async () => {
    const fs = newFiles()
    const wal = openWriter(fs, undefined, { yield: macrotask })
    let seqNum = 0
    const acknowledged: number[] = []
    const codes = new Set<string>()
    for (const fullCall of ['create', 'write', undefined, 'write', 'create', undefined]) {
      fs.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) => {
        if (name !== fullCall) return undefined
        const isGrowing = name === 'create' || offsetBytes + byteCount > fs.fileBytes(path)
        return isGrowing ? 'ENOSPC' : undefined
      }
      for (let i = 0; i < 60; i++) {
        append(wal, ++seqNum)
        const code = await flush(wal).then(
          () => 'durable',
          (error: { code: string }) => error.code,
        )
        codes.add(code)
        if (code === 'durable') acknowledged.push(seqNum)
      }
    }
    expect(codes).toEqual(new Set(['durable', 'DISK_FULL']))
    expect(wal.isBroken).toBe(false)
    expect(acknowledged.at(-1)).toBe(seqNum)
    const recovery = recover(syncedOnly(fs))
    expect(recovery.seqNums).toEqual(acknowledged)
    expect(recovery.isIntact).toBe(true)
    await wal.close()
  })

  test('commits appended while a failing flush waits are not lost with it', async () => {
    const fs = newFiles()
    const wal = openWriter(fs, undefined, { yield: macrotask, fileBytes: 2048 })
    let seqNum = 0
    const fill = new Uint8Array(1100)
    wal.append(++seqNum as SeqNum, (out) => out.raw(fill))
    await flush(wal)
    expect(fs.list(DIRECTORY).length).toBe(2)
    wal.append(++seqNum as SeqNum, (out) => out.raw(fill))
    fs.inject = ({ name }) => (name === 'write' ? 'ENOSPC' : undefined)
    const failing = flush(wal)
    append(wal, ++seqNum)
    await expect(failing).rejects.toMatchObject({ code: 'DISK_FULL', committed: 'no' })
    fs.inject = undefined
    await flush(wal)
    expect(recover(syncedOnly(fs)).seqNums).toEqual([1, 3])
    await wal.close()
  })

  test('close is idempotent, ends a preparation and refuses what follows', async () => {
    const fs = newFiles()
    const wal = openWriter(fs, undefined, { yield: macrotask, fileBytes: 3 << 20 })
    const payload = new Uint8Array(2 << 20)
    wal.append(1 as SeqNum, (out) => out.raw(payload))
    await flush(wal)
    expect(fs.list(DIRECTORY).length).toBe(2)
    await wal.close()
    await wal.close()
    expect(fs.list(DIRECTORY).length).toBe(1)
    expect(() => append(wal, 2)).toThrow('DB_CLOSED')
    await expect(flush(wal)).rejects.toThrow('DB_CLOSED')
  })

  test('SeqNums must rise', () => {
    const wal = openWriter(newFiles())
    append(wal, 5)
    expect(() => append(wal, 5)).toThrow('INTERNAL')
  })
})
