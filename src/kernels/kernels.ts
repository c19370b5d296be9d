// Hot loops over whole blocks, each in up to three forms that give the same bytes: TypeScript, with a package for LZ4, which
// always works; WebAssembly, whose bytes are part of the package; native, where somebody built native/. Which one runs:
// kernels/chosen-kernels.ts. What is called per key or entry stays in TypeScript (kernels/bytes.ts): a call into either of
// the others costs more than such a loop, see docs/decisions/0017-kernels.md.

export type KernelKind = 'typescript' | 'wasm' | 'native'

export interface Kernels {
  readonly kind: KernelKind
  /** The LZ4 block of these bytes behind a u32 of their number (little-endian). */
  lz4Compress(raw: Uint8Array): Uint8Array
  /**
   * Undoes lz4Compress.
   *
   * @param rawBytes  what the prefix of `packed` says; the caller has compared the two
   * @throws Error when the block is damaged
   */
  lz4Decompress(packed: Uint8Array, rawBytes: number): Uint8Array
  /** Adds hashes to a filter of whole lines (sstable/filter.ts). */
  filterBuild(filter: Uint8Array, hashes: Uint32Array): void
}
