import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { SeqNum } from '../../../dist/base/ids.js'
import type { ByteSource } from '../../../dist/codec/byte-window.js'
import {
  encodeFileHeader,
  FILE_TYPE_WAL,
  type FileIdentity,
} from '../../../dist/codec/file-header.js'
import {
  FRAME_HEADER_BYTES,
  FRAMES_START_BYTES,
  FrameBatch,
  FrameWriter,
  frameBytes,
  type ScanOptions,
  scanFrames,
} from '../../../dist/codec/frame.js'

const identity = {
  fileType: FILE_TYPE_WAL,
  databaseId: new Uint8Array(16).fill(7),
  incarnation: new Uint8Array(8).fill(9),
  fileId: 3,
  epoch: 0x12345678,
  transformId: 0,
} as FileIdentity

interface Built {
  bytes: Uint8Array
  /** Where each frame starts, and which write it was part of. */
  frames: { offsetBytes: number; group: number; payload: Uint8Array }[]
  endBytes: number
}

/** A file whose writes hold frames with payloads of these lengths; each write was synced before the next. */
function build(
  groups: readonly number[][],
  of: Partial<FileIdentity> = {},
  tailBytes = 200,
): Built {
  const header = encodeFileHeader({ ...identity, ...of } as FileIdentity)
  const writer = new FrameWriter(header)
  const parts = [header]
  const frames: Built['frames'] = []
  groups.forEach((sizes, group) => {
    const batch = new FrameBatch()
    for (const size of sizes) {
      const n = frames.length
      const payload = Uint8Array.from({ length: size }, (_, i) => (n * 31 + i * 7 + 1) & 0xff)
      frames.push({ offsetBytes: writer.offsetBytes + batch.byteCount, group, payload })
      batch.append(2, (n + 1) as SeqNum, (out) => out.raw(payload))
    }
    parts.push(writer.seal(batch).slice())
    writer.markSynced()
  })
  parts.push(new Uint8Array(tailBytes))
  return { bytes: new Uint8Array(Buffer.concat(parts)), frames, endBytes: writer.offsetBytes }
}

/** The bytes as a file gives them. */
function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: () => bytes.length,
    read(target, offsetBytes) {
      const part = bytes.subarray(offsetBytes, offsetBytes + target.length)
      target.set(part)
      return part.length
    },
  }
}

function scan(bytes: ByteSource | Uint8Array, options: ScanOptions = {}) {
  const seqNums: number[] = []
  const payloads: Uint8Array[] = []
  const result = scanFrames(bytes, options, (frame) => {
    seqNums.push(frame.seqNum)
    payloads.push(frame.payload.slice())
  })
  expect(seqNums).toEqual(seqNums.map((_, i) => i + 1))
  expect(result.frameCount).toBe(seqNums.length)
  return { ...result, payloads }
}

const GROUPS = [[5], [0, 13, 8], [64], [1, 30]]

