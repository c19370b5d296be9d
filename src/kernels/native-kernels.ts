// The kernels of native/, a library that somebody built for this machine: `npm run build:native`, or a package for the
// platform beside this one. Where there is none, or one of other sources, nothing is missing but speed.

import { createRequire } from 'node:module'

import type { Kernels } from './kernels.js'

/** That of native/src/lib.rs. */
const INTERFACE_VERSION = 1

/** A data block as it is stored. */
export interface StoredBlock {
  readonly codecId: number
  readonly bytes: Uint8Array
  readonly rawBytes: number
}

export interface MergeOptions {
  /** How long a block may become. */
  readonly blockBytes: number
  /** The first 8 bytes of all keys, which blocks leave out. */
  readonly tenantPrefix: Uint8Array
  /** What checksums of the file begin with, and where in it the first block will lie. */
  readonly placeSeed: number
  readonly offsetBytes: number
}

/** Blocks one behind the other, what an index says of each, and the filter over their keys. */
export interface MergedBlocks {
  readonly entryCount: number
  readonly bytes: Uint8Array
  readonly storedBytes: Uint32Array
  readonly rawBytes: Uint32Array
  readonly codecIds: Uint8Array
  readonly checksums: Uint32Array
  readonly filter: Uint8Array
}

/** What native/src/lib.rs exports. */
interface NativeLibrary {
  interfaceVersion(): number
  lz4Compress(raw: Uint8Array): Uint8Array
  lz4Decompress(packed: Uint8Array, rawBytes: number): Uint8Array
  crc32(bytes: Uint8Array, seed: number): number
  filterBuild(filter: Uint8Array, hashes: Uint32Array): void
  mergeBlocks(runs: readonly (readonly StoredBlock[])[], options: MergeOptions): MergedBlocks | null
}

export class NativeKernels implements Kernels {
  readonly kind = 'native'
  readonly #library: NativeLibrary

  /** @returns undefined where there is no library that fits */
  static load(): NativeKernels | undefined {
    const require = createRequire(import.meta.url)
    for (const name of libraryNames()) {
      try {
        const library = require(name) as NativeLibrary
        if (library.interfaceVersion() === INTERFACE_VERSION) return new NativeKernels(library)
      } catch {
        // Not there, or for another machine; stats() say what runs instead.
      }
    }
    return undefined
  }

  private constructor(library: NativeLibrary) {
    this.#library = library
  }

  lz4Compress(raw: Uint8Array): Uint8Array {
    return this.#library.lz4Compress(raw)
  }

  lz4Decompress(packed: Uint8Array, rawBytes: number): Uint8Array {
    return this.#library.lz4Decompress(packed, rawBytes)
  }

  /** The function of codec/checksum.ts. */
  crc32(bytes: Uint8Array, seed: number): number {
    return this.#library.crc32(bytes, seed)
  }

  filterBuild(filter: Uint8Array, hashes: Uint32Array): void {
    this.#library.filterBuild(filter, hashes)
  }

  /**
   * Merges runs of main blocks of one tenant, each in order, into one run, to the bytes that a compaction writes which can
   * take no block over.
   *
   * @returns undefined when a key comes twice or is deleted: that takes the rules of a compaction
   * @throws Error when a block is damaged
   */
  mergeBlocks(
    runs: readonly (readonly StoredBlock[])[],
    options: MergeOptions,
  ): MergedBlocks | undefined {
    return this.#library.mergeBlocks(runs, options) ?? undefined
  }
}

/** A package for the platform, then what was built here; of Linux both C libraries, of which one can be loaded. */
function libraryNames(): string[] {
  const { platform, arch } = process
  const libraries =
    platform === 'linux' ? ['-gnu', '-musl'] : platform === 'win32' ? ['-msvc'] : ['']
  const targets = libraries.map((library) => `${platform}-${arch}${library}`)
  return [
    ...targets.map((target) => `tabularium-kernels-${target}`),
    ...targets.map((target) => `../../native/npm/${target}/kernels.node`),
  ]
}
