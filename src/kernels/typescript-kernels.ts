import type * as Lz4 from 'lz4-napi'
import { createRequire } from 'node:module'

import { addToFilter } from './filter.js'
import type { Kernels } from './kernels.js'

let loaded: typeof Lz4 | undefined

/** Loaded with the first block: required, because an import would read all of the package for what it exports. */
function lz4(): typeof Lz4 {
  loaded ??= createRequire(import.meta.url)('lz4-napi') as typeof Lz4
  return loaded
}

/** What needs nothing but the package's dependencies. */
export const TYPESCRIPT_KERNELS: Kernels = {
  kind: 'typescript',

  lz4Compress(raw) {
    return plainArray(lz4().compressSync(Buffer.from(raw.buffer, raw.byteOffset, raw.length)))
  },

  lz4Decompress(packed, rawBytes) {
    const raw = lz4().uncompressSync(packed)
    if (raw.length === rawBytes) return plainArray(raw)
    throw new Error(`the block decompresses to ${raw.length} bytes, not ${rawBytes}`)
  },

  filterBuild: addToFilter,
}

/** The slice() of a Buffer is a view: a copy of a value would lead back into the cached block. */
function plainArray(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
