// Block compression. A compressed block is what lz4 calls a block with its raw length in front (u32 little-endian);
// which codec a block has, and its raw length, is stored by whoever points to it.

import { kernels, unpackingKernels } from '../kernels/chosen-kernels.js'
import { loadU32 } from './bytes.js'

/** Stored as it is. */
export const CODEC_NONE = 0
/** LZ4 block format behind a u32 of the raw length. */
export const CODEC_LZ4 = 1

/** Stored bytes that cannot be what compress() made. Callers turn it into their own corrupt error. */
export class BadCompression extends Error {
  constructor(what: string, cause?: unknown) {
    super(what, cause === undefined ? undefined : { cause })
    this.name = 'BadCompression'
  }
}

export interface CompressedBytes {
  readonly codecId: number
  readonly bytes: Uint8Array
}

/** Compresses when that saves at least an eighth; otherwise returns the argument itself. */
export function compress(bytes: Uint8Array): CompressedBytes {
  const packed = kernels().lz4Compress(bytes)
  if (packed.length > bytes.length - (bytes.length >>> 3)) return { codecId: CODEC_NONE, bytes }
  return { codecId: CODEC_LZ4, bytes: packed }
}

/**
 * Undoes compress(). Never produces or allocates more than `rawBytes`.
 *
 * @throws BadCompression
 */
export function decompress(codecId: number, bytes: Uint8Array, rawBytes: number): Uint8Array {
  if (codecId === CODEC_NONE) {
    if (bytes.length === rawBytes) return bytes
    throw new BadCompression(`stored block has ${bytes.length} bytes, not ${rawBytes}`)
  }
  if (codecId !== CODEC_LZ4) throw new BadCompression(`unknown codec ${codecId}`)
  // The decoder allocates what the prefix says: check it first.
  if (bytes.length < 4 || loadU32(bytes, 0) !== rawBytes) {
    throw new BadCompression('compressed block disagrees about its raw length')
  }
  try {
    return unpackingKernels().lz4Decompress(bytes, rawBytes)
  } catch (cause) {
    throw new BadCompression('lz4 block is damaged', cause)
  }
}
