// The kernels in WebAssembly, as functions over addresses of the module's memory; src/kernels/wasm-kernels.ts lays that
// out. Compiled by `npm run build:kernels` into src/kernels/wasm-module.ts.

export { crc32, crc32Tables } from './checksum'
export { filterRangeF64, sumF64 } from './columns'
export { filterBuild, filterMayContain } from './filter'
export { blockKeyStarts, blockLowerBound, compareBytes } from './keys'
export { lz4Compress, lz4Decompress } from './lz4'
