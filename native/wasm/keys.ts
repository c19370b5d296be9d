// Comparing keys, and finding one in a data block (sstable/format.ts) that lies in this memory.

const VERSION_BYTES: usize = 8
const TRAILER_BYTES: usize = 16
const ENTRY_COUNT_MASK: u32 = 0x7fff_ffff

/** Orders two byte ranges like memcmp, a shorter prefix first. Negative, zero or positive. */
export function compareBytes(a: usize, aBytes: usize, b: usize, bBytes: usize): i32 {
  const end = a + min(aBytes, bBytes)
  while (a + 16 <= end) {
    const equal = i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)))
    if (equal != 0xffff) {
      const at = ctz(~equal) as usize
      return (load<u8>(a + at) as i32) - (load<u8>(b + at) as i32)
    }
    a += 16
    b += 16
  }
  while (a < end) {
    const difference = (load<u8>(a++) as i32) - (load<u8>(b++) as i32)
    if (difference != 0) return difference
  }
  return (aBytes as i32) - (bBytes as i32)
}

/**
 * Puts down where the keys of a block go on behind its prefix, and where the last ends: four bytes each, counted from the
 * start of the block.
 *
 * @returns how many entries the block has
 */
export function blockKeyStarts(block: usize, blockBytes: usize, starts: usize): u32 {
  const trailer = block + blockBytes - TRAILER_BYTES
  const prefixBytes = load<u32>(trailer)
  const keysBytes = load<u32>(trailer, 4)
  const valuesBytes = load<u32>(trailer, 8)
  const entryCount = load<u32>(trailer, 12) & ENTRY_COUNT_MASK
  const versions = block + ((valuesBytes + prefixBytes + keysBytes) as usize)
  let lengths = versions + (entryCount as usize) * VERSION_BYTES
  let start = valuesBytes + prefixBytes
  for (let i: u32 = 0; i < entryCount; i++) {
    store<u32>(starts + ((i as usize) << 2), start)
    let length: u32 = 0
    let shift: u32 = 0
    let byte: u32
    do {
      byte = load<u8>(lengths++)
      length |= (byte & 0x7f) << shift
      shift += 7
    } while (byte & 0x80)
    start += length
  }
  store<u32>(starts + ((entryCount as usize) << 2), start)
  return entryCount
}

/** The first entry at or after (rest of key, seqNum); the number of entries when all are before. */
export function blockLowerBound(
  block: usize,
  blockBytes: usize,
  starts: usize,
  key: usize,
  keyBytes: usize,
  seqNum: u64,
): u32 {
  const trailer = block + blockBytes - TRAILER_BYTES
  const prefixBytes = load<u32>(trailer) as usize
  const prefix = block + (load<u32>(trailer, 8) as usize)
  const versions = prefix + prefixBytes + (load<u32>(trailer, 4) as usize)
  const entryCount = load<u32>(trailer, 12) & ENTRY_COUNT_MASK
  const order = compareBytes(prefix, prefixBytes, key, min(keyBytes, prefixBytes))
  if (order != 0) return order < 0 ? entryCount : 0
  key += prefixBytes
  keyBytes -= prefixBytes
  let low: u32 = 0
  let high = entryCount
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = starts + ((middle as usize) << 2)
    const start = load<u32>(at)
    const difference = compareBytes(
      block + (start as usize),
      (load<u32>(at, 4) - start) as usize,
      key,
      keyBytes,
    )
    const version = load<u64>(versions + (middle as usize) * VERSION_BYTES)
    if (difference < 0 || (difference == 0 && (version & 0xff_ffff_ffff_ffff) > seqNum)) {
      low = middle + 1
    } else {
      high = middle
    }
  }
  return low
}
