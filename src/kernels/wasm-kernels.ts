// The kernels of native/wasm, compiled into kernels/wasm-module.ts. The module's memory:
//
//   offset  bytes     what
//        0   8 KiB    tables of the checksum
//    8 KiB  16 KiB    hash table of the compressor
//   32 KiB  to 3 MiB  what a call is given and gives, one behind the other
//
// It is all there from the beginning, as address space until it is touched: a call never has to ask for memory.

import { invariant } from '../base/assert.js'
import { KiB, MiB } from '../base/limits.js'
import { IS_LITTLE_ENDIAN } from './bytes.js'
import { filterRangeF64, sumF64 } from './columns.js'
import { FILTER_LINE_BYTES } from './filter.js'
import type { Kernels } from './kernels.js'
import { TYPESCRIPT_KERNELS } from './typescript-kernels.js'
import { WASM_MODULE } from './wasm-module.js'

const CHECKSUM_TABLES = 0
const LZ4_TABLE = 8 * KiB
const DATA = 32 * KiB
const MEMORY_BYTES = 3 * MiB
/** Copies run over by less than this. */
const SLACK_BYTES = 64
/** Blocks beyond this are rare, and left to the others. */
const BLOCK_MAX_BYTES = MiB
/** Values of 8 bytes, and places of 4. */
const COLUMN_MAX_COUNT = 128 * KiB
/** Of 4 bytes. */
const HASHES_MAX_COUNT = 256 * KiB
const LENGTH_BYTES = 4

/** What native/wasm/index.ts exports; numbers are addresses, lengths, counts. */
interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  lz4Compress(input: number, length: number, output: number, table: number): number
  lz4Decompress(input: number, length: number, output: number, outputBytes: number): number
  crc32Tables(tables: number): void
  crc32(input: number, length: number, seed: number, tables: number): number
  filterBuild(filter: number, lineCount: number, hashes: number, count: number): void
  filterMayContain(filter: number, lineCount: number, hash: number): number
  compareBytes(a: number, aBytes: number, b: number, bBytes: number): number
  blockKeyStarts(block: number, blockBytes: number, starts: number): number
  blockLowerBound(
    block: number,
    blockBytes: number,
    starts: number,
    key: number,
    keyBytes: number,
    seqNum: bigint,
  ): number
  filterRangeF64(values: number, count: number, low: number, high: number, places: number): number
  sumF64(values: number, count: number): number
}

/** Of WebAssembly as much as is needed; the types of Node leave it to those of browsers. */
interface WasmRuntime {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: object }
}

export class WasmKernels implements Kernels {
  readonly kind = 'wasm'
  readonly #exports: WasmExports
  readonly #memory: Uint8Array

  /**
   * @returns undefined where there is no WebAssembly with SIMD, no address space for its memory, or another order of bytes:
   * numbers are copied as they lie
   */
  static load(): WasmKernels | undefined {
    const runtime = (globalThis as { WebAssembly?: WasmRuntime }).WebAssembly
    if (runtime === undefined || !IS_LITTLE_ENDIAN) return undefined
    try {
      const module = new runtime.Module(Buffer.from(WASM_MODULE, 'base64'))
      return new WasmKernels(new runtime.Instance(module).exports as WasmExports)
    } catch {
      // The package works without; stats() say so.
      return undefined
    }
  }

