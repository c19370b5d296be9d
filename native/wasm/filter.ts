// The blocked Bloom filter of sstable/filter.ts, which draws its bytes.

const LINE_BYTES_SHIFT: usize = 6
const PROBE_COUNT: i32 = 6
const GOLDEN: u32 = 0x9e3779b9

/** murmur3 fmix32. */
@inline
function mix(hash: u32): u32 {
  let h = hash
  h ^= h >>> 16
  h *= 0x85ebca6b
  h ^= h >>> 13
  h *= 0xc2b2ae35
  return h ^ (h >>> 16)
}

@inline
function lineOf(filter: usize, lineCount: u32, hash: u32): usize {
  return filter + ((((hash as u64) * (lineCount as u64)) >>> 32) as usize << LINE_BYTES_SHIFT)
}

/** Adds so many hashes of four bytes each to a filter, which begins as zeros. */
export function filterBuild(filter: usize, lineCount: u32, hashes: usize, count: usize): void {
  for (const end = hashes + (count << 2); hashes < end; hashes += 4) {
    const hash = load<u32>(hashes)
    const line = lineOf(filter, lineCount, hash)
    let h = mix(hash)
    for (let i = 0; i < PROBE_COUNT; i++) {
      const word = line + (((h >>> 28) as usize) << 2)
      store<u32>(word, load<u32>(word) | (1 << ((h >>> 23) & 31)))
      h *= GOLDEN
    }
  }
}

/** False when no key with this hash was added. */
export function filterMayContain(filter: usize, lineCount: u32, hash: u32): bool {
  const line = lineOf(filter, lineCount, hash)
  let h = mix(hash)
  for (let i = 0; i < PROBE_COUNT; i++) {
    const word = load<u32>(line + (((h >>> 28) as usize) << 2))
    if ((word & (1 << ((h >>> 23) & 31))) == 0) return false
    h *= GOLDEN
  }
  return true
}
