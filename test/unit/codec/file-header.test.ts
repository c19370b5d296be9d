import { describe, expect, test } from 'vitest'

import { crc32 } from '../../../dist/codec/checksum.js'
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  FILE_TYPE_SSTABLE,
  FILE_TYPE_WAL,
  type FileIdentity,
  FORMAT_VERSION,
  placedChecksum,
  placeSeedOf,
} from '../../../dist/codec/file-header.js'

const identity = {
  fileType: FILE_TYPE_WAL,
  databaseId: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  incarnation: Uint8Array.from({ length: 8 }, (_, i) => 0xf0 + i),
  fileId: 2 ** 40 + 7,
  epoch: 0xdeadbeef,
  transformId: 0,
} as FileIdentity
const expected = {
  path: 'd/000007.wal',
  fileType: FILE_TYPE_WAL,
  corruptCode: 'WAL_CORRUPT',
  databaseId: identity.databaseId,
  fileId: identity.fileId,
} as const

/** Changes bytes and makes the checksum right again: a header of another version, not a damaged one. */
function altered(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = encodeFileHeader(identity)
  change(bytes)
  new DataView(bytes.buffer).setUint32(60, crc32(bytes, 0, 60), true)
  return bytes
}

describe('file header', () => {
  test('reads back', () => {
    const bytes = encodeFileHeader(identity)
    expect(bytes.length).toBe(FILE_HEADER_BYTES)
    expect(decodeFileHeader(bytes, expected)).toEqual({
      ...identity,
      formatVersion: FORMAT_VERSION,
    })
  })

  test('every flipped bit and every truncation is found', () => {
    const bytes = encodeFileHeader(identity)
    for (let bit = 0; bit < FILE_HEADER_BYTES * 8; bit++) {
      const damaged = bytes.slice()
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => decodeFileHeader(damaged, expected)).toThrow('WAL_CORRUPT')
    }
    for (let length = 0; length < FILE_HEADER_BYTES; length++) {
      expect(() => decodeFileHeader(bytes.subarray(0, length), expected)).toThrow('WAL_CORRUPT')
    }
  })

  test('a file of another type, database or number is not taken', () => {
    const bytes = encodeFileHeader(identity)
    const decode = (change: object) => () => decodeFileHeader(bytes, { ...expected, ...change })
    expect(decode({ fileType: FILE_TYPE_SSTABLE })).toThrow('file type')
    expect(decode({ databaseId: new Uint8Array(16) })).toThrow('another database')
    expect(decode({ fileId: 8 })).toThrow('names file')
    expect(decode({ databaseId: undefined, fileId: undefined })).not.toThrow()
  })

  test.each([
    ['formatVersion', 8, FORMAT_VERSION + 1],
    ['checksumType', 11, 2],
    ['transformId', 48, 1],
    ['incompatibleBits', 52, 1],
    ['headerBytes', 56, 128],
  ])('a newer %s is refused as unsupported, with need and have', (what, at, value) => {
    const bytes = altered((b) => {
      b[at] = value
    })
    expect(() => decodeFileHeader(bytes, expected)).toThrow(
      expect.objectContaining({
        code: 'FORMAT_UNSUPPORTED',
        details: expect.objectContaining({ what, need: value }),
      }),
    )
  })

  test('a placed checksum depends on offset, file, database, incarnation and epoch', () => {
    const bytes = Uint8Array.from([1, 2, 3])
    const seed = placeSeedOf(encodeFileHeader(identity))
    const sums = [placedChecksum(seed, 64, bytes), placedChecksum(seed, 64 + 2 ** 32, bytes)]
    for (const change of [
      { epoch: 1 },
      { fileId: 9 },
      { databaseId: new Uint8Array(16) },
      { incarnation: new Uint8Array(8) },
    ]) {
      const other = encodeFileHeader({ ...identity, ...change } as FileIdentity)
      sums.push(placedChecksum(placeSeedOf(other), 64, bytes))
    }
    expect(new Set(sums).size).toBe(sums.length)
    expect(placedChecksum(seed, 64, Uint8Array.from([0, 1, 2, 3, 0]), 1, 4)).toBe(sums[0])
  })
})