  private constructor(exports: WasmExports) {
    this.#exports = exports
    this.#memory = new Uint8Array(exports.memory.buffer)
    invariant(this.#memory.length === MEMORY_BYTES, 'the memory is laid out for its size')
    exports.crc32Tables(CHECKSUM_TABLES)
  }

  lz4Compress(raw: Uint8Array): Uint8Array {
    const { length } = raw
    if (length > BLOCK_MAX_BYTES) return TYPESCRIPT_KERNELS.lz4Compress(raw)
    const output = this.#put(raw, DATA)
    const packedBytes = this.#exports.lz4Compress(DATA, length, output + LENGTH_BYTES, LZ4_TABLE)
    const memory = this.#memory
    memory[output] = length
    memory[output + 1] = length >>> 8
    memory[output + 2] = length >>> 16
    memory[output + 3] = length >>> 24
    return memory.slice(output, output + LENGTH_BYTES + packedBytes)
  }

  lz4Decompress(packed: Uint8Array, rawBytes: number): Uint8Array {
    if (packed.length > BLOCK_MAX_BYTES || rawBytes > BLOCK_MAX_BYTES) {
      return TYPESCRIPT_KERNELS.lz4Decompress(packed, rawBytes)
    }
    const output = this.#put(packed, DATA)
    const [input, length] = [DATA + LENGTH_BYTES, packed.length - LENGTH_BYTES]
    if (this.#exports.lz4Decompress(input, length, output, rawBytes) === 0) {
      throw new Error(`the block does not decompress to ${rawBytes} bytes`)
    }
    return this.#memory.slice(output, output + rawBytes)
  }

  /** The function of codec/checksum.ts. */
  crc32(bytes: Uint8Array, seed: number): number {
    this.#put(bytes, DATA)
    return this.#exports.crc32(DATA, bytes.length, seed, CHECKSUM_TABLES) >>> 0
  }

  filterBuild(filter: Uint8Array, hashes: Uint32Array): void {
    if (filter.length > BLOCK_MAX_BYTES) {
      TYPESCRIPT_KERNELS.filterBuild(filter, hashes)
      return
    }
    const at = this.#put(filter, DATA)
    for (let first = 0; first < hashes.length; first += HASHES_MAX_COUNT) {
      const some = hashes.subarray(first, first + HASHES_MAX_COUNT)
      this.#put(bytesOf(some), at)
      this.#exports.filterBuild(DATA, filter.length / FILTER_LINE_BYTES, at, some.length)
    }
    filter.set(this.#memory.subarray(DATA, DATA + filter.length))
  }

  /** Puts a filter into the memory; the answer says of a hash what filterMayContain of sstable/filter.ts does. */
  filterProbe(filter: Uint8Array): (hash: number) => boolean {
    this.#put(filter, DATA)
    const { filterMayContain } = this.#exports
    const lineCount = filter.length / FILTER_LINE_BYTES
    return (hash) => filterMayContain(DATA, lineCount, hash) !== 0
  }

  compareBytes(a: Uint8Array, b: Uint8Array): number {
    const at = this.#put(a, DATA)
    this.#put(b, at)
    return this.#exports.compareBytes(DATA, a.length, at, b.length)
  }

  /** Puts a sound data block into the memory; the answer finds the first entry at or after (rest of key, seqNum). */
  blockSearch(block: Uint8Array): (rest: Uint8Array, seqNum: number) => number {
    const starts = this.#put(block, DATA)
    const { blockKeyStarts, blockLowerBound } = this.#exports
    const entryCount = blockKeyStarts(DATA, block.length, starts)
    const key = starts + 4 * (entryCount + 1)
    return (rest, seqNum) => {
      this.#put(rest, key)
      return blockLowerBound(DATA, block.length, starts, key, rest.length, BigInt(seqNum))
    }
  }

  /** The places of the values in low..high, both included. */
  filterRangeF64(values: Float64Array, low: number, high: number): Uint32Array {
    if (values.length > COLUMN_MAX_COUNT) return filterRangeF64(values, low, high)
    const at = this.#put(bytesOf(values), DATA)
    const count = this.#exports.filterRangeF64(DATA, values.length, low, high, at)
    return new Uint32Array(this.#memory.buffer.slice(at, at + 4 * count))
  }

  sumF64(values: Float64Array): number {
    if (values.length > COLUMN_MAX_COUNT) return sumF64(values)
    this.#put(bytesOf(values), DATA)
    return this.#exports.sumF64(DATA, values.length)
  }

  /** Copies to an address; returns where the next may lie. */
  #put(bytes: Uint8Array, at: number): number {
    const end = at + bytes.length + SLACK_BYTES
    invariant(end <= MEMORY_BYTES, 'what a kernel is given fits its memory')
    this.#memory.set(bytes, at)
    return end + (-end & 7)
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
