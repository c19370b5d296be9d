import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import { crc32 } from '../../../dist/codec/checksum.js'
import { FRAMES_START_BYTES } from '../../../dist/codec/frame.js'
import type { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { describeWal } from '../../../dist/wal/describe.js'
import {
  encodeStart,
  START_FRAME_BYTES,
  walFileIdOf,
  walFileName,
} from '../../../dist/wal/format.js'
import type { WalWriter } from '../../../dist/wal/writer.js'
import {
  append,
  chanceOf,
  contentsOf,
  flush,
  macrotask,
  newFiles,
  openWriter,
  pathOf,
  range,
  recover,
  reopen,
  withDamage,
  withFile,
  without,
} from './log-fixture.js'

const FILE_BYTES = 1024

/** A log of a few files, one commit per flush. */
async function writeLog(lastSeqNum: number): Promise<MemoryFileSystem> {
  const fs = newFiles()
  const wal = openWriter(fs, undefined, { fileBytes: 2048 })
  for (const seqNum of range(1, lastSeqNum)) {
    append(wal, seqNum)
    await flush(wal)
  }
  await wal.close()
  return fs
}

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      name: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ name: fc.constantFrom('flush' as const, 'write' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ name: fc.constantFrom('settle' as const, 'startFlush' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      name: fc.constantFrom('removeObsolete' as const, 'reopen' as const, 'kill' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      name: fc.constant('cutSoon' as const),
      callCount: fc.integer({ min: 1, max: 12 }),
      seed: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('cut' as const), seed: fc.nat() }) },
)
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

/** What a log must keep through power cuts. */
class LogModel {
  fs: MemoryFileSystem = newFiles()
  wal: WalWriter = openWriter(this.fs, undefined, { fileBytes: FILE_BYTES })
  appended = 0
  /** A kill keeps them, a power cut does not. */
  written = 0
  acknowledged = 0
  inTables = 0
  #flush: Promise<void> | undefined
  #cutSeed = 0

  async run(step: Action): Promise<void> {
    try {
      await this.#act(step)
    } catch (error) {
      if (!this.fs.isPowerCut) throw error
      await this.cut(this.#cutSeed)
    }
  }

  async #act(step: Action): Promise<void> {
    if (!['append', 'settle', 'kill', 'cut', 'cutSoon'].includes(step.name)) await this.#flush
    switch (step.name) {
      case 'append':
        for (let i = 0; i < step.count; i++) {
          append(this.wal, this.appended + 1)
          this.appended++
        }
        return
      case 'flush':
        await flush(this.wal)
        this.acknowledged = this.appended
        return
      case 'write':
        await this.wal.write()
        this.written = this.appended
        return
      case 'startFlush':
        this.#startFlush()
        return
      case 'settle':
        return macrotask()
      case 'removeObsolete':
        this.inTables = Math.max(this.inTables, this.acknowledged - 5)
        await this.wal.removeObsolete(this.inTables as SeqNum)
        return
      case 'reopen':
        await this.wal.close()
        this.#goOn(this.fs.clone(), this.written)
        return
      case 'kill':
        this.#goOn(this.fs.clone(), this.written)
        return
      case 'cutSoon':
        if (this.fs.isPowerCut) return
        this.#cutSeed = step.seed
        this.fs.cutPowerAt(this.fs.callCount + step.callCount)
        return
      case 'cut':
        return this.cut(step.seed)
    }
  }

  #startFlush(): void {
    const { wal, appended } = this
    this.#flush = flush(wal).then(() => {
      if (this.wal === wal) this.acknowledged = appended
    })
    // Awaited before the next action that needs the writer.
    this.#flush.catch(() => {})
  }

  async cut(seed: number): Promise<void> {
    const chance = chanceOf(seed)
    let image = this.fs.crashImage(chance)
    if (chance.float() < 0.5) {
      // And again, in the middle of recovering.
      image.cutPowerAt(image.callCount + 1 + Math.floor(chance.float() * 10))
      try {
        await reopen(image, { after: this.inTables, fileBytes: FILE_BYTES }).close()
      } catch (error) {
        if (!image.isPowerCut) throw error
      }
      image = image.crashImage(chance)
    }
    this.#goOn(image, this.acknowledged)
  }

  #goOn(fs: MemoryFileSystem, mustSeqNum: number): void {
    this.#flush = undefined
    const found = recover(fs, { after: this.inTables })
    const lastSeqNum = found.last?.seqNum ?? 0
    expect(found.isIntact).toBe(true)
    expect(found.seqNums).toEqual(range(this.inTables + 1, lastSeqNum))
    expect(lastSeqNum).toBeGreaterThanOrEqual(Math.max(mustSeqNum, this.acknowledged))
    expect(lastSeqNum).toBeLessThanOrEqual(this.appended)
    expect(recover(fs, { after: this.inTables })).toEqual(found)
    this.fs = fs
    this.wal = reopen(fs, { after: this.inTables, fileBytes: FILE_BYTES })
    this.appended = lastSeqNum
    this.written = lastSeqNum
    this.acknowledged = lastSeqNum
  }
}

