import { crc32 } from 'node:zlib'

/** The header as a version with a feature that this one does not know would write it. */
export function encodeHeaderAgain(header: Uint8Array): Uint8Array {
  const later = header.slice()
  const view = new DataView(later.buffer)
  view.setUint32(52, 0x8000_0000, true)
  view.setUint32(60, crc32(later.subarray(0, 60)), true)
  return later
}
