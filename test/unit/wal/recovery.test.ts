import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import { FRAMES_START_BYTES } from '../../../dist/codec/frame.js'
import { describeWal } from '../../../dist/wal/describe.js'
import {
  encodeStart,
  FRAME_TYPE_START,
  walFileIdOf,
  walFileName,
} from '../../../dist/wal/format.js'
import { append, DIRECTORY, openWriter, pathOf, range, recover, reopen } from './log-fixture.js'
import { PowerCutFiles } from './power-cut-files.js'

/** A log of a few files, one commit per flush. */
async function writeLog(lastSeqNum: number, fileBytes = 2048): Promise<PowerCutFiles> {
  const fs = new PowerCutFiles()
  const wal = openWriter(fs, undefined, { fileBytes })
  for (const seqNum of range(1, lastSeqNum)) {
    append(wal, seqNum)
    await wal.flush()
  }
  await wal.close()
  return fs.afterKill()
}

function coinOf(seed: number): () => boolean {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state > 0x7fff_ffff
  }
}

function damage(fs: PowerCutFiles, path: string, at: number): PowerCutFiles {
  const damaged = fs.afterKill()
  damaged.contents(path)[at]! ^= 0x10
  return damaged
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 6, arbitrary: fc.constantFrom({ do: 'flush' as const }, { do: 'flushNow' as const }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom({ do: 'settle' as const }, { do: 'startFlush' as const }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ do: 'removeObsolete' as const }, { do: 'reopen' as const }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), seed: fc.nat() }) },
)

/** What a log of such steps must keep through power cuts. */
class LogModel {
  fs = new PowerCutFiles()
  wal = openWriter(this.fs, undefined, { fileBytes: 1024 })
  appended = 0
  acknowledged = 0
  inTables = 0
  #flush: Promise<void> | undefined

  async run(action: typeof step extends fc.Arbitrary<infer A> ? A : never): Promise<void> {
    if (action.do !== 'append' && action.do !== 'cut' && action.do !== 'settle')
      await this.#endFlush()
    switch (action.do) {
      case 'append':
        for (let i = 0; i < action.count; i++) append(this.wal, ++this.appended)
        break
      case 'flush':
        await this.wal.flush()
        this.acknowledged = this.appended
        break
      case 'flushNow':
        this.wal.flushNow()
        this.acknowledged = this.appended
        break
      case 'startFlush': {
        const upTo = this.appended
        this.#flush = this.wal.flush().then(() => {
          this.acknowledged = upTo
        })
        break
      }
      case 'settle':
        await new Promise<void>((resolve) => {
          setImmediate(resolve)
        })
        break
      case 'removeObsolete':
        this.inTables = Math.max(this.inTables, this.acknowledged - 5)
        this.wal.removeObsolete(this.inTables as SeqNum)
        break
      case 'reopen':
        await this.wal.close()
        this.#goOn(this.fs.afterKill())
        break
      case 'cut':
        this.#goOn(this.fs.afterPowerCut(coinOf(action.seed)))
    }
  }

  async #endFlush(): Promise<void> {
    await this.#flush
    this.#flush = undefined
  }

  #goOn(fs: PowerCutFiles): void {
    this.#flush = undefined
    const first = recover(fs, { after: this.inTables })
    expect(first.isIntact).toBe(true)
    expect(first.seqNums).toEqual(range(this.inTables + 1, first.last!.seqNum))
    expect(first.last!.seqNum).toBeGreaterThanOrEqual(this.acknowledged)
    expect(first.last!.seqNum).toBeLessThanOrEqual(this.appended)
    expect(recover(fs, { after: this.inTables })).toEqual(first)
    this.fs = fs
    this.wal = reopen(fs, { after: this.inTables, fileBytes: 1024 }).wal
    this.appended = first.last!.seqNum
    this.acknowledged = this.appended
  }
}