describe('recoverWal', () => {
  test('after any power cut: a prefix with every flushed commit, and the same again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), fc.nat(), async (steps, seed) => {
        const model = new LogModel()
        for (const step of steps) await model.run(step)
        await model.cut(seed)
      }),
      { numRuns: 1000 },
    )
  }, 60_000)

  test('a cut during the first write of a rotation leaves an unneeded file and a whole log', async () => {
    let commitCount = 40
    let fs = await writeLog(commitCount)
    while (describeWal(fs, pathOf(recover(fs).last!.fileId)).frames.length < 4) {
      fs = await writeLog(++commitCount)
    }
    const newest = recover(fs).last!.fileId
    const lost = contentsOf(fs, newest)
    lost.fill(0, FRAMES_START_BYTES, FRAMES_START_BYTES + 40)
    expect(() => recover(withFile(fs, newest, lost))).toThrow('WAL_CORRUPT')
    // Without the later frames nobody was told that the first write was durable.
    lost.fill(0, describeWal(fs, pathOf(newest)).frames[2]!.offsetBytes)
    const recovery = recover(withFile(fs, newest, lost))
    expect(recovery.unneededFileIds).toContain(newest)
    expect(recovery.last!.fileId).toBeLessThan(newest)
    expect(recovery.tornBytes).toBeGreaterThan(0)
  })

  test('every damaged byte of a sealed file before its end is found', async () => {
    const fs = await writeLog(30)
    const [first, second] = recover(fs).files
    expect(second).toBeDefined()
    for (let at = 0; at < first!.endBytes; at++) {
      expect(() => recover(withDamage(fs, first!.fileId, at))).toThrow('WAL_CORRUPT')
    }
    const behind = withDamage(fs, first!.fileId, first!.endBytes + 3)
    expect(recover(behind).seqNums).toEqual(range(1, 30))
  })

  test('in the newest file damage is found up to the proven end, behind it the log is cut', async () => {
    const fs = await writeLog(30)
    const { last } = recover(fs)
    const { frames, provenBytes } = describeWal(fs, pathOf(last!.fileId))
    expect(provenBytes).toBe(frames.at(-1)!.offsetBytes)
    for (let at = 0; at < last!.endBytes; at++) {
      const damaged = withDamage(fs, last!.fileId, at)
      const hinted = () => recover(damaged, { provenHint: last })
      expect(hinted).toThrow('WAL_CORRUPT')
      if (at < provenBytes) expect(() => recover(damaged)).toThrow('WAL_CORRUPT')
      else expect(recover(damaged).seqNums).toEqual(range(1, 29))
    }
  })

  test('a missing file is found, unless tables hold what was in it', async () => {
    const fs = await writeLog(60)
    const { files } = recover(fs)
    expect(files.length).toBeGreaterThan(3)
    files.forEach((file, i) => {
      const gapped = without(fs, file.fileId)
      if (i === files.length - 1) {
        expect(() => recover(gapped, { provenHint: file })).toThrow('FILE_MISSING')
        return
      }
      expect(() => recover(gapped)).toThrow('FILE_MISSING')
      const recovery = recover(gapped, { after: file.lastSeqNum })
      expect(recovery.seqNums).toEqual(range(file.lastSeqNum + 1, 60))
      expect(recovery.unneededFileIds).toEqual(files.slice(0, i).map((f) => f.fileId))
    })
    expect(() => recover(newFiles(), { provenHint: files[0] })).toThrow('FILE_MISSING')
    expect(recover(newFiles())).toMatchObject({
      files: [],
      last: undefined,
      commitCount: 0,
    })
  })

  test('a hint for a file that was removed since is fine', async () => {
    const fs = await writeLog(60)
    const { files } = recover(fs)
    fs.remove(pathOf(files[0]!.fileId))
    const after = files[0]!.lastSeqNum
    const recovery = recover(fs, { after, provenHint: files[0] })
    expect(recovery.seqNums).toEqual(range(after + 1, 60))
  })

  test('a truncated file is found when it was made ahead of time, or proven from elsewhere', async () => {
    const fs = newFiles()
    const wal = openWriter(fs, undefined, { fileBytes: 2048 })
    let seqNum = 0
    while (wal.files.length < 2) {
      append(wal, ++seqNum)
      await flush(wal)
      for (let i = 0; i < 10; i++) await macrotask()
    }
    const { fileId } = wal.files[1]!
    const whole = contentsOf(fs, fileId)
    for (let length = 0; length < whole.length; length += 7) {
      const cut = withFile(fs, fileId, whole.subarray(0, length))
      const hint = { fileId, endBytes: wal.durable.endBytes }
      expect(() => recover(cut, { provenHint: hint })).toThrow('WAL_CORRUPT')
      if (length >= FRAMES_START_BYTES + START_FRAME_BYTES)
        expect(() => recover(cut)).toThrow('WAL_CORRUPT')
    }
    await wal.close()
  })

  test('files of another database, renamed files and newer formats are refused', async () => {
    const fs = await writeLog(30)
    const [first, second] = recover(fs).files
    const bytes = contentsOf(fs, second!.fileId)
    expect(() => recover(withFile(fs, first!.fileId, bytes))).toThrow('WAL_CORRUPT')
    expect(() => recover(withFile(fs, 99, bytes))).toThrow('WAL_CORRUPT')
    expect(() => recover(fs, { databaseId: new Uint8Array(16) })).toThrow('WAL_CORRUPT')
    const newer = bytes.slice()
    newer[8]! += 1
    new DataView(newer.buffer).setUint32(60, crc32(newer, 0, 60), true)
    expect(() => recover(withFile(fs, second!.fileId, newer))).toThrow('FORMAT_UNSUPPORTED')
  })

  test('what lies behind a recorded cut is not part of the log', async () => {
    const fs = newFiles()
    const first = openWriter(fs)
    append(first, 1)
    await flush(first)
    const cut = recover(fs)
    append(first, 2)
    await flush(first)
    const second = openWriter(fs, cut)
    append(second, 3)
    await flush(second)
    expect(recover(fs).seqNums).toEqual([1, 3])
    const wrong = { ...cut, last: { ...cut.last!, seqNum: 7 as SeqNum } }
    openWriter(fs, wrong)
    expect(() => recover(fs)).toThrow('WAL_CORRUPT')
  })

  test('commits that tables hold are not replayed', async () => {
    const fs = await writeLog(30)
    for (const after of range(0, 30)) {
      const recovery = recover(fs, { after })
      expect(recovery.seqNums).toEqual(range(after + 1, 30))
      expect(recovery.last).toMatchObject({ seqNum: 30 })
    }
  })

  test('recovering writes nothing', async () => {
    const fs = await writeLog(30)
    fs.inject = ({ name }) =>
      ['create', 'write', 'truncate', 'rename', 'remove'].includes(name) ? 'EROFS' : undefined
    expect(recover(fs).seqNums).toEqual(range(1, 30))
  })
})

