// CRC-32 (IEEE) over byte ranges. Files use it bound to a place: see placedChecksum in codec/file-header.ts.

import { crc32 as nativeCrc32 } from 'node:zlib'

/** Below this many bytes the table loop beats a subarray and a call into the runtime. */
const SHORT_BYTES = 64

const TABLE = new Uint32Array(256)
for (let i = 0; i < 256; i++) {
  let c = i
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  TABLE[i] = c
}

/** CRC-32 of a byte range, continuing from `seed`; of no bytes it is the seed (zlib.crc32 says 0). */
export function crc32(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  if (end - start >= SHORT_BYTES) {
    const isWhole = start === 0 && end === bytes.length
    return nativeCrc32(isWhole ? bytes : bytes.subarray(start, end), seed)
  }
  let c = ~seed
  for (let i = start; i < end; i++) c = TABLE[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8)
  return ~c >>> 0
}