describe('frames', () => {
  test('read back in order, with types, places and proofs', () => {
    const { bytes, frames, endBytes } = build(GROUPS)
    const seen: number[][] = []
    scanFrames(bytes, {}, (frame) => {
      seen.push([frame.offsetBytes, frame.type, frame.syncedUpToBytes])
    })
    const groupStart = (group: number) => frames.find((f) => f.group === group)!.offsetBytes
    expect(seen).toEqual(frames.map((f) => [f.offsetBytes, 2, groupStart(f.group)]))
    const result = scan(bytes)
    expect(result.payloads).toEqual(frames.map((f) => f.payload))
    expect(result).toMatchObject({ end: 'clean', endBytes, tornBytes: 0 })
    expect(result.provenBytes).toBe(groupStart(3))
  })

  test('any shape reads back', () => {
    const shape = fc.array(fc.array(fc.nat(300), { minLength: 1, maxLength: 5 }), { maxLength: 6 })
    fc.assert(
      fc.property(shape, fc.nat(3), (groups, tail) => {
        const { bytes, frames, endBytes } = build(groups, {}, tail * 8)
        const result = scan(bytes)
        expect(result.payloads).toEqual(frames.map((f) => f.payload))
        expect(result).toMatchObject({ end: 'clean', endBytes })
      }),
    )
  })

  test('a file is read in pieces as if it were all in memory', () => {
    // Frames lie across the ends of pieces, and one is larger than a piece.
    const sizes = Array.from({ length: 260 }, (_, n) => [(n * 7919) % 40_000])
    const { bytes, frames, endBytes } = build([...sizes, [5_000_000], [77]], {}, 300_000)
    const digest = (source: ByteSource | Uint8Array, options?: ScanOptions) => {
      const { payloads, ...result } = scan(source, options)
      return { ...result, checksums: payloads.map((payload) => crc32(payload)) }
    }
    expect(digest(sourceOf(bytes))).toEqual(digest(bytes))
    expect(digest(sourceOf(bytes))).toMatchObject({ end: 'clean', endBytes })
    const middle = frames[130]!.offsetBytes
    for (const [at, length] of [
      [middle, 1],
      [middle, 4_500_000],
      [frames[260]!.offsetBytes, 1],
      [frames[261]!.offsetBytes, 1],
      [endBytes + 280_001, 1],
    ] as const) {
      const damaged = bytes.slice()
      damaged.fill(damaged[at]! ^ 0xff, at, at + length)
      expect(digest(sourceOf(damaged))).toEqual(digest(damaged))
    }
    for (const limitBytes of [middle, frames[261]!.offsetBytes, endBytes]) {
      expect(digest(sourceOf(bytes), { limitBytes })).toEqual(digest(bytes, { limitBytes }))
    }
  })

  test('every truncation keeps exactly the whole frames', () => {
    const { bytes, frames, endBytes } = build(GROUPS, {}, 0)
    for (let length = FRAMES_START_BYTES; length <= bytes.length; length++) {
      const whole = frames.filter((f) => f.offsetBytes + frameBytes(f.payload.length) <= length)
      const result = scan(bytes.subarray(0, length))
      expect(result.payloads).toEqual(whole.map((f) => f.payload))
      expect(result.end).toBe(length === result.endBytes ? 'clean' : 'torn')
      const known = scan(bytes.subarray(0, length), { provenBytes: endBytes })
      expect(known.end).toBe(length === bytes.length ? 'clean' : 'corrupt')
    }
  })

  test('every flipped bit ends the log at its frame: corrupt when a later write proves it, else torn', () => {
    const { bytes, frames, endBytes } = build(GROUPS)
    const lastGroup = GROUPS.length - 1
    for (let bit = FRAMES_START_BYTES * 8; bit < endBytes * 8; bit++) {
      const damaged = bytes.slice()
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      const hit = frames.findLastIndex((f) => f.offsetBytes <= bit >> 3)
      const result = scan(damaged)
      expect(result.endBytes).toBe(frames[hit]!.offsetBytes)
      expect(result.end).toBe(frames[hit]!.group < lastGroup ? 'corrupt' : 'torn')
    }
  })

  test('flipped bits in the space behind the end change nothing but the judgement', () => {
    const { bytes, frames, endBytes } = build(GROUPS, {}, 64)
    for (let bit = endBytes * 8; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice()
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      expect(scan(damaged)).toMatchObject({ end: 'torn', endBytes, frameCount: frames.length })
    }
  })

  test('a lost frame is corruption once a later write was made behind its sync, else a torn write', () => {
    const { bytes, frames } = build(GROUPS)
    for (const { offsetBytes, payload, group } of frames) {
      const lost = bytes.slice()
      lost.fill(0, offsetBytes, offsetBytes + frameBytes(payload.length))
      const expected =
        group < GROUPS.length - 1
          ? 'corrupt'
          : offsetBytes === frames.at(-1)!.offsetBytes
            ? 'clean'
            : 'torn'
      expect(scan(lost)).toMatchObject({ end: expected, endBytes: offsetBytes })
    }
  })

  test('frames of another file in the same place never count', () => {
    const other = build([[40], [8, 8], [100], [3], [77]], { epoch: 0x99345678 })
    const sameEpoch = build([[40], [8, 8], [100], [3], [77]], {
      fileId: 4,
    } as Partial<FileIdentity>)
    for (const stale of [other, sameEpoch]) {
      for (let keep = 0; keep <= GROUPS.length; keep++) {
        const { bytes, endBytes, frames } = build(GROUPS.slice(0, keep), {}, 0)
        const mixed = stale.bytes.slice(0, stale.endBytes)
        mixed.set(bytes.subarray(0, Math.min(endBytes, mixed.length)))
        const fits = frames.filter(
          (f) => f.offsetBytes + frameBytes(f.payload.length) <= mixed.length,
        )
        expect(scan(mixed)).toMatchObject({ frameCount: fits.length, end: 'torn' })
      }
    }
  })

  test('the same frame elsewhere in its own file does not count', () => {
    const { bytes, frames } = build([[8], [8], [8]])
    const moved = bytes.slice()
    const length = frameBytes(8)
    moved.copyWithin(
      frames[1]!.offsetBytes,
      frames[2]!.offsetBytes,
      frames[2]!.offsetBytes + length,
    )
    expect(scan(moved)).toMatchObject({ end: 'corrupt', endBytes: frames[1]!.offsetBytes })
  })

  test('nothing at or behind the limit is looked at', () => {
    const { bytes, frames } = build(GROUPS)
    for (const { offsetBytes } of frames) {
      const before = frames.filter((f) => f.offsetBytes < offsetBytes).length
      const exact = scan(bytes, { limitBytes: offsetBytes, provenBytes: offsetBytes })
      expect(exact).toMatchObject({ endBytes: offsetBytes, frameCount: before })
      expect(exact.end).not.toBe('corrupt')
      const inside = scan(bytes, { limitBytes: offsetBytes + 8, provenBytes: offsetBytes + 8 })
      expect(inside).toMatchObject({ end: 'corrupt', endBytes: offsetBytes })
    }
  })

  test('zeros everywhere are a clean, empty log', () => {
    const { bytes } = build([], {}, 300_000)
    expect(scan(bytes)).toMatchObject({ end: 'clean', endBytes: FRAMES_START_BYTES, frameCount: 0 })
    expect(scan(bytes.subarray(0, FRAMES_START_BYTES))).toMatchObject({ end: 'clean' })
    expect(scan(bytes, { provenBytes: FRAMES_START_BYTES + 1 }).end).toBe('corrupt')
    bytes[299_000] = 1
    expect(scan(bytes)).toMatchObject({ end: 'torn', tornBytes: 299_001 - FRAMES_START_BYTES })
  })

  test('a payload that cannot be encoded leaves the batch as it was', () => {
    const batch = new FrameBatch()
    batch.append(2, 1 as SeqNum, (out) => out.raw(Uint8Array.of(1, 2, 3)))
    const { byteCount } = batch
    const failing = () =>
      batch.append(2, 2 as SeqNum, (out) => {
        out.raw(new Uint8Array(5000))
        throw new Error('of the test')
      })
    expect(failing).toThrow('of the test')
    expect([batch.byteCount, batch.frameCount]).toEqual([byteCount, 1])
    batch.append(2, 2 as SeqNum, (out) => out.raw(Uint8Array.of(4)))
    const header = encodeFileHeader(identity)
    const sealed = new FrameWriter(header).seal(batch)
    const { payloads } = scan(new Uint8Array(Buffer.concat([header, sealed])))
    expect(payloads).toEqual([Uint8Array.of(1, 2, 3), Uint8Array.of(4)])
  })

  test('a batch is sealed for another place after it was sealed for one', () => {
    const batch = new FrameBatch()
    const payload = Uint8Array.from([1, 2, 3])
    batch.append(2, 1 as SeqNum, (out) => out.raw(payload, 1, 3))
    const header = encodeFileHeader(identity)
    new FrameWriter(encodeFileHeader({ ...identity, epoch: 5 })).seal(batch)
    const sealed = new FrameWriter(header).seal(batch)
    expect(sealed.length).toBe(FRAME_HEADER_BYTES + 8)
    const bytes = new Uint8Array(Buffer.concat([header, sealed]))
    expect(scan(bytes).payloads).toEqual([Uint8Array.from([2, 3])])
  })
})