describe('the format', () => {
  test('names of WAL files', () => {
    expect(walFileName(7 as FileId)).toBe('000007.wal')
    expect(walFileName(12345678 as FileId)).toBe('12345678.wal')
    for (const fileId of [1, 999_999, 1_000_000, 2 ** 40]) {
      expect(walFileIdOf(walFileName(fileId as FileId))).toBe(fileId)
    }
    for (const name of ['7.wal', '0000007.wal', '000007.sst', '000007.wal~', 'x000007.wal']) {
      expect(walFileIdOf(name)).toBe(undefined)
    }
  })

  test('a file in words', async () => {
    const fs = await writeLog(30)
    const { files } = recover(fs)
    const described = describeWal(fs, pathOf(files[1]!.fileId))
    expect(described.identity.fileId).toBe(files[1]!.fileId)
    expect(described.start!.previous).toEqual({
      fileId: files[0]!.fileId,
      endBytes: files[0]!.endBytes,
      seqNum: files[0]!.lastSeqNum,
    })
    expect(described.frames.map((f) => f.type)).toEqual([
      'START',
      ...described.frames.slice(1).map(() => 'COMMIT'),
    ])
    expect(described.end).toBe('clean')
    expect(encodeStart(described.start!).length).toBe(described.frames[0]!.payloadBytes)
  })
})