describe('recoverWal', () => {
  test('after any power cut: a prefix with every flushed commit, and the same again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(), async (steps, seed) => {
        const model = new LogModel()
        for (const action of steps) await model.run(action)
        await model.run({ do: 'cut', seed })
      }),
      { numRuns: 1500 },
    )
  }, 60_000)

  test('a cut during the first write of a rotation leaves an unneeded file and a whole log', async () => {
    let commitCount = 40
    let fs = await writeLog(commitCount)
    while (describeWal(fs, pathOf(recover(fs).last!.fileId)).frames.length < 4) {
      fs = await writeLog(++commitCount)
    }
    const newest = recover(fs).last!.fileId
    const torn = fs.afterKill()
    torn.contents(pathOf(newest)).fill(0, FRAMES_START_BYTES, FRAMES_START_BYTES + 40)
    expect(() => recover(torn)).toThrow('WAL_CORRUPT')
    // Without the later frames nobody was told that the first write was durable.
    const contents = torn.contents(pathOf(newest))
    contents.fill(0, describeWal(fs, pathOf(newest)).frames[2]!.offsetBytes)
    const recovery = recover(torn)
    expect(recovery.unneededFileIds).toContain(newest)
    expect(recovery.last!.fileId).toBeLessThan(newest)
    expect(recovery.tornBytes).toBeGreaterThan(0)
  })

  test('every damaged byte of a sealed file before its end is found', async () => {
    const fs = await writeLog(30)
    const [first, second] = recover(fs).files
    expect(second).toBeDefined()
    for (let at = 0; at < first!.endBytes; at++) {
      expect(() => recover(damage(fs, pathOf(first!.fileId), at))).toThrow('WAL_CORRUPT')
    }
    const behind = damage(fs, pathOf(first!.fileId), first!.endBytes + 3)
    expect(recover(behind).seqNums).toEqual(range(1, 30))
  })

  test('in the newest file damage is found up to the proven end, behind it the log is cut', async () => {
    const fs = await writeLog(30)
    const { last } = recover(fs)
    const { frames, provenBytes } = describeWal(fs, pathOf(last!.fileId))
    expect(provenBytes).toBe(frames.at(-1)!.offsetBytes)
    for (let at = 0; at < last!.endBytes; at++) {
      const damaged = damage(fs, pathOf(last!.fileId), at)
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
      const without = fs.afterKill()
      without.remove(pathOf(file.fileId))
      if (i === files.length - 1) {
        expect(() => recover(without, { provenHint: file })).toThrow('FILE_MISSING')
        return
      }
      expect(() => recover(without)).toThrow('FILE_MISSING')
      const recovery = recover(without, { after: file.lastSeqNum })
      expect(recovery.seqNums).toEqual(range(file.lastSeqNum + 1, 60))
      expect(recovery.unneededFileIds).toEqual(files.slice(0, i).map((f) => f.fileId))
    })
    expect(() => recover(new PowerCutFiles(), { provenHint: files[0] })).toThrow('FILE_MISSING')
    expect(recover(new PowerCutFiles())).toMatchObject({
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
    const fs = new PowerCutFiles()
    const wal = openWriter(fs, undefined, { fileBytes: 2048 })
    let seqNum = 0
    while (wal.files.length < 2) {
      append(wal, ++seqNum)
      await wal.flush()
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
    }
    const { fileId } = wal.files[1]!
    const whole = fs.contents(pathOf(fileId))
    for (let length = 0; length < whole.length; length += 7) {
      const cut = fs.afterKill()
      cut.replace(pathOf(fileId), whole.slice(0, length))
      const hint = { fileId, endBytes: wal.durable.endBytes }
      expect(() => recover(cut, { provenHint: hint })).toThrow('WAL_CORRUPT')
      if (length >= FRAMES_START_BYTES + 72) expect(() => recover(cut)).toThrow('WAL_CORRUPT')
    }
    await wal.close()
  })

  test('files of another database, renamed files and newer formats are refused', async () => {
    const fs = await writeLog(30)
    const [first, second] = recover(fs).files
    const swapped = fs.afterKill()
    swapped.replace(pathOf(first!.fileId), fs.contents(pathOf(second!.fileId)).slice())
    expect(() => recover(swapped)).toThrow('WAL_CORRUPT')
    const renamed = fs.afterKill()
    renamed.replace(pathOf(99), fs.contents(pathOf(second!.fileId)).slice())
    expect(() => recover(renamed)).toThrow('WAL_CORRUPT')
    const otherDatabase = { databaseId: new Uint8Array(16) }
    expect(() => recover(fs, otherDatabase)).not.toThrow()
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
    fs.onOperation = (operation) => {
      if (operation === 'write' || operation === 'remove') throw new Error(operation)
    }
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
    const described = describeWal(fs, `${DIRECTORY}/${walFileName(files[1]!.fileId)}`)
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
    expect(FRAME_TYPE_START).toBe(1)
    expect(encodeStart(described.start!).length).toBe(32)
  })
})
